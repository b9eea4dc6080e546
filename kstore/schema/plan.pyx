"""Plans: how the codec reads and writes one version of one struct, compiled when the version is first used.

A plan is three arrays of steps: fields that are written in order, tagged fields by rising tag, and fields that the
version doesn't have (to check when encoding, and to fill with defaults when decoding). A step knows the slot's
offset, so that reading or writing a field is one switch and one memory access.

Plans of inner structs belong to the same (class, version) table; they are compiled for the version of the message
that they are part of. Kafka's definitions have no recursive structs; a depth over ``DEPTH_MAX`` is refused.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free

from kstore.errors import UnsupportedVersion
from kstore.schema.struct cimport Field, Layout, fresh_default, layout_of

from kstore.schema.struct import Message

cdef enum:
    DEPTH_MAX = 16

_KINDS = {
    "bool": K_BOOL, "int8": K_INT8, "int16": K_INT16, "int32": K_INT32, "int64": K_INT64, "uint16": K_UINT16,
    "uint32": K_UINT32, "float64": K_FLOAT64, "uuid": K_UUID, "string": K_STRING, "bytes": K_BYTES,
    "records": K_RECORDS,
}
_FIXED_BYTES = {
    K_BOOL: 1, K_INT8: 1, K_INT16: 2, K_INT32: 4, K_INT64: 8, K_UINT16: 2, K_UINT32: 4, K_FLOAT64: 8, K_UUID: 16,
}


cdef class Plan:
    """One version of one struct, ready for the codec."""

    def __cinit__(self):
        self.steps = self.tagged = self.absent = NULL

    def __dealloc__(self):
        PyMem_Free(self.steps)
        PyMem_Free(self.tagged)
        PyMem_Free(self.absent)


cdef bint _covers(str versions, int version) except -1:
    """Whether a range as Kafka writes it ("3", "0-12", "4+", "") contains the version."""
    if not versions:
        return False
    first, dash, last = versions.partition("-")
    if versions.endswith("+"):
        return int(versions.rstrip("+")) <= version
    return int(first) <= version <= int(last or first)


cdef Plan plan_of(cls, int version):
    """The plan of a message's version; ``UnsupportedVersion`` when the message doesn't have it."""
    cdef Layout layout = layout_of(cls)
    found = None if layout.plans is None else layout.plans.get(version)
    if found is not None and (<Plan>found).whole:
        return <Plan>found
    if not issubclass(cls, Message):
        raise TypeError(f"{cls.__name__} is a part of a message; only a message has versions of its own")
    first, last = cls.VERSIONS
    if not first <= version <= last:
        raise UnsupportedVersion(f"{cls.NAME} has versions {first} to {last}, not {version}")
    return _compiled(cls, version, version >= cls.FLEXIBLE_FROM, 0)


cdef Plan _compiled(cls, int version, bint flexible, int depth):
    cdef Layout layout = layout_of(cls)
    cdef Plan plan
    if layout.plans is None:
        layout.plans = {}
    if version in layout.plans:
        return layout.plans[version]
    if depth > DEPTH_MAX:
        raise TypeError(f"{cls.__name__} lies more than {DEPTH_MAX} structs deep")
    plan = Plan.__new__(Plan)
    plan.cls = cls
    plan.version = version
    plan.flexible = flexible
    plan.whole = depth == 0
    plan.api_key = cls.API_KEY if plan.whole else -1
    plan.layout = layout
    plan.kept = []
    _add_steps(plan, depth)
    layout.plans[version] = plan
    return plan


cdef int _add_steps(Plan plan, int depth) except -1:
    cdef Field spec
    cdef Step *step
    names = range(len(plan.layout.specs))
    here = [i for i in names if _covers((<Field>plan.layout.specs[i]).versions, plan.version)]
    in_order = [i for i in here if plan.layout.specs[i].tag < 0]
    by_tag = sorted([i for i in here if plan.layout.specs[i].tag >= 0], key=lambda i: plan.layout.specs[i].tag)
    elsewhere = [i for i in names if i not in here]
    plan.count, plan.tagged_count, plan.absent_count = len(in_order), len(by_tag), len(elsewhere)
    plan.steps = _room(plan.count)
    plan.tagged = _room(plan.tagged_count)
    plan.absent = _room(plan.absent_count)
    plan.least = 1 if plan.flexible else 0
    if plan.tagged_count > 64 or (plan.tagged_count and not plan.flexible):
        raise TypeError(f"{plan.cls.__name__} has more tagged fields in version {plan.version} than there may be")
    for at, index in enumerate(in_order):
        plan.least += _set_step(plan, &plan.steps[at], index, depth)
    for at, index in enumerate(by_tag):
        _set_step(plan, &plan.tagged[at], index, depth)
    for at, index in enumerate(elsewhere):
        spec = _set_plain(plan, &plan.absent[at], index)
        if isinstance(spec.kind, type):
            plan.absent[at].kind = K_STRUCT
    return 0


cdef Step *_room(int count) except NULL:
    cdef Step *room = <Step *>PyMem_Calloc(max(count, 1), sizeof(Step))
    if room == NULL:
        raise MemoryError
    return room


cdef Field _set_plain(Plan plan, Step *step, int index):
    """Set what steps of every kind have."""
    cdef Field spec = plan.layout.specs[index]
    value = fresh_default(plan.layout, index)
    plan.kept.append(value)
    step.default = <PyObject *>value
    step.index = index
    step.offset = plan.layout.offset_at[index]
    step.tag = spec.tag
    step.ignorable = spec.ignorable
    step.nullable = _covers(spec.nullable, plan.version)
    step.compact = plan.flexible and spec.flexible
    return spec


cdef Py_ssize_t _set_step(Plan plan, Step *step, int index, int depth) except -1:
    """Complete a step; returns the fewest bytes that its field takes."""
    cdef Field spec = _set_plain(plan, step, index)
    cdef Plan inner
    kind = spec.kind
    if isinstance(kind, list):
        step.kind = K_ARRAY
        kind = kind[0]
    if isinstance(kind, str):
        step.element = _KINDS[kind]
        step.least = _least(step.element, step.compact)
    else:
        inner = _compiled(kind, plan.version, plan.flexible, depth + 1)
        plan.kept.append(inner)
        step.plan = <PyObject *>inner
        step.element = K_STRUCT
        step.least = inner.least
    if step.kind == K_ARRAY:
        step.least = max(step.least, 1)
        return 1 if step.compact else 4
    step.kind = step.element
    return 1 if step.kind == K_STRUCT and step.nullable else step.least


cdef Py_ssize_t _least(Kind kind, bint compact) except -1:
    if kind in _FIXED_BYTES:
        return _FIXED_BYTES[kind]
    if compact:
        return 1
    return 2 if kind == K_STRING else 4
