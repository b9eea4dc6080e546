"""Records as Python objects, for other extensions."""

from libc.stdint cimport int32_t, int64_t, uint8_t


cdef class Record:
    cdef readonly int64_t offset
    cdef readonly int64_t timestamp
    cdef readonly int timestamp_type
    cdef readonly bytes key
    cdef readonly bytes value
    cdef readonly tuple headers


ctypedef struct BatchHeader:
    int64_t base_offset
    int64_t base_timestamp
    int64_t log_append_time     # what every record's timestamp is when timestamp_type is 1
    int timestamp_type
    int32_t count


cdef list read_records(const uint8_t *data, Py_ssize_t nbytes, const BatchHeader *header)
cdef tuple find_record(
    const uint8_t *data, Py_ssize_t nbytes, const BatchHeader *header, int64_t timestamp, int64_t from_offset,
    int32_t body_bytes_max
)
