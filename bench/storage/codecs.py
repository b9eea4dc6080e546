"""Rows about compression: our framing beside its library, called on the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import cramjam
import zstandard
from isal import isal_zlib

from bench.storage.pairs import Row, in_turns, share, timed
from kstore.codec import GZIP, LZ4, SNAPPY, ZSTD, compress, decompress
from kstore.codec.compression import NAMES

BATCH_BYTES = 1 << 20
TIMES = 4
GOAL = 0.95
GZIP_WINDOW = 31

Call = Callable[[bytes], object]


def orders() -> bytes:
    """Text that compresses as orders do."""
    random = Random(1)
    words = ["".join(random.choices("abcdefghijklmnop", k=random.randint(2, 9))) for _ in range(3000)]
    out = bytearray()
    while len(out) < BATCH_BYTES:
        order = {
            "id": len(out),
            "user": f"user-{random.randrange(10_000)}",
            "note": " ".join(random.choices(words, k=80)),
        }
        out += json.dumps(order).encode()
    return bytes(out[:BATCH_BYTES])


def lz4_blocks(plain: bytes) -> list[object]:
    view = memoryview(plain)
    return [
        cramjam.lz4.compress_block(view[at : at + (64 << 10)], store_size=False) for at in range(0, len(view), 64 << 10)
    ]


def snappy_blocks(plain: bytes) -> list[object]:
    view = memoryview(plain)
    return [cramjam.snappy.compress_raw(view[at : at + (32 << 10)]) for at in range(0, len(view), 32 << 10)]


def libraries(plain: bytes) -> dict[int, tuple[Call, Callable[[], object]]]:
    """By codec: how its library compresses blocks as large as ours, and one that decompresses what it made of them."""
    compressor, decompressor = zstandard.ZstdCompressor(level=3), zstandard.ZstdDecompressor()
    squeezed, zipped = compressor.compress(plain), isal_zlib.compress(plain, 2, GZIP_WINDOW)
    blocks = [bytes(memoryview(each)) for each in lz4_blocks(plain)]  # type: ignore[arg-type]
    snaps = [bytes(memoryview(each)) for each in snappy_blocks(plain)]  # type: ignore[arg-type]
    room = bytearray(64 << 10)
    return {
        GZIP: (
            lambda data: isal_zlib.compress(data, 2, GZIP_WINDOW),
            lambda: isal_zlib.decompress(zipped, GZIP_WINDOW),
        ),
        SNAPPY: (snappy_blocks, lambda: [cramjam.snappy.decompress_raw(each) for each in snaps]),
        LZ4: (
            lz4_blocks,
            lambda: [cramjam.lz4.decompress_block_into(each, room, output_len=len(room)) for each in blocks],
        ),
        ZSTD: (compressor.compress, lambda: decompressor.decompress(squeezed)),
    }


def compression(_: Path, rounds: int) -> Iterator[Row]:
    """Batches of 1 MiB, at the codecs' defaults."""
    plain = orders()
    for codec, (squeeze, expand) in libraries(plain).items():
        framed = compress(codec, plain)

        def ours(codec: int = codec) -> float:
            return timed(lambda: [compress(codec, plain) for _ in range(TIMES)])

        def theirs(squeeze: Call = squeeze) -> float:
            return timed(lambda: [squeeze(plain) for _ in range(TIMES)])

        def read(codec: int = codec, framed: bytes = framed) -> float:
            return timed(lambda: [decompress(codec, framed, limit_bytes=len(plain)) for _ in range(TIMES)])

        def expanded(expand: Callable[[], object] = expand) -> float:
            return timed(lambda: [expand() for _ in range(TIMES)])

        nbytes = TIMES * len(plain)
        yield share(f"{NAMES[codec]}, compressed", "the library", nbytes, in_turns(ours, theirs, rounds), GOAL)
        yield share(f"{NAMES[codec]}, decompressed", "the library", nbytes, in_turns(read, expanded, rounds), GOAL)
