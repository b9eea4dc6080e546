"""The records of ``__consumer_offsets``, byte for byte those of Apache Kafka 4.4.

A key is a 16-bit record type and the key's fields; a value is a 16-bit version and the value's fields:

    type 0, 1  OffsetCommitKey    group, topic, partition     OffsetCommitValue  offset, leader epoch, metadata, times
    type 2     GroupMetadataKey   group                       GroupMetadataValue protocol, generation, leader, members

Kafka writes commits at version 4, at version 1 when the client asked for a retention of its own (only that version has
the field for it), and groups at version 3. Every version is read. Other record types belong to group kinds that don't
exist here, and are skipped like Kafka skips unknown ones.
"""

from typing import TypeAlias

from actors.coordinator.effects import LogEntry
from actors.groups.group import ClassicGroup, GroupState
from actors.groups.member import Member
from kstore.named import NamedTuple
from kstore.schema import decode
from kstore.schema.envelopes import encode_key, encode_value, prefix_of
from kstore.schema.errors import SchemaError
from kstore.schema.messages.consumer_offsets import (
    GroupMetadataKey,
    GroupMetadataValue,
    MemberMetadata,
    OffsetCommitKey,
    OffsetCommitValue,
)
from kstore.schema.uuids import ZERO

LEGACY_OFFSET_COMMIT_TYPE = 0
OFFSET_COMMIT_TYPE = 1
GROUP_METADATA_TYPE = 2

COMMIT_VERSION = 4
COMMIT_VERSION_WITH_EXPIRY = 1
GROUP_VERSION = 3


class CommittedOffset(NamedTuple):
    offset: int
    leader_epoch: int
    metadata: str
    committed_at_ms: int
    expires_at_ms: int = -1
    """-1 unless the client asked for a retention of its own, which only OffsetCommit 2 to 4 can."""
    topic_id: bytes = ZERO


class OffsetRecord(NamedTuple):
    group_id: str
    topic: str
    partition: int
    committed: CommittedOffset | None


class GroupRecord(NamedTuple):
    group_id: str
    value: GroupMetadataValue | None


DecodedRecord: TypeAlias = OffsetRecord | GroupRecord


def offset_entry(group_id: str, topic: str, partition: int, committed: CommittedOffset | None) -> LogEntry:
    """One commit, or its tombstone."""
    key = encode_key(OffsetCommitKey(group=group_id, topic=topic, partition=partition))
    if committed is None:
        return key, None
    version = COMMIT_VERSION if committed.expires_at_ms < 0 else COMMIT_VERSION_WITH_EXPIRY
    value = OffsetCommitValue(
        offset=committed.offset,
        leader_epoch=committed.leader_epoch,
        metadata=committed.metadata,
        commit_timestamp=committed.committed_at_ms,
        expire_timestamp=committed.expires_at_ms,
        topic_id=committed.topic_id,
    )
    return key, encode_value(value, version)


def group_key(group_id: str) -> bytes:
    return encode_key(GroupMetadataKey(group=group_id))


def group_entry(group: ClassicGroup, assignments: dict[str, bytes]) -> LogEntry:
    """The group as it stands, each member with its share of ``assignments``."""
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
    return group_key(group.group_id), encode_value(value, GROUP_VERSION)


def new_group_entry(group: ClassicGroup) -> LogEntry:
    """A group that was just made and has nobody in it yet, whatever it is about to become."""
    empty = ClassicGroup(group.group_id, now_ms=group.state_since_ms or 0)
    return group_entry(empty, {})


def group_tombstone(group_id: str) -> LogEntry:
    return group_key(group_id), None


def decode_entry(key: bytes, value: bytes | None) -> DecodedRecord | None:
    """Read one record back; None for a type that isn't ours. Raises SchemaError for what is cut short."""
    record_type = prefix_of(key)
    if record_type in (LEGACY_OFFSET_COMMIT_TYPE, OFFSET_COMMIT_TYPE):
        offset_key = decode(OffsetCommitKey, 0, key, 2)
        committed = None if value is None else _committed(value)
        return OffsetRecord(offset_key.group, offset_key.topic, offset_key.partition, committed)
    if record_type == GROUP_METADATA_TYPE:
        group_id = decode(GroupMetadataKey, 0, key, 2).group
        return GroupRecord(group_id, None if value is None else decode(GroupMetadataValue, prefix_of(value), value, 2))
    return None


def _committed(value: bytes) -> CommittedOffset:
    stored = decode(OffsetCommitValue, prefix_of(value), value, 2)
    return CommittedOffset(
        stored.offset,
        stored.leader_epoch,
        stored.metadata,
        stored.commit_timestamp,
        stored.expire_timestamp,
        stored.topic_id,
    )


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
    group.is_committed = True
    group.generation_id = value.generation
    group.protocol_name = value.protocol
    group.state_since_ms = None if value.current_state_timestamp == -1 else value.current_state_timestamp
    for stored in value.members:
        rebalance_timeout_ms = stored.session_timeout if stored.rebalance_timeout == -1 else stored.rebalance_timeout
        member = Member(
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
