# A buffer that grows, and chunks between its parts.
from libc.stdint cimport uint8_t

ctypedef struct Writer:
    uint8_t *start                  # of the room; malloc'ed once the first room was too small
    uint8_t *p
    uint8_t *end
    bint owned                      # whether start was malloc'ed
    bint keeps_parts                # whether record batches become parts of their own
    int in_tagged                   # how many tagged fields deep: there, record batches are copied
    Py_ssize_t parted_bytes         # the size of what is in parts

cdef class Parts:
    cdef Writer w
    cdef list parts
    cdef uint8_t first[1024]

cdef Parts parts_writer()
cdef int grow(Writer *w, Py_ssize_t nbytes) except -1
cdef int finish_part(Parts out) except -1
cdef int keep(Parts out, object chunk, Py_ssize_t nbytes) except -1
cdef int put_raw(Parts out, object data) except -1
cdef Py_ssize_t nbytes_of(object chunk) except -1


cdef inline uint8_t *room(Writer *w, Py_ssize_t nbytes) except NULL:
    """Where to write; at least ``nbytes`` fit there."""
    if w.end - w.p < nbytes:
        grow(w, nbytes)
    return w.p
