"""The record as a Python object, and reading a batch's records into a list.

Records are plain values without cycles, so the garbage collector doesn't track them, and freed ones are used again.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, int64_t, uint8_t

from kstore.codec.cursor cimport Cursor, cursor_over
from kstore.records.layout cimport LEAST_RECORD_SIZE
from kstore.records.walk cimport WALK_OK, HeaderFields, RecordFields, next_header, next_record, too_large, walk_failure

from kstore.errors import InvalidRecord

cdef tuple NO_HEADERS = ()


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
@cython.freelist(4096)
cdef class Record:
    """One record of a batch; ``headers`` are pairs of a name and a value, which may be None.

    ``timestamp_type`` is 0 when the producer gave the timestamp, 1 when the broker did.
    """

    def __repr__(self):
        headers = f", headers={self.headers!r}" if self.headers else ""
        data = f"key={self.key!r}, value={self.value!r}{headers}"
        return f"Record(offset={self.offset}, timestamp={self.timestamp}, {data})"


cdef inline bytes nullable(const uint8_t *data, int32_t nbytes):
    return None if nbytes < 0 else PyBytes_FromStringAndSize(<const char *>data, nbytes)


cdef tuple read_headers(const RecordFields *fields):
    """The headers of a record that ``next_record`` has found to be sound."""
    cdef Cursor c = fields.headers
    cdef HeaderFields header
    cdef tuple headers = PyTuple_New(fields.header_count)
    cdef tuple pair
    cdef int32_t i
    for i in range(fields.header_count):
        if next_header(&c, &header) != WALK_OK:
            raise InvalidRecord("a record's headers changed while they were read")
        pair = (
            PyUnicode_DecodeUTF8(<const char *>header.key, header.key_bytes, b"replace"),
            nullable(header.value, header.value_bytes),
        )
        Py_INCREF(pair)
        PyTuple_SET_ITEM(headers, i, pair)
    return headers


cdef inline int64_t timestamp_of(const RecordFields *fields, const BatchHeader *header) noexcept:
    if header.timestamp_type:
        return header.log_append_time
    return <int64_t>(<unsigned long long>header.base_timestamp + <unsigned long long>fields.timestamp_delta)


cdef list read_records(const uint8_t *data, Py_ssize_t nbytes, const BatchHeader *header):
    """All records in these (decompressed) bytes, which must hold as many as the batch says and nothing else."""
    cdef Cursor c = cursor_over(data, nbytes)
    cdef RecordFields fields
    cdef Record record
    cdef list records
    cdef int32_t i
    cdef int code
    if header.count < 0 or header.count > nbytes // LEAST_RECORD_SIZE:
        raise InvalidRecord(f"{header.count} records cannot lie in {nbytes} bytes")
    records = PyList_New(header.count)
    for i in range(header.count):
        code = next_record(&c, &fields)
        if code != WALK_OK:
            raise InvalidRecord(walk_failure(code, i))
        record = Record.__new__(Record)
        record.offset = header.base_offset + fields.offset_delta
        record.timestamp_type = header.timestamp_type
        record.timestamp = timestamp_of(&fields, header)
        record.key = nullable(fields.key, fields.key_bytes)
        record.value = nullable(fields.value, fields.value_bytes)
        record.headers = NO_HEADERS if fields.header_count == 0 else read_headers(&fields)
        Py_INCREF(record)
        PyList_SET_ITEM(records, i, record)
    if c.p != c.end:
        raise InvalidRecord(f"{c.end - c.p} bytes follow the last of {header.count} records")
    return records


cdef tuple find_record(
    const uint8_t *data, Py_ssize_t nbytes, const BatchHeader *header, int64_t timestamp, int64_t from_offset,
    int32_t body_bytes_max
):
    """``(timestamp, offset)`` of the first record from an offset on that isn't older; None if there is none.

    A record whose body is larger is refused when the search comes to it.
    """
    cdef Cursor c = cursor_over(data, nbytes)
    cdef RecordFields fields
    cdef int64_t found
    cdef int32_t i
    cdef int code
    for i in range(header.count):
        code = next_record(&c, &fields)
        if code != WALK_OK:
            raise InvalidRecord(walk_failure(code, i))
        if fields.body_bytes > body_bytes_max:
            raise InvalidRecord(too_large(fields.body_bytes, body_bytes_max))
        found = timestamp_of(&fields, header)
        if found >= timestamp and header.base_offset + fields.offset_delta >= from_offset:
            return found, header.base_offset + fields.offset_delta
    return None
