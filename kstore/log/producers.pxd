"""What a log remembers of its producers, for other extensions."""

from libc.stdint cimport int32_t, int64_t

from kstore.records.batch cimport RecordBatch


cdef object marker_of(RecordBatch batch)


cdef class Written:
    cdef readonly int64_t first_offset
    cdef readonly int64_t last_offset
    cdef readonly int64_t timestamp
    cdef readonly int32_t first_sequence
    cdef readonly int32_t last_sequence


cdef class ProducerEntry:
    cdef readonly int64_t producer_id
    cdef readonly int64_t last_timestamp
    cdef readonly int64_t transaction_first_offset
    cdef readonly int32_t coordinator_epoch
    cdef readonly int32_t epoch
    cdef readonly list window

    cdef ProducerEntry copy(self)
    cdef Written find(self, RecordBatch batch)
    cdef int check_epoch(self, RecordBatch batch) except -1
    cdef int check(self, RecordBatch batch) except -1
    cdef int add(self, RecordBatch batch) except -1
    cdef int remember(self, RecordBatch batch) except -1


cdef class ProducerStates:
    cdef dict entries
    cdef dict ongoing
    cdef list unreplicated

    cdef ProducerEntry entry_of(self, RecordBatch batch, dict staged)
    cpdef add(self, RecordBatch batch)
    cdef object end_transaction(self, ProducerEntry entry, RecordBatch batch)
    cdef int check_marker(self, RecordBatch batch) except -1
    cdef Written check(self, RecordBatch batch, dict staged, bint from_client)
    cdef int stage(self, RecordBatch batch, dict staged) except -1
