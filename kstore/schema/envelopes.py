"""Envelopes of messages that are records of a log: the bytes before the message.

* Coordinators (``__consumer_offsets``, ``__transaction_state``): two bytes. Before a key they are the record type,
  before a value the version of the message.
* ``__cluster_metadata``: three varints: the version of this envelope (1), the record type, the message's version.
"""

from __future__ import annotations

from kstore.schema.errors import SchemaError
from kstore.schema.messages.metadata_records import RECORD_TYPES
from kstore.schema.reader import decode_from
from kstore.schema.struct import Message
from kstore.schema.writer import encode

_METADATA_ENVELOPE = 1


def encode_key(key: Message) -> bytes:
    """The key of a coordinator's record: its type, then version 0 of the message."""
    return key.API_KEY.to_bytes(2, "big") + encode(key, 0)


def encode_value(value: Message, version: int) -> bytes:
    """The value of a coordinator's record: the version, then the message."""
    return version.to_bytes(2, "big") + encode(value, version)


def prefix_of(data: bytes | memoryview) -> int:
    """The record type before a key, or the version before a value; the message begins at byte 2."""
    if len(data) < 2:
        raise SchemaError(f"{len(data)} bytes are too short to be a coordinator's record")
    return int.from_bytes(data[:2], "big", signed=True)


def encode_metadata(message: Message, version: int) -> bytes:
    """The value of a record of ``__cluster_metadata``."""
    envelope = (_METADATA_ENVELOPE, message.API_KEY, version)
    if max(envelope) > 127 or min(envelope) < 0:
        raise ValueError(f"{message.NAME} has no place in a metadata log")
    return bytes(envelope) + encode(message, version)


def decode_metadata(data: bytes | memoryview) -> Message:
    """The message that such a value holds."""
    envelope, at = _varint(data, 0)
    if envelope != _METADATA_ENVELOPE:
        raise SchemaError(f"a metadata record in an envelope of version {envelope}; only 1 is known")
    type_, at = _varint(data, at)
    version, at = _varint(data, at)
    if type_ not in RECORD_TYPES:
        raise SchemaError(f"a metadata record of type {type_}, which Kafka 4.4 doesn't have")
    message, at = decode_from(RECORD_TYPES[type_], version, data, at)
    if at != len(data):
        raise SchemaError(f"{len(data) - at} bytes are left over after a {message.NAME}")
    return message


def _varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """A small unsigned varint of an envelope, and where it ends."""
    value = 0
    for index in range(3):
        if at + index >= len(data):
            break
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise SchemaError("a metadata record's envelope is cut off")
