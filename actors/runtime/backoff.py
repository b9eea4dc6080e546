"""Backoff: how long to wait before a retry. The first retry is at once; each further failure makes the wait longer."""

from __future__ import annotations

from collections.abc import Hashable

from kstore.named import NamedTuple

CALM_S = 60
FIRST_DELAY_MS = 100
DELAY_MS_MAX = 30_000


class RecentFailures(NamedTuple):
    """How often something has failed recently, and when it last failed."""

    times: int
    at_us: int


class Backoff:
    """The backoff of each key. A key that hasn't failed for ``CALM_S`` seconds starts from zero again.

    >>> backoff = Backoff()
    >>> [backoff.delay_ms("a", now_us=0) for _ in range(4)], backoff.delay_ms("a", now_us=61_000_000)
    ([0, 100, 200, 400], 0)
    """

    def __init__(self) -> None:
        self._recent: dict[Hashable, RecentFailures] = {}

    def delay_ms(self, key: Hashable, now_us: int) -> int:
        """Count a failure; return how many milliseconds to wait before the retry."""
        before = self._recent.get(key)
        times = 0 if before is None or now_us - before.at_us > CALM_S * 1_000_000 else before.times
        self._recent[key] = RecentFailures(times + 1, now_us)
        return 0 if times == 0 else min(FIRST_DELAY_MS << min(times - 1, 30), DELAY_MS_MAX)
