"""Few bytes that inflate to gigabytes, in each codec and framing, made without ever having the gigabytes.

Snappy makes at most 21 bytes of one, so its bomb is of a quarter of a gigabyte.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache

import cramjam
import xxhash

from kstore.codec import GZIP, LZ4, SNAPPY, ZSTD, crc32c
from kstore.named import NamedTuple

PIECE = bytes(1 << 20)
INFLATED_BYTES = 4 << 30
SNAPPY_BYTES = 256 << 20


class Bomb(NamedTuple):
    """What a client may send under a codec."""

    name: str
    codec: int
    data: bytes


@cache
def bombs() -> list[Bomb]:
    """Each inflates to 4 GiB, or says that it does, but for Snappy's blocks."""
    return [
        Bomb("gzip, a member of 4 GiB of zeros", GZIP, gzip_member()),
        Bomb("gzip, four thousand members of 1 MiB", GZIP, zlib_member(PIECE) * (INFLATED_BYTES >> 20)),
        Bomb("snappy, a bare stream that says it has 4 GiB", SNAPPY, b"\xff\xff\xff\xff\x0f" + b"\0a"),
        Bomb("snappy, blocks of 1 MiB", SNAPPY, snappy_blocks()),
        Bomb("lz4, blocks of 4 MiB", LZ4, lz4_frame()),
        Bomb("zstd, repeated blocks of 128 KiB, without a size", ZSTD, zstd_frame(sized=False)),
        Bomb("zstd, repeated blocks of 128 KiB, with a size", ZSTD, zstd_frame(sized=True)),
        Bomb("zstd, a size of 2 GiB that it hasn't", ZSTD, struct.pack("<IBI", 0xFD2FB528, 0xA0, 1 << 31) + b"\1\0\0"),
        Bomb("zstd, a frame for each 128 KiB", ZSTD, zstd_small_frame() * (INFLATED_BYTES >> 17)),
    ]


def gzip_member() -> bytes:
    """Deflated zeros repeat themselves, so most of it is one piece many times."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = stream.compress(PIECE) + stream.flush(zlib.Z_FULL_FLUSH)
    piece = stream.compress(PIECE) + stream.flush(zlib.Z_FULL_FLUSH)
    body = head + piece * ((INFLATED_BYTES >> 20) - 1) + stream.flush()
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + body + bytes(8)


def zlib_member(plain: bytes) -> bytes:
    return zlib.compress(plain, 9, 31)


def snappy_blocks() -> bytes:
    block = bytes(cramjam.snappy.compress_raw(PIECE))
    return b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1) + (struct.pack(">i", len(block)) + block) * (SNAPPY_BYTES >> 20)


def lz4_frame() -> bytes:
    block = bytes(cramjam.lz4.compress_block(bytes(4 << 20), store_size=False))
    descriptor = bytes((0x60, 0x70))
    head = b"\x04\x22\x4d\x18" + descriptor + bytes((xxhash.xxh32_intdigest(descriptor) >> 8 & 0xFF,))
    return head + (struct.pack("<I", len(block)) + block) * (INFLATED_BYTES >> 22) + bytes(4)


def zstd_frame(*, sized: bool) -> bytes:
    """A window of 128 KiB, and blocks that repeat a byte."""
    head = struct.pack("<IBB", 0xFD2FB528, 0xC0 if sized else 0, 17 - 10 << 3)
    if sized:
        head += struct.pack("<Q", INFLATED_BYTES)
    count = INFLATED_BYTES >> 17
    block = (131072 << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    last = (131072 << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"\0"
    return head + block * (count - 1) + last


def zstd_small_frame() -> bytes:
    return struct.pack("<IBB", 0xFD2FB528, 0, 17 - 10 << 3) + (131072 << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"\0"


def batch_around(bomb: Bomb, count: int) -> bytes:
    """A record batch that says it has so many records."""
    body = struct.pack(">hiqqqhii", bomb.codec, count - 1, 0, 0, -1, -1, -1, count) + bomb.data
    return struct.pack(">qiibI", 0, 9 + len(body), -1, 2, crc32c(body)) + body
