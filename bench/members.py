"""A consumer group of very many members in the process: how long until it has settled, and what it costs.

``python -m bench.members [members]`` starts a cluster of one broker on virtual time. The members (1,000) join one
after the other over one interval between heartbeats; the topic has as many partitions. Each member has a connection of
its own, sends a heartbeat every interval, and says at once when it has followed its assignment, as clients do. Brokers
and members are in this process, so that both sides' time counts. Prints one line of JSON:

``heartbeats``: intervals from the last join until nothing changes any more; ``seconds``: processor time from the first
join until then; ``share``: of a core, for heartbeats alone.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from actors.cluster import Cluster
from actors.network.link import Link
from actors.runtime import Actor, Node
from kstore.schema.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatRequestTopicPartitions,
    ConsumerGroupHeartbeatResponse,
)
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest

GROUP = "many"
INTERVAL_S = 5.0
INTERVALS = 6
"""How long the group is watched after the last join, to know when it changed last."""
IDLE_INTERVALS = 4
CLIENT_ID = -1


class Hearing(Actor):
    """Hears the answers to requests."""


class Swarm:
    """The members of a group, and when their group changed last."""

    def __init__(self, cluster: Cluster, count: int) -> None:
        self.cluster = cluster
        self.node = Node(cluster.world, CLIENT_ID, kind="client")
        cluster.net.join(self.node)
        self.actor = Hearing(self.node, "members")
        self.members = [Member(self, number) for number in range(count)]
        self.changed_at = 0.0
        self.changed_cpu_s = 0.0

    def note_change(self) -> None:
        self.changed_at = self.cluster.world.clock.now_ms() / 1000
        self.changed_cpu_s = time.process_time()

    def find_coordinator(self) -> None:
        """Ask for it until it is there."""
        found: list[Any] = []
        link, request = self.members[0].link, FindCoordinatorRequest(coordinator_keys=[GROUP])
        reply = self.actor.reply_here(found.append)
        while not found or found[-1].coordinators[0].error_code:
            self.cluster.world.driver.call(lambda: link.send(request, reply, version=4, timeout_ms=60_000))
            self.cluster.run_for(1)

    def beat(self, intervals: int) -> None:
        """A heartbeat of each member in each interval."""
        for _ in range(intervals):
            for member in self.members:
                member.beat()
                self.cluster.run_for(INTERVAL_S / len(self.members))


class Member:
    """One member: its epoch, and the partitions that it has."""

    def __init__(self, swarm: Swarm, number: int) -> None:
        self.swarm = swarm
        self.member_id = f"member-{number}"
        self.epoch = 0
        self.owned: list[Any] = []
        self.link = Link(swarm.cluster.net, swarm.node, swarm.cluster.node_ids[0], self.member_id)

    def beat(self, **fields: Any) -> None:
        """Send a heartbeat; the first one joins."""
        if not self.epoch:
            fields = {"subscribed_topic_names": ["orders"], "rebalance_timeout_ms": 300_000, "topic_partitions": []}
        request = ConsumerGroupHeartbeatRequest(
            group_id=GROUP, member_id=self.member_id, member_epoch=self.epoch, **fields
        )
        swarm = self.swarm
        reply = swarm.actor.reply_here(self.hear)
        swarm.cluster.world.driver.call(lambda: self.link.send(request, reply, version=1, timeout_ms=60_000))

    def hear(self, answer: Any) -> None:
        """Follow an answer, and say so at once if it has an assignment."""
        assert isinstance(answer, ConsumerGroupHeartbeatResponse), answer
        assert not answer.error_code, answer
        if answer.member_epoch != self.epoch or answer.assignment is not None:
            self.swarm.note_change()
        self.epoch = answer.member_epoch
        if answer.assignment is not None:
            self.owned = [
                ConsumerGroupHeartbeatRequestTopicPartitions(topic_id=each.topic_id, partitions=list(each.partitions))
                for each in answer.assignment.topic_partitions
            ]
            self.beat(topic_partitions=self.owned)

    @property
    def partitions(self) -> int:
        """How many it has."""
        return sum(len(each.partitions) for each in self.owned)


def main(count: int) -> dict[str, float]:
    """The figures of a group of so many members."""
    with Cluster(seed=1) as cluster:
        cluster.create_topic("orders", partitions=count)
        swarm = Swarm(cluster, count)
        swarm.find_coordinator()
        cpu_s = time.process_time()
        swarm.beat(1)
        joined_at = cluster.world.clock.now_ms() / 1000
        swarm.beat(INTERVALS)
        assert [member.partitions for member in swarm.members] == [1] * count, "each has a partition"
        seconds = swarm.changed_cpu_s - cpu_s
        heartbeats = max(0.0, swarm.changed_at - joined_at) / INTERVAL_S
        cpu_s = time.process_time()
        swarm.beat(IDLE_INTERVALS)
        share = (time.process_time() - cpu_s) / (IDLE_INTERVALS * INTERVAL_S)
        return {"heartbeats": round(heartbeats, 2), "seconds": round(seconds, 2), "share": round(share, 4)}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)))
