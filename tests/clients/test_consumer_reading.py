"""Reading: polls, iteration, columns, places and time look-ups; the same in the process, over TCP and against Kafka."""

from __future__ import annotations

from typing import Any

import pytest
from clients.targets import Target
from present import present

from kstore import OffsetAndMetadata, OffsetAndTimestamp, TopicPartition
from kstore.errors import OffsetOutOfRange, UnknownTopicOrPartition
from kstore.errors.config import ConfigError

QUICK: dict[str, Any] = {"fetch_max_wait_ms": 20, "auto_offset_reset": "earliest"}
WAIT_MS = 20_000


def fill(target: Target, topic: str, *values: bytes, partition: int = 0, **how: Any) -> None:
    with target.producer() as producer:
        for number, value in enumerate(values):
            producer.send(topic, value, key=b"key-%d" % number, partition=partition, **how)
        producer.flush()


def read(consumer: Any, count: int) -> list[Any]:
    """So many records, in the order of their partitions' logs."""
    records: list[Any] = []
    while len(records) < count:
        found = consumer.poll(WAIT_MS)
        assert found, f"only {len(records)} of {count} records came"
        records += [record for of_partition in found.values() for record in of_partition]
    return records


def values(records: list[Any]) -> list[bytes]:
    return [record.value for record in records]


def test_a_record_comes_with_all_that_was_sent(target: Target) -> None:
    topic = target.topic()
    with target.producer() as producer:
        sent = producer.send(
            topic, b"shipped", key=b"order123", headers=[("trace", b"1"), ("none", b"")], timestamp_ms=1_700_000_000_123
        ).get(timeout=20)
        producer.send(topic, None, key=None).get(timeout=20)
    consumer = target.consumer(**QUICK)
    consumer.assign([TopicPartition(topic, 0)])
    first, second = read(consumer, 2)
    assert (first.topic, first.partition, first.offset) == (topic, 0, sent.offset)
    assert (first.key, first.value, first.timestamp, first.timestamp_type) == (
        b"order123",
        b"shipped",
        1_700_000_000_123,
        0,
    )
    assert list(first.headers) == [("trace", b"1"), ("none", b"")]
    assert (first.serialized_key_size, first.serialized_value_size) == (8, 7)
    assert first.leader_epoch >= 0
    assert (second.key, second.value, second.serialized_key_size, second.serialized_value_size) == (None, None, -1, -1)


def test_poll_gives_what_is_there_by_partition_and_no_more_than_asked(target: Target) -> None:
    topic = target.topic(partitions=2)
    fill(target, topic, b"a", b"b", b"c", partition=0)
    fill(target, topic, b"d", b"e", partition=1)
    consumer = target.consumer(**QUICK)
    partitions = [TopicPartition(topic, 0), TopicPartition(topic, 1)]
    consumer.assign(partitions)
    found: dict[TopicPartition, list[bytes]] = {each: [] for each in partitions}
    while sum(map(len, found.values())) < 5:
        polled = consumer.poll(WAIT_MS, max_records=2)
        assert 1 <= sum(map(len, polled.values())) <= 2
        for partition, records in polled.items():
            found[partition] += values(records)
    assert found == {partitions[0]: [b"a", b"b", b"c"], partitions[1]: [b"d", b"e"]}
    assert consumer.poll(0) == {}


def test_max_poll_records_bounds_every_poll(target: Target) -> None:
    topic = target.topic()
    fill(target, topic, *[b"%d" % n for n in range(7)])
    consumer = target.consumer(max_poll_records=3, **QUICK)
    consumer.assign([TopicPartition(topic, 0)])
    sizes = [len(consumer.poll(WAIT_MS)[TopicPartition(topic, 0)]) for _ in range(3)]
    assert sizes == [3, 3, 1]


def test_iteration_ends_when_nothing_has_come_for_consumer_timeout_ms(target: Target) -> None:
    topic = target.topic()
    fill(target, topic, b"a", b"b", b"c")
    consumer = target.consumer(topic, consumer_timeout_ms=1_000, **QUICK)
    assert [record.value for record in consumer] == [b"a", b"b", b"c"]
    assert list(consumer) == []
    fill(target, topic, b"d")
    assert next(consumer).value == b"d"


def test_iteration_and_polls_take_turns_without_losing_their_place(target: Target) -> None:
    topic = target.topic()
    partition = TopicPartition(topic, 0)
    fill(target, topic, *[b"%d" % n for n in range(6)])
    consumer = target.consumer(**QUICK)
    consumer.assign([partition])
    assert [next(consumer).value for _ in range(2)] == [b"0", b"1"]
    assert consumer.position(partition) == 2
    assert values(consumer.poll(WAIT_MS, max_records=2)[partition]) == [b"2", b"3"]
    assert consumer.position(partition) == 4
    assert next(consumer).value == b"4"
    consumer.seek(partition, 1)
    assert next(consumer).value == b"1"
    assert consumer.poll_columns(WAIT_MS)[partition].values.to_list()[0] == b"2"


def test_columns_hold_what_records_hold(target: Target) -> None:
    topic = target.topic()
    partition = TopicPartition(topic, 0)
    with target.producer() as producer:
        producer.send(topic, b"12345678", key=b"k1", timestamp_ms=1_700_000_000_000)
        producer.send(topic, b"abcdefgh", key=None, timestamp_ms=1_700_000_000_001)
        producer.send(topic, b"ABCDEFGH", key=b"", timestamp_ms=1_700_000_000_002)
        producer.flush()
    consumer = target.consumer(**QUICK)
    consumer.assign([partition])
    columns = consumer.poll_columns(WAIT_MS)[partition]
    while len(columns.offsets) < 3:
        consumer.seek(partition, 0)
        columns = consumer.poll_columns(WAIT_MS)[partition]
    assert columns.offsets.tolist() == [0, 1, 2]
    assert columns.timestamps.tolist() == [1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_002]
    assert columns.keys.to_list() == [b"k1", None, b""]
    assert columns.keys.nulls.tolist() == [False, True, False]
    assert columns.values.fixed("S8").tolist() == [b"12345678", b"abcdefgh", b"ABCDEFGH"]
    assert columns.values.fixed().shape == (3, 8)
    with pytest.raises(ValueError, match="not all of one size"):
        columns.keys.fixed()
    assert consumer.position(partition) == 3


def test_columns_take_no_more_records_than_asked(target: Target) -> None:
    topic = target.topic()
    partition = TopicPartition(topic, 0)
    fill(target, topic, *[b"%d" % n for n in range(5)])
    consumer = target.consumer(**QUICK)
    consumer.assign([partition])
    assert consumer.poll_columns(WAIT_MS, max_records=2)[partition].offsets.tolist() == [0, 1]
    assert consumer.poll_columns(WAIT_MS, max_records=1)[partition].offsets.tolist() == [2]
    assert values(read(consumer, 2)) == [b"3", b"4"]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_records_are_read_as_others(target: Target, codec: str) -> None:
    topic = target.topic()
    partition = TopicPartition(topic, 0)
    sent = [b"value-%04d" % n * 5 for n in range(200)]
    with target.producer(compression_type=codec, linger_ms=50) as producer:
        for value in sent:
            producer.send(topic, value)
        producer.flush()
    consumer = target.consumer(**QUICK)
    consumer.assign([partition])
    assert values(read(consumer, 200)) == sent
    consumer.seek(partition, 0)
    found: list[bytes | None] = []
    while len(found) < 200:
        found += consumer.poll_columns(WAIT_MS, max_records=70)[partition].values.to_list()
    assert found == sent


def test_deserializers_are_called_with_bytes_and_never_with_none(target: Target) -> None:
    topic = target.topic()
    with target.producer() as producer:
        producer.send(topic, b"41", key=b"a")
        producer.send(topic, None, key=None)
        producer.flush()
    consumer = target.consumer(key_deserializer=bytes.decode, value_deserializer=int, **QUICK)
    consumer.assign([TopicPartition(topic, 0)])
    assert [(record.key, record.value) for record in read(consumer, 2)] == [("a", 41), (None, None)]


def test_pause_holds_records_back_until_resume(target: Target) -> None:
    topic = target.topic(partitions=2)
    paused, other = TopicPartition(topic, 0), TopicPartition(topic, 1)
    fill(target, topic, b"a", b"b", partition=0)
    fill(target, topic, b"c", b"d", partition=1)
    consumer = target.consumer(**QUICK)
    consumer.assign([paused, other])
    consumer.pause(paused)
    assert consumer.paused() == {paused}
    assert values(read(consumer, 2)) == [b"c", b"d"]
    assert consumer.poll(200) == {}
    consumer.resume(paused)
    assert consumer.paused() == set()
    assert values(read(consumer, 2)) == [b"a", b"b"]


def test_pausing_in_the_middle_of_an_iteration_keeps_the_rest(target: Target) -> None:
    topic = target.topic()
    partition = TopicPartition(topic, 0)
    fill(target, topic, b"a", b"b", b"c")
    consumer = target.consumer(**QUICK)
    consumer.assign([partition])
    assert next(consumer).value == b"a"
    consumer.pause(partition)
    assert consumer.poll(200) == {}
    consumer.resume(partition)
    assert values(read(consumer, 2)) == [b"b", b"c"]


def test_a_consumer_without_a_place_begins_at_the_end(target: Target) -> None:
    topic = target.topic()
    partition = TopicPartition(topic, 0)
    fill(target, topic, b"before")
    consumer = target.consumer(fetch_max_wait_ms=20)
    consumer.assign([partition])
    assert consumer.position(partition) == 1
    fill(target, topic, b"after")
    assert values(read(consumer, 1)) == [b"after"]


def test_seeks_go_anywhere_and_position_says_where(target: Target) -> None:
    topic = target.topic()
    partition = TopicPartition(topic, 0)
    fill(target, topic, b"a", b"b", b"c")
    consumer = target.consumer(**QUICK)
    consumer.assign([partition])
    consumer.seek(partition, 2)
    assert values(read(consumer, 1)) == [b"c"]
    consumer.seek_to_beginning()
    assert consumer.position(partition) == 0
    assert values(read(consumer, 3)) == [b"a", b"b", b"c"]
    consumer.seek_to_end(partition)
    assert consumer.position(partition) == 3
    consumer.seek(partition, OffsetAndMetadata(1, "", 0))
    assert values(read(consumer, 2)) == [b"b", b"c"]
    assert consumer.highwater(partition) == 3


def test_wrong_places_are_refused(target: Target) -> None:
    topic = target.topic()
    consumer = target.consumer(**QUICK)
    consumer.assign([TopicPartition(topic, 0)])
    with pytest.raises(ValueError, match="at least 0"):
        consumer.seek(TopicPartition(topic, 0), -1)
    with pytest.raises(ValueError, match="is not assigned"):
        consumer.seek(TopicPartition(topic, 1), 0)
    with pytest.raises(ValueError, match="is not assigned"):
        consumer.position(TopicPartition(topic, 1))
    with pytest.raises(ValueError, match="reads nothing"):
        target.consumer().poll(0)


def test_an_offset_that_the_log_does_not_have_resets_or_raises(target: Target) -> None:
    topic = target.topic()
    partition = TopicPartition(topic, 0)
    fill(target, topic, b"a", b"b")
    consumer = target.consumer(**QUICK)
    consumer.assign([partition])
    consumer.seek(partition, 77)
    assert values(read(consumer, 2)) == [b"a", b"b"]
    strict = target.consumer(auto_offset_reset="none", fetch_max_wait_ms=20)
    strict.assign([partition])
    strict.seek(partition, 77)
    with pytest.raises(OffsetOutOfRange, match="seek"):
        strict.poll(WAIT_MS)
    strict.seek(partition, 1)
    assert values(read(strict, 1)) == [b"b"]


def test_logs_are_asked_for_their_ends_and_for_times(target: Target) -> None:
    topic = target.topic(partitions=2)
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    for number in range(3):
        fill(target, topic, b"x", timestamp_ms=1_700_000_000_000 + 1000 * number)
    consumer = target.consumer(**QUICK)
    assert consumer.beginning_offsets([first, second]) == {first: 0, second: 0}
    assert consumer.end_offsets([first, second]) == {first: 3, second: 0}
    found = consumer.offsets_for_times({first: 1_700_000_000_500, second: 1_700_000_000_500})
    assert found[second] is None
    assert found[first] is not None
    assert present(found[first])._replace(leader_epoch=0) == OffsetAndTimestamp(1, 1_700_000_001_000, 0)
    assert consumer.offsets_for_times({first: 1_800_000_000_000}) == {first: None}
    with pytest.raises(ValueError, match="at least 0"):
        consumer.offsets_for_times({first: -1})


def test_topics_and_their_partitions_are_told(target: Target) -> None:
    topic = target.topic(partitions=2)
    consumer = target.consumer(allow_auto_create_topics=False)
    assert topic in consumer.topics()
    assert "__consumer_offsets" not in consumer.topics()
    assert consumer.partitions_for_topic(topic) == {0, 1}
    assert consumer.partitions_for_topic(target.fresh("absent")) is None


def test_without_a_group_all_partitions_of_a_topic_are_read(target: Target) -> None:
    topic = target.topic(partitions=3)
    for partition in range(3):
        fill(target, topic, b"%d" % partition, partition=partition)
    consumer = target.consumer(topic, **QUICK)
    assert sorted(values(read(consumer, 3))) == [b"0", b"1", b"2"]
    assert consumer.assignment() == {TopicPartition(topic, partition) for partition in range(3)}
    assert consumer.subscription() == {topic}


def test_fetch_sessions_can_be_left_out(target: Target) -> None:
    topic = target.topic()
    fill(target, topic, b"a")
    consumer = target.consumer(enable_incremental_fetch_sessions=False, check_crcs=False, **QUICK)
    consumer.assign([TopicPartition(topic, 0)])
    assert values(read(consumer, 1)) == [b"a"]
    fill(target, topic, b"b")
    assert values(read(consumer, 1)) == [b"b"]


def test_small_fetches_read_everything(target: Target) -> None:
    topic = target.topic()
    sent = [b"%05d" % number * 40 for number in range(300)]
    with target.producer(batch_size=600, linger_ms=0) as producer:
        for value in sent:
            producer.send(topic, value)
        producer.flush()
    consumer = target.consumer(max_partition_fetch_bytes=1000, fetch_max_bytes=1000, **QUICK)
    consumer.assign([TopicPartition(topic, 0)])
    assert values(read(consumer, 300)) == sent


def test_keywords_are_checked(target: Target) -> None:
    with pytest.raises(ConfigError, match="auto_offset_reset"):
        target.consumer(auto_offset_rest="latest")
    with pytest.raises(ConfigError, match="there is no assignor"):
        target.consumer(partition_assignment_strategy="fair")


def test_an_unknown_partition_is_told(target: Target) -> None:
    topic = target.topic()
    consumer = target.consumer(default_api_timeout_ms=500, **QUICK)
    with pytest.raises((TimeoutError, UnknownTopicOrPartition)):
        consumer.end_offsets([TopicPartition(topic, 9)])


def test_a_fetch_waits_for_the_bytes_that_are_wanted(target: Target) -> None:
    topic = target.topic()
    fill(target, topic, b"a")
    how = {"fetch_min_bytes": 100_000, "fetch_max_wait_ms": 1_500, "auto_offset_reset": "earliest"}
    consumer = target.consumer(**how)
    consumer.assign([TopicPartition(topic, 0)])
    assert consumer.poll(50) == {}  # too little to be worth an answer, until the wait is over
    assert values(read(consumer, 1)) == [b"a"]


def test_reading_a_topic_that_is_not_there_makes_it_where_brokers_allow_that(target: Target) -> None:
    topic = target.fresh("made")
    consumer = target.consumer(topic, **QUICK)
    while not consumer.assignment():
        consumer.poll(50)
    fill(target, topic, b"a")
    assert next(consumer).value == b"a"


def test_what_was_done_is_counted(target: Target) -> None:
    topic = target.topic()
    fill(target, topic, b"a")
    consumer = target.consumer(topic, **QUICK)
    assert next(consumer).value == b"a"
    counts = consumer.metrics()
    assert counts["consumer-fetch-manager-metrics"]["bytes-consumed-total"] > 60
    assert counts["consumer-fetch-manager-metrics"]["fetch-total"] >= 1
    assert counts["consumer-coordinator-metrics"]["assigned-partitions"] == 1


def test_a_consumer_with_a_name_and_a_rack_reads_as_any(target: Target) -> None:
    topic = target.topic()
    fill(target, topic, b"a")
    consumer = target.consumer(client_id="my-reader", client_rack="here", **QUICK)
    consumer.assign([TopicPartition(topic, 0)])
    assert values(read(consumer, 1)) == [b"a"]
