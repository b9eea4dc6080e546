"""``NamedTuple``: typing's for type checkers, and at run time an equivalent class that is much cheaper to make.

typing makes a ``ForwardRef`` of each annotation and compiles a constructor for each class, 50 to 150 microseconds; the
hundred and more message and value classes of a cluster would be a fifth of its import. Here annotations stay as
written, and a call of a class fills the tuple in C (``calls.pyx``), for a quarter of what a constructor in Python
takes.

>>> class Point(NamedTuple):
...     x: int
...     y: int = 0
>>> Point(1), Point(y=2, x=1) == (1, 2), Point(1)._replace(y=5)
(Point(x=1, y=0), True, Point(x=1, y=5))
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple  # noqa: TID251 - this is where the other one is made
    from typing import TypeVar

    C = TypeVar("C")

    def checked(cls: type[C]) -> type[C]:
        """Have calls of a class of named tuples look at its fields that are a str or an int."""
else:
    from _collections import _tuplegetter

    from kstore.named.calls import take_calls, take_checks

    KINDS = {"str": b"s", "str | None": b"o", "int": b"i"}

    def checked(cls):
        """Have calls of a class of named tuples look at its fields that are a str or an int, as its user makes them.

        Another kind of whole number becomes an int, None the default of a text; all else is a ``TypeError``.
        """
        kinds = b"".join(KINDS.get(cls.__annotations__[field], b"?") for field in cls._fields)
        take_checks(cls, kinds, _Converter(cls, kinds))
        return cls

    class _Converter:
        """Looks at a tuple whose fields aren't all of their kinds."""

        def __init__(self, cls, kinds):
            self.cls = cls
            self.kinds = kinds.decode()

        def __call__(self, made):
            fields = zip(self.cls._fields, self.kinds, made, strict=True)
            return tuple.__new__(self.cls, [self.converted(field, kind, value) for field, kind, value in fields])

        def converted(self, field, kind, value):
            name = f"{self.cls.__name__}.{field}"
            if kind == "i":
                from kstore.errors.arguments import plain_whole

                return plain_whole(name, value)
            if value is None and kind == "s":
                value = self.cls._field_defaults.get(field)
            if kind != "?" and isinstance(value, str):
                return str.__str__(value)
            if kind == "s" or (kind == "o" and value is not None):
                from kstore.errors.arguments import shown

                raise TypeError(f"{name} is a text; got {shown(value)}")
            return value

    class _Named(tuple):
        """What all named tuples can do."""

        __slots__ = ()
        _fields = ()
        _field_defaults = {}

        def __new__(cls, /, *values, **named):  # for derived classes, copies and pickles: else the call is C's
            return tuple.__new__(cls, cls._filled(*values, **named))

        @classmethod
        def _make(cls, iterable):
            return cls(*iterable)

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, /, **changes):
            made = tuple(map(changes.pop, self._fields, self))
            if changes:
                raise TypeError(f"{type(self).__name__} has no field {', '.join(changes)}")
            return type(self)(*made)

        def __repr__(self):
            fields = zip(self._fields, self, strict=True)
            return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in fields)})"

        def __getnewargs__(self):
            return tuple(self)

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
            for index, field in enumerate(fields):
                body[field] = _tuplegetter(index, None)
            made = type(name, (_Named,), body)
            made._filled = made
            take_calls(made, fields, tuple(defaults.values()))
            return made

    NamedTuple = type.__new__(_NamedType, "NamedTuple", (), {})
