"""Groups that migrate between the two protocols, in a driven shard: members of both, and what each of them is told."""

from __future__ import annotations

import struct
from typing import Any

from groups.driving import REBALANCE_MS, Driven

from actors.groups.classic.group import ClassicGroup
from actors.groups.consumer.group import ConsumerGroup
from actors.groups.topics import TopicInfo
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema import decode, encode
from kstore.schema.messages.consumer_group_describe import ConsumerGroupDescribeRequest, DescribedGroup
from kstore.schema.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatRequestTopicPartitions,
    ConsumerGroupHeartbeatResponse,
)
from kstore.schema.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolAssignmentTopicPartition,
    ConsumerProtocolSubscription,
    ConsumerProtocolSubscriptionTopicPartition,
)
from kstore.schema.messages.join_group import JoinGroupResponse

ORDERS, USERS = b"o" * 16, b"u" * 16
TOPICS = {"orders": TopicInfo(ORDERS, 4), "users": TopicInfo(USERS, 2)}
SHORT = struct.Struct(">h")


def started(**more: Any) -> Driven:
    found = Driven(**more)
    found.topics.set(dict(TOPICS))
    return found


def subscription(
    *names: str, owned: tuple[int, ...] = (), version: int = 3, rack: str | None = None, user_data: bytes | None = None
) -> bytes:
    parts = [ConsumerProtocolSubscriptionTopicPartition(topic="orders", partitions=list(owned))] if owned else []
    message = ConsumerProtocolSubscription(
        topics=list(names or ("orders",)), owned_partitions=parts, rack_id=rack, user_data=user_data
    )
    return SHORT.pack(version) + encode(message, version)


def assignment(*numbers: int, topic: str = "orders", version: int = 3, user_data: bytes | None = None) -> bytes:
    parts = [ConsumerProtocolAssignmentTopicPartition(topic=topic, partitions=list(numbers))] if numbers else []
    return SHORT.pack(version) + encode(
        ConsumerProtocolAssignment(assigned_partitions=parts, user_data=user_data), version
    )


def assigned(data: bytes) -> list[tuple[str, int]]:
    """What is in an assignment, sorted."""
    message = decode(ConsumerProtocolAssignment, SHORT.unpack_from(data)[0], data, SHORT.size)
    return sorted((topic.topic, number) for topic in message.assigned_partitions for number in topic.partitions)


def numbers(answer: ConsumerGroupHeartbeatResponse) -> list[int]:
    """The partitions that a heartbeat's answer assigns; it must assign some, or none at all."""
    assert answer.assignment is not None
    return [number for topic in answer.assignment.topic_partitions for number in topic.partitions]


class Migrating:
    """A group ``g`` of members of both kinds. Classic members offer ``range`` with what they own in it."""

    def __init__(self, driven: Driven) -> None:
        self.driven = driven

    def join(
        self,
        member_id: str = "",
        *names: str,
        owned: tuple[int, ...] = (),
        instance: str | None = None,
        protocols: tuple[str, ...] = ("range",),
        **more: Any,
    ) -> JoinGroupResponse:
        """A classic JoinGroup that is answered at once; raises its error."""
        rack = more.pop("rack", None)
        metadata = subscription(*names, owned=owned, rack=rack)
        self.driven.send_join(
            "join", member_id, instance=instance, protocols=tuple((name, metadata) for name in protocols), **more
        )
        if self.driven.is_parked("join"):
            self.driven.pass_ms(0)  # the first rebalance of a classic group
        response = self.driven.answer("join")
        if isinstance(response, KafkaError):
            raise response
        assert isinstance(response, JoinGroupResponse)
        if response.error_code == errors.MemberIdRequired.code and not member_id:
            return self.join(response.member_id, *names, owned=owned, instance=instance, protocols=protocols, **more)
        return response

    def sync(self, member_id: str, generation: int, **more: Any) -> list[int]:
        """The numbers of the partitions of ``orders`` that a classic member is told; raises its error."""
        self.driven.send_sync("sync", member_id, generation, **more)
        response = self.driven.answer("sync")
        if isinstance(response, KafkaError):
            raise response
        assert response.error_code == 0, response
        return [number for topic, number in assigned(response.assignment) if topic == "orders"]

    def rejoin(self, member_id: str, owned: tuple[int, ...] = (), **more: Any) -> tuple[int, list[int]]:
        """A JoinGroup and a SyncGroup: the generation, and what the member has in it."""
        generation = self.join(member_id, owned=owned, **more).generation_id
        return generation, self.sync(member_id, generation, instance=more.get("instance"))

    def heartbeat(self, member_id: str, generation: int, instance: str | None = None) -> int:
        return self.driven.heartbeat(member_id, generation, instance=instance)

    def leave(self, *members: tuple[str, str | None]) -> list[int]:
        self.driven.send_leave("leave", *members)
        return [each.error_code for each in self.driven.answer("leave").members]

    def send_beat(self, member_id: str, epoch: int, reply: str = "beat", **fields: Any) -> None:
        self.driven.ask(
            ConsumerGroupHeartbeatRequest(group_id="g", member_id=member_id, member_epoch=epoch, **fields), reply, 1
        )

    def beat(
        self, member_id: str, epoch: int, owned: tuple[int, ...] | None = None, **fields: Any
    ) -> ConsumerGroupHeartbeatResponse:
        """A heartbeat of a member of the consumer protocol that owns partitions of ``orders``; raises its error."""
        parts = None
        if owned is not None:
            numbers = [ConsumerGroupHeartbeatRequestTopicPartitions(topic_id=ORDERS, partitions=list(owned))]
            parts = numbers if owned else []
        self.send_beat(member_id, epoch, topic_partitions=parts, **fields)
        response = self.driven.answer("beat")
        if isinstance(response, KafkaError):
            raise response
        assert isinstance(response, ConsumerGroupHeartbeatResponse)
        return response

    def start(self, member_id: str, *names: str, **fields: Any) -> ConsumerGroupHeartbeatResponse:
        """A member of the consumer protocol joins."""
        wanted = {"subscribed_topic_names": list(names or ("orders",)), "rebalance_timeout_ms": REBALANCE_MS}
        return self.beat(member_id, 0, (), **{**wanted, **fields})

    def classic_group(self, *shares: tuple[int, ...], instances: tuple[str | None, ...] = (), **more: Any) -> list[str]:
        """A stable classic group whose members have these partitions, in generation 1; the first one leads."""
        names = [*instances, *[None] * (len(shares) - len(instances))]
        members: list[str] = []
        metadata = more.pop("metadata", subscription())
        for index, instance in enumerate(names):
            member_id = ""
            if instance is None:
                member_id = self.driven.member(protocols=(("range", metadata),), **more)
            self.driven.send_join(
                f"join {index}", member_id, instance=instance, protocols=(("range", metadata),), **more
            )
        self.driven.pass_ms(0)
        answers = [self.driven.joined(f"join {index}") for index in range(len(names))]
        # The first rebalance may have been complete before the last one came: those who were in join again.
        generation = max(each.generation_id for each in answers)
        members = [each.member_id for each in answers]
        given = {member: assignment(*share) for member, share in zip(members, shares, strict=True)}
        leader = next(each.member_id for each in answers if each.leader == each.member_id)
        for member, instance in zip(members, names, strict=True):
            self.driven.send_sync(
                f"sync {member}", member, generation, given if member == leader else None, instance=instance
            )
        for member, share in zip(members, shares, strict=True):
            assert assigned(self.driven.synced(f"sync {member}").assignment) == [("orders", each) for each in share]
        return members

    def described(self) -> DescribedGroup:
        self.driven.ask(ConsumerGroupDescribeRequest(group_ids=["g"]), "described", 1)
        found: DescribedGroup = self.driven.answer("described").groups[0]
        return found

    @property
    def consumer_group(self) -> ConsumerGroup:
        found = self.driven.shard.groups["g"]
        assert isinstance(found, ConsumerGroup)
        return found

    @property
    def classic(self) -> ClassicGroup:
        found = self.driven.shard.groups["g"]
        assert isinstance(found, ClassicGroup)
        return found
