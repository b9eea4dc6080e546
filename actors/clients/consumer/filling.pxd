"""Puts a batch's records into columns, without the GIL or an object for each record; header-only, for ``cimport``.

The caller makes the columns as large as the batch could need (``PartitionRecords.room``); each record is checked
against their size all the same.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy

from kstore.codec.cursor cimport Cursor
from kstore.records.walk cimport WALK_OK, RecordFields, next_record

cdef enum:
    NO_ROOM = 100       # beside the codes of walk.pxd

ctypedef struct Filling:
    # columns being filled, and how far
    int64_t *offsets
    int64_t *timestamps
    uint8_t *key_data
    int64_t *key_ends
    uint8_t *key_nulls
    uint8_t *value_data
    int64_t *value_ends
    uint8_t *value_nulls
    Py_ssize_t count
    Py_ssize_t max_count
    int64_t key_at
    int64_t key_room
    int64_t value_at
    int64_t value_room


ctypedef struct BatchPosition:
    # what is left of a batch
    Cursor cursor
    int64_t base_offset
    int64_t next_offset
    int64_t base_timestamp
    int32_t left
    bint adds_delta


cdef inline void put(Filling *f, const RecordFields *fields) noexcept nogil:
    """Put the key and value of a record into their columns."""
    f.key_nulls[f.count] = fields.key_bytes < 0
    if fields.key_bytes > 0:
        memcpy(f.key_data + f.key_at, fields.key, fields.key_bytes)
        f.key_at += fields.key_bytes
    f.key_ends[f.count + 1] = f.key_at
    f.value_nulls[f.count] = fields.value_bytes < 0
    if fields.value_bytes > 0:
        memcpy(f.value_data + f.value_at, fields.value, fields.value_bytes)
        f.value_at += fields.value_bytes
    f.value_ends[f.count + 1] = f.value_at


cdef inline int fill_columns(Filling *f, BatchPosition *position) noexcept nogil:
    """Put records of one batch into columns until the batch or a column ends; stop before a record that is refused."""
    cdef RecordFields fields
    cdef Cursor cursor = position.cursor
    cdef int64_t offset
    cdef int code
    while position.left and f.count < f.max_count:
        code = next_record(&cursor, &fields)
        if code != WALK_OK:
            return code
        offset = position.base_offset + fields.offset_delta
        if offset >= position.next_offset:
            if max(fields.key_bytes, 0) > f.key_room - f.key_at:
                return NO_ROOM
            if max(fields.value_bytes, 0) > f.value_room - f.value_at:
                return NO_ROOM
            put(f, &fields)
            f.offsets[f.count] = offset
            f.timestamps[f.count] = <int64_t>(<unsigned long long>position.base_timestamp + (
                <unsigned long long>fields.timestamp_delta if position.adds_delta else 0))
            f.count += 1
            position.next_offset = offset + 1
        position.cursor = cursor
        position.left -= 1
    return WALK_OK
