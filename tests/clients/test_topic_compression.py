"""Topics with a codec of their own, on every target: what is sent under any codec is read as it was sent."""

from __future__ import annotations

from typing import Any

import pytest
from clients.targets import Target

from kstore import TopicPartition
from kstore.errors import MessageTooLarge

QUICK = {"fetch_max_wait_ms": 100}
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
TYPES = ["uncompressed", "gzip", "snappy", "lz4", "zstd", "producer"]


def read(target: Target, topic: str, count: int) -> list[tuple[int, bytes | None, bytes | None]]:
    consumer = target.consumer(**QUICK)
    consumer.assign([TopicPartition(topic, 0)])
    consumer.seek_to_beginning()
    found: list[tuple[int, bytes | None, bytes | None]] = []
    while len(found) < count:
        for records in consumer.poll(30_000).values():
            found += [(record.offset, record.key, record.value) for record in records]
    return found


@pytest.mark.parametrize("kind", TYPES)
def test_records_of_all_codecs_are_read_as_they_were_sent(target: Target, kind: str) -> None:
    topic = target.topic(replication_factor=target.brokers, compression_type=kind)
    sent: list[Any] = []
    for codec in CODECS:
        with target.producer(compression_type=codec, batch_size=2000, acks="all") as producer:
            for number in range(40):
                key, value = b"%s-%d" % (codec.encode(), number), b"value-%04d" % number * 20
                producer.send(topic, value, key=key)
                sent.append((len(sent), key, value))
            producer.flush()
    assert read(target, topic, len(sent)) == sent


@pytest.mark.parametrize(("kind", "level"), [("gzip", 9), ("lz4", 17), ("lz4", 1), ("zstd", 19), ("zstd", -7)])
def test_a_level_is_taken(target: Target, kind: str, level: int) -> None:
    level_of: dict[str, Any] = {f"compression_{kind}_level": str(level)}
    topic = target.topic(compression_type=kind, **level_of)
    with target.producer() as producer:
        assert producer.send(topic, b"a book " * 1000).get(30).offset == 0
    assert read(target, topic, 1) == [(0, None, b"a book " * 1000)]


def test_a_batch_that_the_topics_codec_makes_too_large_is_refused(target: Target) -> None:
    topic = target.topic(compression_type="uncompressed", max_message_bytes="1000")
    with target.producer(compression_type="gzip") as producer:
        with pytest.raises(MessageTooLarge):
            producer.send(topic, bytes(5000)).get(30)
        assert producer.send(topic, bytes(500)).get(30).offset == 0
