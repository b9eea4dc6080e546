from libc.stdint cimport int32_t, int64_t, uint64_t

from actors.runtime.clock cimport Clock
from actors.runtime.recorder cimport Recorder

cdef class Inbox
cdef class Reply
cdef class RunQueue

cdef class Envelope:
    cdef Envelope next
    cdef object message
    cdef object then
    cdef tuple args
    cdef Reply reply_to
    cdef int64_t cause

cdef class Inbox:
    cdef readonly RunQueue queue
    cdef readonly object actor
    cdef dict handlers
    cdef object may_refuse
    cdef str name
    cdef object last_kind
    cdef int32_t last_number
    cdef readonly int32_t actor_id
    cdef Envelope head
    cdef Envelope tail
    cdef Inbox next_ready
    cdef bint scheduled
    cdef readonly bint closed
    cdef readonly int depth
    cdef Reply owed
    cdef void post(self, Envelope envelope)
    cdef int owe(self, Reply reply) except -1
    cpdef send(self, message, Reply reply_to=*)

cdef class Reply:
    cdef readonly Inbox asker
    cdef object then
    cdef tuple args
    cdef readonly bint answered
    cdef Inbox owner
    cdef Reply next_owed
    cdef Reply before_owed
    cdef void settle(self)
    cdef bint is_due(self) except -1

cdef class RunQueue:
    cdef readonly Recorder recorder
    cdef Clock clock
    cdef int32_t answered
    cdef int64_t now_us
    cdef int64_t entered_us
    cdef Inbox first
    cdef Inbox last
    cdef list ready
    cdef bint seeded
    cdef uint64_t random_state
    cdef readonly int64_t current
    cdef readonly Inbox running
    cdef readonly Inbox ran
    cdef Reply reply_to
    cdef public object on_ready
    cdef public object on_crash
    cdef readonly int64_t turns
    cdef void schedule(self, Inbox inbox)
    cdef Inbox take(self)
    cdef int turn(self, Inbox inbox) except -1
    cdef uint64_t draw(self) noexcept
