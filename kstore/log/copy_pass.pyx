"""The second pass of compaction over a log: the records that are kept are copied.

It does what Apache Kafka's ``Cleaner.cleanInto`` and ``MemoryRecords.filterTo`` do. These rules say what is kept:

* A record is kept if the offset map has no later record of its key. The map ends at ``latest_offset``; every record
  after that is kept.
* A tombstone that is the last record of its key is kept until the delete horizon of its batch (KIP-534). The horizon
  is set the first time that a batch with a tombstone is cleaned.
* A record without a key is dropped, and so is a record of an aborted transaction.
* The marker of a transaction is kept as long as a batch of the transaction is there. When none is left, the marker gets
  a delete horizon of its own, and is kept until that.

If all records of a batch are kept, and no delete horizon is to be set, the batch is copied as it is. Otherwise it is
written again, with the same codec. Its base offset, last offset, producer id, epoch and sequence number stay the same.
Its base timestamp becomes the delete horizon, if there is one, or else the timestamp of its first record.

If no record of a batch is kept, the batch is dropped, with two exceptions: the last batch of each known producer, and
the batch that ends at the high watermark. The headers of those are kept.

Large batches are examined without the GIL, so other threads can use the log meanwhile.
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
    int64_t latest_offset       # of the map: records after it are kept
    bint drops_tombstones


ctypedef struct Kept:
    int32_t count
    int32_t index               # of the next record; after an error, of the record that is wrong
    int32_t keyless
    int32_t run_count
    int64_t first_delta         # timestamp delta of the first record that is kept
    int64_t newest_delta        # the largest timestamp delta of those that are kept
    bint has_tombstone


cdef int choose(OffsetMap offsets, const uint8_t *data, int64_t nbytes, int32_t count, const Rules *rules, Run *runs,
                Kept *kept) noexcept nogil:
    """Find the records of a batch that are kept. ``runs`` gets the stretches of bytes in which they lie. Returns
    ``WALK_OK`` or the code of an error.
    """
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
    """Add a record to those that are kept. ``after_one``: the record before it is kept too, so its run grows."""
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
    """Write the records of these runs to ``out``, and return how many bytes they take. If ``out`` is NULL, nothing is
    written.

    ``shift`` is how much later the new base timestamp is: it is subtracted from each record's delta. ``is_one``: all
    records have one timestamp (log append time), so each old delta counts as 0.
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
            next_record(&c, &record)    # can't fail: ``choose`` has read it
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
    """A batch with the header of ``batch``, except for what is given here, and ``payload`` as its records."""
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
    """A batch without records: only the header, as Kafka's ``DefaultRecordBatch.writeEmptyHeader`` writes it."""
    cdef int attributes = batch.attributes & (
        layout.LOG_APPEND_TIME_BIT | layout.TRANSACTIONAL_BIT | layout.CONTROL_BIT
    )
    return with_payload(batch, b"", attributes, NO_TIMESTAMP, batch.max_timestamp, 0)


@cython.final
cdef class CopyPass:
    """Decides which records are kept, by ``offsets`` (the map of the first pass) and ``transactions``.

    The owner sets ``last_of_producers`` and ``high_watermark`` before each group of segments. ``last_of_producers``
    maps the id of each known producer to a pair: the last offset of its records (-1 if a marker came last), and its
    epoch.
    ``now_ms`` is the time at which the cleaning began; a new delete horizon is ``delete_retention_ms`` after it. The
    records of a batch may take ``limit_bytes`` when decompressed.
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
        """Clean batches, from the first on, until they come to ``work_bytes`` of decompressed records.

        Returns how many bytes the batches that were cleaned had, the batches that take their place, and how many bytes
        those have. Raises ``InvalidRecord`` or ``CorruptMessage`` if the bytes of a batch aren't valid records.
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
        """The batch that takes the place of this one, or None. The bytes of its records are added to ``nbytes``."""
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
        """The marker of a transaction whose batches are all gone, now with a delete horizon."""
        cdef const uint8_t[::1] plain = batch.decompressed(self.limit_bytes)
        cdef Run run
        wrong = wrong_count(batch, plain.shape[0])
        if wrong is not None:
            raise InvalidRecord(wrong)
        batch.records()    # raises if the bytes aren't valid records, as ``put_runs`` doesn't check them
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
        """A batch with the records of these runs. Their timestamp deltas count from ``base_timestamp``."""
        cdef bint is_one = (batch.attributes & layout.LOG_APPEND_TIME_BIT) != 0
        cdef int attributes = batch.attributes | (layout.DELETE_HORIZON_BIT if has_horizon else 0)
        cdef int codec = batch.attributes & layout.COMPRESSION_MASK
        cdef int64_t needed, shift
        cdef bytes payload
        cdef uint8_t *p
        # with log append time all records have max_timestamp; otherwise deltas counted from the old base timestamp
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
