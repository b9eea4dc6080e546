# Decoding for other modules that hold a buffer already.
from libc.stdint cimport uint8_t

from cpython.object cimport PyObject

from kstore.codec.cursor cimport Cursor
from kstore.schema.plan cimport Plan

ctypedef struct Reader:
    Cursor c
    const uint8_t *start            # of the buffer, for views and messages of errors
    PyObject *source                # the object that owns the buffer; borrowed
    PyObject *view                  # a memoryview of it, made when first needed; owned
    int unknown_left                # how many more unknown tagged fields are kept
    Py_ssize_t structs_left         # how many more structs may stand in arrays
    Py_ssize_t elements_left        # how many more elements of any kind

cdef object read_message(Plan plan, Reader *r)
