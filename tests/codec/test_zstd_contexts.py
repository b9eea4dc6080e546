"""Zstandard contexts: kept, a thread's own, of no influence on what comes out, and not kept when they are large."""

import random
import struct
import threading

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from kstore.codec import ZSTD, compress, decompress
from kstore.codec.zstd_contexts import ThreadContexts, contexts
from kstore.errors import CorruptMessage, MessageTooLarge

LIMIT = 1 << 20
NOISE = random.Random(7).randbytes(100_000)
MAGIC = 0xFD2FB528


def text(size: int, first: int = 0) -> bytes:
    return b" ".join(b"%d" % (at * at) for at in range(first, first + size))[:size]


def unsized(data: bytes, level: int = 3) -> bytes:
    """A frame as Java's client writes it: of the default window, without the size of its content."""
    stream = zstandard.ZstdCompressor(level).compressobj()
    return stream.compress(data) + stream.flush()


@given(st.lists(st.tuples(st.integers(0, 20_000), st.sampled_from([1, 3, 9])), max_size=5), st.integers(0, 5000))
def test_what_a_context_did_before_changes_no_byte(before: list[tuple[int, int]], size: int) -> None:
    ours, data = ThreadContexts(), text(size, 77)
    for length, level in before:
        ours.compress(NOISE[:length] + text(length), level)
    assert ours.compress(data, 3) == zstandard.ZstdCompressor(3).compress(data)


def test_a_context_is_used_again_by_its_thread() -> None:
    compress(ZSTD, b"order")
    decompress(ZSTD, compress(ZSTD, b"order"), limit_bytes=5)
    compressor, decompressor = contexts.compressor, contexts.decompressor
    assert compressor is not None
    assert decompressor is not None
    assert decompress(ZSTD, compress(ZSTD, text(900)), limit_bytes=LIMIT) == text(900)
    assert contexts.compressor == compressor
    assert contexts.decompressor is decompressor


def test_each_thread_has_contexts_of_its_own() -> None:
    seen = []

    def work(number: int) -> None:
        for size in range(1, 3000, 7):
            data = text(size, number)
            for frame in (compress(ZSTD, data), unsized(data)):
                if decompress(ZSTD, frame, limit_bytes=size) != data:
                    return
        seen.append((contexts.compressor, contexts.decompressor))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(each) for pair in seen for each in pair}) == 8


def test_contexts_that_grew_large_are_not_kept() -> None:
    compress(ZSTD, b"order")
    decompress(ZSTD, unsized(b"order", 3), limit_bytes=5)
    assert None not in (contexts.compressor, contexts.decompressor)
    compress(ZSTD, text(1_000_000), 19)
    frame = struct.pack("<IBB", MAGIC, 0, 27 - 10 << 3) + (5 << 3 | 1).to_bytes(3, "little") + b"order"
    assert decompress(ZSTD, frame, limit_bytes=5) == b"order"
    assert (contexts.compressor, contexts.decompressor) == (None, None)


def test_a_failure_leaves_nothing_behind() -> None:
    good = compress(ZSTD, text(2000))
    for frame in (unsized(text(2000)), good):
        broken = frame[:-9] + bytes(9)
        with pytest.raises((CorruptMessage, MessageTooLarge)):
            decompress(ZSTD, broken, limit_bytes=LIMIT)
        assert decompress(ZSTD, good, limit_bytes=2000) == text(2000)


def test_frames_of_both_kinds_share_one_limit() -> None:
    data = compress(ZSTD, text(1000)) + unsized(text(500)) + unsized(b"") + compress(ZSTD, b"") + compress(ZSTD, b"x")
    assert decompress(ZSTD, data, limit_bytes=1501) == text(1000) + text(500) + b"x"
    for limit_bytes in (0, 1, 999, 1000, 1001, 1499, 1500):
        with pytest.raises(MessageTooLarge):
            decompress(ZSTD, data, limit_bytes=limit_bytes)


@pytest.mark.parametrize("limit_bytes", [0, 3, LIMIT])
def test_a_frame_that_says_it_is_empty_and_is_not_is_refused(limit_bytes: int) -> None:
    block = (3 << 3 | 1).to_bytes(3, "little") + b"abc"
    frame = struct.pack("<IBBI", MAGIC, 0b10000000, 17 - 10 << 3, 0) + block
    with pytest.raises(CorruptMessage):
        decompress(ZSTD, frame, limit_bytes=limit_bytes)


def test_a_window_beyond_what_kafka_reads_is_refused_when_the_size_is_said_too() -> None:
    block = (3 << 3 | 1).to_bytes(3, "little") + b"abc"
    frames = [struct.pack("<IBBI", MAGIC, 0b10000000, window, 3) + block for window in (17 << 3, 17 << 3 | 1, 18 << 3)]
    assert decompress(ZSTD, frames[0], limit_bytes=3) == b"abc"
    for frame in frames[1:]:
        with pytest.raises(CorruptMessage, match="window"):
            decompress(ZSTD, frame, limit_bytes=3)


def test_a_lie_about_the_size_allocates_no_more_than_the_limit() -> None:
    frame = compress(ZSTD, text(3000))
    size_at = 5
    assert frame[size_at : size_at + 2] == struct.pack("<H", 3000 - 256), "the size has two bytes here"
    for said in (2999, 3001, 60_000):
        lie = frame[:size_at] + struct.pack("<H", said - 256) + frame[size_at + 2 :]
        with pytest.raises(CorruptMessage):
            decompress(ZSTD, lie, limit_bytes=LIMIT)
        with pytest.raises((CorruptMessage, MessageTooLarge)):
            decompress(ZSTD, lie, limit_bytes=said - 1)
