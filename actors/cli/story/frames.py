"""What the demo draws on: a terminal that shows whole frames only.

Each write of the drawing library is one frame, and goes to the terminal in one write, between the marks of synchronized
output (DEC mode 2026): a terminal that knows them shows nothing half-drawn, others pass them over. Lines don't wrap
inside a frame, so that one that was drawn for a wider terminal, just before it was resized, spoils no other line.
"""

from __future__ import annotations

import os
from typing import TextIO

BEGIN, END = "\x1b[?2026h\x1b[?7l", "\x1b[?7h\x1b[?2026l"


class Frames:
    """A text file for ``rich.console.Console``. Nothing is written before ``flush``."""

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal
        self.encoding = terminal.encoding
        self._frame: list[str] = []

    def write(self, text: str) -> int:
        """More of the frame."""
        self._frame.append(text)
        return len(text)

    def flush(self) -> None:
        """The frame is whole: show it."""
        if self._frame:
            frame = f"{BEGIN}{''.join(self._frame)}{END}".encode(self.encoding, "replace")
            self._frame.clear()
            self.terminal.flush()
            rest = memoryview(frame)
            while rest:
                rest = rest[os.write(self.terminal.fileno(), rest) :]

    def isatty(self) -> bool:
        """It stands for the terminal."""
        return self.terminal.isatty()

    def fileno(self) -> int:
        """The terminal's."""
        return self.terminal.fileno()
