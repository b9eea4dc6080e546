"""A record batch as the bytes that were sent, with the fields of its header.

A batch owns a copy of its 61 header bytes; the payload behind them stays where it is and is shared by every copy
``stamped`` makes (three replicas in memory hold it once). Neither is changed after it is made, and a caller that passes
a mutable buffer must not change it any more. ``layout.pxd`` shows the bytes.

``parse_batches`` checks framing only: sizes against what is there, and the magic. ``verify_crc`` checks
the checksum, ``validate_for_append`` the header's fields, and ``records`` the records.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_IsContiguous
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.memoryview cimport PyMemoryView_FromObject, PyMemoryView_GET_BUFFER
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from kstore.codec.checksum cimport crc32c_update
from kstore.codec.cursor cimport load16, load32, load64, store16, store32, store64
from kstore.records cimport layout
from kstore.records.record cimport BatchHeader, find_record, read_records

from kstore.codec.compression import codec_name, decompress
from kstore.errors import CorruptMessage, InvalidRecord, KafkaError, MessageTooLarge

HEADER_BYTES = layout.HEADER_SIZE
DECOMPRESSED_BYTES_MAX = layout.DECOMPRESSED_BYTES_LIMIT
NO_TIMESTAMP = -1

cdef int32_t INT32_MAX = 0x7FFFFFFF
cdef object INCOMPLETE = CorruptMessage("the bytes end in the middle of a record batch")


cdef BatchHeader header_of(RecordBatch batch) noexcept:
    """The fields of its header that records are read with."""
    cdef BatchHeader header
    header.base_offset = batch.base_offset
    header.base_timestamp = batch.base_timestamp
    header.log_append_time = batch.max_timestamp
    header.timestamp_type = 1 if batch.attributes & layout.LOG_APPEND_TIME_BIT else 0
    header.count = batch.count
    return header


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
@cython.freelist(256)
cdef class RecordBatch:
    """One batch of records in format v2; made by ``parse_batches``."""

    def __init__(self):
        raise TypeError("parse_batches makes record batches, BatchBuilder their bytes")

    cdef void read_header(self) noexcept:
        cdef const uint8_t *h = <const uint8_t *>PyBytes_AS_STRING(self.header)
        self.base_offset = <int64_t>load64(h + layout.AT_BASE_OFFSET)
        self.leader_epoch = <int32_t>load32(h + layout.AT_LEADER_EPOCH)
        self.magic = h[layout.AT_MAGIC]
        self.crc = load32(h + layout.AT_CRC)
        self.attributes = <int16_t>load16(h + layout.AT_ATTRIBUTES)
        self.last_offset_delta = <int32_t>load32(h + layout.AT_LAST_OFFSET_DELTA)
        self.base_timestamp = <int64_t>load64(h + layout.AT_BASE_TIMESTAMP)
        self.max_timestamp = <int64_t>load64(h + layout.AT_MAX_TIMESTAMP)
        self.producer_id = <int64_t>load64(h + layout.AT_PRODUCER_ID)
        self.producer_epoch = <int16_t>load16(h + layout.AT_PRODUCER_EPOCH)
        self.base_sequence = <int32_t>load32(h + layout.AT_BASE_SEQUENCE)
        self.count = <int32_t>load32(h + layout.AT_COUNT)

    cdef RecordBatch with_header(self, bytes header):
        cdef RecordBatch batch = RecordBatch.__new__(RecordBatch)
        batch.header = header
        batch.source = self.source
        batch.view = self.view
        batch.data = self.data
        batch.payload_bytes = self.payload_bytes
        batch.size_bytes = self.size_bytes
        batch.read_header()
        return batch

    @property
    def payload(self):
        """The bytes behind the header, as a view of the buffer they came in."""
        cdef Py_ssize_t start
        if self.view is None:
            start = self.data - <const uint8_t *>PyMemoryView_GET_BUFFER(self.source).buf
            self.view = self.source[start:start + self.payload_bytes]
        return self.view

    @property
    def last_offset(self):
        return self.base_offset + self.last_offset_delta

    @property
    def compression(self):
        return self.attributes & layout.COMPRESSION_MASK

    @property
    def timestamp_type(self):
        """0: the producer's timestamps, 1: the time the broker appended the batch."""
        return 1 if self.attributes & layout.LOG_APPEND_TIME_BIT else 0

    @property
    def is_transactional(self):
        return (self.attributes & layout.TRANSACTIONAL_BIT) != 0

    @property
    def is_control(self):
        return (self.attributes & layout.CONTROL_BIT) != 0

    @property
    def last_sequence(self):
        """The sequence number of the last record, which wraps to 0 after 2,147,483,647; -1 without a producer."""
        if self.base_sequence < 0:
            return -1
        if self.base_sequence > INT32_MAX - self.last_offset_delta:
            return self.last_offset_delta - (INT32_MAX - self.base_sequence) - 1
        return self.base_sequence + self.last_offset_delta

    cdef uint32_t computed_crc(self) noexcept:
        cdef uint32_t crc = crc32c_update(
            0,
            <const uint8_t *>PyBytes_AS_STRING(self.header) + layout.AT_ATTRIBUTES,
            layout.HEADER_SIZE - layout.AT_ATTRIBUTES,
        )
        return crc32c_update(crc, self.data, self.payload_bytes)

    def verify_crc(self):
        """Raise ``CorruptMessage`` when the checksum in the header isn't that of the batch."""
        cdef uint32_t crc = self.computed_crc()
        if crc != self.crc:
            raise CorruptMessage(f"the batch's checksum is {crc:#010x}, its header says {self.crc:#010x}")

    cpdef object decompressed(self, Py_ssize_t limit_bytes):
        """The bytes of the records: the payload itself, or what it decompresses to, ``limit_bytes`` at most."""
        cdef int codec = self.attributes & layout.COMPRESSION_MASK
        if codec == 0:
            return self.payload
        if codec >= layout.COMPRESSIONS:
            raise InvalidRecord(f"compression {codec} doesn't exist")
        return decompress(codec, self.payload, limit_bytes=limit_bytes)

    def records(self, *, Py_ssize_t limit_bytes=layout.DECOMPRESSED_BYTES_LIMIT):
        """The records as a list; the checksum is not looked at.

        Raises ``InvalidRecord`` or ``CorruptMessage`` when the bytes aren't the records that the header announces, and
        ``MessageTooLarge`` when they would take more than ``limit_bytes`` decompressed.
        """
        cdef BatchHeader header = header_of(self)
        cdef const uint8_t[::1] plain
        if self.count == 0 and self.payload_bytes == 0:    # as compaction leaves it, whatever its codec was
            return []
        if self.attributes & layout.COMPRESSION_MASK == 0:
            return read_records(self.data, self.payload_bytes, &header)
        plain = self.decompressed(limit_bytes)
        return read_records(&plain[0] if plain.shape[0] else NULL, plain.shape[0], &header)

    def find_timestamp(self, int64_t timestamp, int64_t from_offset, *, int max_record_bytes=0x7FFFFFFF):
        """``(timestamp, offset)`` of the first record from an offset on that isn't older; None if there is none.

        In a compressed batch a record of more than ``max_record_bytes``, without its length, is refused when the search
        comes to it. Raises as ``records``.
        """
        cdef BatchHeader header = header_of(self)
        cdef const uint8_t[::1] plain
        if self.attributes & layout.COMPRESSION_MASK == 0:
            return find_record(self.data, self.payload_bytes, &header, timestamp, from_offset, 0x7FFFFFFF)
        if self.count == 0 and self.payload_bytes == 0:
            return None
        plain = self.decompressed(layout.DECOMPRESSED_BYTES_LIMIT)
        return find_record(
            &plain[0] if plain.shape[0] else NULL, plain.shape[0], &header, timestamp, from_offset, max_record_bytes
        )

    def stamped(self, int64_t base_offset, int32_t leader_epoch, log_append_time=None, *, max_timestamp=None):
        """The batch with its place in the log, sharing the payload.

        ``log_append_time`` makes it a batch of log append time with that timestamp; ``max_timestamp`` corrects
        the maximum that the producer gave. The checksum is only computed again when one of them changed a field.
        """
        cdef bytes header = PyBytes_FromStringAndSize(PyBytes_AS_STRING(self.header), layout.HEADER_SIZE)
        cdef uint8_t *h = <uint8_t *>PyBytes_AS_STRING(header)
        cdef int attributes = self.attributes
        cdef int64_t newest = self.max_timestamp
        cdef RecordBatch batch
        store64(h + layout.AT_BASE_OFFSET, <unsigned long long>base_offset)
        store32(h + layout.AT_LEADER_EPOCH, <uint32_t>leader_epoch)
        if log_append_time is not None:
            newest = log_append_time
            attributes |= layout.LOG_APPEND_TIME_BIT
        elif max_timestamp is not None:
            newest = max_timestamp
            attributes &= ~layout.LOG_APPEND_TIME_BIT
        store16(h + layout.AT_ATTRIBUTES, <uint32_t>attributes & 0xFFFF)
        store64(h + layout.AT_MAX_TIMESTAMP, <unsigned long long>newest)
        batch = self.with_header(header)
        if newest != self.max_timestamp or attributes != self.attributes:
            batch.crc = batch.computed_crc()
            store32(h + layout.AT_CRC, batch.crc)
        return batch

    def to_bytes(self):
        """Header and payload in one piece: a copy."""
        return b"".join((self.header, self.payload))

    def __repr__(self):
        flags = "".join((
            " transactional" if self.is_transactional else "",
            " control" if self.is_control else "",
            f" {codec_name(self.compression)}" if 0 < self.compression < layout.COMPRESSIONS else "",
        ))
        producer = ""
        if self.producer_id >= 0:
            producer = f" producer {self.producer_id}/{self.producer_epoch} sequence {self.base_sequence}"
        return (f"<RecordBatch {self.base_offset}..{self.last_offset} epoch {self.leader_epoch}:"
                f" {self.count} records, {self.size_bytes} bytes{flags}{producer}>")


cdef object framing_error(const uint8_t *p, Py_ssize_t left, int64_t batch_bytes_max):
    """Why no whole batch lies at ``p``, or None when one does; ``INCOMPLETE`` when it goes on past the end."""
    cdef int64_t nbytes
    cdef uint8_t magic
    if left < layout.UP_TO_MAGIC_SIZE:
        return INCOMPLETE
    nbytes = layout.batch_size_at(p)
    magic = p[layout.AT_MAGIC]
    if magic < layout.MAGIC_V2 and nbytes >= layout.LEAST_OLD_SIZE:
        return InvalidRecord(f"message format {magic} is not supported any more, only record batches of format 2")
    if magic != layout.MAGIC_V2:
        return CorruptMessage(f"a record batch's magic cannot be {magic}")
    if nbytes < layout.HEADER_SIZE:
        return CorruptMessage(f"a record batch takes at least {layout.HEADER_SIZE} bytes, not {nbytes}")
    if nbytes > batch_bytes_max:
        return MessageTooLarge(f"a record batch of {nbytes} bytes; at most {batch_bytes_max} are accepted")
    if nbytes > left:
        return INCOMPLETE
    return None


cdef object split(object data, int64_t batch_bytes_max, list batches):
    """Append the batches at the start of ``data``; return what stopped it, None at a clean end."""
    cdef object source = PyMemoryView_FromObject(data)
    cdef const uint8_t *p
    cdef const uint8_t *end
    cdef RecordBatch batch
    cdef object error
    if not PyBuffer_IsContiguous(PyMemoryView_GET_BUFFER(source), b"C"):
        raise TypeError("record batches are read from contiguous bytes")
    p = <const uint8_t *>PyMemoryView_GET_BUFFER(source).buf
    end = p + PyMemoryView_GET_BUFFER(source).len
    if PyMemoryView_GET_BUFFER(source).itemsize != 1:
        source = source.cast("B")
    while p < end:
        error = framing_error(p, end - p, batch_bytes_max)
        if error is not None:
            return error
        batch = RecordBatch.__new__(RecordBatch)
        batch.header = PyBytes_FromStringAndSize(<const char *>p, layout.HEADER_SIZE)
        batch.source = source
        batch.size_bytes = layout.batch_size_at(p)
        batch.payload_bytes = batch.size_bytes - layout.HEADER_SIZE
        batch.data = p + layout.HEADER_SIZE
        batch.read_header()
        batches.append(batch)
        p += batch.size_bytes
    return None


def parse_batches(data, *, max_batch_bytes=None, bint allow_partial=False):
    """Split bytes into the record batches they are made of.

    ``allow_partial`` drops a last batch that isn't whole, as answers to Fetch may end in one. Raises
    ``CorruptMessage``, ``InvalidRecord`` (a message format before v2) or ``MessageTooLarge``.
    """
    cdef list batches = []
    cdef int64_t limit = 0x7FFFFFFFFFFFFFFF if max_batch_bytes is None else max_batch_bytes
    error = split(data, limit, batches)
    if error is None or (error is INCOMPLETE and allow_partial):
        return batches
    if error is INCOMPLETE:
        raise CorruptMessage(error.message)
    raise error


def scan_batches(data, *, max_batch_bytes=None):
    """The sound batches at the start of ``data``, checksums included, and the error that ended them or None.

    For a log whose end may be damaged: it is cut where the sound batches end.
    """
    cdef list batches = []
    cdef int64_t limit = 0x7FFFFFFFFFFFFFFF if max_batch_bytes is None else max_batch_bytes
    cdef RecordBatch batch
    cdef Py_ssize_t i
    error = split(data, limit, batches)
    for i in range(len(batches)):
        batch = batches[i]
        if batch.computed_crc() != batch.crc:
            return batches[:i], CorruptMessage(f"the checksum of the batch at offset {batch.base_offset} is wrong")
    return batches, CorruptMessage(error.message) if error is INCOMPLETE else error
