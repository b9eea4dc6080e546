"""Long work of consumer groups, in slices that others get turns between.

What may take long is a generator, which yields where a turn may end. A turn's worth is counted, not measured, so that a
run can be repeated: each piece of work says what it costs, in microseconds as far as that can be known.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Work: TypeAlias = Generator[None, None, T]
"""Work that comes to a ``T`` in the end."""

SLICE_COST = 8_000


class Effort:
    """What a turn has still to give."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = SLICE_COST

    def is_spent(self, cost: int) -> bool:
        """Whether the turn is to end, with this work begun in the next one."""
        self._left -= cost
        if self._left > 0:
            return False
        self._left = SLICE_COST
        return True


def whole(work: Work[T]) -> T:
    """What work comes to, in one turn.

    >>> def three():
    ...     yield
    ...     return 3
    >>> whole(three())
    3
    """
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: T = done.value
            return result
