"""Checks of arguments in the caller's own call, so that wrong types are refused at once.

Each function returns the value as it is used (a plain int for whatever is a whole number, NumPy's among them) and
raises ``TypeError`` for another kind of thing, ``ValueError`` for one that can't be used; the message names the
argument, what was given and what is wanted. Texts go to brokers as UTF-8 behind a length of 16 bits.

>>> whole("partition", 3, 0), text("topic", "orders")
(3, 'orders')
>>> whole("partition", "3", 0)
Traceback (most recent call last):
TypeError: partition is a whole number, at least 0; got '3'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import index
from os import PathLike, fspath
from typing import Any, TypeVar

from kstore.errors.config import nearest

T = TypeVar("T")

INT_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1
SHORT_MAX = 2**15 - 1
TEXT_BYTES_MAX = 2**15 - 1
SECONDS_MAX = 10**9
SHOWN = 200


def shown(value: object, most: int = SHOWN) -> str:
    """What was given, short."""
    try:
        told = repr(value)
    except Exception:  # noqa: BLE001 - whatever a stranger's __repr__ raises, and an int of too many digits
        return f"a {type(value).__name__} that can't be shown"
    return told if len(told) <= most else f"{told[:most]}... ({type(value).__name__})"


def plain_whole(name: str, value: Any, bounds: str = "") -> int:
    """A whole number of any size, which a bool isn't."""
    try:
        if not isinstance(value, bool):
            return index(value)
    except TypeError:
        pass  # said below, as of a bool
    raise TypeError(f"{name} is a whole number{bounds}; got {shown(value)}")


def whole(name: str, value: Any, least: int | None = None, most: int = INT_MAX) -> int:
    """A whole number within bounds."""
    found = plain_whole(name, value, _bounds(least, most))
    if not (-most - 1 if least is None else least) <= found <= most:
        raise ValueError(f"{name} is a whole number{_bounds(least, most)}; got {shown(value)}")
    return found


def _bounds(least: int | None, most: int) -> str:
    if most in (LONG_MAX, INT_MAX):
        return "" if least is None else f", at least {least}"
    return f" from {-most - 1 if least is None else least} to {most}"


def offset(name: str, value: Any, least: int = 0) -> int:
    """An offset, or a time in ms since 1970."""
    return whole(name, value, least, LONG_MAX)


def text(name: str, value: Any, *, or_none: bool = False) -> Any:
    """A text that can be sent, as a plain str."""
    if not isinstance(value, str):
        if value is None and or_none:
            return None
        raise TypeError(f"{name} is a text{' or None' if or_none else ''}; got {shown(value)}")
    check_sendable(name, value)
    return value if type(value) is str else plain(value)


def plain(value: str) -> str:
    """A text of a class of its own, such as an enumeration's member, as nothing but a text."""
    return str.__str__(value)


def check_sendable(name: str, value: str) -> None:
    """Raise ``ValueError`` for a text that can't be encoded as UTF-8, or is too long in it."""
    try:
        nbytes = len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} is a text that can be encoded as UTF-8; got {shown(value)}: {error.reason}") from None
    if nbytes > TEXT_BYTES_MAX:
        raise ValueError(f"{name} takes at most {TEXT_BYTES_MAX} bytes; got {nbytes}, {shown(value)}")


def is_utf8(value: str) -> bool:
    """Whether a text can be encoded as UTF-8, as one with half of a surrogate pair can't."""
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def truth(name: str, value: Any) -> bool:
    """True or False, NumPy's among them."""
    if isinstance(value, bool):
        return value
    if type(value).__name__ in ("bool", "bool_") and type(value).__module__ == "numpy":
        return bool(value)
    raise TypeError(f"{name} is True or False; got {shown(value)}")


def seconds(name: str, value: Any, unit: str = "seconds", most: int = SECONDS_MAX, *, or_none: bool = False) -> Any:
    """How long: a number that isn't negative."""
    if type(value) in (int, float) and 0 <= value <= most:
        return float(value)
    if value is None and or_none:
        return None
    error: type[Exception] = TypeError
    try:
        if not isinstance(value, (str, bytes, bytearray, bool)):
            found = float(value)
            if 0 <= found <= most:
                return found
            error = ValueError
    except OverflowError:
        error = ValueError
    except (TypeError, ValueError):
        pass  # said below
    raise error(f"{name} is a number of {unit}{' or None' if or_none else ''}, from 0 to {most}; got {shown(value)}")


def milliseconds(name: str, value: Any, *, or_none: bool = False) -> Any:
    """As ``seconds``, in milliseconds."""
    return seconds(name, value, "milliseconds", SECONDS_MAX * 1000, or_none=or_none)


def function(name: str, value: Any, *, or_none: bool = False) -> Any:
    """Something that can be called."""
    if not callable(value) and not (value is None and or_none):
        raise TypeError(f"{name} is a function{' or None' if or_none else ''}; got {shown(value)}")
    return value


def path(name: str, value: Any, *, or_none: bool = False) -> Any:
    """A path of the file system, as text."""
    if value is None and or_none:
        return None
    found = fspath(value) if isinstance(value, (str, PathLike)) else None
    if not isinstance(found, str):
        raise TypeError(f"{name} is a path{' or None' if or_none else ''}; got {shown(value)}")
    if not found or "\0" in found:
        raise ValueError(f"{name} is a path; got {shown(value)}, which is none")
    return found


def chosen(name: str, value: Any, choices: Iterable[str]) -> str:
    """One of some texts."""
    known = tuple(choices)
    if not isinstance(value, str):
        raise TypeError(f"{name} is one of {', '.join(known)}; got {shown(value)}")
    if value not in known:
        raise ValueError(f"{name} is one of {', '.join(known)}; got {shown(value)}{nearest(value[:SHOWN], known)}")
    return value


def listed(name: str, value: Iterable[T], of: str) -> list[T]:
    """The things in the order given; a text isn't a list of letters."""
    if isinstance(value, (str, bytes, bytearray)) or not isinstance(value, Iterable):
        raise TypeError(f"{name} takes a list of {of}; got {shown(value)}")
    return list(value)


def by_name(name: str, value: Any, of: str) -> Mapping[Any, Any]:
    """Things by what they belong to."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} is a mapping of {of}; got {shown(value)}")
    return value
