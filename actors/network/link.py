"""A link: one node's end of a connection to another node, with its pending requests.

A link opens a session with the other node's current incarnation when it first sends, and a new one after that has
broken. Within a session requests and responses keep their order. A request that isn't answered within its time breaks
the session, as a client closes a connection that times out: all its requests end in ``Disconnected``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.network.channel_messages import ChannelClosed, Requested
from actors.network.network import Network, Path
from actors.runtime.limits import REQUEST_TIMEOUT_MS as REQUEST_TIMEOUT_MS
from actors.runtime.timers import Alarm
from kstore.errors import ErrorCategory, KafkaError

if TYPE_CHECKING:
    from actors.runtime.node import Node
    from actors.runtime.queue import Reply
    from kstore.schema.struct import Message


class Disconnected(KafkaError):
    """The link broke or could not be opened; it isn't known whether the request was carried out."""

    code = -1
    name = "DISCONNECTED"
    category = ErrorCategory.RETRIABLE


class Misrouted(Disconnected):
    """The connection reached another node than the intended one; nothing was sent on it (KIP-1242)."""


class LinkSession:
    """One opening of a link: the channel that the other node's connection answers to."""

    def __init__(self, net: Network, link: Link, server: Node) -> None:
        self.net = net
        self.link = link
        self.client = link.node
        self.server = server
        self.inward = Path(link.node.node_id, server.node_id)
        self.outward = Path(server.node_id, link.node.node_id)
        self.in_flight: dict[int, tuple[Reply, int, type]] = {}  # correlation id: reply, deadline_us, answer's class
        self.correlation_id = 0
        self.alarm = Alarm(net.world.timers, 1, self._overdue)
        self.connection: Any = None
        self.client_knows = False  # that the session is over
        self.server_knows = False
        net.opened(self)

    def send(self, request: Message, version: int, reply: Reply, timeout_ms: float) -> None:
        """Send a request; its answer, or ``Disconnected``, goes to ``reply``."""
        self.correlation_id += 1
        now_us = self.net.world.clock.now_us()
        deadline_us = now_us + round(timeout_ms * 1000)
        self.in_flight[self.correlation_id] = (reply, deadline_us, type(request))
        if deadline_us < self.alarm.due:
            self.alarm.at(deadline_us, now_us)
        self.net.carry(self.inward, self._deliver, self.correlation_id, request, version)

    def tell(self, request: Message, version: int) -> None:
        """Send a request that is never answered."""
        self.correlation_id += 1
        self.net.carry(self.inward, self._deliver, self.correlation_id, request, version)

    def _overdue(self) -> None:
        self.alarm.rang()
        if not self.in_flight:
            return
        now_us = self.net.world.clock.now_us()
        first_deadline_us = min(entry[1] for entry in self.in_flight.values())
        if first_deadline_us > now_us:
            self.alarm.by(first_deadline_us, now_us)
        else:
            self.close()

    def close(self) -> None:
        """Close from the client's end: sent requests may still arrive, but no response will."""
        self.net.carry(self.inward, self.server_lost)
        self.lost()

    def lost(self) -> None:
        """Tell the client that the session is over."""
        in_flight, self.in_flight = self.in_flight, {}
        if in_flight:
            world, ends = self.net.world, f"{self.client.name} {self.server.name}"
            world.recorder.note(0, "LinkBroken", world.queue.current, ends, len(in_flight))
        self.forget()
        for reply, _, _ in in_flight.values():
            reply.fail(Disconnected(f"the link to node {self.server.node_id} broke"))

    def forget(self) -> None:
        """Drop the client's end: nothing more comes to it."""
        self.outward.closed = True
        self.in_flight.clear()
        self.alarm.stop()
        if self.link.session is self:
            self.link.session = None
        self.client_knows = True
        self._settle()

    def _settle(self) -> None:
        if self.client_knows and (self.server_knows or not self.server.alive):
            self.net.closed(self)

    def _answered(self, correlation_id: int, response: Message) -> None:
        entry = self.in_flight.pop(correlation_id, None)
        if entry is not None:
            entry[0].set(response)

    def _deliver(self, correlation_id: int, request: Message, version: int) -> None:
        if self.server.alive:
            self.connection.tell(Requested(correlation_id, request, version, self.link.client_id))
        elif not self.client_knows:
            self.abort()  # no node has this connection: the machine resets it

    def server_lost(self) -> None:
        """Tell the server's end that the client has gone."""
        self.inward.closed = True
        self.server_knows = True
        self._settle()
        if self.server.alive:
            self.connection.tell(ChannelClosed())

    def respond(self, correlation_id: int, response: Message, version: int) -> None:
        """Send an answer back; called by the server's connection."""
        net = self.net
        if net.wire:
            try:
                response = net.through_wire(response, version)
            except (OSError, EOFError):  # the log was cut or deleted meanwhile: the answer is void
                self.abort()
                return
        net.carry(self.outward, self._answered, correlation_id, response)

    def abort(self) -> None:
        """Close the server's connection; the client sees a broken link."""
        self.inward.closed = True
        self.server_knows = True
        self.net.carry(self.outward, self.lost)

    is_backed_up = False  # a node always reads its responses

    def tell_when_taken(self) -> None:
        """As ``Channel.tell_when_taken``; there is never anything to wait for."""

    def request_done(self, size_bytes: int) -> None:
        """As ``Channel.request_done``; requests of links have no frames."""

    def pause_reading(self) -> None:
        """Do nothing: on links between nodes the sender limits itself (one fetch in flight, one heartbeat,
        and so on).
        """

    def resume_reading(self) -> None:
        """See ``pause_reading``."""


class Link:
    """A link to another node. ``listener`` is "broker" between nodes and "client" for a simulated client."""

    def __init__(
        self, net: Network, node: Node, node_id: int, listener: str = "broker", client_id: str | None = None
    ) -> None:
        self.net = net
        self.node = node
        self.node_id = node_id
        self.listener = listener
        self.client_id = f"node-{node.name}" if client_id is None else client_id
        self.session: LinkSession | None = None

    def send(
        self, request: Message, reply: Reply, *, version: int | None = None, timeout_ms: float = REQUEST_TIMEOUT_MS
    ) -> None:
        """Send a request message; ``reply`` gets the response message or a ``Disconnected``."""
        session = self._open_session()
        if session is None:
            reply.fail(Disconnected(f"node {self.node_id} can't be reached"))
            return
        net = self.net
        if version is None:
            version = net.version_of(type(request))
        session.send(net.through_wire(request, version) if net.wire else request, version, reply, timeout_ms)

    def tell(self, request: Message, version: int) -> None:
        """Send a request that is never answered; it isn't known whether it arrived."""
        session = self._open_session()
        if session is not None:
            session.tell(self.net.through_wire(request, version), version)

    def _open_session(self) -> LinkSession | None:
        """The current session, or a new one; None if the node can't be reached."""
        if self.session is None:
            server = self.net.nodes.get(self.node_id)
            if server is None or not server.takes(self.listener):
                return None
            accept = server.accept
            assert accept is not None, f"{server.name} takes connections"
            self.session = LinkSession(self.net, self, server)
            self.session.connection = accept(self.session, self.listener, self.node.name)
        return self.session

    def close(self) -> None:
        """Close the link; its requests end in ``Disconnected``."""
        if self.session is not None:
            self.session.close()
