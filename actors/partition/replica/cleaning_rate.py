"""How long a cleaning waits between its slices, so that it reads and writes no more than it may in a second.

``log.cleaner.io.max.bytes.per.second`` is for all cleanings of a node together, on average, as in Apache Kafka's
``Throttler``: each may have its share of it. The rate is asked for anew each time, as it may change while a cleaning
waits; so no wait is long.
"""

from __future__ import annotations

from math import ceil

WAIT_MS_MAX = 1_000


class CleaningRate:
    """What one cleaning has read and written beyond its rate until now."""

    __slots__ = ("_excess_bytes", "_looked_ms")

    def __init__(self, now_ms: int) -> None:
        self._excess_bytes = 0.0
        self._looked_ms = now_ms

    def wait_ms(self, moved_bytes: int, bytes_per_second: float, now_ms: int) -> int:
        """How long to wait before more is read, and then to ask again; ``moved_bytes`` were moved since the last call.

        A rate that isn't above 0 is none.

        >>> rate = CleaningRate(0)
        >>> rate.wait_ms(700, 1000.0, 200), rate.wait_ms(0, 1000.0, 450), rate.wait_ms(0, 1000.0, 700)
        (500, 250, 0)
        """
        elapsed_ms, self._looked_ms = now_ms - self._looked_ms, now_ms
        if not bytes_per_second > 0:
            return 0
        self._excess_bytes = max(0.0, self._excess_bytes + moved_bytes - elapsed_ms * bytes_per_second / 1000)
        return min(WAIT_MS_MAX, ceil(min(self._excess_bytes / bytes_per_second, WAIT_MS_MAX) * 1000))
