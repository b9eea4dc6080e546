"""Whether the metadata of a member, or the assignment of a leader, still fits."""

from actors.groups.classic.group import ClassicGroup
from actors.groups.classic.member import ClassicMember, size_of_protocols
from actors.groups.memory_use import MemoryUse
from kstore.schema.messages.join_group import JoinGroupRequest
from kstore.schema.messages.sync_group import SyncGroupRequest


def join_fits(memory_use: MemoryUse, bytes_max: int, request: JoinGroupRequest, member: ClassicMember | None) -> bool:
    """Whether the metadata that a member brings still fits; who brings no more than before may always stay."""
    brings = size_of_protocols([(each.name, each.metadata) for each in request.protocols])
    if memory_use.has_room(brings, bytes_max):
        return True
    return member is not None and brings <= size_of_protocols(member.protocols)


def assignments_fit(memory_use: MemoryUse, bytes_max: int, request: SyncGroupRequest, group: ClassicGroup) -> bool:
    """Whether an assignment still fits. One that is no larger than what the group takes without it always does."""
    brings = sum(len(each.assignment) for each in request.assignments)
    had = sum(len(member.assignment) for member in group.members.values()) if brings else 0
    return memory_use.has_room(brings - had, bytes_max) or brings <= group.nbytes - had
