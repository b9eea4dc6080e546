"""Rows of the trace about groups. Clients choose the names of groups and members, and their reasons: they are cut."""

from actors.coordinator.event import Event
from actors.groups.records import OffsetRecord

NAME_LENGTH_MAX = 249
"""As long as a topic's name may be."""

REASON_LENGTH_MAX = 400


def note(event: Event, kind: str, group_id: str, generation: int, members: int, because: str) -> None:
    """What became of a group, in which generation, with how many members, and because of what."""
    event.note(kind, group_id[:NAME_LENGTH_MAX], generation, members, because[:REASON_LENGTH_MAX])


def note_committed(event: Event, record: OffsetRecord, offset: int) -> None:
    """A group's offset of a partition is committed."""
    event.note("OffsetCommitted", f"{record.topic}-{record.partition}", offset, -1, record.group_id[:NAME_LENGTH_MAX])
