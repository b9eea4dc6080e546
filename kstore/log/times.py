"""Look-ups by timestamp: the first record at or after a time, and the newest record.

Timestamps need not rise along a log. The time indexes lead to a place before which nothing is as new; from there on
batches are looked at by their headers, and one is opened whose header promises such a record. Compaction leaves headers
that promise what is gone, so the search goes on behind them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore.log.answers import TimestampedOffset
from kstore.records.batch import NO_TIMESTAMP, RecordBatch

if TYPE_CHECKING:
    from kstore.log.log import Log


def first_at(log: Log, timestamp: int) -> TimestampedOffset | None:
    """The first record at ``timestamp`` or later, or None when all are older."""
    for segment in log.segments:
        if segment.max_timestamp < timestamp:
            continue
        for batch in segment.find_timestamp(timestamp, log.start_offset):
            if batch.max_timestamp < timestamp or batch.last_offset < log.start_offset:
                continue
            if (found := first_in(log, batch, timestamp)) is not None:
                return found
    return None


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
