"""The memory of a group at rest, with ten members: of a classic group and of a consumer group.

``python -m bench.groups_at_rest`` makes groups in a cluster of one broker, on a disk, and lets them settle. Then it
opens the folder again, so that nothing but the groups is left of what made them, and counts what Python has allocated.
The difference between many groups and few, by the number, is the memory of one: its members, what they are assigned,
their timers. Prints one line of JSON, in KiB.
"""

from __future__ import annotations

import gc
import json
import tempfile
import tracemalloc
from collections.abc import Callable
from typing import Any

from actors.cluster import Cluster
from actors.network.link import Link
from actors.runtime import Actor, Node
from kstore.schema import encode
from kstore.schema.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatRequestTopicPartitions,
)
from kstore.schema.messages.consumer_protocol import ConsumerProtocolAssignment, ConsumerProtocolSubscription
from kstore.schema.messages.consumer_protocol import ConsumerProtocolAssignmentTopicPartition as Assigned
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from kstore.schema.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from kstore.schema.struct import Message

MEMBERS = 10
FEW, MANY = 50, 250
TOPIC = "orders"
CONFIG = {"group.initial.rebalance.delay.ms": "1000", "group.consumer.assignment.interval.ms": "0"}
PROTOCOL_VERSION = b"\0\1"


class Hearing(Actor):
    """Hears the answers to requests."""


class Clients:
    """A connection for each of ten members; all groups share them."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        node = Node(cluster.world, -1, kind="client")
        cluster.net.join(node)
        self.actor = Hearing(node, "clients")
        self.links = [Link(cluster.net, node, cluster.node_ids[0], f"client-{number}") for number in range(MEMBERS)]

    def ask(self, requests: list[Message], version: int) -> list[Any]:
        """A request of each member, at once, and their answers."""
        answers: list[list[Any]] = [[] for _ in requests]
        for link, request, answer in zip(self.links, requests, answers, strict=False):
            reply = self.actor.reply_here(answer.append)
            self.cluster.world.driver.call(
                lambda link=link, request=request, reply=reply: link.send(
                    request, reply, version=version, timeout_ms=60_000
                )
            )
        self.cluster.wait_for(lambda: all(answers))
        return [answer[0] for answer in answers]

    def find_coordinator(self) -> None:
        """Ask for it until it is there."""
        while self.ask([FindCoordinatorRequest(coordinator_keys=["g"])], 4)[0].coordinators[0].error_code:
            self.cluster.run_for(1)


def make_classic(clients: Clients, group: str) -> None:
    """Ten members of a classic group, with a partition each."""
    subscription = PROTOCOL_VERSION + encode(ConsumerProtocolSubscription(topics=[TOPIC]), 1)
    join = JoinGroupRequest(
        group_id=group,
        session_timeout_ms=1_800_000,
        rebalance_timeout_ms=1_800_000,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=subscription)],
    )
    joined = clients.ask([join] * MEMBERS, 3)
    assert not any(each.error_code for each in joined), joined
    leader = next(each for each in joined if each.members)
    assigned = [
        SyncGroupRequestAssignment(
            member_id=member.member_id,
            assignment=PROTOCOL_VERSION
            + encode(ConsumerProtocolAssignment(assigned_partitions=[Assigned(topic=TOPIC, partitions=[number])]), 1),
        )
        for number, member in enumerate(leader.members)
    ]
    syncs: list[Message] = [
        SyncGroupRequest(
            group_id=group,
            generation_id=each.generation_id,
            member_id=each.member_id,
            assignments=assigned if each is leader else [],
        )
        for each in joined
    ]
    assert not any(each.error_code for each in clients.ask(syncs, 2))


def make_consumer(clients: Clients, group: str) -> None:
    """Ten members of a consumer group, with a partition each."""
    joins: list[Message] = [
        ConsumerGroupHeartbeatRequest(
            group_id=group,
            member_id=f"member-{number}-of-a-group-at-rest",
            member_epoch=0,
            subscribed_topic_names=[TOPIC],
            rebalance_timeout_ms=300_000,
            topic_partitions=[],
        )
        for number in range(MEMBERS)
    ]
    answers = clients.ask(joins, 1)
    owned: list[list[ConsumerGroupHeartbeatRequestTopicPartitions]] = [[] for _ in joins]
    while True:
        owned = [
            before
            if each.assignment is None
            else [
                ConsumerGroupHeartbeatRequestTopicPartitions(topic_id=topic.topic_id, partitions=topic.partitions)
                for topic in each.assignment.topic_partitions
            ]
            for each, before in zip(answers, owned, strict=True)
        ]
        has = [sum(len(topic.partitions) for topic in topics) for topics in owned]
        if has == [1] * MEMBERS and {each.member_epoch for each in answers} == {MEMBERS + 1}:
            return
        beats: list[Message] = [
            ConsumerGroupHeartbeatRequest(
                group_id=group,
                member_id=each.member_id,
                member_epoch=each.member_epoch,
                topic_partitions=topics,
            )
            for each, topics in zip(answers, owned, strict=True)
        ]
        answers = clients.ask(beats, 1)


KINDS: dict[str, Callable[[Clients, str], None]] = {"classic": make_classic, "consumer": make_consumer}


def loaded_bytes(make: Callable[[Clients, str], None], count: int) -> int:
    """What is allocated after a start with so many groups."""
    with tempfile.TemporaryDirectory() as folder:
        with Cluster(seed=1, data_dir=folder, config=CONFIG) as cluster:
            cluster.create_topic(TOPIC, partitions=MEMBERS)
            clients = Clients(cluster)
            clients.find_coordinator()
            for number in range(count):
                make(clients, f"group-{number}")
        gc.collect()
        tracemalloc.start()
        with Cluster(seed=1, data_dir=folder, config=CONFIG) as cluster:
            cluster.run_for(5)
            gc.collect()
            found = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return found


def main() -> dict[str, float]:
    """KiB of a group of each kind."""
    return {
        kind: round((loaded_bytes(make, MANY) - loaded_bytes(make, FEW)) / (MANY - FEW) / 1024, 1)
        for kind, make in KINDS.items()
    }


if __name__ == "__main__":
    print(json.dumps(main()))
