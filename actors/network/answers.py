"""Responses that clients have not read yet, and the limit on the memory that they take over all connections.

Responses to a client that doesn't read pile up here. Parts that are in a file cost nothing. Counted are parts in memory
(a shared one once, however many clients wait for it) and what a socket's buffer holds. Beyond ``bytes_max``
(``queued.max.response.bytes``), the client that hasn't read for longest loses its connection. The pieces written to a
socket get larger while the socket takes them at once, as each costs a call, and smaller as memory gets short, because
the rest of a piece stays in memory when a client stops reading. Connections write their pieces in turn.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Protocol

from actors.runtime.limits import WRITE_CHUNK_BYTES
from kstore.fs import Buffer, Chunk, FileSlice

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

SHARED_BYTES_MIN = 1024  # a smaller part is one answer's own
SMALLEST_PIECE_BYTES = 16 * 1024
LARGEST_PIECE_BYTES = 4 * 1024 * 1024  # a millisecond's work
LARGEST_READ_BYTES = 1024 * 1024  # of a file: still in the processor's cache when it is written


WRITE_SECONDS_A_TURN = 0.005
"""After so much, others have their turn: sockets are read, requests handled, small responses written."""


class WritableConnection(Protocol):
    """A connection whose socket may take more."""

    def flush(self) -> None:
        """Write what a drain has collected, in one write if it is small."""

    def write_piece(self) -> bool:
        """Write the next piece; returns whether there is more and the socket may take it now."""

    def failed(self, error: Exception) -> None:
        """Close the connection, as writing met a defect."""


class Writing:
    """The connections that have something to write. What a drain has ``collected`` is written when it ends, in one
    write for each connection. Pieces of large responses are written in turn, so that a thousand at once delay nothing
    else.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self.collected: list[WritableConnection] = []
        self.queue: OrderedDict[WritableConnection, None] = OrderedDict()
        self.scheduled = False

    def flush(self) -> None:
        """Write what the drain that has ended collected, then pieces."""
        if self.collected:
            collected, self.collected = self.collected, []
            for writer in collected:
                try:
                    writer.flush()
                except Exception as error:  # noqa: BLE001 - a defect ends the connection that it was met on
                    writer.failed(error)
        if self.queue:
            self.go_on()

    def begin(self, writer: WritableConnection) -> None:
        """Start to write soon, unless ``go_on`` is called before."""
        self.queue.setdefault(writer)
        if not self.scheduled:
            self.scheduled = True
            self.loop.call_soon(self._due)

    def _due(self) -> None:
        self.scheduled = False
        self.go_on()

    def go_on(self) -> None:
        """Write some pieces."""
        queue = self.queue
        until = self.loop.time() + WRITE_SECONDS_A_TURN
        while queue:
            writer, _ = queue.popitem(last=False)
            try:
                goes_on = writer.write_piece()
            except Exception as error:  # noqa: BLE001 - a defect ends the connection that it was met on
                writer.failed(error)
                continue
            if goes_on:
                queue[writer] = None
            if self.loop.time() >= until:
                break
        if queue and not self.scheduled:
            self.scheduled = True
            self.loop.call_soon(self._due)


class BackedUpConnection(Protocol):
    """A connection with responses that wait."""

    def drop_answers(self) -> None:
        """Drop them and close, freeing their memory at once."""


class AnswerMemory:
    """The bytes that all connections' responses take together. ``readers`` are in the order in which they last read."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.bytes_held = 0
        self.readers: OrderedDict[BackedUpConnection, None] = OrderedDict()
        self._shared: dict[int, int] = {}  # by identity: how many waiting responses have this part

    def piece_bytes(self) -> int:
        """How much is written to a socket at once, at most."""
        held, bytes_max = self.bytes_held, self.bytes_max
        if held < bytes_max >> 4:
            return max(WRITE_CHUNK_BYTES, min(LARGEST_PIECE_BYTES, bytes_max >> 6))
        if held < bytes_max >> 3:
            return WRITE_CHUNK_BYTES
        return WRITE_CHUNK_BYTES // 4 if held < bytes_max >> 2 else SMALLEST_PIECE_BYTES

    def progressed(self, reader: BackedUpConnection) -> None:
        """Note that a client begins to wait, or has read something."""
        self.readers[reader] = None
        self.readers.move_to_end(reader)

    def left(self, reader: BackedUpConnection) -> None:
        """Note that a client has read everything, or is gone."""
        self.readers.pop(reader, None)

    def hold(self, part: Chunk) -> None:
        """Count a part of a response that waits."""
        size = _size_in_memory(part)
        if size >= SHARED_BYTES_MIN:
            known = self._shared.get(id(part), 0)
            self._shared[id(part)] = known + 1
            if known:
                return
        self.bytes_held += size

    def release(self, part: Chunk) -> None:
        """Count a part no longer: it was written, or its client is gone."""
        size = _size_in_memory(part)
        if size >= SHARED_BYTES_MIN:
            known = self._shared.pop(id(part)) - 1
            if known:
                self._shared[id(part)] = known
                return
        self.bytes_held -= size

    def make_room(self, bytes_max: int) -> None:
        """Close the slowest connections until no more than this is held."""
        while self.bytes_held > bytes_max and self.readers:
            reader, _ = self.readers.popitem(last=False)
            reader.drop_answers()


def _size_in_memory(part: Chunk) -> int:
    return 0 if isinstance(part, FileSlice) else len(part)


class Unsent:
    """What one client has not read yet: parts in order, the first perhaps partly written, and its socket's buffer."""

    __slots__ = ("begun", "handed", "in_buffer", "parts", "piece_bytes", "reader", "room")

    def __init__(self, room: AnswerMemory, reader: BackedUpConnection) -> None:
        self.room = room
        self.reader = reader
        self.parts: deque[Chunk] = deque()
        self.begun = 0  # bytes of the first part that were written
        self.in_buffer = 0
        self.handed = 0  # the size of the last piece
        self.piece_bytes = WRITE_CHUNK_BYTES  # of the next one: twice what the socket took at once

    def __bool__(self) -> bool:
        return bool(self.parts)

    def add(self, parts: list[Chunk]) -> None:
        """Append parts. They count once a client's socket has had its turn and didn't take them."""
        for part in parts:
            self.room.hold(part)
        self.parts += parts
        self.room.readers.setdefault(self.reader)
        self.room.make_room(2 * self.room.bytes_max)

    def next_piece(self) -> list[Buffer]:
        """What to write to the socket next, in one write. Raises what reading a file raises."""
        limit = min(self.piece_bytes, self.room.piece_bytes())
        piece: list[Buffer] = []
        size = 0
        while self.parts and size < limit:
            part = self.parts[0]
            left = len(part) - self.begun
            if isinstance(part, FileSlice):
                limit = max(size, min(limit, LARGEST_READ_BYTES))
                if size == limit:
                    break
            wanted = min(left, limit - size)
            if isinstance(part, FileSlice):
                piece.append(part.read(self.begun, wanted))
            else:
                piece.append(part if wanted == len(part) else memoryview(part)[self.begun : self.begun + wanted])
            size += wanted
            if wanted < left:
                self.begun += wanted
            else:
                self.begun = 0
                self.room.release(self.parts.popleft())
        self.handed = size
        return piece

    def settle(self, in_buffer: int) -> None:
        """Note that everything possible was written, and how much of it the socket's buffer holds."""
        if in_buffer:
            self.piece_bytes = max(WRITE_CHUNK_BYTES, self.piece_bytes // 2)
        elif not self.in_buffer and self.handed >= self.piece_bytes:
            self.piece_bytes = min(LARGEST_PIECE_BYTES, self.piece_bytes * 2)
        self.room.bytes_held += in_buffer - self.in_buffer
        self.in_buffer = in_buffer
        if in_buffer or self.parts:
            self.room.progressed(self.reader)
            if in_buffer:
                self.room.make_room(self.room.bytes_max)
        else:
            self.room.left(self.reader)

    def forget_parts(self) -> None:
        """Drop what was not written yet."""
        for part in self.parts:
            self.room.release(part)
        self.parts.clear()
        self.begun = 0

    def clear(self) -> None:
        """Drop everything: the socket and its buffer are gone."""
        self.forget_parts()
        self.room.bytes_held -= self.in_buffer
        self.in_buffer = 0
        self.room.left(self.reader)
