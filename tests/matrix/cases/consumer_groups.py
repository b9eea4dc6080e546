"""Cases of the consumer protocol (KIP-848): members alone in their groups, and how groups are described."""

from __future__ import annotations

from typing import Any

from groups.requests_of_groups import join
from matrix.case import Talk, case

from kstore.schema.messages.consumer_group_describe import ConsumerGroupDescribeRequest
from kstore.schema.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatRequestTopicPartitions,
)

HEARTBEAT, DESCRIBE = 68, 69
FIRST: dict[str, Any] = {"member_epoch": 0, "rebalance_timeout_ms": 10_000, "topic_partitions": []}


def beat(group: str, member: str = "matrix-member", epoch: int = 0, **fields: Any) -> ConsumerGroupHeartbeatRequest:
    return ConsumerGroupHeartbeatRequest(group_id=group, member_id=member, **{"member_epoch": epoch, **fields})


def joining(group: str, topics: list[str] | None, member: str = "matrix-member", **fields: Any) -> Any:
    return beat(group, member, **{**FIRST, "subscribed_topic_names": topics, **fields})


@case(HEARTBEAT, "a member")
def _(talk: Talk) -> None:
    group, topic = talk.fresh("g"), talk.topic("t", 1, 1).name
    talk.ask(joining(group, [topic]), "a new member")
    talk.ask(joining(group, [topic]), "again")
    talk.ask(beat(group, epoch=2), "a heartbeat")
    talk.ask(beat(group, epoch=3), "of an epoch to come")
    talk.ask(beat(group, "matrix-unknown", 1), "of a member that nobody knows")
    talk.ask(beat(talk.fresh("none"), epoch=1), "of a group that nobody knows")
    talk.ask(beat(group, epoch=-1), "leaves")
    talk.ask(beat(group, epoch=-1), "leaves again")
    talk.ask(beat(group, epoch=1), "after it has left")


@case(HEARTBEAT, "a static member")
def _(talk: Talk) -> None:
    group, topic = talk.fresh("g"), talk.topic("t", 1, 1).name
    talk.ask(joining(group, [topic], instance_id="i"), "a new member")
    talk.ask(joining(group, [topic], "matrix-other", instance_id="i"), "another with its instance id")
    talk.ask(beat(group, "matrix-other", 1, instance_id="i"), "fenced")
    talk.ask(beat(group, epoch=1, instance_id="nobody"), "of an instance that nobody is")
    talk.ask(beat(group, epoch=-2, instance_id="i"), "leaves for now")
    talk.ask(joining(group, [topic], "matrix-other", instance_id="i"), "another takes its place")
    talk.ask(beat(group, "matrix-other", -1, instance_id="i"), "leaves")


@case(HEARTBEAT, "wrong")
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    talk.ask(joining("", []), "no group")
    talk.ask(joining(group, [], rebalance_timeout_ms=-1), "no rebalance timeout")
    talk.ask(joining(group, [], topic_partitions=None), "no partitions")
    talk.ask(
        joining(group, [], topic_partitions=[ConsumerGroupHeartbeatRequestTopicPartitions(partitions=[0])]),
        "partitions while it joins",
    )
    talk.ask(beat(group, **FIRST), "no subscription")
    talk.ask(joining(group, [], server_assignor="matrix"), "an assignor that nobody has")
    talk.ask(joining(group, [], instance_id=""), "an empty instance id")
    talk.ask(joining(group, [], rack_id=""), "an empty rack")
    talk.ask(beat(group, epoch=-2), "leaves for now without an instance id")
    talk.ask(beat(group, epoch=-3), "an epoch that means nothing")
    talk.ask(beat(group, "", 1), "no member")


@case(HEARTBEAT, "a regular expression", since=1)
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    talk.ask(beat(group, **FIRST, subscribed_topic_regex="("), "wrong")


@case(HEARTBEAT, "a classic group")
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    talk.quietly(join(group), version=3)
    talk.ask(beat(group, epoch=1), "a member that nobody knows")


@case(DESCRIBE, "groups")
def _(talk: Talk) -> None:
    group, topic = talk.fresh("g"), talk.topic("t", 1, 1).name
    talk.ask(ConsumerGroupDescribeRequest(group_ids=[group]), "one that nobody has")
    talk.ask(ConsumerGroupDescribeRequest(group_ids=[]), "none")
    talk.quietly(joining(group, [topic], instance_id="i", rack_id="r"), version=1)
    talk.ask(ConsumerGroupDescribeRequest(group_ids=[group]), "with a member")
    talk.ask(ConsumerGroupDescribeRequest(group_ids=[group, group], include_authorized_operations=True), "twice")
    talk.quietly(beat(group, epoch=-1, instance_id="i"), version=1)
    talk.ask(ConsumerGroupDescribeRequest(group_ids=[group]), "without members")
