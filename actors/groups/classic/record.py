"""A classic group as its record has it, both ways.

A record is a picture of the group in one generation: its members, each with the metadata of the protocol chosen and
its assignment. Between two records the group is ahead of the log, as in Apache Kafka: a coordinator that takes over
has the generation of the last one.
"""

from collections.abc import Mapping

from actors.groups.classic.group import ClassicGroup
from actors.groups.classic.member import ClassicMember
from actors.groups.classic.states import GroupState
from actors.groups.records import GroupRecord
from kstore.schema.errors import SchemaError
from kstore.schema.messages.consumer_offsets import GroupMetadataValue, MemberMetadata


def record_of(group: ClassicGroup, assignments: Mapping[str, bytes]) -> GroupRecord:
    """The group as it stands, each member with its own of ``assignments``."""
    members = []
    for member in group.members.values():
        assert group.protocol_name is not None, "a group with members has a protocol once it is written"
        members.append(
            MemberMetadata(
                member_id=member.member_id,
                group_instance_id=member.group_instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                rebalance_timeout=member.rebalance_timeout_ms,
                session_timeout=member.session_timeout_ms,
                subscription=member.metadata(group.protocol_name),
                assignment=assignments[member.member_id],
            )
        )
    value = GroupMetadataValue(
        protocol_type=group.protocol_type or "",
        generation=group.generation_id,
        protocol=group.protocol_name,
        leader=group.leader_id,
        current_state_timestamp=-1 if group.state_since_ms is None else group.state_since_ms,
        members=members,
    )
    return GroupRecord(group.group_id, value)


def record_of_new(group: ClassicGroup) -> GroupRecord:
    """A group that was just made and has nobody in it yet, whatever it is about to become."""
    empty = ClassicGroup(group.group_id, now_ms=group.state_since_ms or 0)
    return record_of(empty, {})


def group_from_record(group_id: str, value: GroupMetadataValue, now_ms: int) -> ClassicGroup:
    """A group as a coordinator finds it in the log: Stable with its members, or Empty.

    Raises SchemaError for a group that can't be: what stands in the log may be a client's own making.
    """
    ids = [stored.member_id for stored in value.members]
    instances = [stored.group_instance_id for stored in value.members if stored.group_instance_id is not None]
    if len(set(ids)) < len(ids) or len(set(instances)) < len(instances):
        raise SchemaError(f"group {group_id} has a member twice")
    if value.members and (value.leader not in ids or value.protocol is None):
        raise SchemaError(f"group {group_id} has members, but no leader among them or no protocol")
    state = GroupState.STABLE if value.members else GroupState.EMPTY
    group = ClassicGroup(group_id, now_ms=now_ms, state=state)
    group.generation_id = value.generation
    group.protocol_name = value.protocol
    group.state_since_ms = None if value.current_state_timestamp == -1 else value.current_state_timestamp
    for stored in value.members:
        rebalance_timeout_ms = stored.session_timeout if stored.rebalance_timeout == -1 else stored.rebalance_timeout
        member = ClassicMember(
            stored.member_id,
            group_instance_id=stored.group_instance_id,
            client_id=stored.client_id,
            client_host=stored.client_host,
            rebalance_timeout_ms=rebalance_timeout_ms,
            session_timeout_ms=stored.session_timeout,
            protocol_type=value.protocol_type,
            protocols=((value.protocol or "", bytes(stored.subscription)),),
            assignment=bytes(stored.assignment),
        )
        group.add(member)
    group.protocol_type = value.protocol_type or None
    group.leader_id = value.leader
    return group
