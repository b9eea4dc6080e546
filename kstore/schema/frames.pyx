"""Frames: the length and the header around a message on a connection.

::

    request   length 4 | api key 2 | version 2 | correlation id 4 | client id, length 2 | tagged fields | message
    response  length 4 | correlation id 4 | tagged fields | message

The headers have tagged fields where the message's version is flexible; the client id never has a compact length.
A response to ApiVersions never has them, for its client doesn't know yet what the server speaks. Of a header
with an API key that Kafka doesn't have, only the part that all requests share is read.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.object cimport PyObject
from importlib import import_module
from libc.stdint cimport INT32_MAX, int16_t, int32_t, uint8_t

from kstore.codec.cursor cimport load16, put_i16, put_i32, store32
from kstore.schema.parts cimport Parts, finish_part, parts_writer, room
from kstore.schema.plan cimport Plan, plan_of
from kstore.schema.reader cimport Reader, read_message
from kstore.schema.writer cimport write_message

from kstore.errors import InvalidRequest
from kstore.schema import versions
from kstore.schema.errors import SchemaError, TooLong
from kstore.schema.messages.headers import RequestHeader, ResponseHeader

cdef enum:
    KEYS = 128
    API_VERSIONS = 18

cdef int _flexible_from[KEYS]
cdef dict _requests = {}
cdef dict _responses = {}
cdef Plan _request_header_1 = plan_of(RequestHeader, 1)
cdef Plan _request_header_2 = plan_of(RequestHeader, 2)
cdef Plan _response_header_0 = plan_of(ResponseHeader, 0)
cdef Plan _response_header_1 = plan_of(ResponseHeader, 1)


cdef int _know_versions() except -1:
    cdef int key
    for key in range(KEYS):
        _flexible_from[key] = versions.APIS[key].flexible_from if key in versions.APIS else 32767
    return 0


_know_versions()


cdef inline bint _is_flexible(int api_key, int version) noexcept:
    return 0 <= api_key < KEYS and version >= _flexible_from[api_key]


cdef object _read(Plan plan, object data, const Py_buffer *buffer, Py_ssize_t offset):
    """The message at an offset, and where it ends."""
    cdef Reader r
    r.start = <const uint8_t *>buffer.buf
    r.c.p = r.start + offset
    r.c.end = r.start + buffer.len
    r.source = <PyObject *>data
    r.elements_left = 0  # headers have no arrays
    message = read_message(plan, &r)
    return message, <Py_ssize_t>(r.c.p - r.start)


def decode_request_header(frame, Py_ssize_t offset=0):
    """The header of a request in a frame (without its length): ``(RequestHeader, where the message begins)``.

    Raises ``SchemaError`` when the frame ends within the header.
    """
    cdef Py_buffer buffer
    cdef const uint8_t *at
    cdef Plan plan
    PyObject_GetBuffer(frame, &buffer, PyBUF_SIMPLE)
    try:
        if not 0 <= offset <= buffer.len - 4:
            raise SchemaError(f"a request of {buffer.len - offset} bytes is too short to have a header")
        at = <const uint8_t *>buffer.buf + offset
        plan = _request_header_1
        if _is_flexible(<int16_t>load16(at), <int16_t>load16(at + 2)):
            plan = _request_header_2
        return _read(plan, frame, &buffer, offset)
    finally:
        PyBuffer_Release(&buffer)


def decode_response_header(int api_key, int version, frame, Py_ssize_t offset=0):
    """The correlation id of a response to a request of this key and version, and where the message begins."""
    cdef Py_buffer buffer
    cdef Plan plan = _response_header_0
    if _is_flexible(api_key, version) and api_key != API_VERSIONS:
        plan = _response_header_1
    PyObject_GetBuffer(frame, &buffer, PyBUF_SIMPLE)
    try:
        if not 0 <= offset <= buffer.len:
            raise ValueError(f"offset {offset} is not within the {buffer.len} bytes of the frame")
        header, end = _read(plan, frame, &buffer, offset)
        return header.correlation_id, end
    finally:
        PyBuffer_Release(&buffer)


def encode_request(message, int version, int correlation_id, client_id=None):
    """A whole frame with a request, length and header included, as ``encode_parts`` gives it."""
    cdef Plan plan = plan_of(type(message), version)
    cdef Parts out = parts_writer()
    cdef bint flexible = _is_flexible(_key_of(plan), version)
    out.w.p = room(&out.w, 4) + 4
    header = RequestHeader(
        request_api_key=plan.api_key, request_api_version=version, correlation_id=correlation_id, client_id=client_id
    )
    write_message(out, _request_header_2 if flexible else _request_header_1, header)
    write_message(out, plan, message)
    return _framed(out)


def encode_response(message, int version, int correlation_id):
    """A whole frame with a response, length and header included, as ``encode_parts`` gives it."""
    cdef Plan plan = plan_of(type(message), version)
    cdef Parts out = parts_writer()
    cdef uint8_t *p = room(&out.w, 9)
    out.w.p = put_i32(p + 4, correlation_id)
    if _is_flexible(_key_of(plan), version) and plan.api_key != API_VERSIONS:
        out.w.p[0] = 0
        out.w.p += 1
    write_message(out, plan, message)
    return _framed(out)


def lengthen(bytearray frame not None, Py_ssize_t count):
    """Lengthen a frame that is being received by ``count`` bytes. They aren't cleared, so don't read them before they
    are written. Filling new memory with zeros takes longer than receiving into it.

    Raises ``BufferError`` while there is a view of the frame.
    """
    if count < 0:
        raise ValueError(f"a frame gets longer, not by {count} bytes")
    PyByteArray_Resize(frame, PyByteArray_GET_SIZE(frame) + count)


cdef int _key_of(Plan plan) except -1:
    if plan.api_key < 0:
        raise TypeError(f"{plan.cls.__name__} is neither a request nor a response")
    return plan.api_key


cdef list _framed(Parts out):
    """End a frame: put its length into the room left for it in the first part."""
    cdef Py_ssize_t nbytes
    finish_part(out)
    nbytes = out.w.parted_bytes - 4
    if nbytes > INT32_MAX:
        raise TooLong(f"a frame of {nbytes} bytes is longer than its length can say")
    store32(<uint8_t *>PyBytes_AS_STRING(out.parts[0]), <int32_t>nbytes)
    return out.parts


def request_class(int api_key):
    """The class of an API's request; its module is imported when first asked for."""
    found = _requests.get(api_key)
    return _class(api_key, "Request", _requests) if found is None else found


def response_class(int api_key):
    """The class of an API's response; its module is imported when first asked for."""
    found = _responses.get(api_key)
    return _class(api_key, "Response", _responses) if found is None else found


cdef object _class(int api_key, str suffix, dict known):
    api = versions.APIS.get(api_key)
    if api is None:
        raise InvalidRequest(f"there is no API with key {api_key}")
    known[api_key] = getattr(import_module(f"kstore.schema.messages.{api.module}"), api.name + suffix)
    return known[api_key]
