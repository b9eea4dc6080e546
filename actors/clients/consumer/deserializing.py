"""Deserializers: from the bytes of a record's key and value to the user's objects.

A deserializer is a callable of the bytes, or an object with kafka-python's ``deserialize(topic, headers, data)`` or its
older ``deserialize(topic, data)``. As in the Java client it is not called for None, which stays None.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from kstore.named import NamedTuple

HEADERS_FROM = 3  # parameters: (topic, headers, data)


class Deserialize(NamedTuple):
    """One that is told what it is about: called with the topic, the headers and the bytes."""

    function: Callable[[str, Any, bytes], Any]


def deserializer(given: Any) -> Callable[[bytes], Any] | Deserialize | None:
    """A keyword's value as what ``PartitionRecords`` calls.

    >>> deserializer(bytes.decode)(b"order123")
    'order123'
    """
    method = getattr(given, "deserialize", None)
    if given is None or method is None:
        return given  # type: ignore[no-any-return]
    if len(inspect.signature(method).parameters) >= HEADERS_FROM:
        return Deserialize(method)
    return Deserialize(lambda topic, _headers, data: method(topic, data))
