"""gzip as Kafka uses it: one RFC 1952 member is written; any number of members is read, and other bytes after them.

A member is a header (``1f 8b 08``, flags, six bytes that don't matter, and the fields that the flags announce), a
deflate stream, and its content's CRC32 and length (``uint32`` little-endian each), which are checked. Java's reader,
and so Apache Kafka, takes what follows a member for the next one if it begins with a whole header and is long enough
to be one; otherwise it looks at it no more, and neither do we.

Two libraries do the work. ISA-L, where it is to be had, writes the default level and the levels 1 to 3, many times as
fast as zlib and up to a tenth larger than zlib's default; zlib writes the levels above, which are there to compress
more. ISA-L reads what is one whole member, as nearly all data is; anything else is read by zlib, as Java reads it.
"""

from __future__ import annotations

import struct
import zlib
from importlib.util import find_spec
from typing import TYPE_CHECKING

from kstore.errors import CorruptMessage, MessageTooLarge

HAS_ISAL = find_spec("isal") is not None  # pyproject.toml names the processors that it is made for
if HAS_ISAL:
    from isal import isal_zlib
    from isal.igzip_lib import IsalError

if TYPE_CHECKING:
    from typing_extensions import Buffer

GZIP_WINDOW = 16 + zlib.MAX_WBITS
RAW_DEFLATE = -zlib.MAX_WBITS
LEVEL_DEFAULT = -1
FAST_LEVELS = {LEVEL_DEFAULT: 2, 1: 1, 2: 2, 3: 3}
"""The levels that ISA-L writes, and what it calls them."""

MAGIC = b"\x1f\x8b\x08"
FIXED_HEADER_BYTES = 10
HEADER_CRC, EXTRA, NAME, COMMENT = 0x02, 0x04, 0x08, 0x10
TRAILER = struct.Struct("<II")
NEXT_MEMBER_BYTES_MIN = 19  # below that, Java's reader doesn't try
PIECE_BYTES = 1024  # what is fed first; what a stream leaves of a piece is copied, so pieces grow from small ones
NO_HEADER = -1


def compress_gzip(data: Buffer, level: int | None) -> bytes:
    level = LEVEL_DEFAULT if level is None else level
    if HAS_ISAL and level in FAST_LEVELS:
        return isal_zlib.compress(data, FAST_LEVELS[level], GZIP_WINDOW)
    return zlib.compress(data, level, GZIP_WINDOW)


def decompress_gzip(data: Buffer, limit_bytes: int) -> bytes:
    if not HAS_ISAL:
        return decompress_members(memoryview(data), limit_bytes)
    stream = isal_zlib.decompressobj(GZIP_WINDOW)
    try:
        whole = stream.decompress(data, limit_bytes + 1)
    except IsalError:  # type: ignore[misc]  # its stub takes it for an instance
        return decompress_members(memoryview(data), limit_bytes)
    if len(whole) > limit_bytes:
        raise MessageTooLarge(f"gzip data of more than {limit_bytes} bytes")
    if stream.eof and not stream.unused_data:
        return whole
    return decompress_members(memoryview(data), limit_bytes)


def decompress_members(view: memoryview, limit_bytes: int) -> bytes:
    """As Java reads it, header by header; nearly all data is one member, and doesn't come here."""
    parts: list[bytes] = []
    room = limit_bytes
    at = header_end(view, 0)
    if at == NO_HEADER:
        raise CorruptMessage("this is not gzip data")
    while at != NO_HEADER:
        part, at = member_content(view, at, room)
        room -= len(part)
        if room < 0:
            raise MessageTooLarge(f"gzip data of more than {limit_bytes} bytes")
        parts.append(part)
        if len(view) - at < TRAILER.size:
            raise CorruptMessage("gzip data ends too early")
        if TRAILER.unpack_from(view, at) != (zlib.crc32(part), len(part) & 0xFFFFFFFF):
            raise CorruptMessage("gzip: the checksum or the length of the content is wrong")
        at += TRAILER.size
        at = header_end(view, at) if len(view) - at >= NEXT_MEMBER_BYTES_MIN else NO_HEADER
    return parts[0] if len(parts) == 1 else b"".join(parts)


def member_content(view: memoryview, at: int, room: int) -> tuple[bytes, int]:
    """What the deflate stream at a place holds, or more than ``room`` bytes of it, and where it ends."""
    stream = zlib.decompressobj(RAW_DEFLATE)
    parts: list[bytes] = []
    piece_bytes = PIECE_BYTES
    while not stream.eof:
        piece = view[at : at + piece_bytes]
        if not len(piece):
            raise CorruptMessage("gzip data ends too early")
        try:
            part = stream.decompress(piece, room + 1)
        except zlib.error as error:
            raise CorruptMessage(f"gzip: {error}") from error
        parts.append(part)
        room -= len(part)
        if room < 0:
            break
        at += len(piece) - len(stream.unused_data)
        piece_bytes *= 4
    return parts[0] if len(parts) == 1 else b"".join(parts), at


def header_end(view: memoryview, start: int) -> int:
    """Where the header of a member ends; ``NO_HEADER`` if there is no whole one."""
    at = start + FIXED_HEADER_BYTES
    if at > len(view) or view[start : start + len(MAGIC)] != MAGIC:
        return NO_HEADER
    flags = view[start + 3]
    if flags & EXTRA:
        if at + 2 > len(view):
            return NO_HEADER
        at += 2 + int.from_bytes(view[at : at + 2], "little")
    for text in (NAME, COMMENT):
        if flags & text:
            at = text_end(view, at)
    if flags & HEADER_CRC:
        expected = view[at : at + 2]
        if bytes(expected) != (zlib.crc32(view[start:at]) & 0xFFFF).to_bytes(2, "little"):
            return NO_HEADER
        at += 2
    return at if at <= len(view) else NO_HEADER


def text_end(view: memoryview, at: int) -> int:
    """Past the zero byte that ends a text; past the end of everything if there is none."""
    piece_bytes = PIECE_BYTES
    while at < len(view):
        piece = bytes(view[at : at + piece_bytes])
        if (found := piece.find(b"\0")) >= 0:
            return at + found + 1
        at += len(piece)
        piece_bytes *= 4
    return at + 1
