"""Prepared batches, for appending."""

from kstore.records.batch cimport RecordBatch


cdef class Prepared:
    cdef readonly RecordBatch batch
    cdef readonly object max_timestamp
    cdef readonly object log_append_time


cdef object checked(RecordBatch batch, object config, object now_ms, bint from_client)
cdef bint wants_other_codec(RecordBatch batch, int codec) noexcept
cdef RecordBatch in_codec_of(object config, RecordBatch batch, object valid)
