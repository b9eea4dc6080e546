"""What a classic group's record was written for: what is left to do once it is in the log, or when it can't be.

All that is in the record itself is taken from the record.
"""

from actors.groups.classic.group import ClassicGroup
from actors.groups.classic.member import ClassicMember
from kstore.named import NamedTuple


class GroupCreation(NamedTuple):
    """A group is new. If that can't be written, it never was."""

    group: ClassicGroup


class GroupAssignment(NamedTuple):
    """The leader's assignment. If it can't be written, the group begins anew."""

    group: ClassicGroup
    generation_id: int


class Replacement(NamedTuple):
    """A static member has another client. It has the place at once; ``old`` gets it back if that can't be written."""

    group: ClassicGroup
    member: ClassicMember
    old: ClassicMember
    old_leader_id: str | None
    generation_id: int
    version: int
    """Of the join that is to be answered."""
