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
        self.effects.append(Respond(to, response))

    def refuse(self, to: object, error: KafkaError) -> None:
        self.effects.append(Refuse(to, error))

    def set_timer(self, key: Hashable, delay_ms: int) -> None:
        self.effects.append(SetTimer(key, max(delay_ms, 0)))

    def cancel_timer(self, key: Hashable) -> None:
        self.effects.append(CancelTimer(key))

    def persist(self, token: int, entries: tuple[LogEntry, ...], writer: Writer | None = None) -> None:
        assert entries, "an append needs records"
        self.effects.append(Persist(token, entries, writer))

    def note(self, kind: str, subject: str, first: int, second: int, because: str) -> None:
        self.effects.append(Note(kind, subject, first, second, because))

    def ask_actor(
        self, of: Callable[[], object], message: object, then: Callable[[object, int], Sequence[Effect]]
    ) -> None:
        self.effects.append(AskActor(of, message, then))
