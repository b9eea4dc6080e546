"""The open transactions of a log, for other extensions."""

from libc.stdint cimport int64_t


cdef class Transactions:
    cdef dict ongoing
    cdef list unreplicated
    cdef int64_t first_unstable

    cdef int begin(self, int64_t producer_id, int64_t first_offset) except -1
    cdef int64_t end(self, int64_t producer_id, int64_t last_offset) except -2
    cdef int64_t first_undecided(self, int64_t otherwise) except -2
