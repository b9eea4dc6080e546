"""Parts: an encoder's output so far, as a growing buffer with chunks in between that aren't copied.

While small, the buffer lies within the object, and a few such objects are kept, so that a small message costs no
allocation but that of its bytes. A finished part is a ``bytes`` object; chunks of record batches stand between
parts as the caller gave them, and are neither copied nor read.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_CheckBuffer, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy


@cython.freelist(4)
cdef class Parts:
    """A writer and the parts it has finished."""

    def __cinit__(self):
        self.w.start = self.w.p = self.first
        self.w.end = self.first + sizeof(self.first)

    def __dealloc__(self):
        if self.w.owned:
            free(self.w.start)


cdef Parts parts_writer():
    """A writer that leaves record batches as parts of their own."""
    cdef Parts out = Parts.__new__(Parts)
    out.w.keeps_parts = True
    out.parts = []
    return out


cdef int grow(Writer *w, Py_ssize_t nbytes) except -1:
    cdef Py_ssize_t used = w.p - w.start
    cdef Py_ssize_t size = 2 * (w.end - w.start)
    cdef uint8_t *bigger
    if size < used + nbytes:
        size = used + nbytes
    if w.owned:
        bigger = <uint8_t *>realloc(w.start, size)
    else:
        bigger = <uint8_t *>malloc(size)
    if bigger == NULL:
        raise MemoryError
    if not w.owned:
        memcpy(bigger, w.start, used)
    w.owned = True
    w.start = bigger
    w.p = bigger + used
    w.end = bigger + size
    return 0


cdef int finish_part(Parts out) except -1:
    """Make a part of what was written since the last one."""
    cdef Py_ssize_t nbytes = out.w.p - out.w.start
    if nbytes:
        out.parts.append(PyBytes_FromStringAndSize(<char *>out.w.start, nbytes))
        out.w.parted_bytes += nbytes
        out.w.p = out.w.start
    return 0


cdef Py_ssize_t nbytes_of(object chunk) except -1:
    """How many bytes a chunk stands for."""
    if PyBytes_CheckExact(chunk):
        return PyBytes_GET_SIZE(chunk)
    size = getattr(chunk, "nbytes", None)
    if size is None and PyObject_CheckBuffer(chunk):
        size = memoryview(chunk).nbytes
    if size is None:
        raise TypeError(f"{chunk!r} is no chunk of record batches: it has neither a buffer nor nbytes")
    if size < 0:
        raise ValueError(f"a chunk of {size} bytes")
    return size


cdef int keep(Parts out, object chunk, Py_ssize_t nbytes) except -1:
    """Make a chunk a part, as it is."""
    if nbytes:
        finish_part(out)
        out.parts.append(chunk)
        out.w.parted_bytes += nbytes
    return 0


cdef int put_raw(Parts out, object data) except -1:
    """Write bytes as they are, without a length."""
    cdef Py_buffer buffer
    if PyBytes_CheckExact(data):
        memcpy(room(&out.w, PyBytes_GET_SIZE(data)), PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        out.w.p += PyBytes_GET_SIZE(data)
        return 0
    PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE)
    try:
        memcpy(room(&out.w, buffer.len), buffer.buf, buffer.len)
        out.w.p += buffer.len
    finally:
        PyBuffer_Release(&buffer)
    return 0
