"""What DescribeGroups tells of a classic group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore.schema.messages.describe_groups import DescribedGroup, DescribedGroupMember

if TYPE_CHECKING:
    from actors.groups.classic.group import ClassicGroup
    from actors.groups.classic.member import Member


def describe(group: ClassicGroup, *, is_stable: bool) -> DescribedGroup:
    """The protocol and the members' metadata are told while they are settled."""
    return DescribedGroup(
        group_id=group.group_id,
        group_state=group.shown_state,
        protocol_type=group.protocol_type or "",
        protocol_data=(group.protocol_name or "") if is_stable else "",
        members=[_describe_member(group, member, with_metadata=is_stable) for member in group.members.values()],
    )


def _describe_member(group: ClassicGroup, member: Member, *, with_metadata: bool) -> DescribedGroupMember:
    """Between generations the assignment is the last one, as in Kafka."""
    assert not with_metadata or group.protocol_name is not None
    return DescribedGroupMember(
        member_id=member.member_id,
        group_instance_id=member.group_instance_id,
        client_id=member.client_id,
        client_host=member.client_host,
        member_metadata=member.metadata(group.protocol_name or "") if with_metadata else b"",
        member_assignment=member.assignment,
    )
