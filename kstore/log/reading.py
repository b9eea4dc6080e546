"""Reads a log's files: batches from an offset on, and records by timestamp.

What was appended lately is read from the hot tail (``Log.read``); the rest here, a segment at a time. An answer never
spans two segments. What the disk can't give closes the log for appends. What it gives wrong is never in an answer: one
ends before it, and a read that begins there raises LogDamaged. The log's owner is told of either.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kstore.errors import CorruptMessage
from kstore.log import times
from kstore.log.answers import AbortedTransaction, LogRead, TimestampedOffset
from kstore.log.damage import failed_to_read, transaction_index_damaged
from kstore.log.indexes import IndexFileError
from kstore.records import RecordBatch

if TYPE_CHECKING:
    from kstore.log.log import Log


class Reading:
    """What one log reads from its files."""

    __slots__ = ("_log",)

    def __init__(self, log: Log) -> None:
        self._log = log

    def read(self, offset: int, max_bytes: int, limit: int, min_one: bool) -> LogRead:
        """As ``Log.read``; ``limit`` is within the log."""
        if offset >= limit:
            return LogRead(None, [], 0, offset)
        log = self._log
        try:
            for segment in log.segments.from_offset(offset):
                extent = segment.sound_extent(max(offset, segment.base_offset), max_bytes, limit, min_one=min_one)
                if extent is not None:
                    next_offset = extent.next_offset if extent.nbytes else offset
                    return LogRead(None, segment.chunks(extent), extent.nbytes, next_offset)
        except (OSError, CorruptMessage) as error:
            raise failed_to_read(log, error) from error
        return LogRead(None, [], 0, offset)

    def doubt(self, offset: int) -> None:
        """As ``Log.doubt``."""
        log = self._log
        segment = log.segments.from_offset(offset)[0]
        try:
            found = segment.find(max(offset, segment.base_offset))
        except (OSError, CorruptMessage) as error:
            raise failed_to_read(log, error) from error
        if found is not None:
            segment.verified.doubt(found[0])

    def batches(self, offset: int, up_to: int) -> Iterator[RecordBatch]:
        """The batches from the one with ``offset`` on that end below ``up_to``."""
        log = self._log
        try:
            for segment in log.segments.from_offset(offset):
                found = segment.find(max(offset, segment.base_offset))
                for batch in segment.batches(found[0]) if found is not None else ():
                    if batch.last_offset >= up_to:
                        return
                    yield batch
        except (OSError, CorruptMessage) as error:
            raise failed_to_read(log, error) from error

    def aborted(self, offset: int, up_to: int) -> list[AbortedTransaction]:
        """The aborted transactions that end at ``offset`` or later and begin below ``up_to``. A wrong index of them
        closes the log.
        """
        try:
            return self._log.segments.aborted(offset, up_to)
        except OSError as error:
            raise failed_to_read(self._log, error) from error
        except IndexFileError as error:
            raise transaction_index_damaged(self._log, str(error)) from error

    def first_at(self, timestamp: int) -> TimestampedOffset | None:
        """The first record at ``timestamp`` or later, or None when all are older."""
        try:
            return times.first_at(self._log, timestamp)
        except (OSError, CorruptMessage) as error:
            raise failed_to_read(self._log, error) from error

    def newest(self) -> TimestampedOffset | None:
        """The first of the newest records, or None in an empty log."""
        try:
            return times.newest(self._log)
        except (OSError, CorruptMessage) as error:
            raise failed_to_read(self._log, error) from error
