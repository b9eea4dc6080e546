# Plans: how the codec handles one version of one struct.
from cpython.object cimport PyObject

from kstore.schema.struct cimport Layout

cdef enum Kind:
    K_BOOL
    K_INT8
    K_INT16
    K_INT32
    K_INT64
    K_UINT16
    K_UINT32
    K_FLOAT64
    K_UUID
    K_STRING
    K_BYTES
    K_RECORDS
    K_STRUCT
    K_ARRAY

ctypedef struct Step:
    Kind kind
    Kind element                    # of an array: what its elements are
    bint compact                    # lengths are varints, one more than they say
    bint nullable
    bint ignorable
    int index                       # of the field in the layout
    int tag                         # -1: not tagged
    Py_ssize_t offset               # of the slot in the object
    Py_ssize_t least                # of an array: the fewest bytes that an element takes
    PyObject *plan                  # of a struct, or of an array's structs; borrowed from Plan.kept
    PyObject *default               # to compare with; borrowed from Plan.kept

cdef class Plan:
    cdef readonly object cls
    cdef readonly int version
    cdef readonly bint flexible
    cdef bint whole                 # of a message, not of a part of one
    cdef int api_key                # -1: none
    cdef Layout layout
    cdef Step *steps                # the fields of this version, in order
    cdef int count
    cdef Step *tagged               # its tagged fields, by rising tag
    cdef int tagged_count
    cdef Step *absent               # fields of other versions
    cdef int absent_count
    cdef Py_ssize_t least           # the fewest bytes that the struct takes
    cdef list kept

cdef Plan plan_of(cls, int version)
