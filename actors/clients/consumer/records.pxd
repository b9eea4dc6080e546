"""Fetched records of one partition and the record that users get, for other extensions."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from actors.clients.consumer.filling cimport Filling
from kstore.codec.cursor cimport Cursor
from kstore.records.batch cimport RecordBatch
from kstore.records.walk cimport RecordFields


cdef class ConsumerRecord:
    cdef readonly str topic
    cdef readonly object key
    cdef readonly object value
    cdef readonly tuple headers
    cdef readonly int64_t offset
    cdef readonly int64_t timestamp
    cdef readonly int32_t partition
    cdef readonly int32_t leader_epoch
    cdef readonly int32_t serialized_key_size
    cdef readonly int32_t serialized_value_size
    cdef readonly int timestamp_type


cdef class PartitionRecords:
    cdef readonly object partition
    cdef readonly int64_t next_offset
    cdef readonly int32_t leader_epoch
    cdef readonly bint stuck
    cdef str topic
    cdef int32_t number
    cdef bint check_crcs
    cdef object key_deserializer
    cdef object value_deserializer
    cdef Py_ssize_t limit_bytes
    cdef list batches               # those before ``index`` are None
    cdef object aborted             # indexes of batches whose transactions were aborted; None: there are none
    cdef list plains                # the records of compressed batches that were looked at ahead, by index
    cdef Py_ssize_t index           # of the batch being read, or of the one to read next
    cdef RecordBatch batch          # being read; None between batches
    cdef object plain               # holds the memory that the cursor is in
    cdef Cursor cursor
    cdef int64_t base_timestamp
    cdef int32_t left               # records not looked at yet in this batch
    cdef bint is_append_time

    cdef bint open_next(self) except -1
    cdef bint is_passed_over(self, RecordBatch batch, Py_ssize_t index) except -1
    cdef int enter(self, RecordBatch batch) except -1
    cdef object decompressed(self, RecordBatch batch, Py_ssize_t index)
    cdef int check_count(self, RecordBatch batch, Py_ssize_t nbytes) except -1
    cdef int leave(self) except -1
    cdef int refuse(self, int code) except -1
    cdef int read_into(self, list found, Py_ssize_t max_records) except -1
    cdef ConsumerRecord record_of(self, const RecordFields *fields)
    cdef object deserialized(self, object deserializer, ConsumerRecord record, bytes data, str which)
    cdef bint fill_from_batch(self, Filling *f) except -1
