"""``NamedTuple``: typing's to a type checker, and at run time the same kind of class for a sixth of the price.

typing makes a ``ForwardRef`` of each annotation and compiles a constructor for each class, 50 to 150 microseconds; the
hundred and more message and value classes of a cluster would be a fifth of its import. Here annotations stay as
written, and constructors of the same number of fields share their code but for the names.

>>> class Point(NamedTuple):
...     x: int
...     y: int = 0
>>> Point(1), Point(y=2, x=1) == (1, 2), Point(1)._replace(y=5)
(Point(x=1, y=0), True, Point(x=1, y=5))
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from _collections import _tuplegetter
    from types import FunctionType

    _GLOBALS = {"_tuple_new": tuple.__new__, "__builtins__": {}, "__name__": __name__}
    _constructors = {}  # by the number of fields: the code of a constructor

    class _Named(tuple):
        """What all named tuples can do."""

        __slots__ = ()
        _fields = ()
        _field_defaults = {}

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, /, **changes):
            made = tuple.__new__(type(self), map(changes.pop, self._fields, self))
            if changes:
                raise TypeError(f"{type(self).__name__} has no field {', '.join(changes)}")
            return made

        def __repr__(self):
            fields = zip(self._fields, self, strict=True)
            return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in fields)})"

        def __getnewargs__(self):
            return tuple(self)

    def _constructor(fields, defaults):
        code = _constructors.get(len(fields))
        if code is None:
            names = ", ".join(f"_{number}" for number in range(len(fields)))
            text = f"lambda _cls, {names}: _tuple_new(_cls, ({names}{',' if names else ''}))"
            code = _constructors[len(fields)] = eval(text, _GLOBALS).__code__
        code = code.replace(co_varnames=("_cls", *fields), co_name="__new__", co_qualname="__new__")
        return FunctionType(code, _GLOBALS, "__new__", defaults)

    class _NamedType(type):
        """Makes what is derived from ``NamedTuple``; classes derived from that are ordinary ones."""

        def __new__(cls, name, _bases, body):
            if "__annotate_func__" in body:  # Python 3.14, without annotations from the future
                annotations = body["__annotate_func__"](1)
            else:
                annotations = body.get("__annotations__", {})
            fields = tuple(annotations)
            defaults = {field: body.pop(field) for field in fields if field in body}
            if tuple(defaults) != fields[len(fields) - len(defaults) :]:
                raise TypeError(f"{name}: a field without a default follows one with a default")
            body["__slots__"] = ()
            body["_fields"] = body["__match_args__"] = fields
            body["_field_defaults"] = defaults
            body["__new__"] = _constructor(fields, tuple(defaults.values()))
            for index, field in enumerate(fields):
                body[field] = _tuplegetter(index, None)
            return type(name, (_Named,), body)

    NamedTuple = type.__new__(_NamedType, "NamedTuple", (), {})
