"""The records of ``__consumer_offsets``, byte for byte those of Apache Kafka 4.4.

A key is a 16-bit record type and the key's fields; a value is a 16-bit version and the value's fields:

    type 0, 1  OffsetCommitKey    group, topic, partition     OffsetCommitValue  offset, leader epoch, metadata, times
    type 2     GroupMetadataKey   group                       GroupMetadataValue protocol, generation, leader, members
    type 3 to 8, 16               of consumer groups: ``actors/groups/consumer/records.py`` says what is in them

Kafka writes commits at version 4, at version 1 when the client asked for a retention of its own (only that version has
the field for it), and groups at version 3. Every version is read. Other record types belong to group kinds that don't
exist here, and are skipped like Kafka skips unknown ones.
"""

from typing import TypeAlias

from actors.coordinator.effects import LogEntry
from kstore.named import NamedTuple
from kstore.schema import decode
from kstore.schema.envelopes import encode_key, encode_value, prefix_of
from kstore.schema.messages.consumer_group_records import KEY_TYPES, VALUE_TYPES
from kstore.schema.messages.consumer_offsets import (
    GroupMetadataKey,
    GroupMetadataValue,
    OffsetCommitKey,
    OffsetCommitValue,
)
from kstore.schema.struct import Message
from kstore.schema.uuids import ZERO

LEGACY_OFFSET_COMMIT_TYPE = 0
OFFSET_COMMIT_TYPE = 1
GROUP_METADATA_TYPE = 2

COMMIT_VERSION = 4
COMMIT_VERSION_WITH_EXPIRY = 1
GROUP_VERSION = 3
CONSUMER_VERSION = 0


class CommittedOffset(NamedTuple):
    """An offset as a group committed it; times are in ms since 1970."""

    offset: int
    leader_epoch: int
    metadata: str
    committed_at_ms: int
    expires_at_ms: int = -1
    """-1 unless the client asked for a retention of its own, which only OffsetCommit 2 to 4 can."""
    topic_id: bytes = ZERO


class OffsetRecord(NamedTuple):
    """One commit, or its tombstone."""

    group_id: str
    topic: str
    partition: int
    committed: CommittedOffset | None


class GroupRecord(NamedTuple):
    """A classic group, or its tombstone."""

    group_id: str
    value: GroupMetadataValue | None


class ConsumerGroupRecord(NamedTuple):
    """A record of a consumer group, of any of its types, or its tombstone."""

    group_id: str
    key: Message
    value: Message | None


Record: TypeAlias = OffsetRecord | GroupRecord | ConsumerGroupRecord


def encode_entry(record: Record) -> LogEntry:
    """A record's key and value."""
    if isinstance(record, OffsetRecord):
        return _encode_offset(record)
    if isinstance(record, ConsumerGroupRecord):
        return encode_key(record.key), None if record.value is None else encode_value(record.value, CONSUMER_VERSION)
    key = encode_key(GroupMetadataKey(group=record.group_id))
    return key, None if record.value is None else encode_value(record.value, GROUP_VERSION)


def _encode_offset(record: OffsetRecord) -> LogEntry:
    key = encode_key(OffsetCommitKey(group=record.group_id, topic=record.topic, partition=record.partition))
    committed = record.committed
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


def decode_entry(key: bytes, value: bytes | None) -> Record | None:
    """Read one record back; None for a type that isn't ours. Raises SchemaError for what is cut short."""
    record_type = prefix_of(key)
    if record_type in (LEGACY_OFFSET_COMMIT_TYPE, OFFSET_COMMIT_TYPE):
        offset_key = decode(OffsetCommitKey, 0, key, 2)
        committed = None if value is None else _committed(value)
        return OffsetRecord(offset_key.group, offset_key.topic, offset_key.partition, committed)
    if record_type == GROUP_METADATA_TYPE:
        group_id = decode(GroupMetadataKey, 0, key, 2).group
        return GroupRecord(group_id, None if value is None else decode(GroupMetadataValue, prefix_of(value), value, 2))
    if record_type in KEY_TYPES:
        consumer_key = decode(KEY_TYPES[record_type], 0, key, 2)
        stored = None if value is None else decode(VALUE_TYPES[record_type], prefix_of(value), value, 2)
        return ConsumerGroupRecord(_group_of(consumer_key), consumer_key, stored)
    return None


def _group_of(key: Message) -> str:
    """The group of a consumer group's record: each key has it first."""
    group_id: str = key.group_id  # type: ignore[attr-defined]
    return group_id


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
