"""Trace rows of a leader: appends, and changes of the in-sync set."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kstore.errors import KafkaError

if TYPE_CHECKING:
    from actors.partition.messages import Append
    from actors.runtime import Reply
    from kstore.log import AppendInfo

Note = Callable[..., object]
"""An actor's ``note``."""


def note_appended(
    note: Note, label: str, collected: list[tuple[Append, Reply, int]], outcomes: list[AppendInfo | KafkaError]
) -> None:
    """A row for each request; its cause is the turn that brought it, so a record's life leads to its sender."""
    for (_, _, row), outcome in zip(collected, outcomes, strict=True):
        if not isinstance(outcome, KafkaError) and not outcome.duplicate:
            note("BatchAppended", label, outcome.first_offset, outcome.last_offset, cause=row)


def note_isr_changed(note: Note, label: str, before: tuple[int, ...], now: tuple[int, ...]) -> None:
    """Write which replicas left the in-sync set, and which joined."""
    if gone := [str(node) for node in before if node not in now]:
        note("IsrShrunk", label, len(before), len(now), f"without {', '.join(gone)}")
    if come := [str(node) for node in now if node not in before]:
        note("IsrGrown", label, len(before), len(now), f"with {', '.join(come)}")
