"""Requests of group members, as consumers of the classic protocol write them."""

from __future__ import annotations

from typing import Any

from kstore.schema import decode, encode
from kstore.schema.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolAssignmentTopicPartition,
    ConsumerProtocolSubscription,
)
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from kstore.schema.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kstore.schema.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from kstore.schema.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

GROUP = "g"
TOPIC = "t"
SESSION_MS = 10_000
REBALANCE_MS = 20_000
PROTOCOL_VERSION = 1
PREFIX = PROTOCOL_VERSION.to_bytes(2, "big")


def join_group(member: str, instance: str | None) -> JoinGroupRequest:
    subscription = PREFIX + encode(ConsumerProtocolSubscription(topics=[TOPIC]), PROTOCOL_VERSION)
    return JoinGroupRequest(
        group_id=GROUP,
        session_timeout_ms=SESSION_MS,
        rebalance_timeout_ms=REBALANCE_MS,
        member_id=member,
        group_instance_id=instance,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=subscription)],
    )


def sync_group(generation: int, member: str, assignments: dict[str, list[int]]) -> SyncGroupRequest:
    return SyncGroupRequest(
        group_id=GROUP,
        generation_id=generation,
        member_id=member,
        protocol_type="consumer",
        protocol_name="range",
        assignments=[
            SyncGroupRequestAssignment(member_id=each, assignment=_assignment(partitions))
            for each, partitions in assignments.items()
        ],
    )


def _assignment(partitions: list[int]) -> bytes:
    assigned = [ConsumerProtocolAssignmentTopicPartition(topic=TOPIC, partitions=partitions)]
    return PREFIX + encode(ConsumerProtocolAssignment(assigned_partitions=assigned), PROTOCOL_VERSION)


def assigned_partitions(assignment: Any) -> list[int]:
    """The partitions in a SyncGroup answer."""
    decoded = decode(ConsumerProtocolAssignment, PROTOCOL_VERSION, assignment, len(PREFIX))
    return [partition for topic in decoded.assigned_partitions for partition in topic.partitions]


def offset_commit(generation: int, member: str, topic_id: bytes, offsets: dict[int, int]) -> OffsetCommitRequest:
    partitions = [
        OffsetCommitRequestPartition(partition_index=partition, committed_offset=offset, committed_metadata="")
        for partition, offset in offsets.items()
    ]
    return OffsetCommitRequest(
        group_id=GROUP,
        generation_id_or_member_epoch=generation,
        member_id=member,
        topics=[OffsetCommitRequestTopic(name=TOPIC, topic_id=topic_id, partitions=partitions)],
    )


def offset_fetch(topic_id: bytes, partitions: list[int]) -> OffsetFetchRequest:
    topics = [OffsetFetchRequestTopics(name=TOPIC, topic_id=topic_id, partition_indexes=partitions)]
    return OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id=GROUP, topics=topics)])


def fetched_offsets(response: Any) -> tuple[int, dict[int, int]]:
    """The error code of an OffsetFetch answer, and the offset of each partition."""
    (group,) = response.groups
    offsets = {each.partition_index: each.committed_offset for topic in group.topics for each in topic.partitions}
    return group.error_code, offsets
