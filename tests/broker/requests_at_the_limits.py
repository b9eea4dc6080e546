"""Requests of every key and version whose fields stand at their limits, made from the messages' own tables."""

from __future__ import annotations

from typing import Any

from kstore.schema.struct import Field, Message, Struct

LONGEST = "a" * 32_767
BITS = {"int8": 7, "int16": 15, "int32": 31, "int64": 63}
NAMES_THAT_EXIST = {"group_id": "g", "groups": "g", "groups_names": "g", "key": "g", "coordinator_keys": "g"}
TOPIC = "t"


def covers(versions: str, version: int) -> bool:
    first, dash, last = versions.partition("-")
    if not versions:
        return False
    return int(first.rstrip("+")) <= version <= (int(last) if dash else 999 if versions.endswith("+") else int(first))


class Filling:
    """How fields are filled: ``string`` everywhere (None: with names that exist), numbers at one end of their range
    (None: small ones), lists with so many equal elements.
    """

    def __init__(self, string: str | None = None, number: int | None = None, repeats: int = 1) -> None:
        self.string = string
        self.number = number
        self.repeats = repeats

    def message(self, cls: type[Message], version: int, **fixed: Any) -> Message:
        """A request of the class; ``fixed`` are fields with other values, at any depth."""
        return self._struct(cls, version, fixed)  # type: ignore[return-value]

    def _struct(self, cls: type[Struct], version: int, fixed: dict[str, Any]) -> Struct:
        made = cls()
        for name, field in cls.fields().items():
            if name in fixed and covers(field.versions, version):
                setattr(made, name, fixed[name])
            elif covers(field.versions, version):
                setattr(made, name, self._value(name, field, field.kind, version, fixed))
        return made

    def _value(self, name: str, field: Field, kind: Any, version: int, fixed: dict[str, Any]) -> Any:
        if isinstance(kind, list):
            return [self._value(name, field, kind[0], version, fixed) for _ in range(self.repeats)]
        if isinstance(kind, type):
            return self._struct(kind, version, fixed)
        if kind == "string":
            return NAMES_THAT_EXIST.get(name, TOPIC) if self.string is None else self.string
        if kind in BITS:
            return self._number(BITS[kind])
        values = {"bool": False, "bytes": b"", "records": b"", "uuid": b"\0" * 15 + b"\7", "float64": 0.0}
        return values.get(kind, 0)

    def _number(self, bits: int) -> int:
        if self.number is None:
            return 0
        return (1 << bits) - 1 if self.number > 0 else -(1 << bits)
