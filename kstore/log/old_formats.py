"""Detects messages of format 0 and 1, which Apache Kafka wrote before 0.11.

::

    offset int64 | size int32 | crc uint32 | magic int8: 0, 1 | attributes int8 | timestamp int64, in format 1 alone |
    key length int32, -1 for null | key | value length int32, -1 for null | value

kstore has no reader for them. A log that holds them isn't damaged, so nothing of it may be cut: it is refused.
"""

from kstore.errors import CorruptMessage, KafkaStorageError
from kstore.errors.arguments import LONG_MAX
from kstore.log.scan import find_end
from kstore.records import HEADER_BYTES

FIX = "start Apache Kafka on it, copy the topic's records to a new topic, and delete the old one"

BEFORE_SIZE = 12  # what the size doesn't count
MAGIC_AT = 16
KEY_AT = {0: 18, 1: 26}
LENGTH_AT = 8


class OldFormat(KafkaStorageError):
    """A log holds messages that kstore can't read."""


def refusal(path: str, magic: int) -> str:
    """Why a log can't be opened, and the way out."""
    return f"{path} has messages of format {magic}, from before Apache Kafka 0.11, which kstore can't read: {FIX}"


def find_old_message(data: bytes) -> int | None:
    """The format of the first message behind the batches that these bytes begin with; None if there is none."""
    try:
        _, at, _ = find_end(data, len(data), LONG_MAX)
    except CorruptMessage:
        at = position_of_no_batch(data)
    return old_format(memoryview(data)[at:])


def position_of_no_batch(data: bytes) -> int:
    """Where the walk over batches ended."""
    at = 0
    while data[at + MAGIC_AT] == 2 and (size := _int32(data, at + LENGTH_AT)) >= HEADER_BYTES - BEFORE_SIZE:
        at += BEFORE_SIZE + size
    return at


def old_format(data: bytes | memoryview) -> int | None:
    """The format of the message that these bytes begin with; None if it isn't one, in size and lengths."""
    if len(data) <= MAGIC_AT:
        return None
    key_at = KEY_AT.get(data[MAGIC_AT])
    if key_at is None or len(data) < key_at + 4:
        return None
    end = BEFORE_SIZE + _int32(data, LENGTH_AT)
    key_length = _int32(data, key_at)
    value_at = key_at + 4 + max(key_length, 0)
    if key_length < -1 or value_at + 4 > end:
        return None
    if value_at + 4 > len(data):
        return data[MAGIC_AT]  # a long key: what follows it isn't here to be looked at
    value_length = _int32(data, value_at)
    fits = value_length >= -1 and value_at + 4 + max(value_length, 0) == end
    return data[MAGIC_AT] if fits else None


def _int32(data: bytes | memoryview, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big", signed=True)
