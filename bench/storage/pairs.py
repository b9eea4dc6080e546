"""A figure and what stands beside it, measured in turns, so that what disturbs one disturbs the other as well."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from kstore.named import NamedTuple

Timed = Callable[[], float]
"""Does something once, and says how many seconds of it count."""


class Row(NamedTuple):
    """A row of the table. ``goal`` is what the figure must reach: at least, or at most where less is better."""

    what: str
    ours: str
    beside: str
    figure: float
    unit: str
    goal: float | None
    less_is_better: bool = False

    @property
    def is_met(self) -> bool | None:
        """None where nothing is asked for."""
        if self.goal is None:
            return None
        return self.figure <= self.goal if self.less_is_better else self.figure >= self.goal

    def line(self) -> str:
        """The row in Markdown."""
        sign = "≤" if self.less_is_better else "≥"
        goal = "-" if self.goal is None else f"{sign} {self.goal:g}{self.unit}"
        met = {None: "-", True: "yes", False: "**no**"}[self.is_met]
        return f"| {self.what} | {self.ours} | {self.beside} | {self.figure:.3g}{self.unit} | {goal} | {met} |"


def timed(call: Callable[[], object]) -> float:
    """How many seconds a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def in_turns(first: Timed, second: Timed, rounds: int) -> tuple[list[float], list[float]]:
    """The seconds of each, one after the other, each beginning every second round; a first round isn't counted."""
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for which in (0, 1) if number % 2 else (1, 0):
            seconds = (first, second)[which]()
            if number:
                found[which].append(seconds)
    return found


def share(
    what: str, peer: str, nbytes: int, seconds: tuple[Sequence[float], Sequence[float]], goal: float | None
) -> Row:
    """Which share of its peer's rate ours has: the median of those of each round."""
    ours, beside = seconds
    figure = statistics.median(theirs / mine for mine, theirs in zip(ours, beside, strict=True))
    return Row(what, _rate(nbytes, ours), f"{_rate(nbytes, beside)} {peer}", figure, "x", goal)


def _rate(nbytes: int, seconds: Sequence[float]) -> str:
    return f"{nbytes / statistics.median(seconds) / 1e6:,.0f} MB/s"
