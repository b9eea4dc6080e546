"""Logs of keys to compact, and the compaction of one in a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from log.batching import NOW_MS, append, small_config

from kstore.fs import FileSystem
from kstore.log import AppendInfo, Log, LogConfig
from kstore.log.cleanable import cleanable
from kstore.log.cleaning import Cleaning
from kstore.log.offset_map import OffsetMap
from kstore.records import BatchBuilder, EndTransactionMarker, RecordBatch, end_transaction_batch, parse_batches

PATH = "orders-0"
DAY_MS = 24 * 3600 * 1000
SLOT_BYTES = 24

Pair = tuple[bytes | None, bytes | None]


def config(**changes: Any) -> LogConfig:
    return small_config(**{"compacted": True, "hot_tail_bytes": 0, **changes})


def opened(fs: FileSystem, **changes: Any) -> Log:
    return Log.open(fs, PATH, config(**changes), now_ms=NOW_MS)


def keyed(
    *pairs: Pair,
    timestamp: int = NOW_MS,
    producer: int = -1,
    epoch: int = 0,
    sequence: int = 0,
    compression: int = 0,
    transactional: bool = False,
) -> RecordBatch:
    """A batch of records with these keys and values, a millisecond apart."""
    with_producer = producer >= 0
    builder = BatchBuilder(
        compression=compression,
        producer_id=producer,
        producer_epoch=epoch if with_producer else -1,
        base_sequence=sequence if with_producer else -1,
        transactional=transactional,
    )
    for number, (key, value) in enumerate(pairs):
        builder.append(timestamp + number, key, value)
    return parse_batches(builder.build())[0]


def marker(producer: int, *, commits: bool, epoch: int = 0, timestamp: int = NOW_MS) -> RecordBatch:
    return parse_batches(end_transaction_batch(EndTransactionMarker(commits, 0), timestamp, producer, epoch))[0]


def end_transaction(log: Log, producer: int, *, commits: bool, timestamp: int = NOW_MS, leader_epoch: int = 0) -> None:
    batch = marker(producer, commits=commits, timestamp=timestamp)
    (answer,) = log.append_as_leader([[batch]], leader_epoch, timestamp, from_client=False)
    assert isinstance(answer, AppendInfo), answer


def put(log: Log, *pairs: Pair, **fields: Any) -> None:
    append(log, keyed(*pairs, **fields), now_ms=fields.get("timestamp", NOW_MS))


def roll(log: Log) -> None:
    """All so far is replicated, and none of it in the active segment."""
    log.roll(NOW_MS)
    log.advance_high_watermark(log.end_offset)


def begin(log: Log, *, first_dirty: int | None = None, now_ms: int = NOW_MS, room: int = 1000) -> Cleaning:
    """A cleaning with a map for so many keys."""
    offsets = OffsetMap((room + 1) * SLOT_BYTES, 1.0)
    assert offsets.capacity == room
    return Cleaning(log, cleanable(log, first_dirty, now_ms), offsets, now_ms)


def compact(log: Log, *, first_dirty: int | None = None, now_ms: int = NOW_MS, room: int = 1000) -> Cleaning:
    cleaning = begin(log, first_dirty=first_dirty, now_ms=now_ms, room=room)
    while cleaning.step(now_ms):
        pass
    assert cleaning.failure is None, cleaning.failure
    for work in log.take_work():
        work.run()
        work.done(None)
    return cleaning


def batches(log: Log) -> list[RecordBatch]:
    """All in its segments, also below its start."""
    return [each for segment in log.segments for each in segment.batches(0)]


def kept(log: Log) -> list[tuple[int, bytes | None, bytes | None]]:
    """The records, by offset, key and value; markers are left out."""
    return [
        (record.offset, record.key, record.value)
        for each in batches(log)
        if not each.is_control
        for record in each.records()
    ]


def last_values(records: Sequence[tuple[int, bytes | None, bytes | None]]) -> dict[bytes, bytes]:
    """What a reader of all of it has at the end; keys whose tombstone came last are gone."""
    found: dict[bytes, bytes] = {}
    for _, key, value in records:
        if key is not None:
            found.pop(key, None)
            if value is not None:
                found[key] = value
    return found


def entries(log: Log) -> list[list[Any]]:
    """The entries of all indexes of all segments."""
    return [
        [index.entry(number) for number in range(len(index))]
        for segment in log.segments
        for index in (segment.offset_index, segment.time_index)
    ]
