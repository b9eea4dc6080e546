"""Ranges of a file, such as those whose checksums were checked.

A file is mostly read in order, so there is mostly one extent; where readers leap about, the oldest are forgotten.
"""

from bisect import bisect_left, bisect_right

from kstore import checked
from kstore.named import NamedTuple

EXTENTS_MAX = 64


class Extent(NamedTuple):
    """Whole batches in a segment's file; ``next_offset`` is where to read on."""

    position: int
    nbytes: int
    next_offset: int


class Extents:
    """Disjoint ranges of positions, each from its start to before its end."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        return len(self._starts)

    def missing(self, start: int, end: int) -> list[tuple[int, int]]:
        """The parts of a range that aren't in here.

        >>> known = Extents()
        >>> known.add(10, 20)
        >>> known.missing(5, 30)
        [(5, 10), (20, 30)]
        """
        found = []
        index = bisect_right(self._ends, start)
        while start < end:
            if index == len(self._starts) or self._starts[index] >= end:
                found.append((start, end))
                break
            if start < self._starts[index]:
                found.append((start, self._starts[index]))
            start = self._ends[index]
            index += 1
        return found

    def add(self, start: int, end: int) -> None:
        """Put a range in; what it touches becomes one with it, and an empty one is nothing."""
        if start == end:
            return
        first, last = bisect_left(self._ends, start), bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        elif len(self._starts) >= EXTENTS_MAX:
            del self._starts[0], self._ends[0]
            first = last = max(first - 1, 0)
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]
        if checked.on:
            self.check()

    def check(self) -> None:
        """They are in order, apart from each other, and not too many."""
        edges = [edge for extent in zip(self._starts, self._ends, strict=True) for edge in extent]
        assert edges == sorted(set(edges)), edges
        assert len(self) <= EXTENTS_MAX, edges

    def cut(self, end: int) -> None:
        """Nothing is known any longer of what lies at a position or behind it."""
        keep = bisect_left(self._starts, end)
        del self._starts[keep:], self._ends[keep:]
        if keep and self._ends[-1] > end:
            self._ends[-1] = end
