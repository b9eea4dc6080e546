"""What producers, consumers and admins have in common on the user's side of the actor.

A user's call enters the world as a row of its own in the trace (``UserCall`` of the method's name), becomes a message
to the client's actor, and drives the world until the answer is there. Nothing of a user's runs inside a turn. To
signals a call is one piece (``actors.runtime.signals``) but where it waits, or calls what is the user's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar

from actors.clients.actor import ClientActor
from actors.clients.errors import ClientClosed, KafkaTimeout
from actors.clients.talk import Talk
from actors.network.addresses import address_text
from actors.network.link import Disconnected
from actors.runtime import receives
from actors.runtime.conversation import Task
from actors.runtime.driver import DriverClosed, Process, SimulationStalled
from actors.runtime.signals import in_one_piece
from kstore.errors import KafkaError
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.clients.home import Home
    from actors.runtime import Ref
    from actors.runtime.world import World

T = TypeVar("T")


class Result:
    """How a user's call ends: a value or an error; ``over`` when it has."""

    __slots__ = ("cancelled", "conversation", "error", "over", "value")

    def __init__(self) -> None:
        self.over = False
        self.cancelled = False
        self.value: Any = None
        self.error: KafkaError | None = None
        self.conversation: Task | None = None

    def done(self, value: object, error: KafkaError | None) -> None:
        """The conversation has ended so."""
        self.value, self.error, self.over = value, error, True

    def cancel(self) -> None:
        """Nobody waits any longer."""
        self.cancelled = True
        if self.conversation is not None:
            self.conversation.cancel()


class Called(NamedTuple):
    """To a client's actor: a user's call that is a conversation, and where its result goes."""

    talk: Callable[..., Talk[object]]
    args: tuple[object, ...]
    result: Result


class CalledActor(ClientActor):
    """A client's actor that a ``Face`` talks to."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.unreached: dict[int, str] = {}  # why a broker wasn't reached, if it hasn't answered since

    @property
    def last_failure(self) -> str:
        """Why a broker wasn't reached, the last of those that haven't answered since."""
        return next(reversed(self.unreached.values()), "")

    def _answered(self, outcome: object, node_id: int, then: Callable[..., None], args: tuple[object, ...]) -> None:
        if self.unreached or isinstance(outcome, Disconnected):
            self.note_reached(node_id, outcome)
        super()._answered(outcome, node_id, then, args)

    def note_reached(self, node_id: int, outcome: object) -> None:
        """A question to a broker has this outcome."""
        self.unreached.pop(node_id, None)
        if isinstance(outcome, Disconnected):
            self.unreached[node_id] = outcome.message

    @receives(Called)
    def called(self, message: Called) -> None:
        """Begin what the user's call is made of."""
        result = message.result
        if not result.cancelled:
            result.conversation = self.begin(message.talk(*message.args), result.done)


def home_over_tcp(bootstrap_servers: str | Sequence[str], kind: str) -> Home:
    """A home of its own for a client of brokers elsewhere. Raises ``ConfigError`` for what is no address."""
    from actors.clients.home import TcpHome
    from actors.clients.keywords.config import bootstrap_addresses

    return TcpHome(bootstrap_addresses(bootstrap_servers), kind)


class Face:
    """A client as its user has it. Subclasses start their actor and set ``_ref``."""

    _ref: Ref
    _lost_by = ""  # what became of its cluster

    def __init__(self, home: Home) -> None:
        self._home = home
        self._world: World = home.world
        self._closed = False
        self._forks = Process.forks

    @in_one_piece
    def _run(self, name: str, talk: Callable[..., Talk[T]], *args: object, timeout_s: float | None) -> T:
        """Have a conversation in the actor and wait for its end; its value.

        Raises the ``KafkaError`` that it raised, ``KafkaTimeout`` after ``timeout_s`` seconds, ``ClientClosed``.
        """
        result = Result()
        self._tell(name, Called(talk, args, result))
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
        actor = self._ref.actor_as(CalledActor)
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
        if not self._home.node.alive:
            raise self._gone()
        queue.enter(self._ref.actor_id, f"{type(self).__name__}.{name}")
        self._ref.tell(message)
        queue.leave()

    def _drive(self, until: Callable[[], object], timeout_s: float | None) -> bool:
        """Let the world run until ``until()`` holds; False after ``timeout_s`` seconds."""
        node = self._home.node
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
        failure = self._home.node.failure
        if failure is not None:
            gone = ClientClosed(f"this {who} met an unexpected error and ended: {failure!r}; make another one")
            gone.__cause__ = failure
            return gone
        return ClientClosed(f"the cluster of this {who} was {self._lost_by}" if self._lost_by else f"{who} was closed")

    @in_one_piece
    def _leave(self) -> None:
        """Stop the actor, so that its links close, and leave home."""
        if self._closed or self._is_parents():
            return
        self._closed = True
        driver = self._world.driver
        try:
            driver.call(self._stop)
            driver.pump()
            self._home.leave()
        except DriverClosed:
            return  # the cluster went first, and took its clients along

    def _stop(self) -> None:
        queue, actor = self._world.queue, self._ref.actor_as(CalledActor)
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
        return f"<{' '.join(words)} to {self._home}{' closed' if self._closed else ''}>"

    def _traits(self) -> list[str]:
        """What else tells it from others, for its repr."""
        return []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
