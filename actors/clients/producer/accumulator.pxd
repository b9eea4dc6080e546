"""The producer's records in memory, shared by the sender and the user's thread."""

from libc.stdint cimport int16_t, int32_t, int64_t

from actors.clients.producer.partition_queues cimport PartitionQueue, Partitioning, Topic
from actors.clients.producer.pending cimport PendingBatch
from actors.runtime.clock cimport Clock
from kstore.records.writing cimport Piece

cdef enum:
    RECORD_OVERHEAD_MAX = 21        # as DefaultRecord.MAX_RECORD_OVERHEAD: what a record takes beside its contents
    OPENED = 1                      # signals: of batches opened and filled
    FILLED = 2


cdef class Accumulator:
    cdef readonly dict topics
    cdef dict taken                 # the topics that send finds: empty while no records are taken
    cdef readonly dict idle
    cdef readonly dict incomplete
    cdef dict split_off
    cdef readonly object config
    cdef Clock clock
    cdef object callbacks
    cdef object hooks
    cdef object key_serializer
    cdef object value_serializer
    cdef Partitioning partitioning
    cdef bint serializes
    cdef bint closed
    cdef object refusal             # raises why no records are taken at present; None: they are
    cdef int compression
    cdef int16_t attributes         # of all batches, beside the compression
    cdef int64_t batch_size
    cdef int64_t bulk_size
    cdef int64_t max_request_size
    cdef int64_t buffer_memory
    cdef readonly int64_t free_bytes
    cdef readonly int starving
    cdef int64_t batches
    cdef readonly int64_t records
    cdef list opened
    cdef list ready
    cdef int64_t timestamp_of(self, object timestamp_ms) except -1
    cdef object refused(self, str topic, int32_t partition, object error)
    cdef Topic topic_of(self, object topic, int32_t partition)
    cdef PartitionQueue queue_of(self, Topic topic, int64_t partition)
    cdef object add(self, Topic topic, PartitionQueue queue, int64_t timestamp, const Piece *key, const Piece *value,
                    Py_ssize_t header_count, const Piece *headers)
    cdef PendingBatch write(self, Topic topic, PartitionQueue queue, int64_t timestamp, const Piece *key,
                            const Piece *value, Py_ssize_t header_count, const Piece *headers, bint bulk, int *signals)
    cdef int open_in(self, Topic topic, PartitionQueue queue, int64_t least, bint bulk) except -1
    cdef int take_memory(self, int64_t nbytes) except -1
    cdef int check_taking(self) except -1
    cdef int close_open(self, PartitionQueue queue) except -1
    cpdef mark(self, PartitionQueue queue)
    cdef int signal(self, int signals) except -1
    cdef int give_back(self, PendingBatch batch) except -1
