"""A slow, readable compaction: the oracle that ``kstore.log.cleaning`` is compared with.

Written from what Apache Kafka's ``Cleaner`` keeps, over batches that were read whole, with a dict for the keys. A
transaction's outcome is looked up in the log that is there, not in its transaction index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kstore.named import NamedTuple
from kstore.records import ControlType, RecordBatch, control_type

HORIZON = 1 << 6
LOG_APPEND_TIME = 1 << 3
IN_EMPTY_BATCHES = LOG_APPEND_TIME | 1 << 4 | 1 << 5


class Stored(NamedTuple):
    """A record as a reader has it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class Kept(NamedTuple):
    """A batch by all that is in it."""

    base_offset: int
    last_offset: int
    leader_epoch: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    attributes: int
    base_timestamp: int
    max_timestamp: int
    records: list[Stored]

    @classmethod
    def of(cls, batch: RecordBatch) -> Kept:
        batch.verify_crc()
        return cls(
            batch.base_offset,
            batch.last_offset,
            batch.leader_epoch,
            batch.producer_id,
            batch.producer_epoch,
            batch.base_sequence,
            batch.attributes,
            batch.base_timestamp,
            batch.max_timestamp,
            [Stored(each.offset, each.timestamp, each.key, each.value, each.headers) for each in batch.records()],
        )

    def with_(self, records: list[Stored], attributes: int, base_timestamp: int, max_timestamp: int) -> Kept:
        return Kept(*self[:6], attributes, base_timestamp, max_timestamp, records)

    @property
    def horizon(self) -> int | None:
        return self.base_timestamp if self.attributes & HORIZON else None


class Rules(NamedTuple):
    """What a cleaning goes by; ``last_of_producers`` as ``CopyPass`` has it, ``segments`` by their first offsets."""

    segments: Sequence[int]
    first_dirty: int
    up_to: int
    room: int
    now_ms: int
    delete_retention_ms: int
    last_of_producers: Mapping[int, tuple[int, int]]
    high_watermark: int


class ModelCleaning:
    """``cleaned`` is what becomes of the segments that end below ``rules.up_to``, given as batches."""

    def __init__(self, log: Sequence[RecordBatch], rules: Rules) -> None:
        self.log = log
        self.rules = rules
        self.last: dict[bytes, int] = {}
        self.latest = rules.first_dirty - 1

    def outcome(self, batch: RecordBatch) -> ControlType | None:
        """How the transaction of a batch ended."""
        for each in self.log:
            is_its = each.is_control and each.producer_id == batch.producer_id and each.base_offset > batch.base_offset
            if is_its and (records := each.records()):
                return control_type(records[0])
        return None

    def is_aborted(self, batch: RecordBatch) -> bool:
        return batch.is_transactional and not batch.is_control and self.outcome(batch) is ControlType.ABORT

    def is_needed(self, marker: RecordBatch) -> bool:
        """Whether there are batches, if only their headers, of the transaction that a marker ends."""
        needed = False
        for each in self.log:
            if each.base_offset >= marker.base_offset:
                break
            if each.producer_id == marker.producer_id and each.is_transactional:
                needed = not each.is_control if each.is_control is False or each.records() else needed
        return needed

    def note_keys(self) -> None:
        for batch in self.log:
            if batch.last_offset < self.rules.first_dirty:
                continue
            if batch.last_offset >= self.rules.up_to:
                break
            ended = [base - 1 for base in self.rules.segments if base <= batch.base_offset]
            self.latest = max(self.latest, *ended)  # the segments before are done, with the gaps at their ends
            if not batch.is_control and not self.is_aborted(batch):
                for record in batch.records():
                    if record.key is not None and record.offset >= self.rules.first_dirty:
                        if record.key not in self.last and len(self.last) >= self.rules.room:
                            return
                        self.last[record.key] = self.latest = record.offset
            self.latest = batch.last_offset
        self.latest = max(self.latest, self.rules.up_to - 1)

    def cleaned(self, segments: Sequence[Sequence[RecordBatch]]) -> list[Kept]:
        return [kept for batches in segments for batch in batches if (kept := self.kept_of(batch)) is not None]

    def kept_of(self, batch: RecordBatch) -> Kept | None:
        found = Kept.of(batch)
        if batch.is_control:
            kept = self.kept_marker(found, self.is_needed(batch))
        elif self.is_aborted(batch):
            kept = None
        else:
            kept = self.kept_data(found)
        if kept is not None:
            return kept
        if self.must_stay(batch):
            return found.with_([], batch.attributes & IN_EMPTY_BATCHES, -1, batch.max_timestamp)
        return None

    def must_stay(self, batch: RecordBatch) -> bool:
        if batch.last_offset + 1 == self.rules.high_watermark:
            return True
        last_offset, epoch = self.rules.last_of_producers.get(batch.producer_id, (-2, -1))
        if last_offset == -1:
            return batch.is_control and batch.producer_epoch == epoch
        return batch.last_offset == last_offset

    def kept_marker(self, batch: Kept, is_needed: bool) -> Kept | None:
        if not batch.records or (not is_needed and batch.horizon is not None and batch.horizon <= self.rules.now_ms):
            return None
        if is_needed or batch.horizon is not None:
            return batch
        horizon = self.rules.now_ms + self.rules.delete_retention_ms
        return batch.with_(batch.records, batch.attributes | HORIZON, horizon, batch.max_timestamp)

    def kept_data(self, batch: Kept) -> Kept | None:
        records = [record for record in batch.records if self.stays(record, batch)]
        if not records:
            return None
        attributes, base_timestamp, max_timestamp = batch.attributes, records[0].timestamp, batch.max_timestamp
        sets_horizon = batch.horizon is None and any(record.value is None for record in records)
        if not sets_horizon and len(records) == len(batch.records):
            return batch
        if not attributes & LOG_APPEND_TIME:
            max_timestamp = max(record.timestamp for record in records)
        if sets_horizon:
            base_timestamp = self.rules.now_ms + self.rules.delete_retention_ms
            attributes |= HORIZON
        elif batch.horizon is not None:
            base_timestamp = batch.horizon
        return batch.with_(records, attributes, base_timestamp, max_timestamp)

    def stays(self, record: Stored, batch: Kept) -> bool:
        if record.offset > self.latest:
            return True
        if record.key is None or record.offset < self.last.get(record.key, -1):
            return False
        return record.value is not None or batch.horizon is None or self.rules.now_ms < batch.horizon
