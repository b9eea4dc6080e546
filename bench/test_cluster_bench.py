"""A cluster in the process: its import, its start, a record through three replicas, batches and fetches, idleness.

Goals: a process that has imported ``Cluster`` within 100 ms; 300 ms for ``kstore run -- true``; 10 ms from
``Cluster(3)`` to the first acknowledged record, 2 ms for ``reset()``; 80 us for ``send().get()`` at three replicas;
25 us of broker for a batch of 16 kB and 60 us for a fetch of 1 MB at one replica; an idle virtual hour of three brokers
in a second; 10,000 partitions led in 3 s, in 200 MB, idle under 2 % of a core (``partitions.py``, in a process of its
own).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actors.clients.transport import InProcessTransport
from actors.runtime import Actor
from bench import partitions
from kstore import Cluster, NewTopic
from kstore.records import BatchBuilder
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

Measure = Callable[..., Any]

VALUE = b"x" * 100
RECORDS_IN_16_KB = 145
MEGABYTE = 1 << 20


def in_a_process_of_its_own(*arguments: str) -> str:
    """What a Python program prints."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True, env=environment)
    return done.stdout


def test_a_process_that_imports_a_cluster(measure: Measure) -> None:
    program = "from kstore import Cluster"
    in_a_process_of_its_own("-c", program)  # compiles to byte code what isn't yet
    measure(in_a_process_of_its_own, "-c", program, unit="imports", goal=10)


def test_a_process_that_imports_a_cluster_and_has_its_first_record_acknowledged(measure: Measure) -> None:
    program = "from kstore import Cluster\nCluster(brokers=3).producer().send('orders', b'x' * 100).get()"
    measure(in_a_process_of_its_own, "-c", program, unit="starts", goal=9)


def test_a_command_that_does_nothing_with_a_cluster_beside_it(measure: Measure) -> None:
    measure(in_a_process_of_its_own, "-m", "actors.cli.main", "run", "--", "true", unit="runs", goal=3.3)


def first_record() -> Cluster:
    cluster = Cluster(brokers=3)
    cluster.producer().send("orders", VALUE).get()
    return cluster


def test_from_three_brokers_to_the_first_acknowledged_record(benchmark: Any) -> None:
    benchmark.extra_info.update(count=1, unit="starts", goal=100)
    made: list[Cluster] = []

    def close_the_last() -> None:
        while made:
            made.pop().close()

    benchmark.pedantic(lambda: made.append(first_record()), setup=close_the_last, rounds=30, warmup_rounds=2)
    close_the_last()


def test_a_reset_of_three_brokers(measure: Measure) -> None:
    with Cluster(brokers=3) as cluster:
        measure(cluster.reset, unit="resets", goal=500)


def test_a_record_acknowledged_by_three_replicas(measure: Measure) -> None:
    with Cluster(brokers=3) as cluster, cluster.admin() as admin, cluster.producer(acks="all") as producer:
        admin.create_topics([NewTopic("orders", 1, 3)])
        producer.send("orders", VALUE).get()
        measure(lambda: producer.send("orders", VALUE).get(), unit="records", goal=12_500)


class Asker(Actor):
    """Sends requests to a broker, and hears the answers."""


class Asking:
    """One partition at one replica, asked by requests as they are: no client in between."""

    def __init__(self, cluster: Cluster) -> None:
        with cluster.admin() as admin:
            admin.create_topics([NewTopic("orders", 1, 1)])
        self.driver = cluster.world.driver
        self.topic_id = cluster.image().topics["orders"].id
        transport = self.driver.call(lambda: InProcessTransport(cluster.net, cluster.node_ids, "asker"))
        self.actor = self.driver.call(lambda: Asker(transport.node, "asker"))
        self.link = self.actor.connect(cluster.leader("orders", 0), "client")
        self.outcomes: list[Any] = []

    def ask(self, request: Any) -> Any:
        """Send a request and wait for its answer."""
        outcomes = self.outcomes
        outcomes.clear()
        self.link.send(request, self.actor.reply_here(outcomes.append))
        self.driver.drive(lambda: outcomes)
        return outcomes[0]

    def produce(self, batch: bytes) -> Any:
        """One batch, acknowledged by all."""
        data = PartitionProduceData(index=0, records=batch)
        topic = TopicProduceData(name="orders", topic_id=self.topic_id, partition_data=[data])
        return self.ask(ProduceRequest(acks=-1, timeout_ms=30_000, topic_data=[topic]))

    def fetch(self, offset: int) -> Any:
        """A megabyte from an offset."""
        part = FetchPartition(partition=0, fetch_offset=offset, partition_max_bytes=MEGABYTE)
        topic = FetchTopic(topic="orders", topic_id=self.topic_id, partitions=[part])
        return self.ask(FetchRequest(topics=[topic], max_wait_ms=0, min_bytes=1, max_bytes=MEGABYTE))


@pytest.fixture
def asking() -> Iterator[Asking]:
    with Cluster() as cluster:
        yield Asking(cluster)


def batch_of_16_kb() -> bytes:
    builder = BatchBuilder()
    for number in range(RECORDS_IN_16_KB):
        builder.append(1_577_836_800_000 + number, None, VALUE)
    return builder.build()


def test_a_batch_of_16_kb_appended_and_acknowledged_at_one_replica(measure: Measure, asking: Asking) -> None:
    batch = batch_of_16_kb()
    response = measure(asking.produce, batch, unit="batches", goal=40_000)
    assert response.responses[0].partition_responses[0].error_code == 0


def test_a_fetch_of_1_mb(measure: Measure, asking: Asking) -> None:
    batch = batch_of_16_kb()
    for _ in range(2 * MEGABYTE // len(batch)):
        asking.produce(batch)
    response = measure(asking.fetch, 0, unit="fetches", goal=16_667)
    records = response.responses[0].partitions[0].records
    assert sum(map(len, records)) > MEGABYTE - len(batch)


def test_an_idle_virtual_hour_of_three_brokers(benchmark: Any) -> None:
    benchmark.extra_info.update(count=0.1, unit="hours", goal=1)
    with Cluster(brokers=3, seed=1) as cluster, cluster.admin() as admin:
        admin.create_topics([NewTopic("orders", 3, 3)])
        cluster.run_for(10)
        benchmark.pedantic(cluster.run_for, args=(360,), rounds=3)


def test_ten_thousand_partitions_are_made_and_led(benchmark: Any) -> None:
    alone = json.loads(in_a_process_of_its_own("-m", "bench.partitions"))
    benchmark.extra_info.update(count=10_000, unit="partitions", goal=3_333, **alone)
    with Cluster() as cluster:
        benchmark.pedantic(partitions.make, args=(cluster, 1_000), rounds=1)
