"""Frames out of what a socket gives: ``length 4 (big-endian, signed) | length bytes``.

Small frames are copied out of the buffer that all sockets share; a large one is read straight into a buffer of its own,
which begins small and doubles as bytes come, since a length is only what the peer says.
"""

from __future__ import annotations

import struct

from actors.runtime.limits import FIRST_PIECE_BYTES, LARGE_FRAME_BYTES

LENGTH = struct.Struct(">i")


class BadFrame(ValueError):
    """The peer announced a frame that can't be."""


class Frames:
    """The incoming side of one socket. Receive into ``space()`` and release that, then tell ``received`` how much came:
    a view that is still held keeps the buffer of a large frame from growing."""

    def __init__(self, shared: memoryview, bytes_max: int) -> None:
        self._shared = shared
        self._bytes_max = bytes_max
        self._head = b""
        self._large: bytearray | None = None
        self._large_bytes = 0
        self._filled = 0

    def space(self) -> memoryview:
        """Where the next bytes go."""
        if self._large is None:
            return self._shared[:]
        if self._filled == len(self._large):
            self._large += bytes(min(self._filled, self._large_bytes - self._filled))
        with memoryview(self._large) as whole:
            return whole[self._filled :]

    def received(self, count: int) -> list[bytes | bytearray]:
        """The frames that are whole now, without their lengths. Raises ``BadFrame``."""
        if self._large is not None:
            self._filled += count
            if self._filled < self._large_bytes:
                return []
            whole, self._large = self._large, None
            return [whole]
        data = self._shared[:count]
        if self._head:
            data = memoryview(self._head + bytes(data))
            self._head = b""
        return self._split(data)

    def _split(self, data: memoryview) -> list[bytes | bytearray]:
        frames: list[bytes | bytearray] = []
        position, end = 0, len(data)
        while end - position >= LENGTH.size:
            (length,) = LENGTH.unpack_from(data, position)
            if not 1 <= length <= self._bytes_max:
                raise BadFrame(f"a frame of {length} bytes")
            begin = position + LENGTH.size
            if end - begin < length:
                if length >= LARGE_FRAME_BYTES:
                    self._begin_large(data[begin:], length)
                    return frames
                break
            frames.append(bytes(data[begin : begin + length]))
            position = begin + length
        self._head = bytes(data[position:])
        return frames

    def _begin_large(self, rest: memoryview, length: int) -> None:
        self._large = bytearray(min(length, max(FIRST_PIECE_BYTES, len(rest))))
        self._large[: len(rest)] = rest
        self._large_bytes = length
        self._filled = len(rest)
