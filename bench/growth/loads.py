"""The loads, one for each dimension: ``load(size)`` gives the processor time that the part that counts has taken.

Brokers and clients are in this process, so that both sides' time counts; what prepares a load doesn't count. Each load
has a cluster of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from kstore import Cluster, Consumer, NewTopic, TopicPartition

PATIENCE_S = 60
TOPICS_AT_ONCE = 500
QUICK = {"group.initial.rebalance.delay.ms": "0"}
GATHERING = {"group.initial.rebalance.delay.ms": "3000", "group.max.session.timeout.ms": "300000"}

Load = Callable[[int], float]


class Taken:
    """The processor time of a block."""

    seconds = 0.0


@contextmanager
def counted() -> Iterator[Taken]:
    taken = Taken()
    began = time.process_time()
    yield taken
    taken.seconds = time.process_time() - began


def made(cluster: Cluster, count: int) -> list[str]:
    """The names of new topics with one partition each."""
    names = [f"topic-{number}" for number in range(count)]
    with cluster.admin() as admin:
        for at in range(0, count, TOPICS_AT_ONCE):
            admin.create_topics([NewTopic(name, 1, 1) for name in names[at : at + TOPICS_AT_ONCE]])
    return names


def filled(cluster: Cluster, partitions: int) -> list[TopicPartition]:
    """The partitions of a new topic, a record in each."""
    cluster.create_topic("events", partitions=partitions, replication_factor=1)
    with cluster.producer() as producer:
        for number in range(partitions):
            producer.send("events", b"x", partition=number)
    return [TopicPartition("events", number) for number in range(partitions)]


def read(consumer: Consumer, records: int) -> None:
    """Poll until so many have come."""
    left = records
    until = time.monotonic() + PATIENCE_S
    while left > 0:
        left -= sum(map(len, consumer.poll(1_000).values()))
        if time.monotonic() > until:
            raise TimeoutError(f"{left} of {records} records have not come")


def topics_made(size: int) -> float:
    """Topics are made one after the other, in one broker."""
    with Cluster() as cluster, cluster.admin() as admin, counted() as taken:
        for number in range(size):
            admin.create_topics([f"topic-{number}"])
    return taken.seconds


def topics_met(size: int) -> float:
    """One producer sends a record to each topic in turn and waits for it."""
    with Cluster(3) as cluster, cluster.producer() as producer:
        names = made(cluster, size)
        with counted() as taken:
            for name in names:
                producer.send(name, b"x").get(PATIENCE_S)
    return taken.seconds


def metadata(size: int) -> float:
    """The metadata of all topics is asked for 20 times; three replicas each."""
    with Cluster(3) as cluster, cluster.admin() as admin:
        cluster.create_topic("events", partitions=size, replication_factor=3)
        with counted() as taken:
            for _ in range(20):
                admin.describe_topics(["events"])
    return taken.seconds


def partitions_written(size: int) -> float:
    """One producer sends a record to each partition of a topic, three replicas each."""
    with Cluster(3) as cluster, cluster.producer() as producer:
        cluster.create_topic("events", partitions=size, replication_factor=3)
        producer.partitions_for("events")
        with counted() as taken:
            for number in range(size):
                producer.send("events", b"x", partition=number)
            producer.flush(PATIENCE_S)
    return taken.seconds


def partitions_read(size: int) -> float:
    """One consumer reads one record from each partition."""
    with Cluster(3) as cluster, cluster.consumer(auto_offset_reset="earliest") as consumer:
        partitions = filled(cluster, size)
        with counted() as taken:
            consumer.assign(partitions)
            read(consumer, size)
    return taken.seconds


def partitions_sought(size: int) -> float:
    """One consumer seeks in one partition after the other, then pauses and resumes each."""
    with Cluster(3) as cluster, cluster.consumer(auto_offset_reset="earliest") as consumer:
        partitions = filled(cluster, size)
        consumer.assign(partitions)
        read(consumer, size)
        with counted() as taken:
            for each in partitions:
                consumer.seek(each, 0)
            for each in partitions:
                consumer.pause(each)
            for each in partitions:
                consumer.resume(each)
    return taken.seconds


def partitions_idle(size: int) -> float:
    """300 records, one after the other, reach a consumer that reads all the partitions; as few as it may, it costs."""
    with Cluster(3) as cluster, cluster.producer() as producer:
        consumer = cluster.consumer(auto_offset_reset="earliest")
        consumer.assign(filled(cluster, size))
        read(consumer, size)
        producer.send("events", b"x", partition=0).get(PATIENCE_S)
        read(consumer, 1)
        with counted() as taken:
            for number in range(300):
                producer.send("events", b"x", partition=number % min(8, size)).get(PATIENCE_S)
                read(consumer, 1)
        consumer.close()
    return taken.seconds


def leaders_lost(size: int) -> float:
    """A broker of three is killed that leads a third of the partitions, while one producer and one consumer use all."""
    with Cluster(3) as cluster, cluster.consumer(auto_offset_reset="earliest") as consumer:
        cluster.create_topic("events", partitions=size, replication_factor=3)
        with cluster.producer() as producer:
            for number in range(size):
                producer.send("events", b"x", partition=number)
            producer.flush(PATIENCE_S)
            consumer.assign([TopicPartition("events", number) for number in range(size)])
            read(consumer, size)
            with counted() as taken:
                cluster.faults.kill(3)
                for number in range(size):
                    producer.send("events", b"y", partition=number)
                producer.flush(PATIENCE_S)
                read(consumer, size)
    return taken.seconds


def groups(size: int) -> float:
    """Offsets of one partition are committed for each group, listed and asked for."""
    with Cluster(3, config=QUICK) as cluster, cluster.admin() as admin:
        cluster.create_topic("events")
        admin.alter_group_offsets("first", {TopicPartition("events", 0): 0})
        with counted() as taken:
            for number in range(size):
                admin.alter_group_offsets(f"group-{number}", {TopicPartition("events", 0): number})
            admin.list_groups()
            admin.describe_groups([f"group-{number}" for number in range(size)])
    return taken.seconds


def members(size: int) -> float:
    """So many consumers join one group, read a record of each of 200 partitions, and leave; on virtual time."""
    with Cluster(1, seed=1, config=GATHERING) as cluster, ExitStack() as closing:
        filled(cluster, 200)
        how: dict[str, Any] = {"group_id": "group", "auto_offset_reset": "earliest", "session_timeout_ms": 300_000}
        how["heartbeat_interval_ms"] = 100_000  # time passes with every poll, the more the more members there are
        with counted() as taken:
            consumers = [closing.enter_context(cluster.consumer("events", **how)) for _ in range(size)]
            left = 200
            while left:
                left -= sum(len(records) for each in consumers for records in each.poll(0).values())
                cluster.run_for(0.1)
    return taken.seconds


def producers(size: int) -> float:
    """So many producers send a record each, and close."""
    with Cluster(3) as cluster:
        cluster.create_topic("events", partitions=3, replication_factor=3)
        with counted() as taken, ExitStack() as closing:
            for _ in range(size):
                closing.enter_context(cluster.producer()).send("events", b"x").get(PATIENCE_S)
    return taken.seconds


def sessions(size: int) -> float:
    """So many consumers wait for records of one partition, and one record reaches them all."""
    with Cluster() as cluster, ExitStack() as closing, cluster.producer() as producer:
        cluster.create_topic("events")
        producer.send("events", b"x").get(PATIENCE_S)
        consumers = [closing.enter_context(cluster.consumer(auto_offset_reset="earliest")) for _ in range(size)]
        for each in consumers:
            each.assign([TopicPartition("events", 0)])
            read(each, 1)
        with counted() as taken:
            producer.send("events", b"x").get(PATIENCE_S)
            for each in consumers:
                read(each, 1)
    return taken.seconds


def in_flight(size: int) -> float:
    """One producer sends so many batches of a record each without waiting, to three partitions."""
    with Cluster(3) as cluster, cluster.producer(batch_size=1, linger_ms=0) as producer:
        cluster.create_topic("events", partitions=3, replication_factor=3)
        producer.send("events", b"x").get(PATIENCE_S)
        with counted() as taken:
            for number in range(size):
                producer.send("events", b"x", partition=number % 3)
            producer.flush(PATIENCE_S)
    return taken.seconds


def records_a_batch(size: int) -> float:
    """20 batches of so many records are sent and read."""
    with Cluster() as cluster, cluster.producer(max_request_size=2**28, buffer_memory=2**28) as producer:
        cluster.create_topic("events", config={"max.message.bytes": str(2**28)})
        consumer = cluster.consumer(auto_offset_reset="earliest")
        consumer.assign([TopicPartition("events", 0)])
        values = [b"x" * 20] * size
        with counted() as taken:
            for _ in range(20):
                producer.send_many("events", values).get(PATIENCE_S)
            read(consumer, 20 * size)
        consumer.close()
    return taken.seconds


def commits(size: int) -> float:
    """One group commits the offsets of so many partitions 20 times."""
    with Cluster(config=QUICK) as cluster, cluster.consumer(group_id="group") as consumer:
        cluster.create_topic("events", partitions=size)
        consumer.assign([TopicPartition("events", number) for number in range(size)])
        offsets = {TopicPartition("events", number): number for number in range(size)}
        consumer.commit({TopicPartition("events", 0): 0})
        with counted() as taken:
            for _ in range(20):
                consumer.commit(offsets)
                consumer.committed(offsets)
    return taken.seconds
