"""Conversations of a client's actor: generators that yield what they want and are given the outcome.

They yield ``To`` (a request to a broker), ``Pause``, ``Wait`` (for a gate), ``Ask`` (an actor), or a list of these, all
under way at once. An outcome is a value; that a broker can't be reached is one too, never an exception. A conversation
may raise a ``KafkaError``, and may be cancelled, which closes the generator where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from kstore.errors import KafkaError
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.clients.actor import ClientActor

T = TypeVar("T")
Talk = Generator[Any, Any, T]
"""A conversation that ends with a ``T``. Begun by ``ClientActor.begin``, or from another by ``yield from``."""


class To(NamedTuple):
    """Send a request to a broker; the outcome is its response, or ``Disconnected`` or ``UnsupportedVersion``.

    ``timeout_ms`` is how long the answer may take before the link is given up; the client's ``request_timeout_ms``
    unless given.
    """

    node_id: int
    request: Any
    timeout_ms: float | None = None


class Pause(NamedTuple):
    """Wait so long; the outcome is None."""

    delay_ms: float


class Wait(NamedTuple):
    """Wait until a gate opens; the outcome is what it was opened with."""

    gate: Gate


class Gate:
    """Something that conversations of one actor wait for. ``open`` lets all through that wait now."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[Any], None]] = []

    def add(self, go_on: Callable[[Any], None]) -> None:
        """Have ``go_on(value)`` called when it opens."""
        self._waiting.append(go_on)

    def open(self, value: object = None) -> None:
        """Let through whoever waits, each in a turn of its own."""
        waiting, self._waiting = self._waiting, []
        for go_on in waiting:
            go_on(value)


class Conversation:
    """A generator under way in an actor. ``done(value, error)`` is told how it ended, unless it was cancelled."""

    __slots__ = ("actor", "done", "generator", "over")

    def __init__(
        self, actor: ClientActor, generator: Talk[Any], done: Callable[[Any, KafkaError | None], None]
    ) -> None:
        self.actor = actor
        self.generator = generator
        self.done = done
        self.over = False

    def step(self, outcome: Any) -> None:
        """Go on with the outcome of what was yielded last."""
        if self.over:
            return
        try:
            asked = self.generator.send(outcome)
        except StopIteration as stop:
            self.over = True
            self.done(stop.value, None)
        except KafkaError as error:
            self.over = True
            self.done(None, error)
        else:
            if isinstance(asked, list):
                _Several(self, asked)
            else:
                self.actor.ask_for(asked, self.step)

    def cancel(self) -> None:
        """End it where it stands; what comes of its questions is dropped."""
        if not self.over:
            self.over = True
            self.generator.close()


class _Several:
    """Several questions of a conversation under way at once; it goes on when all have their outcome."""

    __slots__ = ("conversation", "left", "outcomes")

    def __init__(self, conversation: Conversation, asked: list[Any]) -> None:
        self.conversation = conversation
        self.outcomes: list[Any] = [None] * len(asked)
        self.left = len(asked)
        if not asked:
            conversation.actor.ask_for(Pause(0), lambda _: conversation.step([]))
        for index, each in enumerate(asked):
            conversation.actor.ask_for(each, self.answered, index)

    def answered(self, outcome: Any, index: int) -> None:
        """One more has its outcome."""
        self.outcomes[index] = outcome
        self.left -= 1
        if not self.left:
            self.conversation.step(self.outcomes)
