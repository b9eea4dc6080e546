"""Validation of a batch before a leader appends it: the checksum, the header, and every record.

The checks, their order and their error codes are those of Apache Kafka's ``UnifiedLog`` and ``LogValidator``; texts
are ours. Where Kafka differs:

* offset deltas must be 0, 1, 2 ... here; Kafka fails over a compressed batch whose deltas aren't (UNKNOWN_SERVER_ERROR)
  and lets an uncompressed one pass;
* a record must be as long as it says in compressed batches too, which Kafka doesn't check;
* where Kafka answers UNKNOWN_SERVER_ERROR because a decoder threw, the answer is INVALID_RECORD;
* at most ``RECORD_ERRORS_MAX`` record errors are listed.

Records are walked without the GIL and without an allocation; only a record that is refused brings the walk back to
Python for its message, and the walk then goes on, so that the producer learns of all of them.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from kstore.codec.cursor cimport Cursor, cursor_over
from kstore.records cimport layout
from kstore.records.batch cimport RecordBatch
from kstore.records.walk cimport WALK_OK, RecordFields, next_record, too_large, walk_failure

from kstore.errors import CorruptMessage, InvalidRecord, InvalidTimestamp, MessageTooLarge

RECORD_ERRORS_MAX = 1000

cdef int64_t INT64_MAX = 0x7FFFFFFFFFFFFFFF
cdef int64_t INT64_MIN = -INT64_MAX - 1

cdef enum Verdict:
    # beside the codes of walk.pxd, which are small
    ALL_WALKED = 100
    BYTES_LEFT_OVER
    DELTA_NOT_CONSECUTIVE
    RECORD_TOO_LARGE
    KEY_MISSING
    TIMESTAMP_OUT_OF_RANGE
    TIMESTAMP_NOT_PRODUCERS

ctypedef struct Rules:
    bint needs_key
    bint checks_timestamps
    bint is_log_append_time   # the batch says so of itself
    int64_t oldest
    int64_t newest
    int64_t base_timestamp
    int64_t log_append_time
    int32_t count
    int32_t body_bytes_max    # of a record

ctypedef struct Walk:
    Cursor cursor
    int32_t index             # of the last record checked; the walk goes on behind it
    int32_t body_bytes        # that record's, if it is too large
    int64_t timestamp         # that record's
    int64_t max_timestamp
    int32_t index_of_max


cdef int record_verdict(const RecordFields *fields, const Rules *rules, int64_t timestamp) noexcept nogil:
    if rules.needs_key and fields.key_bytes < 0:
        return KEY_MISSING
    if rules.checks_timestamps and timestamp != -1:
        if timestamp < rules.oldest or timestamp > rules.newest:
            return TIMESTAMP_OUT_OF_RANGE
    elif rules.is_log_append_time:
        return TIMESTAMP_NOT_PRODUCERS
    return WALK_OK


cdef int walk_on(Walk *walk, const Rules *rules) noexcept nogil:
    """Go over records until one is refused or all are done; ``walk.index`` starts at -1."""
    cdef RecordFields fields
    cdef int64_t timestamp
    cdef int verdict
    while walk.index + 1 < rules.count:
        walk.index += 1
        verdict = next_record(&walk.cursor, &fields)
        if verdict != WALK_OK:
            return verdict
        if fields.body_bytes > rules.body_bytes_max:
            walk.body_bytes = fields.body_bytes
            return RECORD_TOO_LARGE
        if fields.offset_delta != walk.index:
            return DELTA_NOT_CONSECUTIVE
        timestamp = <int64_t>(<uint64_t>rules.base_timestamp + <uint64_t>fields.timestamp_delta)
        if rules.is_log_append_time:
            timestamp = rules.log_append_time
        verdict = record_verdict(&fields, rules, timestamp)
        if verdict != WALK_OK:
            walk.timestamp = timestamp
            return verdict
        if timestamp > walk.max_timestamp:
            walk.max_timestamp = timestamp
            walk.index_of_max = walk.index
    return ALL_WALKED if walk.cursor.p == walk.cursor.end else BYTES_LEFT_OVER


cdef inline int64_t minus(int64_t a, int64_t b) noexcept nogil:
    """a - b for b >= 0, not below the least integer."""
    return INT64_MIN if a < INT64_MIN + b else a - b


cdef inline int64_t plus(int64_t a, int64_t b) noexcept nogil:
    """a + b for b >= 0, not above the greatest integer."""
    return INT64_MAX if a > INT64_MAX - b else a + b


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
@cython.freelist(64)
cdef class ValidationResult:
    """What ``stamped`` and the indexes need to know of a batch that may be appended.

    ``max_timestamp`` is the largest of its records' timestamps (or the log append time), whatever its header said;
    ``offset_of_max_timestamp`` is the offset, counted from the batch's base offset as it stands, of the first record
    that has it. ``log_append_time`` is None unless that is the topic's timestamp type. ``record_bytes`` is the size of
    the records when decompressed, and ``decompressed`` what they are then; None if the batch isn't compressed.
    """

    cdef readonly int64_t max_timestamp
    cdef readonly int64_t offset_of_max_timestamp
    cdef readonly object log_append_time
    cdef readonly Py_ssize_t record_bytes
    cdef readonly object decompressed

    def __repr__(self):
        return (f"ValidationResult(max_timestamp={self.max_timestamp}, offset_of_max_timestamp="
                f"{self.offset_of_max_timestamp}, log_append_time={self.log_append_time}, "
                f"record_bytes={self.record_bytes})")


cdef int check_header(RecordBatch batch, bint from_client) except -1:
    cdef int64_t span = <int64_t>batch.last_offset_delta + 1
    if from_client and batch.base_offset != 0:
        raise InvalidRecord(f"a produced batch begins at offset 0, not {batch.base_offset}")
    batch.verify_crc()
    if batch.attributes & layout.COMPRESSION_MASK >= layout.COMPRESSIONS:
        raise InvalidRecord(f"compression {batch.attributes & layout.COMPRESSION_MASK} doesn't exist")
    if not from_client:
        return 0
    if span <= 0:
        raise InvalidRecord(f"the batch's last offset is {batch.last_offset_delta} after its first")
    if batch.count <= 0:
        raise InvalidRecord(f"a batch cannot have {batch.count} records")
    if span != batch.count:
        raise InvalidRecord(f"the batch spans {span} offsets and says it has {batch.count} records")
    if batch.attributes & layout.CONTROL_BIT:
        raise InvalidRecord("clients may not write control records")
    if batch.producer_id > -1 and batch.base_sequence < 0:
        raise InvalidRecord(f"producer {batch.producer_id} cannot have the sequence number {batch.base_sequence}")
    return 0


cdef object record_error(int verdict, const Walk *walk, const Rules *rules):
    """What is wrong with the record the walk stands at, or None when the batch as a whole is unreadable there."""
    if verdict == KEY_MISSING:
        return walk.index, "compacted topic cannot accept message without key"
    if verdict == TIMESTAMP_OUT_OF_RANGE:
        return walk.index, f"the timestamp {walk.timestamp} lies outside {rules.oldest} to {rules.newest}"
    if verdict == TIMESTAMP_NOT_PRODUCERS:
        return walk.index, "a producer may not set the timestamp type to LogAppendTime"
    return None


cdef object structural_error(int verdict, const Walk *walk, const Rules *rules):
    if verdict == DELTA_NOT_CONSECUTIVE:
        return InvalidRecord(f"record {walk.index} has another offset delta than {walk.index}")
    if verdict == RECORD_TOO_LARGE:
        return InvalidRecord(too_large(walk.body_bytes, rules.body_bytes_max))
    if verdict == BYTES_LEFT_OVER:
        return InvalidRecord(f"bytes follow the last of {rules.count} records")
    return InvalidRecord(walk_failure(verdict, walk.index))


cdef object rejection(list errors, int32_t total, bint is_about_time):
    cdef str shown = "; ".join([f"record {index}: {message}" for index, message in errors[:3]])
    error = (InvalidTimestamp if is_about_time else InvalidRecord)(f"{total} records were refused: {shown}")
    error.record_errors = tuple(errors)
    return error


cdef object decompressed(RecordBatch batch, Py_ssize_t limit_bytes):
    """The records' bytes. If the checksum is right and they can't be decompressed, a retry would fail again."""
    try:
        return batch.decompressed(limit_bytes)
    except CorruptMessage as error:
        raise InvalidRecord(error.message) from error


cdef int walk_records(const uint8_t *data, Py_ssize_t nbytes, const Rules *rules, Walk *walk) except -1:
    cdef int verdict
    cdef list errors = None
    cdef int32_t total = 0
    cdef bint is_about_time = False
    walk.cursor = cursor_over(data, nbytes)
    walk.index = -1
    walk.max_timestamp = -1
    walk.index_of_max = 0
    while True:
        verdict = walk_on(walk, rules)
        if verdict == ALL_WALKED:
            break
        found = record_error(verdict, walk, rules)
        if found is None:
            raise structural_error(verdict, walk, rules)
        is_about_time |= verdict != KEY_MISSING
        total += 1
        errors = errors or []
        if len(errors) < RECORD_ERRORS_MAX:
            errors.append(found)
    if errors is not None:
        raise rejection(errors, total, is_about_time)
    return 0


def validate_for_append(RecordBatch batch not None, *, bint topic_compacted=False, int timestamp_type=0,
                        int64_t now_ms=0, int64_t before_max_ms=INT64_MAX, int64_t after_max_ms=INT64_MAX,
                        max_batch_bytes=None, Py_ssize_t max_decompressed_bytes=layout.DECOMPRESSED_BYTES_LIMIT,
                        int max_record_bytes=0x7FFFFFFF, bint from_client=True):
    """Check a batch as the leader of a partition must before it appends it.

    ``timestamp_type`` is the topic's (0 CreateTime, 1 LogAppendTime), and timestamps may lie ``before_max_ms`` before
    and ``after_max_ms`` after ``now_ms``. ``max_record_bytes`` bounds each record of a compressed batch, as it is when
    decompressed, without its length. ``from_client`` is False for what coordinators write: control batches and
    any base offset pass.

    Raises ``CorruptMessage`` (the checksum), ``MessageTooLarge`` (the batch, or decompressed), ``InvalidRecord`` or
    ``InvalidTimestamp``; the last two carry ``record_errors`` when single records are at fault.
    """
    cdef Rules rules
    cdef Walk walk
    cdef ValidationResult result
    cdef const uint8_t[::1] plain
    if max_batch_bytes is not None and batch.size_bytes > max_batch_bytes:
        raise MessageTooLarge(f"a record batch of {batch.size_bytes} bytes; the topic accepts {max_batch_bytes}")
    check_header(batch, from_client)
    rules.needs_key = topic_compacted
    rules.checks_timestamps = timestamp_type == 0
    rules.is_log_append_time = (batch.attributes & layout.LOG_APPEND_TIME_BIT) != 0
    rules.oldest = minus(now_ms, max(before_max_ms, <int64_t>0))
    rules.newest = plus(now_ms, max(after_max_ms, <int64_t>0))
    rules.base_timestamp = batch.base_timestamp
    rules.log_append_time = batch.max_timestamp
    rules.count = batch.count
    rules.body_bytes_max = max_record_bytes
    result = ValidationResult.__new__(ValidationResult)
    if batch.attributes & layout.COMPRESSION_MASK == 0:
        rules.body_bytes_max = 0x7FFFFFFF
        result.record_bytes = batch.payload_bytes
        walk_records(batch.data, batch.payload_bytes, &rules, &walk)
    else:
        plain = result.decompressed = decompressed(batch, max_decompressed_bytes)
        result.record_bytes = plain.shape[0]
        walk_records(&plain[0] if plain.shape[0] else NULL, plain.shape[0], &rules, &walk)
    if timestamp_type == 0:
        result.max_timestamp = walk.max_timestamp
        result.offset_of_max_timestamp = batch.base_offset + walk.index_of_max
    else:
        result.log_append_time = now_ms
        result.max_timestamp = now_ms
        result.offset_of_max_timestamp = batch.base_offset
    return result
