"""The records of a batch as compaction sees them: where they lie, and the digests of their keys; header-only.

Both passes over a log walk with it (``key_pass.pyx``, ``copy_pass.pyx``).
"""

from libc.stdint cimport int32_t, int64_t, uint8_t

from kstore.codec.cursor cimport Cursor
from kstore.log.offset_map cimport OffsetMap, xxh3_128, xxh3_digest
from kstore.records cimport layout
from kstore.records.batch cimport RecordBatch
from kstore.records.walk cimport WALK_OK, RecordFields, next_record, walk_failure

cdef enum:
    MAP_FULL = 100             # above the codes of walk.pxd
    BYTES_LEFT_OVER
    AHEAD = 16                 # so many keys are looked up together
    LARGE_BYTES = 4096         # from here on a batch is worth giving the GIL away


ctypedef struct Seen:           # a record
    const uint8_t *start
    const uint8_t *end
    xxh3_digest digest          # of its key
    int64_t timestamp_delta
    int32_t offset_delta
    bint has_key
    bint has_value


cdef inline str failure(RecordBatch batch, int code, int32_t index):
    """What a code means, for the message of an error; needs the GIL."""
    what = f"bytes follow its {batch.count} records" if code == BYTES_LEFT_OVER else walk_failure(code, index)
    return f"the batch at offset {batch.base_offset}: {what}"


cdef inline str wrong_count(RecordBatch batch, int64_t nbytes):
    """Why a batch can't have as many records as it says, in so many bytes; None when it can."""
    if 0 <= batch.count <= nbytes // layout.LEAST_RECORD_SIZE:
        return None
    return f"the batch at offset {batch.base_offset}: {nbytes} bytes are no {batch.count} records"


cdef inline int walk_ahead(OffsetMap offsets, Cursor *c, int32_t left, Seen *seen, int32_t *count) noexcept nogil:
    """The next few records, with the digests of their keys; a code, that of the record behind those that were seen."""
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
