"""A pool of buffers that are reused, because fresh memory pages cost more than filling them.

A buffer exports its bytes by the buffer protocol and counts the exports. While there is one (an array over it, or any
view of that array), the buffer isn't used again; afterwards ``BufferPool`` reuses it.
"""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.memoryview cimport PyMemoryView_FromObject

BUFFERS_MAX = 16


@cython.final
@cython.auto_pickle(False)
cdef class PooledBuffer:
    """``size_bytes`` of memory, not cleared; ``borrowers`` is how many exports there are."""

    cdef void *memory
    cdef readonly Py_ssize_t size_bytes
    cdef readonly Py_ssize_t borrowers

    def __cinit__(self, Py_ssize_t size_bytes):
        if size_bytes < 0:
            raise ValueError("a buffer has at least 0 bytes")
        self.memory = PyMem_RawMalloc(size_bytes)
        if self.memory == NULL:
            raise MemoryError(f"no memory for {size_bytes} bytes of columns")
        self.size_bytes = size_bytes

    def __dealloc__(self):
        PyMem_RawFree(self.memory)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.memory, self.size_bytes, 0, flags)
        self.borrowers += 1

    def __releasebuffer__(self, Py_buffer *buffer):
        self.borrowers -= 1


@cython.final
@cython.auto_pickle(False)
cdef class BufferPool:
    """Keeps a few buffers for reuse, and frees those that are too small or too many."""

    cdef list kept

    def __init__(self):
        self.kept = []

    def take(self, Py_ssize_t size_bytes):
        """A buffer of at least ``size_bytes`` that nothing else uses."""
        cdef PooledBuffer buffer
        cdef Py_ssize_t size = 65536
        for buffer in self.kept:
            if buffer.borrowers == 0 and buffer.size_bytes >= size_bytes:
                return PyMemoryView_FromObject(buffer)
        while size < size_bytes:
            size *= 2
        buffer = PooledBuffer(size)
        if len(self.kept) >= BUFFERS_MAX:
            del self.kept[0]
        self.kept.append(buffer)
        return PyMemoryView_FromObject(buffer)
