"""A user's calls into its client's actor.

A call gets a row of its own in the trace (``UserCall`` with the method's name), becomes a message to the client's
actor, and drives the world until the answer is there. No code of the user's runs inside a turn. Signals don't interrupt
a call (``actors.runtime.signals``), except where it waits or calls code of the user's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from actors.clients.actor import Called, ClientActor, Result
from actors.clients.errors import ClientClosed, KafkaTimeout
from actors.network.addresses import address_text
from actors.runtime.driver import DriverClosed, Process, SimulationStalled
from actors.runtime.signals import in_one_piece

if TYPE_CHECKING:
    from actors.clients.transport import Transport
    from actors.runtime import Ref
    from actors.runtime.coroutine import Eventually
    from actors.runtime.world import World

T = TypeVar("T")


class Calls:
    """The calls of one client, whose kind is ``who`` ("Consumer") and whose repr is ``shown()``. ``lost_by`` says what
    happened to the client's cluster. Its actor is ``ref``, once the client has started it.
    """

    ref: Ref

    def __init__(self, transport: Transport, who: str, shown: Callable[[], str]) -> None:
        self.transport = transport
        self.world: World = transport.world
        self.who = who
        self.shown = shown
        self.closed = False
        self.lost_by = ""
        self._forks = Process.forks

    @in_one_piece
    def run(self, name: str, coroutine: Callable[..., Eventually[T]], *args: object, timeout_s: float | None) -> T:
        """Run a coroutine in the actor, wait for its end, and return its value.

        Raises the ``KafkaError`` that it raised, ``KafkaTimeout`` after ``timeout_s`` seconds, ``ClientClosed``.
        """
        if self.closed:
            raise self.gone()
        result = Result()
        self._in_driver(self._tell, name, Called(coroutine, args, result))
        try:
            self.drive(lambda: result.over, timeout_s)
        finally:
            if not result.over and not self.closed:
                with suppress(DriverClosed):
                    self.world.driver.call(result.cancel)
        if not result.over:
            raise KafkaTimeout(f"{name} was not done in {timeout_s:g} seconds{self.why_late()}")
        if result.error is not None:
            raise result.error
        return result.value  # type: ignore[no-any-return]

    def now(self, name: str, action: Callable[..., T], *args: object) -> T:
        """Have something done in the actor at once; its value. Raises ``ClientClosed``."""
        self.check_open()
        return self._in_driver(self.inside, name, action, args)  # type: ignore[return-value]

    def _in_driver(self, action: Callable[..., object], *args: object) -> object:
        try:
            return self.world.driver.call(action, *args)
        except DriverClosed:
            raise ClientClosed(f"the cluster of this {self.who.lower()} was closed") from None

    def inside(self, name: str, action: Callable[..., T], args: tuple[object, ...]) -> T:
        """Do something as a user's call of this name in the trace; in the driver."""
        queue = self.world.queue
        queue.enter(self.ref.actor_id, f"{self.who}.{name}")
        try:
            return action(*args)
        finally:
            queue.leave()

    def _tell(self, name: str, message: object) -> None:
        if not self.transport.node.alive:
            raise self.gone()
        self.inside(name, self.ref.tell, (message,))

    def why_late(self) -> str:
        """What may have caused a time-out, after a colon; empty if a broker answered last."""
        actor = self.ref.actor_as(ClientActor)
        if actor.view.version:
            return f": {actor.last_failure}" if actor.last_failure else ""
        addresses = ", ".join(address_text(each.host, each.port) for each in actor.bootstrap.values())
        return f": nobody answers at {addresses}" + (f" ({actor.last_failure})" if actor.last_failure else "")

    def drive(self, until: Callable[[], object], timeout_s: float | None) -> bool:
        """Let the world run until ``until()`` holds; False after ``timeout_s`` seconds."""
        node, who = self.transport.node, self.who.lower()
        try:
            held = self.world.driver.drive(lambda: until() or self.lost_by or not node.alive, timeout_s)
        except SimulationStalled as stalled:
            stalled.add_note(f"it was {self.shown()} that waited")
            raise
        except DriverClosed:
            what = f"this {who}" if self.closed and not self.lost_by else f"the cluster of this {who}"
            raise ClientClosed(f"{what} was closed") from None
        if self.lost_by:
            raise self.gone()
        if not node.alive and not until():
            raise self.gone()
        return held

    def check_open(self) -> None:
        """Raise ``ClientClosed`` for a client that is closed."""
        if self.closed or not self.transport.node.alive:
            raise self.gone()

    def gone(self) -> ClientClosed:
        """The error for a client that is used after its end."""
        who, failure = self.who.lower(), self.transport.node.failure
        if failure is not None:
            gone = ClientClosed(f"this {who} met an unexpected error and ended: {failure!r}; make another one")
            gone.__cause__ = failure
            return gone
        return ClientClosed(f"the cluster of this {who} was {self.lost_by}" if self.lost_by else f"{who} was closed")

    @in_one_piece
    def end(self) -> None:
        """Stop the actor, so that its links close, and close the transport."""
        if self.closed or self.is_parents():
            return
        self.closed = True
        driver = self.world.driver
        try:
            driver.pump(partial(self.inside, "close", self.ref.actor_as(ClientActor).on_stop, ()))
            self.transport.close()
        except DriverClosed:
            return  # the cluster went first, and took its clients along

    def is_parents(self) -> bool:
        """Whether the client belongs to the parent of this forked process, where it goes on."""
        return self._forks != Process.forks
