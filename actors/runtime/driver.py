"""Drivers: they run actors' turns and timers, and decide how time passes in between.

Code outside the actors uses one primitive: ``drive(until, timeout_s)`` runs the ready queue and the timers on the
calling thread until the condition holds. ``post`` hands work from other threads to the thread that drives.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from actors.runtime.world import World

T = TypeVar("T")


class SimulationStalled(Exception):
    """Nothing is left to happen on virtual time, and what was waited for has not happened."""


class NodeCrashed(Exception):
    """An actor's handler, or code outside of turns, raised: a defect. ``__cause__`` is its exception."""


class DriverClosed(RuntimeError):
    """The cluster or client was closed and can't be used any more."""

    def __init__(self) -> None:
        super().__init__("the cluster was closed: nothing of it can be used any more")


class ForkedError(RuntimeError):
    """A cluster or client was used in a forked child. It goes on in the process that made it, and only there."""

    def __init__(self) -> None:
        super().__init__("it belongs to the process that this one was forked from: make another one here")


class Process:
    """The current process. ``forks`` counts how often it was forked, so that a child knows that it is one."""

    forks = 0

    @classmethod
    def was_forked(cls) -> None:
        """In the child of a fork."""
        cls.forks += 1


os.register_at_fork(after_in_child=Process.was_forked)


class Driver(Protocol):
    """What a world needs from its driver."""

    def post(self, action: Callable[..., object], *args: object) -> None:
        """Have ``action(*args)`` called by the driving thread, outside any turn; callable from any thread."""

    def call(self, action: Callable[..., T], *args: object) -> T:
        """Call ``action(*args)`` as the driving thread, outside any turn, and return its value."""

    def drive(self, until: Callable[[], object], timeout_s: float | None = None) -> bool:
        """Run turns until ``until()`` is true; returns False if ``timeout_s`` passed first."""

    def pump(self, action: Callable[[], object] | None = None) -> None:
        """Call the action, if there is one, as ``call`` does, then run the turns that are due without waiting; those
        are left alone if the driver has a thread of its own.
        """

    def close(self) -> None:
        """Stop driving."""


def raise_crashes(world: World) -> None:
    """Raise the first defect, if there was one, so that none is swallowed."""
    if world.crashes:
        actor, error = world.crashes[0]
        raise NodeCrashed(f"{'outside any turn' if actor is None else actor.actor_urn}: {error!r}") from error
