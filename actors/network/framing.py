"""Splits what a socket receives into frames: ``length 4 (big-endian, signed) | length bytes``.

Small frames are copied out of the buffer that all sockets share; a large one is read straight into a buffer of its own.
A length is only a peer's claim, so that buffer starts with at most ``FIRST_PIECE_BYTES`` and doubles as bytes come.
Brokers and clients both use ``FrameReader``; on a broker a large frame grows only if its ``Allowance`` allows it.
"""

from __future__ import annotations

import struct
from typing import Protocol

from actors.runtime.limits import FIRST_PIECE_BYTES, LARGE_FRAME_BYTES
from kstore.schema.frames import lengthen

LENGTH = struct.Struct(">i")

Frame = bytes | bytearray


class BadFrame(ValueError):
    """The peer sent an invalid frame length; ``before`` are the whole frames that came before it."""

    def __init__(self, length: int, before: list[Frame]) -> None:
        super().__init__(f"a frame of {length} bytes")
        self.before = before


class Allowance(Protocol):
    """Decides how much memory large frames may take."""

    def large_begun(self, count: int) -> None:
        """Note that a large frame has begun, and how many bytes of it have come."""

    def may_grow(self, count: int) -> bool:
        """Whether its buffer may grow by so many bytes now. If not, nothing is received until it may."""


class _Unlimited:
    def large_begun(self, count: int) -> None:
        """It may."""

    def may_grow(self, count: int) -> bool:
        return True


UNLIMITED = _Unlimited()


class FrameReader:
    """The incoming side of one socket. Receive into ``space()``, then call ``received`` with the count. Drop the space
    before asking for the next, but don't release it: it may be the shared buffer. A view that is still held keeps a
    large frame's buffer from growing.

    Invariant: ``filled`` bytes of a large frame have come, at most as many as its buffer has, and fewer than its
    length.
    """

    __slots__ = ("_allowance", "_bytes_max", "_growth_bytes", "_large_bytes", "_shared", "filled", "head", "large")

    def __init__(self, shared: memoryview, bytes_max: int, allowance: Allowance = UNLIMITED) -> None:
        self._shared = shared
        self._bytes_max = bytes_max
        self._allowance = allowance
        self.head = b""  # the beginning of a small frame, until the rest comes
        self.large: bytearray | None = None  # the buffer of the large frame being read
        self._large_bytes = 0  # the frame's full length
        self._growth_bytes = 0  # by which its buffer grows next
        self.filled = 0

    @property
    def has_begun(self) -> bool:
        """Whether a frame has begun and isn't complete."""
        return bool(self.head) or self.large is not None

    def space(self) -> memoryview:
        """Where the next bytes go."""
        if self.large is None:
            return self._shared
        if self.filled == len(self.large):
            lengthen(self.large, self._growth_bytes)
        with memoryview(self.large) as whole:
            return whole[self.filled :]

    def received(self, count: int) -> list[Frame]:
        """The frames that are complete now, without their lengths. Raises ``BadFrame``."""
        if self.large is not None:
            return self._large_goes_on(self.large, count)
        if self.head:
            data = memoryview(self.head + bytes(self._shared[:count]))
            self.head = b""
            return self._split(data)
        if LENGTH.size < count <= self._bytes_max and LENGTH.unpack_from(self._shared)[0] == count - LENGTH.size:
            return [bytes(self._shared[LENGTH.size : count])]  # exactly one frame, as most of the time
        return self._split(self._shared[:count])

    def _large_goes_on(self, large: bytearray, count: int) -> list[Frame]:
        self.filled += count
        if self.filled == self._large_bytes:
            self.large = None
            return [large]
        if self.filled == len(large):
            self._growth_bytes = min(self.filled, self._large_bytes - self.filled)
            self._allowance.may_grow(self._growth_bytes)
        return []

    def _split(self, data: memoryview) -> list[Frame]:
        frames: list[Frame] = []
        position, end = 0, len(data)
        while end - position >= LENGTH.size:
            (length,) = LENGTH.unpack_from(data, position)
            if not 1 <= length <= self._bytes_max:
                raise BadFrame(length, frames)
            begin = position + LENGTH.size
            if end - begin < length:
                if length >= LARGE_FRAME_BYTES:
                    self._begin_large(data[begin:], length)
                    return frames
                break
            frames.append(bytes(data[begin : begin + length]))
            position = begin + length
        if position < end:
            self.head = bytes(data[position:])
        return frames

    def _begin_large(self, rest: memoryview, length: int) -> None:
        self.large = bytearray(rest)
        self._large_bytes = length
        self.filled = count = len(rest)
        self._growth_bytes = min(length, max(FIRST_PIECE_BYTES, 2 * count)) - count
        self._allowance.large_begun(count)
        if self._allowance.may_grow(self._growth_bytes):
            lengthen(self.large, self._growth_bytes)

    def forget(self) -> None:
        """Drop a large frame: nothing more is received."""
        self.large = None
