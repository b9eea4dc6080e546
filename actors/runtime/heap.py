"""Gives freed memory back to the system, which glibc would otherwise keep for later use, however much it is.

Requests and responses take megabytes, and after many clients have left, hundreds of megabytes may be free in the heap.
A check takes microseconds. Giving memory back takes milliseconds, on a thread of its own, and is done only if there is
enough. With another C library than glibc nothing is done: others give memory back by themselves.
"""

from __future__ import annotations

import threading
from typing import Any

KEPT_BYTES_MAX = 32 * 1024 * 1024
LOOK_EVERY_S = 10.0


class Heap:
    """Checks the heap of this process, and gives back what is free in it."""

    def __init__(self) -> None:
        self.looked_at = 0.0
        self._library: Any = None
        self._is_known = False

    def look(self, now: float) -> bool:
        """Start to give free memory back if there is much; returns whether it did. It may be called often."""
        if now - self.looked_at < LOOK_EVERY_S:
            return False
        self.looked_at = now
        if self.free_bytes() < KEPT_BYTES_MAX:
            return False
        threading.Thread(target=self._library.malloc_trim, args=(0,), name="kstore-heap", daemon=True).start()
        return True

    def free_bytes(self) -> int:
        """How much is free; 0 where that can't be known."""
        if not self._is_known:
            self._is_known = True
            self._library = _glibc()
        return 0 if self._library is None else int(self._library.mallinfo2().fordblks)


def _glibc() -> Any:
    import ctypes

    class MallInfo2(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in FIELDS]

    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2") or not hasattr(library, "malloc_trim"):
        return None
    library.mallinfo2.restype = MallInfo2
    return library


FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
