"""Batches whose records compaction has dropped: Kafka's cleaner keeps the header alone, for its producer's sake."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from log.batching import NOW_MS, append, batch, everything, stamped
from model.batch_model import ModelBatch, ModelRecord

from actors.clients.consumer.records import PartitionRecords
from kstore import TopicPartition
from kstore.errors import InvalidRecord, KafkaError
from kstore.fs import FileSystem
from kstore.log import Log, LogConfig
from kstore.records import RecordBatch, parse_batches

PATH = "orders-0"


def emptied(offset: int = 0, **fields: Any) -> RecordBatch:
    """As ``DefaultRecordBatch.writeEmptyHeader`` leaves it: offsets, timestamp and producer, and nothing behind."""
    fields = {"producer_id": 7, "producer_epoch": 0, "base_sequence": 0, "last_offset_delta": 2, **fields}
    model = ModelBatch([ModelRecord(offset, NOW_MS, None, None)], offset, 0, record_count=0, payload=b"", **fields)
    return parse_batches(model.to_bytes())[0]


def emptied_marker(offset: int) -> RecordBatch:
    return emptied(offset, is_control=True, is_transactional=True, base_sequence=-1, last_offset_delta=0)


KINDS = {
    "marker": emptied_marker(3),
    "data": emptied(3),
    "data of a transaction": emptied(3, is_transactional=True),
    **{f"data with codec {codec}": emptied(3, compression=codec) for codec in range(1, 5)},
    "many offsets": emptied(3, last_offset_delta=2**31 - 10),
}


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest) -> RecordBatch:
    return KINDS[request.param]


def followed(fs: FileSystem, *batches: RecordBatch) -> Log:
    log = Log.open(fs, PATH, LogConfig(), now_ms=NOW_MS)
    for each in batches:
        log.append_as_follower([each], NOW_MS)
    return log


def around(empty: RecordBatch) -> list[RecordBatch]:
    return [stamped(0, 3, producer=7), empty, stamped(empty.last_offset + 1, 2)]


def test_a_follower_takes_an_empty_batch_as_it_is(fs: FileSystem, empty: RecordBatch) -> None:
    log = followed(fs, *around(empty))
    assert log.end_offset == empty.last_offset + 3
    assert everything(log) == [each.to_bytes() for each in around(empty)]


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("with_snapshot", [True, False])
def test_an_empty_batch_is_passed_over_when_a_log_is_opened(
    fs: FileSystem, empty: RecordBatch, clean: bool, with_snapshot: bool
) -> None:
    log = followed(fs, *around(empty))
    producers = [entry.snapshot() for entry in log.producers]
    log.close()
    for name in fs.listdir(PATH):
        if name.endswith(".snapshot") and not with_snapshot:
            fs.unlink(f"{PATH}/{name}")
    again = Log.open(fs, PATH, LogConfig(), now_ms=NOW_MS, clean=clean)
    assert everything(again) == [each.to_bytes() for each in around(empty)]
    assert [entry.snapshot() for entry in again.producers] == producers
    assert again.recovery.cut_bytes == 0


def test_an_empty_data_batch_keeps_the_sequence_of_its_producer(fs: FileSystem) -> None:
    log = followed(fs, emptied(0, base_sequence=40))
    assert append(log, batch(1, producer=7, sequence=43)).first_offset == 3
    assert append(log, batch(1, producer=7, sequence=43)).duplicate


def test_an_empty_marker_ends_nothing_and_fences_nobody(fs: FileSystem) -> None:
    log = followed(fs, stamped(0, 3, producer=7, transactional=True), emptied_marker(3))
    assert log.producers.transactions.first_unstable_offset == 0
    (answer,) = log.append_as_leader([[emptied_marker(4)]], 0, NOW_MS, from_client=False)
    assert not isinstance(answer, KafkaError)


def test_an_empty_batch_is_read_by_offset_and_by_time(fs: FileSystem, empty: RecordBatch) -> None:
    log = followed(fs, *around(empty))
    assert log.read(3, 1).next_offset == empty.last_offset + 1
    found = log.offset_for_timestamp(NOW_MS)
    assert found is not None
    assert found.offset == 0


def test_a_log_of_empty_batches_alone_has_no_record_of_any_time(fs: FileSystem) -> None:
    log = followed(fs, emptied(0), emptied_marker(3))
    assert log.offset_for_timestamp(0) is None
    assert log.max_timestamp() is None


@pytest.mark.parametrize("by_columns", [True, False])
def test_a_consumer_passes_over_an_empty_batch(empty: RecordBatch, by_columns: bool) -> None:
    batches = around(empty)
    records = PartitionRecords(TopicPartition("orders", 0), batches, 0)
    expected = [0, 1, 2, empty.last_offset + 1, empty.last_offset + 2]
    assert (columns(records) if by_columns else [record.offset for record in records.take(100)]) == expected
    assert records.take(1) == []
    assert records.next_offset == expected[-1] + 1


def columns(records: PartitionRecords) -> list[int]:
    """The offsets, read as columns."""
    offsets: list[int] = []
    while (room := records.room(100))[0]:
        count, nbytes = room
        found, times = (np.empty(count, np.int64) for _ in range(2))
        key_ends, value_ends = (np.zeros(count + 1, np.int64) for _ in range(2))
        keys, key_nulls, values, value_nulls = (np.empty(nbytes + 1, np.uint8) for _ in range(4))
        filled = records.fill(found, times, keys, key_ends, key_nulls, values, value_ends, value_nulls)
        assert filled
        offsets += found[:filled].tolist()
    return offsets


def test_an_empty_batch_has_no_records(empty: RecordBatch) -> None:
    assert empty.records() == []


HOSTILE = {
    "no key": (None, b"\x00\x00\x00\x00\x00\x00"),
    "a key cut short": (b"\x00", b"\x00\x00\x00\x00\x00\x00"),
    "a value cut short": (b"\x00\x00\x00\x01", b"\x00"),
    "no value": (b"\x00\x00\x00\x00", None),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_marker_that_cannot_be_read_is_refused_before_it_is_written(fs: FileSystem, name: str) -> None:
    record = ModelRecord(3, NOW_MS, *HOSTILE[name])
    model = ModelBatch([record], 3, 0, is_control=True, is_transactional=True, producer_id=7, producer_epoch=0)
    log = followed(fs, stamped(0, 3, producer=7))
    before = everything(log)
    with pytest.raises(InvalidRecord):
        log.append_as_follower(parse_batches(model.to_bytes()), NOW_MS)
    assert (log.end_offset, everything(log)) == (3, before)
    log.append_as_follower([stamped(3, 1)], NOW_MS)
