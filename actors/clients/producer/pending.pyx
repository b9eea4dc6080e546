"""A producer's batch, from its first record until a broker has answered.

A batch writes its records, in the wire format, straight into the bytes object that ``build`` returns, behind room for
the header. The sender numbers it when it takes it. An acknowledgement sets the batch's first offset; it costs nothing
for a record without a callback.

A batch that a broker found too large is split: ``parts`` then take its place, and its futures look there.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t
from libc.string cimport memcpy

from kstore.codec.cursor cimport varint_bytes
from kstore.records cimport layout
from kstore.records.builder cimport pack_headers
from kstore.records.writing cimport (
    FRAMING_BYTES_MAX, BatchFields, Piece, body_bytes, put_header, put_record, view_piece,
)

from actors.clients.producer.serializing import no_headers
from kstore.codec.compression import compress
from kstore.records import parse_batches

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject **bytes, Py_ssize_t newsize) except -1
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *v, Py_ssize_t nbytes) except NULL
    char *bytes_start "PyBytes_AS_STRING"(PyObject *bytes) noexcept
    Py_ssize_t bytes_size "PyBytes_GET_SIZE"(PyObject *bytes) noexcept


@cython.final
@cython.auto_pickle(False)
cdef class PendingBatch:
    """Records of one partition that go together. Made by the accumulator; the sender reads and numbers it."""

    def __cinit__(self):
        self.base_offset = self.log_append_time = self.producer_id = -1
        self.producer_epoch = -1
        self.base_sequence = self.leader_epoch = -1

    def __dealloc__(self):
        Py_XDECREF(self.buffer)

    cdef int start(self, object sink, object queue, str topic, int32_t partition, int compression, int16_t attributes,
                   Py_ssize_t capacity, Py_ssize_t limit) except -1:
        self.sink = sink
        self.queue = queue
        self.topic = topic
        self.partition = partition
        self.compression = compression
        self.attributes = attributes
        self.limit = limit
        self.used = layout.HEADER_SIZE
        self.buffer = new_bytes(NULL, max(capacity, <Py_ssize_t>(layout.HEADER_SIZE + FRAMING_BYTES_MAX)))
        return 0

    cdef bint put(self, int64_t timestamp, const Piece *key, const Piece *value, Py_ssize_t header_count,
                  const Piece *headers) except -1:
        """Write a record behind the others; False if there is no room for it. The first one always has room."""
        cdef int64_t delta, body, nbytes
        cdef uint8_t *end
        if self.count == 0:
            self.base_timestamp = self.max_timestamp = timestamp
        delta = timestamp - self.base_timestamp
        body = body_bytes(delta, self.count, key, value, header_count, headers.nbytes)
        nbytes = body + varint_bytes(<int32_t>body)
        if self.used + nbytes > self.limit and self.count:
            return False
        if self.used + nbytes > bytes_size(self.buffer):
            self.grow(self.used + nbytes)
        end = <uint8_t *>bytes_start(self.buffer) + self.used
        put_record(end, body, delta, self.count, key, value, header_count, headers)
        self.used += nbytes
        self.count += 1
        if timestamp > self.max_timestamp:
            self.max_timestamp = timestamp
        return True

    cdef int grow(self, int64_t least) except -1:
        cdef int64_t capacity = max(least, 2 * <int64_t>bytes_size(self.buffer))
        if capacity > self.limit and least <= self.limit:
            capacity = self.limit
        return _PyBytes_Resize(&self.buffer, capacity)

    @property
    def size_bytes(self):
        """Its size in a request; until it is built, its size before compression."""
        return PyBytes_GET_SIZE(self.data) if self.data is not None else self.used

    @property
    def plain_bytes(self):
        """Its size before compression."""
        return self.used

    @property
    def is_closed(self):
        """Whether it takes no more records."""
        return self.queue.open_batch is not self

    cpdef bint is_over(self):
        """Whether it is acknowledged or has failed, and so have all its parts if it was split."""
        cdef PendingBatch part
        if self.parts is not None:
            for part in self.parts:
                if not part.is_over():
                    return False
            return True
        return self.done

    @property
    def has_sequence(self):
        return self.base_sequence >= 0

    @property
    def last_sequence(self):
        """The sequence of its last record; they wrap at 2**31."""
        return <int32_t>((<int64_t>self.base_sequence + self.count - 1) & 0x7FFFFFFF)

    def number_as(self, int64_t producer_id, int16_t producer_epoch, int32_t base_sequence, bint reset=False):
        """Set its place in the producer's sequence; ``reset`` says that it had another one before."""
        self.producer_id = producer_id
        self.producer_epoch = producer_epoch
        self.base_sequence = base_sequence
        self.sequence_was_reset = reset
        if reset and self.data is not None:
            # a broker in this process may hold these bytes: the new header goes into a copy
            self.data = PyBytes_FromStringAndSize(PyBytes_AS_STRING(self.data), PyBytes_GET_SIZE(self.data))
            self.write_header()

    def build(self):
        """The bytes of the batch, the same ones each time unless its numbers have changed."""
        if self.data is None:
            if self.compression == 0:
                _PyBytes_Resize(&self.buffer, self.used)
                self.data = <bytes>self.buffer
            else:
                plain = memoryview(<bytes>self.buffer)[layout.HEADER_SIZE:self.used]
                payload = compress(self.compression, plain)
                plain.release()
                self.data = PyBytes_FromStringAndSize(NULL, layout.HEADER_SIZE + len(payload))
                memcpy(PyBytes_AS_STRING(self.data) + layout.HEADER_SIZE, PyBytes_AS_STRING(payload), len(payload))
            Py_XDECREF(self.buffer)
            self.buffer = NULL
            self.write_header()
        return self.data

    @property
    def compression_ratio(self):
        """The size after compression, divided by the size before; of a built batch."""
        return <double>PyBytes_GET_SIZE(self.data) / self.used

    cdef void write_header(self) noexcept:
        cdef BatchFields fields
        fields.base_offset = 0
        fields.leader_epoch = -1
        fields.attributes = self.compression | self.attributes
        fields.base_timestamp = self.base_timestamp
        fields.max_timestamp = self.max_timestamp
        fields.producer_id = self.producer_id
        fields.producer_epoch = self.producer_epoch
        fields.base_sequence = self.base_sequence
        fields.count = self.count
        put_header(<uint8_t *>PyBytes_AS_STRING(self.data), PyBytes_GET_SIZE(self.data), &fields)

    def records(self):
        """Its records, read from its bytes."""
        return parse_batches(self.build())[0].records()

    cdef list cut(self, Py_ssize_t size):
        """Its records, copied into batches of at most ``size`` bytes."""
        cdef PendingBatch part = None
        cdef Piece key, value, headers
        cdef bint held
        cdef list parts = []
        for record in self.records():
            header_count, header_bytes = pack_headers(record.headers)
            view_piece(record.key, &key, NULL, &held)
            view_piece(record.value, &value, NULL, &held)
            view_piece(header_bytes, &headers, NULL, &held)
            if part is None or not part.put(record.timestamp, &key, &value, header_count, &headers):
                part = PendingBatch.__new__(PendingBatch)
                part.start(self.sink, self.queue, self.topic, self.partition, self.compression, self.attributes,
                           size, size)
                part.opened_us = self.opened_us
                part.is_split_off = True
                parts.append(part)
                part.put(record.timestamp, &key, &value, header_count, &headers)
        return parts

    def split_into(self, list parts):
        """Let these batches, which hold its records in the same order, take its place."""
        cdef list callbacks = self.callbacks
        self.parts = parts
        self.callbacks = None
        self.data = None
        for future, function, on_success in callbacks or ():
            future.follow(self, function, on_success)

    cdef PendingBatch leaf(self, int32_t *index):
        """The batch that holds a record now, and the record's index in it."""
        cdef PendingBatch batch = self, part
        while batch.parts is not None:
            for part in batch.parts:
                if index[0] < part.count:
                    break
                index[0] -= part.count
            batch = part
        return batch

    cdef object error_of(self, int32_t index):
        """Why a record of a finished batch failed; None if it didn't."""
        if self.record_errors is None:
            return self.error
        return self.record_errors.get(index, self.error)

    cdef int watch(self, object future, object function, bint on_success) except -1:
        if self.callbacks is None:
            self.callbacks = []
        self.callbacks.append((future, function, on_success))
        return 0

    cdef int finish(self, object callbacks) except -1:
        """Finish the batch, and queue the callbacks of its records."""
        cdef list watching = self.callbacks
        self.done = True
        self.data = None
        self.callbacks = None
        if watching is not None:
            for future, function, on_success in watching:
                future.tell(callbacks, function, on_success)
        return 0


cdef tuple packed_headers(object headers):
    """A record's headers in their final form, how many and their bytes; ``TypeError`` says what is wrong with them."""
    try:
        return pack_headers(headers)
    except UnicodeError:
        raise ValueError(no_headers(headers)) from None
    except (TypeError, ValueError, BufferError):
        raise TypeError(no_headers(headers)) from None
