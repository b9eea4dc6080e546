"""Builds the bytes of one record batch, record by record.

Records are written straight into the bytes object that ``build`` hands out, behind room for the header, so an
uncompressed batch is never copied. The object grows by doubling; only this builder holds it until ``build`` has
fitted it to its size and given it away, after which the builder is used up.
"""

cimport cython
from cpython.buffer cimport PyBuffer_Release
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from kstore.codec.cursor cimport VARINT_BYTES_MAX, put_varint
from kstore.records cimport layout
from kstore.records.writing cimport (
    FRAMING_BYTES_MAX, BatchFields, Piece, body_bytes, put_header, put_record, view_piece,
)

from kstore.codec.compression import codec_name, compress
from kstore.errors import MessageTooLarge

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject **bytes, Py_ssize_t newsize) except -1
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *v, Py_ssize_t nbytes) except NULL
    char *bytes_start "PyBytes_AS_STRING"(PyObject *bytes) noexcept
    Py_ssize_t bytes_size "PyBytes_GET_SIZE"(PyObject *bytes) noexcept

cdef enum:
    FIRST_CAPACITY = 1024
cdef int64_t BATCH_BYTES_MAX = 0x7FFFFFFF
cdef tuple NO_HEADERS = ()


@cython.final
@cython.auto_pickle(False)
cdef class BatchBuilder:
    """Collects records and builds a batch of format v2 from them.

    Offsets count from ``base_offset``. ``base_timestamp`` is the first record's unless given. With
    ``log_append_time`` the batch says that the broker set the time to it. ``control`` and ``transactional`` set
    the bits of that name; producer id, epoch and base sequence are -1 when there is no idempotent producer.

    >>> builder = BatchBuilder(producer_id=9, producer_epoch=0, base_sequence=0)
    >>> builder.append(1_700_000_000_000, b"User1", b"order", [("source", b"web")])
    >>> from kstore.records import parse_batches
    >>> parse_batches(builder.build())[0].records()
    [Record(offset=0, timestamp=1700000000000, key=b'User1', value=b'order', headers=(('source', b'web'),))]
    """

    cdef PyObject *buffer
    cdef Py_ssize_t used
    cdef readonly int32_t count
    cdef int compression
    cdef int attributes
    cdef object level
    cdef bint has_base_timestamp
    cdef bint has_log_append_time
    cdef int64_t base_timestamp
    cdef int64_t max_timestamp
    cdef int64_t log_append_time
    cdef int64_t base_offset
    cdef int64_t producer_id
    cdef int16_t producer_epoch
    cdef int32_t base_sequence
    cdef int32_t leader_epoch

    def __cinit__(self, *, int compression=0, level=None, base_timestamp=None, int64_t producer_id=-1,
                  int16_t producer_epoch=-1, int32_t base_sequence=-1, bint transactional=False, bint control=False,
                  int64_t base_offset=0, int32_t leader_epoch=-1, log_append_time=None):
        codec_name(compression)
        self.compression = compression
        self.level = level
        self.attributes = (compression | (layout.TRANSACTIONAL_BIT if transactional else 0)
                           | (layout.CONTROL_BIT if control else 0))
        self.has_base_timestamp = base_timestamp is not None
        self.base_timestamp = -1 if base_timestamp is None else base_timestamp
        self.max_timestamp = -1
        self.has_log_append_time = log_append_time is not None
        self.log_append_time = -1 if log_append_time is None else log_append_time
        self.base_offset = base_offset
        self.leader_epoch = leader_epoch
        self.producer_id = producer_id
        self.producer_epoch = producer_epoch
        self.base_sequence = base_sequence
        self.used = layout.HEADER_SIZE
        self.buffer = new_bytes(NULL, FIRST_CAPACITY)

    def __dealloc__(self):
        Py_XDECREF(self.buffer)

    cdef uint8_t *reserve(self, int64_t nbytes) except NULL:
        """Room for ``nbytes`` more; returns where they go."""
        cdef Py_ssize_t capacity
        if self.buffer == NULL:
            raise ValueError("this builder has built its batch; make a new one")
        capacity = bytes_size(self.buffer)
        if nbytes > capacity - self.used:
            if nbytes > BATCH_BYTES_MAX - self.used:
                raise MessageTooLarge(f"a batch cannot take {self.used + nbytes} bytes")
            _PyBytes_Resize(&self.buffer, max(2 * capacity, self.used + nbytes))
        return <uint8_t *>bytes_start(self.buffer) + self.used

    cdef inline int add_record(self, int64_t timestamp, const Piece *key, const Piece *value,
                               Py_ssize_t header_count, bytes headers) except -1:
        """Write one record; ``headers`` are its headers in their final form behind their count, None for none."""
        cdef int64_t delta, body
        cdef uint8_t *p
        cdef Piece packed
        packed.data = NULL if headers is None else PyBytes_AS_STRING(headers)
        packed.nbytes = 0 if headers is None else PyBytes_GET_SIZE(headers)
        if not self.has_base_timestamp:
            self.has_base_timestamp = True
            self.base_timestamp = timestamp
        delta = <int64_t>(<uint64_t>timestamp - <uint64_t>self.base_timestamp)
        p = self.reserve(FRAMING_BYTES_MAX + max(key.nbytes, <Py_ssize_t>0) + max(value.nbytes, <Py_ssize_t>0)
                         + packed.nbytes)
        body = body_bytes(delta, self.count, key, value, header_count, packed.nbytes)
        p = put_record(p, body, delta, self.count, key, value, header_count, &packed)
        self.used = p - <uint8_t *>bytes_start(self.buffer)
        self.count += 1
        if timestamp > self.max_timestamp:
            self.max_timestamp = timestamp
        return 0

    def append(self, int64_t timestamp, key, value, headers=NO_HEADERS):
        """Add a record: ``timestamp`` in ms (-1: none), key and value bytes-like or None, headers as pairs."""
        cdef Piece key_piece, value_piece
        cdef Py_buffer key_held, value_held
        cdef bint key_is_held = False, value_is_held = False
        cdef bytes packed = None
        cdef Py_ssize_t header_count = 0
        if headers is not NO_HEADERS and headers:
            header_count, packed = pack_headers(headers)
        try:
            view_piece(key, &key_piece, &key_held, &key_is_held)
            view_piece(value, &value_piece, &value_held, &value_is_held)
            self.add_record(timestamp, &key_piece, &value_piece, header_count, packed)
        finally:
            if key_is_held:
                PyBuffer_Release(&key_held)
            if value_is_held:
                PyBuffer_Release(&value_held)

    def build(self):
        """The finished batch; the builder takes no more records. A batch without records is refused: ``ValueError``."""
        cdef bytes data
        if self.count == 0:
            raise ValueError("a batch has at least one record")
        self.reserve(0)
        if self.compression == 0:
            _PyBytes_Resize(&self.buffer, self.used)
            data = <bytes>self.buffer
        else:
            plain = memoryview(<bytes>self.buffer)[layout.HEADER_SIZE:self.used]
            payload = compress(self.compression, plain, self.level)
            data = PyBytes_FromStringAndSize(NULL, layout.HEADER_SIZE + len(payload))
            memcpy(PyBytes_AS_STRING(data) + layout.HEADER_SIZE, PyBytes_AS_STRING(payload), len(payload))
        Py_XDECREF(self.buffer)
        self.buffer = NULL
        self.write_header(<uint8_t *>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        return data

    cdef void write_header(self, uint8_t *h, Py_ssize_t nbytes) noexcept:
        cdef BatchFields fields
        fields.base_offset = self.base_offset
        fields.leader_epoch = self.leader_epoch
        fields.attributes = self.attributes | (layout.LOG_APPEND_TIME_BIT if self.has_log_append_time else 0)
        fields.base_timestamp = self.base_timestamp
        fields.max_timestamp = self.log_append_time if self.has_log_append_time else self.max_timestamp
        fields.producer_id = self.producer_id
        fields.producer_epoch = self.producer_epoch
        fields.base_sequence = self.base_sequence
        fields.count = self.count
        put_header(h, nbytes, &fields)


cdef bytes framed(bytes data):
    """A length and the bytes; a null length for None."""
    cdef uint8_t[VARINT_BYTES_MAX] length
    cdef uint8_t *end = put_varint(length, -1 if data is None else <int32_t>len(data))
    cdef bytes prefix = PyBytes_FromStringAndSize(<char *>length, end - length)
    return prefix if data is None else prefix + data


cdef tuple pack_headers(object headers):
    """Headers in their final form: how many, and their bytes."""
    cdef list parts = []
    for name, value in headers:
        if not isinstance(name, str):
            raise TypeError(f"a header's name is a str, not {type(name).__name__}")
        parts.append(framed(name.encode()))
        parts.append(framed(None if value is None else bytes(memoryview(value))))
    return len(parts) // 2, b"".join(parts)
