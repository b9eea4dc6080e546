"""The server's end of a TCP connection: it reads frames from the socket and writes responses.

As measurements suggested, small frames get their turns once in a loop turn, after every readable socket has been read.
A frame of ``LARGE_FRAME_BYTES`` or more is read straight into a buffer of its own and gets its turns at once. Responses
are collected and written once per connection per drain. Records of a fetch response are never joined or encoded again:
they are written in pieces, each read from its file when the socket has taken the last one.

Frames are read by ``framing.FrameReader``. A length below 1 or over the limit closes the connection, and the buffers of
large frames grow in the ``RequestMemory`` that all connections share.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from actors.network.answers import Unsent
from actors.network.channel_messages import AnswersTaken, ChannelClosed, FramesReceived
from actors.network.framing import BadFrame, Frame, FrameReader
from actors.runtime.limits import FRAME_SECONDS_MAX, LARGE_FRAME_BYTES, WRITE_CHUNK_BYTES
from kstore.fs import Chunk, FileSlice
from kstore.schema import frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.network.listener import TcpListener
    from kstore.schema.struct import Message

AT_ONCE_BYTES_MAX = 64 * 1024  # written at once, without waiting for its turn


class TcpChannel(asyncio.BufferedProtocol):
    """One client's socket."""

    def __init__(self, listener: TcpListener, host: str, came_by: str) -> None:
        self.listener = listener
        self.host = host
        self.came_by = came_by  # the listener that the client connected to
        self.transport: Any = None
        self.connection: Any = None
        self.frames = FrameReader(listener.read_buffer, listener.frame_bytes_max, self)
        self.filled_when_active = 0
        self.wants_room = False  # not read until there is room for more requests
        self.under_way_bytes = 0  # of unanswered requests
        self.counted_bytes = 0  # of these in RequestMemory, which leaves out the first few: mostly these are all
        self.forgotten = False  # its requests don't count any more
        self.begun_at = 0.0  # when the unfinished frame began, or the closing of the connection
        self.active_at = listener.loop.time()  # when the peer last sent or read something
        self.collected: list[Chunk] = []  # responses since the last drain
        self.collected_bytes = 0
        self.unsent = Unsent(listener.answers, self)
        self.may_write = True
        self.waited_for = False  # the connection has requests that wait until the peer has read earlier responses
        self.may_read = True  # as far as the connection actor is concerned
        self.reading = True
        self.ending = False
        self.dirty = False

    def connection_made(self, transport: Any) -> None:
        """A client has connected."""
        self.transport = transport
        self.listener.connected(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """The buffer for the next bytes: that of a large frame, or the one that all connections share."""
        frames, listener = self.frames, self.listener
        if frames.large is not None:
            return frames.space()
        return listener.read_buffer[:LARGE_FRAME_BYTES] if listener.room.is_full else listener.read_buffer

    def buffer_updated(self, count: int) -> None:
        """Bytes have come."""
        now = self.listener.loop.time()
        frames = self.frames
        is_large, goes_on = frames.large is not None, bool(frames.head)
        try:
            whole = frames.received(count)
        except BadFrame as bad:
            self.abort()
            whole = bad.before
        if is_large:
            self._large_went_on(whole, now)
            return
        self.active_at = now
        if whole:
            self._deliver(whole, now)
            if len(whole[-1]) >= LARGE_FRAME_BYTES:
                self.listener.driver.drain_now()
        elif goes_on:
            return  # the unfinished frame is the same as before
        self.begun_at = now

    def _large_went_on(self, whole: list[Frame], now: float) -> None:
        filled = self.frames.filled
        if whole or filled - self.filled_when_active >= LARGE_FRAME_BYTES:  # a peer that drips counts as silent
            self.active_at = now
            self.filled_when_active = filled
        if whole:
            self.listener.room.finished(self)
            self._deliver(whole, now)
            self.listener.driver.drain_now()

    def large_begun(self, count: int) -> None:
        """As ``Allowance.large_begun``."""
        self.filled_when_active = count
        self.listener.room.begin(self, count)

    def may_grow(self, count: int) -> bool:
        """As ``Allowance.may_grow``: take room for the buffer's growth."""
        if self.listener.room.take(self, count, self.listener.loop.time()):
            return True
        self.wants_room = True
        self._see_to_reading()
        return False

    def room_given(self) -> None:
        """As ``Holder.room_given``."""
        self.wants_room = False
        self._see_to_reading()

    def is_overdue(self, now: float) -> bool:
        """Whether the peer takes too long to finish a frame or to read its last responses, or is silent for
        too long.
        """
        if self.ending or (self.reading and self.frames.has_begun):
            return now - self.begun_at > FRAME_SECONDS_MAX
        if now - self.active_at <= self.listener.idle_seconds_max:
            return False
        return self.is_backed_up or self._owes_nothing()

    def _owes_nothing(self) -> bool:
        return not self.under_way_bytes

    def make_room(self) -> None:
        """As ``Holder.make_room``."""
        self._forget_requests()
        self.transport.abort()

    def _forget_requests(self) -> None:
        self.frames.forget()
        if not self.forgotten:
            self.forgotten = True
            self.listener.room.forget(self, self.listener.loop.time())

    def request_done(self, size_bytes: int) -> None:
        """As ``Channel.request_done``."""
        self.under_way_bytes -= size_bytes
        if self.counted_bytes and not self.forgotten:
            counted = max(0, self.under_way_bytes - LARGE_FRAME_BYTES)
            if counted < self.counted_bytes:
                given_back, self.counted_bytes = self.counted_bytes - counted, counted
                self.listener.room.answered(self, given_back, self.listener.loop.time())

    def _deliver(self, whole: list[Frame], now: float) -> None:
        self.under_way_bytes += len(whole[0]) if len(whole) == 1 else sum(map(len, whole))
        more = self.under_way_bytes - LARGE_FRAME_BYTES - self.counted_bytes
        if more > 0:
            self.counted_bytes += more
            if not self.listener.room.received(self, more, now):
                self.wants_room = True
                self._see_to_reading()
        queue = self.listener.node.world.queue
        queue.enter(self.connection.actor_id, "SocketRead")
        self.connection.tell(FramesReceived(whole))
        queue.leave()

    def eof_received(self) -> bool:
        """Close the connection, as Apache Kafka does, when the client has shut down its sending side."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone."""
        self.collected.clear()
        self.unsent.clear()
        self._forget_requests()
        self.listener.disconnected(self)
        if self.connection is not None and self.listener.node.alive:
            self.connection.tell(ChannelClosed())

    @property
    def is_backed_up(self) -> bool:
        """As ``Channel.is_backed_up``."""
        return not self.may_write or bool(self.unsent.parts)

    def tell_when_taken(self) -> None:
        """As ``Channel.tell_when_taken``. Until then the client isn't read either."""
        self.waited_for = True
        self._see_to_reading()

    def respond(self, correlation_id: int, response: Message, version: int) -> None:
        """Collect a response; it is written when the drain ends, or at once if it is large."""
        parts = frames.encode_response(response, version, correlation_id)
        self.collected += parts
        self.collected_bytes += len(parts[0]) if len(parts) == 1 else sum(map(len, parts))
        if self.collected_bytes > WRITE_CHUNK_BYTES:
            self.flush()
        elif not self.dirty:
            self.dirty = True
            self.listener.writing.collected.append(self)

    def flush(self) -> None:
        """As ``WritableConnection.flush``."""
        self.dirty = False
        parts, self.collected = self.collected, []
        nbytes, self.collected_bytes = self.collected_bytes, 0
        if not parts or self.transport.is_closing():
            return
        self.active_at = self.listener.loop.time()
        is_small = nbytes <= AT_ONCE_BYTES_MAX and (len(parts) == 1 or FileSlice not in map(type, parts))
        if is_small and self.may_write and not self.unsent.parts:
            self._write(parts)
            if self.is_backed_up:
                self._settle()
            return
        self.unsent.add(parts)
        if self.may_write:
            self.listener.writing.begin(self)

    def _write(self, parts: Sequence[Chunk]) -> None:
        self.transport.writelines(parts) if len(parts) > 1 else self.transport.write(parts[0])

    def write_piece(self) -> bool:
        """As ``WritableConnection.write_piece``."""
        if self.transport.is_closing():
            return False
        if self.unsent and self.may_write:
            try:
                piece = self.unsent.next_piece()
            except (OSError, EOFError):  # the log was truncated or deleted meanwhile: there is no response to send
                self.drop_answers()
                return False
            self._write(piece)
            self._settle()
        if not self.is_backed_up:
            self._all_taken()
        return self.may_write and bool(self.unsent)

    def failed(self, error: Exception) -> None:
        """As ``WritableConnection.failed``."""
        self.listener.node.world.met_defect(error, "a client's connection")
        self.drop_answers()

    def _all_taken(self) -> None:
        if self.waited_for:
            self.waited_for = False
            self.connection.tell(AnswersTaken())
            self._see_to_reading()

    def _settle(self) -> None:
        """Note how much the socket's buffer still holds."""
        self.unsent.settle(0 if self.may_write else self.transport.get_write_buffer_size())

    def drop_answers(self) -> None:
        """As ``BackedUpConnection.drop_answers``."""
        self.unsent.clear()
        self.transport.abort()

    def pause_writing(self) -> None:
        """Note that the socket's own buffer is full."""
        self.may_write = False

    def resume_writing(self) -> None:
        """Go on: the socket has taken everything that was written."""
        self.active_at = self.listener.loop.time()
        self.may_write = True
        self._settle()
        if self.unsent:
            self.listener.writing.begin(self)
        else:
            self._all_taken()

    def pause_reading(self) -> None:
        """As ``Channel.pause_reading``."""
        self.may_read = False
        self._see_to_reading()

    def resume_reading(self) -> None:
        """As ``Channel.resume_reading``."""
        self.may_read = True
        self._see_to_reading()

    def _see_to_reading(self) -> None:
        wanted = self.may_read and not self.waited_for and not self.wants_room
        if wanted != self.reading and not self.transport.is_closing():
            self.reading = wanted
            if wanted:
                self.begun_at = self.active_at = self.listener.loop.time()  # the pause was not the peer's fault
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def abort(self) -> None:
        """As ``Channel.abort``. Responses that the transport has, or takes at once, are still sent, for as long as a
        frame may take; those that wait for a slow reader are dropped.
        """
        self.flush()
        while self.write_piece():
            continue
        self.unsent.forget_parts()
        self.ending = True
        self.begun_at = self.listener.loop.time()
        self.transport.close()
