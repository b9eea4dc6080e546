"""The producer state of a log, for other extensions."""

from libc.stdint cimport int32_t, int64_t

from kstore.log.transactions cimport Transactions
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
    cdef int check_epoch(self, int32_t epoch) except -1
    cdef int check_sequence(self, RecordBatch batch) except -1
    cdef int check_marker(self, RecordBatch batch, object marker, int transaction_version) except -1
    cdef int add(self, RecordBatch batch) except -1
    cdef int end_transaction(self, RecordBatch batch, object marker) except -1
    cdef int remember(self, RecordBatch batch) except -1


cdef class ProducerStates:
    cdef dict entries
    cdef readonly Transactions transactions
    cdef object verifications

    cdef ProducerEntry entry_of(self, RecordBatch batch, dict staged)
    cpdef add(self, RecordBatch batch)
    cdef object end_transaction(self, ProducerEntry entry, RecordBatch batch)
    cdef int check_marker(self, RecordBatch batch, dict staged, int transaction_version) except -1
    cdef int check_opening(self, ProducerEntry entry, RecordBatch batch, object config, object options) except -1
    cdef Written check(self, RecordBatch batch, dict staged, bint from_client, object config, object options)
    cdef int stage(self, RecordBatch batch, dict staged) except -1
