"""Joins batches into writes to a file or a socket, and sums up those that a segment has.

A large payload is a chunk of its own and isn't copied. Small batches are joined: copying a hundred of them costs less
than a vectored write of two hundred chunks.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from kstore.records.batch cimport RecordBatch

cdef enum:
    HEADER_SIZE = 61
    LARGE_BYTES = 2048    # of a batch: from here on its payload is worth a chunk of its own


cdef bytes joined(list batches, Py_ssize_t nbytes):
    cdef bytes whole = PyBytes_FromStringAndSize(NULL, nbytes)
    cdef char *p = PyBytes_AS_STRING(whole)
    cdef char *end = p + nbytes
    cdef RecordBatch batch
    for batch in batches:
        assert batch.size_bytes <= end - p
        memcpy(p, PyBytes_AS_STRING(batch.header), HEADER_SIZE)
        memcpy(p + HEADER_SIZE, batch.data, batch.payload_bytes)
        p += batch.size_bytes
    assert p == end
    return whole


cdef list chunks_of(list batches, Py_ssize_t nbytes):
    cdef list chunks
    cdef RecordBatch batch
    if nbytes < LARGE_BYTES * len(batches):
        return [joined(batches, nbytes)]
    chunks = []
    for batch in batches:
        chunks.append(batch.header)
        chunks.append(batch.payload)
    return chunks


def chunks(list batches not None, Py_ssize_t nbytes):
    """The bytes of batches, ``nbytes`` altogether, as a list of few chunks for one vectored write."""
    return chunks_of(batches, nbytes)


cpdef int64_t note_batches(object segment, list batches, int64_t position, int64_t index_interval_bytes) except -1:
    """Note batches that were written at ``position`` in a segment's indexes; returns the position behind them.

    An entry is made for the first batch after every ``index_interval_bytes``, as Apache Kafka does.
    """
    cdef int64_t since_index = segment.bytes_since_index
    cdef int64_t newest = segment.max_timestamp
    cdef RecordBatch batch
    for batch in batches:
        if batch.max_timestamp > newest:
            newest = batch.max_timestamp
            segment.max_timestamp = newest
            segment.offset_of_max_timestamp = batch.base_offset + batch.last_offset_delta
        if since_index > index_interval_bytes:
            segment.offset_index.append(batch.base_offset + batch.last_offset_delta, position)
            segment.time_index.maybe_append(newest, segment.offset_of_max_timestamp)
            since_index = 0
        since_index += batch.size_bytes
        position += batch.size_bytes
    segment.bytes_since_index = since_index
    return position
