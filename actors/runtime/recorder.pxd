from libc.stdint cimport int32_t, int64_t

from actors.runtime.clock cimport Clock

cdef struct Row:
    int64_t sequence
    int64_t time_us
    int64_t cause
    int32_t actor
    int32_t kind
    int32_t partition
    int32_t spare
    int64_t offset1
    int64_t offset2
    int64_t spare2

cdef class Recorder:
    cdef Row* rows
    cdef int64_t capacity
    cdef int64_t hashed
    cdef readonly int64_t next_sequence
    cdef Clock clock
    cdef dict ids
    cdef list names
    cdef int64_t* counts
    cdef Py_ssize_t countable
    cdef object hasher
    cdef int32_t intern_name(self, object key) except -1
    cdef int64_t write(self, int32_t actor, object kind, int64_t cause, int32_t partition,
                       int64_t offset1, int64_t offset2) except -1
    cdef int hash_up_to(self, int64_t end) except -1
