"""The limit on the memory of requests, over all connections of a process (``queued.max.request.bytes``).

Counted are the buffers of large frames that are being received, and complete requests until they are answered (except a
connection's first ``LARGE_FRAME_BYTES``, so that small requests cost nothing extra). Beyond ``bytes_max`` no connection
is closed: one that needs more isn't read until there is room. A length is only a peer's claim: at first room is taken
for at most ``FIRST_PIECE_BYTES``, then for as much again as has come. So that connections don't wait for each other for
ever, the oldest unfinished frame may exceed the limit by one frame of the allowed size. So such a frame always fits,
and at most ``bytes_max + frame_bytes_max`` bytes are held.

Two kinds of peers lose their connection to make room. If there is no room, those that have begun a large frame and send
less than ``LARGE_FRAME_BYTES`` in ``SILENT_SECONDS``. If others have waited ``STUCK_SECONDS`` and nothing was freed,
the peer that holds most with pending requests, or with a frame that isn't read on although there is room: it waits for
something that may never come, such as the peer reading its responses.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

SILENT_SECONDS = 1.0
STUCK_SECONDS = 10.0


class Holder(Protocol):
    """A connection, as a holder of memory for its requests."""

    active_at: float  # when it last sent enough to count as active
    reading: bool  # if it isn't read, its silence isn't the peer's fault

    def room_given(self) -> None:
        """Continue: the requested room is there now."""

    def make_room(self) -> None:
        """Drop the requests and close, freeing the room at once."""


class RequestMemory:
    """The bytes that all connections' requests take together."""

    def __init__(self, loop: AbstractEventLoop, bytes_max: float, frame_bytes_max: int) -> None:
        self.loop = loop
        self.bytes_max = bytes_max
        self.frame_bytes_max = frame_bytes_max
        self.bytes_held = 0
        self.unfinished: dict[Holder, int] = {}  # bytes of large frames that are being received, the oldest first
        self.under_way: dict[Holder, int] = {}  # bytes of unanswered requests
        self.waiting: dict[Holder, int] = {}  # connections that aren't read, in order, and the bytes that each needs
        self.is_looked_after = False
        self.given_back_at = math.inf  # when room was last freed, or a connection began to wait

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached, so that no new requests are read."""
        return self.bytes_held >= self.bytes_max

    def begin(self, holder: Holder, count: int) -> None:
        """Count a large frame that begins; its bytes that have come already are counted even without room."""
        self.bytes_held += count
        self.unfinished[holder] = count

    def take(self, holder: Holder, count: int, now: float) -> bool:
        """Take ``count`` more bytes for an unfinished frame; False if it must wait for ``room_given``."""
        if not self._may_have(holder, count):
            self._close_the_silent(holder, count, now)
        if self._may_have(holder, count):
            self._give(holder, count)
            return True
        self._wait(holder, count, now)
        return False

    def finished(self, holder: Holder) -> None:
        """Note that a large frame is complete: from now on it is counted as ``received``."""
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
        """Count bytes of complete requests; False if no more may be read until ``room_given``."""
        self.bytes_held += count
        self.under_way[holder] = self.under_way.get(holder, 0) + count
        if self.bytes_held <= self.bytes_max:
            return True
        if holder not in self.waiting:  # else it already waits for its next frame
            self._wait(holder, 0, now)
        return False

    def answered(self, holder: Holder, count: int, now: float) -> None:
        """Free the bytes of requests that were answered."""
        left = self.under_way[holder] - count
        if left:
            self.under_way[holder] = left
        else:
            del self.under_way[holder]
        self.bytes_held -= count
        if self.waiting:
            self._serve_the_waiting(now)

    def forget(self, holder: Holder, now: float) -> None:
        """Free everything of a connection that is gone."""
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
        finally:  # even if this check fails there is a next one, a full interval after room was freed in this one
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
        """Close connections where needed, so that none waits for ever."""
        for holder, count in list(self.waiting.items()):
            if count and holder in self.waiting:
                self._close_the_silent(holder, count, now)
        if self.waiting and now - self.given_back_at > STUCK_SECONDS:
            stuck = max([*self.unfinished, *self.under_way], key=self._stuck_bytes, default=None)
            if stuck is not None and self._stuck_bytes(stuck):
                stuck.make_room()

    def _stuck_bytes(self, holder: Holder) -> int:
        goes_on = holder.reading or self.waiting.get(holder)  # its frame goes on as bytes or room come
        return self.under_way.get(holder, 0) + (0 if goes_on else self.unfinished.get(holder, 0))
