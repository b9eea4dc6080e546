"""A topic's partitions in a producer: a queue of batches for each, and the choice of a record's queue.

The choice is that of Apache Kafka's producer. A record with a key goes by the key's murmur2. Records without a key go
to one partition until it has got ``batch_size`` bytes, then to another one, which is drawn: the shorter its queue, the
likelier (KIP-794, ``BuiltInPartitioner``). "round_robin" is Kafka's ``RoundRobinPartitioner``. A callable is called as
in kafka-python: ``partitioner(key_bytes, all_partitions, available_partitions)``; those with a leader are available.
"""

cimport cython
from cpython.number cimport PyNumber_Index
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from actors.clients.producer.pending cimport PendingBatch
from kstore.codec.partitioning cimport murmur2_of
from kstore.records.writing cimport Piece

from kstore.errors.arguments import shown

cdef enum:
    WHERE_OTHERS_GO = -1

cdef int64_t switches = 0      # how often a queue has become available or not, in all producers of the process


cdef inline bint is_before(int32_t one, int32_t other) noexcept:
    """Whether a sequence comes before another; they wrap from 2**31 - 1 to 0."""
    return ((<uint32_t>one - <uint32_t>other) & 0x7FFFFFFF) > 0x3FFFFFFF


@cython.final
@cython.auto_pickle(False)
cdef class PartitionQueue:
    """One partition's records that have not been sent: the open batch, which takes records, and closed ones."""

    def __init__(self, str topic, int32_t partition):
        self.topic = topic
        self.partition = partition
        self.label = f"{topic}-{partition}"
        self.waiting = []
        self.is_available = True

    @property
    def available(self):
        return self.is_available

    @available.setter
    def available(self, bint available):
        global switches
        if available != self.is_available:
            self.is_available = available
            switches += 1

    def put_back(self, PendingBatch batch):
        """Queue a batch again that was sent before, ahead of all that follow it in sequence."""
        cdef PendingBatch other
        cdef Py_ssize_t at = 0
        if batch.base_sequence >= 0:
            for other in self.waiting:
                if other.base_sequence < 0 or is_before(batch.base_sequence, other.base_sequence):
                    break
                at += 1
        self.waiting.insert(at, batch)

    cpdef int64_t queued(self):
        """How many batches haven't been sent."""
        return len(self.waiting) + (self.open_batch is not None)

    def __repr__(self):
        return f"<PartitionQueue {self.label}: {self.queued()} batches>"


@cython.final
@cython.auto_pickle(False)
cdef class Partitioning:
    """How the user wants partitions to be chosen; the same for all topics of a producer."""

    def __init__(self, config, random):
        self.partitioner = config.partitioner if callable(config.partitioner) else None
        self.round_robin = config.partitioner == "round_robin"
        self.ignore_keys = config.partitioner_ignore_keys
        self.adaptive = config.partitioner_adaptive_partitioning_enable
        self.batch_size = max(1, config.batch_size)
        self.random = random


@cython.final
@cython.auto_pickle(False)
cdef class Topic:
    """A topic's queues, and the one that records without a key go to at present."""

    def __init__(self, str name, Partitioning partitioning):
        self.name = name
        self.partitioning = partitioning
        self.queues = []
        self.sticky = WHERE_OTHERS_GO
        self.ratio = 1.0

    def set_partitions(self, list available):
        """Set the topic's partitions, which never become fewer: ``available`` says whether each has a leader."""
        cdef PartitionQueue queue
        while len(self.queues) < len(available):
            self.queues.append(PartitionQueue(self.name, <int32_t>len(self.queues)))
        self.among = None
        for queue in self.queues:
            queue.available = queue.partition < len(available) and available[queue.partition]

    cdef int64_t partition_of(self, object partition, object key, const Piece *piece) except -2:
        """The partition of a record; -1 when it goes to the topic's sticky queue."""
        cdef int64_t index
        if partition is not None:
            try:
                index = PyNumber_Index(partition)
            except OverflowError:
                index = -1
            except TypeError:
                raise TypeError(f"a partition is a number from 0, not {shown(partition)}") from None
            if index < 0 or index > 0x7FFFFFFF:
                raise ValueError(f"a partition is a number from 0, not {shown(partition)}")
            if partition is True or partition is False:
                raise TypeError(f"a partition is a number from 0, not {partition}")
            return index
        if self.partitioning.partitioner is not None:
            return self.chosen(key)
        if self.partitioning.round_robin:
            return self.next_in_turn()
        if piece.nbytes < 0 or self.partitioning.ignore_keys:
            return WHERE_OTHERS_GO
        return ((murmur2_of(<const uint8_t *>piece.data, <uint32_t>piece.nbytes) & 0x7FFFFFFF)
                % <uint32_t>len(self.queues))

    def chosen(self, key):
        """The partition that the user's partitioner chooses."""
        cdef PartitionQueue queue
        every = [queue.partition for queue in self.queues]
        available = [queue.partition for queue in self.queues if queue.is_available]
        found = self.partitioning.partitioner(key, every, available)
        if found not in every:
            raise ValueError(f"the partitioner gave {shown(found)} for {self.name}, which has {len(every)} partitions")
        return found

    def next_in_turn(self):
        """The partition that follows in turn, among those with a leader if there are any."""
        cdef list among = self.with_leaders()
        cdef int64_t turn = self.turn
        self.turn += 1
        return (<PartitionQueue>among[turn % len(among)]).partition

    cdef list with_leaders(self):
        """The queues of partitions with a leader, or all if none has one; found anew when a leader has come or gone."""
        cdef PartitionQueue queue
        if self.among is None or self.among_at != switches:
            self.among = [queue for queue in self.queues if queue.is_available] or self.queues
            self.among_at = switches
        return self.among

    cdef PartitionQueue sticky_queue(self):
        """The queue for records without a key. It changes when a batch is full, never while one is being filled."""
        cdef PartitionQueue queue
        cdef int32_t chosen
        if self.sticky >= 0:
            queue = <PartitionQueue>self.queues[self.sticky]
            if queue.open_batch is not None or self.sticky_bytes < self.partitioning.batch_size:
                return queue
        chosen = self.next_partition()
        self.sticky = chosen
        self.sticky_bytes = 0
        return <PartitionQueue>self.queues[chosen]

    cdef int added(self, PartitionQueue queue, int64_t nbytes, bint stay) except -1:
        """Note a record without a key in the sticky queue; ``stay`` there until its batch is full."""
        cdef int64_t size = self.partitioning.batch_size
        self.sticky_bytes += nbytes
        if self.sticky_bytes >= size and (queue.open_batch is None or (self.sticky_bytes >= 2 * size and not stay)):
            self.sticky = WHERE_OTHERS_GO
        return 0

    cdef int32_t next_partition(self) except -1:
        """A partition with a leader, drawn by weight: the longest queue has 1, others 1 more for each batch less."""
        cdef list among
        cdef PartitionQueue queue = None
        cdef int64_t longest = 0, shortest = 1 << 62, total = 0, drawn
        if len(self.queues) == 1:
            return 0
        drawn = self.partitioning.random.getrandbits(31)
        among = self.with_leaders()
        for queue in among:
            longest = max(longest, queue.queued())
            shortest = min(shortest, queue.queued())
        if not self.partitioning.adaptive or longest == shortest:
            return (<PartitionQueue>among[drawn % len(among)]).partition
        for queue in among:
            total += longest + 1 - queue.queued()
        drawn %= total
        for queue in among:
            drawn -= longest + 1 - queue.queued()
            if drawn < 0:
                break
        return queue.partition
