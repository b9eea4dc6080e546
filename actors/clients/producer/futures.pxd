"""The futures of records, for the accumulator."""

from libc.stdint cimport int32_t, int64_t

from actors.clients.producer.pending cimport PendingBatch


cdef class Future:
    cdef PendingBatch batch
    cdef int32_t index
    cdef int32_t key_bytes
    cdef int32_t value_bytes
    cdef int64_t timestamp


cdef class PartOfMany:
    cdef ManyFuture owner
    cdef PendingBatch batch
    cdef int32_t first
    cdef int32_t count


cdef class ManyFuture:
    cdef list parts
    cdef list callbacks
    cdef object sink
    cdef int count_in(self, PendingBatch batch, int32_t index, int32_t count) except -1
    cdef list leaves(self)
