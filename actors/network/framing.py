"""Frames out of what a socket gives: ``length 4 (big-endian, signed) | length bytes``.

Small frames are copied out of the buffer that all sockets share; a large one is read straight into a buffer of its own.
A length is only what a peer says, so that buffer starts with ``FIRST_PIECE_BYTES`` at most and doubles as bytes come.
Brokers and clients read by the same ``Frames``: a broker lets a large frame grow only where its ``Allowance`` says so.
"""

from __future__ import annotations

import struct
from typing import Protocol

from actors.runtime.limits import FIRST_PIECE_BYTES, LARGE_FRAME_BYTES

LENGTH = struct.Struct(">i")

Frame = bytes | bytearray


class BadFrame(ValueError):
    """The peer announced a frame that can't be; ``before`` are the whole frames that came before it."""

    def __init__(self, length: int, before: list[Frame]) -> None:
        super().__init__(f"a frame of {length} bytes")
        self.before = before


class Allowance(Protocol):
    """What has a say in how much memory large frames take."""

    def large_begun(self, count: int) -> None:
        """A large frame has begun; so many bytes of it are there."""

    def may_grow(self, count: int) -> bool:
        """Whether its buffer may be larger by so many bytes now. If not, nothing is received until it may."""


class _Unlimited:
    def large_begun(self, count: int) -> None:
        """It may."""

    def may_grow(self, count: int) -> bool:
        return True


UNLIMITED = _Unlimited()


class Frames:
    """The incoming side of one socket. Receive into ``space()``, then tell ``received`` how much came. Drop the space
    before the next is asked for, but don't release it: it may be the shared buffer. A view that is held keeps the
    buffer of a large frame from growing.

    Invariant: of a large frame ``filled`` bytes have come, no more than its buffer has, and fewer than its length.
    """

    __slots__ = ("_allowance", "_bytes_max", "_growth_bytes", "_large_bytes", "_shared", "filled", "head", "large")

    def __init__(self, shared: memoryview, bytes_max: int, allowance: Allowance = UNLIMITED) -> None:
        self._shared = shared
        self._bytes_max = bytes_max
        self._allowance = allowance
        self.head = b""  # the beginning of a small frame whose rest has not come
        self.large: bytearray | None = None  # the large frame being read, as far as there is a buffer for it
        self._large_bytes = 0  # how long it will be
        self._growth_bytes = 0  # by which its buffer grows next
        self.filled = 0

    @property
    def has_begun(self) -> bool:
        """Whether the beginning of a frame is there, and not all of it."""
        return bool(self.head) or self.large is not None

    def space(self) -> memoryview:
        """Where the next bytes go."""
        if self.large is None:
            return self._shared
        if self.filled == len(self.large):
            self.large += bytes(self._growth_bytes)
        with memoryview(self.large) as whole:
            return whole[self.filled :]

    def received(self, count: int) -> list[Frame]:
        """The frames that are whole now, without their lengths. Raises ``BadFrame``."""
        if self.large is not None:
            return self._large_goes_on(self.large, count)
        if self.head:
            data = memoryview(self.head + bytes(self._shared[:count]))
            self.head = b""
            return self._split(data)
        if LENGTH.size < count <= self._bytes_max and LENGTH.unpack_from(self._shared)[0] == count - LENGTH.size:
            return [bytes(self._shared[LENGTH.size : count])]  # one frame and nothing else, as it is most of the time
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
            self.large += bytes(self._growth_bytes)

    def forget(self) -> None:
        """Let go of a large frame: nothing more is received."""
        self.large = None
