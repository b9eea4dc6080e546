"""What a producer sends arrives, in order and whole, whatever it is sent to."""

from __future__ import annotations

import struct
import threading
from typing import Any

import numpy as np
import pytest
from clients.targets import InProcess, Target

from kstore.codec import partition_for_key
from kstore.errors import MessageTooLarge

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def read(target: Target, topic: str, n: int) -> list[Any]:
    """The first ``n`` records of a topic, and whatever else is there; in order within a partition."""
    if isinstance(target, InProcess):
        return target.cluster.records(topic, n)
    with target.consumer(topic, auto_offset_reset="earliest", consumer_timeout_ms=20_000) as consumer:
        found = []
        for record in consumer:
            found.append(record)
            if len(found) == n:
                break
    return found


def test_a_future_tells_where_a_record_was_put(target) -> None:
    topic = target.topic()
    producer = target.producer()
    first = producer.send(topic, b"value", key=b"the key", timestamp_ms=1_700_000_000_123)
    second = producer.send(topic, None)
    assert first.get(30) == (topic, 0, 0, 1_700_000_000_123, 7, 5)
    assert second.get(30)[:3] == (topic, 0, 1)
    assert second.get()[4:] == (-1, -1)
    assert first.done()
    assert first.succeeded()
    assert not first.failed()
    assert first.exception is None
    assert "offset=0" in repr(first)


def test_a_record_comes_back_as_it_was_sent(target) -> None:
    topic = target.topic(partitions=3)
    headers = [("source", b"web"), ("source", b""), ("nothing", None), ("ключ", b"\x00\xff")]
    target.producer().send(topic, b"v", b"k", headers, 2, 1_700_000_000_000).get(30)
    (record,) = read(target, topic, 1)
    assert (record.value, record.key, record.partition, record.timestamp) == (b"v", b"k", 2, 1_700_000_000_000)
    assert list(record.headers) == headers


def test_null_and_empty_are_not_the_same(target) -> None:
    topic = target.topic()
    producer = target.producer()
    for value, key in [(None, b"k"), (b"", b"k"), (b"v", None), (b"v", b""), (None, None)]:
        producer.send(topic, value, key)
    producer.flush()
    assert [(r.value, r.key) for r in read(target, topic, 5)] == [
        (None, b"k"),
        (b"", b"k"),
        (b"v", None),
        (b"v", b""),
        (None, None),
    ]


@pytest.mark.parametrize("value", [bytearray(b"ab"), memoryview(b"ab"), np.frombuffer(b"ab", np.uint8)])
def test_whatever_has_bytes_can_be_sent(target, value) -> None:
    topic = target.topic()
    target.producer().send(topic, value, key=value).get(30)
    (record,) = read(target, topic, 1)
    assert (record.value, record.key) == (b"ab", b"ab")


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_is_read_back(target, codec) -> None:
    topic = target.topic()
    producer = target.producer(compression_type=codec, batch_size=10_000)
    values = [b"order %d " % i * 20 for i in range(1000)]
    for value in values:
        producer.send(topic, value)
    producer.flush()
    assert [record.value for record in read(target, topic, 1000)] == values
    rate = producer.metrics()["producer-metrics"]["compression-rate-avg"]
    assert rate == 1 if codec == "none" else rate < 0.5


@pytest.mark.parametrize("acks", [0, 1, "all"])
def test_with_any_acks_the_records_arrive(target, acks) -> None:
    topic = target.topic(replication_factor=target.brokers)
    producer = target.producer(acks=acks)
    futures = [producer.send(topic, b"%d" % i) for i in range(300)]
    producer.flush()
    assert [record.value for record in read(target, topic, 300)] == [b"%d" % i for i in range(300)]
    assert [f.get(0).offset for f in futures] == ([-1] * 300 if acks == 0 else list(range(300)))


def test_keys_go_to_the_partitions_that_kafkas_hash_says(target) -> None:
    topic = target.topic(partitions=7)
    producer = target.producer()
    futures = {b"user-%d" % i: producer.send(topic, b"v", key=b"user-%d" % i) for i in range(200)}
    for key, future in futures.items():
        assert future.get(30).partition == partition_for_key(key, 7)


def test_serializers_make_bytes_of_keys_and_values(target) -> None:
    topic = target.topic()
    producer = target.producer(key_serializer=str.encode, value_serializer=struct.Struct(">i").pack)
    producer.send(topic, 7, key="seven")
    producer.send(topic)
    producer.flush()
    assert [(r.key, r.value) for r in read(target, topic, 2)] == [(b"seven", b"\0\0\0\7"), (None, None)]


def test_the_callback_gets_the_metadata(target) -> None:
    topic = target.topic()
    producer = target.producer()
    told: list[Any] = []
    future = producer.send(topic, b"v").add_callback(told.append).add_errback(told.append)
    metadata = future.get(30)
    producer.flush()
    assert told == [metadata]
    future.add_both(lambda word, found, *, end: told.append((word, found.offset, end)), "late", end="!")
    assert told[1:] == [("late", 0, "!")]


def test_a_record_that_is_too_large_fails_alone(target) -> None:
    topic = target.topic()
    producer = target.producer(max_request_size=1000)
    told: list[Any] = []
    large = producer.send(topic, bytes(2000))
    large.add_errback(told.append)
    assert producer.send(topic, bytes(800)).get(30).offset == 0
    with pytest.raises(MessageTooLarge, match="2086 bytes, more than max_request_size"):
        large.get()
    assert large.failed()
    assert told == [large.exception]


def test_a_batch_that_the_topic_does_not_take_is_split(target) -> None:
    topic = target.topic(max_message_bytes="3000")
    producer = target.producer(batch_size=50_000, linger_ms=10_000)
    told: list[int] = []
    futures = [producer.send(topic, b"%03d" % i * 100) for i in range(100)]
    for future in futures:
        future.add_callback(lambda metadata: told.append(metadata.offset))
    producer.flush(60)
    assert [f.get(0).offset for f in futures] == list(range(100))
    assert [record.value for record in read(target, topic, 100)] == [b"%03d" % i * 100 for i in range(100)]
    assert sorted(told) == list(range(100))
    assert producer.metrics()["producer-metrics"]["batch-split-total"] > 0


def test_many_values_have_one_future(target) -> None:
    topic = target.topic()
    producer = target.producer()
    values = [b"%d" % i for i in range(5000)]
    future = producer.send_many(topic, values)
    told: list[Any] = []
    future.add_callback(told.append)
    ranges = future.get(30)
    assert future.done()
    assert future.succeeded()
    assert [(r.topic, r.partition) for r in ranges] == [(topic, 0)] * len(ranges)
    assert ranges[0].offset == 0
    assert sum(r.records for r in ranges) == 5000
    producer.flush()
    assert told == [ranges]
    assert [record.value for record in read(target, topic, 5000)] == values


def test_many_values_with_keys_go_by_their_keys(target) -> None:
    topic = target.topic(partitions=3)
    keys = [b"k%d" % (i % 10) for i in range(1000)]
    ranges = target.producer().send_many(topic, [b"%d" % i for i in range(1000)], keys).get(30)
    assert sum(r.records for r in ranges) == 1000
    found = read(target, topic, 1000)
    assert all(record.partition == partition_for_key(record.key, 3) for record in found)
    for key in set(keys):
        mine = [int(record.value) for record in found if record.key == key]
        assert mine == [i for i in range(1000) if keys[i] == key]


def columns(kind: str) -> Any:
    match kind:
        case "rows of uint8":
            return np.array([[1, 2], [3, 0]], np.uint8)
        case "rows apart":
            return np.array([[1, 9, 2, 9], [3, 9, 0, 9]], np.uint8)[:, ::2]
        case "V":
            return np.array([b"\1\2", b"\3\0"], "V2")
        case "S":
            return np.array([b"\1\2", b"\3"], "S2")
        case "data and offsets":
            return np.array([1, 2, 3, 0], np.uint8), np.array([0, 2, 4])
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", ["rows of uint8", "rows apart", "V", "S", "data and offsets"])
def test_numpy_columns_are_values(target, kind) -> None:
    topic = target.topic()
    target.producer().send_many(topic, columns(kind), keys=columns(kind)).get(30)
    expected = [b"\1\2", b"\3" if kind == "S" else b"\3\0"]
    assert [(r.value, r.key) for r in read(target, topic, 2)] == [(each, each) for each in expected]


def test_columns_that_were_consumed_can_be_sent_on(target) -> None:
    topic, copy = target.topic(), target.topic()
    producer = target.producer()
    expected = [(b"v%d" % i if i % 3 else None, b"k" if i % 2 else None) for i in range(100)]
    producer.send_many(topic, [value for value, _ in expected], keys=[key for _, key in expected]).get(30)
    with target.consumer(topic, auto_offset_reset="earliest") as consumer:
        sent = 0
        while sent < 100:
            for columns in consumer.poll_columns(timeout_ms=10_000).values():
                producer.send_many(copy, columns.values, keys=columns.keys).get(30)
                sent += len(columns)
    assert [(record.value, record.key) for record in read(target, copy, 100)] == expected


def test_threads_share_a_producer(target) -> None:
    topic = target.topic(partitions=2)
    producer = target.producer(batch_size=500)

    def send(name: bytes) -> None:
        futures = [producer.send(topic, b"%s %d" % (name, i), key=name) for i in range(500)]
        assert futures[-1].get(60).offset >= 0

    threads = [threading.Thread(target=send, args=(b"%d" % i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    producer.flush()
    found = [record.value.split() for record in read(target, topic, 2000)]
    assert len(found) == 2000
    for i in range(4):
        assert [int(number) for name, number in found if name == b"%d" % i] == list(range(500))


def test_what_is_pending_is_sent_when_the_producer_closes(target) -> None:
    topic = target.topic()
    with target.producer(linger_ms=60_000) as producer:
        futures = [producer.send(topic, b"%d" % i) for i in range(10)]
        assert not futures[0].done()
    assert [future.get(0).offset for future in futures] == list(range(10))


def test_the_partitions_of_a_topic_are_known(target) -> None:
    assert target.producer().partitions_for(target.topic(partitions=4)) == {0, 1, 2, 3}


def test_a_topic_that_is_not_there_is_made(target) -> None:
    topic = target.fresh("made")
    assert target.producer().send(topic, b"v").get(30)[:3] == (topic, 0, 0)


def test_a_name_that_no_topic_can_have_fails_the_record(target) -> None:
    future = target.producer().send("no/such/name", b"v")
    assert future.failed()
    assert type(future.exception).__name__ == "InvalidTopic"


def test_a_record_at_fault_is_told_from_those_beside_it(target) -> None:
    topic = target.topic(message_timestamp_after_max_ms="3600000")
    producer = target.producer(linger_ms=10_000)
    good, bad = producer.send(topic, b"v"), producer.send(topic, b"v", timestamp_ms=4_000_000_000_000)
    producer.flush(30)
    assert type(bad.exception).__name__ == "InvalidTimestamp"
    assert good.failed()
    assert "others which are invalid" in str(good.exception)
    assert producer.send(topic, b"v").get(30).offset == 0


def test_many_records_fail_with_the_error_of_the_one_at_fault(target) -> None:
    topic = target.topic(cleanup_policy="compact")
    producer = target.producer(linger_ms=10_000)
    good = producer.send_many(topic, [b"1", b"2"], [b"a", b"b"])
    bad = producer.send_many(topic, [b"3", b"4", b"5"], [b"c", None, b"e"])
    producer.flush(30)
    assert type(bad.exception).__name__ == "InvalidRecord"
    assert "without key" in str(bad.exception)
    assert good.failed()
    assert "others which are invalid" in str(good.exception)
