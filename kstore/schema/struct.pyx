"""Structs: the slotted classes of Kafka's messages, and how message modules declare them.

A message module says what a struct is, one line a field::

    class PartitionProduceData(Struct):
        index: int = field(INT32, "0+", default=0)
        records: Records | None = field(RECORDS, "0+", nullable="0+", default=None)

``StructType`` turns that into a slotted class that takes every field as a keyword and has Kafka's default for it.
The wire kind and the versions stay in the class's ``Layout``; the codec compiles them when a version is first used.

Why not dataclasses: a broker makes three to six of these a request. Here the slots' offsets are known, so
making one, comparing two, reading and writing all fields is plain memory access; a call with keywords goes
through the class's vectorcall and makes no dict. The garbage collector doesn't track structs, nor the lists that the
codec makes: they hold data without cycles, and in a request of a million structs it would walk over all of them again
and again while everything waits.

Invariants: every slot of an instance that came from a call is filled; ``Layout`` outlives its class (it is
kept for the process); a class's slots never move, as CPython's member descriptors promise.
"""

from cpython.dict cimport PyDict_GetItem
from cpython.list cimport PyList_New
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF, Py_XDECREF

cdef extern from *:
    """
    #include <Python.h>
    #include <structmember.h>
    static Py_ssize_t kstore_slot_offset(PyObject *descriptor) {
        if (!Py_IS_TYPE(descriptor, &PyMemberDescr_Type)) return -1;
        return ((PyMemberDescrObject *)descriptor)->d_member->offset;
    }
    static void kstore_take_calls(PyObject *cls, void *function) {
        ((PyTypeObject *)cls)->tp_vectorcall = (vectorcallfunc)function;
    }
    static void kstore_calls_are_vectorcalls(PyObject *metaclass) {
        ((PyTypeObject *)metaclass)->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
    }
    static PyObject *kstore_bare(PyObject *cls) {
        PyObject *made = ((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, 0);
        if (made) PyObject_GC_UnTrack(made);
        return made;
    }
    """
    Py_ssize_t kstore_slot_offset(object descriptor)
    void kstore_take_calls(object cls, void *function)
    void kstore_calls_are_vectorcalls(object metaclass)
    object kstore_bare(object cls)
    void PyObject_GC_UnTrack(PyObject *made)
    Py_ssize_t PyVectorcall_NARGS(size_t nargsf)
    Py_ssize_t PyTuple_GET_SIZE(PyObject *t)
    PyObject *PyTuple_GET_ITEM(PyObject *t, Py_ssize_t i)

BOOL = "bool"
INT8 = "int8"
INT16 = "int16"
INT32 = "int32"
INT64 = "int64"
UINT16 = "uint16"
UINT32 = "uint32"
FLOAT64 = "float64"
STRING = "string"
BYTES = "bytes"
RECORDS = "records"
UUID = "uuid"

_MISSING = object()
cdef dict _layouts = {}


cdef class Field:
    """What is known of a field before a version of it is compiled; made by ``field``."""

    def __repr__(self):
        return f"Field({self.kind!r}, {self.versions!r}, default={self.default!r})"


def field(kind, str versions, *, default=_MISSING, factory=None, str nullable="", int tag=-1,
          bint ignorable=False, bint flexible=True):
    """One field: its kind (a constant, a struct class, or a list of one of them), versions, default, tag.

    ``nullable`` is a range of versions too; a field with a ``tag`` is written only when it isn't the default;
    ``ignorable`` lets a value be left out of versions that don't have the field, instead of an error;
    ``flexible=False`` keeps the old encoding even in flexible versions.
    """
    cdef Field made = Field.__new__(Field)
    if (default is _MISSING) == (factory is None):
        raise TypeError("a field has either default= or factory=")
    made.kind = kind
    made.versions = versions
    made.default = default if factory is None else factory
    made.fresh = factory is not None
    made.nullable = nullable
    made.tag = tag
    made.ignorable = ignorable
    made.flexible = flexible
    return made


cdef class Layout:
    """Where a struct class keeps its fields."""

    def __cinit__(self):
        self.count = 0
        self.name_at = NULL
        self.default_at = NULL
        self.offset_at = NULL
        self.fresh_at = NULL

    def __dealloc__(self):
        PyMem_Free(self.name_at)
        PyMem_Free(self.default_at)
        PyMem_Free(self.offset_at)
        PyMem_Free(self.fresh_at)


cdef Layout _lay_out(cls, tuple names, tuple specs):
    cdef Layout layout = Layout.__new__(Layout)
    cdef int i
    layout.cls = cls
    layout.specs = specs
    layout.names = names + ("unknown_tagged_fields",)
    layout.defaults = tuple([(<Field>spec).default for spec in specs]) + ((),)
    layout.count = len(layout.names)
    layout.name_at = <PyObject **>PyMem_Malloc(layout.count * sizeof(PyObject *))
    layout.default_at = <PyObject **>PyMem_Malloc(layout.count * sizeof(PyObject *))
    layout.offset_at = <Py_ssize_t *>PyMem_Malloc(layout.count * sizeof(Py_ssize_t))
    layout.fresh_at = <char *>PyMem_Malloc(layout.count)
    if not (layout.name_at and layout.default_at and layout.offset_at and layout.fresh_at):
        raise MemoryError
    for i in range(layout.count):
        layout.name_at[i] = <PyObject *>layout.names[i]
        layout.default_at[i] = <PyObject *>layout.defaults[i]
        layout.offset_at[i] = kstore_slot_offset(getattr(cls, layout.names[i]))
        if layout.offset_at[i] < 0:
            raise TypeError(f"{cls.__name__}.{layout.names[i]} is not a slot")
        layout.fresh_at[i] = SHARED
        if i < layout.count - 1 and (<Field>specs[i]).fresh:
            layout.fresh_at[i] = LIST if (<Field>specs[i]).default is list else STRUCT
    return layout


cdef Layout layout_of(cls):
    cdef PyObject *found = PyDict_GetItem(_layouts, cls)
    if found == NULL:
        raise TypeError(f"{cls.__name__} is not a struct")
    return <Layout>found


class StructType(type):
    """The metaclass of structs: makes slots of the fields, and calls of the class fast."""

    def __new__(mcls, str name, tuple bases, dict namespace):
        cdef Layout layout
        inherited = _layouts.get(bases[0]) if bases else None
        names = [] if inherited is None else [*(<Layout>inherited).names][:len((<Layout>inherited).specs)]
        specs = [] if inherited is None else list((<Layout>inherited).specs)
        own = [key for key, value in namespace.items() if isinstance(value, Field)]
        for key in own:
            names.append(key)
            specs.append(namespace.pop(key))
        if bases:
            namespace["__slots__"] = (*own, *namespace.get("__slots__", ()))
        cls = type.__new__(mcls, name, bases, namespace)
        layout = _lay_out(cls, tuple(names), tuple(specs))
        _layouts[cls] = layout
        if inherited is None or ((<Layout>inherited).plain and not {"__init__", "__new__"} & namespace.keys()):
            layout.plain = True
            kstore_take_calls(cls, <void *>_construct)
        return cls

    def fields(cls):
        """The class's fields: name -> what ``field`` was given."""
        cdef Layout layout = layout_of(cls)
        return dict(zip(layout.names, layout.specs))


kstore_calls_are_vectorcalls(StructType)


cdef object untracked(object made):
    """The same object, which the garbage collector doesn't track any more."""
    PyObject_GC_UnTrack(<PyObject *>made)
    return made


cdef object fresh_default(Layout layout, int index):
    cdef char fresh = layout.fresh_at[index]
    if fresh == SHARED:
        return <object>layout.default_at[index]
    if fresh == LIST:
        return untracked(PyList_New(0))
    return (<object>layout.default_at[index])()


cdef inline void _put(object owner, Py_ssize_t offset, object value) noexcept:
    cdef PyObject **at = slot(owner, offset)
    cdef PyObject *old = at[0]
    Py_INCREF(value)
    at[0] = <PyObject *>value
    Py_XDECREF(old)


cdef int _index_of(Layout layout, PyObject *name, int guess) except -1:
    """The field of that name; keywords mostly come in the order of the fields, so look there first."""
    cdef int i
    for i in range(guess, layout.count):
        if layout.name_at[i] == name:
            return i
    for i in range(layout.count):
        if layout.name_at[i] == name or <object>layout.name_at[i] == <object>name:
            return i
    raise TypeError(f"{layout.cls.__name__} has no field {<object>name!r}; it has {', '.join(layout.names)}")


cdef int _fill_rest(Layout layout, object made) except -1:
    cdef int i
    for i in range(layout.count):
        if slot(made, layout.offset_at[i])[0] == NULL:
            _put(made, layout.offset_at[i], fresh_default(layout, i))
    return 0


cdef object _construct(PyObject *cls, PyObject **args, size_t nargsf, PyObject *kwnames):
    cdef Layout layout = layout_of(<object>cls)
    cdef object made
    cdef Py_ssize_t i
    cdef int at = 0
    if PyVectorcall_NARGS(nargsf) != 0:
        raise TypeError(f"{layout.cls.__name__} takes its fields as keywords")
    made = kstore_bare(<object>cls)
    if kwnames != NULL:
        for i in range(PyTuple_GET_SIZE(kwnames)):
            at = _index_of(layout, PyTuple_GET_ITEM(kwnames, i), at)
            _put(made, layout.offset_at[at], <object>args[i])
    _fill_rest(layout, made)
    return made


cdef object bare(cls):
    """An instance whose slots are all still empty: for the decoder, which fills every one."""
    return kstore_bare(cls)


class Struct(metaclass=StructType):
    """What all messages and their parts are: slots, keywords, equality by fields, a readable repr.

    ``unknown_tagged_fields`` keeps ``(tag, bytes)`` pairs that a newer peer sent; they are written again.
    """

    __slots__ = ("unknown_tagged_fields",)

    def __init__(self, **fields):
        cdef Layout layout = layout_of(type(self))
        cdef int at = 0
        for name, value in fields.items():
            at = _index_of(layout, <PyObject *>name, at)
            _put(self, layout.offset_at[at], value)
        _fill_rest(layout, self)

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return same(self, other)

    __hash__ = None

    def __repr__(self):
        cdef Layout layout = layout_of(type(self))
        shown = [f"{name}={getattr(self, name)!r}" for name in layout.names[:layout.count - 1]]
        if self.unknown_tagged_fields:
            shown.append(f"unknown_tagged_fields={self.unknown_tagged_fields!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


class Message(Struct):
    """A struct that travels by itself, under a version: a request, a response, a header, a record of a log.

    ``API_KEY`` is the request's key, or a record's type; -1 where Kafka has none. ``VERSIONS`` are the first and
    the last version, ``FLEXIBLE_FROM`` the first with compact lengths and tagged fields (32767: none has them).
    ``LATEST_UNSTABLE`` says that the last version isn't final and mustn't be advertised.
    """

    __slots__ = ()
    NAME = ""
    API_KEY = -1
    VERSIONS = (0, 0)
    FLEXIBLE_FROM = 32767
    LATEST_UNSTABLE = False


cdef bint same(object left, object right) except -1:
    """Equal field by field, for two of one class."""
    cdef Layout layout = layout_of(type(left))
    cdef PyObject *a
    cdef PyObject *b
    cdef int i
    for i in range(layout.count):
        a = slot(left, layout.offset_at[i])[0]
        b = slot(right, layout.offset_at[i])[0]
        if a == b:
            continue
        if a == NULL or b == NULL or <object>a != <object>b:
            return False
    return True
