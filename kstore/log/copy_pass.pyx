"""The second pass of compaction over a log: of each batch, what is retained is copied.

As Apache Kafka's ``Cleaner.cleanInto`` and ``MemoryRecords.filterTo``. Of a batch stay

* records that are the last of their key as far as the map goes, and all behind that; a tombstone only until the
  batch's delete horizon (KIP-534), which is set when the batch is first cleaned with a tombstone in it;
* no records without a key, and none of aborted transactions;
* a transaction's marker while a record of the transaction is there, and then until the delete horizon of its own.

A batch of which all is retained is copied as it is. Otherwise it is written anew, by its own codec: base offset, last
offset, producer, epoch and sequence stay, times count from the first record that is left, or from the delete horizon. A
batch without records goes, but for the last of each producer that is known, and the one that ends at the high
watermark: of those the header stays.

Records are looked at without the GIL, so that this may run beside whatever uses the log meanwhile.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from kstore.codec.checksum cimport crc32c_update
from kstore.codec.cursor cimport Cursor, cursor_over, remaining, store16, store32, store64, varint_bytes
from kstore.log.keyed_records cimport AHEAD, BYTES_LEFT_OVER, LARGE_BYTES, Seen, failure, walk_ahead, wrong_count
from kstore.log.offset_map cimport OffsetMap
from kstore.records cimport layout
from kstore.records.batch cimport RecordBatch, last_offset_of
from kstore.records.walk cimport WALK_OK, RecordFields, next_record
from kstore.records.writing cimport Piece, body_bytes, put_record

from kstore.codec.compression import compress
from kstore.errors import InvalidRecord, MessageTooLarge
from kstore.records.batch import parse_batches

cdef int64_t BATCH_BYTES_MAX = 0x7FFFFFFF
cdef int64_t NO_TIMESTAMP = -1


ctypedef struct Run:
    const uint8_t *start
    const uint8_t *end


ctypedef struct Rules:
    int64_t base_offset
    int64_t latest_offset       # how far the map goes
    bint drops_tombstones


ctypedef struct Kept:
    int32_t count
    int32_t index               # of the record at fault
    int32_t keyless
    int32_t run_count
    int64_t first_delta         # of the timestamps
    int64_t newest_delta
    bint has_tombstone


cdef int choose(OffsetMap offsets, const uint8_t *data, int64_t nbytes, int32_t count, const Rules *rules, Run *runs,
                Kept *kept) noexcept nogil:
    """Find what is retained of a batch: a code, and in ``runs`` the stretches of records that stay."""
    cdef Cursor c = cursor_over(data, nbytes)
    cdef Seen[AHEAD] seen
    cdef int code = WALK_OK
    cdef int32_t i, found
    cdef bint stays, after_one = False
    kept.index = kept.count = kept.keyless = kept.run_count = 0
    kept.has_tombstone = False
    while kept.index < count and code == WALK_OK:
        code = walk_ahead(offsets, &c, count - kept.index, seen, &found)
        for i in range(found):
            stays = is_retained(offsets, &seen[i], rules, kept)
            if stays:
                keep(&seen[i], after_one, runs, kept)
            after_one = stays
            kept.index += 1
    if code != WALK_OK:
        return code
    return BYTES_LEFT_OVER if remaining(&c) else WALK_OK


cdef inline bint is_retained(OffsetMap offsets, const Seen *record, const Rules *rules, Kept *kept) noexcept nogil:
    cdef int64_t offset = rules.base_offset + record.offset_delta
    if offset > rules.latest_offset:
        return True
    if not record.has_key:
        kept.keyless += 1
        return False
    if not record.has_value and rules.drops_tombstones:
        return False
    return offset >= offsets.get_digest(record.digest)


cdef inline void keep(const Seen *record, bint after_one, Run *runs, Kept *kept) noexcept nogil:
    """Note a record that stays; ``after_one`` that does as well."""
    if not record.has_value:
        kept.has_tombstone = True
    if kept.count == 0:
        kept.first_delta = kept.newest_delta = record.timestamp_delta
    elif record.timestamp_delta > kept.newest_delta:
        kept.newest_delta = record.timestamp_delta
    kept.count += 1
    if not after_one:
        runs[kept.run_count].start = record.start
        kept.run_count += 1
    runs[kept.run_count - 1].end = record.end


cdef inline int64_t delta_of(int64_t delta, bint is_one, int64_t shift) noexcept nogil:
    return <int64_t>((0 if is_one else <uint64_t>delta) - <uint64_t>shift)


cdef int64_t put_runs(const Run *runs, int32_t run_count, bint is_one, int64_t shift, uint8_t *out) noexcept nogil:
    """How many bytes records take whose timestamps count from ``shift`` later, or are all one; ``out``: written there.
    """
    cdef RecordFields record
    cdef Cursor c
    cdef Piece key, value, headers
    cdef int64_t body, delta, needed = 0
    cdef int32_t i
    cdef uint8_t *p = out
    for i in range(run_count):
        if shift == 0 and not is_one:
            if out != NULL:
                memcpy(out + needed, runs[i].start, runs[i].end - runs[i].start)
            needed += runs[i].end - runs[i].start
            continue
        c = cursor_over(runs[i].start, runs[i].end - runs[i].start)
        while remaining(&c):
            next_record(&c, &record)    # it was walked over before
            key.data = <const char *>record.key
            key.nbytes = record.key_bytes
            value.data = <const char *>record.value
            value.nbytes = record.value_bytes
            headers.data = <const char *>record.headers.p
            headers.nbytes = record.headers.end - record.headers.p if record.header_count else 0
            delta = delta_of(record.timestamp_delta, is_one, shift)
            body = body_bytes(delta, record.offset_delta, &key, &value, record.header_count, headers.nbytes)
            needed += varint_bytes(<int32_t>body) + body
            if out != NULL:
                p = put_record(p, body, delta, record.offset_delta, &key, &value, record.header_count, &headers)
    return needed


cdef RecordBatch with_payload(RecordBatch batch, payload, int attributes, int64_t base_timestamp, int64_t max_timestamp,
                              int32_t count):
    """A batch like ``batch`` with these records."""
    cdef Py_ssize_t nbytes = layout.HEADER_SIZE + len(payload)
    cdef bytes built
    cdef uint8_t *h
    if nbytes > BATCH_BYTES_MAX:
        raise MessageTooLarge(f"a batch cannot take {nbytes} bytes")
    built = PyBytes_FromStringAndSize(NULL, nbytes)
    h = <uint8_t *>PyBytes_AS_STRING(built)
    memcpy(h, PyBytes_AS_STRING(batch.header), layout.HEADER_SIZE)
    memcpy(h + layout.HEADER_SIZE, PyBytes_AS_STRING(payload), len(payload))
    store32(h + layout.AT_LENGTH, <uint32_t>(nbytes - layout.BEFORE_LENGTH_SIZE))
    store16(h + layout.AT_ATTRIBUTES, <uint32_t>attributes)
    store64(h + layout.AT_BASE_TIMESTAMP, <uint64_t>base_timestamp)
    store64(h + layout.AT_MAX_TIMESTAMP, <uint64_t>max_timestamp)
    store32(h + layout.AT_COUNT, <uint32_t>count)
    store32(h + layout.AT_CRC, crc32c_update(0, h + layout.AT_ATTRIBUTES, nbytes - layout.AT_ATTRIBUTES))
    return parse_batches(built)[0]


cdef RecordBatch emptied(RecordBatch batch):
    """The header alone, as Kafka's ``DefaultRecordBatch.writeEmptyHeader`` leaves it."""
    cdef int attributes = batch.attributes & (
        layout.LOG_APPEND_TIME_BIT | layout.TRANSACTIONAL_BIT | layout.CONTROL_BIT
    )
    return with_payload(batch, b"", attributes, NO_TIMESTAMP, batch.max_timestamp, 0)


@cython.final
cdef class CopyPass:
    """``retained`` is what stays of batches.

    ``last_of_producers`` has for each producer that is known the last offset of its records, -1 if a marker came last,
    and its epoch; that and ``high_watermark`` are set before each group of segments. ``now_ms`` is when the cleaning
    began, and a delete horizon is set ``delete_retention_ms`` later.
    """

    cdef OffsetMap offsets
    cdef object transactions
    cdef int64_t now_ms
    cdef int64_t new_horizon
    cdef Py_ssize_t limit_bytes
    cdef public dict last_of_producers
    cdef public int64_t high_watermark
    cdef readonly int64_t records_read
    cdef readonly int64_t records_kept
    cdef readonly int64_t records_without_key

    def __cinit__(self, OffsetMap offsets not None, transactions, *, int64_t now_ms, int64_t delete_retention_ms,
                  Py_ssize_t limit_bytes):
        self.offsets = offsets
        self.transactions = transactions
        self.now_ms = now_ms
        self.new_horizon = now_ms + min(delete_retention_ms, 0x7FFFFFFFFFFFFFFF - now_ms)
        self.limit_bytes = limit_bytes
        self.last_of_producers = {}
        self.high_watermark = -1

    def retained(self, list batches not None, Py_ssize_t work_bytes):
        """What stays of batches: of all, or of as many as have ``work_bytes`` when decompressed. How many bytes those
        batches have, what stays of them, and how many bytes that has.

        Raises ``InvalidRecord`` or ``CorruptMessage`` for records that aren't.
        """
        cdef RecordBatch batch, found
        cdef Py_ssize_t moved = 0, nbytes = 0, kept_bytes = 0
        cdef list kept = []
        for batch in batches:
            if nbytes >= work_bytes:
                break
            found = self.retained_of(batch, &nbytes)
            if found is not None:
                kept.append(found)
                kept_bytes += found.size_bytes
            moved += batch.size_bytes
        return moved, kept, kept_bytes

    cdef bint is_last_of_producer(self, RecordBatch batch) except -1:
        cdef int64_t last_offset
        if batch.producer_id < 0:
            return False
        found = self.last_of_producers.get(batch.producer_id)
        if found is None:
            return False
        last_offset = found[0]
        if last_offset >= 0:
            return last_offset_of(batch) == last_offset
        return (batch.attributes & layout.CONTROL_BIT) != 0 and batch.producer_epoch == <int>found[1]

    cdef RecordBatch retained_of(self, RecordBatch batch, Py_ssize_t *nbytes):
        """What stays of one batch, None for nothing; the bytes of its records are added to ``nbytes``."""
        cdef bint is_control = (batch.attributes & layout.CONTROL_BIT) != 0
        cdef bint is_gone = False, is_discarded
        cdef bint has_horizon = (batch.attributes & layout.DELETE_HORIZON_BIT) != 0
        cdef RecordBatch found = None
        if is_control:
            is_gone = self.transactions.ended(batch)
            is_discarded = is_gone and has_horizon and batch.base_timestamp <= self.now_ms
        else:
            is_discarded = batch.attributes & layout.TRANSACTIONAL_BIT and self.transactions.is_aborted(batch)
        self.records_read += batch.count
        nbytes[0] += batch.payload_bytes
        if not is_discarded and batch.count > 0:
            if not is_control:
                found = self.filtered(batch, nbytes)
            else:
                self.records_kept += batch.count
                found = self.with_horizon(batch) if is_gone and not has_horizon else batch
        if found is None and (self.is_last_of_producer(batch) or last_offset_of(batch) + 1 == self.high_watermark):
            found = emptied(batch)
        return found

    cdef RecordBatch with_horizon(self, RecordBatch batch):
        """A marker of which the transaction's records are gone: it has its delete horizon from now on."""
        cdef const uint8_t[::1] plain = batch.decompressed(self.limit_bytes)
        cdef Run run
        wrong = wrong_count(batch, plain.shape[0])
        if wrong is not None:
            raise InvalidRecord(wrong)
        batch.records()    # raises if they aren't records: the run is written without a look
        run.start = &plain[0]
        run.end = run.start + plain.shape[0]
        return self.rewritten(batch, &run, 1, batch.count, self.new_horizon, True, batch.max_timestamp)

    cdef RecordBatch filtered(self, RecordBatch batch, Py_ssize_t *work):
        cdef const uint8_t[::1] plain
        cdef const uint8_t *data = batch.data
        cdef int64_t nbytes = batch.payload_bytes
        cdef Run *runs
        if batch.attributes & layout.COMPRESSION_MASK:
            plain = batch.decompressed(self.limit_bytes)
            work[0] += plain.shape[0]
            nbytes = plain.shape[0]
            data = &plain[0] if nbytes else NULL
        wrong = wrong_count(batch, nbytes)
        if wrong is not None:
            raise InvalidRecord(wrong)
        runs = <Run *>malloc((batch.count // 2 + 1) * sizeof(Run))
        if runs == NULL:
            raise MemoryError(f"no memory to look at {batch.count} records")
        try:
            return self.chosen(batch, data, nbytes, runs)
        finally:
            free(runs)

    cdef RecordBatch chosen(self, RecordBatch batch, const uint8_t *data, int64_t nbytes, Run *runs):
        cdef Rules rules
        cdef Kept kept
        cdef int code
        cdef bint has_horizon = (batch.attributes & layout.DELETE_HORIZON_BIT) != 0
        cdef bint sets_horizon
        cdef int64_t base_timestamp, max_timestamp = batch.max_timestamp
        rules.base_offset = batch.base_offset
        rules.latest_offset = self.offsets.latest_offset
        rules.drops_tombstones = has_horizon and self.now_ms >= batch.base_timestamp
        if nbytes < LARGE_BYTES:
            code = choose(self.offsets, data, nbytes, batch.count, &rules, runs, &kept)
        else:
            with nogil:
                code = choose(self.offsets, data, nbytes, batch.count, &rules, runs, &kept)
        if code != WALK_OK:
            raise InvalidRecord(failure(batch, code, kept.index))
        self.records_kept += kept.count
        self.records_without_key += kept.keyless
        if kept.count == 0:
            return None
        sets_horizon = kept.has_tombstone and not has_horizon
        if kept.count == batch.count and not sets_horizon:
            return batch
        if not batch.attributes & layout.LOG_APPEND_TIME_BIT:
            max_timestamp = batch.base_timestamp + kept.newest_delta
        if sets_horizon:
            base_timestamp = self.new_horizon
        elif has_horizon:
            base_timestamp = batch.base_timestamp
        elif batch.attributes & layout.LOG_APPEND_TIME_BIT:
            base_timestamp = batch.max_timestamp
        else:
            base_timestamp = batch.base_timestamp + kept.first_delta
        return self.rewritten(
            batch, runs, kept.run_count, kept.count, base_timestamp, sets_horizon or has_horizon, max_timestamp
        )

    cdef RecordBatch rewritten(self, RecordBatch batch, const Run *runs, int32_t run_count, int32_t count,
                               int64_t base_timestamp, bint has_horizon, int64_t max_timestamp):
        """The records of these runs as a batch of their own, their times counted from ``base_timestamp``."""
        cdef bint is_one = (batch.attributes & layout.LOG_APPEND_TIME_BIT) != 0
        cdef int attributes = batch.attributes | (layout.DELETE_HORIZON_BIT if has_horizon else 0)
        cdef int codec = batch.attributes & layout.COMPRESSION_MASK
        cdef int64_t needed, shift
        cdef bytes payload
        cdef uint8_t *p
        # all are at the log's time, or each counts from what the batch counted from
        shift = <int64_t>(<uint64_t>base_timestamp
                          - <uint64_t>(batch.max_timestamp if is_one else batch.base_timestamp))
        with nogil:
            needed = put_runs(runs, run_count, is_one, shift, NULL)
        if needed > BATCH_BYTES_MAX - layout.HEADER_SIZE:
            raise MessageTooLarge(f"a batch cannot take {needed} bytes")
        payload = PyBytes_FromStringAndSize(NULL, needed)
        p = <uint8_t *>PyBytes_AS_STRING(payload)
        with nogil:
            put_runs(runs, run_count, is_one, shift, p)
        if codec:
            payload = compress(codec, payload)
        return with_payload(batch, payload, attributes, base_timestamp, max_timestamp, count)
