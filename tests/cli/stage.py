"""The stage that both stories' states begin with: three brokers, three partitions, and a clock that the test sets."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TypeVar

from actors.cli.story.exactly_once.state import InvoicingState
from actors.cli.story.state import State

S = TypeVar("S", State, InvoicingState)


class Clock:
    """A story's time, in seconds."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def staged(kind: Callable[[Callable[[], float]], S], clock: Clock) -> S:
    """A state in which broker N + 1 leads partition N, and all replicas are in sync."""
    state = kind(clock)
    seen = {number: SimpleNamespace(leader=number + 1, replicas=(1, 2, 3), isr=(1, 2, 3)) for number in range(3)}
    state.see({1: "up", 2: "up", 3: "up"}, 1, seen)
    return state
