cdef void begin() noexcept
cdef int end() except -1
