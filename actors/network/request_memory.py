"""The memory that requests may take, over all connections of a process (``queued.max.request.bytes``).

Counted are the buffers of large frames that are being received, and whole requests until they are answered (but for
the first ``LARGE_FRAME_BYTES`` of a connection's, so that small requests cost nothing more). Beyond
``bytes_max`` nobody is closed for it: who needs more is not read from until there is room. A length is only what a peer
says: of what was announced, room is taken for ``FIRST_PIECE_BYTES`` at most, and then for as much again as has come.
That those who have some don't wait for each other for ever, the oldest unfinished frame may go on beyond the bound, by
as much as one frame of the allowed size has. So such a frame always fits, and no more than
``bytes_max + frame_bytes_max`` are ever held.

Two kinds of peers lose their connection for others. When there is no room, those that have begun a large frame and send
less than ``LARGE_FRAME_BYTES`` in ``SILENT_SECONDS``. And when some have waited ``STUCK_SECONDS`` in which nothing was
given back, the one that takes most with requests under way and with a frame that it is not read from to finish, though
there is room for it: they wait for something that may never come, as for the peer to read its answers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

SILENT_SECONDS = 1.0
STUCK_SECONDS = 10.0


class Holder(Protocol):
    """A connection whose requests take memory."""

    active_at: float  # when it last sent as much as one that sends
    reading: bool  # a peer that isn't read from is not silent by its own fault

    def room_given(self) -> None:
        """Go on: what was asked for is there now."""

    def make_room(self) -> None:
        """Forget the requests and close, giving back the room at once."""


class RequestMemory:
    """So many bytes for everybody together."""

    def __init__(self, loop: AbstractEventLoop, bytes_max: float, frame_bytes_max: int) -> None:
        self.loop = loop
        self.bytes_max = bytes_max
        self.frame_bytes_max = frame_bytes_max
        self.bytes_held = 0
        self.unfinished: dict[Holder, int] = {}  # bytes of large frames that are being received, the oldest first
        self.under_way: dict[Holder, int] = {}  # bytes of requests that aren't answered
        self.waiting: dict[Holder, int] = {}  # who isn't read from, in order, and how many bytes each needs
        self.is_looked_after = False
        self.given_back_at = math.inf  # when something was last given back, or a connection began to wait

    @property
    def is_full(self) -> bool:
        """Whether only what can't be helped is read."""
        return self.bytes_held >= self.bytes_max

    def begin(self, holder: Holder, count: int) -> None:
        """A large frame begins, of which so many bytes have come already: they are there, room or not."""
        self.bytes_held += count
        self.unfinished[holder] = count

    def take(self, holder: Holder, count: int, now: float) -> bool:
        """Give ``count`` more bytes to an unfinished frame; False when it has to wait for ``room_given``."""
        if not self._may_have(holder, count):
            self._close_the_silent(holder, count, now)
        if self._may_have(holder, count):
            self._give(holder, count)
            return True
        self._wait(holder, count, now)
        return False

    def finished(self, holder: Holder) -> None:
        """A large frame is whole: what it takes is counted as ``received`` from now on."""
        self.bytes_held -= self.unfinished.pop(holder)

    def _may_have(self, holder: Holder, count: int) -> bool:
        needed = self.bytes_held + count
        if needed <= self.bytes_max:
            return True
        return needed <= self.bytes_max + self.frame_bytes_max and next(iter(self.unfinished)) is holder

    def _give(self, holder: Holder, count: int) -> None:
        self.bytes_held += count
        self.unfinished[holder] += count

    def _close_the_silent(self, asking: Holder, count: int, now: float) -> None:
        silent = [
            other
            for other in self.unfinished
            if other is not asking and other.reading and now - other.active_at > SILENT_SECONDS
        ]
        for other in sorted(silent, key=lambda other: other.active_at):
            if self._may_have(asking, count):
                return
            other.make_room()

    def received(self, holder: Holder, count: int, now: float) -> bool:
        """So many bytes of whole requests have come; False when no more are to be read until ``room_given``."""
        self.bytes_held += count
        self.under_way[holder] = self.under_way.get(holder, 0) + count
        if self.bytes_held <= self.bytes_max:
            return True
        if holder not in self.waiting:  # else it waits for its next frame already
            self._wait(holder, 0, now)
        return False

    def answered(self, holder: Holder, count: int, now: float) -> None:
        """Requests of so many bytes were answered."""
        left = self.under_way[holder] - count
        if left:
            self.under_way[holder] = left
        else:
            del self.under_way[holder]
        self.bytes_held -= count
        if self.waiting:
            self._serve_the_waiting(now)

    def forget(self, holder: Holder, now: float) -> None:
        """A connection is gone, and all that it had."""
        self.waiting.pop(holder, None)
        self.bytes_held -= self.unfinished.pop(holder, 0) + self.under_way.pop(holder, 0)
        if self.waiting:
            self._serve_the_waiting(now)

    def _wait(self, holder: Holder, count: int, now: float) -> None:
        if not self.waiting:
            self.given_back_at = now
            self._look_later()
        self.waiting[holder] = count

    def _look_later(self) -> None:
        if not self.is_looked_after:
            self.is_looked_after = True
            self.loop.call_later(SILENT_SECONDS, self._look)

    def _look(self) -> None:
        self.is_looked_after = False
        try:
            self.relieve(self.loop.time())
        finally:  # whatever comes of this look, there is a next one, a whole time after room was given in this one
            if self.waiting:
                self._look_later()

    def _serve_the_waiting(self, now: float) -> None:
        self.given_back_at = now
        for holder, count in list(self.waiting.items()):
            if count and not self._may_have(holder, count):
                continue
            if not count and self.is_full:
                continue
            del self.waiting[holder]
            if count:
                self._give(holder, count)
            holder.room_given()

    def relieve(self, now: float) -> None:
        """See that those who wait don't do so for ever."""
        for holder, count in list(self.waiting.items()):
            if count and holder in self.waiting:
                self._close_the_silent(holder, count, now)
        if self.waiting and now - self.given_back_at > STUCK_SECONDS:
            stuck = max([*self.unfinished, *self.under_way], key=self._stuck_bytes, default=None)
            if stuck is not None and self._stuck_bytes(stuck):
                stuck.make_room()

    def _stuck_bytes(self, holder: Holder) -> int:
        goes_on = holder.reading or self.waiting.get(holder)  # with its frame, as bytes or room come
        return self.under_way.get(holder, 0) + (0 if goes_on else self.unfinished.get(holder, 0))
