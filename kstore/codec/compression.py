"""Compression of record batches by Kafka's codec numbers, and decompression with a limit on the output.

``decompress`` takes a limit in bytes and neither returns nor allocates more, whatever the bytes claim of themselves:
who sends a bomb gets ``MessageTooLarge``; who sends nonsense gets ``CorruptMessage``. Each framing has a file beside
this one; its library is imported when it is first used.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from kstore.errors import MessageTooLarge
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

NONE: Final = 0
GZIP: Final = 1
SNAPPY: Final = 2
LZ4: Final = 3
ZSTD: Final = 4

NAMES: Final = ("none", "gzip", "snappy", "lz4", "zstd")


def codec_name(codec: int) -> str:
    """The name that Kafka's ``compression.type`` gives to a number.

    >>> codec_name(3)
    'lz4'
    """
    if not 0 <= codec < len(NAMES):
        raise ValueError(f"compression {codec} doesn't exist; there are 0 to {len(NAMES) - 1}: {', '.join(NAMES)}")
    return NAMES[codec]


def codec_id(name: str) -> int:
    """The number of a ``compression.type``.

    >>> codec_id("zstd")
    4
    """
    if name not in NAMES:
        raise ValueError(f"compression {name!r} doesn't exist; there are {', '.join(NAMES)}")
    return NAMES.index(name)


def compress(codec: int, data: Buffer, level: int | None = None) -> bytes:
    """``data`` under a codec, framed as Kafka's own clients frame it; ``level`` None is Kafka's default.

    >>> decompress(LZ4, compress(LZ4, b"order" * 100), limit_bytes=500) == b"order" * 100
    True
    """
    if codec == NONE:
        return bytes(data)
    return framing(codec).compress(data, level)


def decompress(codec: int, data: Buffer, *, limit_bytes: int) -> bytes:
    """What ``data`` was before ``compress``, or another client's compression, if that is at most ``limit_bytes``.

    Raises ``MessageTooLarge`` when it is more, ``CorruptMessage`` when the bytes don't make sense.
    """
    if codec == NONE:
        if memoryview(data).nbytes > limit_bytes:
            raise MessageTooLarge(f"{memoryview(data).nbytes} bytes; at most {limit_bytes} are accepted")
        return bytes(data)
    return framing(codec).decompress(data, limit_bytes)


class Framing(NamedTuple):
    """What a codec compresses with, at a level or Kafka's default, and decompresses with, up to a limit in bytes."""

    compress: Callable[[Buffer, int | None], bytes]
    decompress: Callable[[Buffer, int], bytes]


@cache
def framing(codec: int) -> Framing:
    match codec:
        case 1:
            from kstore.codec.gzip_members import compress_gzip, decompress_gzip

            return Framing(compress_gzip, decompress_gzip)
        case 2:
            from kstore.codec.snappy_blocks import compress_snappy, decompress_snappy

            return Framing(compress_snappy, decompress_snappy)
        case 3:
            from kstore.codec.lz4_frame import compress_lz4, decompress_lz4

            return Framing(compress_lz4, decompress_lz4)
        case 4:
            from kstore.codec.zstd_frames import compress_zstd, decompress_zstd

            return Framing(compress_zstd, decompress_zstd)
        case _:
            raise ValueError(f"compression {codec} doesn't exist; there are 0 to {len(NAMES) - 1}: {', '.join(NAMES)}")
