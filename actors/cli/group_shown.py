"""A group with its members and offsets, as ``kstore groups describe --json`` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from actors.clients.admin import Admin
    from actors.clients.admin.descriptions import GroupDescription
    from actors.clients.structs import TopicPartition


class OffsetShown(TypedDict):
    """How far a group is in a partition, as JSON shows it."""

    topic: str
    partition: int
    committed: int | None
    next_offset: int | None
    lag: int | None
    client: str | None


class MemberShown(TypedDict):
    """A member as JSON shows it; ``partitions`` are pairs of topic and number."""

    member_id: str
    instance_id: str | None
    client_id: str
    host: str
    partitions: list[tuple[str, int]]


class GroupShown(TypedDict):
    """A group as JSON shows it."""

    group: str
    state: str
    type: str
    protocol_type: str
    protocol: str
    coordinator: int
    configs: dict[str, str | None]
    members: list[MemberShown]
    offsets: list[OffsetShown]


def described(admin: Admin, group: GroupDescription) -> GroupShown:
    """One group as JSON shows it."""
    committed = admin.list_group_offsets(group.group_id)[group.group_id]
    readers = {partition: member.client_id for member in group.members for partition in member.assignment}
    partitions = sorted({*committed, *readers})
    ends = ends_of(admin, partitions)
    offsets: list[OffsetShown] = []
    for partition in partitions:
        at, end = committed.get(partition), ends.get(partition)
        offsets.append(
            {
                "topic": partition.topic,
                "partition": partition.partition,
                "committed": None if at is None else at.offset,
                "next_offset": end,
                "lag": None if at is None or end is None else max(0, end - at.offset),
                "client": readers.get(partition),
            }
        )
    members: list[MemberShown] = [
        {
            "member_id": member.member_id,
            "instance_id": member.group_instance_id,
            "client_id": member.client_id,
            "host": member.client_host,
            "partitions": [(partition.topic, partition.partition) for partition in sorted(member.assignment)],
        }
        for member in group.members
    ]
    return {
        "group": group.group_id,
        "state": group.state,
        "type": group.type,
        "protocol_type": group.protocol_type,
        "protocol": group.protocol,
        "coordinator": group.coordinator,
        "configs": configs_of(admin, group.group_id),
        "members": members,
        "offsets": offsets,
    }


def configs_of(admin: Admin, group: str) -> dict[str, str | None]:
    """The configs that were set for a group; none where the brokers are older than such configs."""
    from actors.clients.admin.descriptions import ConfigResource
    from kstore.errors import InvalidRequest

    try:
        found = admin.describe_configs([ConfigResource("group", group)], config_filter="modified")
    except InvalidRequest:
        return {}
    return {name: entry.value for name, entry in found["group"][group].items()}


def ends_of(admin: Admin, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
    """The next offset of each partition that is still there."""
    from actors.clients.admin.descriptions import OffsetSpec

    there = set(admin.list_topics())
    wanted = {partition: OffsetSpec.LATEST for partition in partitions if partition.topic in there}
    return {partition: at.offset for partition, at in admin.list_partition_offsets(wanted).items()} if wanted else {}
