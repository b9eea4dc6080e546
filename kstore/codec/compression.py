"""Compression of record batches under Kafka's numbers for it, and decompression that never yields more than asked.

``decompress`` takes a limit in bytes and neither returns nor allocates more, whatever the bytes claim of themselves:
who sends a bomb gets ``MessageTooLarge``; who sends nonsense gets ``CorruptMessage``. Each framing has a file beside
this one; its library is imported when it is first used.
"""

from typing import Final

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
    """The bytes of ``data`` under a codec, framed as Kafka's own clients frame them."""
    raise ValueError(codec)


def decompress(codec: int, data: Buffer, *, limit_bytes: int) -> bytes:
    raise ValueError(codec)
