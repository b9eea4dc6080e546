from libc.stdint cimport int32_t, int64_t, uint32_t

from actors.runtime.clock cimport Clock

cpdef enum:
    NOTE = -1     # depth of a row that isn't a turn: something that happened in one, or outside of any
    ENTERED = -2  # depth of a row at which something came from outside: a user's call, a timer, a socket, a fault

cdef struct Row:
    int64_t sequence
    int64_t time_us
    int64_t cause
    int32_t actor
    int32_t kind
    int32_t partition
    uint32_t took_us
    int64_t offset1
    int64_t offset2
    int32_t subject
    int32_t depth

cdef struct Name:
    int64_t written   # how many rows are of this kind
    int64_t last_row  # the last row that mentions it
    int32_t pins      # how many hold its number; 0: it may be forgotten

cdef class Recorder:
    cdef Row* rows
    cdef int64_t capacity
    cdef int64_t hashed
    cdef readonly int64_t next_sequence
    cdef int64_t turn_row
    cdef Clock clock
    cdef dict ids
    cdef list names
    cdef Name* known
    cdef int32_t room
    cdef list free
    cdef int32_t sweep_at
    cdef object hasher
    cdef object sink
    cdef list fresh
    cdef int64_t spooled
    cdef int64_t spool_step
    cdef int32_t intern_name(self, object key) except -1
    cdef int32_t mention(self, object key) except -1
    cdef int32_t add_name(self, object key) except -1
    cdef int sweep(self) except -1
    cdef int32_t kind_number(self, object kind) except -1
    cdef int64_t put(self, int32_t actor, int32_t kind, int64_t cause, int32_t partition, int64_t offset1,
                     int64_t offset2, int32_t subject, int32_t depth, int64_t time_us) except -1
    cdef int64_t write(self, int32_t actor, object kind, int64_t cause, int32_t partition, int64_t offset1,
                       int64_t offset2, int32_t subject, int32_t depth, int64_t time_us) except -1
    cdef void end_turn(self, int64_t sequence, int64_t took_us) noexcept
    cdef int spool(self, int64_t end) except -1
    cdef int hash_up_to(self, int64_t end) except -1
    cdef object resolved(self, Row* row)
