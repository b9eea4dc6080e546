"""Serializers: from the user's keys and values to bytes, and errors that say why one can't be sent.

A serializer is a callable of the value, or an object with kafka-python's ``serialize(topic, headers, data)`` or its
older ``serialize(topic, data)``. A callable isn't called for None, which stays None: a record without a key, or a
tombstone (Java's own serializers make null of null too). An object is called for everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from actors.clients.errors import BufferExhausted, SerializationFailed
from actors.runtime.signals import is_interrupt
from kstore.errors import KafkaError, MessageTooLarge
from kstore.errors.arguments import is_utf8, offset, shown

if TYPE_CHECKING:
    from actors.clients.keywords.table import ProducerConfig

PAIR = 2
HEADERS_FROM = 3  # parameters: (topic, headers, data)

Headers = Sequence[tuple[str, Any]]
Serialize = Callable[[str, Headers | None, object], object]


def serializer(given: Any) -> Serialize | None:
    """A keyword's value as a function of topic, headers and data; None when there is none."""
    if given is None:
        return None
    method = getattr(given, "serialize", None)
    if method is None:
        return partial(_by_callable, given)
    import inspect  # milliseconds, for what few give

    if len(inspect.signature(method).parameters) >= HEADERS_FROM:
        return partial(_by_method, method)
    return partial(_by_old_method, method)


def _by_callable(function: Callable[[object], object], topic: str, headers: Headers | None, data: object) -> object:
    return None if data is None else function(data)


def _by_method(
    method: Callable[[str, Headers, object], object], topic: str, headers: Headers | None, data: object
) -> object:
    return method(topic, headers or [], data)


def _by_old_method(
    method: Callable[[str, object], object], topic: str, headers: Headers | None, data: object
) -> object:
    return method(topic, data)


def serialized(serialize: Serialize | None, topic: str, headers: Headers | None, data: object) -> object:
    """What a serializer makes of a key or a value.

    Raises:
        SerializationFailed: it raised; its exception is the cause.
    """
    if serialize is None:
        return data
    try:
        return serialize(topic, headers, data)
    except Exception as error:
        if is_interrupt(error):
            raise
        raise SerializationFailed(f"a serializer for {topic} raised {error!r}") from error


def check_many(values: object, what: str) -> None:
    """Raise ``TypeError`` for what isn't many keys or values."""
    if isinstance(values, str | bytes | bytearray | memoryview | Mapping) or not isinstance(values, Iterable):
        raise TypeError(f"{what} are many: a list or an array of them, not one {type(values).__name__}")


def all_serialized(serialize: Serialize | None, what: str, topic: str, data: Iterable[object]) -> Iterable[object]:
    """As ``serialized``, for the keys or values of many records; raises ``TypeError`` when one isn't bytes-like."""
    if serialize is None:
        return data
    made = [serialized(serialize, topic, None, each) for each in data]
    for each in made:
        if type(each) is not bytes and not _is_bytes_like(each):
            raise TypeError(_no_bytes_of(what, each))
    return made


def _no_bytes_of(what: str, made: object) -> str:
    return f"the {what}_serializer returned {type(made).__name__} {shown(made, 60)}, not something bytes-like or None"


def not_bytes(key: object, value: object, config: ProducerConfig) -> str:
    """Which of the two isn't what a record is made of."""
    what, wrong = ("key", key) if not _is_bytes_like(key) else ("value", value)
    if getattr(config, f"{what}_serializer") is not None:
        return _no_bytes_of(what, wrong)
    return f"a {what} is bytes-like or None, not {type(wrong).__name__}: give {what}_serializer"


def time_of(timestamp_ms: object) -> int:
    """A record's time, as its user gave it."""
    try:
        return offset("timestamp_ms", timestamp_ms)
    except ValueError:
        raise ValueError(
            f"timestamp_ms, a record's time, is in ms since 1970, not {shown(timestamp_ms)}: give at least 0"
        ) from None


def no_headers(headers: object) -> str:
    """What is wrong with headers that aren't pairs of a str and bytes."""
    kind = 'headers are pairs such as [("source", b"web")]'
    if isinstance(headers, Mapping):
        return f"{kind}, not a {type(headers).__name__}: give list(headers.items())"
    if not isinstance(headers, Iterable):
        return f"{kind}, not {shown(headers, 60)}"
    for each in headers:
        if not isinstance(each, Sequence) or isinstance(each, str | bytes) or len(each) != PAIR:
            return f"{kind}; {shown(each, 60)} is no pair"
        name, value = each
        if not isinstance(name, str):
            return f"in headers a header's name is a str, not {type(name).__name__} {shown(name, 60)}"
        if not is_utf8(name):
            return f"in headers a header's name is a text that can be encoded as UTF-8, not {shown(name, 60)}"
        if not _is_bytes_like(value):
            encode = ": encode it" if isinstance(value, str) else ""
            given = f"{type(value).__name__} {shown(value, 60)}{encode}"
            return f"in headers the value of header {name} is bytes-like or None, not {given}"
    return f"{kind}; got {shown(headers, 60)}"


def too_large(config: ProducerConfig, nbytes: int) -> KafkaError:
    """Why a record of this size isn't taken."""
    limit, name = config.max_request_size, "max_request_size"
    if nbytes <= limit:
        limit, name = config.buffer_memory, "buffer_memory"
    return MessageTooLarge(f"the record takes {nbytes} bytes, more than {name} ({limit})")


def no_room(config: ProducerConfig, nbytes: int, free_bytes: int) -> KafkaError:
    """Why a record isn't taken that there was no memory for."""
    return BufferExhausted(
        f"{nbytes} bytes of buffer memory were not free within max_block_ms ({config.max_block_ms}); {free_bytes} of"
        f" {config.buffer_memory} are"
    )


def _is_bytes_like(data: Any) -> bool:
    try:
        return data is None or memoryview(data).contiguous
    except TypeError:
        return False
