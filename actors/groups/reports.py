"""DescribeGroups and ListGroups: what is told of groups, without touching them."""

from collections.abc import Iterable

from actors.groups.group import ClassicGroup, GroupState
from actors.groups.member import Member
from kstore import errors
from kstore.errors.base import bounded
from kstore.schema.messages.describe_groups import DescribedGroup, DescribedGroupMember
from kstore.schema.messages.list_groups import ListedGroup

CLASSIC = "classic"

NOT_FOUND_IS_AN_ERROR = 6
"""From this version of DescribeGroups; before, a group that isn't there is described as Dead."""


def shown_state(group: ClassicGroup) -> GroupState:
    """A group under deletion is Empty to readers until its deletion is committed."""
    return GroupState.EMPTY if group.state is GroupState.DEAD else group.state


def describe(group_id: str, group: ClassicGroup | None, version: int) -> DescribedGroup:
    if group is None or not group.is_committed:
        if version < NOT_FOUND_IS_AN_ERROR:
            return DescribedGroup(group_id=group_id, group_state=GroupState.DEAD.value)
        return DescribedGroup(
            group_id=group_id,
            group_state=GroupState.DEAD.value,
            error_code=errors.GroupIdNotFound.code,
            error_message=bounded(f"Group {group_id} not found."),
        )
    is_stable = group.state is GroupState.STABLE
    return DescribedGroup(
        group_id=group_id,
        group_state=shown_state(group).value,
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


def list_groups(groups: Iterable[ClassicGroup], states: list[str], types: list[str]) -> list[ListedGroup]:
    """Those in one of these states and of one of these types; an empty filter lets everything through."""
    wanted_states = {each.strip().lower() for each in states}
    wanted_types = {each.strip().lower() for each in types}
    if wanted_types and CLASSIC not in wanted_types:
        return []
    return [
        ListedGroup(
            group_id=group.group_id,
            protocol_type=group.protocol_type or "",
            group_state=shown_state(group).value,
            group_type=CLASSIC,
        )
        for group in groups
        if group.is_committed and (not wanted_states or shown_state(group).value.lower() in wanted_states)
    ]
