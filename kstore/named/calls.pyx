"""Calls of named tuple classes: a tuple is filled right from the arguments, as the vectorcall of its class.

Every message between actors is one of these, and a replicated record takes twenty of them. So making one must be cheap:
50 ns, where a constructor in Python takes 200.

Invariants: a class's fields and defaults never change and outlive it (they are kept for the process).
"""

from cpython.dict cimport PyDict_GetItem
from cpython.long cimport PyLong_CheckExact
from cpython.object cimport PyObject, PyTypeObject
from cpython.unicode cimport PyUnicode_CheckExact

cdef extern from *:
    """
    #include <Python.h>
    static void kstore_named_take_calls(PyObject *cls, void *function) {
        ((PyTypeObject *)cls)->tp_vectorcall = (vectorcallfunc)function;
    }
    static PyObject *kstore_named_bare(PyObject *cls, Py_ssize_t count) {
        PyObject *made = ((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, count);
    #if PY_VERSION_HEX >= 0x030E0000
        if (made != NULL) ((PyTupleObject *)made)->ob_hash = -1;  /* not known yet */
    #endif
        return made;
    }
    static void kstore_named_put(PyObject *made, Py_ssize_t index, PyObject *value) {
        Py_INCREF(value);
        PyTuple_SET_ITEM(made, index, value);
    }
    """
    void kstore_named_take_calls(object cls, void *function)
    object kstore_named_bare(PyObject *cls, Py_ssize_t count)
    void kstore_named_put(object made, Py_ssize_t index, PyObject *value)
    Py_ssize_t PyVectorcall_NARGS(size_t nargsf)
    Py_ssize_t PyTuple_GET_SIZE(PyObject *t)
    PyObject *PyTuple_GET_ITEM(PyObject *t, Py_ssize_t i)

cdef dict _shapes = {}


cdef class Shape:
    """The fields of one class, and the defaults of the last ones."""

    cdef str name
    cdef tuple fields
    cdef tuple defaults
    cdef Py_ssize_t count
    cdef Py_ssize_t needed  # how many have no default
    cdef bytes kinds        # what each field takes, for a class whose calls are checked: see ``take_checks``
    cdef object convert


def take_calls(cls, tuple fields, tuple defaults):
    """From now on calls of ``cls``, a subclass of tuple, fill ``fields``; ``defaults`` belong to the last of them."""
    cdef Shape shape = Shape.__new__(Shape)
    shape.name = cls.__name__
    shape.fields = fields
    shape.defaults = defaults
    shape.count = len(fields)
    shape.needed = shape.count - len(defaults)
    _shapes[cls] = shape
    kstore_named_take_calls(cls, <void *>_construct)


def take_checks(cls, bytes kinds, convert):
    """From now on calls of ``cls`` look at their fields: "s" is a str, "o" a str or None, "i" an int, "?" anything.

    If one is something else, the call returns ``convert(made)``, which may raise.
    """
    cdef Shape shape = <Shape>_shapes[cls]
    assert len(kinds) == shape.count
    shape.kinds = kinds
    shape.convert = convert


cdef object _looked_at(Shape shape, object made):
    """The tuple itself if its fields are of their kinds, otherwise what ``convert`` makes of it."""
    cdef const char *kinds = shape.kinds
    cdef Py_ssize_t i
    cdef PyObject *value
    for i in range(shape.count):
        value = PyTuple_GET_ITEM(<PyObject *>made, i)
        if kinds[i] == c"?" or (kinds[i] == c"i" and PyLong_CheckExact(<object>value)) \
                or (kinds[i] != c"i" and PyUnicode_CheckExact(<object>value)) \
                or (kinds[i] == c"o" and value == <PyObject *>None):
            continue
        return shape.convert(made)
    return made


cdef Py_ssize_t _index_of(Shape shape, PyObject *name) except -1:
    cdef Py_ssize_t i
    for i in range(shape.count):
        if PyTuple_GET_ITEM(<PyObject *>shape.fields, i) == name:
            return i
    for i in range(shape.count):
        if shape.fields[i] == <object>name:
            return i
    raise TypeError(f"{shape.name}() has no field {<object>name!r}; it has {', '.join(shape.fields)}")


cdef object _construct(PyObject *cls, PyObject **args, size_t nargsf, PyObject *kwnames):
    cdef Shape shape = <Shape>PyDict_GetItem(_shapes, <object>cls)
    cdef Py_ssize_t given = PyVectorcall_NARGS(nargsf)
    cdef Py_ssize_t i, at
    cdef object made
    if given > shape.count:
        raise TypeError(f"{shape.name}() has {shape.count} fields, not {given}")
    made = kstore_named_bare(cls, shape.count)
    for i in range(given):
        kstore_named_put(made, i, args[i])
    if kwnames != NULL:
        for i in range(PyTuple_GET_SIZE(kwnames)):
            at = _index_of(shape, PyTuple_GET_ITEM(kwnames, i))
            if PyTuple_GET_ITEM(<PyObject *>made, at) != NULL:
                raise TypeError(f"{shape.name}() got {shape.fields[at]} twice")
            kstore_named_put(made, at, args[given + i])
    elif given == shape.count:
        return made if shape.kinds is None else _looked_at(shape, made)
    for i in range(given, shape.count):
        if PyTuple_GET_ITEM(<PyObject *>made, i) == NULL:
            if i < shape.needed:
                raise TypeError(f"{shape.name}() lacks its field {shape.fields[i]}")
            kstore_named_put(made, i, PyTuple_GET_ITEM(<PyObject *>shape.defaults, i - shape.needed))
    return made if shape.kinds is None else _looked_at(shape, made)
