"""Free memory goes back to the system: glibc keeps what was freed for the next time, however much it was once.

Requests and answers of megabytes come and go, and after a crowd has left hundreds of them may lie free in the heap. A
look costs some microseconds; the giving back, when there is enough of it, milliseconds, on a thread of its own. Where
the C library isn't glibc nothing is done: others give back by themselves.
"""

from __future__ import annotations

import threading
from typing import Any

KEPT_BYTES_MAX = 32 * 1024 * 1024
LOOK_EVERY_S = 10.0


class Heap:
    """Looks at the heap of this process, and gives back what lies free in it."""

    def __init__(self) -> None:
        self.looked_at = 0.0
        self._library: Any = None
        self._is_known = False

    def look(self, now: float) -> bool:
        """Give free memory back if there is much; whether it was begun. Call it as often as you like."""
        if now - self.looked_at < LOOK_EVERY_S:
            return False
        self.looked_at = now
        if self.free_bytes() < KEPT_BYTES_MAX:
            return False
        threading.Thread(target=self._library.malloc_trim, args=(0,), name="kstore-heap", daemon=True).start()
        return True

    def free_bytes(self) -> int:
        """How much lies free; 0 where that can't be asked."""
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
