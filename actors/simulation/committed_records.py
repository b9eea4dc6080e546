"""The records that were committed in one partition, in order, and which of them may be gone.

A record counts once it is stable: it lies below every transaction that is still open. Then it is known whether its
transaction was committed. What may be gone is what Apache Kafka's contract allows: what lies before the log's start,
and, where the log is compacted, an older value of a key, a record of an aborted transaction, and a tombstone or a
marker after ``delete.retention.ms``. Pure.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from math import inf

from actors.simulation.batch_entry import BatchEntry
from kstore.named import NamedTuple


class CommittedRecord(NamedTuple):
    """One record below the high watermark."""

    offset: int
    key: bytes | None
    value: bytes | None


class Contents(NamedTuple):
    """Offsets and values of a partition: all that there ever were, and those that must be there still."""

    ever: list[tuple[int, bytes]]
    kept: list[tuple[int, bytes]]


class _Transaction:
    __slots__ = ("batches", "commits", "records")

    def __init__(self) -> None:
        self.batches: list[BatchEntry] = []
        self.records: list[CommittedRecord] = []
        self.commits: bool | None = None

    def first_offset(self, start: int) -> float:
        """Where it begins in a log that begins at an offset: a replica that was copied from there knows of no more."""
        return next((each.base_offset for each in self.batches if each.last_offset >= start), inf)


class CommittedRecords:
    """``stable_end`` is the highest last stable offset that there can have been; ``start`` the highest log start."""

    def __init__(self) -> None:
        self.start = 0
        self.stable_end: float = 0
        self.compacts = False
        self._end = 0
        self._aborted: set[int] = set()
        self._all: list[tuple[CommittedRecord, _Transaction | None]] = []
        self._settled = 0  # so many of them are below what is stable
        self._of_batch: dict[int, list[CommittedRecord]] = {}
        self._last: dict[bytes | None, int] = {}  # by key: its last stable record
        self._open: dict[int, _Transaction] = {}
        self._began: dict[int, int] = {}  # by the offset of a marker: where its transaction began

    def add(self, entry: BatchEntry, records: list[CommittedRecord]) -> None:
        """The next batch has been committed."""
        if entry.is_control:
            ended = self._open.pop(entry.producer_id, None)
            if ended is not None:
                ended.commits = entry.commits
                self._began[entry.base_offset] = ended.batches[0].base_offset
                if not entry.commits:
                    self._aborted.update(record.offset for record in ended.records)
                for record in ended.records if entry.commits else ():
                    if record.offset < self.stable_end:  # it was below a log's start, but not below each log's
                        self._replace(record)
        else:
            transaction = None
            if entry.is_transactional:
                transaction = self._open.setdefault(entry.producer_id, _Transaction())
                transaction.batches.append(entry)
                transaction.records += records
            self._all += ((record, transaction) for record in records)
            self._of_batch[entry.base_offset] = records
        self._end = entry.last_offset + 1
        self._settle()

    def begins_at(self, start: int) -> None:
        """A log begins at an offset now."""
        if start > self.start:
            self.start = start
            self._settle()

    def _settle(self) -> None:
        self.stable_end = min([self._end, *(each.first_offset(self.start) for each in self._open.values())])
        while self._settled < len(self._all):
            record, transaction = self._all[self._settled]
            if record.offset >= self.stable_end:
                return
            if transaction is None or transaction.commits:
                self._replace(record)
            self._settled += 1

    def _replace(self, record: CommittedRecord) -> None:
        self._last[record.key] = max(record.offset, self._last.get(record.key, -1))

    def must_be_there(self, entry: BatchEntry, kept: Container[int], until_ms: float) -> CommittedRecord | None:
        """The first record of a batch that a compacted log must have, and that isn't ``kept``; None if all may be gone.
        Tombstones of ``until_ms`` or later must be there.
        """
        for record in self._of_batch.get(entry.base_offset, ()):
            if record.offset not in kept and not self._may_be_gone(record, entry.max_timestamp < until_ms):
                return record
        return None

    def _may_be_gone(self, record: CommittedRecord, is_old: bool) -> bool:
        if not self.compacts or record.offset >= self.stable_end:
            return False
        if record.key is None or record.offset in self._aborted or self._last.get(record.key, -1) > record.offset:
            return True
        return record.value is None and is_old

    def needs_marker(self, marker: BatchEntry, entries: Iterable[BatchEntry], until_ms: float) -> bool:
        """Whether a compacted log with these batches must have a marker."""
        if not self.compacts or marker.max_timestamp >= until_ms:
            return True
        began = self._began.get(marker.base_offset, marker.base_offset)
        return any(
            entry.producer_id == marker.producer_id and entry.is_transactional and not entry.is_control
            for entry in entries
            if began <= entry.base_offset < marker.base_offset
        )

    def is_gone(self, value: bytes) -> bool:
        """Whether a value was committed, and needn't be there any more."""
        log = self.contents(aborted=True)
        return any(value == each for _, each in log.ever) and all(value != each for _, each in log.kept)

    def contents(self, *, aborted: bool) -> Contents:
        """What readers get: with the records of ``aborted`` transactions, and of open ones, or without."""
        ever = [
            record
            for record, transaction in self._all
            if aborted or (record.offset < self.stable_end and (transaction is None or transaction.commits))
        ]
        kept = [record for record in ever if record.offset >= self.start and not self._may_be_gone(record, True)]
        return Contents(_values(ever), _values(kept))


def _values(records: list[CommittedRecord]) -> list[tuple[int, bytes]]:
    return [(record.offset, record.value or b"") for record in records]
