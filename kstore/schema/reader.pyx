"""Decoding: bytes to messages.

No length is trusted. The size of a string, a blob or a tagged field is compared with the bytes that are left, and so is
a count times the fewest bytes that an element takes; a varint may not be wider than its type, nor nesting deeper than
the plan. So the memory that a hostile frame can claim is a small multiple of its own size, and time is linear in it.
As in Apache Kafka an array has at most ``ELEMENTS_MAX`` elements, and a struct ``TAGGED_MAX`` tagged fields. Arrays of
nearly empty structs have the largest multiple, so a message may have ``STRUCTS_MAX`` structs in arrays, and no more
elements of all kinds than its reader allows. A message keeps ``UNKNOWN_MAX`` unknown tagged fields; further ones are
passed over.

Slots of a new struct are NULL until a value is put there; ``read_struct`` leaves none empty.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.float cimport PyFloat_FromDouble
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.long cimport PyLong_FromLong, PyLong_FromLongLong
from cpython.memoryview cimport PyMemoryView_FromObject
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from kstore.codec.cursor cimport load16, load32, load64, read_uvarint, remaining
from kstore.schema.plan cimport (
    K_ARRAY, K_BOOL, K_BYTES, K_FLOAT64, K_INT8, K_INT16, K_INT32, K_INT64, K_RECORDS, K_STRING, K_STRUCT, K_UINT16,
    K_UINT32, K_UUID, Kind, Plan, Step, plan_of,
)
from kstore.schema.struct cimport bare, fresh_default, slot, untracked

from kstore.schema.errors import SchemaError

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX
    object PyUnicode_DecodeUTF8(const char *s, Py_ssize_t size, const char *errors)

cdef enum:
    UNKNOWN_MAX = 1000
    STRUCTS_MAX = 1000000
    ELEMENTS_MAX = 1000000
    TAGGED_MAX = 10000
    STRING_BYTES_MAX = 32767


def decode(cls, int version, data, Py_ssize_t offset=0, Py_ssize_t elements_max=PY_SSIZE_T_MAX):
    """The message of class ``cls`` that ``data`` holds from ``offset`` on, in that version.

    ``data`` is anything contiguous with the buffer protocol. Fields of record batches are ``memoryview``s of it;
    everything else is copied. Bytes after the message aren't read; ``elements_max`` bounds the elements of all its
    arrays together. Raises ``SchemaError`` when the bytes aren't such a message, ``UnsupportedVersion`` when the
    message has no such version.

    >>> from kstore.schema import decode, encode
    >>> from kstore.schema.messages.heartbeat import HeartbeatResponse
    >>> decode(HeartbeatResponse, 4, encode(HeartbeatResponse(error_code=27), 4)).error_code
    27
    """
    return decode_from(cls, version, data, offset, elements_max)[0]


def decode_from(cls, int version, data, Py_ssize_t offset=0, Py_ssize_t elements_max=PY_SSIZE_T_MAX):
    """Like ``decode``, and where the message ended: ``(message, offset)``."""
    cdef Plan plan = plan_of(cls, version)
    cdef Py_buffer buffer
    cdef Reader r
    PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE)
    try:
        if not 0 <= offset <= buffer.len:
            raise ValueError(f"offset {offset} is not within the {buffer.len} bytes of data")
        r.start = <const uint8_t *>buffer.buf
        r.c.p = r.start + offset
        r.c.end = r.start + buffer.len
        r.source = <PyObject *>data
        r.elements_left = elements_max
        message = read_message(plan, &r)
        return message, <Py_ssize_t>(r.c.p - r.start)
    finally:
        PyBuffer_Release(&buffer)


cdef object read_message(Plan plan, Reader *r):
    """The message at the cursor; ``r.start``, ``r.c``, ``r.source`` and ``r.elements_left`` are set."""
    r.view = NULL
    r.unknown_left = UNKNOWN_MAX
    r.structs_left = STRUCTS_MAX
    try:
        return _struct(plan, r)
    finally:
        Py_XDECREF(r.view)


cdef object _refuse(Plan plan, const Step *step, Reader *r, str why):
    """Raise an error that says what was being read, where, and what is wrong with it."""
    what = plan.cls.__name__
    if step != NULL:
        what = f"{what}.{plan.layout.names[step.index]}"
    raise SchemaError(
        f"{what} in version {plan.version}, at byte {r.c.p - r.start} of {r.c.end - r.start}: {why}"
    )


cdef inline void _put(object made, Py_ssize_t offset, object value) noexcept:
    cdef PyObject **at = slot(made, offset)
    cdef PyObject *old = at[0]
    Py_INCREF(value)
    at[0] = <PyObject *>value
    Py_XDECREF(old)


cdef object _struct(Plan plan, Reader *r):
    cdef object made = bare(plan.cls)
    cdef Step *step
    cdef int i
    for i in range(plan.count):
        step = &plan.steps[i]
        _put(made, step.offset, _value(plan, step, step.kind, r))
    unknown = ()
    if plan.flexible:
        unknown = _tagged(plan, made, r)
        for i in range(plan.tagged_count):
            step = &plan.tagged[i]
            if slot(made, step.offset)[0] == NULL:
                _put(made, step.offset, fresh_default(plan.layout, step.index))
    for i in range(plan.absent_count):
        step = &plan.absent[i]
        _put(made, step.offset, fresh_default(plan.layout, step.index))
    _put(made, plan.layout.offset_at[plan.layout.count - 1], unknown)
    return made


cdef tuple _tagged(Plan plan, object made, Reader *r):
    """Read the tagged fields; returns those that this version doesn't know."""
    cdef uint32_t count = 0, tag = 0, nbytes = 0
    cdef const uint8_t *end = r.c.end
    cdef const uint8_t *field_end
    cdef Step *step
    cdef list unknown = None
    if not read_uvarint(&r.c, &count):
        _refuse(plan, NULL, r, "no count of tagged fields")
    if count > TAGGED_MAX:
        _refuse(plan, NULL, r, f"{count} tagged fields; Kafka's structs have {TAGGED_MAX} at most")
    while count:
        count -= 1
        if not read_uvarint(&r.c, &tag) or not read_uvarint(&r.c, &nbytes) or nbytes > remaining(&r.c):
            _refuse(plan, NULL, r, "a tagged field is longer than what is left")
        field_end = r.c.p + nbytes
        step = _tag_step(plan, tag)
        if step != NULL:
            r.c.end = field_end
            _put(made, step.offset, _value(plan, step, step.kind, r))
            r.c.end = end
            if r.c.p != field_end:
                _refuse(plan, step, r, f"{field_end - r.c.p} bytes are left over in the tagged field")
        elif r.unknown_left > 0:
            r.unknown_left -= 1
            if unknown is None:
                unknown = []
            unknown.append((tag, PyBytes_FromStringAndSize(<const char *>r.c.p, nbytes)))
        r.c.p = field_end
    return () if unknown is None else tuple(unknown)


cdef inline Step *_tag_step(Plan plan, uint32_t tag) noexcept:
    cdef int i
    for i in range(plan.tagged_count):
        if <uint32_t>plan.tagged[i].tag == tag:
            return &plan.tagged[i]
    return NULL


cdef object _value(Plan plan, const Step *step, Kind kind, Reader *r):
    """Read one value; ``kind`` is the step's own, or that of its elements."""
    if kind == K_INT32:
        return PyLong_FromLong(<int32_t>load32(_fixed(plan, step, 4, r)))
    if kind == K_INT64:
        return PyLong_FromLongLong(<int64_t>load64(_fixed(plan, step, 8, r)))
    if kind == K_INT16:
        return PyLong_FromLong(<int16_t>load16(_fixed(plan, step, 2, r)))
    if kind == K_STRING:
        return _string(plan, step, r)
    if kind == K_ARRAY:
        return _array(plan, step, r)
    if kind == K_STRUCT:
        return _inner(plan, step, r)
    if kind == K_BOOL:
        return _fixed(plan, step, 1, r)[0] != 0
    if kind == K_INT8:
        return PyLong_FromLong(<int8_t>_fixed(plan, step, 1, r)[0])
    if kind == K_UUID:
        return PyBytes_FromStringAndSize(<const char *>_fixed(plan, step, 16, r), 16)
    if kind == K_BYTES or kind == K_RECORDS:
        return _blob(plan, step, kind, r)
    if kind == K_UINT16:
        return PyLong_FromLong(load16(_fixed(plan, step, 2, r)))
    if kind == K_UINT32:
        return PyLong_FromLongLong(load32(_fixed(plan, step, 4, r)))
    return _float(plan, step, r)


cdef const uint8_t *_fixed(Plan plan, const Step *step, Py_ssize_t nbytes, Reader *r) except NULL:
    """The next bytes, passed over."""
    cdef const uint8_t *at = r.c.p
    if r.c.end - at < nbytes:
        _refuse(plan, step, r, f"{nbytes} bytes are needed")
    r.c.p = at + nbytes
    return at


cdef object _float(Plan plan, const Step *step, Reader *r):
    cdef uint64_t raw = load64(_fixed(plan, step, 8, r))
    cdef double value
    memcpy(&value, &raw, 8)
    return PyFloat_FromDouble(value)


cdef Py_ssize_t _length(Plan plan, const Step *step, int plain_bytes, bint nullable, Reader *r) except -2:
    """A length or count; -1 for null, where that is allowed. Not compared with the bytes that are left yet."""
    cdef uint32_t raw = 0
    cdef Py_ssize_t length
    if step.compact:
        if not read_uvarint(&r.c, &raw):
            _refuse(plan, step, r, "its length is cut off, or longer than five bytes")
        length = <Py_ssize_t>raw - 1
    elif plain_bytes == 2:
        length = <int16_t>load16(_fixed(plan, step, 2, r))
    else:
        length = <int32_t>load32(_fixed(plan, step, 4, r))
    if length < 0 and not (nullable and length == -1):
        _refuse(plan, step, r, "it must not be null" if length == -1 else f"its length is {length}")
    return length


cdef object _string(Plan plan, const Step *step, Reader *r):
    cdef Py_ssize_t length = _length(plan, step, 2, step.nullable and step.kind == K_STRING, r)
    cdef const uint8_t *at
    if length < 0:
        return None
    if length > STRING_BYTES_MAX:
        _refuse(plan, step, r, f"a string of {length} bytes; Kafka's have {STRING_BYTES_MAX} at most")
    at = _fixed(plan, step, length, r)
    try:
        return PyUnicode_DecodeUTF8(<const char *>at, length, NULL)
    except UnicodeDecodeError as error:
        r.c.p = at
        _refuse(plan, step, r, f"not UTF-8: {error.reason}")


cdef object _blob(Plan plan, const Step *step, Kind kind, Reader *r):
    """The next blob: a copy of bytes, but a view of record batches."""
    cdef Py_ssize_t length = _length(plan, step, 4, step.nullable and step.kind == kind, r)
    cdef const uint8_t *at
    cdef Py_ssize_t start
    if length < 0:
        return None
    at = _fixed(plan, step, length, r)
    if kind == K_BYTES:
        return PyBytes_FromStringAndSize(<const char *>at, length)
    if r.view == NULL:
        view = _flat(<object>r.source)
        Py_INCREF(view)
        r.view = <PyObject *>view
    start = at - r.start
    return (<object>r.view)[start:start + length]


cdef object _flat(source):
    """A view of single bytes, whatever the source's own items are."""
    view = PyMemoryView_FromObject(source)
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


cdef object _inner(Plan plan, const Step *step, Reader *r):
    cdef int8_t marker
    if step.nullable and step.kind == K_STRUCT:
        marker = <int8_t>_fixed(plan, step, 1, r)[0]
        if marker < 0 or (marker == 0 and step.tag >= 0):
            return None
    return _struct(<Plan>step.plan, r)


cdef object _array(Plan plan, const Step *step, Reader *r):
    cdef Py_ssize_t count = _length(plan, step, 4, step.nullable, r)
    cdef Py_ssize_t i
    cdef list made
    if count < 0:
        return None
    if count > remaining(&r.c) // step.least:
        _refuse(plan, step, r, f"{count} elements of {step.least} bytes or more don't fit into {remaining(&r.c)} bytes")
    if count > ELEMENTS_MAX:
        _refuse(plan, step, r, f"{count} elements; Kafka's arrays have {ELEMENTS_MAX} at most")
    if step.element == K_STRUCT:
        r.structs_left -= count
        if r.structs_left < 0:
            _refuse(plan, step, r, f"the message has more than {STRUCTS_MAX} structs")
    r.elements_left -= count
    if r.elements_left < 0:
        _refuse(plan, step, r, "its arrays have more elements than are taken")
    made = untracked(PyList_New(count))
    for i in range(count):
        item = _value(plan, step, step.element, r)
        Py_INCREF(item)
        PyList_SET_ITEM(made, i, item)
    return made
