from libc.stdint cimport int64_t

cdef class Clock:
    cdef readonly bint virtual
    cdef int64_t _virtual_us
    cdef int64_t _epoch_us
    cdef int64_t monotonic_us(self) noexcept nogil
    cdef int64_t wall_ms(self) noexcept nogil
