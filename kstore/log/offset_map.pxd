from libc.stdint cimport int64_t, uint8_t, uint64_t


cdef extern from "xxh3.h" nogil:
    ctypedef struct xxh3_digest:
        uint64_t low
        uint64_t high
    xxh3_digest xxh3_128(const uint8_t *key, size_t n)


cdef packed struct Slot:
    uint64_t low
    uint64_t high
    int64_t offset      # the offset plus 1; 0 means that the slot is empty


cdef class OffsetMap:
    cdef Slot *table
    cdef size_t used
    cdef readonly size_t slots
    cdef readonly size_t capacity
    cdef public int64_t latest_offset

    cdef bint put_digest(self, xxh3_digest digest, int64_t offset) noexcept nogil
    cdef int64_t get_digest(self, xxh3_digest digest) noexcept nogil
    cdef void prefetch(self, xxh3_digest digest) noexcept nogil
