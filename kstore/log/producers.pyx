"""The producer state of a log, by which a retried batch is written once and a gap in sequences is noticed.

For each producer id: its epoch, its last five batches (a retry of one of them is answered with the offsets of the
first time) and where its open transaction began. The next batch must follow on the last sequence number; after
2^31 - 1 comes 0. The state equals a replay of the log, and a snapshot file shortens that replay.

What a leader refuses, and the order of its checks, are those of Kafka's ``UnifiedLog`` and ``ProducerAppendInfo``.
"""

cimport cython
from libc.stdint cimport int32_t, int64_t

from kstore.log.transactions cimport Transactions
from kstore.records.batch cimport RecordBatch, last_offset_of

from kstore.errors import InvalidProducerEpoch, InvalidTxnState, OutOfOrderSequenceNumber, TransactionCoordinatorFenced
from kstore.log.answers import AbortedTransaction
from kstore.log.snapshot import SnapshotEntry
from kstore.log.verification import NO_GUARD, Verifications
from kstore.records import read_end_transaction_marker

cdef enum:
    WINDOW = 5
    CONTROL = 0x20
    TRANSACTIONAL = 0x10

cdef int32_t SEQUENCE_MAX = 0x7FFFFFFF
cdef int32_t NO_EPOCH = -1
cdef int32_t EPOCH_MAX = 0x7FFF
cdef int64_t NO_OFFSET = -1


cdef inline int32_t last_sequence_of(RecordBatch batch) noexcept:
    """The batch's last sequence number, which wraps to 0 after 2^31 - 1; -1 without a sequence."""
    if batch.base_sequence < 0:
        return -1
    return <int32_t>((<int64_t>batch.base_sequence + batch.last_offset_delta) & SEQUENCE_MAX)


@cython.final
@cython.freelist(64)
cdef class Written:
    """A batch that is in the log."""

    def __eq__(self, other):
        return isinstance(other, Written) and self.values() == other.values()

    def __hash__(self):
        return hash(self.values())

    def values(self):
        """First and last sequence number, first and last offset, newest timestamp."""
        return self.first_sequence, self.last_sequence, self.first_offset, self.last_offset, self.timestamp

    def __repr__(self):
        return (f"<Written {self.first_offset}..{self.last_offset},"
                f" sequence {self.first_sequence}..{self.last_sequence}>")


cdef Written written(RecordBatch batch):
    cdef Written made = Written.__new__(Written)
    made.first_sequence = batch.base_sequence
    made.last_sequence = last_sequence_of(batch)
    made.first_offset = batch.base_offset
    made.last_offset = last_offset_of(batch)
    made.timestamp = batch.max_timestamp
    return made


@cython.final
cdef class ProducerEntry:
    """One producer. ``window`` holds its last batches of this epoch, oldest first."""

    def __cinit__(self, int64_t producer_id, int32_t epoch=NO_EPOCH):
        self.producer_id = producer_id
        self.epoch = epoch
        self.coordinator_epoch = -1
        self.last_timestamp = -1
        self.transaction_first_offset = NO_OFFSET
        self.window = []

    cdef ProducerEntry copy(self):
        cdef ProducerEntry twin = ProducerEntry(self.producer_id, self.epoch)
        twin.coordinator_epoch = self.coordinator_epoch
        twin.last_timestamp = self.last_timestamp
        twin.transaction_first_offset = self.transaction_first_offset
        twin.window = self.window[:]
        return twin

    cdef Written find(self, RecordBatch batch):
        """The entry of this batch if it is one of the last ones, otherwise None."""
        cdef Written each
        if batch.producer_epoch == self.epoch:
            for each in self.window:
                if each.first_sequence == batch.base_sequence and each.last_sequence == last_sequence_of(batch):
                    return each
        return None

    cdef int check_epoch(self, int32_t epoch) except -1:
        """Raise when a newer epoch of this producer has written, or has ended a transaction."""
        if epoch < self.epoch:
            raise InvalidProducerEpoch(
                f"epoch {epoch} of producer {self.producer_id} is older than its last, {self.epoch}"
            )
        return 0

    cdef int check_sequence(self, RecordBatch batch) except -1:
        """Raise unless a client's batch continues the sequence."""
        cdef int32_t last = -1
        if batch.producer_epoch > self.epoch:
            if batch.base_sequence != 0 and self.epoch != NO_EPOCH:
                raise OutOfOrderSequenceNumber(
                    f"producer {self.producer_id} must begin epoch {batch.producer_epoch} with sequence number 0,"
                    f" not {batch.base_sequence}"
                )
            return 0
        if self.window:
            last = (<Written>self.window[len(self.window) - 1]).last_sequence
        if batch.base_sequence != (0 if last == SEQUENCE_MAX else last + 1):
            raise OutOfOrderSequenceNumber(
                f"producer {self.producer_id} in epoch {self.epoch}: sequence number {batch.base_sequence} doesn't"
                f" follow on {last}"
            )
        return 0

    cdef int check_marker(self, RecordBatch batch, object marker, int transaction_version) except -1:
        """Raise unless a coordinator's marker may end what is open.

        With ``transaction.version`` 2 its epoch is newer than that of the batches. One of the same epoch repeats a
        marker that is in the log, because the answer was lost or the coordinator has moved; no transaction is open
        then.
        """
        self.check_epoch(batch.producer_epoch)
        cdef bint repeats = self.transaction_first_offset < 0 or self.epoch == EPOCH_MAX
        if transaction_version >= 2 and batch.producer_epoch == self.epoch and not repeats:
            raise InvalidProducerEpoch(
                f"a marker of epoch {self.epoch} is of an earlier transaction of producer {self.producer_id}"
            )
        if marker is not None and marker.coordinator_epoch < self.coordinator_epoch:
            raise TransactionCoordinatorFenced(
                f"coordinator epoch {marker.coordinator_epoch} is older than {self.coordinator_epoch}"
            )
        return 0

    cdef int add(self, RecordBatch batch) except -1:
        """Note a data batch that is in the log (with its final offsets)."""
        if batch.producer_epoch != self.epoch:
            self.epoch = batch.producer_epoch
            self.window = []
        elif len(self.window) >= WINDOW:
            del self.window[0]
        self.window.append(written(batch))
        self.last_timestamp = batch.max_timestamp
        if batch.attributes & TRANSACTIONAL and self.transaction_first_offset < 0:
            self.transaction_first_offset = batch.base_offset
        return 0

    cdef int end_transaction(self, RecordBatch batch, object marker) except -1:
        """Note a marker that is in the log."""
        if batch.producer_epoch != self.epoch:
            self.window = []
            self.epoch = batch.producer_epoch
        self.coordinator_epoch = marker.coordinator_epoch
        self.last_timestamp = batch.max_timestamp
        self.transaction_first_offset = NO_OFFSET
        return 0

    cdef int remember(self, RecordBatch batch) except -1:
        """Insert an older batch of this epoch before the last one in the window; called in the order of the log."""
        cdef Written last
        if batch.producer_epoch != self.epoch or not self.window:
            return 0
        last = self.window[len(self.window) - 1]
        if last_offset_of(batch) < last.last_offset:
            if len(self.window) >= WINDOW:
                del self.window[0]
            self.window.insert(len(self.window) - 1, written(batch))
        return 0

    def snapshot(self):
        """What a snapshot keeps of it."""
        cdef Written last
        cdef tuple batch = (-1, -1, 0)
        if self.window:
            last = self.window[len(self.window) - 1]
            batch = (last.last_sequence, last.last_offset, last.last_offset - last.first_offset)
        return SnapshotEntry(
            self.producer_id, self.epoch, *batch, self.last_timestamp, self.coordinator_epoch,
            self.transaction_first_offset,
        )

    def __repr__(self):
        return f"<ProducerEntry {self.producer_id}/{self.epoch}: {self.window}>"


cdef ProducerEntry entry_from(object saved):
    """The producer that a snapshot's entry describes."""
    cdef ProducerEntry entry = ProducerEntry(saved.producer_id, saved.epoch)
    cdef Written last
    entry.last_timestamp = saved.timestamp
    entry.coordinator_epoch = saved.coordinator_epoch
    entry.transaction_first_offset = saved.transaction_first_offset
    if saved.last_offset >= 0:
        last = Written.__new__(Written)
        last.last_sequence = saved.last_sequence
        last.first_sequence = <int32_t>((<int64_t>saved.last_sequence - <int64_t>saved.offset_delta) & SEQUENCE_MAX)
        if saved.last_sequence < 0:
            last.first_sequence = -1
        last.last_offset = saved.last_offset
        last.first_offset = saved.last_offset - saved.offset_delta
        last.timestamp = saved.timestamp
        entry.window.append(last)
    return entry


cdef object marker_of(RecordBatch batch):
    """The marker in a control batch; None when compaction has dropped it.

    Compaction keeps the batch of a dropped marker, because it has its producer's epoch. Nothing is left of that
    transaction then, so its end changes nothing.
    """
    cdef list records = batch.records()
    return read_end_transaction_marker(records[0]) if len(records) else None


@cython.final
cdef class ProducerStates:
    """All producers of one log. Nothing here changes before the write that it describes has succeeded."""

    def __cinit__(self):
        self.entries = {}
        self.transactions = Transactions()
        self.verifications = Verifications()

    def __len__(self):
        return len(self.entries)

    def __iter__(self):
        return iter(list(self.entries.values()))

    def get(self, producer_id):
        """What is known of a producer, or None."""
        return self.entries.get(producer_id)

    cdef ProducerEntry entry_of(self, RecordBatch batch, dict staged):
        cdef object entry = staged.get(batch.producer_id) if staged else None
        return entry if entry is not None else self.entries.get(batch.producer_id)

    cpdef add(self, RecordBatch batch):
        """Note a producer's batch that is in the log, with its final offsets. Returns the transaction that it aborts,
        or None."""
        cdef ProducerEntry entry = self.entries.get(batch.producer_id)
        if entry is None:
            entry = self.entries[batch.producer_id] = ProducerEntry(batch.producer_id)
        if batch.attributes & CONTROL:
            return self.end_transaction(entry, batch)
        cdef bint was_open = entry.transaction_first_offset >= 0
        entry.add(batch)
        if batch.attributes & TRANSACTIONAL:
            if not was_open:
                self.transactions.begin(entry.producer_id, entry.transaction_first_offset)
            self.verifications.appended(batch)
        return None

    def remember(self, RecordBatch batch not None):
        """Note a data batch from before the restored snapshot; called in the order of the log."""
        cdef ProducerEntry entry = self.entries.get(batch.producer_id)
        if entry is not None and not batch.attributes & CONTROL:
            entry.remember(batch)

    cdef object end_transaction(self, ProducerEntry entry, RecordBatch batch):
        """Note a marker. Returns the transaction that it aborts; None if it commits, or there were no records."""
        cdef int64_t began, ended = last_offset_of(batch)
        marker = marker_of(batch)
        if marker is None:
            return None
        entry.end_transaction(batch, marker)
        self.verifications.appended(batch)
        began = self.transactions.end(entry.producer_id, ended)
        if began < 0 or marker.is_commit:
            return None
        return AbortedTransaction(entry.producer_id, began, ended, self.transactions.first_undecided(ended + 1))

    cdef int check_marker(self, RecordBatch batch, dict staged, int transaction_version) except -1:
        """Raise unless a coordinator's marker may end what is open."""
        cdef ProducerEntry entry = self.entry_of(batch, staged)
        if entry is not None:
            entry.check_marker(batch, marker_of(batch), transaction_version)
        return 0

    cdef int check_opening(self, ProducerEntry entry, RecordBatch batch, object config, object options) except -1:
        """Raise unless the batch's transaction is open here, or its coordinator has confirmed it."""
        if entry is not None:
            if entry.transaction_first_offset >= 0 and entry.epoch == batch.producer_epoch:
                return 0
            entry.check_epoch(batch.producer_epoch)
        if config.transaction_partition_verification_enable:
            guard = options.guard if options is not None else NO_GUARD
            if not self.verifications.has(batch.producer_id, guard):
                raise InvalidTxnState(f"a record of producer {batch.producer_id} isn't part of an open transaction")
        return 0

    def is_open(self, int64_t producer_id, int32_t epoch):
        """Whether a producer has a transaction open here, in this epoch."""
        cdef ProducerEntry entry = self.entries.get(producer_id)
        return entry is not None and entry.transaction_first_offset >= 0 and entry.epoch == epoch

    def start_verification(
        self, int64_t producer_id, int32_t epoch, int32_t sequence, int64_t now_ms, *, bint bumps_epochs
    ):
        """The guard for the first batch of a transaction, which may be appended with it once the producer's coordinator
        was asked (``kstore/log/verification.py``). Raises InvalidProducerEpoch."""
        cdef ProducerEntry entry = self.entries.get(producer_id)
        if entry is not None:
            entry.check_epoch(epoch)
        return self.verifications.start(producer_id, epoch, sequence, now_ms, bumps_epochs=bumps_epochs)

    cdef Written check(self, RecordBatch batch, dict staged, bint from_client, object config, object options):
        """Raise unless the batch may be appended; returns the earlier batch if it is a retry. ``staged`` has the
        producers of batches that were accepted but aren't written yet; ``options`` are the batch's, or None."""
        cdef ProducerEntry entry
        cdef Written found
        cdef bint in_transaction = (batch.attributes & TRANSACTIONAL) != 0
        if batch.attributes & CONTROL:
            self.check_marker(batch, staged, 0 if options is None else options.transaction_version)
            return None
        entry = self.entry_of(batch, staged)
        if from_client and entry is not None:
            found = entry.find(batch)
            if found is not None:
                return found
        if in_transaction:
            self.check_opening(entry, batch, config, options)
            if from_client and self.verifications:
                is_new = entry is None or entry.epoch != batch.producer_epoch or not entry.window
                self.verifications.check_sequence(batch.producer_id, batch.base_sequence, is_new=is_new)
        if entry is None:
            return None
        entry.check_epoch(batch.producer_epoch)
        if from_client:
            entry.check_sequence(batch)
        if not in_transaction and entry.transaction_first_offset >= 0:
            raise InvalidTxnState(f"producer {batch.producer_id} has an open transaction, and this batch isn't in it")
        return None

    cdef int stage(self, RecordBatch batch, dict staged) except -1:
        """Note a batch that was accepted but isn't written yet."""
        cdef ProducerEntry entry = self.entry_of(batch, staged)
        entry = ProducerEntry(batch.producer_id) if entry is None else entry.copy()
        if not batch.attributes & CONTROL:
            entry.add(batch)
        else:
            marker = marker_of(batch)
            if marker is None:
                return 0
            entry.end_transaction(batch, marker)
        staged[batch.producer_id] = entry
        return 0

    def expire(self, int64_t now_ms, int64_t expiration_ms):
        """Forget producers that haven't written for long and have no open transaction; returns how many."""
        cdef ProducerEntry entry
        cdef list gone = []
        for entry in self.entries.values():
            if entry.transaction_first_offset < 0 and now_ms - entry.last_timestamp >= expiration_ms:
                gone.append(entry.producer_id)
        for producer_id in gone:
            del self.entries[producer_id]
        self.verifications.expire(now_ms - expiration_ms)
        return len(gone)

    def check_open(self, int64_t end_offset):
        """Assert that the open transactions are those of the producers, and lie in the log."""
        cdef ProducerEntry entry
        cdef dict began = {}
        for entry in self.entries.values():
            if entry.transaction_first_offset >= 0:
                began[entry.producer_id] = entry.transaction_first_offset
        self.transactions.check(began, end_offset)

    def clear(self):
        """Forget everything."""
        self.entries.clear()
        self.transactions.clear()

    def snapshot(self):
        """The entries of a snapshot, in the order in which the producers came."""
        return [entry.snapshot() for entry in self.entries.values()]

    def restore(self, saved):
        """Replace all producers by those of a snapshot."""
        cdef ProducerEntry entry
        cdef dict began = {}
        self.clear()
        for each in saved:
            entry = entry_from(each)
            self.entries[entry.producer_id] = entry
            if entry.transaction_first_offset >= 0:
                began[entry.producer_id] = entry.transaction_first_offset
        self.transactions.restore(began)
