"""What producers, consumers and admins have in common on the user's side of the actor.

A user's call enters the world as a row of its own in the trace (``UserCall`` of the method's name), becomes a message
to the client's actor, and drives the world until the answer is there. Nothing of a user's runs inside a turn. To
signals a call is one piece (``actors.runtime.signals``) but where it waits, or calls what is the user's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Self, TypeVar

from actors.clients.actor import Called, ClientActor, Result
from actors.clients.errors import ClientClosed, KafkaTimeout
from actors.network.addresses import address_text
from actors.runtime.conversation import Eventually
from actors.runtime.driver import DriverClosed, Process, SimulationStalled
from actors.runtime.signals import in_one_piece

if TYPE_CHECKING:
    from actors.clients.transport import Transport
    from actors.runtime import Ref
    from actors.runtime.world import World

T = TypeVar("T")


def tcp_transport(bootstrap_servers: str | Sequence[str], kind: str) -> Transport:
    """A transport of its own for a client of brokers elsewhere. Raises ``ConfigError`` for what is no address."""
    from actors.clients.keywords.config import bootstrap_addresses
    from actors.clients.transport import TcpTransport

    return TcpTransport(bootstrap_addresses(bootstrap_servers), kind)


class Client:
    """A client as its user has it. Subclasses start their actor and set ``_ref``."""

    _ref: Ref
    _lost_by = ""  # what became of its cluster

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._world: World = transport.world
        self._closed = False
        self._forks = Process.forks

    @in_one_piece
    def _run(self, name: str, conversation: Callable[..., Eventually[T]], *args: object, timeout_s: float | None) -> T:
        """Have a conversation in the actor and wait for its end; its value.

        Raises the ``KafkaError`` that it raised, ``KafkaTimeout`` after ``timeout_s`` seconds, ``ClientClosed``.
        """
        result = Result()
        self._tell(name, Called(conversation, args, result))
        try:
            self._drive(lambda: result.over, timeout_s)
        finally:
            if not result.over and not self._closed:
                with suppress(DriverClosed):
                    self._world.driver.call(result.cancel)
        if not result.over:
            raise KafkaTimeout(f"{name} was not done in {timeout_s:g} seconds{self._why_late()}")
        if result.error is not None:
            raise result.error
        return result.value  # type: ignore[no-any-return]

    def _why_late(self) -> str:
        """What a time-out may have come of, after a colon; nothing if a broker answered last."""
        actor = self._ref.actor_as(ClientActor)
        if actor.view.version:
            return f": {actor.last_failure}" if actor.last_failure else ""
        places = ", ".join(address_text(each.host, each.port) for each in actor.bootstrap.values())
        return f": nobody answers at {places}" + (f" ({actor.last_failure})" if actor.last_failure else "")

    def _tell(self, name: str, message: object) -> None:
        """Send the actor a message, as a user's call of this name in the trace."""
        if self._closed:
            raise self._gone()
        try:
            self._world.driver.call(self._enter, name, message)
        except DriverClosed:
            raise ClientClosed(f"the cluster of this {type(self).__name__.lower()} was closed") from None

    def _enter(self, name: str, message: object) -> None:
        queue = self._world.queue
        if not self._transport.node.alive:
            raise self._gone()
        queue.enter(self._ref.actor_id, f"{type(self).__name__}.{name}")
        self._ref.tell(message)
        queue.leave()

    def _drive(self, until: Callable[[], object], timeout_s: float | None) -> bool:
        """Let the world run until ``until()`` holds; False after ``timeout_s`` seconds."""
        node = self._transport.node
        who = type(self).__name__.lower()
        try:
            held = self._world.driver.drive(lambda: until() or self._lost_by or not node.alive, timeout_s)
        except SimulationStalled as stalled:
            stalled.add_note(f"it was {self!r} that waited")
            raise
        except DriverClosed:
            what = f"this {who}" if self._closed and not self._lost_by else f"the cluster of this {who}"
            raise ClientClosed(f"{what} was closed") from None
        if self._lost_by:
            raise self._gone()
        if not node.alive and not until():
            raise self._gone()
        return held

    def _gone(self) -> ClientClosed:
        """What whoever uses it after its end is told."""
        who = type(self).__name__.lower()
        failure = self._transport.node.failure
        if failure is not None:
            gone = ClientClosed(f"this {who} met an unexpected error and ended: {failure!r}; make another one")
            gone.__cause__ = failure
            return gone
        return ClientClosed(f"the cluster of this {who} was {self._lost_by}" if self._lost_by else f"{who} was closed")

    @in_one_piece
    def _leave(self) -> None:
        """Stop the actor, so that its links close, and close the transport."""
        if self._closed or self._is_parents():
            return
        self._closed = True
        driver = self._world.driver
        try:
            driver.call(self._stop)
            driver.pump()
            self._transport.close()
        except DriverClosed:
            return  # the cluster went first, and took its clients along

    def _stop(self) -> None:
        queue, actor = self._world.queue, self._ref.actor_as(ClientActor)
        queue.enter(actor.inbox.actor_id, f"{type(self).__name__}.close")
        try:
            actor.on_stop()
        finally:
            queue.leave()

    def _is_parents(self) -> bool:
        """Whether it belongs to the process that this one was forked from, where it goes on."""
        return self._forks != Process.forks

    def lost(self, how: str) -> None:
        """The cluster that it lives in was reset or closed, and its node with it; as the driving thread."""
        self._lost_by = how
        self._closed = True

    def close(self) -> None:
        """Close the client; harmless when it is closed already, and in a forked child, whose parent has it."""
        self._leave()

    def __repr__(self) -> str:
        name = self._ref.actor_as(ClientActor).config.client_id
        words = [type(self).__name__, name, *self._traits()]
        return f"<{' '.join(words)} to {self._transport}{' closed' if self._closed else ''}>"

    def _traits(self) -> list[str]:
        """What else tells it from others, for its repr."""
        return []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
