"""snappy in the two framings that Kafka's clients send: bare, and in the blocks of Java's snappy library ("xerial").

Blocks are ``82 "SNAPPY" 00``, version and lowest readable version (``int32`` 1 each), then for each block its
compressed length (``int32``) and a bare snappy stream of up to 32 KiB. Streams put after each other repeat those 16
bytes, so they may stand between blocks as well. Kafka's own clients write blocks; librdkafka and others write bare
streams; all of them read both.

There was never another version, so Java's reader, and Apache Kafka with it, hardly looks at them: some writers have the
byte order wrong. Only between blocks it wants a version above 0. Fewer than four bytes behind the last block are no
length, and end it.

A bare stream begins with its decompressed length. Snappy can't make more than 64 bytes of 3, so a length beyond
that is a lie and nothing is allocated for it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import cramjam

from kstore.errors import CorruptMessage, MessageTooLarge

if TYPE_CHECKING:
    from typing_extensions import Buffer

BLOCKS_MAGIC = b"\x82SNAPPY\x00"
BLOCKS_HEADER = BLOCKS_MAGIC + struct.pack(">ii", 1, 1)
MAGIC_BEGINNING = BLOCKS_MAGIC[:4]
BLOCK_BYTES = 32 * 1024
EXPANSION_MAX = 22

int32 = struct.Struct(">i")


def compress_snappy(data: Buffer, level: int | None) -> bytes:
    """Snappy has no levels: ``level`` changes nothing."""
    view = memoryview(data)
    parts = [BLOCKS_HEADER]
    for start in range(0, len(view), BLOCK_BYTES):
        block = bytes(cramjam.snappy.compress_raw(view[start : start + BLOCK_BYTES]))
        parts += (int32.pack(len(block)), block)
    return b"".join(parts)


def decompress_snappy(data: Buffer, limit_bytes: int) -> bytes:
    view = memoryview(data)
    if view[: len(BLOCKS_MAGIC)] != BLOCKS_MAGIC:
        return decompress_bare(view, limit_bytes, limit_bytes)
    parts: list[bytes] = []
    room = limit_bytes
    at = 0
    while len(view) - at >= int32.size:
        if view[at : at + int32.size] == MAGIC_BEGINNING:
            at = after_header(view, at)
            continue
        (length,) = int32.unpack_from(view, at)
        at += int32.size
        if not 0 < length <= len(view) - at:
            raise CorruptMessage(f"a snappy block of {length} bytes where {len(view) - at} are left")
        part = decompress_bare(view[at : at + length], room, limit_bytes)
        room -= len(part)
        parts.append(part)
        at += length
    return b"".join(parts)


def after_header(view: memoryview, at: int) -> int:
    if len(view) - at < len(BLOCKS_HEADER) or view[at : at + len(BLOCKS_MAGIC)] != BLOCKS_MAGIC:
        raise CorruptMessage("snappy blocks end in the middle of their header")
    (version,) = int32.unpack_from(view, at + len(BLOCKS_MAGIC))
    if at and version < 1:
        raise CorruptMessage(f"snappy blocks of version {version} are not readable")
    return at + len(BLOCKS_HEADER)


def decompress_bare(view: memoryview, room: int, limit_bytes: int) -> bytes:
    try:
        length: int = cramjam.snappy.decompress_raw_len(view)
        if length > EXPANSION_MAX * len(view):
            raise CorruptMessage(f"{len(view)} bytes of snappy cannot hold {length}")
        if length > room:
            raise MessageTooLarge(f"snappy data of more than {limit_bytes} bytes")
        return bytes(cramjam.snappy.decompress_raw(view))
    except cramjam.DecompressionError as error:
        raise CorruptMessage(str(error)) from error
