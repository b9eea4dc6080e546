"""Waiting for a condition in tests that touch another process: as long as it takes, up to a limit, and no longer.

Tests on virtual time don't need it; there, time passes only when nothing else is left to do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from actors.runtime.world import World  # the applications on frameworks have an environment without kstore

T = TypeVar("T")

POLL_S = 0.01


def wait_until(condition: Callable[[], T], *, what: str, timeout_s: float = 20.0) -> T:
    """Return the condition's first true value; past the limit the test fails, naming ``what`` it waited for."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout_s:g} s still waiting for {what}")
        pause.wait(POLL_S)
    return value


def let_pass(world: World, seconds: float) -> None:
    """Let that much time pass in a world, where it is virtual: as the world's turns and timers take it."""
    world.driver.drive(lambda: False, seconds)
