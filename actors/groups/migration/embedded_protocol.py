"""The consumer embedded protocol: what consumers of the classic protocol tell each other in the bytes of their group.

In a consumer group the coordinator reads their subscriptions, and writes their assignments. A version goes first; a
version that is too new is read as the newest that is known, as in Kafka's ``ConsumerProtocol``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from actors.groups.consumer.records import by_topic
from actors.groups.topics import Topics
from kstore.log.names import TopicIdAndPartition
from kstore.schema import decode, encode
from kstore.schema.errors import SchemaError
from kstore.schema.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolAssignmentTopicPartition,
    ConsumerProtocolSubscription,
    ConsumerProtocolSubscriptionTopicPartition,
)

_SHORT = struct.Struct(">h")


def version_of(data: bytes, newest: int) -> int:
    """The version in which the bytes are to be read.

    Raises:
        SchemaError: there is no version at their start.
    """
    version = _SHORT.unpack_from(data)[0] if len(data) >= _SHORT.size else -1
    if version < 0:
        raise SchemaError("the bytes of the embedded protocol don't begin with a version")
    return int(min(version, newest))


def subscription_of(metadata: bytes) -> ConsumerProtocolSubscription:
    """What a member subscribes to; raises SchemaError for bytes that aren't a subscription."""
    version = version_of(metadata, ConsumerProtocolSubscription.VERSIONS[1])
    return decode(ConsumerProtocolSubscription, version, metadata, _SHORT.size)


def assignment_of(data: bytes) -> ConsumerProtocolAssignment:
    """What a leader has assigned; raises SchemaError for bytes that aren't an assignment."""
    version = version_of(data, ConsumerProtocolAssignment.VERSIONS[1])
    return decode(ConsumerProtocolAssignment, version, data, _SHORT.size)


def partitions_of(
    by_name: Iterable[ConsumerProtocolAssignmentTopicPartition | ConsumerProtocolSubscriptionTopicPartition],
    topics: Topics,
) -> list[TopicIdAndPartition]:
    """The partitions by the ids of their topics; those of topics that there aren't are left out."""
    named = [(topics.get(each.topic), each.partitions) for each in by_name]
    return [(topic.topic_id, number) for topic, numbers in named if topic is not None for number in numbers]


def encoded_assignment(partitions: Iterable[TopicIdAndPartition], topics: Topics, metadata: bytes) -> bytes:
    """An assignment as a member reads it, in the version of its own metadata."""
    version = version_of(metadata, ConsumerProtocolAssignment.VERSIONS[1])
    named = [(topics.name_of(topic_id), numbers) for topic_id, numbers in by_topic(partitions).items()]
    assignment = ConsumerProtocolAssignment(
        assigned_partitions=[
            ConsumerProtocolAssignmentTopicPartition(topic=name, partitions=numbers)
            for name, numbers in named
            if name is not None
        ]
    )
    return _SHORT.pack(version) + encode(assignment, version)
