# Structs as the codec sees them: the offsets of their slots, and the defaults.
from cpython.object cimport PyObject, PyTypeObject

cdef class Field:
    cdef readonly object kind         # a constant, a struct class, or a list of one of them
    cdef readonly str versions
    cdef readonly object default      # the value, or what makes it
    cdef readonly bint fresh          # whether default makes it
    cdef readonly str nullable
    cdef readonly int tag             # -1: none
    cdef readonly bint ignorable
    cdef readonly bint flexible

cdef class Layout:
    cdef readonly object cls
    cdef readonly tuple names         # field names in schema order, unknown_tagged_fields last
    cdef readonly tuple specs         # one field spec a name (none for unknown_tagged_fields)
    cdef tuple defaults               # the shared default, or the class whose fresh instance is the default
    cdef bint plain                   # nobody wrote an __init__ or __new__ of their own
    cdef int count
    cdef dict plans                   # version -> the codec's plan of it, once compiled
    cdef PyObject **name_at           # borrowed from names
    cdef PyObject **default_at        # borrowed from defaults
    cdef Py_ssize_t *offset_at        # of the slot, from the start of the object
    cdef char *fresh_at               # what the default is: one of Fresh

cdef enum Fresh:
    SHARED = 0                        # immutable, the same object for all
    LIST = 1                          # a new empty list
    STRUCT = 2                        # a new instance of a struct class

cdef Layout layout_of(cls)
cdef object fresh_default(Layout layout, int index)
cdef object bare(cls)
cdef object untracked(object made)
cdef bint same(object left, object right) except -1

cdef inline PyObject **slot(object owner, Py_ssize_t offset) noexcept:
    return <PyObject **>(<char *><PyObject *>owner + offset)
