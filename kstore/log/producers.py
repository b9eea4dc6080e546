"""What a log remembers of its producers, so that a retried batch is written once and a gap is seen.

For each producer id: its epoch, its last five batches (a retry of one of them is answered with the offsets of the
first time) and where its open transaction began. The next batch must follow on the last sequence number; after
2^31 - 1 comes 0. The state equals a replay of the log, and a snapshot file shortens that replay.
"""

from collections.abc import Iterator
from typing import NamedTuple

from kstore.errors import InvalidProducerEpoch, InvalidTxnState, OutOfOrderSequenceNumber, TransactionCoordinatorFenced
from kstore.log.snapshot import SnapshotEntry
from kstore.records import RecordBatch, read_end_transaction_marker

WINDOW_BATCHES = 5
SEQUENCE_MAX = (1 << 31) - 1
NO_EPOCH = -1
NO_OFFSET = -1


class Written(NamedTuple):
    """A batch that is in the log."""

    first_sequence: int
    last_sequence: int
    first_offset: int
    last_offset: int
    timestamp: int


def _written(batch: RecordBatch) -> Written:
    return Written(batch.base_sequence, batch.last_sequence, batch.base_offset, batch.last_offset, batch.max_timestamp)


class ProducerEntry:
    """One producer. ``window`` holds its last batches of this epoch, oldest first."""

    __slots__ = ("coordinator_epoch", "epoch", "last_timestamp", "producer_id", "transaction_first_offset", "window")

    def __init__(self, producer_id: int, epoch: int = NO_EPOCH) -> None:
        self.producer_id = producer_id
        self.epoch = epoch
        self.coordinator_epoch = -1
        self.last_timestamp = -1
        self.transaction_first_offset = NO_OFFSET
        self.window: list[Written] = []

    def copy(self) -> "ProducerEntry":
        twin = ProducerEntry(self.producer_id, self.epoch)
        twin.coordinator_epoch = self.coordinator_epoch
        twin.last_timestamp = self.last_timestamp
        twin.transaction_first_offset = self.transaction_first_offset
        twin.window = self.window.copy()
        return twin

    def find(self, batch: RecordBatch) -> Written | None:
        """This very batch, when it is among the last ones."""
        if batch.producer_epoch == self.epoch:
            first, last = batch.base_sequence, batch.last_sequence
            for written in self.window:
                if written.first_sequence == first and written.last_sequence == last:
                    return written
        return None

    def check_epoch(self, batch: RecordBatch) -> None:
        """Raise when a newer epoch of this producer has written."""
        if batch.producer_epoch < self.epoch:
            raise InvalidProducerEpoch(
                f"epoch {batch.producer_epoch} of producer {self.producer_id} is older than its last, {self.epoch}"
            )

    def check(self, batch: RecordBatch) -> None:
        """Raise unless a client's batch may follow on what is here."""
        self.check_epoch(batch)
        epoch, first = batch.producer_epoch, batch.base_sequence
        if self.transaction_first_offset >= 0 and epoch == self.epoch and not batch.is_transactional:
            raise InvalidTxnState(f"producer {self.producer_id} has an open transaction, and this batch isn't in it")
        if epoch > self.epoch:
            if first != 0 and self.epoch != NO_EPOCH:
                raise OutOfOrderSequenceNumber(
                    f"producer {self.producer_id} must begin epoch {epoch} with sequence number 0, not {first}"
                )
            return
        last = self.window[-1].last_sequence if self.window else -1
        if first != (0 if last == SEQUENCE_MAX else last + 1):
            raise OutOfOrderSequenceNumber(
                f"producer {self.producer_id} in epoch {epoch}: sequence number {first} doesn't follow on {last}"
            )

    def add(self, batch: RecordBatch) -> None:
        """Note a data batch that is in the log (with its final offsets)."""
        if batch.producer_epoch != self.epoch:
            self.epoch = batch.producer_epoch
            self.window.clear()
        elif len(self.window) >= WINDOW_BATCHES:
            del self.window[0]
        self.window.append(_written(batch))
        self.last_timestamp = batch.max_timestamp
        if batch.is_transactional and self.transaction_first_offset < 0:
            self.transaction_first_offset = batch.base_offset

    def remember(self, batch: RecordBatch) -> None:
        """Take an older batch of this epoch, in the order of the log, in before the last one in the window."""
        if batch.producer_epoch == self.epoch and self.window and batch.last_offset < self.window[-1].last_offset:
            if len(self.window) >= WINDOW_BATCHES:
                del self.window[0]
            self.window.insert(len(self.window) - 1, _written(batch))

    def snapshot(self) -> SnapshotEntry:
        last = self.window[-1] if self.window else Written(-1, -1, -1, -1, -1)
        return SnapshotEntry(
            self.producer_id,
            self.epoch,
            last.last_sequence,
            last.last_offset,
            last.last_offset - last.first_offset,
            self.last_timestamp,
            self.coordinator_epoch,
            self.transaction_first_offset,
        )

    @classmethod
    def of(cls, saved: SnapshotEntry) -> "ProducerEntry":
        entry = cls(saved.producer_id, saved.epoch)
        entry.last_timestamp = saved.timestamp
        entry.coordinator_epoch = saved.coordinator_epoch
        entry.transaction_first_offset = saved.transaction_first_offset
        if saved.last_offset >= 0:
            first = saved.last_sequence - saved.offset_delta
            if first < 0:
                first += SEQUENCE_MAX + 1
            entry.window.append(
                Written(
                    first,
                    saved.last_sequence,
                    saved.last_offset - saved.offset_delta,
                    saved.last_offset,
                    saved.timestamp,
                )
            )
        return entry


class ProducerStates:
    """All producers of one log.

    ``unreplicated`` are transactions that have ended in the log but not yet below the high watermark: their records
    aren't stable either. Nothing here changes before the write that it describes has succeeded.
    """

    __slots__ = ("_entries", "_ongoing", "unreplicated")

    def __init__(self) -> None:
        self._entries: dict[int, ProducerEntry] = {}
        self._ongoing: dict[int, int] = {}
        self.unreplicated: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[ProducerEntry]:
        return iter(self._entries.values())

    def get(self, producer_id: int) -> ProducerEntry | None:
        return self._entries.get(producer_id)

    def add(self, batch: RecordBatch) -> None:
        """Note a batch of a producer that is in the log, with its final offsets."""
        entry = self._entries.get(batch.producer_id)
        if entry is None:
            entry = self._entries[batch.producer_id] = ProducerEntry(batch.producer_id)
        if batch.is_control:
            self._end_transaction(entry, batch)
            return
        entry.add(batch)
        if entry.transaction_first_offset >= 0:
            self._ongoing[entry.producer_id] = entry.transaction_first_offset

    def remember(self, batch: RecordBatch) -> None:
        """A data batch from before the snapshot that was restored, in the order of the log."""
        entry = self._entries.get(batch.producer_id)
        if entry is not None and not batch.is_control:
            entry.remember(batch)

    def _end_transaction(self, entry: ProducerEntry, batch: RecordBatch) -> None:
        marker = read_end_transaction_marker(batch.records()[0])
        if marker is None:
            return
        if batch.producer_epoch != entry.epoch:
            entry.window.clear()
            entry.epoch = batch.producer_epoch
        entry.coordinator_epoch = marker.coordinator_epoch
        entry.last_timestamp = batch.max_timestamp
        entry.transaction_first_offset = NO_OFFSET
        began = self._ongoing.pop(entry.producer_id, NO_OFFSET)
        if began >= 0:
            self.unreplicated.append((began, batch.last_offset))

    def check_marker(self, batch: RecordBatch) -> None:
        """Raise unless a coordinator's marker may end what is open."""
        entry = self._entries.get(batch.producer_id)
        if entry is None:
            return
        entry.check_epoch(batch)
        marker = read_end_transaction_marker(batch.records()[0])
        if marker is not None and marker.coordinator_epoch < entry.coordinator_epoch:
            raise TransactionCoordinatorFenced(
                f"coordinator epoch {marker.coordinator_epoch} is older than {entry.coordinator_epoch}"
            )

    def check(self, batch: RecordBatch, staged: dict[int, ProducerEntry], *, from_client: bool) -> Written | None:
        """Raise unless the batch may be appended; the former batch when it is a retry of one.

        ``staged`` has the producers of batches that were accepted but aren't written yet.
        """
        if batch.is_control:
            self.check_marker(batch)
            return None
        entry = staged.get(batch.producer_id) or self._entries.get(batch.producer_id)
        if entry is None:
            return None
        if not from_client:
            entry.check_epoch(batch)
            return None
        found = entry.find(batch)
        if found is None:
            entry.check(batch)
        return found

    def stage(self, batch: RecordBatch, staged: dict[int, ProducerEntry]) -> None:
        """Note a batch that was accepted but isn't written yet."""
        entry = staged.get(batch.producer_id) or self._entries.get(batch.producer_id)
        entry = ProducerEntry(batch.producer_id) if entry is None else entry.copy()
        if not batch.is_control:
            entry.add(batch)
            staged[batch.producer_id] = entry

    def first_unstable_offset(self, high_watermark: int) -> int | None:
        """Where the oldest transaction begins that is open, or ended only at or above the high watermark."""
        if not self._ongoing and not self.unreplicated:
            return None
        firsts = list(self._ongoing.values())
        firsts += [first for first, last in self.unreplicated if last >= high_watermark]
        return min(firsts, default=None)

    def high_watermark_advanced(self, high_watermark: int) -> None:
        if self.unreplicated:
            self.unreplicated = [each for each in self.unreplicated if each[1] >= high_watermark]

    def expire(self, now_ms: int, expiration_ms: int) -> int:
        """Forget producers that haven't written for long and have no open transaction; how many there were."""
        gone = [
            entry.producer_id
            for entry in self._entries.values()
            if entry.transaction_first_offset < 0 and now_ms - entry.last_timestamp >= expiration_ms
        ]
        for producer_id in gone:
            del self._entries[producer_id]
        return len(gone)

    def clear(self) -> None:
        self._entries.clear()
        self._ongoing.clear()
        self.unreplicated.clear()

    def snapshot(self) -> list[SnapshotEntry]:
        return [entry.snapshot() for entry in self._entries.values()]

    def restore(self, saved: list[SnapshotEntry]) -> None:
        """What a snapshot says, in place of what is here."""
        self.clear()
        for each in saved:
            entry = self._entries[each.producer_id] = ProducerEntry.of(each)
            if entry.transaction_first_offset >= 0:
                self._ongoing[entry.producer_id] = entry.transaction_first_offset
