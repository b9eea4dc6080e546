"""Batches on their way into a file, for other extensions."""

from libc.stdint cimport int64_t


cdef list chunks_of(list batches, Py_ssize_t nbytes)
cpdef int64_t note_batches(object segment, list batches, int64_t position, int64_t index_interval_bytes) except -1
