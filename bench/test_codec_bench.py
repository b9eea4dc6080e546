"""Checksum, key hash and compression on their own; sizes in the names are in bytes."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from kstore.codec import GZIP, LZ4, SNAPPY, ZSTD, codec_name, compress, crc32c, decompress, partition_for_key
from kstore.codec.checksum import crc32c_portable

Measure = Callable[..., Any]

NOISE = random.Random(1).randbytes(1_000_000)
# about as compressible as orders written as JSON
TEXT = b"".join(b'{"user": "User%d", "amount": %d, "currency": "EUR"},' % (at % 977, at * 37) for at in range(20_000))
PAGE = TEXT[:1_000_000]

codecs = pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD], ids=codec_name)
sizes = pytest.mark.parametrize("size", [1_000, 16_000, 1_000_000], ids=["1 kB", "16 kB", "1 MB"])


@pytest.mark.parametrize(("size", "goal"), [(100, None), (1_000, None), (10_000, None), (1_000_000, 10e9)])
def test_crc32c(measure: Measure, size: int, goal: float | None) -> None:
    measure(crc32c, NOISE[:size], count=size, unit="bytes", goal=goal)


def test_crc32c_by_tables(measure: Measure) -> None:
    measure(crc32c_portable, NOISE, count=len(NOISE), unit="bytes", goal=1e9)


def test_partition_for_a_key_of_10(measure: Measure) -> None:
    measure(partition_for_key, b"User123456", 12, unit="keys")


@codecs
@sizes
def test_compress_text(measure: Measure, size: int, codec: int) -> None:
    measure(compress, codec, PAGE[:size], count=size, unit="bytes")


@codecs
@sizes
def test_decompress_text(measure: Measure, size: int, codec: int) -> None:
    data = compress(codec, PAGE[:size])
    measure(lambda: decompress(codec, data, limit_bytes=size), count=size, unit="bytes")


@codecs
def test_there_and_back_with_100_of_text(measure: Measure, codec: int) -> None:
    measure(lambda: decompress(codec, compress(codec, TEXT[:100]), limit_bytes=100), unit="round trips")
