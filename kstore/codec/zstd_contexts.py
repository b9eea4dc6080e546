"""Zstandard contexts, kept from call to call: making one takes longer than compressing a small batch.

A context is used by one thread at a time, so each thread has its own: a compressor, for the level it last used, and a
decompressor. One that has grown large isn't kept. They end with their thread.

What a context was used for before changes no byte of what comes out.

``compression.zstd`` of Python 3.14 would do, but its decompressor reads one frame and can't be used again.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import zstandard

if TYPE_CHECKING:
    from typing_extensions import Buffer

KEPT_BYTES_MAX = 4 << 20  # enough for a megabyte at the default level, and for the window of Java's client
WINDOW_BYTES_MAX = 128 << 20


class ThreadContexts(threading.local):
    """Those of the thread that asks."""

    compressor: tuple[int, zstandard.ZstdCompressor] | None = None
    decompressor: zstandard.ZstdDecompressor | None = None

    def compress(self, data: Buffer, level: int) -> bytes:
        """One frame, which says how long its content is."""
        kept = self.compressor
        if kept is None or kept[0] != level:
            kept = self.compressor = level, zstandard.ZstdCompressor(level)
        frame = kept[1].compress(memoryview(data))
        if kept[1].memory_size() > KEPT_BYTES_MAX:
            self.compressor = None
        return frame

    def new_decompressor(self) -> zstandard.ZstdDecompressor:
        """A decompressor, which is kept."""
        self.decompressor = made = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX)
        return made

    def drop_large_decompressor(self) -> None:
        """Don't keep it if a frame had it set aside much for its window."""
        if self.decompressor is not None and self.decompressor.memory_size() > KEPT_BYTES_MAX:
            self.decompressor = None


contexts = ThreadContexts()
