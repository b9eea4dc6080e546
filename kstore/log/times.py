"""Look-ups by timestamp: the first record at or after a time, and the newest record.

Timestamps need not rise along a log. The time indexes lead to a place before which nothing is as new; from there on
batches are looked at by their headers, and one is opened whose header promises such a record. Compaction leaves headers
that promise what is gone, so the search goes on behind them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kstore.log.answers import TimestampedOffset
from kstore.log.batch_headers import max_timestamp_of
from kstore.log.scan import find_timestamp
from kstore.records import HEADER_BYTES
from kstore.records.batch import NO_TIMESTAMP, RecordBatch

if TYPE_CHECKING:
    from kstore.log.log import Log
    from kstore.log.segment import Segment

WINDOW_BYTES = 8192


def first_at(log: Log, timestamp: int) -> TimestampedOffset | None:
    """The first record at ``timestamp`` or later, or None when all are older."""
    for segment in log.segments:
        if segment.max_timestamp < timestamp:
            continue
        for batch in candidates(segment, timestamp, log.start_offset):
            if batch.max_timestamp < timestamp or batch.last_offset < log.start_offset:
                continue
            if (found := first_in(log, batch, timestamp)) is not None:
                return found
    return None


def candidates(segment: Segment, timestamp: int, start_offset: int) -> Iterator[RecordBatch]:
    """A segment's batches from a position on before which no record at or above ``start_offset`` is as new.

    A wrong time index is rebuilt. What is passed over is checked: a wrong header may hide the record.
    """
    if not is_borne_out(segment, *segment.time_index.entry_before(timestamp)):
        segment.rebuild_indexes()
    _, offset = segment.time_index.entry_before(timestamp)
    position = segment.offset_index.position_before(max(offset, start_offset))
    size = segment.size_bytes
    while position < size:
        found, moved = find_timestamp(segment.file.read(position, WINDOW_BYTES), timestamp)
        segment.verified.look_at(position, min(moved, size - position))
        position += moved
        if found:
            yield from segment.batches(position)
            return
        if not moved:
            return


def is_borne_out(segment: Segment, timestamp: int, offset: int) -> bool:
    """Whether the batch that an entry of the time index tells of has that timestamp: it is the newest one up to there,
    so an entry with another timestamp, or for another batch, is wrong. In a damaged segment nothing is judged by that.
    """
    if timestamp < 0 or segment.verified.wrong_at is not None:
        return True
    found = segment.find(offset)
    return found is not None and max_timestamp_of(segment.file.read(found[0], HEADER_BYTES)) == timestamp


def newest(log: Log) -> TimestampedOffset | None:
    """The first of the newest records, or None in an empty log.

    Where no timestamp is 0 or more, Kafka takes the first batch's first record without one (-1), and so do we.
    """
    found = max(segment.max_timestamp for segment in log.segments)
    if found > NO_TIMESTAMP:
        return first_at(log, found)
    for batch in log.batches(log.start_offset):
        return first_in(log, batch, NO_TIMESTAMP)
    return None


def first_in(log: Log, batch: RecordBatch, timestamp: int) -> TimestampedOffset | None:
    """The first record of a batch at ``timestamp`` or later; one that is larger than the log takes is refused."""
    most = log.config.max_decompressed_message_bytes
    found = batch.find_timestamp(timestamp, log.start_offset, max_record_bytes=most)
    return None if found is None else TimestampedOffset(*found, batch.leader_epoch)
