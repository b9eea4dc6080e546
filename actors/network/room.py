"""The memory that unfinished large frames may take, over all connections of a process.

A peer that announces a large frame gets a first piece of buffer before it has sent anything, so a crowd of peers that
say much and send little could fill the memory. When the room is full, the holder that has been silent longest loses
its connection; if all of them are sending, the one that asks for more does. Nobody waits for room: a frame can't be
finished without it, and those who have some would wait for each other.
"""

from __future__ import annotations

from typing import Protocol

# A holder that has sent nothing for this long makes room for one that does.
SILENT_SECONDS = 1.0


class Holder(Protocol):
    """A connection that reads a large frame."""

    active_at: float
    reading: bool  # a peer that isn't read from is not silent by its own fault

    def make_room(self) -> None:
        """Forget the frame and close, giving back the room at once."""


class FrameRoom:
    """So many bytes for everybody together."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.bytes_held = 0
        self.holders: dict[Holder, int] = {}

    def take(self, holder: Holder, count: int, now: float) -> bool:
        """Give ``count`` more bytes to ``holder``; False when there is no room and nobody to make some."""
        while self.bytes_held + count > self.bytes_max:
            silent = [
                other
                for other in self.holders
                if other is not holder and other.reading and now - other.active_at > SILENT_SECONDS
            ]
            if not silent:
                return False
            min(silent, key=lambda other: other.active_at).make_room()
        self.bytes_held += count
        self.holders[holder] = self.holders.get(holder, 0) + count
        return True

    def give_back(self, holder: Holder) -> None:
        """Take back all that ``holder`` has."""
        self.bytes_held -= self.holders.pop(holder, 0)
