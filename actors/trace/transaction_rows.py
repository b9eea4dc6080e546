"""What the logs' rows tell of one transaction: where it wrote, when readers could see it, which offsets it committed.

A leader notes when a transaction's first record is in its log, and its marker; records between these have no row. A
reader of uncommitted records sees the first record once the high watermark has passed it. A reader of committed ones
gets there when the last stable offset has: after the marker, and after the ends of all transactions that are older.
"""

from __future__ import annotations

from typing import Any

from actors.runtime.recorder import TraceRow
from actors.trace.recording import Recording
from actors.trace.transactions import TracedTransaction
from kstore.named import NamedTuple

OPENS = ("TransactionOpened", "TransactionFoundOpen")
OFFSETS = ("OffsetPending", "OffsetCommitted")
KINDS = (
    *OPENS,
    *OFFSETS,
    "MarkerAppended",
    "HighWatermarkAdvanced",
    "LastStableOffsetAdvanced",
    "RecordsFetched",
    "OldEpochRefused",
)
READ_UNCOMMITTED = "read_uncommitted"


class TransactionInPartition:
    """A transaction in one partition, by the rows that tell of it; None for what the trace doesn't have."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.opened: TraceRow | None = None
        self.marker: TraceRow | None = None
        self.replicated: TraceRow | None = None
        self.stable: TraceRow | None = None
        self.readers: dict[str, TraceRow] = {}

    @property
    def first_offset(self) -> int:
        """Of its first record there; -1 if that isn't known."""
        return self.opened.offset1 if self.opened is not None else -1

    @property
    def marker_offset(self) -> int:
        """Of its marker there; -1 if there is none, or it isn't known."""
        return self.marker.offset1 if self.marker is not None else -1

    def take(self, row: TraceRow) -> None:
        """A row about the partition, in the order of the rows."""
        if row.kind == "RecordsFetched":
            if self.opened is not None and self._holds(row):
                self.readers.setdefault(row.actor, row)
        elif row.kind == "HighWatermarkAdvanced":
            is_first = self.replicated is None and self.opened is not None and self.opened.kind == "TransactionOpened"
            if is_first and row.offset1 > self.first_offset:
                self.replicated = row
        elif self.stable is None and self.marker is not None and row.offset1 > self.first_offset:
            self.stable = row

    def _holds(self, row: TraceRow) -> bool:
        ends_before = self.marker is not None and row.offset1 > self.marker.offset1
        return row.offset2 >= self.first_offset and not ends_before

    def to_dict(self) -> dict[str, Any]:
        """For JSON. Times are when a reader of either isolation level could see it first; -1: not yet, or not known."""
        topic, _, partition = self.label.rpartition("-")
        readers = [
            {"actor": row.actor, "isolation_level": row.subject or READ_UNCOMMITTED, "time_us": row.time_us}
            for row in self.readers.values()
        ]
        return {
            "topic": topic,
            "partition": int(partition),
            "first_offset": self.first_offset,
            "marker_offset": self.marker_offset,
            "uncommitted_us": self.replicated.time_us if self.replicated is not None else -1,
            "committed_us": self.stable.time_us if self.stable is not None else -1,
            "readers": readers,
        }


class OffsetInTransaction(NamedTuple):
    """An offset that the transaction commits for a group, by the row of its append, and that of its commit."""

    pending: TraceRow
    committed: TraceRow | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        topic, _, partition = self.pending.partition.rpartition("-")
        return {
            "group": self.pending.subject,
            "topic": topic,
            "partition": int(partition),
            "offset": self.pending.offset1,
            "committed": self.committed is not None,
        }


class LogRows:
    """The logs' rows about one transaction."""

    def __init__(self, recording: Recording, part: TracedTransaction) -> None:
        self.partitions = {label: TransactionInPartition(label) for label in part.labels}
        self.refused: list[TraceRow] = []
        self._offsets: dict[tuple[str, str], OffsetInTransaction] = {}
        self._ids = part.producer_ids
        self._epoch = max(row.offset2 for row in part.rows)
        for row in recording.find(*KINDS, after=part.after):
            is_within = part.before is None or row.sequence < part.before
            if row.kind in ("HighWatermarkAdvanced", "LastStableOffsetAdvanced", "RecordsFetched"):
                partition = self.partitions.get(row.partition)
                if partition is not None:
                    partition.take(row)
            elif row.offset2 in self._ids:
                self._take(row, is_within=is_within)

    @property
    def offsets(self) -> list[OffsetInTransaction]:
        """What it commits for groups, in the order of the appends."""
        return list(self._offsets.values())

    def _take(self, row: TraceRow, *, is_within: bool) -> None:
        """A row of the transaction's producer."""
        if row.kind == "OldEpochRefused":
            if row.offset1 <= self._epoch:
                self.refused.append(row)
        elif is_within and row.kind in OFFSETS:
            self._take_offset(row)
        elif is_within:
            partition = self.partitions.setdefault(row.partition, TransactionInPartition(row.partition))
            if row.kind == "MarkerAppended":
                partition.marker = partition.marker or row
            else:
                partition.opened = partition.opened or row

    def _take_offset(self, row: TraceRow) -> None:
        key = row.partition, row.subject
        known = self._offsets.get(key)
        if row.kind == "OffsetPending":
            self._offsets[key] = OffsetInTransaction(row)
        elif known is not None:
            self._offsets[key] = known._replace(committed=row)
