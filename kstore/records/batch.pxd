"""The record batch, for other extensions: ``data`` and ``payload_bytes`` reach the bytes behind the header."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t


cdef class RecordBatch:
    cdef readonly bytes header
    cdef object source              # a memoryview that holds the payload's memory
    cdef object view                # the payload's own memoryview, once it was asked for
    cdef const uint8_t *data
    cdef Py_ssize_t payload_bytes
    cdef readonly Py_ssize_t size_bytes
    cdef readonly int64_t base_offset
    cdef readonly int64_t base_timestamp
    cdef readonly int64_t max_timestamp
    cdef readonly int64_t producer_id
    cdef readonly int32_t leader_epoch
    cdef readonly int32_t last_offset_delta
    cdef readonly int32_t base_sequence
    cdef readonly int32_t count
    cdef readonly uint32_t crc
    cdef readonly int16_t producer_epoch
    cdef readonly int attributes
    cdef readonly int magic

    cdef void read_header(self) noexcept
    cdef RecordBatch with_header(self, bytes header)
    cdef uint32_t computed_crc(self) noexcept
    cpdef object decompressed(self, Py_ssize_t limit_bytes)


cdef inline int64_t last_offset_of(RecordBatch batch) noexcept:
    """The ``last_offset`` that Python sees, without a Python number."""
    return batch.base_offset + batch.last_offset_delta
