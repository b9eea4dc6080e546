"""The producer in the process: records of 100 bytes to a cluster in memory, acks=all, through the last acknowledgement.

The cluster holds what it was sent, so each round sends to a topic of its own, which is deleted after the round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from kstore import Cluster

Measure = Callable[..., Any]

VALUE = b"v" * 100
RECORDS = 200_000
MANY = 500_000
ROUND_TRIPS = 500


class Bench:
    """A cluster, a producer, and a fresh topic for each round."""

    def __init__(self, brokers: int) -> None:
        self.cluster = Cluster(brokers)
        self.producer = self.cluster.producer()
        self.admin = self.cluster.admin()
        self.topics = 0

    @property
    def topic(self) -> str:
        """The present round's topic."""
        return f"t{self.topics}"

    def next_round(self, replication_factor: int = 1) -> str:
        """Delete the last round's topic, and make another one."""
        if self.topics:
            self.admin.delete_topics([self.topic])
        self.topics += 1
        self.cluster.create_topic(self.topic, partitions=1, replication_factor=replication_factor)
        self.producer.send(self.topic, VALUE).get(10)
        return self.topic

    def close(self) -> None:
        self.producer.close()
        self.cluster.close()


@pytest.fixture(params=[1, 3], ids=["RF 1", "RF 3"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    found = Bench(request.param)
    yield found
    found.close()


@pytest.fixture
def one_broker() -> Iterator[Bench]:
    found = Bench(1)
    yield found
    found.close()


def test_send_through_the_last_acknowledgement(measure: Measure, one_broker: Bench) -> None:
    def play() -> None:
        topic, send = one_broker.next_round(), one_broker.producer.send
        for _ in range(RECORDS):
            future = send(topic, VALUE)
        one_broker.producer.flush()
        assert future.get(0).offset == RECORDS

    measure(play, count=RECORDS, unit="records", goal=1_000_000)


def test_send_with_a_key_to_three_partitions(measure: Measure, one_broker: Bench) -> None:
    one_broker.cluster.create_topic("keyed", partitions=3)
    keys = [b"%d" % i for i in range(1000)]

    def play() -> None:
        send = one_broker.producer.send
        for i in range(RECORDS):
            send("keyed", VALUE, keys[i % 1000])
        one_broker.producer.flush()

    measure(play, count=RECORDS, unit="records")


def test_send_many_of_a_list(measure: Measure, one_broker: Bench) -> None:
    values = [VALUE] * MANY
    measure(
        lambda: one_broker.producer.send_many(one_broker.next_round(), values).get(60),
        count=MANY,
        unit="records",
        goal=5_000_000,
    )


def test_send_many_of_numpy_rows(measure: Measure, one_broker: Bench) -> None:
    values = np.full((MANY, 100), 118, np.uint8)
    measure(
        lambda: one_broker.producer.send_many(one_broker.next_round(), values).get(60),
        count=MANY,
        unit="records",
        goal=10_000_000,
    )


def test_one_record_and_its_acknowledgement(measure: Measure, bench: Bench) -> None:
    brokers = len(bench.cluster.node_ids)
    topic, send = bench.next_round(brokers), bench.producer.send

    def play() -> None:
        for _ in range(ROUND_TRIPS):
            send(topic, VALUE).get(10)

    measure(play, count=ROUND_TRIPS, unit="records", goal=12_500 if brokers == 3 else None)
