"""Records of 1 kB through a cluster in memory under each codec: in through the last acknowledgement, and out again.

They come in batches of up to 1 MB, as a producer for throughput sets them, of up to 16 kB, as by default, and one a
batch, where each takes its own compression, check and decompression. Their text compresses to about two fifths, as
orders do. gzip is also measured as it is without ISA-L.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kstore import Cluster, Consumer, Producer, TopicPartition
from kstore.codec import gzip_members

Measure = Callable[..., Any]

RECORDS = 20_000
SINGLE_RECORDS = 1_000
SIZE = 1_000
PARTITION = TopicPartition("t", 0)
PATIENCE_MS = 10_000
BY_ZLIB = "gzip by zlib"
BATCHES = {"1 MB": 1 << 20, "16 kB": 16 << 10}
codecs = pytest.mark.parametrize("codec", ["gzip", BY_ZLIB, "snappy", "lz4", "zstd"], indirect=True)
batches = pytest.mark.parametrize("batch", BATCHES)


@pytest.fixture
def codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The codec's name; without ISA-L for gzip by zlib."""
    if request.param == BY_ZLIB:
        monkeypatch.setattr(gzip_members, "HAS_ISAL", False)
        return "gzip"
    return str(request.param)


def orders(count: int) -> list[bytes]:
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnop", k=chance.randint(2, 9))) for _ in range(3000)]
    found = []
    for number in range(count):
        order = {"id": number, "user": f"user-{chance.randrange(10_000)}", "price": chance.randrange(10_000) / 100}
        note = " ".join(chance.choices(words, k=200))
        found.append(json.dumps({**order, "note": note}).encode()[:SIZE])
    return found


VALUES = orders(5_000)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(1) as found:
        yield found


def send_all(cluster: Cluster, producer: Producer, count: int) -> None:
    """To a new topic, in place of the last round's."""
    if "t" in cluster.admin().list_topics():
        cluster.admin().delete_topics(["t"])
    cluster.create_topic("t", partitions=1)
    for number in range(count):
        producer.send("t", VALUES[number % len(VALUES)])
    producer.flush()


def read_all(consumer: Consumer, count: int) -> None:
    consumer.seek(PARTITION, 0)
    left = count
    while left > 0:
        for records in consumer.poll(PATIENCE_MS).values():
            left -= len(records)


@codecs
@batches
def test_produce_1_kb(measure: Measure, cluster: Cluster, codec: str, batch: str) -> None:
    with cluster.producer(compression_type=codec, batch_size=BATCHES[batch], linger_ms=5) as producer:
        measure(send_all, cluster, producer, RECORDS, count=RECORDS, unit="records")


@codecs
@batches
def test_consume_1_kb(measure: Measure, cluster: Cluster, codec: str, batch: str) -> None:
    with cluster.producer(compression_type=codec, batch_size=BATCHES[batch], linger_ms=5) as producer:
        send_all(cluster, producer, RECORDS)
    with cluster.consumer() as consumer:
        consumer.assign([PARTITION])
        measure(read_all, consumer, RECORDS, count=RECORDS, unit="records")


@codecs
def test_a_batch_of_1_kb_and_its_acknowledgement(measure: Measure, cluster: Cluster, codec: str) -> None:
    cluster.create_topic("t", partitions=1)
    with cluster.producer(compression_type=codec) as producer:

        def play() -> None:
            for number in range(SINGLE_RECORDS):
                producer.send("t", VALUES[number]).get(10)

        measure(play, count=SINGLE_RECORDS, unit="records")
