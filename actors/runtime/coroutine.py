"""Coroutines, as generators: they yield questions (to actors, to the disk) and get the outcomes sent in.

They yield an ``Ask`` (to an actor), ``OnDisk``, a ``Pause``, another question that their actor's ``ask_for`` knows, or
a list of these, which run at the same time. An outcome is always a value. An error is a value too, never an exception,
so that the coroutine decides what it means. A ``Task`` is a running coroutine; cancelling it closes the generator
where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from kstore.named import NamedTuple

if TYPE_CHECKING:
    import pykka

    from actors.runtime.actor import Actor

T = TypeVar("T")
Coroutine = Generator[Any, Any, Any]
Eventually = Generator[Any, Any, T]
"""The type of a coroutine's result."""

ASKS_A_TURN = 1_000


class Ask:
    """What a coroutine yields to ask an actor."""

    __slots__ = ("message", "ref")

    def __init__(self, ref: pykka.ActorRef[Any], message: object) -> None:
        self.ref = ref
        self.message = message


class OnDisk(NamedTuple):
    """What a coroutine yields to have slow disk work done off the turn; the outcome is its value or ``OSError``."""

    work: Callable[[], object]


class Pause(NamedTuple):
    """What a coroutine yields to wait; the outcome is None."""

    delay_ms: float


PAUSE = Pause(0)
"""Let other actors have turns before a coroutine with long work, or a long answer, goes on. The trace shows it."""


class PauseOver(NamedTuple):
    """Sent by an actor to itself: a pause is over."""

    go_on: Callable[..., None]
    args: tuple[object, ...]


class Task:
    """A running coroutine of an actor. ``done`` gets its value. ``failed`` gets an exception that it raises, if it
    is one of the ``expected`` ones; any other exception is a defect of the turn. When it is cancelled, neither is
    called.
    """

    __slots__ = ("_actor", "_coroutine", "_done", "_expected", "_failed", "is_over")

    def __init__(
        self,
        actor: Actor,
        coroutine: Eventually[T],
        done: Callable[[T], object],
        failed: Callable[[Any], object] | None = None,
        expected: type[Exception] = Exception,
    ) -> None:
        self._actor = actor
        self._coroutine = coroutine
        self._done = done
        self._failed = failed
        self._expected = expected
        self.is_over = False

    def step(self, outcome: object = None) -> None:
        """Send in the outcome of the last question; None starts the coroutine."""
        if self.is_over:
            return
        try:
            asked = self._coroutine.send(outcome)
        except StopIteration as stop:
            self.is_over = True
            self._done(stop.value)
        except Exception as error:
            self.is_over = True
            if self._failed is None or not isinstance(error, self._expected):
                raise
            self._failed(error)
        else:
            if isinstance(asked, list):
                _Several(self, self._actor, asked)
            else:
                self._actor.ask_for(asked, self.step)

    def cancel(self) -> None:
        """End it where it stands; outcomes that arrive later are dropped."""
        if not self.is_over:
            self.is_over = True
            self._coroutine.close()


class _Several:
    """Several questions that a coroutine asked at once. It gets all outcomes together, in the order asked.

    At most ``ASKS_A_TURN`` are sent in one turn, so that other actors get turns in between.
    """

    __slots__ = ("actor", "asks", "left", "outcomes", "sent", "task")

    def __init__(self, task: Task, actor: Actor, asks: list[Any]) -> None:
        self.task, self.actor, self.asks = task, actor, asks
        self.outcomes: list[Any] = [None] * len(asks)
        self.left = len(asks)
        self.sent = 0
        if not asks:
            task.step([])
        else:
            self.send()

    def send(self, _outcome: None = None) -> None:
        actor, first = self.actor, self.sent
        self.sent = min(first + ASKS_A_TURN, len(self.asks))
        for index in range(first, self.sent):
            actor.ask_for(self.asks[index], self.answered, index)
        if self.sent < len(self.asks):
            actor.go_on_later(self.send)

    def answered(self, outcome: object, index: int) -> None:
        self.outcomes[index] = outcome
        self.left -= 1
        if not self.left:
            self.task.step(self.outcomes)
