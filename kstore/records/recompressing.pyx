"""Recompresses a batch, as Kafka's leader does for a topic that has a ``compression.type``.

Kafka's ``LogValidator`` builds such a batch anew from its records. So its base timestamp is the first record's; where
the batch had a log append time, each record has it as its own timestamp; and of the attributes only the codec and the
transactional bit are left. Producer, sequence numbers and offsets stay. In a batch of any known client only the
compression changes: then the records' bytes stay the same and aren't written anew.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from kstore.codec.cursor cimport Cursor, cursor_over, varint_bytes
from kstore.records cimport layout
from kstore.records.batch cimport RecordBatch
from kstore.records.walk cimport WALK_OK, RecordFields, next_record, walk_failure
from kstore.records.writing cimport BatchFields, Piece, body_bytes, put_header, put_record

from kstore.codec.compression import compress
from kstore.errors import InvalidRecord, MessageTooLarge
from kstore.records.batch import parse_batches

cdef int64_t BATCH_BYTES_MAX = 0x7FFFFFFF


ctypedef struct Pieces:
    Piece key
    Piece value
    Piece headers
    int64_t timestamp_delta
    int64_t body


ctypedef struct Times:
    bint is_one         # all records have the base timestamp
    int64_t shift       # otherwise: by how much the base timestamp moves


cdef int pieces_of(Cursor *c, const Times *times, Pieces *out, RecordFields *fields) noexcept nogil:
    """Read the next record, as it is written with these times; returns a code of walk.pxd."""
    cdef int code = next_record(c, fields)
    if code != WALK_OK:
        return code
    out.key.data = <const char *>fields.key
    out.key.nbytes = fields.key_bytes
    out.value.data = <const char *>fields.value
    out.value.nbytes = fields.value_bytes
    out.headers.data = <const char *>fields.headers.p
    out.headers.nbytes = fields.headers.end - fields.headers.p if fields.header_count else 0
    out.timestamp_delta = 0 if times.is_one else <int64_t>(<uint64_t>fields.timestamp_delta - <uint64_t>times.shift)
    out.body = body_bytes(out.timestamp_delta, fields.offset_delta, &out.key, &out.value, fields.header_count,
                          out.headers.nbytes)
    return WALK_OK


cdef bytes retimed(const uint8_t *data, Py_ssize_t nbytes, int32_t count, const Times *times):
    """The records' bytes, written anew."""
    cdef Cursor c = cursor_over(data, nbytes)
    cdef Pieces pieces
    cdef RecordFields fields
    cdef int64_t needed = 0
    cdef int32_t i
    cdef int code
    cdef bytes records
    cdef uint8_t *p
    for i in range(count):
        code = pieces_of(&c, times, &pieces, &fields)
        if code != WALK_OK:
            raise InvalidRecord(walk_failure(code, i))
        needed += varint_bytes(<int32_t>pieces.body) + pieces.body
    if needed > BATCH_BYTES_MAX:
        raise MessageTooLarge(f"a batch cannot take {needed} bytes")
    records = PyBytes_FromStringAndSize(NULL, needed)
    p = <uint8_t *>PyBytes_AS_STRING(records)
    c = cursor_over(data, nbytes)
    for i in range(count):
        code = pieces_of(&c, times, &pieces, &fields)
        assert code == WALK_OK, "records changed while they were read"
        p = put_record(p, pieces.body, pieces.timestamp_delta, fields.offset_delta, &pieces.key, &pieces.value,
                       fields.header_count, &pieces.headers)
    assert p == <uint8_t *>PyBytes_AS_STRING(records) + needed
    return records


def recompressed(RecordBatch batch not None, plain, int compression, level=None):
    """A batch like ``batch``, under codec number ``compression`` (0: none) at a level that Kafka's configs allow.

    ``plain`` is what its records decompress to; None when they aren't compressed. Raises ``InvalidRecord`` when
    it doesn't hold as many records as the batch says, ``MessageTooLarge`` when the result is too large for a batch.
    """
    cdef const uint8_t[::1] records = batch.payload if plain is None else plain
    cdef const uint8_t *data = &records[0] if records.shape[0] else NULL
    cdef Cursor c = cursor_over(data, records.shape[0])
    cdef RecordFields first
    cdef Times times
    cdef BatchFields header
    cdef int64_t nbytes
    cdef bytes built
    times.is_one = (batch.attributes & layout.LOG_APPEND_TIME_BIT) != 0
    times.shift = 0
    if batch.count > 0:
        code = next_record(&c, &first)
        if code != WALK_OK:
            raise InvalidRecord(walk_failure(code, 0))
        times.shift = first.timestamp_delta
    if times.is_one or times.shift:
        payload = retimed(data, records.shape[0], batch.count, &times)
        payload = compress(compression, payload, level) if compression else payload
    else:
        payload = compress(compression, records, level)
    nbytes = layout.HEADER_SIZE + len(payload)
    if nbytes > BATCH_BYTES_MAX:
        raise MessageTooLarge(f"a batch cannot take {nbytes} bytes")
    built = PyBytes_FromStringAndSize(NULL, nbytes)
    memcpy(PyBytes_AS_STRING(built) + layout.HEADER_SIZE, PyBytes_AS_STRING(payload), len(payload))
    header.base_offset = batch.base_offset
    header.leader_epoch = batch.leader_epoch
    header.attributes = batch.attributes & layout.TRANSACTIONAL_BIT | compression
    header.base_timestamp = <int64_t>(<uint64_t>batch.base_timestamp + <uint64_t>times.shift)
    if times.is_one:
        header.base_timestamp = batch.max_timestamp
    header.max_timestamp = batch.max_timestamp
    header.producer_id = batch.producer_id
    header.producer_epoch = batch.producer_epoch
    header.base_sequence = batch.base_sequence
    header.count = batch.count
    put_header(<uint8_t *>PyBytes_AS_STRING(built), nbytes, &header)
    return parse_batches(built)[0]
