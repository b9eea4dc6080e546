"""Ctrl-C and SIGTERM: the first one lets the verb finish its work and stop; a second one ends it at once."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from types import FrameType, TracebackType


class Stopping:
    """Takes the signals in a ``with`` block. ``asked`` says whether one came; waiting for input ends then, too."""

    def __init__(self) -> None:
        self.asked = False
        self.last_wait = False  # nothing is left to be ended in order: the next signal ends it at once
        self._before: dict[int, signal._HANDLER] = {}
        self._read_end, self._write_end = os.pipe()

    def __enter__(self) -> Stopping:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read_end)
        os.close(self._write_end)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.asked or self.last_wait:
            raise KeyboardInterrupt
        self.asked = True
        os.write(self._write_end, b"!")

    def read(self, descriptor: int, size: int) -> bytes:
        """Read from a file descriptor as soon as something is there; nothing at its end, or when asked to stop."""
        if not self.asked:
            select.select([descriptor, self._read_end], [], [])
        return b"" if self.asked else os.read(descriptor, size)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM until the block has ended."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda n, _: came.append(n)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


@contextlib.contextmanager
def blocked(number: signal.Signals) -> Iterator[None]:
    """The processes that are started here never get the signal, and this thread gets it afterwards."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
