"""Frames out of what a client's socket gives, however it comes in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.network.framing import BadFrame, FrameReader
from actors.runtime.limits import FIRST_PIECE_BYTES, LARGE_FRAME_BYTES


def framed(*frames: bytes) -> bytes:
    return b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)


def fed(data: bytes, sizes: list[int], bytes_max: int = 1 << 30) -> list[bytes]:
    """What comes out when a socket gives the bytes in pieces of these sizes, and then the rest."""
    incoming = FrameReader(memoryview(bytearray(64 * 1024)), bytes_max)
    out: list[bytes] = []
    sizes = [*sizes, len(data)]
    while data:
        space = incoming.space()
        count = min(len(space), max(1, sizes.pop(0) if sizes else len(data)), len(data))
        space[:count] = data[:count]
        data = data[count:]
        del space
        out += map(bytes, incoming.received(count))
    return out


@given(
    st.lists(st.binary(min_size=1, max_size=300), max_size=8),
    st.lists(st.integers(min_value=1, max_value=200), max_size=20),
)
def test_small_frames_come_out_whole_and_in_order(frames: list[bytes], sizes: list[int]) -> None:
    assert fed(framed(*frames), sizes) == frames


@pytest.mark.parametrize("size", [LARGE_FRAME_BYTES, FIRST_PIECE_BYTES + 1, 3 * FIRST_PIECE_BYTES])
@pytest.mark.parametrize("piece", [1000, 65_536, 1 << 30])
def test_a_large_frame_between_small_ones_comes_out_whole(size: int, piece: int) -> None:
    frames = [b"before", bytes(range(256)) * (size // 256 + 1), b"after"]
    assert fed(framed(*frames), [piece] * (2 * size // piece + 2)) == frames


def test_the_buffer_of_a_large_frame_grows_only_as_bytes_come() -> None:
    incoming = FrameReader(memoryview(bytearray(64 * 1024)), 1 << 30)
    space = incoming.space()
    space[:4] = (1 << 30).to_bytes(4, "big")
    assert incoming.received(4) == []
    assert len(incoming.space()) <= FIRST_PIECE_BYTES


@pytest.mark.parametrize("length", [0, -1, 101, 2**31 - 1, -(2**31)])
def test_a_length_that_no_frame_has_is_refused(length: int) -> None:
    with pytest.raises(BadFrame):
        fed(length.to_bytes(4, "big", signed=True) + b"rest", [], bytes_max=100)
