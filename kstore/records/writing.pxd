"""How a record and a batch's header are written; header-only, for ``cimport``.

``BatchBuilder`` and the producer's accumulator share it, so the format is in one place beside ``layout``. The caller
has made room: a record takes at most ``FRAMING_BYTES_MAX`` more than its key, value and packed headers.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from kstore.codec.checksum cimport crc32c_update
from kstore.codec.cursor cimport (
    VARINT_BYTES_MAX, VARLONG_BYTES_MAX, put_i8, put_varint, put_varlong, store16, store32, store64, varint_bytes,
    varlong_bytes,
)
from kstore.records cimport layout

cdef enum:
    FRAMING_BYTES_MAX = 4 * VARINT_BYTES_MAX + VARLONG_BYTES_MAX + 1 + VARINT_BYTES_MAX

ctypedef struct Piece:
    const char *data
    Py_ssize_t nbytes    # -1: null

ctypedef struct BatchFields:
    int64_t base_offset
    int32_t leader_epoch
    int attributes
    int64_t base_timestamp
    int64_t max_timestamp
    int64_t producer_id
    int16_t producer_epoch
    int32_t base_sequence
    int32_t count


cdef inline int view_piece(object data, Piece *piece, Py_buffer *held, bint *is_held) except -1:
    """Point a piece at a bytes-like object's memory; if ``is_held``, the caller releases ``held`` afterwards."""
    is_held[0] = False
    if data is None:
        piece.data = NULL
        piece.nbytes = -1
    elif PyBytes_CheckExact(data):
        piece.data = PyBytes_AS_STRING(data)
        piece.nbytes = PyBytes_GET_SIZE(data)
    else:
        PyObject_GetBuffer(data, held, PyBUF_SIMPLE)
        is_held[0] = True
        piece.data = <const char *>held.buf
        piece.nbytes = held.len
    return 0


cdef inline uint8_t *put_piece(uint8_t *p, const Piece *piece) noexcept nogil:
    if piece.nbytes < 0:
        return put_varint(p, -1)
    p = put_varint(p, <int32_t>piece.nbytes)
    memcpy(p, piece.data, piece.nbytes)
    return p + piece.nbytes


cdef inline int64_t piece_bytes(const Piece *piece) noexcept nogil:
    return 1 if piece.nbytes < 0 else varint_bytes(<int32_t>piece.nbytes) + piece.nbytes


cdef inline int64_t body_bytes(int64_t timestamp_delta, int32_t offset_delta, const Piece *key, const Piece *value,
                               Py_ssize_t header_count, Py_ssize_t header_bytes) noexcept nogil:
    """The size of a record without its length."""
    return (1 + varlong_bytes(timestamp_delta) + varint_bytes(offset_delta) + piece_bytes(key) + piece_bytes(value)
            + varint_bytes(<int32_t>header_count) + header_bytes)


cdef inline uint8_t *put_record(uint8_t *p, int64_t body, int64_t timestamp_delta, int32_t offset_delta,
                                const Piece *key, const Piece *value, Py_ssize_t header_count,
                                const Piece *headers) noexcept nogil:
    """Write one record of ``body`` bytes behind its length; ``headers`` are packed already."""
    p = put_varint(p, <int32_t>body)
    p = put_i8(p, 0)
    p = put_varlong(p, timestamp_delta)
    p = put_varint(p, offset_delta)
    p = put_piece(p, key)
    p = put_piece(p, value)
    p = put_varint(p, <int32_t>header_count)
    if headers.nbytes > 0:
        memcpy(p, headers.data, headers.nbytes)
        p += headers.nbytes
    return p


cdef inline void put_header(uint8_t *h, Py_ssize_t nbytes, const BatchFields *fields) noexcept nogil:
    """Write the header of a batch of ``nbytes`` whose records are in place, with their checksum."""
    store64(h + layout.AT_BASE_OFFSET, <uint64_t>fields.base_offset)
    store32(h + layout.AT_LENGTH, <uint32_t>(nbytes - layout.BEFORE_LENGTH_SIZE))
    store32(h + layout.AT_LEADER_EPOCH, <uint32_t>fields.leader_epoch)
    h[layout.AT_MAGIC] = layout.MAGIC_V2
    store16(h + layout.AT_ATTRIBUTES, fields.attributes)
    store32(h + layout.AT_LAST_OFFSET_DELTA, <uint32_t>(fields.count - 1))
    store64(h + layout.AT_BASE_TIMESTAMP, <uint64_t>fields.base_timestamp)
    store64(h + layout.AT_MAX_TIMESTAMP, <uint64_t>fields.max_timestamp)
    store64(h + layout.AT_PRODUCER_ID, <uint64_t>fields.producer_id)
    store16(h + layout.AT_PRODUCER_EPOCH, <uint32_t>fields.producer_epoch & 0xFFFF)
    store32(h + layout.AT_BASE_SEQUENCE, <uint32_t>fields.base_sequence)
    store32(h + layout.AT_COUNT, <uint32_t>fields.count)
    store32(h + layout.AT_CRC, crc32c_update(0, h + layout.AT_ATTRIBUTES, nbytes - layout.AT_ATTRIBUTES))
