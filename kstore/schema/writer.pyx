"""Encoding: messages to bytes.

One pass into a buffer that grows. A tagged field is written behind one byte of room for its size, and moved when
the size takes more. Where a message carries record batches and the caller wants parts, the batches are parts of
the result by themselves, neither copied nor read: a chunk is anything with a buffer or ``nbytes``.

What can't be written in a version raises ``UnsupportedVersion`` as in Kafka: a value other than the default in a
field that the version doesn't have, unless the field is ignorable. Values of the wrong type or size are the
caller's mistakes: ``TypeError`` and ``ValueError``, naming the field; ``TooLong`` may be a client's mistake, if the
message repeats what the client sent.
"""

from cpython.buffer cimport PyObject_CheckBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_CheckExact, PyList_GET_SIZE
from cpython.long cimport PyLong_AsLongLong, PyLong_Check
from cpython.object cimport PyObject
from libc.stdint cimport INT16_MAX, INT32_MAX, int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove

from kstore.codec.cursor cimport VARINT_BYTES_MAX, put_i16, put_i32, put_i64, put_uvarint, store64, uvarint_bytes
from kstore.schema.parts cimport Parts, finish_part, keep, nbytes_of, parts_writer, put_raw, room
from kstore.schema.plan cimport (
    K_ARRAY, K_BOOL, K_BYTES, K_FLOAT64, K_INT8, K_INT16, K_INT32, K_INT64, K_RECORDS, K_STRING, K_STRUCT, K_UINT16,
    K_UINT32, K_UUID, Kind, Plan, Step, plan_of,
)
from kstore.schema.struct cimport same, slot

from kstore.errors import UnsupportedVersion
from kstore.schema.errors import TooLong

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object unicode, Py_ssize_t *size) except NULL
    bint PyUnicode_Check(object o)


def encode(message, int version):
    """The bytes of a message in a version; record batches are copied into them.

    >>> from kstore.schema import encode
    >>> from kstore.schema.messages.heartbeat import HeartbeatRequest
    >>> encode(HeartbeatRequest(group_id="g", generation_id=1, member_id="m"), 0).hex(" ", 2)
    '0001 6700 0000 0100 016d'
    """
    cdef Parts out = Parts.__new__(Parts)
    write_message(out, plan_of(type(message), version), message)
    return PyBytes_FromStringAndSize(<char *>out.w.start, out.w.p - out.w.start)


def encode_parts(message, int version, prefix=b""):
    """The same as a list: buffers, and between them the chunks of record batches as they were given.

    ``prefix`` are bytes to put in front. A field of record batches may be a list of chunks; a chunk has a buffer
    or ``nbytes``, and need not be readable before it is sent.
    """
    cdef Parts out = parts_writer()
    put_raw(out, prefix)
    write_message(out, plan_of(type(message), version), message)
    finish_part(out)
    return out.parts


cdef int write_message(Parts out, Plan plan, object message) except -1:
    return _struct(out, plan, message)


cdef object _wrong(Plan plan, const Step *step, str why, type error=ValueError):
    """Raise an error that says which field can't be written, and why."""
    raise error(f"{plan.cls.__name__}.{plan.layout.names[step.index]} in version {plan.version}: {why}")


cdef int _struct(Parts out, Plan plan, object message) except -1:
    cdef Step *step
    cdef int i
    if type(message) is not plan.cls and not isinstance(message, plan.cls):
        raise TypeError(f"a {plan.cls.__name__} is needed, this is a {type(message).__name__}")
    for i in range(plan.count):
        step = &plan.steps[i]
        _value(out, plan, step, step.kind, _get(plan, step, message))
    for i in range(plan.absent_count):
        step = &plan.absent[i]
        if not step.ignorable and not _unset(step, _get(plan, step, message)):
            _wrong(plan, step, "the version has no such field, and its value isn't the default", UnsupportedVersion)
    return _tagged(out, plan, message)


cdef inline object _get(Plan plan, const Step *step, object message):
    cdef PyObject *value = slot(message, step.offset)[0]
    if value == NULL:
        _wrong(plan, step, "it was deleted", AttributeError)
    return <object>value


cdef bint _unset(const Step *step, object value) except -1:
    """Whether a value is the field's default."""
    cdef object default = <object>step.default
    if value is default:
        return True
    if step.kind == K_STRUCT and type(value) is type(default):
        return same(value, default)
    return value == default


cdef int _tagged(Parts out, Plan plan, object message) except -1:
    cdef tuple unknown
    cdef uint64_t written = 0
    cdef int count = 0, i
    kept = <object>slot(message, plan.layout.offset_at[plan.layout.count - 1])[0]
    if not plan.flexible:
        if kept:
            raise UnsupportedVersion(
                f"{plan.cls.__name__} in version {plan.version} can't carry tagged fields, but unknown ones are set"
            )
        return 0
    unknown = tuple(kept)
    for i in range(plan.tagged_count):
        if not _unset(&plan.tagged[i], _get(plan, &plan.tagged[i], message)):
            written |= <uint64_t>1 << i
            count += 1
    out.w.p = put_uvarint(room(&out.w, VARINT_BYTES_MAX), <uint32_t>(count + len(unknown)))
    if not unknown:
        for i in range(plan.tagged_count):
            if written >> i & 1:
                _known_tag(out, plan, &plan.tagged[i], message)
        return 0
    return _merged(out, plan, message, written, unknown)


cdef int _merged(Parts out, Plan plan, object message, uint64_t written, tuple unknown) except -1:
    """Write known and unknown tagged fields together, in the order of their tags."""
    cdef int64_t previous = -1
    cdef int i = 0
    for tag, data in unknown:
        if tag <= previous or tag > <int64_t>INT32_MAX:
            raise ValueError(f"{plan.cls.__name__}: unknown tagged field {tag} is out of order, or there twice")
        previous = tag
        while i < plan.tagged_count and plan.tagged[i].tag <= tag:
            if plan.tagged[i].tag == tag:
                raise ValueError(f"{plan.cls.__name__} has a field for tag {tag}; it can't be an unknown one")
            if written >> i & 1:
                _known_tag(out, plan, &plan.tagged[i], message)
            i += 1
        out.w.p = put_uvarint(room(&out.w, 2 * VARINT_BYTES_MAX), tag)
        out.w.p = put_uvarint(out.w.p, <uint32_t>len(data))
        put_raw(out, data)
    while i < plan.tagged_count:
        if written >> i & 1:
            _known_tag(out, plan, &plan.tagged[i], message)
        i += 1
    return 0


cdef int _known_tag(Parts out, Plan plan, const Step *step, object message) except -1:
    cdef Py_ssize_t at, nbytes
    cdef int more
    cdef uint8_t *p
    out.w.p = put_uvarint(room(&out.w, 2 * VARINT_BYTES_MAX), <uint32_t>step.tag)
    at = out.w.p - out.w.start
    out.w.p += 1
    out.w.in_tagged += 1
    _value(out, plan, step, step.kind, _get(plan, step, message))
    out.w.in_tagged -= 1
    nbytes = out.w.p - out.w.start - at - 1
    more = uvarint_bytes(<uint32_t>nbytes) - 1
    if more:
        room(&out.w, more)
        p = out.w.start + at
        memmove(p + 1 + more, p + 1, nbytes)
        out.w.p += more
    put_uvarint(out.w.start + at, <uint32_t>nbytes)
    return 0


cdef int _value(Parts out, Plan plan, const Step *step, Kind kind, object value) except -1:
    """Write one value; ``kind`` is the step's own, or that of its elements."""
    if kind == K_INT32:
        out.w.p = put_i32(room(&out.w, 4), <int32_t>_int(plan, step, value, -0x80000000, 0x7FFFFFFF))
    elif kind == K_INT64:
        out.w.p = put_i64(room(&out.w, 8), _long(plan, step, value))
    elif kind == K_INT16:
        out.w.p = put_i16(room(&out.w, 2), <int16_t>_int(plan, step, value, -0x8000, 0x7FFF))
    elif kind == K_STRING:
        return _string(out, plan, step, value)
    elif kind == K_ARRAY:
        return _array(out, plan, step, value)
    elif kind == K_STRUCT:
        return _inner(out, plan, step, value)
    elif kind == K_BOOL:
        room(&out.w, 1)[0] = 1 if value else 0
        out.w.p += 1
    elif kind == K_INT8:
        room(&out.w, 1)[0] = <uint8_t>_int(plan, step, value, -0x80, 0x7F)
        out.w.p += 1
    elif kind == K_UUID:
        return _uuid(out, plan, step, value)
    elif kind == K_BYTES or kind == K_RECORDS:
        return _blob(out, plan, step, kind, value)
    elif kind == K_UINT16:
        out.w.p = put_i16(room(&out.w, 2), <int16_t>_int(plan, step, value, 0, 0xFFFF))
    elif kind == K_UINT32:
        out.w.p = put_i32(room(&out.w, 4), <int32_t>_int(plan, step, value, 0, 0xFFFFFFFF))
    else:
        return _float(out, plan, step, value)
    return 0


cdef inline int64_t _int(Plan plan, const Step *step, object value, int64_t least, int64_t most) except? -1:
    cdef int64_t number = _long(plan, step, value)
    if number < least or number > most:
        _wrong(plan, step, f"{value} is not within {least} and {most}")
    return number


cdef inline int64_t _long(Plan plan, const Step *step, object value) except? -1:
    if not PyLong_Check(value) and not hasattr(value, "__index__"):
        _wrong(plan, step, f"a number is needed, not {value!r}", TypeError)
    try:
        return PyLong_AsLongLong(value)
    except OverflowError:
        _wrong(plan, step, f"{value} is wider than 64 bits")


cdef int _float(Parts out, Plan plan, const Step *step, object value) except -1:
    cdef double number
    cdef uint64_t raw
    if not isinstance(value, (float, int)):
        _wrong(plan, step, f"a number is needed, not {value!r}", TypeError)
    number = value
    memcpy(&raw, &number, 8)
    store64(room(&out.w, 8), raw)
    out.w.p += 8
    return 0


cdef int _uuid(Parts out, Plan plan, const Step *step, object value) except -1:
    if not PyBytes_CheckExact(value) or PyBytes_GET_SIZE(value) != 16:
        _wrong(plan, step, f"an id is 16 bytes, not {value!r}", TypeError)
    memcpy(room(&out.w, 16), PyBytes_AS_STRING(value), 16)
    out.w.p += 16
    return 0


cdef int _length(Parts out, const Step *step, int plain_bytes, Py_ssize_t length) except -1:
    """Write a length or count; -1 for null."""
    room(&out.w, VARINT_BYTES_MAX)
    if step.compact:
        out.w.p = put_uvarint(out.w.p, <uint32_t>(length + 1))
    elif plain_bytes == 2:
        out.w.p = put_i16(out.w.p, <int16_t>length)
    else:
        out.w.p = put_i32(out.w.p, <int32_t>length)
    return 0


cdef int _null(Parts out, Plan plan, const Step *step, Kind kind, int plain_bytes) except -1:
    if not step.nullable or step.kind != kind:
        _wrong(plan, step, "it can't be null")
    return _length(out, step, plain_bytes, -1)


cdef int _string(Parts out, Plan plan, const Step *step, object value) except -1:
    cdef Py_ssize_t length = 0
    cdef const char *text
    if value is None:
        return _null(out, plan, step, K_STRING, 2)
    if not PyUnicode_Check(value):
        _wrong(plan, step, f"a string is needed, not {value!r}", TypeError)
    text = PyUnicode_AsUTF8AndSize(value, &length)
    if length > INT16_MAX:
        _wrong(plan, step, f"a string of {length} bytes; Kafka's have {INT16_MAX} at most", TooLong)
    _length(out, step, 2, length)
    memcpy(room(&out.w, length), text, length)
    out.w.p += length
    return 0


cdef int _blob(Parts out, Plan plan, const Step *step, Kind kind, object value) except -1:
    cdef Py_ssize_t length
    if value is None:
        return _null(out, plan, step, kind, 4)
    if kind == K_RECORDS and not PyObject_CheckBuffer(value):
        return _chunks(out, plan, step, value)
    if not PyObject_CheckBuffer(value):
        _wrong(plan, step, f"bytes are needed, not {value!r}", TypeError)
    length = nbytes_of(value)
    if length > INT32_MAX:
        _wrong(plan, step, f"{length} bytes are more than a message can carry", TooLong)
    _length(out, step, 4, length)
    if kind == K_RECORDS and out.w.keeps_parts and not out.w.in_tagged:
        return keep(out, value, length)
    return _copy(out, plan, step, value, length)


cdef int _chunks(Parts out, Plan plan, const Step *step, object value) except -1:
    """Write record batches in chunks: a list of them, or one that isn't a buffer."""
    cdef Py_ssize_t length = 0
    cdef list sizes = []
    chunks = value if isinstance(value, (list, tuple)) else (value,)
    for chunk in chunks:
        size = nbytes_of(chunk)
        sizes.append(size)
        length += size
    if length > INT32_MAX:
        _wrong(plan, step, f"{length} bytes are more than a message can carry", TooLong)
    _length(out, step, 4, length)
    for chunk, size in zip(chunks, sizes):
        if out.w.keeps_parts and not out.w.in_tagged:
            keep(out, chunk, size)
        elif PyObject_CheckBuffer(chunk):
            _copy(out, plan, step, chunk, size)
        else:
            _wrong(plan, step, f"{chunk!r} has no bytes to copy; encode_parts leaves it as it is", TypeError)
    return 0


cdef int _copy(Parts out, Plan plan, const Step *step, object data, Py_ssize_t nbytes) except -1:
    """Write bytes whose length is written already."""
    cdef Py_ssize_t before = out.w.p - out.w.start
    put_raw(out, data)
    if out.w.p - out.w.start - before != nbytes:
        _wrong(plan, step, f"it says that it has {nbytes} bytes, but has {out.w.p - out.w.start - before}")
    return 0


cdef int _inner(Parts out, Plan plan, const Step *step, object value) except -1:
    if step.nullable and step.kind == K_STRUCT:
        # Null is -1 where the field stands in order, 0 where it is tagged.
        room(&out.w, 1)[0] = 1 if value is not None else 0xFF if step.tag < 0 else 0
        out.w.p += 1
        if value is None:
            return 0
    elif value is None:
        _wrong(plan, step, "it can't be null")
    return _struct(out, <Plan>step.plan, value)


cdef int _array(Parts out, Plan plan, const Step *step, object value) except -1:
    cdef Py_ssize_t i, count
    cdef list items
    if value is None:
        return _null(out, plan, step, K_ARRAY, 4)
    if not PyList_CheckExact(value) and not isinstance(value, (list, tuple)):
        _wrong(plan, step, f"a list is needed, not {value!r}", TypeError)
    items = value if PyList_CheckExact(value) else list(value)
    count = PyList_GET_SIZE(items)
    _length(out, step, 4, count)
    for i in range(count):
        if PyList_GET_SIZE(items) != count:
            _wrong(plan, step, "the list changed while it was written", RuntimeError)
        _value(out, plan, step, step.element, items[i])
    return 0
