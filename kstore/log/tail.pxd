"""The hot tail, for other extensions."""

from libc.stdint cimport int64_t

from kstore.records.batch cimport RecordBatch


cdef class HotTail:
    cdef readonly Py_ssize_t max_bytes
    cdef readonly Py_ssize_t size_bytes
    cdef list batches
    cdef Py_ssize_t first

    cpdef void append(self, RecordBatch batch)
    cdef void drop_first(self)
    cdef Py_ssize_t index_of(self, int64_t offset)
    cpdef object read(self, int64_t offset, Py_ssize_t max_bytes, int64_t up_to, bint min_one)
    cpdef void truncate(self, int64_t offset)
    cpdef void clear(self)
