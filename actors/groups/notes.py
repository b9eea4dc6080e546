"""Rows of the trace about groups. Clients choose the names of groups and members, and their reasons: they are cut."""

from actors.coordinator.event import Event
from actors.groups.records import OffsetRecord

NAME_LENGTH_MAX = 249
"""As long as a topic's name may be."""

REASON_LENGTH_MAX = 400


def note(event: Event, kind: str, group_id: str, generation: int, members: int, because: str) -> None:
    """What became of a group, in which generation, with how many members, and because of what."""
    event.note(kind, group_id[:NAME_LENGTH_MAX], generation, members, because[:REASON_LENGTH_MAX])


def note_committed(event: Event, record: OffsetRecord, producer_id: int = -1) -> None:
    """A group's offset of a partition is committed, in the transaction of a producer or in none."""
    _note_offset(event, "OffsetCommitted", record, producer_id)


def note_pending(event: Event, record: OffsetRecord, producer_id: int) -> None:
    """A group's offset of a partition is in the log, and counts when the producer's transaction is committed."""
    _note_offset(event, "OffsetPending", record, producer_id)


def _note_offset(event: Event, kind: str, record: OffsetRecord, producer_id: int) -> None:
    assert record.committed is not None, "a tombstone commits nothing"
    group = record.group_id[:NAME_LENGTH_MAX]
    event.note(kind, f"{record.topic}-{record.partition}", record.committed.offset, producer_id, group)
