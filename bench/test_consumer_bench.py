"""The consumer in the process: records of 100 bytes out of a cluster in memory, as objects and as columns.

Each round seeks to the beginning and reads the whole partition, fetches included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actors.clients.consumer.columns import ColumnReader
from actors.clients.consumer.records import PartitionRecords
from kstore import Cluster, Consumer, TopicPartition
from kstore.records import BatchBuilder, parse_batches

Measure = Callable[..., Any]

VALUE = b"v" * 100
RECORDS = 500_000
PARTITION = TopicPartition("t", 0)
PATIENCE_MS = 10_000


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One broker with a full partition."""
    with Cluster(1) as found:
        found.create_topic("t", partitions=1)
        with found.producer() as producer:
            producer.send_many("t", [VALUE] * RECORDS).get(60)
        yield found


@pytest.fixture
def consumer(cluster: Cluster) -> Iterator[Consumer]:
    with cluster.consumer(auto_offset_reset="earliest") as found:
        found.assign([PARTITION])
        found.poll(PATIENCE_MS, max_records=1)
        yield found


def by_polls(consumer: Consumer) -> None:
    consumer.seek(PARTITION, 0)
    left = RECORDS
    while left > 0:
        for records in consumer.poll(PATIENCE_MS).values():
            left -= len(records)


def by_iteration(consumer: Consumer) -> None:
    consumer.seek(PARTITION, 0)
    left = RECORDS
    for _ in consumer:
        left -= 1
        if not left:
            break


def by_columns(consumer: Consumer) -> None:
    consumer.seek(PARTITION, 0)
    left = RECORDS
    while left > 0:
        for columns in consumer.poll_columns(PATIENCE_MS).values():
            left -= len(columns.offsets)


def test_polls_of_five_hundred_records(measure: Measure, consumer: Consumer) -> None:
    measure(by_polls, consumer, count=RECORDS, unit="records", goal=1.5e6)


def test_iteration(measure: Measure, consumer: Consumer) -> None:
    measure(by_iteration, consumer, count=RECORDS, unit="records", goal=1.5e6)


def test_columns(measure: Measure, consumer: Consumer) -> None:
    measure(by_columns, consumer, count=RECORDS, unit="records", goal=15e6)


def fetched(records: int) -> list[Any]:
    builder = BatchBuilder()
    for _ in range(records):
        builder.append(1_700_000_000_000, None, VALUE)
    return parse_batches(builder.build())


def test_a_fetched_batch_as_objects(measure: Measure) -> None:
    batches = fetched(10_000)
    measure(lambda: PartitionRecords(PARTITION, list(batches), 0).take(10_000), count=10_000, unit="records", goal=4e6)


def test_a_fetched_batch_as_columns(measure: Measure) -> None:
    batches, reader = fetched(10_000), ColumnReader()
    measure(
        lambda: reader.take(PartitionRecords(PARTITION, list(batches), 0), 10_000),
        count=10_000,
        unit="records",
        goal=30e6,
    )


def test_an_empty_poll(measure: Measure, consumer: Consumer) -> None:
    consumer.seek_to_end(PARTITION)
    consumer.poll(0)
    measure(consumer.poll, 0, unit="polls")
