"""Fetched batches as records and as columns: what is skipped, what is refused, and where a reader stands after it."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.clients.consumer.buffer_pool import BufferPool, PooledBuffer
from actors.clients.consumer.columns import BytesColumn, ColumnReader
from actors.clients.consumer.deserializing import deserializer
from actors.clients.consumer.feed import RecordIterator
from actors.clients.consumer.records import ConsumerRecord, PartitionRecords
from actors.clients.errors import SerializationFailed
from actors.clients.structs import TopicPartition
from kstore.errors import CorruptMessage, InvalidRecord, MessageTooLarge
from kstore.records import BatchBuilder, EndTransactionMarker, end_transaction_batch, parse_batches

ORDERS = TopicPartition("orders", 3)
NOW = 1_700_000_000_000
ALL = 2**40


def batch(first: int, *values: bytes | None, compression: int = 0, leader_epoch: int = 5, key: Any = b"k") -> bytes:
    builder = BatchBuilder(base_offset=first, leader_epoch=leader_epoch, compression=compression)
    for number, value in enumerate(values):
        builder.append(NOW + number, key, value)
    return builder.build()


def reader(data: bytes, offset: int = 0, **how: Any) -> PartitionRecords:
    return PartitionRecords(ORDERS, parse_batches(data, allow_partial=True), offset, **how)


def values(records: list[ConsumerRecord]) -> list[Any]:
    return [record.value for record in records]


def test_records_are_taken_in_the_portions_asked_for() -> None:
    records = reader(batch(10, b"a", b"b", b"c") + batch(13, b"d", leader_epoch=6), 10)
    assert values(records.take(2)) == [b"a", b"b"]
    assert (records.next_offset, records.leader_epoch) == (12, 5)
    assert values(records.take(9)) == [b"c", b"d"]
    assert (records.next_offset, records.leader_epoch) == (14, 6)
    assert records.take(9) == []


def test_a_record_knows_where_it_comes_from() -> None:
    builder = BatchBuilder(base_offset=7, leader_epoch=2)
    builder.append(NOW, b"order1", b"shipped", [("trace", b"x"), ("none", None)])
    (record,) = reader(builder.build(), 7).take(1)
    assert record == ConsumerRecord(
        "orders",
        3,
        7,
        timestamp=NOW,
        key=b"order1",
        value=b"shipped",
        headers=[("trace", b"x"), ("none", None)],
        leader_epoch=2,
        serialized_key_size=6,
        serialized_value_size=7,
    )
    assert record != ConsumerRecord("orders", 3, 8)
    assert record != "a record"
    assert hash(record) == hash(ConsumerRecord("orders", 3, 7))
    assert "offset=7" in repr(record)
    with pytest.raises(AttributeError):
        record.offset = 8  # the stub says that it can be set, the class doesn't let it


def test_a_batch_of_log_append_time_gives_the_brokers_timestamp() -> None:
    stamped = parse_batches(batch(0, b"a", b"b"))[0].stamped(0, 1, log_append_time=NOW + 99)
    records = PartitionRecords(ORDERS, [stamped], 0).take(2)
    assert [(record.timestamp, record.timestamp_type) for record in records] == [(NOW + 99, 1)] * 2
    columns = ColumnReader().take(PartitionRecords(ORDERS, [stamped], 0), ALL)
    assert columns is not None
    assert columns.timestamps.tolist() == [NOW + 99] * 2


def test_records_below_the_offset_asked_for_are_left_out() -> None:
    data = batch(10, b"a", b"b", b"c")
    assert values(reader(data, 12).take(9)) == [b"c"]
    columns = ColumnReader().take(reader(data, 11), ALL)
    assert columns is not None
    assert columns.offsets.tolist() == [11, 12]
    assert reader(data, 13).take(9) == []


def test_control_batches_are_passed_over_and_counted_in_the_offset() -> None:
    marker = end_transaction_batch(EndTransactionMarker(True, 0), NOW, 1, 0, base_offset=11)
    records = reader(batch(10, b"a") + marker + batch(12, b"b"), 10)
    assert values(records.take(9)) == [b"a", b"b"]
    only = reader(marker, 11)
    assert only.take(9) == []
    assert only.next_offset == 12


def test_what_compaction_left_out_is_not_waited_for() -> None:
    whole = bytearray(batch(20, b"a", b"b", b"c"))
    whole[23:27] = (9).to_bytes(4, "big")  # the last offset delta: 29 was compacted away
    records = reader(bytes(whole), 20, check_crcs=False)
    assert values(records.take(9)) == [b"a", b"b", b"c"]
    assert records.next_offset == 30


def test_an_incomplete_last_batch_is_dropped() -> None:
    data = batch(0, b"a") + batch(1, b"b")[:-3]
    assert values(reader(data).take(9)) == [b"a"]


def test_a_wrong_checksum_is_met_after_what_came_before_it_and_again_each_time() -> None:
    bad = bytearray(batch(1, b"b"))
    bad[-1] ^= 1
    data = batch(0, b"a") + bytes(bad) + batch(2, b"c")
    records = reader(data)
    assert values(records.take(9)) == [b"a"]
    assert records.stuck
    for _ in range(2):
        with pytest.raises(CorruptMessage, match=r"offset 1 of orders-3.*seek to 2"):
            records.take(9)
    assert records.next_offset == 1
    assert values(reader(data, 2).take(9)) == [b"c"]
    columns = reader(data)
    read = ColumnReader()
    found = read.take(columns, ALL)
    assert found is not None
    assert found.offsets.tolist() == [0]
    assert columns.stuck
    with pytest.raises(CorruptMessage, match="offset 1"):
        read.take(columns, ALL)


def test_checksums_are_not_looked_at_when_that_is_wanted() -> None:
    bad = bytearray(batch(0, b"a"))
    bad[17] ^= 1
    assert values(reader(bytes(bad), check_crcs=False).take(9)) == [b"a"]


def test_records_that_lie_about_their_length_are_refused() -> None:
    bad = bytearray(batch(0, b"a"))
    bad[61] = 0x7E  # the first record's length
    with pytest.raises(CorruptMessage, match="can't be read: record 0"):
        reader(bytes(bad), check_crcs=False).take(9)
    many = bytearray(batch(0, b"a"))
    many[57:61] = (1_000_000).to_bytes(4, "big")
    with pytest.raises(CorruptMessage, match="1000000 records cannot lie in"):
        reader(bytes(many), check_crcs=False).take(9)
    more = bytearray(batch(0, b"a", b"b"))
    more[57:61] = (1).to_bytes(4, "big")
    records = reader(bytes(more), check_crcs=False)
    assert values(records.take(9)) == [b"a"]
    with pytest.raises(CorruptMessage, match="bytes follow"):
        records.take(9)


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_compressed_batches_are_read_up_to_a_limit(codec: int) -> None:
    data = batch(0, b"a" * 1000, b"b" * 1000, compression=codec)
    assert values(reader(data).take(9)) == [b"a" * 1000, b"b" * 1000]
    with pytest.raises((MessageTooLarge, InvalidRecord)):
        reader(data, limit_bytes=1500).take(9)
    with pytest.raises((MessageTooLarge, InvalidRecord)):
        ColumnReader().take(reader(data, limit_bytes=1500), ALL)


def test_deserializers_get_bytes_and_objects_get_topic_and_headers_too() -> None:
    class Wide:
        def deserialize(self, topic: str, headers: Any, data: bytes) -> Any:
            return topic, list(headers), data

    class Narrow:
        def deserialize(self, topic: str, data: bytes) -> Any:
            return topic, data

    data = batch(0, b"v", None)
    records = reader(data, key_deserializer=deserializer(Wide()), value_deserializer=deserializer(Narrow())).take(9)
    assert [(record.key, record.value) for record in records] == [
        (("orders", [], b"k"), ("orders", b"v")),
        (("orders", [], b"k"), None),
    ]


def test_a_record_that_cannot_be_deserialized_is_named_and_can_be_passed_over() -> None:
    data = batch(0, b"1", b"two", b"3")
    records = reader(data, value_deserializer=int)
    assert values(records.take(9)) == [1]
    for _ in range(2):
        with pytest.raises(
            SerializationFailed, match=r"value of the record at offset 1 of orders-3.*seek to 2"
        ) as raised:
            records.take(9)
        assert raised.value.offset == 1  # type: ignore[attr-defined]
        assert raised.value.partition == ORDERS  # type: ignore[attr-defined]
        assert isinstance(raised.value.__cause__, ValueError)
    assert values(reader(data, 2, value_deserializer=int).take(9)) == [3]


nullable = st.none() | st.binary(max_size=30)


@given(
    st.lists(st.lists(st.tuples(nullable, nullable), min_size=1, max_size=6), max_size=5),
    st.lists(st.integers(1, 9), min_size=1, max_size=20),
    st.sampled_from([0, 0, 3]),
)
def test_columns_and_records_say_the_same_in_any_portions(
    batches: list[list[tuple[bytes | None, bytes | None]]], portions: list[int], compression: int
) -> None:
    data, offset = b"", 0
    for pairs in batches:
        builder = BatchBuilder(base_offset=offset, compression=compression)
        for number, (key, value) in enumerate(pairs):
            builder.append(NOW + number, key, value)
        data += builder.build()
        offset += len(pairs)
    in_records, in_columns, read = reader(data), reader(data), ColumnReader()
    turn = 0
    while True:
        count = portions[turn % len(portions)]
        turn += 1
        records, columns = in_records.take(count), read.take(in_columns, count)
        assert in_records.next_offset == in_columns.next_offset
        if not records:
            assert columns is None
            break
        assert columns is not None
        assert columns.offsets.tolist() == [record.offset for record in records]
        assert columns.timestamps.tolist() == [record.timestamp for record in records]
        assert columns.keys.to_list() == [record.key for record in records]
        assert columns.values.to_list() == values(records)
        assert [columns.values[n] for n in range(len(columns.values))] == values(records)
    assert in_records.next_offset == offset


def test_columns_that_somebody_keeps_are_never_written_over() -> None:
    read = ColumnReader()
    kept = []
    for round_ in range(40):
        columns = read.take(reader(batch(0, b"%03d" % round_)), ALL)
        assert columns is not None
        kept.append(columns.values.data)
    assert [data.tobytes() for data in kept] == [b"%03d" % round_ for round_ in range(40)]


def test_memory_is_used_again_once_nobody_has_it() -> None:
    buffers = BufferPool()
    first = np.frombuffer(buffers.take(1000), np.uint8)
    address = first.ctypes.data
    view = first[3:5]
    assert np.frombuffer(buffers.take(1000), np.uint8).ctypes.data != address
    del first
    gc.collect()
    assert np.frombuffer(buffers.take(1000), np.uint8).ctypes.data != address
    del view
    gc.collect()
    assert np.frombuffer(buffers.take(1000), np.uint8).ctypes.data == address
    with pytest.raises(ValueError, match="at least 0"):
        PooledBuffer(-1)


def test_a_column_of_bytes_is_indexed_from_both_ends() -> None:
    column = BytesColumn(np.frombuffer(b"abc", np.uint8), np.array([0, 1, 3]), np.array([False, False]))
    assert (column[0], column[-1], len(column), column.lengths.tolist()) == (b"a", b"bc", 2, [1, 2])
    with pytest.raises(IndexError):
        column[2]
    with pytest.raises(ValueError, match="not all of one size"):
        column.fixed()
    same = BytesColumn(np.frombuffer(b"\0\1\0\2", np.uint8), np.array([0, 2, 4]), np.array([False, False]))
    assert same.fixed(">u2").tolist() == [1, 2]
    with pytest.raises(ValueError, match="have 2 bytes each"):
        same.fixed(">u4")
    assert "2 values" in repr(same)


def test_an_empty_feed_ends_and_one_that_is_filled_goes_on_where_it_was() -> None:
    records = RecordIterator()
    assert list(records) == []
    a, b, c = (ConsumerRecord("t", 0, n) for n in range(3))
    feed = records._feed
    feed.give([a, b, c])
    assert feed.last() is a
    assert next(records) is b
    assert (feed.last(), feed.left()) == (b, [c])
    feed.drop()
    assert list(records) == []
