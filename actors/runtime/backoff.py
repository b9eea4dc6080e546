"""How long to wait before what has failed is tried again: not at all at first, then ever longer while it goes on."""

from __future__ import annotations

from collections.abc import Hashable

from kstore.named import NamedTuple

CALM_S = 60
FIRST_DELAY_MS = 100
DELAY_MS_MAX = 30_000


class Fallen(NamedTuple):
    """How often something has failed of late, and when it last did."""

    times: int
    at_us: int


class Backoff:
    """By key. What has not failed for ``CALM_S`` counts as sound again.

    >>> backoff = Backoff()
    >>> [backoff.delay_ms("a", now_us=0) for _ in range(4)], backoff.delay_ms("a", now_us=61_000_000)
    ([0, 100, 200, 400], 0)
    """

    def __init__(self) -> None:
        self._fallen: dict[Hashable, Fallen] = {}

    def delay_ms(self, key: Hashable, now_us: int) -> int:
        """It has failed now; how many milliseconds to wait."""
        before = self._fallen.get(key)
        times = 0 if before is None or now_us - before.at_us > CALM_S * 1_000_000 else before.times
        self._fallen[key] = Fallen(times + 1, now_us)
        return 0 if times == 0 else min(FIRST_DELAY_MS << min(times - 1, 30), DELAY_MS_MAX)
