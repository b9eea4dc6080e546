"""Reads the records of a batch for compaction: where each record lies, and the digest of its key.

Both passes over a log use it (``key_pass.pyx``, ``copy_pass.pyx``). It is inline code only: no ``.pyx`` belongs to it.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t

from kstore.codec.cursor cimport Cursor
from kstore.log.offset_map cimport OffsetMap, xxh3_128, xxh3_digest
from kstore.records cimport layout
from kstore.records.batch cimport RecordBatch
from kstore.records.walk cimport WALK_OK, RecordFields, next_record, walk_failure

cdef enum:
    MAP_FULL = 100             # larger than all codes of walk.pxd
    BYTES_LEFT_OVER
    AHEAD = 16                 # how many records are read before their keys are looked up
    LARGE_BYTES = 4096         # the GIL is released for batches of at least this size


ctypedef struct Seen:           # a record that was read
    const uint8_t *start
    const uint8_t *end
    xxh3_digest digest          # of its key
    int64_t timestamp_delta
    int32_t offset_delta
    bint has_key
    bint has_value


cdef inline str failure(RecordBatch batch, int code, int32_t index):
    """The message of the error that a code stands for. Needs the GIL."""
    what = f"bytes follow its {batch.count} records" if code == BYTES_LEFT_OVER else walk_failure(code, index)
    return f"the batch at offset {batch.base_offset}: {what}"


cdef inline str wrong_count(RecordBatch batch, int64_t nbytes):
    """An error message if ``nbytes`` are too few for as many records as the batch's header says; otherwise None."""
    if 0 <= batch.count <= nbytes // layout.LEAST_RECORD_SIZE:
        return None
    return f"the batch at offset {batch.base_offset}: {nbytes} bytes are no {batch.count} records"


cdef inline int walk_ahead(OffsetMap offsets, Cursor *c, int32_t left, Seen *seen, int32_t *count) noexcept nogil:
    """Read the next records into ``seen``, at most ``AHEAD`` and at most ``left``. ``count`` gets how many were read.
    Returns ``WALK_OK``, or the code of the error in the record after them.
    """
    cdef RecordFields record
    cdef int code
    count[0] = 0
    while count[0] < min(left, <int32_t>AHEAD):
        seen.start = c.p
        code = next_record(c, &record)
        if code != WALK_OK:
            return code
        seen.end = c.p
        seen.offset_delta = record.offset_delta
        seen.timestamp_delta = record.timestamp_delta
        seen.has_key = record.key_bytes >= 0
        seen.has_value = record.value_bytes >= 0
        if seen.has_key:
            seen.digest = xxh3_128(record.key, record.key_bytes)
            offsets.prefetch(seen.digest)
        seen += 1
        count[0] += 1
    return WALK_OK
