"""Scripts of groups that migrate between the classic protocol and the consumer protocol: ``group_scripts.py`` says what
a script is. The topic has two partitions.
"""

from __future__ import annotations

import struct
from typing import Any

from groups.requests_of_groups import TOPIC, beat, commit, fetch, join, leave, member, sync
from groups.wire import Wire

from kstore.schema import encode
from kstore.schema.messages.consumer_group_describe import ConsumerGroupDescribeRequest
from kstore.schema.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatRequestTopicPartitions,
)
from kstore.schema.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolAssignmentTopicPartition,
    ConsumerProtocolSubscription,
    ConsumerProtocolSubscriptionTopicPartition,
)
from kstore.schema.messages.describe_groups import DescribeGroupsRequest
from kstore.schema.messages.leave_group import LeaveGroupRequest
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic
from kstore.schema.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics

VERSION = 3
SHORT = struct.Struct(">h")


def speaks(*owned: int, topic: str = TOPIC, name: str = "range") -> dict[str, bytes]:
    """What a classic member says when it joins, and owns partitions."""
    parts = [ConsumerProtocolSubscriptionTopicPartition(topic=topic, partitions=list(owned))] if owned else []
    message = ConsumerProtocolSubscription(topics=[topic], owned_partitions=parts)
    return {name: SHORT.pack(VERSION) + encode(message, VERSION)}


def share(*numbers: int, user_data: bytes | None = None) -> bytes:
    parts = [ConsumerProtocolAssignmentTopicPartition(topic=TOPIC, partitions=list(numbers))] if numbers else []
    return SHORT.pack(VERSION) + encode(
        ConsumerProtocolAssignment(assigned_partitions=parts, user_data=user_data), VERSION
    )


def consumer(group: str, member_id: str, epoch: int, owned: Any = None, **fields: Any) -> Any:
    return ConsumerGroupHeartbeatRequest(
        group_id=group, member_id=member_id, member_epoch=epoch, topic_partitions=owned, **fields
    )


def starting(group: str, member_id: str, **fields: Any) -> Any:
    """The first heartbeat of a member of the consumer protocol."""
    fields = {"rebalance_timeout_ms": 10_000, "subscribed_topic_names": [TOPIC], **fields}
    return consumer(group, member_id, 0, [], **fields)


def owned(wire: Wire, *numbers: int) -> list[ConsumerGroupHeartbeatRequestTopicPartitions]:
    """Partitions by the id that the broker has for the topic."""
    asked = MetadataRequest(topics=[MetadataRequestTopic(name=TOPIC)])
    answer = wire.settle(asked, 12, lambda found: found.topics[0].error_code == 0)
    topic_id = answer.topics[0].topic_id
    return [ConsumerGroupHeartbeatRequestTopicPartitions(topic_id=topic_id, partitions=list(numbers))]


def classic(wire: Wire, group: str, **changes: Any) -> str:
    """A classic group with one member that has both partitions, in generation 1."""
    changes = {"protocols": speaks(), "session_timeout_ms": 60_000, **changes}
    if "group_instance_id" in changes:
        found = str(wire.call("a", join(group, **changes), 9).member_id)
    else:
        found = member(wire, "a", group, **changes)
        wire.call("a", join(group, found, **changes), 9)
    instance = changes.get("group_instance_id")
    wire.call("a", sync(group, found, 1, {found: share(0, 1)}, group_instance_id=instance), 5)
    return found


def described(wire: Wire, group: str) -> None:
    wire.call("d", ConsumerGroupDescribeRequest(group_ids=[group]), 1)
    wire.call("d", DescribeGroupsRequest(groups=[group]), 6)


def fetched(group: str, member_id: str, epoch: int) -> OffsetFetchRequest:
    topics = [OffsetFetchRequestTopics(name=TOPIC, partition_indexes=[0])]
    asked = OffsetFetchRequestGroup(group_id=group, member_id=member_id, member_epoch=epoch, topics=topics)
    return OffsetFetchRequest(groups=[asked])


def up_and_down(wire: Wire, group: str) -> None:
    a = classic(wire, group)
    wire.call("a", commit(group, 1, a, 1), 8)
    wire.call("c", starting(group, "consumer-c"), 1)
    described(wire, group)
    wire.call("a", commit(group, 2, a, 1), 8)
    wire.call("a", beat(group, a, 1), 4)
    wire.call("a", sync(group, a, 1), 5)
    wire.call("a", beat(group, a, 1), 4)
    wire.call("a", join(group, a, protocols=speaks(), session_timeout_ms=60_000), 9)
    wire.call("a", sync(group, a, 2), 5)
    wire.call("a", beat(group, a, 2), 4)
    described(wire, group)
    wire.call("c", consumer(group, "consumer-c", 2, []), 1)
    described(wire, group)
    wire.call("a", commit(group, 3, a, 1), 8)
    wire.call("a", commit(group, 3, a, 2), 8)
    wire.call("a", commit(group, 3, a, 3), 8)
    wire.call("c", commit(group, 3, "consumer-c", 2), 8)
    wire.call("c", commit(group, 3, "consumer-c", 2), 9)
    wire.call("c", commit(group, 3, "consumer-c", 3), 9)
    wire.call("a", fetched(group, a, 1), 9)
    wire.call("a", fetched(group, a, 2), 9)
    wire.call("c", fetched(group, "consumer-c", 1), 9)
    wire.call("c", consumer(group, "consumer-c", -1), 1)
    wire.call("a", beat(group, a, 2), 4)
    wire.call("d", DescribeGroupsRequest(groups=[group]), 6)
    wire.call("a", join(group, a, protocols=speaks(), session_timeout_ms=60_000), 9)
    wire.call("a", sync(group, a, 3, {a: share(0, 1)}), 5)
    wire.call("d", DescribeGroupsRequest(groups=[group]), 6)
    wire.call("a", fetch(group), 9)
    wire.call("a", leave(group, (a, None)), 5)


def cooperative(wire: Wire, group: str) -> None:
    a = classic(wire, group)
    wire.call("c", starting(group, "consumer-c"), 1)
    wire.call("a", beat(group, a, 1), 4)
    wire.call("a", join(group, a, protocols=speaks(0, 1), session_timeout_ms=60_000), 9)
    wire.call("a", sync(group, a, 1), 5)
    wire.call("a", beat(group, a, 1), 4)
    described(wire, group)
    wire.call("c", consumer(group, "consumer-c", 2, []), 1)
    wire.call("a", join(group, a, protocols=speaks(0), session_timeout_ms=60_000), 9)
    wire.call("a", sync(group, a, 2), 5)
    wire.call("a", beat(group, a, 2), 4)
    wire.call("c", consumer(group, "consumer-c", 2, []), 1)
    described(wire, group)


def members_of_both(wire: Wire, group: str) -> None:
    wire.call("c", starting(group, "consumer-c"), 1)
    told: dict[str, Any] = {"protocols": speaks(), "session_timeout_ms": 60_000}
    a = str(wire.call("a", join(group, **told), 9).member_id)
    wire.call("a", join(group, a, **told), 9)
    wire.call("a", sync(group, a, 3), 5)
    wire.call("a", beat(group, a, 3), 4)
    wire.call("c", consumer(group, "consumer-c", 2, owned(wire, 0, 1)), 1)
    wire.call("c", consumer(group, "consumer-c", 2, owned(wire, 0)), 1)
    wire.call("a", beat(group, a, 3), 4)
    wire.call("a", join(group, a, **told), 9)
    wire.call("a", sync(group, a, 3), 5)
    described(wire, group)
    for request in (
        join(group, "nobody", **told),
        join(group, protocols={}),
        join(group, protocol_type="connect"),
        join(group, group_instance_id="i", protocols={"range": b""}),
        join(group, "nobody", group_instance_id="i", **told),
    ):
        wire.call("b", request, 9)
    for request in (
        sync(group, a, 2),
        sync(group, a, 3, protocol_name="roundrobin"),
        sync(group, a, 3, protocol_type="connect"),
        sync(group, "consumer-c", 3),
        sync(group, a, 3, group_instance_id="i"),
        sync(group, "", 3),
    ):
        wire.call("b", request, 5)
    for member_id, generation in ((a, 4), ("consumer-c", 3), ("", 3)):
        wire.call("b", beat(group, member_id, generation), 4)
    wire.call("b", leave(group, ("strange", None), ("", "i"), ("consumer-c", None)), 5)
    wire.call("d", DescribeGroupsRequest(groups=[group]), 6)


def static_both_ways(wire: Wire, group: str) -> None:
    a = classic(wire, group, group_instance_id="i")
    wire.call("c", starting(group, "consumer-c", instance_id="i"), 1)
    described(wire, group)
    wire.call("a", beat(group, a, 1, instance="i"), 4)
    wire.call("a", sync(group, a, 1, group_instance_id="i"), 5)
    wire.call("a", leave(group, (a, "i")), 5)
    wire.call("c", starting(group, "consumer-d", instance_id="i"), 1)
    told: dict[str, Any] = {"protocols": speaks(), "session_timeout_ms": 60_000, "group_instance_id": "i"}
    b = str(wire.call("b", join(group, **told), 9).member_id)
    wire.call("c", consumer(group, "consumer-c", 1, instance_id="i"), 1)
    wire.call("b", sync(group, b, 1, group_instance_id="i"), 5)
    wire.call("b", beat(group, b, 1, instance="i"), 4)
    wire.call("d", DescribeGroupsRequest(groups=[group]), 6)


def empty_groups(wire: Wire, group: str) -> None:
    wire.call("c", starting(group, "consumer-c"), 1)
    wire.call("c", commit(group, 4, "consumer-c", 2), 9)
    wire.call("c", consumer(group, "consumer-c", -1), 1)
    a = classic(wire, group)
    wire.call("a", fetch(group), 9)
    wire.call("a", leave(group, (a, None)), 5)
    wire.call("d", DescribeGroupsRequest(groups=[group]), 6)
    wire.call("c", starting(group, "consumer-c"), 1)
    wire.call("c", consumer(group, "consumer-c", -1), 1)


def groups_that_stay(wire: Wire, group: str) -> None:
    for kind, given in (("bytes", b"share"), ("user-data", share(0, user_data=b"mine"))):
        name = f"{group}-{kind}"
        a = member(wire, "a", name, protocols=speaks())
        wire.call("a", join(name, a, protocols=speaks()), 9)
        wire.call("a", sync(name, a, 1, {a: given}), 5)
        wire.call("c", starting(name, "consumer-c"), 1)
        wire.call("a", beat(name, a, 1), 4)
    name = f"{group}-type"
    a = member(wire, "a", name, protocol_type="connect")
    wire.call("a", join(name, a, protocol_type="connect"), 9)
    wire.call("c", starting(name, "consumer-c"), 1)


def older_versions(wire: Wire, group: str) -> None:
    wire.call("c", starting(group, "consumer-c"), 1)
    told: dict[str, Any] = {"protocols": speaks(), "session_timeout_ms": 60_000}
    a = str(wire.call("a", join(group, **told), 0).member_id)
    wire.call("a", sync(group, a, 3), 0)
    wire.call("a", sync(group, a, 3, protocol_type=None, protocol_name=None), 5)
    wire.call("a", beat(group, a, 3), 0)
    wire.call("a", LeaveGroupRequest(group_id=group, member_id="nobody"), 0)
    wire.call("a", LeaveGroupRequest(group_id=group, member_id=a), 2)
    for metadata in (b"\xff\xff", b"\x00\x00\x00", b"\x00\x63" + speaks()["range"][2:]):
        wire.call("b", join(group, protocols={"range": metadata}), 3)
    wire.call("b", join(group, protocols={"range": b"\x00\x00\x00", **speaks(name="roundrobin")}), 3)
    described(wire, group)


def in_the_middle_of_a_rebalance(wire: Wire, group: str) -> None:
    a = classic(wire, group)
    b = member(wire, "b", group, protocols=speaks(), session_timeout_ms=60_000)
    wire.send("b", join(group, b, protocols=speaks(), session_timeout_ms=60_000), 9)
    while wire.settle(beat(group, a, 1), 4, lambda _: True).error_code == 0:
        continue
    wire.call("c", starting(group, "consumer-c"), 1)
    wire.receive("b")
    described(wire, group)
    wire.call("b", join(group, b, protocols=speaks(), session_timeout_ms=60_000), 9)
    wire.call("b", beat(group, b, 2), 4)
    wire.call("a", beat(group, a, 1), 4)


MIGRATION_SCRIPTS = [
    older_versions,
    in_the_middle_of_a_rebalance,
    up_and_down,
    cooperative,
    members_of_both,
    static_both_ways,
    empty_groups,
    groups_that_stay,
]


def as_the_policy_allows(wire: Wire, group: str) -> None:
    """What ``group.consumer.migration.policy`` may forbid: up, down, members of both, and a static member that comes
    back with the other protocol. Without members a group goes both ways under any policy.
    """
    told: dict[str, Any] = {"protocols": speaks(), "session_timeout_ms": 60_000}
    up = f"{group}-up"
    a = classic(wire, up)
    wire.call("c", starting(up, "consumer-c"), 1)
    wire.call("a", beat(up, a, 1), 4)
    described(wire, up)
    down = f"{group}-down"
    wire.call("c", starting(down, "consumer-c"), 1)
    b = str(wire.call("b", join(down, **told), 9).member_id)
    wire.call("b", join(down, b, **told), 9)
    wire.call("c", consumer(down, "consumer-c", -1), 1)
    described(wire, down)
    wire.call("b", beat(down, b, 3), 4)
    wire.call("b", leave(down, (b, None)), 5)
    described(wire, down)
    static = f"{group}-static"
    wire.call("c", starting(static, "consumer-c", instance_id="i"), 1)
    b = str(wire.call("b", join(static, group_instance_id="i", **told), 9).member_id)
    described(wire, static)
    wire.call("b", sync(static, b, 2, group_instance_id="i"), 5)
    wire.call("c", starting(static, "consumer-d", instance_id="i"), 1)
    described(wire, static)
    empty_groups(wire, f"{group}-empty")


POLICIES = ("disabled", "upgrade", "downgrade", "bidirectional")
