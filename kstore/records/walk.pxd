"""One step over one record of a v2 batch, without the GIL: the only place that knows how a record is framed.

The reader and the leader's validator both walk with it. It refuses what Kafka's ``DefaultRecord`` refuses, and
also a varint whose last byte has bits that its type has no room for. Headers are checked and passed over;
``next_header`` reads them where they are wanted.
"""

from libc.stdint cimport int32_t, int64_t, int8_t, uint8_t

from kstore.codec.cursor cimport Cursor, cursor_over, read_i8, read_varint, read_varlong, remaining, take

cdef enum:
    WALK_OK = 0
    WALK_BAD_STRUCTURE      # bytes end before the record does, or a varint is too long
    WALK_BAD_LENGTH         # the record says it is longer than what is left, or not as long as its fields
    WALK_BAD_HEADER_COUNT   # negative, or more than the bytes that are left
    WALK_BAD_HEADER_KEY     # null

ctypedef struct RecordFields:
    int32_t body_bytes      # what stands behind the record's length
    int64_t timestamp_delta
    int32_t offset_delta
    int32_t key_bytes       # -1: null
    int32_t value_bytes     # -1: null
    int32_t header_count
    const uint8_t *key
    const uint8_t *value
    Cursor headers

ctypedef struct HeaderFields:
    int32_t key_bytes
    int32_t value_bytes     # -1: null
    const uint8_t *key
    const uint8_t *value


cdef inline bint read_nullable(Cursor *c, const uint8_t **out, int32_t *out_bytes) noexcept nogil:
    cdef int32_t n
    if not read_varint(c, &n):
        return 0
    if n < 0:
        out[0] = NULL
        out_bytes[0] = -1
        return 1
    out[0] = take(c, n)
    out_bytes[0] = n
    return out[0] != NULL


cdef inline int next_header(Cursor *c, HeaderFields *out) noexcept nogil:
    if not read_varint(c, &out.key_bytes):
        return WALK_BAD_STRUCTURE
    if out.key_bytes < 0:
        return WALK_BAD_HEADER_KEY
    out.key = take(c, out.key_bytes)
    if out.key == NULL or not read_nullable(c, &out.value, &out.value_bytes):
        return WALK_BAD_STRUCTURE
    return WALK_OK


cdef inline int skip_headers(Cursor *c, int32_t count) noexcept nogil:
    cdef HeaderFields header
    cdef int32_t i
    cdef int code
    if count < 0 or count > remaining(c):
        return WALK_BAD_HEADER_COUNT
    for i in range(count):
        code = next_header(c, &header)
        if code != WALK_OK:
            return code
    return WALK_OK


cdef inline int next_record(Cursor *c, RecordFields *out) noexcept nogil:
    """The record at the cursor; the cursor moves past it when WALK_OK is returned."""
    cdef int32_t length
    cdef int8_t attributes
    cdef int code
    cdef Cursor body
    if not read_varint(c, &length):
        return WALK_BAD_STRUCTURE
    if length < 0 or length > remaining(c):
        return WALK_BAD_LENGTH
    out.body_bytes = length
    body = cursor_over(c.p, length)
    if not (read_i8(&body, &attributes)
            and read_varlong(&body, &out.timestamp_delta)
            and read_varint(&body, &out.offset_delta)
            and read_nullable(&body, &out.key, &out.key_bytes)
            and read_nullable(&body, &out.value, &out.value_bytes)
            and read_varint(&body, &out.header_count)):
        return WALK_BAD_STRUCTURE
    out.headers = body
    if out.header_count != 0:
        code = skip_headers(&body, out.header_count)
        if code != WALK_OK:
            return code
    if body.p != body.end:
        return WALK_BAD_LENGTH
    c.p = body.end
    return WALK_OK


cdef inline str too_large(int32_t body_bytes, int32_t body_bytes_max):
    """The message for a record beyond the bound (Kafka's ``max.decompressed.message.bytes``); needs the GIL."""
    return f"Invalid record size: {body_bytes} exceeds the configured maximum record size of {body_bytes_max}."


cdef inline str walk_failure(int code, int32_t index):
    """What a code means, for the message of an error; needs the GIL."""
    if code == WALK_BAD_LENGTH:
        return f"record {index} is not as long as it says"
    if code == WALK_BAD_HEADER_COUNT:
        return f"record {index} has an impossible number of headers"
    if code == WALK_BAD_HEADER_KEY:
        return f"record {index} has a header without a key"
    return f"record {index} ends in the middle of a field"
