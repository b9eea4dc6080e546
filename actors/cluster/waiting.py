"""``cluster.wait_for``: waits for a user's predicate while the cluster runs.

The predicate is the user's own: it may use the cluster and its clients, and signals may interrupt it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from actors.runtime.signals import let_signals_in

if TYPE_CHECKING:
    from actors.runtime.world import World

LOOK_AGAIN_S = 0.05


def wait_until(world: World, predicate: Callable[[], object], timeout_s: float) -> bool:
    """Let the world run until ``predicate()`` holds; False when ``timeout_s`` passed first."""
    if world.virtual:
        return world.driver.drive(partial(let_signals_in, predicate), timeout_s)
    return _look_again_and_again(world, predicate, timeout_s)


def _look_again_and_again(world: World, predicate: Callable[[], object], timeout_s: float) -> bool:
    """Wait in real time: check the predicate, then let the cluster run until something has happened."""
    driver, queue, clock = world.driver, world.queue, world.clock
    deadline_us = clock.now_us() + round(timeout_s * 1e6)
    while True:
        seen = queue.turns
        if predicate():
            return True
        left_s = (deadline_us - clock.now_us()) / 1e6
        if left_s <= 0:
            return False
        driver.drive(lambda seen=seen: queue.turns != seen, min(left_s, LOOK_AGAIN_S))  # type: ignore[misc]
