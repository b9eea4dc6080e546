# Encoding for other modules that put bytes before a message.
from libc.stdint cimport uint8_t

from kstore.schema.plan cimport Plan

ctypedef struct Writer:
    uint8_t *start                  # of the room; malloc'ed once the first room was too small
    uint8_t *p
    uint8_t *end
    bint owned                      # whether start was malloc'ed
    int in_tagged                   # how many tagged fields deep: there, record batches are copied
    Py_ssize_t parted_bytes         # the size of what is in parts
    bint keeps_parts                # whether record batches become parts of their own

cdef class Parts:
    """A writer and the parts it has finished."""
    cdef Writer w
    cdef list parts
    cdef uint8_t first[1024]

cdef Parts parts_writer()
cdef int finish_part(Parts out) except -1
cdef int write_message(Parts out, Plan plan, object message) except -1
cdef uint8_t *room(Writer *w, Py_ssize_t nbytes) except NULL
