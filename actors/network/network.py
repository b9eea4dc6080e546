"""The network between nodes: which nodes are alive, which can reach each other, and how long a message takes.

A link behaves as a TCP connection does. Messages on it arrive in order. When a path is cut they wait, as in a socket's
buffer, and arrive after it has healed, unless the sender has closed the link meanwhile. When the other node dies and
the path is whole, its links break at once. In real time a message arrives in the turn after it was sent; in virtual
time after a delay drawn from the seed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from actors.runtime.node import Numbers
from kstore.fs import FileSlice

if TYPE_CHECKING:
    from actors.network.link import Link, LinkSession
    from actors.runtime.node import Node
    from actors.runtime.world import World
    from kstore.schema.struct import Message

DELAY_US_MIN = 50
DELAY_US_MAX = 1_500


M = TypeVar("M", bound="Message")


class Path:
    """One direction of one session. Messages on their way are in one queue, which keeps their order; ``held`` counts
    those whose time came while the path was cut.
    """

    __slots__ = ("arrives_us", "closed", "held", "receiver", "sender", "under_way")

    def __init__(self, sender: int, receiver: int) -> None:
        self.sender = sender
        self.receiver = receiver
        self.arrives_us = 0
        self.under_way: deque[tuple[Callable[..., None], tuple[object, ...]]] = deque()
        self.held = 0
        self.closed = False


class Network:
    """Joins the nodes of one world. Nodes are known by id; clients of a simulation have negative ids."""

    def __init__(self, world: World, *, wire: bool = False) -> None:
        self.world = world
        self.wire = wire  # encode and decode every message, as TCP would
        self.nodes: dict[int, Node] = {}
        self.servers: dict[int, Node] = {}  # the nodes that aren't clients
        self.sessions: dict[LinkSession, None] = {}  # a dict for its order: the same in every run
        self.sessions_of: dict[Node, dict[LinkSession, None]] = {}  # a client that leaves needn't search them all
        self.cuts: set[tuple[int, int]] = set()
        self.slow_us: dict[tuple[int, int], int] = {}
        self.slow_nodes_us: dict[int, int] = {}  # extra delay on all links of a node
        self.messages_carried = 0
        self.client_numbers = Numbers()
        world.net = self

    def join(self, node: Node) -> None:
        """Make a node reachable."""
        self.nodes[node.node_id] = node
        if node.node_id >= 0:
            self.servers[node.node_id] = node

    def node_died(self, node: Node) -> None:
        """Remove a dead node and break its links; nodes that it can't reach now learn of it later."""
        if self.nodes.get(node.node_id) is not node:
            return
        del self.nodes[node.node_id]
        self.servers.pop(node.node_id, None)
        self.break_links(node)
        for other in list(self.servers.values()):
            if self.reachable(node.node_id, other.node_id) and other.peer_lost is not None:
                other.peer_lost(node.node_id)

    def break_links(self, node: Node) -> None:
        """Break all links from and to a node, as if its process ended."""
        for session in list(self.sessions_of.get(node, ())):
            if session.server is node:
                session.server_knows = True
                self._break(node.node_id, session.client.node_id, session.lost)
            elif session.client is node:
                session.forget()
                self._break(node.node_id, session.server.node_id, session.server_lost)

    def opened(self, session: LinkSession) -> None:
        """Register a link's new session."""
        self.sessions[session] = None
        for node in (session.client, session.server):
            self.sessions_of.setdefault(node, {})[session] = None

    def closed(self, session: LinkSession) -> None:
        """Remove a session when both ends know that it is over; it may be removed already."""
        if self.sessions.pop(session, session) is session:
            return
        for node in (session.client, session.server):
            left = self.sessions_of.get(node)
            if left is not None:
                left.pop(session, None)
                if not left:
                    del self.sessions_of[node]

    def forget_sessions(self) -> None:
        """Remove all sessions: all nodes are gone."""
        self.sessions.clear()
        self.sessions_of.clear()

    def _break(self, from_id: int, to_id: int, action: Callable[[], None]) -> None:
        """Tell one end of a session that the other is gone, unless the path between them is cut."""
        if not self.reachable(from_id, to_id):
            return
        if self.world.virtual:
            self.world.timers.at(self.world.clock.now_us() + self._delay_us(from_id, to_id), action)
        else:
            action()

    def reachable(self, from_id: int, to_id: int) -> bool:
        """Whether a message from one node arrives at the other now."""
        return (from_id, to_id) not in self.cuts

    def _delay_us(self, from_id: int, to_id: int) -> int:
        return self.world.random.randrange(DELAY_US_MIN, DELAY_US_MAX) + self._slowness_us(from_id, to_id)

    def _slowness_us(self, from_id: int, to_id: int) -> int:
        nodes = self.slow_nodes_us
        return self.slow_us.get((from_id, to_id), 0) + nodes.get(from_id, 0) + nodes.get(to_id, 0)

    def carry(self, path: Path, action: Callable[..., None], *args: object) -> None:
        """Call ``action(*args)`` at the path's other end, in order."""
        self.messages_carried += 1
        if path.closed:
            return
        if not (self.world.virtual or self.cuts or self.slow_us or self.slow_nodes_us or path.under_way):
            action(*args)
            return
        path.under_way.append((action, args))
        self._schedule(path)

    def _schedule(self, path: Path) -> None:
        """Set the arrival time of a path's next message that has none yet."""
        world = self.world
        delay_of = self._delay_us if world.virtual else self._slowness_us
        delay_us = delay_of(path.sender, path.receiver)
        path.arrives_us = max(path.arrives_us + 1, world.clock.now_us() + delay_us)
        world.timers.at(path.arrives_us, self._arrive, path, kind="Arrived")

    def _arrive(self, path: Path) -> None:
        if path.closed:
            path.under_way.clear()
        elif not self.reachable(path.sender, path.receiver):
            path.held += 1
        elif path.under_way:
            action, args = path.under_way.popleft()
            action(*args)

    def link(self, node: Node, node_id: int, listener: str) -> Link:
        """A new link from a node to another one."""
        from actors.network.link import Link

        return Link(self, node, node_id, listener)

    def brokers_beside(self, node: Node) -> list[Node]:
        """All nodes that aren't clients."""
        return list(self.servers.values())

    def version_of(self, request_class: type) -> int:
        """The version to send a request in: the latest stable one, as between nodes of one release."""
        last: int = request_class.VERSIONS[1]  # type: ignore[attr-defined]
        return last - 1 if request_class.LATEST_UNSTABLE else last  # type: ignore[attr-defined]

    def through_wire(self, message: M, version: int) -> M:
        """With ``wire``, the message as it comes out of its own bytes; otherwise the message itself.

        Raises OSError or EOFError if it has a slice of a file that was truncated or deleted meanwhile.
        """
        if not self.wire:
            return message
        from kstore.schema import decode, encode_parts

        parts = encode_parts(message, version)
        whole = b"".join(part.read(0, part.nbytes) if isinstance(part, FileSlice) else part for part in parts)
        return decode(type(message), version, whole)

    def cut(self, from_ids: Iterable[int], to_ids: Iterable[int], *, both_ways: bool = True) -> None:
        """Stop messages from some nodes to others."""
        for a in from_ids:
            for b in to_ids:
                self.cuts.add((a, b))
                if both_ways:
                    self.cuts.add((b, a))

    def heal(self) -> None:
        """Restore all paths; messages that waited arrive in order."""
        self.cuts.clear()
        self.slow_us.clear()
        self.slow_nodes_us.clear()
        self._release()

    def restore(self, from_ids: Iterable[int], to_ids: Iterable[int]) -> None:
        """Undo cuts between some nodes and others, both ways; messages that waited arrive in order."""
        for a in from_ids:
            for b in to_ids:
                self.cuts.discard((a, b))
                self.cuts.discard((b, a))
        self._release()

    def _release(self) -> None:
        """Deliver held messages where the path is whole again."""
        for session in list(self.sessions):
            for path in (session.inward, session.outward):
                if path.held and self.reachable(path.sender, path.receiver):
                    held, path.held = path.held, 0
                    for _ in range(held):
                        self._schedule(path)

    def slow(self, from_id: int, to_id: int, delay_ms: float) -> None:
        """Add a delay to every message from one node to another."""
        self.slow_us[(from_id, to_id)] = round(delay_ms * 1000)

    def slow_node(self, node_id: int, delay_ms: float) -> None:
        """Add a delay to every message from or to a node."""
        self.slow_nodes_us[node_id] = round(delay_ms * 1000)
