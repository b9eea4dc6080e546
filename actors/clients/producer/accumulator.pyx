"""The record accumulator: collects a producer's records in batches between ``send`` and a request.

Each partition has a queue: one open batch that takes records, and closed ones that wait for the sender. ``send`` runs
on the user's threads and does little more than copy: it chooses a partition, writes the record into the open batch and
makes a future. It takes no lock: no Python code runs between reading a queue's state and writing the record, so the GIL
is the lock. What may let other threads run (allocating a batch, waiting for memory, the user's partitioner) comes
before, and the state is read again after it.

Sizes, limits and the estimate of what compression saves are those of Apache Kafka's ``RecordAccumulator`` and
``ProducerBatch``. Only ``send_many`` makes batches larger than ``batch_size``, up to the size of a request:
``batch_size`` bounds what waits for further records, and ``send_many`` has them all.

The sender takes what is ready by ``take_opened``, ``take_ready`` and a queue's ``waiting``, and reports the outcome of
a batch by ``succeed``, ``fail`` and ``split``. Unused topics are kept in ``idle``, with the sequences of their queues.
A transactional producer takes no records outside of transactions: ``send`` then finds no topic in ``taken``.
"""

cimport cython
from cpython.buffer cimport PyBuffer_Release
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t

from actors.clients.producer.futures cimport Future
from actors.clients.producer.partition_queues cimport PartitionQueue, Partitioning, Topic
from actors.clients.producer.pending cimport PendingBatch, packed_headers
from kstore.codec.cursor cimport varint_bytes
from kstore.records cimport layout
from kstore.records.writing cimport Piece, piece_bytes, view_piece

from actors.clients.errors import ClientClosed
from actors.clients.producer.futures import failed_future
from actors.clients.producer.serializing import no_room, not_bytes, serialized, serializer, time_of, too_large
from kstore.codec.compression import codec_id
from kstore.errors import InvalidTopic, TopicAuthorizationFailed
from kstore.errors.arguments import shown

cdef extern from "Python.h":
    PyObject *PyDict_GetItemWithError(object mapping, object key) except? NULL
    long PyLong_AsLongAndOverflow(object number, int *overflow)
cdef enum:
    FIRST_CAPACITY = 16384 + 64
cdef tuple REFUSED = (InvalidTopic, TopicAuthorizationFailed)
cdef double RATIO_MARGIN = 1.05     # as CompressionRatioEstimator and ProducerBatch
cdef double RATIO_WORSE = 0.05
cdef double RATIO_BETTER = 0.005


@cython.auto_pickle(False)
cdef class Accumulator:
    """Takes records; see the top of the file.

    ``hooks`` is the producer: ``find_topic(name, partition)`` waits until the topic is known and set,
    ``signal(filled)`` is called when batches were opened or filled, ``send_open()`` when a caller waits for one;
    ``wait(until, timeout_s)`` drives the client until a condition holds; ``refused(error)`` is called for lost records.
    """

    def __init__(self, config, Clock clock, random, callbacks, hooks):
        self.config = config
        self.clock = clock
        self.callbacks = callbacks
        self.hooks = hooks
        self.topics = self.taken = {}
        self.idle = {}
        self.incomplete = {}
        self.split_off = {}
        self.opened = []
        self.ready = []
        self.partitioning = Partitioning(config, random)
        self.key_serializer = serializer(config.key_serializer)
        self.value_serializer = serializer(config.value_serializer)
        self.serializes = self.key_serializer is not None or self.value_serializer is not None
        self.compression = codec_id(config.compression_type)
        self.batch_size = max(1, config.batch_size)
        self.max_request_size = config.max_request_size
        self.bulk_size = max(self.batch_size, self.max_request_size)
        self.buffer_memory = self.free_bytes = config.buffer_memory
        self.attributes = layout.TRANSACTIONAL_BIT if config.transactional_id is not None else 0

    def send(self, topic, value=None, key=None, headers=None, partition=None, timestamp_ms=None):
        cdef Piece key_piece, value_piece, packed
        cdef Py_buffer key_held, value_held
        cdef bint key_is_held = False, value_is_held = False
        cdef Py_ssize_t header_count = 0
        cdef bytes header_bytes = None
        cdef int64_t timestamp
        cdef Topic found
        cdef PartitionQueue queue
        cdef PyObject *known
        if self.serializes:
            key = serialized(self.key_serializer, topic, headers, key)
            value = serialized(self.value_serializer, topic, headers, value)
        timestamp = self.clock.wall_ms() if timestamp_ms is None else self.timestamp_of(timestamp_ms)
        packed.data = NULL
        packed.nbytes = 0
        if headers is not None:
            header_count, header_bytes = packed_headers(headers)
            packed.data = PyBytes_AS_STRING(header_bytes)
            packed.nbytes = PyBytes_GET_SIZE(header_bytes)
        known = PyDict_GetItemWithError(self.taken, topic) if isinstance(topic, str) else NULL
        if known != NULL:
            found = <Topic>known
        else:
            try:
                found = self.topic_of(topic, -1)
            except REFUSED as error:
                return self.refused(topic, -1, error)
        if (key is None or PyBytes_CheckExact(key)) and (value is None or PyBytes_CheckExact(value)):
            view_piece(key, &key_piece, NULL, &key_is_held)
            view_piece(value, &value_piece, NULL, &value_is_held)
            queue = self.queue_of(found, found.partition_of(partition, key, &key_piece))
            return self.add(found, queue, timestamp, &key_piece, &value_piece, header_count, &packed)
        try:
            try:
                view_piece(key, &key_piece, &key_held, &key_is_held)
                view_piece(value, &value_piece, &value_held, &value_is_held)
            except (TypeError, BufferError):
                raise TypeError(not_bytes(key, value, self.config)) from None
            queue = self.queue_of(found, found.partition_of(partition, key, &key_piece))
            return self.add(found, queue, timestamp, &key_piece, &value_piece, header_count, &packed)
        finally:
            if key_is_held:
                PyBuffer_Release(&key_held)
            if value_is_held:
                PyBuffer_Release(&value_held)

    cdef object add(self, Topic topic, PartitionQueue queue, int64_t timestamp, const Piece *key, const Piece *value,
                    Py_ssize_t header_count, const Piece *headers):
        """Write one record and return its future."""
        cdef int signals = 0
        cdef PendingBatch batch
        cdef Future future
        cdef int64_t most = (layout.HEADER_SIZE + RECORD_OVERHEAD_MAX + piece_bytes(key) + piece_bytes(value)
                             + varint_bytes(<int32_t>header_count) + headers.nbytes)
        if most > self.max_request_size or most > self.buffer_memory:
            return self.refused(topic.name, -1 if queue is None else queue.partition, too_large(self.config, most))
        future = Future.__new__(Future)
        future.key_bytes = <int32_t>key.nbytes
        future.value_bytes = <int32_t>value.nbytes
        future.timestamp = timestamp
        batch = self.write(topic, queue, timestamp, key, value, header_count, headers, False, &signals)
        future.batch = batch
        future.index = batch.count - 1
        if signals:
            self.signal(signals)
        return future

    cdef object refused(self, str topic, int32_t partition, object error):
        self.hooks.refused(error)
        return failed_future(self, topic, partition, error)

    cdef PendingBatch write(self, Topic topic, PartitionQueue queue, int64_t timestamp, const Piece *key,
                            const Piece *value, Py_ssize_t header_count, const Piece *headers, bint bulk, int *signals):
        """Put a record into the queue's open batch, opening and closing batches as needed; None: the sticky queue."""
        cdef bint sticky = queue is None
        cdef PendingBatch batch
        cdef Py_ssize_t before
        while True:
            if sticky:
                queue = topic.sticky_queue()
            batch = queue.open_batch
            if batch is None:
                self.open_in(topic, queue, layout.HEADER_SIZE + RECORD_OVERHEAD_MAX + piece_bytes(key)
                             + piece_bytes(value) + varint_bytes(<int32_t>header_count) + headers.nbytes, bulk)
                signals[0] |= OPENED
                continue
            before = batch.used if batch.count else 0    # the first record counts the header too, as in Java
            if batch.put(timestamp, key, value, header_count, headers):
                break
            self.close_open(queue)
            signals[0] |= FILLED
        self.records += 1
        if batch.used >= batch.limit:
            self.close_open(queue)
            signals[0] |= FILLED
        if sticky:
            topic.added(queue, batch.used - before, bulk)
        return batch

    cdef PartitionQueue queue_of(self, Topic topic, int64_t partition):
        """The queue of a partition, waiting until there is one; None for -1."""
        if partition < 0:
            return None
        if partition >= len(topic.queues):
            topic = self.topic_of(topic.name, <int32_t>partition)
        return <PartitionQueue>topic.queues[partition]

    cdef Topic topic_of(self, object topic, int32_t partition):
        """A topic that has this partition (-1: any), waiting until it is known."""
        found = self.taken.get(topic) if isinstance(topic, str) else None
        if found is None or partition >= len((<Topic>found).queues):
            if self.closed:
                raise ClientClosed("this producer is closed")
            if not isinstance(topic, str):
                raise TypeError(f"a topic is a str, not {type(topic).__name__} {shown(topic)}")
            self.check_taking()
            self.hooks.find_topic(topic, partition)
            found = self.topics[topic]
        return <Topic>found

    def set_topic(self, str name, list available):
        """Set the partitions of a topic: ``available`` says by number whether each has a leader."""
        cdef Topic topic = self.topics.get(name) or self.idle.pop(name, None) or Topic(name, self.partitioning)
        topic.set_partitions(available)
        if topic.queues and not self.closed:
            self.topics[name] = topic

    cdef int open_in(self, Topic topic, PartitionQueue queue, int64_t least, bint bulk) except -1:
        """Open a batch in a queue, unless another thread has meanwhile."""
        cdef int64_t size = max(self.bulk_size if bulk else self.batch_size, least)
        cdef int64_t limit = size
        cdef PendingBatch batch
        size = min(size, max(self.buffer_memory, least))
        self.take_memory(size)
        if self.compression:
            limit = layout.HEADER_SIZE + <int64_t>((size - layout.HEADER_SIZE) / (topic.ratio * RATIO_MARGIN))
        batch = PendingBatch.__new__(PendingBatch)
        batch.start(self, queue, queue.topic, queue.partition, self.compression, self.attributes,
                    size if bulk else min(max(least, FIRST_CAPACITY), size + layout.HEADER_SIZE), limit)
        batch.held_bytes = size
        if self.closed or self.refusal is not None or queue.open_batch is not None:
            self.free_bytes += size
            if self.closed:
                raise ClientClosed("this producer is closed")
            return self.check_taking()
        self.batches += 1
        batch.number = self.batches
        batch.opened_us = topic.used_us = self.clock.monotonic_us()
        queue.open_batch = batch
        self.opened.append(batch)
        self.incomplete[batch] = None
        return 0

    cdef int take_memory(self, int64_t nbytes) except -1:
        """Take ``nbytes`` of the buffer memory; until they are free, have all batches sent and wait."""
        cdef int64_t deadline_us
        if self.free_bytes >= nbytes:
            self.free_bytes -= nbytes
            return 0
        deadline_us = self.clock.monotonic_us() + <int64_t>self.config.max_block_ms * 1000
        self.starving += 1
        try:
            while self.free_bytes < nbytes and not self.closed:
                self.close_all()
                self.signal(FILLED)
                left_s = max(0, deadline_us - self.clock.monotonic_us()) / 1e6
                if not self.hooks.wait(lambda: self.free_bytes >= nbytes or self.closed, left_s):
                    self.hooks.refused(error := no_room(self.config, nbytes, self.free_bytes))
                    raise error
        finally:
            self.starving -= 1
        self.free_bytes -= nbytes
        return 0

    cdef int close_open(self, PartitionQueue queue) except -1:
        """Close the queue's open batch: it takes no more records, and waits for the sender."""
        cdef PendingBatch batch = queue.open_batch
        if batch is not None:
            queue.open_batch = None
            queue.waiting.append(batch)
            self.mark(queue)
        return 0

    cpdef mark(self, PartitionQueue queue):
        """Have the sender look at a queue."""
        if not queue.is_marked:
            queue.is_marked = True
            self.ready.append(queue)

    cdef int signal(self, int signals) except -1:
        self.hooks.signal((signals & FILLED) != 0)
        return 0

    cdef int give_back(self, PendingBatch batch) except -1:
        self.free_bytes += batch.held_bytes
        batch.held_bytes = 0
        self.incomplete.pop(batch, None)
        self.split_off.pop(batch, None)
        return 0

    def take_opened(self):
        """The batches opened since the last call, in the order in which they were opened."""
        opened, self.opened = self.opened, []
        return opened

    def take_ready(self):
        """The queues marked since the last call because a batch was closed, in that order."""
        cdef list ready = self.ready
        cdef PartitionQueue queue
        self.ready = []
        for queue in ready:
            queue.is_marked = False
        return ready

    def close(self, PendingBatch batch):
        """Close a batch: it takes no more records."""
        cdef PartitionQueue queue = batch.queue
        if queue.open_batch is batch:
            self.close_open(queue)

    def close_all(self):
        """Close all batches: none takes more records."""
        cdef PendingBatch batch
        for batch in list(self.incomplete):
            self.close(batch)

    def late(self, int64_t latest_us):
        """The unfinished batches opened by ``latest_us``: first those split off others, then the rest in order."""
        cdef list found = []
        cdef PendingBatch batch
        for batch in self.split_off:
            if batch.opened_us <= latest_us:
                found.append(batch)
        for batch in self.incomplete:
            if batch.opened_us > latest_us:
                break
            if batch not in self.split_off:
                found.append(batch)
        return found

    def oldest_us(self):
        """When an unfinished batch was opened: one that was split off another if there is any, else the oldest."""
        cdef PendingBatch batch
        for batch in self.split_off:
            return batch.opened_us
        for batch in self.incomplete:
            return batch.opened_us
        return None

    def built(self, PendingBatch batch):
        """The bytes of a batch; its compression ratio goes into the estimate for the next ones."""
        cdef Topic topic
        cdef double ratio
        data = batch.build()
        topic = self.topics.get(batch.topic)
        if self.compression and topic is not None:
            ratio = batch.compression_ratio
            if ratio > topic.ratio:
                topic.ratio = max(topic.ratio + RATIO_WORSE, ratio)
            else:
                topic.ratio = max(topic.ratio - RATIO_BETTER, ratio)
        return data

    def succeed(self, PendingBatch batch, int64_t base_offset, int64_t log_append_time=-1):
        """Finish a batch as acknowledged; nothing happens if it is finished already."""
        if not batch.done:
            batch.base_offset = base_offset
            batch.log_append_time = log_append_time
            self.give_back(batch)
            batch.finish(self.callbacks)

    def fail(self, PendingBatch batch, error, record_errors=None):
        """Finish a batch as failed; ``record_errors`` are of records with an error of their own. As for ``succeed``."""
        if not batch.done:
            batch.error = error
            batch.record_errors = record_errors
            self.give_back(batch)
            batch.finish(self.callbacks)

    def split(self, PendingBatch batch, int64_t size):
        """Replace a batch by batches of at most ``size`` bytes with the same records."""
        cdef PendingBatch part
        cdef list parts = batch.cut(size)
        for part in parts:
            self.batches += 1
            part.number = self.batches
        (<PendingBatch>parts[0]).held_bytes = batch.held_bytes
        batch.held_bytes = 0
        self.give_back(batch)
        batch.split_into(parts)
        for part in parts:
            self.incomplete[part] = self.split_off[part] = None
        return parts

    def end(self):
        """Take no more records."""
        self.closed = True
        self.topics = self.taken = {}

    def refuse(self, refusal):
        """Take no records while ``refusal`` isn't None: ``refusal()`` raises why."""
        self.refusal = refusal
        self.taken = self.topics if refusal is None else {}

    cdef int check_taking(self) except -1:
        return 0 if self.refusal is None else self.refusal()

    def wait_for(self, future, PendingBatch batch, timeout_s):
        """Send the batch a future waits for, and drive the client until the future is done; returns whether it is."""
        if batch is None:
            self.close_all()
        else:
            self.close(batch)
        self.hooks.send_open()
        return self.hooks.wait(future.done, timeout_s)

    cdef int64_t timestamp_of(self, object timestamp_ms) except -1:
        cdef int over = 0
        cdef int64_t timestamp = PyLong_AsLongAndOverflow(timestamp_ms, &over) if type(timestamp_ms) is int else -1
        return timestamp if timestamp >= 0 and not over else time_of(timestamp_ms)
