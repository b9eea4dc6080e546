"""How many bytes groups take in memory, and whether what a client brings still fits.

Roughly: what clients chose is counted, and so much for each thing that it is kept in.
"""


class MemoryUse:
    """How many bytes the groups of a coordinator take in memory: a part of what those of its whole node take."""

    __slots__ = ("nbytes", "whole")

    def __init__(self, whole: "MemoryUse | None" = None) -> None:
        self.nbytes = 0
        self.whole = whole

    def add(self, change: int) -> None:
        """So many bytes more, or fewer."""
        self.nbytes += change
        if self.whole is not None:
            self.whole.nbytes += change

    def leave(self) -> None:
        """The coordinator is gone, with all that it had."""
        if self.whole is not None:
            self.whole.nbytes -= self.nbytes
            self.whole = None

    def has_room(self, count: int, bytes_max: int) -> bool:
        """Whether so many bytes more are within a bound over the whole."""
        return (self if self.whole is None else self.whole).nbytes + count <= bytes_max
