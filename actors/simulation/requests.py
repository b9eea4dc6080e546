"""Requests of the simulated clients, in any version that the brokers accept, and what is read from the answers.

With ``wire`` the version of each request is drawn, so that a run speaks all of them; otherwise it is the latest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from actors.broker.registry import CLIENT_APIS
from actors.groups.consumer.records import by_topic
from kstore.records import RecordBatch, parse_batches
from kstore.schema import decode, encode
from kstore.schema.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatRequestTopicPartitions,
)
from kstore.schema.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolAssignmentTopicPartition,
    ConsumerProtocolSubscription,
)
from kstore.schema.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from kstore.schema.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from kstore.schema.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kstore.schema.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic
from kstore.schema.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kstore.schema.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kstore.schema.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

if TYPE_CHECKING:
    from kstore.log.names import TopicIdAndPartition
    from kstore.schema.messages.find_coordinator import FindCoordinatorResponse
    from kstore.schema.messages.offset_fetch import OffsetFetchResponse

LATEST = -1
EARLIEST = -2
SUBSCRIPTION_VERSION = 1
NO_ID = bytes(16)


def versions(api_key: int) -> tuple[int, int]:
    """The first and the last version in which brokers accept a request."""
    served = CLIENT_APIS[api_key]
    return served.first, served.last


def create_topic(name: str, partitions: int, replicas: int, configs: dict[str, str]) -> CreateTopicsRequest:
    listed = [CreatableTopicConfig(name=key, value=value) for key, value in configs.items()]
    topic = CreatableTopic(name=name, num_partitions=partitions, replication_factor=replicas, configs=listed)
    return CreateTopicsRequest(topics=[topic], timeout_ms=30_000)


def metadata(topic: str) -> MetadataRequest:
    return MetadataRequest(topics=[MetadataRequestTopic(name=topic)])


def produce(topic: str, topic_id: bytes, partition: int, records: bytes, acks: int, timeout_ms: int) -> ProduceRequest:
    data = [PartitionProduceData(index=partition, records=records)]
    return ProduceRequest(
        acks=acks,
        timeout_ms=timeout_ms,
        topic_data=[TopicProduceData(name=topic, topic_id=topic_id, partition_data=data)],
    )


def fetch(topic: str, topic_id: bytes, positions: dict[int, tuple[int, int]], max_wait_ms: int) -> FetchRequest:
    """Fetch some partitions: ``positions`` has the offset and the leader epoch of each."""
    partitions = [
        FetchPartition(
            partition=partition, fetch_offset=offset, current_leader_epoch=epoch, partition_max_bytes=1 << 16
        )
        for partition, (offset, epoch) in positions.items()
    ]
    topics = [FetchTopic(topic=topic, topic_id=topic_id, partitions=partitions)]
    return FetchRequest(max_wait_ms=max_wait_ms, min_bytes=1, max_bytes=1 << 18, topics=topics)


def list_offsets(topic: str, positions: dict[int, int], timestamp: int = LATEST) -> ListOffsetsRequest:
    """Ask for the high watermark of some partitions, or ``EARLIEST``: ``positions`` has the leader epoch of each."""
    partitions = [
        ListOffsetsPartition(partition_index=partition, current_leader_epoch=epoch, timestamp=timestamp)
        for partition, epoch in positions.items()
    ]
    return ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=topic, partitions=partitions)])


def delete_records(topic: str, partition: int, offset: int) -> DeleteRecordsRequest:
    asked = DeleteRecordsPartition(partition_index=partition, offset=offset)
    return DeleteRecordsRequest(topics=[DeleteRecordsTopic(name=topic, partitions=[asked])], timeout_ms=2_000)


def find_coordinator(group: str, version: int) -> FindCoordinatorRequest:
    if version >= 4:
        return FindCoordinatorRequest(coordinator_keys=[group])
    return FindCoordinatorRequest(key=group)


def coordinator_of(response: FindCoordinatorResponse) -> tuple[int, int]:
    """The error code and the node of a FindCoordinator answer."""
    found = response.coordinators[0] if response.coordinators else response
    return found.error_code, found.node_id


def join_group(
    group: str, member: str, instance: str | None, topic: str, session_ms: int, rebalance_ms: int, version: int
) -> JoinGroupRequest:
    subscription = ConsumerProtocolSubscription(topics=[topic])
    subscribed = SUBSCRIPTION_VERSION.to_bytes(2, "big") + encode(subscription, SUBSCRIPTION_VERSION)
    return JoinGroupRequest(
        group_id=group,
        session_timeout_ms=session_ms,
        rebalance_timeout_ms=rebalance_ms,
        member_id=member,
        group_instance_id=instance if version >= 5 else None,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=subscribed)],
    )


def sync_group(
    group: str,
    generation: int,
    member: str,
    instance: str | None,
    topic: str,
    assignments: dict[str, list[int]],
    version: int,
) -> SyncGroupRequest:
    return SyncGroupRequest(
        group_id=group,
        generation_id=generation,
        member_id=member,
        group_instance_id=instance if version >= 3 else None,
        protocol_type="consumer",
        protocol_name="range",
        assignments=[
            SyncGroupRequestAssignment(member_id=each, assignment=_assignment(topic, partitions))
            for each, partitions in assignments.items()
        ],
    )


def _assignment(topic: str, partitions: list[int]) -> bytes:
    assigned = [ConsumerProtocolAssignmentTopicPartition(topic=topic, partitions=partitions)]
    body = encode(ConsumerProtocolAssignment(assigned_partitions=assigned), SUBSCRIPTION_VERSION)
    return SUBSCRIPTION_VERSION.to_bytes(2, "big") + body


def assigned_partitions(assignment: bytes) -> list[int]:
    """The partitions in a SyncGroup answer."""
    if not assignment:
        return []
    version = int.from_bytes(bytes(assignment[:2]), "big")
    decoded = decode(ConsumerProtocolAssignment, version, assignment, 2)
    return [partition for topic in decoded.assigned_partitions for partition in topic.partitions]


def leave_group(group: str, member: str, version: int) -> LeaveGroupRequest:
    if version >= 3:
        return LeaveGroupRequest(group_id=group, members=[MemberIdentity(member_id=member)])
    return LeaveGroupRequest(group_id=group, member_id=member)


def heartbeat(group: str, generation: int, member: str, instance: str | None, version: int) -> HeartbeatRequest:
    return HeartbeatRequest(
        group_id=group,
        generation_id=generation,
        member_id=member,
        group_instance_id=instance if version >= 3 else None,
    )


def offset_commit(
    group: str,
    generation: int,
    member: str,
    instance: str | None,
    topic: str,
    topic_id: bytes,
    offsets: dict[int, int],
    version: int,
) -> OffsetCommitRequest:
    partitions = [
        OffsetCommitRequestPartition(partition_index=partition, committed_offset=offset, committed_metadata="")
        for partition, offset in offsets.items()
    ]
    return OffsetCommitRequest(
        group_id=group,
        generation_id_or_member_epoch=generation,
        member_id=member,
        group_instance_id=instance if version >= 7 else None,
        topics=[OffsetCommitRequestTopic(name=topic, topic_id=topic_id, partitions=partitions)],
    )


def offset_fetch(
    group: str,
    topic: str,
    topic_id: bytes,
    partitions: list[int],
    version: int,
    member: tuple[str, int] | None = None,
) -> OffsetFetchRequest:
    """Ask for committed offsets; ``member``: the id and epoch of the one that asks, from version 9 on."""
    if version >= 8:
        member_id, epoch = member or (None, -1)
        topics = [OffsetFetchRequestTopics(name=topic, topic_id=topic_id, partition_indexes=partitions)]
        asked = OffsetFetchRequestGroup(group_id=group, member_id=member_id, member_epoch=epoch, topics=topics)
        return OffsetFetchRequest(groups=[asked])
    return OffsetFetchRequest(
        group_id=group, topics=[OffsetFetchRequestTopic(name=topic, partition_indexes=partitions)]
    )


def fetched_offsets(response: OffsetFetchResponse) -> tuple[int, dict[int, tuple[int, int]]]:
    """The error code of an OffsetFetch answer, and error code and offset by partition."""
    answer = response.groups[0] if response.groups else response
    offsets = {
        each.partition_index: (each.error_code, each.committed_offset)
        for topic in answer.topics
        for each in topic.partitions
    }
    return answer.error_code, offsets


def batches_in(records: Any) -> list[RecordBatch]:
    """The whole batches of a Fetch answer, in one piece or in chunks."""
    if records is None:
        return []
    if isinstance(records, list):
        records = b"".join(_bytes_of(chunk) for chunk in records)
    return parse_batches(records, allow_partial=True)


def _bytes_of(chunk: Any) -> bytes:
    return bytes(chunk.read(0, chunk.nbytes)) if hasattr(chunk, "read") else bytes(chunk)


def values_from(records: Any, offset: int) -> tuple[list[tuple[int, bytes]], int]:
    """Offset and value of each record of a Fetch answer from an offset on, checksums verified, and the offset after the
    last batch, which may be a marker.
    """
    values: list[tuple[int, bytes]] = []
    for batch in batches_in(records):
        batch.verify_crc()
        if not batch.is_control:
            values += [(each.offset, each.value or b"") for each in batch.records() if each.offset >= offset]
        offset = batch.last_offset + 1
    return values, offset


def consumer_heartbeat(
    group: str, member_id: str, member_epoch: int, instance: str | None
) -> ConsumerGroupHeartbeatRequest:
    """A heartbeat that says nothing new."""
    return ConsumerGroupHeartbeatRequest(
        group_id=group, member_id=member_id, member_epoch=member_epoch, instance_id=instance
    )


def owned_partitions(partitions: Iterable[TopicIdAndPartition]) -> list[ConsumerGroupHeartbeatRequestTopicPartitions]:
    """What a member owns, as a heartbeat has it."""
    return [
        ConsumerGroupHeartbeatRequestTopicPartitions(topic_id=topic_id, partitions=numbers)
        for topic_id, numbers in by_topic(partitions).items()
    ]
