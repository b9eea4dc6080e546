"""A record as one line of JSON, and back: what ``kstore consume --json`` prints and ``kstore produce --json-in`` reads.

    {"topic": "orders", "partition": 0, "offset": 41, "timestamp": 1700000000000, "timestamp_type": "create",
     "headers": [["trace", "7f"]], "key": "order1", "value": "shipped"}

Keys, values and header values are strings where their bytes are UTF-8, null where they are null, and otherwise
``{"base64": "..."}``, so that every record comes back as it was.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    from actors.clients.consumer.records import ConsumerRecord

TIMESTAMP_TYPES = {0: "create", 1: "log-append"}


class EnvelopeError(ValueError):
    """A line that is no record's JSON, with what is wrong with it."""


class Sent(TypedDict):
    """What a producer's ``send`` is given of a record."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    partition: NotRequired[int]
    timestamp_ms: NotRequired[int]


def to_json(data: bytes | None) -> str | dict[str, str] | None:
    r"""Bytes as JSON shows them.

    >>> to_json(b"caf\xc3\xa9"), to_json(b"\xff"), to_json(None)
    ('café', {'base64': '/w=='}, None)
    """
    if data is None:
        return None
    try:
        return bytes(data).decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def from_json(shown: object, what: str) -> bytes | None:
    """The bytes that JSON shows, the reverse of ``to_json``; ``what`` names them in an error."""
    if shown is None:
        return None
    if isinstance(shown, str):
        try:
            return shown.encode()
        except UnicodeEncodeError:  # JSON may escape half of a surrogate pair
            raise EnvelopeError(f"{what} has characters that UTF-8 hasn't") from None
    if isinstance(shown, dict) and list(shown) == ["base64"] and isinstance(shown["base64"], str):
        try:
            return base64.b64decode(shown["base64"], validate=True)
        except ValueError as error:
            raise EnvelopeError(f"{what} is not base64: {error}") from None
    raise EnvelopeError(f'{what} is neither a string, nor null, nor {{"base64": "..."}}')


def record_line(record: ConsumerRecord) -> bytes:
    """A consumed record as one line."""
    shown = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "timestamp_type": TIMESTAMP_TYPES.get(record.timestamp_type, "none"),
        "headers": [[name, to_json(value)] for name, value in record.headers],
        "key": to_json(record.key),
        "value": to_json(record.value),
    }
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def read_record(line: bytes) -> Sent:
    """What a line says to ``send``: key, value and headers, and partition and timestamp_ms where it has them.

    >>> read_record(b'{"key": "a", "value": null, "timestamp": 5}')
    {'key': b'a', 'value': None, 'headers': [], 'timestamp_ms': 5}
    """
    try:
        shown = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError(f"no JSON: {error}") from None
    if not isinstance(shown, dict):
        raise EnvelopeError("a record is a JSON object, with key, value, headers, partition, timestamp")
    headers = shown.get("headers") or []
    if not isinstance(headers, list) or not all(_is_header(pair) for pair in headers):
        raise EnvelopeError("headers are a list of [name, value]")
    sent: Sent = {
        "key": from_json(shown.get("key"), "the key"),
        "value": from_json(shown.get("value"), "the value"),
        "headers": [(name, from_json(value, f"the header {name!a}")) for name, value in headers],
    }
    if (partition := _integer_in(shown, "partition")) is not None:
        sent["partition"] = partition
    if (timestamp := _integer_in(shown, "timestamp")) is not None:
        sent["timestamp_ms"] = timestamp
    return sent


def _integer_in(shown: Mapping[str, object], field: str) -> int | None:
    value = shown.get(field)
    if value is not None and not isinstance(value, int):
        raise EnvelopeError(f"{field} is no integer")
    return value


def _is_header(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and is_utf8(pair[0])


def is_utf8(text: str) -> bool:
    return all(not 0xD800 <= ord(each) < 0xE000 for each in text)
