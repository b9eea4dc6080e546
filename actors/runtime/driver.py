"""Drivers: who gives the turns, and how time passes while nobody has one.

One primitive for everybody outside: ``drive(until, timeout_s)`` runs the ready queue and the timers on the calling
thread until the condition holds. ``post`` brings work from other threads to the one that drives.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from actors.runtime.world import World

T = TypeVar("T")


class SimulationStalled(Exception):
    """Virtual time has nothing left to do, and what was waited for has not happened."""


class NodeCrashed(Exception):
    """An actor's handler raised, or what runs outside of turns: a defect. The cause is its exception."""


class DriverClosed(RuntimeError):
    """The cluster, or the client, was closed: nothing of it can be used any more."""

    def __init__(self) -> None:
        super().__init__("the cluster was closed: nothing of it can be used any more")


class ForkedError(RuntimeError):
    """A cluster or client was used in a forked child. It belongs to the process that made it, where it goes on."""

    def __init__(self) -> None:
        super().__init__("it belongs to the process that this one was forked from: make another one here")


class Process:
    """This process, as drivers know it: ``forks`` counts how often it became another one, by being forked."""

    forks = 0

    @classmethod
    def was_forked(cls) -> None:
        """In the child of a fork."""
        cls.forks += 1


os.register_at_fork(after_in_child=Process.was_forked)


class Driver(Protocol):
    """What a world needs of its driver."""

    def post(self, action: Callable[..., object], *args: object) -> None:
        """Have ``action(*args)`` called by the driving thread, outside any turn; callable from any thread."""

    def call(self, action: Callable[..., T], *args: object) -> T:
        """Call ``action(*args)`` as the driving thread, outside any turn, and return its value."""

    def drive(self, until: Callable[[], object], timeout_s: float | None = None) -> bool:
        """Give turns until ``until()`` is true; False when ``timeout_s`` passed first."""

    def pump(self) -> None:
        """Give turns that are due, without waiting for anything; a no-op where a thread of its own drives."""

    def close(self) -> None:
        """Stop driving."""


def raise_crashes(world: World) -> None:
    """Raise the first defect that was met; nothing is swallowed."""
    if world.crashes:
        actor, error = world.crashes[0]
        raise NodeCrashed(f"{'outside any turn' if actor is None else actor.actor_urn}: {error!r}") from error
