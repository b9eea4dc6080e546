"""Every codec there and back, under its cap, on bombs, and on bytes that were cut or flipped."""

import gzip
import random
import struct
import subprocess
import sys
import tracemalloc
from contextlib import suppress

import cramjam
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from kstore.codec import GZIP, LZ4, SNAPPY, ZSTD, codec_id, codec_name, compress, decompress
from kstore.errors import CorruptMessage, KafkaError, MessageTooLarge

CODECS = pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD], ids=codec_name)
MIXED = random.Random(3).randbytes(70_000) + b"order" * 30_000
LIMIT = 1 << 24

some_bytes = st.one_of(
    st.binary(max_size=3000), st.tuples(st.binary(max_size=40), st.integers(0, 9000)).map(lambda t: t[0] * t[1])
)


@CODECS
@given(data=some_bytes)
def test_what_was_compressed_comes_back(codec: int, data: bytes) -> None:
    assert decompress(codec, compress(codec, data), limit_bytes=len(data)) == data


@CODECS
def test_large_data_of_many_blocks_comes_back(codec: int) -> None:
    assert decompress(codec, memoryview(compress(codec, memoryview(MIXED))), limit_bytes=len(MIXED)) == MIXED


@CODECS
@given(data=some_bytes.filter(len), less=st.integers(1, 100))
def test_one_byte_more_than_the_limit_is_refused(codec: int, data: bytes, less: int) -> None:
    with pytest.raises(MessageTooLarge):
        decompress(codec, compress(codec, data), limit_bytes=max(0, len(data) - less))


@CODECS
@pytest.mark.parametrize("level", [1, 3, 9])
def test_a_level_changes_the_size_only(codec: int, level: int) -> None:
    assert decompress(codec, compress(codec, MIXED, level), limit_bytes=LIMIT) == MIXED


SQUARES = b" ".join(b"%d" % (number * number) for number in range(40_000))


@pytest.mark.parametrize(("codec", "low", "high"), [(GZIP, 1, 9), (LZ4, 1, 17), (LZ4, 9, 12), (ZSTD, -50, 19)])
def test_more_compression_takes_fewer_bytes(codec: int, low: int, high: int) -> None:
    assert len(compress(codec, SQUARES, high)) < 0.99 * len(compress(codec, SQUARES, low))


@pytest.mark.parametrize("level", [None, 1, 3, 9, 12, 17])
@pytest.mark.parametrize("data", [b"", b"x", SQUARES])
def test_lz4_frames_of_every_level_are_as_kafkas_client_writes_them(data: bytes, level: int | None) -> None:
    frame = compress(LZ4, data, level)
    assert frame[4:6] == bytes((0x60, 0x40)), "independent blocks of 64 KiB, without checksums"
    assert decompress(LZ4, frame, limit_bytes=len(data)) == data


@CODECS
@pytest.mark.parametrize("data", [b"", b"x", b"\x01" * 7, b"order" * 40, b"\xff" * 300])
def test_what_was_never_compressed_is_corrupt(codec: int, data: bytes) -> None:
    with pytest.raises(CorruptMessage):
        decompress(codec, data, limit_bytes=LIMIT)


@CODECS
def test_compressed_data_is_refused_when_it_is_cut_anywhere(codec: int) -> None:
    data = compress(codec, MIXED[69_000:72_000])
    no_blocks = range(16, 20) if codec == SNAPPY else ()
    for length in range(len(data)):
        if length in no_blocks:
            assert decompress(codec, data[:length], limit_bytes=LIMIT) == b""
        else:
            with pytest.raises(CorruptMessage):
                decompress(codec, data[:length], limit_bytes=LIMIT)


@CODECS
@given(st.data())
def test_flipped_bits_never_do_more_than_raise_or_change_the_data(codec: int, draw: st.DataObject) -> None:
    data = bytearray(compress(codec, MIXED[69_500:71_000]))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    with suppress(CorruptMessage, MessageTooLarge):
        assert len(decompress(codec, bytes(data), limit_bytes=5000)) <= 5000


@CODECS
@given(st.binary(max_size=200), st.booleans())
def test_noise_never_does_more_than_raise(codec: int, noise: bytes, with_magic: bool) -> None:
    magic = compress(codec, b"")[:6] if with_magic else b""
    with suppress(CorruptMessage, MessageTooLarge):
        assert len(decompress(codec, magic + noise, limit_bytes=100_000)) <= 100_000


def test_a_bomb_stops_at_the_limit_under_every_codec() -> None:
    plain = bytes(50_000_000)
    bombs = [(codec, compress(codec, plain)) for codec in (GZIP, LZ4, ZSTD, SNAPPY)]
    stream = cramjam.zstd.Compressor()
    stream.compress(plain)
    bombs.append((ZSTD, bytes(stream.finish())))
    for codec, bomb in bombs:
        tracemalloc.start()
        with pytest.raises(MessageTooLarge):
            decompress(codec, bomb, limit_bytes=100_000)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak_bytes < 1_000_000


def test_uncompressed_data_is_held_to_the_limit_too() -> None:
    assert decompress(0, b"abc", limit_bytes=3) == b"abc" == compress(0, b"abc")
    with pytest.raises(MessageTooLarge):
        decompress(0, b"abcd", limit_bytes=3)


def test_a_codec_that_does_not_exist_is_a_value_error() -> None:
    for call in (lambda: compress(5, b""), lambda: decompress(-1, b"", limit_bytes=1), lambda: codec_name(9)):
        with pytest.raises(ValueError, match="doesn't exist"):
            call()
    with pytest.raises(ValueError, match="brotli"):
        codec_id("brotli")
    assert [codec_id(codec_name(codec)) for codec in range(5)] == [0, 1, 2, 3, 4]


def test_gzip_members_in_a_row_are_read_as_one() -> None:
    data = gzip.compress(b"first ") + gzip.compress(b"") + gzip.compress(b"second")
    assert decompress(GZIP, data, limit_bytes=12) == b"first second"
    with pytest.raises(MessageTooLarge):
        decompress(GZIP, data, limit_bytes=11)
    assert decompress(GZIP, data + b"garbage", limit_bytes=12) == b"first second"


def test_snappy_is_read_bare_and_in_blocks() -> None:
    bare = bytes(cramjam.snappy.compress_raw(b"order" * 100))
    assert decompress(SNAPPY, bare, limit_bytes=500) == b"order" * 100
    with pytest.raises(MessageTooLarge):
        decompress(SNAPPY, bare, limit_bytes=499)
    blocks = compress(SNAPPY, b"order" * 100)
    assert decompress(SNAPPY, blocks + blocks, limit_bytes=1000) == b"order" * 200


def test_a_snappy_length_that_its_bytes_cannot_hold_is_a_lie() -> None:
    with pytest.raises(CorruptMessage, match="cannot hold"):
        decompress(SNAPPY, b"\xff\xff\xff\x7f" + b"abcd", limit_bytes=1 << 40)


@pytest.mark.parametrize("length", [-1, 0, 5000])
def test_a_snappy_block_of_an_impossible_length_is_refused(length: int) -> None:
    data = compress(SNAPPY, b"")[:16] + struct.pack(">i", length) + b"abc"
    with pytest.raises(CorruptMessage):
        decompress(SNAPPY, data, limit_bytes=LIMIT)


def test_lz4_frames_of_other_writers_are_read_with_their_checksums() -> None:
    stream = cramjam.lz4.Compressor(content_checksum=True, block_linked=False)
    stream.compress(MIXED)
    data = bytes(stream.finish())
    assert decompress(LZ4, data, limit_bytes=LIMIT) == MIXED
    assert (
        decompress(LZ4, data[:-1] + bytes((data[-1] ^ 1,)), limit_bytes=LIMIT) == MIXED
    )  # as Kafka, which passes over it


def lz4_frame(flags: int, block_byte: int, middle: bytes, rest: bytes) -> bytes:
    descriptor = bytes((flags, block_byte)) + middle
    return b"\x04\x22\x4d\x18" + descriptor + bytes((xxhash.xxh32_intdigest(descriptor) >> 8 & 0xFF,)) + rest


STORED_ABC = struct.pack("<I", 3 | 1 << 31) + b"abc"


def test_lz4_block_checksums_are_checked() -> None:
    block = STORED_ABC + struct.pack("<I", xxhash.xxh32_intdigest(b"abc"))
    assert decompress(LZ4, lz4_frame(0x78, 0x40, struct.pack("<Q", 3), block + bytes(4)), limit_bytes=3) == b"abc"
    with pytest.raises(CorruptMessage, match="checksum"):
        decompress(LZ4, lz4_frame(0x70, 0x40, b"", STORED_ABC + bytes(8)), limit_bytes=3)


@pytest.mark.parametrize(
    ("flags", "block_byte"), [(0x40, 0x40), (0x61, 0x40), (0xA0, 0x40), (0x60, 0x30), (0x60, 0x41)]
)
def test_lz4_headers_that_kafka_does_not_read_are_refused(flags: int, block_byte: int) -> None:
    with pytest.raises(CorruptMessage):
        decompress(LZ4, lz4_frame(flags, block_byte, b"", STORED_ABC + bytes(4)), limit_bytes=LIMIT)


def test_zstd_frames_without_a_content_size_are_read_and_several_in_a_row() -> None:
    stream = cramjam.zstd.Compressor()
    stream.compress(MIXED)
    unsized = bytes(stream.finish())
    skippable = struct.pack("<II", 0x184D2A53, 4) + b"skip"
    data = unsized + skippable + compress(ZSTD, b"tail")
    assert decompress(ZSTD, data, limit_bytes=len(MIXED) + 4) == MIXED + b"tail"
    with pytest.raises(MessageTooLarge):
        decompress(ZSTD, data, limit_bytes=len(MIXED) + 3)


def test_a_zstd_window_beyond_what_kafka_reads_is_refused_before_it_is_allocated() -> None:
    frame = struct.pack("<IBB", 0xFD2FB528, 0, 28 - 10 << 3) + bytes((1, 0, 0))
    with pytest.raises(CorruptMessage, match="window"):
        decompress(ZSTD, frame, limit_bytes=1 << 40)


def test_a_large_zstd_window_costs_no_more_memory_than_the_content() -> None:
    """128 MiB are set aside and hardly touched: what counts is what the process holds, at its most."""
    program = """
import resource, sys
from kstore.codec import ZSTD, decompress
small = decompress(ZSTD, bytes.fromhex(sys.argv[1]), limit_bytes=100_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert decompress(ZSTD, bytes.fromhex(sys.argv[2]), limit_bytes=100_000) == b"abc" * 1000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    block = (3000 << 3 | 1).to_bytes(3, "little") + b"abc" * 1000
    small, large = (struct.pack("<IBB", 0xFD2FB528, 0, log - 10 << 3) + block for log in (12, 27))
    done = subprocess.run(
        [sys.executable, "-c", program, small.hex(), large.hex()], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 8_000  # KiB


def test_a_zstd_content_size_that_its_blocks_cannot_hold_is_a_lie() -> None:
    frame = struct.pack("<IBI", 0xFD2FB528, 0b10100000, 1_000_000) + bytes((1, 0, 0))
    with pytest.raises(CorruptMessage, match="cannot hold"):
        decompress(ZSTD, frame, limit_bytes=LIMIT)


@CODECS
def test_an_error_is_one_of_kafkas(codec: int) -> None:
    with pytest.raises(KafkaError):
        decompress(codec, b"\x00\x01\x02\x03\x04", limit_bytes=LIMIT)
