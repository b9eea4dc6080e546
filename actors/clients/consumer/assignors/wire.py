"""Subscriptions and assignments as bytes: Kafka's consumer protocol, which brokers pass on without reading it.

A version (``int16``) comes first. Newer versions only add fields at the end, so a reader takes of a version that it
doesn't know what it does know; Kafka's clients write version 3 and so do we.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from actors.clients.consumer.assignors.interface import MemberSubscription
from actors.clients.structs import TopicPartition
from kstore.errors import InvalidRequest
from kstore.schema import decode, encode
from kstore.schema.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolAssignmentTopicPartition,
    ConsumerProtocolSubscription,
    ConsumerProtocolSubscriptionTopicPartition,
)

VERSION = 3
INT16 = struct.Struct(">h")


def version_of(data: bytes) -> int:
    """The version to read, at most ours."""
    if len(data) < INT16.size:
        raise InvalidRequest(f"the consumer protocol begins with a version of two bytes, not with {len(data)} bytes")
    (version,) = INT16.unpack_from(data)
    if version < 0:
        raise InvalidRequest(f"the consumer protocol has no version {version}")
    return min(int(version), VERSION)


def by_topic(partitions: Iterable[TopicPartition]) -> dict[str, list[int]]:
    """Partition numbers by topic, both in order."""
    found: dict[str, list[int]] = {}
    for partition in sorted(partitions):
        found.setdefault(partition.topic, []).append(partition.partition)
    return found


def encode_subscription(member: MemberSubscription) -> bytes:
    """What a member says when it joins."""
    message = ConsumerProtocolSubscription(
        topics=sorted(member.topics),
        user_data=member.user_data,
        owned_partitions=[
            ConsumerProtocolSubscriptionTopicPartition(topic=topic, partitions=numbers)
            for topic, numbers in by_topic(member.owned).items()
        ],
        generation_id=member.generation,
        rack_id=member.rack,
    )
    return INT16.pack(VERSION) + encode(message, VERSION)


def decode_subscription(data: bytes) -> MemberSubscription:
    """What another member said. Raises ``KafkaError`` for bytes that aren't a subscription."""
    said = decode(ConsumerProtocolSubscription, version_of(data), data, INT16.size)
    return MemberSubscription(
        tuple(said.topics),
        None if said.user_data is None else bytes(said.user_data),
        tuple(TopicPartition(each.topic, number) for each in said.owned_partitions for number in each.partitions),
        said.generation_id,
        said.rack_id,
    )


def encode_assignment(partitions: Iterable[TopicPartition], user_data: bytes | None = None) -> bytes:
    """What a member gets."""
    message = ConsumerProtocolAssignment(
        assigned_partitions=[
            ConsumerProtocolAssignmentTopicPartition(topic=topic, partitions=numbers)
            for topic, numbers in by_topic(partitions).items()
        ],
        user_data=user_data,
    )
    return INT16.pack(VERSION) + encode(message, VERSION)


def decode_assignment(data: bytes) -> tuple[TopicPartition, ...]:
    """What this member got; nothing when the leader gave nothing, which brokers say with no bytes at all."""
    if not data:
        return ()
    given = decode(ConsumerProtocolAssignment, version_of(data), data, INT16.size)
    return tuple(TopicPartition(each.topic, number) for each in given.assigned_partitions for number in each.partitions)
