"""A topic's partitions in a producer, for the accumulator."""

from libc.stdint cimport int32_t, int64_t

from actors.clients.producer.pending cimport PendingBatch
from kstore.records.writing cimport Piece


cdef class PartitionQueue:
    cdef readonly str topic
    cdef readonly int32_t partition
    cdef readonly str label
    cdef readonly PendingBatch open_batch
    cdef readonly list waiting
    cdef public object sequences
    cdef public int in_flight
    cdef bint is_available
    cdef bint is_marked
    cpdef int64_t queued(self)


cdef class Partitioning:
    cdef readonly object partitioner
    cdef readonly bint round_robin
    cdef readonly bint ignore_keys
    cdef readonly bint adaptive
    cdef readonly int64_t batch_size
    cdef readonly object random


cdef class Topic:
    cdef readonly str name
    cdef readonly list queues
    cdef readonly int64_t used_us
    cdef Partitioning partitioning
    cdef int32_t sticky
    cdef int64_t sticky_bytes
    cdef int64_t turn
    cdef double ratio
    cdef list among
    cdef int64_t among_at
    cdef int64_t partition_of(self, object partition, object key, const Piece *piece) except -2
    cdef PartitionQueue sticky_queue(self)
    cdef list with_leaders(self)
    cdef int added(self, PartitionQueue queue, int64_t nbytes, bint stay) except -1
    cdef int32_t next_partition(self) except -1
