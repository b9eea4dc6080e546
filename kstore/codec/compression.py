"""Compression of record batches under Kafka's numbers for it, and decompression that never yields more than asked.

``decompress`` takes a limit in bytes and neither returns nor allocates more, whatever the bytes claim of themselves:
who sends a bomb gets ``MessageTooLarge``; who sends nonsense gets ``CorruptMessage``. Each framing has a file beside
this one; its library is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kstore.errors import MessageTooLarge

if TYPE_CHECKING:
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
    match codec:
        case 0:
            return bytes(data)
        case 1:
            from kstore.codec.gzip_members import compress_gzip

            return compress_gzip(data, level)
        case 2:
            from kstore.codec.snappy_blocks import compress_snappy

            return compress_snappy(data)
        case 3:
            from kstore.codec.lz4_frame import compress_lz4

            return compress_lz4(data, level)
        case 4:
            from kstore.codec.zstd_frames import compress_zstd

            return compress_zstd(data, level)
        case _:
            raise ValueError(f"compression {codec} doesn't exist; there are 0 to {len(NAMES) - 1}: {', '.join(NAMES)}")


def decompress(codec: int, data: Buffer, *, limit_bytes: int) -> bytes:
    """What ``data`` was before ``compress``, or another client's compression, if that is at most ``limit_bytes``.

    Raises ``MessageTooLarge`` when it is more, ``CorruptMessage`` when the bytes don't make sense.
    """
    match codec:
        case 0:
            if memoryview(data).nbytes > limit_bytes:
                raise MessageTooLarge(f"{memoryview(data).nbytes} bytes; at most {limit_bytes} are accepted")
            return bytes(data)
        case 1:
            from kstore.codec.gzip_members import decompress_gzip

            return decompress_gzip(data, limit_bytes)
        case 2:
            from kstore.codec.snappy_blocks import decompress_snappy

            return decompress_snappy(data, limit_bytes)
        case 3:
            from kstore.codec.lz4_frame import decompress_lz4

            return decompress_lz4(data, limit_bytes)
        case 4:
            from kstore.codec.zstd_frames import decompress_zstd

            return decompress_zstd(data, limit_bytes)
        case _:
            raise ValueError(f"compression {codec} doesn't exist; there are 0 to {len(NAMES) - 1}: {', '.join(NAMES)}")
