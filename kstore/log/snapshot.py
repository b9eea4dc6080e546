"""The producer snapshot file, in Apache Kafka's format version 1.

    version int16 | crc uint32 | entries int32 | entry *
    entry: producer_id int64 | epoch int16 | last_sequence int32 | last_offset int64 | offset_delta int32 |
           timestamp int64 | coordinator_epoch int32 | transaction_first_offset int64

All numbers are big-endian; the CRC32C covers everything behind itself. ``<offset>.snapshot`` is the state after
the records below that offset. The file keeps one batch a producer, the last.
"""

import struct

from kstore.codec.checksum import crc32c
from kstore.named import NamedTuple

VERSION = 1
_HEAD = struct.Struct(">hI")
_COUNT = struct.Struct(">i")
_ENTRY = struct.Struct(">qhiqiqiq")


class SnapshotError(Exception):
    """A producer snapshot isn't what it should be."""


class SnapshotEntry(NamedTuple):
    """What a snapshot keeps of a producer; -1 stands for none."""

    producer_id: int
    epoch: int
    last_sequence: int
    last_offset: int
    offset_delta: int
    timestamp: int
    coordinator_epoch: int
    transaction_first_offset: int


def encode(entries: list[SnapshotEntry]) -> bytes:
    body = _COUNT.pack(len(entries)) + b"".join(_ENTRY.pack(*entry) for entry in entries)
    return _HEAD.pack(VERSION, crc32c(body)) + body


def decode(data: bytes) -> list[SnapshotEntry]:
    """The entries; SnapshotError when a byte of it is wrong."""
    if len(data) < _HEAD.size + _COUNT.size:
        raise SnapshotError(f"a snapshot of {len(data)} bytes has no head")
    version, crc = _HEAD.unpack_from(data)
    if version != VERSION:
        raise SnapshotError(f"unknown version {version}")
    body = memoryview(data)[_HEAD.size :]
    if crc32c(body) != crc:
        raise SnapshotError("the checksum doesn't match")
    (count,) = _COUNT.unpack_from(body)
    if count < 0 or len(body) != _COUNT.size + count * _ENTRY.size:
        raise SnapshotError(f"{count} entries don't fill {len(body)} bytes")
    return [SnapshotEntry(*values) for values in _ENTRY.iter_unpack(body[_COUNT.size :])]
