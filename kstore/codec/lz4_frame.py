"""LZ4 frames as Kafka reads and writes them, around the block functions of the compression library.

A frame is ``04 22 4d 18``, a flag byte (version in bits 6-7: 01, blocks independent 5, block checksums 4, content
size 3, content checksum 2, dictionary 0), a byte for the largest block (bits 4-6: 4 to 7 for 64 KiB to 4 MiB), the
content size when flagged (``uint64``), one byte of the header's XXH32, then blocks: their size (``uint32``, the high
bit set when the block is stored as it is), their bytes, their XXH32 when flagged; a size of 0 ends the frame, followed
by the XXH32 of the content when flagged. All numbers here are little-endian.

Kafka's Java client writes independent blocks of 64 KiB without any checksum but the header's, and refuses blocks that
lean on earlier ones; so do we. It reads one frame and ignores what follows, checks the header's and the blocks'
checksums, and passes over the content's size and checksum; so do we, since its clients' batches have one of their own.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import cramjam
import xxhash

from kstore.errors import CorruptMessage, MessageTooLarge
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

MAGIC = b"\x04\x22\x4d\x18"
VERSION_MASK, VERSION = 0xC0, 0x40
INDEPENDENT, BLOCK_CHECKSUM, CONTENT_SIZE, CONTENT_CHECKSUM = 0x20, 0x10, 0x08, 0x04
RESERVED_OR_DICTIONARY = 0x03
BLOCK_BYTES = 64 * 1024
BLOCK_CODE = 4
STORED = 0x80000000
LEVEL_DEFAULT = 9

uint32 = struct.Struct("<I")
uint64 = struct.Struct("<Q")


class Frame(NamedTuple):
    """What a frame's header says, and where its first block begins."""

    flags: int
    block_bytes_max: int
    start: int


def header_checksum(descriptor: bytes) -> int:
    return xxhash.xxh32_intdigest(descriptor) >> 8 & 0xFF


def compress_lz4(data: Buffer, level: int | None) -> bytes:
    """Levels other than Kafka's default (9, its fast way) ask for the high compression of that level."""
    view = memoryview(data)
    descriptor = bytes((VERSION | INDEPENDENT, BLOCK_CODE << 4))
    parts: list[Buffer] = [MAGIC, descriptor, bytes((header_checksum(descriptor),))]
    if level is None or level == LEVEL_DEFAULT:
        for start in range(0, len(view), BLOCK_BYTES):
            plain = view[start : start + BLOCK_BYTES]
            block = cramjam.lz4.compress_block(plain, store_size=False)
            if len(block) < len(plain):
                parts += (uint32.pack(len(block)), bytes(block))
            else:
                parts += (uint32.pack(len(plain) | STORED), plain)
    else:
        parts += highly_compressed(view, level)
    parts.append(uint32.pack(0))
    return b"".join(parts)


def highly_compressed(view: memoryview, level: int) -> Iterator[Buffer]:
    """The blocks of the library's own frame, which has its high compression, without their checksums."""
    stream = cramjam.lz4.Compressor(level, content_checksum=False, block_linked=False)
    stream.compress(bytes(view))
    frame = memoryview(bytes(stream.finish()))
    header = read_header(frame)
    assert header.block_bytes_max == BLOCK_BYTES
    at = header.start
    checksum_bytes = uint32.size if header.flags & BLOCK_CHECKSUM else 0
    while length := unsigned(frame, at) & ~STORED:
        end = at + uint32.size + length
        yield frame[at:end]
        at = end + checksum_bytes


def decompress_lz4(data: Buffer, limit_bytes: int) -> bytes:
    view = memoryview(data)
    frame = read_header(view)
    parts: list[Buffer] = []
    room = limit_bytes
    at = frame.start
    scratch = bytearray(min(frame.block_bytes_max, limit_bytes))
    while length := (size := unsigned(view, at)) & ~STORED:
        at += uint32.size
        if length > len(view) - at or length > frame.block_bytes_max:
            raise CorruptMessage(f"an LZ4 block of {length} bytes where {len(view) - at} are left")
        block = view[at : at + length]
        at += length
        if frame.flags & BLOCK_CHECKSUM:
            at = checked(view, at, block)
        part = bytes(block) if size & STORED else decompress_block(block, scratch, room < frame.block_bytes_max)
        room -= len(part)
        if room < 0:
            raise MessageTooLarge(f"LZ4 data of more than {limit_bytes} bytes")
        parts.append(part)
    if frame.flags & CONTENT_CHECKSUM:
        unsigned(view, at + uint32.size)  # it has to be there
    return b"".join(parts)


def read_header(view: memoryview) -> Frame:
    if len(view) < 7 or view[:4] != MAGIC:
        raise CorruptMessage("this is not an LZ4 frame")
    flags, block_byte = view[4], view[5]
    if flags & VERSION_MASK != VERSION or flags & RESERVED_OR_DICTIONARY:
        raise CorruptMessage(f"LZ4 flags {flags:#04x} are not supported")
    if not flags & INDEPENDENT:
        raise CorruptMessage("LZ4 blocks that depend on earlier ones are not supported")
    code = block_byte >> 4
    if block_byte & 0x8F or not 4 <= code <= 7:
        raise CorruptMessage(f"LZ4 block size {block_byte:#04x} does not exist")
    end = 6 + (uint64.size if flags & CONTENT_SIZE else 0)
    if end >= len(view):
        raise CorruptMessage("an LZ4 frame ends in the middle of its header")
    if header_checksum(bytes(view[4:end])) != view[end]:
        raise CorruptMessage("the checksum of an LZ4 frame's header is wrong")
    return Frame(flags, 1 << (2 * code + 8), end + 1)


def unsigned(view: memoryview, at: int) -> int:
    if len(view) - at < uint32.size:
        raise CorruptMessage("an LZ4 frame ends too early")
    value: int = uint32.unpack_from(view, at)[0]
    return value


def checked(view: memoryview, at: int, data: Buffer) -> int:
    """Past the checksum at ``at``, once it has been found to be that of ``data``."""
    if unsigned(view, at) != xxhash.xxh32_intdigest(bytes(data)):
        raise CorruptMessage("a checksum in an LZ4 frame is wrong")
    return at + uint32.size


def decompress_block(block: memoryview, scratch: bytearray, is_near_limit: bool) -> bytes:
    try:
        length: int = cramjam.lz4.decompress_block_into(block, scratch, output_len=len(scratch))
    except cramjam.DecompressionError as error:
        if is_near_limit:
            raise MessageTooLarge("an LZ4 block is corrupt, or goes beyond the bytes accepted") from error
        raise CorruptMessage(f"LZ4: {error}") from error
    return bytes(memoryview(scratch)[:length])
