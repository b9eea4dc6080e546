"""What doublings come to: ratios and exponents of the figures of one dimension, pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from kstore.named import NamedTuple

GOAL = 2.3
"""How much more a load of twice the size may cost."""


class Growth(NamedTuple):
    """A dimension's sizes, each twice the one before, and what they cost: the median of several runs, in seconds."""

    name: str
    sizes: Sequence[int]
    seconds: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """What each size cost over the one before."""
        return [more / less for less, more in zip(self.seconds, self.seconds[1:], strict=False)]

    @property
    def exponents(self) -> list[float]:
        """The power of the size that each doubling grew with: 1 is linear."""
        return [math.log2(ratio) for ratio in self.ratios]

    @property
    def ratio(self) -> float:
        """What a doubling costs over all of them: their geometric mean."""
        return (self.seconds[-1] / self.seconds[0]) ** (1 / (len(self.seconds) - 1))

    @property
    def exponent(self) -> float:
        return math.log2(self.ratio)

    @property
    def reached(self) -> bool:
        return max(self.ratios) <= GOAL


def grown(name: str, rounds: Mapping[int, Sequence[float]]) -> Growth:
    """What the runs of each size come to."""
    sizes = sorted(rounds)
    return Growth(name, sizes, [statistics.median(rounds[size]) for size in sizes])


def row(growth: Growth) -> str:
    """A line of the table."""
    sizes = f"{growth.sizes[0]:,} to {growth.sizes[-1]:,}"
    costs = " / ".join(f"{seconds * 1000:,.0f}" for seconds in growth.seconds)
    ratios = " / ".join(f"{ratio:.2f}" for ratio in growth.ratios)
    exponents = " / ".join(f"{exponent:.2f}" for exponent in growth.exponents)
    met = "yes" if growth.reached else "**no**"
    return f"| {growth.name} | {sizes} | {costs} | {ratios} | {exponents} | {growth.exponent:.2f} | {met} |"


HEAD = (
    f"| dimension | sizes | processor time, ms | ratio of each doubling | its exponent | over all | ≤ {GOAL} |",
    "|---|---|---|---|---|---|---|",
)
