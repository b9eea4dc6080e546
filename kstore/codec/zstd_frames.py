"""Zstandard frames, read into exactly as much memory as their blocks can come to and no more than the limit.

Kafka's clients write frames that don't say how long their content is, so the size comes from a walk over the block
headers (RFC 8878): a raw or repeated block says its size, a compressed one comes to the smaller of the window and
128 KiB at most. A content size that goes beyond that is a lie.

A frame that isn't whole behind one that is, is left alone, as Kafka's reader does: what it lacks, the records show.

Windows go up to the 128 MiB that levels 21 and 22 ask for, as in Apache Kafka. The decoder sets so much address space
aside, but it writes no more of it than the content, and that ends at the limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cramjam

from kstore.errors import CorruptMessage, MessageTooLarge
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAGIC = 0xFD2FB528
MAGIC_BYTES = MAGIC.to_bytes(4, "little")
SKIPPABLE_MAGIC, SKIPPABLE_MASK = 0x184D2A50, 0xFFFFFFF0
SKIPPABLE_BYTES = SKIPPABLE_MAGIC.to_bytes(4, "little")
BLOCK_BYTES_MAX = 128 * 1024
WINDOW_BYTES_MAX = 128 * 1024 * 1024
REPEATED, COMPRESSED = 1, 2  # kinds of blocks; 0 is raw
LEVEL_DEFAULT = 3


class UnfinishedFrame(CorruptMessage):
    """The bytes end before the frame does."""


class Extent(NamedTuple):
    """Where a frame ends, and how many bytes it decompresses to at most."""

    end: int
    content_bytes_max: int


def compress_zstd(data: Buffer, level: int | None) -> bytes:
    return bytes(cramjam.zstd.compress(data, LEVEL_DEFAULT if level is None else level))


def decompress_zstd(data: Buffer, limit_bytes: int) -> bytes:
    view = memoryview(data)
    most = 0
    at = 0
    while at < len(view):
        try:
            at, content = frame_extent(view, at, limit_bytes)
        except UnfinishedFrame:
            if at == 0:
                raise
            view = view[:at]
            break
        most += content
    if at == 0:
        raise CorruptMessage("no bytes are not a Zstandard frame")
    output = bytearray(min(most, limit_bytes))
    try:
        length: int = cramjam.zstd.decompress_into(view, output)
    except cramjam.DecompressionError as error:
        if most > limit_bytes:
            raise MessageTooLarge(f"Zstandard data that is corrupt or of more than {limit_bytes} bytes") from error
        raise CorruptMessage(f"Zstandard: {error}") from error
    return bytes(memoryview(output)[:length])


def number(view: memoryview, at: int, nbytes: int) -> int:
    if nbytes > len(view) - at:
        raise UnfinishedFrame("a Zstandard frame ends too early")
    return int.from_bytes(view[at : at + nbytes], "little")


def may_be_frame(head: bytes) -> bool:
    """Whether a frame of either kind begins with these bytes, four of them or what there is."""
    skippable = bytes((head[0] & 0xF0,)) + head[1:]
    return MAGIC_BYTES.startswith(head) or SKIPPABLE_BYTES.startswith(skippable)


def frame_extent(view: memoryview, at: int, limit_bytes: int) -> Extent:
    if not may_be_frame(bytes(view[at : at + 4])):
        raise CorruptMessage("this is not a Zstandard frame")
    magic = number(view, at, 4)
    if magic & SKIPPABLE_MASK == SKIPPABLE_MAGIC:
        end = at + 8 + number(view, at + 4, 4)
        if end > len(view):
            raise UnfinishedFrame("a Zstandard frame ends too early")
        return Extent(end, 0)
    descriptor = number(view, at + 4, 1)
    at += 5
    single_segment = descriptor >> 5 & 1
    window = 0
    if not single_segment:
        exponent_mantissa = number(view, at, 1)
        base = 1 << (10 + (exponent_mantissa >> 3))
        window = base + (base >> 3) * (exponent_mantissa & 7)
        at += 1
    at += (0, 1, 2, 4)[descriptor & 3]
    size_bytes = (single_segment, 2, 4, 8)[descriptor >> 6]
    content = number(view, at, size_bytes) + (256 if size_bytes == 2 else 0) if size_bytes else None
    at += size_bytes
    if content is not None and content > limit_bytes:
        raise MessageTooLarge(f"Zstandard data of {content} bytes; at most {limit_bytes} are accepted")
    if single_segment:
        window = content or 0
    elif window > WINDOW_BYTES_MAX:
        raise CorruptMessage(f"Zstandard data with a window of {window} bytes; at most {WINDOW_BYTES_MAX} are read")
    extent = blocks_extent(view, at, min(window, BLOCK_BYTES_MAX))
    if content is not None and content > extent.content_bytes_max:
        raise CorruptMessage(f"a Zstandard frame says it has {content} bytes and cannot hold them")
    end = extent.end + (4 if descriptor >> 2 & 1 else 0)
    if end > len(view):
        raise UnfinishedFrame("a Zstandard frame ends too early")
    return Extent(end, extent.content_bytes_max if content is None else content)


def blocks_extent(view: memoryview, at: int, block_bytes_max: int) -> Extent:
    most = 0
    is_last = 0
    while not is_last:
        header = number(view, at, 3)
        is_last, kind, size = header & 1, header >> 1 & 3, header >> 3
        at += 3 + (1 if kind == REPEATED else size)
        if kind > COMPRESSED or (kind != COMPRESSED and size > BLOCK_BYTES_MAX):
            raise CorruptMessage("a Zstandard block is not what a block can be")
        if at > len(view):
            raise UnfinishedFrame("a Zstandard block ends too early")
        most += block_bytes_max if kind == COMPRESSED else size
    return Extent(at, most)
