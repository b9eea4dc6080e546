"""Offsets of partitions by an admin: found by place and time, and records deleted; on every target."""

from typing import Any

import pytest
from clients.targets import Target

from actors.clients.errors import SeveralFailed
from kstore import OffsetAndTimestamp, OffsetSpec, TopicPartition
from kstore.errors import OffsetOutOfRange, UnknownTopicOrPartition
from kstore.errors.config import ConfigError


def filled(target: Target, *counts: int) -> list[TopicPartition]:
    """The partitions of a topic with so many records of the times 1000, 2000, ..."""
    topic = target.topic(partitions=len(counts))
    with target.producer() as producer:
        for partition, count in enumerate(counts):
            for number in range(count):
                producer.send(topic, b"%d" % number, partition=partition, timestamp_ms=1_000 * (number + 1))
        producer.flush()
    return [TopicPartition(topic, partition) for partition in range(len(counts))]


def test_offsets_are_found_by_place_and_by_time(target: Target) -> None:
    admin = target.admin()
    places = filled(target, 5, 5, 5, 5, 5, 0)
    specs = (OffsetSpec.EARLIEST, OffsetSpec.LATEST, OffsetSpec.MAX_TIMESTAMP, 2_500, 99_000, OffsetSpec.LATEST)
    found = admin.list_partition_offsets(dict(zip(places, specs, strict=True)))
    assert list(found.values()) == [
        OffsetAndTimestamp(0, -1, 0),
        OffsetAndTimestamp(5, -1, 0),
        OffsetAndTimestamp(4, 5_000, 0),
        OffsetAndTimestamp(2, 3_000, 0),
        OffsetAndTimestamp(-1, -1, -1),
        OffsetAndTimestamp(0, -1, 0),
    ]
    stable = admin.list_partition_offsets({places[0]: OffsetSpec.LATEST}, isolation_level="read_committed")
    assert stable[places[0]].offset == 5


def test_a_partition_that_is_not_there_is_not_found(target: Target) -> None:
    admin, (place,) = target.admin(), filled(target, 1)
    with pytest.raises(UnknownTopicOrPartition):
        admin.list_partition_offsets({TopicPartition(target.fresh("topic"), 0): OffsetSpec.LATEST})
    with pytest.raises(SeveralFailed) as raised:
        admin.list_partition_offsets({place: OffsetSpec.LATEST, place._replace(partition=7): OffsetSpec.LATEST})
    assert {each.partition: type(error) for each, error in raised.value.errors.items()} == {7: UnknownTopicOrPartition}
    assert raised.value.results[place].offset == 1
    with pytest.raises(ConfigError, match="isolation_level is one of read_uncommitted, read_committed"):
        admin.list_partition_offsets({place: OffsetSpec.LATEST}, isolation_level="dirty")


def test_deleted_records_are_no_longer_read(target: Target) -> None:
    admin, (first, second) = target.admin(), filled(target, 5, 5)
    found = admin.delete_records({first: 3, second: -1})
    assert {each: answer.low_watermark for each, answer in found.items()} == {first: 3, second: 5}
    begin = admin.list_partition_offsets(dict.fromkeys((first, second), OffsetSpec.EARLIEST))
    assert [each.offset for each in begin.values()] == [3, 5]
    consumer = target.consumer(auto_offset_reset="earliest", fetch_max_wait_ms=20)
    consumer.assign([first])
    records: list[Any] = []
    while len(records) < 2:
        records += consumer.poll(20_000)[first]
    assert [record.offset for record in records] == [3, 4]
    assert admin.delete_records({first: 1})[first].low_watermark == 3


def test_records_that_are_not_there_cannot_be_deleted(target: Target) -> None:
    admin, (place,) = target.admin(), filled(target, 2)
    with pytest.raises(OffsetOutOfRange):
        admin.delete_records({place: 3})
    with pytest.raises(UnknownTopicOrPartition):
        admin.delete_records({TopicPartition(target.fresh("topic"), 0): 0})
    assert admin.list_partition_offsets({place: OffsetSpec.EARLIEST})[place].offset == 0


@pytest.mark.parametrize("wrong", ["t-0", ("t", "0"), (0, "t"), None], ids=repr)
def test_what_is_no_partition_is_refused_before_anything_is_sent(target: Target, wrong: Any) -> None:
    admin = target.admin()
    with pytest.raises(TypeError):
        admin.delete_records({wrong: 1})
    with pytest.raises(TypeError):
        admin.list_partition_offsets({TopicPartition("t", 0): "latest"})  # type: ignore[dict-item]
