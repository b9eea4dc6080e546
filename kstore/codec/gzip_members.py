"""gzip as Kafka uses it: one RFC 1952 member is written, any number of them in a row are read."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from kstore.errors import CorruptMessage, MessageTooLarge

if TYPE_CHECKING:
    from typing_extensions import Buffer

GZIP_WINDOW = 16 + zlib.MAX_WBITS
LEVEL_DEFAULT = -1


def compress_gzip(data: Buffer, level: int | None) -> bytes:
    stream = zlib.compressobj(LEVEL_DEFAULT if level is None else level, zlib.DEFLATED, GZIP_WINDOW)
    return stream.compress(data) + stream.flush()


def decompress_gzip(data: Buffer, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    room = limit_bytes
    rest: Buffer = data
    while True:
        stream = zlib.decompressobj(GZIP_WINDOW)
        try:
            part = stream.decompress(rest, room + 1)
        except zlib.error as error:
            raise CorruptMessage(f"gzip: {error}") from error
        room -= len(part)
        if room < 0:
            raise MessageTooLarge(f"gzip data of more than {limit_bytes} bytes")
        parts.append(part)
        if not stream.eof:
            raise CorruptMessage("gzip data ends too early")
        if not stream.unused_data:
            return parts[0] if len(parts) == 1 else b"".join(parts)
        rest = stream.unused_data
