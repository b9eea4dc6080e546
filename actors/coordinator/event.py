"""One event of a shard: its time, and its effects in the order in which they must be carried out.

A shard makes one for each call and passes it on; it is not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from actors.coordinator.effects import (
    AskActor,
    CancelTimer,
    Effect,
    LogEntry,
    Note,
    Persist,
    Refuse,
    Respond,
    SetTimer,
    Writer,
)
from kstore.errors import KafkaError


class Event:
    """An event of a shard at ``now_ms``, and its effects so far, in order."""

    __slots__ = ("effects", "now_ms")

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.effects: list[Effect] = []

    def respond(self, to: object, response: object) -> None:
        """Answer a request."""
        self.effects.append(Respond(to, response))

    def refuse(self, to: object, error: KafkaError) -> None:
        """Answer a request with an error."""
        self.effects.append(Refuse(to, error))

    def set_timer(self, key: Hashable, delay_ms: int) -> None:
        """Set a timer, in place of one with the same key."""
        self.effects.append(SetTimer(key, max(delay_ms, 0)))

    def cancel_timer(self, key: Hashable) -> None:
        """Cancel a timer, if it is set."""
        self.effects.append(CancelTimer(key))

    def persist(self, token: int, entries: tuple[LogEntry, ...], writer: Writer | None = None) -> None:
        """Append records; ``persisted(token)`` or ``overdue(token)`` follows."""
        assert entries, "an append needs records"
        self.effects.append(Persist(token, entries, writer))

    def timers_set(self) -> set[Hashable]:
        """The keys of timers that were set or cancelled so far."""
        return {effect.key for effect in self.effects if isinstance(effect, SetTimer | CancelTimer)}

    def note(self, kind: str, subject: str, first: int, second: int, because: str) -> None:
        """Write a row of the trace, with its reason in words."""
        self.effects.append(Note(kind, subject, first, second, because))

    def ask_actor(
        self, of: Callable[[], object], message: object, then: Callable[[object, int], Sequence[Effect]]
    ) -> None:
        """Ask an actor; ``then`` gets its answer and the time, and returns effects."""
        self.effects.append(AskActor(of, message, then))
