"""DescribeGroups and ListGroups: what is told of groups, without touching them."""

from collections.abc import Iterable

from actors.groups.group_interface import Group
from kstore import errors
from kstore.errors.base import bounded
from kstore.schema.messages.describe_groups import DescribedGroup
from kstore.schema.messages.list_groups import ListedGroup

NOT_FOUND_IS_AN_ERROR = 6
"""From this version of DescribeGroups; before, a group that isn't there is described as Dead."""

DEAD = "Dead"


def describe(group_id: str, group: Group | None, version: int) -> DescribedGroup:
    is_there = group is not None and group.is_committed
    described = group.described() if is_there and group is not None else None
    if described is not None:
        return described
    if version < NOT_FOUND_IS_AN_ERROR:
        return DescribedGroup(group_id=group_id, group_state=DEAD)
    return DescribedGroup(
        group_id=group_id,
        group_state=DEAD,
        error_code=errors.GroupIdNotFound.code,
        error_message=bounded(f"Group {group_id} {'is not a classic group' if is_there else 'not found'}."),
    )


def list_groups(groups: Iterable[Group], states: list[str], types: list[str]) -> list[ListedGroup]:
    """Those in one of these states and of one of these types; an empty filter lets everything through."""
    wanted_states = {each.strip().lower() for each in states}
    wanted_types = {each.strip().lower() for each in types}
    return [
        ListedGroup(
            group_id=group.group_id,
            protocol_type=group.protocol_type or "",
            group_state=group.shown_state,
            group_type=group.group_type,
        )
        for group in groups
        if group.is_committed
        and (not wanted_types or group.group_type in wanted_types)
        and (not wanted_states or group.shown_state.lower() in wanted_states)
    ]
