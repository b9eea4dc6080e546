"""The records of consumer groups, both ways: Kafka's types 3 (group), 5 (member), 6 and 7 (target assignment), 8 (a
member's assignment) and 16 (regular expression). Type 4 is older than Kafka 4.1; only its tombstone is still written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from sys import intern
from types import MappingProxyType

from actors.groups.consumer.member import ClassicClient, ConsumerMember, MemberState
from actors.groups.records import ConsumerGroupRecord
from kstore.log.names import TopicIdAndPartition
from kstore.schema.messages.consumer_group_records import (
    ClassicMemberMetadata,
    ClassicProtocol,
    ConsumerGroupCurrentMemberAssignmentKey,
    ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataKey,
    ConsumerGroupMemberMetadataValue,
    ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue,
    ConsumerGroupPartitionMetadataKey,
    ConsumerGroupRegularExpressionKey,
    ConsumerGroupRegularExpressionValue,
    ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue,
    TopicPartition,
    TopicPartitions,
)

NOTHING: Mapping[TopicIdAndPartition, int] = MappingProxyType({})


def by_topic(partitions: Iterable[TopicIdAndPartition]) -> dict[bytes, list[int]]:
    """The numbers of partitions by topic, both in order."""
    found: dict[bytes, list[int]] = {}
    for topic_id, number in sorted(partitions):
        found.setdefault(topic_id, []).append(number)
    return found


def group_record(group_id: str, epoch: int, metadata_hash: int) -> ConsumerGroupRecord:
    value = ConsumerGroupMetadataValue(epoch=epoch, metadata_hash=metadata_hash)
    return ConsumerGroupRecord(group_id, ConsumerGroupMetadataKey(group_id=group_id), value)


def member_record(group_id: str, member: ConsumerMember) -> ConsumerGroupRecord:
    value = ConsumerGroupMemberMetadataValue(
        instance_id=member.instance_id,
        rack_id=member.rack_id,
        client_id=member.client_id,
        client_host=member.client_host,
        subscribed_topic_names=list(member.topics),
        subscribed_topic_regex=member.regex,
        rebalance_timeout_ms=member.rebalance_timeout_ms,
        server_assignor=member.assignor,
        classic_member_metadata=None if member.classic is None else _metadata_of(member.classic),
    )
    key = ConsumerGroupMemberMetadataKey(group_id=group_id, member_id=member.member_id)
    return ConsumerGroupRecord(group_id, key, value)


def target_record(group_id: str, member_id: str, target: frozenset[TopicIdAndPartition]) -> ConsumerGroupRecord:
    topics = [TopicPartition(topic_id=each, partitions=numbers) for each, numbers in by_topic(target).items()]
    key = ConsumerGroupTargetAssignmentMemberKey(group_id=group_id, member_id=member_id)
    return ConsumerGroupRecord(group_id, key, ConsumerGroupTargetAssignmentMemberValue(topic_partitions=topics))


def assignment_epoch_record(group_id: str, epoch: int, now_ms: int) -> ConsumerGroupRecord:
    value = ConsumerGroupTargetAssignmentMetadataValue(assignment_epoch=epoch, assignment_timestamp=now_ms)
    return ConsumerGroupRecord(group_id, ConsumerGroupTargetAssignmentMetadataKey(group_id=group_id), value)


def current_record(group_id: str, member: ConsumerMember) -> ConsumerGroupRecord:
    value = ConsumerGroupCurrentMemberAssignmentValue(
        member_epoch=member.epoch,
        previous_member_epoch=member.previous_epoch,
        state=int(member.state),
        assigned_partitions=_with_epochs(member.assigned),
        partitions_pending_revocation=_with_epochs(member.revoking),
    )
    key = ConsumerGroupCurrentMemberAssignmentKey(group_id=group_id, member_id=member.member_id)
    return ConsumerGroupRecord(group_id, key, value)


def regex_record(group_id: str, regex: str, topics: tuple[str, ...], offset: int, now_ms: int) -> ConsumerGroupRecord:
    """What an expression matches among the topics that the metadata log has up to ``offset``."""
    key = ConsumerGroupRegularExpressionKey(group_id=group_id, regular_expression=regex)
    return ConsumerGroupRecord(
        group_id, key, ConsumerGroupRegularExpressionValue(topics=list(topics), version=offset, timestamp=now_ms)
    )


def regex_tombstone(group_id: str, regex: str) -> ConsumerGroupRecord:
    key = ConsumerGroupRegularExpressionKey(group_id=group_id, regular_expression=regex)
    return ConsumerGroupRecord(group_id, key, None)


def member_tombstones(group_id: str, member_id: str) -> list[ConsumerGroupRecord]:
    """A member is gone: its assignment, its target, and itself."""
    return [
        ConsumerGroupRecord(group_id, key, None)
        for key in (
            ConsumerGroupCurrentMemberAssignmentKey(group_id=group_id, member_id=member_id),
            ConsumerGroupTargetAssignmentMemberKey(group_id=group_id, member_id=member_id),
            ConsumerGroupMemberMetadataKey(group_id=group_id, member_id=member_id),
        )
    ]


def group_tombstones(group_id: str, regexes: Iterable[str]) -> list[ConsumerGroupRecord]:
    """A group without members is gone."""
    return [
        ConsumerGroupRecord(group_id, ConsumerGroupTargetAssignmentMetadataKey(group_id=group_id), None),
        *[regex_tombstone(group_id, regex) for regex in regexes],
        ConsumerGroupRecord(group_id, ConsumerGroupPartitionMetadataKey(group_id=group_id), None),
        ConsumerGroupRecord(group_id, ConsumerGroupMetadataKey(group_id=group_id), None),
    ]


def with_metadata(member: ConsumerMember, value: ConsumerGroupMemberMetadataValue) -> ConsumerMember:
    """A member with what its record of type 5 says of it."""
    return member._replace(
        instance_id=value.instance_id,
        rack_id=value.rack_id,
        client_id=intern(value.client_id),
        client_host=intern(value.client_host),
        topics=tuple(sorted(set(map(intern, value.subscribed_topic_names)))),
        regex=intern(value.subscribed_topic_regex or ""),
        rebalance_timeout_ms=value.rebalance_timeout_ms,
        assignor=value.server_assignor,
        classic=_classic(value.classic_member_metadata),
    )


def _metadata_of(classic: ClassicClient) -> ClassicMemberMetadata:
    protocols = [ClassicProtocol(name=name, metadata=metadata) for name, metadata in classic.protocols]
    return ClassicMemberMetadata(session_timeout_ms=classic.session_timeout_ms, supported_protocols=protocols)


def _classic(metadata: ClassicMemberMetadata | None) -> ClassicClient | None:
    """A record that doesn't say null has an empty one, as generated by Kafka: a client without protocols isn't one."""
    if metadata is None or not metadata.supported_protocols:
        return None
    protocols = tuple((each.name, bytes(each.metadata)) for each in metadata.supported_protocols)
    return ClassicClient(metadata.session_timeout_ms, protocols)


def with_assignment(
    member: ConsumerMember,
    value: ConsumerGroupCurrentMemberAssignmentValue,
    target: frozenset[TopicIdAndPartition] = frozenset(),
) -> ConsumerMember:
    """A member with what its record of type 8 says of it. A partition without an epoch has the member's. What is also
    in its ``target`` isn't kept a second time.
    """
    known = value.state in (0, 1, 2)
    return member._replace(
        epoch=value.member_epoch,
        previous_epoch=value.previous_member_epoch,
        state=MemberState(value.state) if known else MemberState.UNKNOWN,
        assigned=_epochs(value.assigned_partitions, value.member_epoch, target),
        revoking=_epochs(value.partitions_pending_revocation, value.member_epoch, target),
    )


def target_of(value: ConsumerGroupTargetAssignmentMemberValue) -> frozenset[TopicIdAndPartition]:
    """What a record of type 7 says that a member is to have."""
    return frozenset((bytes(topic.topic_id), number) for topic in value.topic_partitions for number in topic.partitions)


def _with_epochs(partitions: Mapping[TopicIdAndPartition, int]) -> list[TopicPartitions]:
    return [
        TopicPartitions(
            topic_id=topic_id,
            partitions=numbers,
            assignment_epochs=[partitions[(topic_id, number)] for number in numbers],
        )
        for topic_id, numbers in by_topic(partitions).items()
    ]


def _epochs(
    topics: list[TopicPartitions], member_epoch: int, target: frozenset[TopicIdAndPartition]
) -> Mapping[TopicIdAndPartition, int]:
    if not topics:
        return NOTHING
    there = {each: each for each in target}
    found: dict[TopicIdAndPartition, int] = {}
    for topic in topics:
        epochs = topic.assignment_epochs or []
        if len(epochs) != len(topic.partitions):
            epochs = [max(member_epoch, 0)] * len(topic.partitions)
        for number, epoch in zip(topic.partitions, epochs, strict=True):
            each = (bytes(topic.topic_id), number)
            found[there.get(each, each)] = epoch
    return found
