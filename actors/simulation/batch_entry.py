"""A batch of a log as far as its bytes matter to the checks.

Two entries are equal if and only if offsets, leader epoch, checksum (which covers everything that the producer sent)
and producer fields are. A batch that compaction has written anew stands where it stood, with another checksum and
fewer records.
"""

from __future__ import annotations

from kstore.named import NamedTuple
from kstore.records import RecordBatch, read_end_transaction_marker


class BatchEntry(NamedTuple):
    """One batch in a log."""

    base_offset: int
    last_offset: int
    epoch: int
    crc: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    is_transactional: bool = False
    is_control: bool = False
    commits: bool | None = None
    """What a marker says of its transaction."""
    max_timestamp: int = -1
    kept: tuple[int, ...] | None = None
    """Which records it has, if they aren't those that were appended."""

    def stands_for(self, original: BatchEntry) -> bool:
        """Whether it may be what compaction has left of another one."""
        return self.kept is not None and self[:3] == original[:3] and self[4:9] == original[4:9]


def entry_of(batch: RecordBatch, known: BatchEntry | None = None) -> BatchEntry:
    """The entry of a batch; ``known`` is that of its offset and epoch, where logs are compacted."""
    return BatchEntry(
        batch.base_offset,
        batch.last_offset,
        batch.leader_epoch,
        batch.crc,
        batch.producer_id,
        batch.producer_epoch,
        batch.base_sequence,
        batch.is_transactional,
        batch.is_control,
        _commits(batch) if batch.is_control else None,
        batch.max_timestamp,
        None if known is None or known.crc == batch.crc else tuple(record.offset for record in batch.records()),
    )


def _commits(batch: RecordBatch) -> bool | None:
    markers = [read_end_transaction_marker(record) for record in batch.records()]
    return markers[0].is_commit if markers and markers[0] is not None else None
