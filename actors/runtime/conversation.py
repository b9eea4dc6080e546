"""Conversations: generators that yield what they want, and are given the outcome.

They yield an ``Ask`` (an actor), ``OnDisk``, a ``Pause``, what else ``Actor.ask_for`` of their actor knows, or a list
of these, all under way at once. An outcome is a value: what went wrong with a question is one too, never an exception,
so that a conversation decides what it means. A ``Task`` is one of them under way; it can be cancelled, which closes the
generator where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from kstore.named import NamedTuple

if TYPE_CHECKING:
    import pykka

    from actors.runtime.actor import Actor

T = TypeVar("T")
Conversation = Generator[Any, Any, Any]
Eventually = Generator[Any, Any, T]
"""Of a conversation: what it comes to is of this type."""

ASKS_A_TURN = 1_000


class Ask:
    """What a conversation yields to ask an actor."""

    __slots__ = ("message", "ref")

    def __init__(self, ref: pykka.ActorRef[Any], message: object) -> None:
        self.ref = ref
        self.message = message


class OnDisk(NamedTuple):
    """What a conversation yields to have slow disk work done off the turn; the outcome is its value or ``OSError``."""

    work: Callable[[], object]


class Pause(NamedTuple):
    """What a conversation yields to wait so long; the outcome is None."""

    delay_ms: float


PAUSE = Pause(0)
"""To let others have their turns before it goes on, because its work, or its answer, is long. The trace tells of it."""


class Rested(NamedTuple):
    """To the actor itself: a pause is over."""

    go_on: Callable[..., None]
    args: tuple[object, ...]


class Task:
    """A conversation under way in an actor. ``done`` gets its value; ``failed`` gets what it raises, if that is one of
    those that are ``expected``. Any other exception is a defect of the turn. Of one that was cancelled nothing is said.
    """

    __slots__ = ("_actor", "_conversation", "_done", "_expected", "_failed", "is_over")

    def __init__(
        self,
        actor: Actor,
        conversation: Eventually[T],
        done: Callable[[T], object],
        failed: Callable[[Any], object] | None = None,
        expected: type[Exception] = Exception,
    ) -> None:
        self._actor = actor
        self._conversation = conversation
        self._done = done
        self._failed = failed
        self._expected = expected
        self.is_over = False

    def step(self, outcome: object = None) -> None:
        """Go on with the outcome of what was yielded last; with None: begin."""
        if self.is_over:
            return
        try:
            asked = self._conversation.send(outcome)
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
        """End it where it stands; what comes of its questions is dropped."""
        if not self.is_over:
            self.is_over = True
            self._conversation.close()


class _Several:
    """Several questions of a conversation under way at once; it goes on when all are answered, in the order asked.

    Of very many, ``ASKS_A_TURN`` go out in a turn, and others have theirs in between.
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
