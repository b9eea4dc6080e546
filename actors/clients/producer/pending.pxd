"""A producer's batch, for the futures and the accumulator."""

from cpython.object cimport PyObject
from libc.stdint cimport int16_t, int32_t, int64_t

from kstore.records.writing cimport Piece


cdef class PendingBatch:
    # what it holds
    cdef PyObject *buffer            # while it grows; NULL once it is built
    cdef Py_ssize_t used
    cdef Py_ssize_t limit            # the plain bytes at which it is full
    cdef int64_t base_timestamp
    cdef int64_t max_timestamp
    cdef readonly int compression
    cdef int16_t attributes          # its header's, beside the compression
    cdef bytes data                  # the batch as it was last built
    cdef readonly int32_t count
    # whose it is
    cdef readonly object queue
    cdef readonly str topic
    cdef readonly int32_t partition
    cdef readonly int64_t number
    cdef readonly int64_t opened_us
    cdef int64_t held_bytes          # of the producer's buffer memory
    cdef object sink                 # the accumulator
    cdef object part                 # the part that a bulk send is filling
    # what became of it
    cdef readonly bint done
    cdef readonly bint is_split_off
    cdef readonly int64_t base_offset
    cdef readonly int64_t log_append_time
    cdef readonly object error
    cdef dict record_errors
    cdef list callbacks
    cdef list parts
    # what the sender keeps with it
    cdef public int attempts
    cdef public int64_t retry_at_us
    cdef public int32_t leader_epoch
    cdef readonly int64_t producer_id
    cdef readonly int16_t producer_epoch
    cdef readonly int32_t base_sequence
    cdef readonly bint sequence_was_reset

    cdef int start(self, object sink, object queue, str topic, int32_t partition, int compression, int16_t attributes,
                   Py_ssize_t capacity, Py_ssize_t limit) except -1
    cdef bint put(self, int64_t timestamp, const Piece *key, const Piece *value, Py_ssize_t header_count,
                  const Piece *headers) except -1
    cdef void write_header(self) noexcept
    cpdef bint is_over(self)
    cdef int grow(self, int64_t least) except -1
    cdef list cut(self, Py_ssize_t size)
    cdef PendingBatch leaf(self, int32_t *index)
    cdef object error_of(self, int32_t index)
    cdef int finish(self, object callbacks) except -1
    cdef int watch(self, object future, object function, bint on_success) except -1


cdef tuple packed_headers(object headers)
