"""A producer in a storm of faults drawn from a seed: in the end every partition has its records once and in order."""

from __future__ import annotations

import random
from typing import Any

import pytest

from kstore import Cluster

STEPS = 40
ERRORS = [
    "NOT_ENOUGH_REPLICAS",
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
    "NOT_LEADER_OR_FOLLOWER",
    "REQUEST_TIMED_OUT",
]


class Storm:
    """A cluster, a producer, and faults that come and go."""

    def __init__(self, cluster: Cluster, producer: Any, draw: random.Random) -> None:
        self.cluster = cluster
        self.producer = producer
        self.draw = draw
        self.dead: list[int] = []

    def step(self) -> None:
        """One fault, or the end of one, or none; and some time."""
        faults, chance = self.cluster.faults, self.draw.random()
        if chance < 0.12 and not self.dead:
            self.dead.append(self.draw.choice([2, 3]))  # 1 is the only controller
            faults.kill(self.dead[0])
        elif chance < 0.24 and self.dead:
            faults.restart(self.dead.pop())
        elif chance < 0.34:
            faults.partition([self.draw.choice([1, 2, 3])], [self.producer])
        elif chance < 0.5:
            faults.heal()
        elif chance < 0.6:
            faults.drop("Produce", self.draw.randint(1, 3), answer=self.draw.random() < 0.5)
        elif chance < 0.7:
            faults.error("Produce", self.draw.choice(ERRORS), self.draw.randint(1, 3))
        self.cluster.run_for(self.draw.choice([0, 0.001, 0.01, 0.5, 3]))

    def calm(self) -> None:
        """No more faults."""
        self.cluster.faults.heal()
        while self.dead:
            self.cluster.faults.restart(self.dead.pop())


@pytest.mark.simulation
@pytest.mark.parametrize("number", range(8))
def test_after_a_storm_every_record_is_there_once_and_in_order(number, seed) -> None:
    draw = random.Random(seed * 1000 + number)
    with Cluster(3, seed=seed * 1000 + number, config={"min.insync.replicas": "2"}) as cluster:
        cluster.create_topic("t", partitions=3, replication_factor=3)
        producer = cluster.producer(
            batch_size=draw.choice([100, 300, 2000]),
            linger_ms=draw.choice([0, 2, 20]),
            request_timeout_ms=draw.choice([500, 3000]),
            compression_type=draw.choice(["none", "lz4"]),
        )
        storm = Storm(cluster, producer, draw)
        futures: list[list[Any]] = [[], [], []]
        for _ in range(STEPS):
            for _ in range(draw.randint(1, 40)):
                partition = draw.randrange(3)
                value = b"%d" % len(futures[partition])
                futures[partition].append(producer.send("t", value, partition=partition))
            storm.step()
        storm.calm()
        producer.flush(120)
        for partition, sent in enumerate(futures):
            assert [future.get(0).offset for future in sent] == list(range(len(sent)))
            found = [record.value for record in cluster.records("t", len(sent), partition)]
            assert found == [b"%d" % i for i in range(len(sent))]
