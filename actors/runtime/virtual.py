"""The driver for virtual time: when no actor has a turn, the clock jumps to the next timer. One thread, no waiting.

``drive`` runs turns on the calling thread until its condition holds. ``spawn`` adds programs beside the caller's; then
each of them waits in the hub, which drives for all (``hub.py``).

A wait without a time limit ends in ``SimulationStalled`` when nothing is left to happen, or when ``STALL_S`` virtual
seconds have passed in which no wait was over. (A cluster's heartbeats never end, so something always happens.) A
cluster with a seed belongs to the thread and the process that made it.

Signals are held while the main thread drives (``signals``): their handlers run before a turn or a step of time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from actors.runtime.driver import DriverClosed, ForkedError, Process, SimulationStalled, raise_crashes
from actors.runtime.signals import signals_held, take_signals

if TYPE_CHECKING:
    from actors.runtime.hub import Hub, Spawned
    from actors.runtime.world import World

T = TypeVar("T")
STALL_S = 3600
STALL_US = STALL_S * 1_000_000


class OtherThread(RuntimeError):
    """A cluster with a seed was used by another thread than the one that made it."""

    def __init__(self) -> None:
        super().__init__("a cluster with a seed belongs to the thread that made it: let other programs run by spawn()")


class VirtualDriver:
    """Drives a world on virtual time. ``after_event`` is called after every turn."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.after_event: Callable[[], None] | None = None
        self.hub: Hub | None = None
        self.closed = False
        self._forks = Process.forks
        self._thread_id = threading.get_ident()
        self._resumed_us = 0

    def post(self, action: Callable[..., object], *args: object) -> None:
        """As ``Driver.post``: the action is called at once; from another thread only while no thread drives."""
        with signals_held:
            self.world.do(action, *args)

    def call(self, action: Callable[..., T], *args: object) -> T:
        """Call it: the caller is the driving thread."""
        self._check_usable()
        with signals_held:
            return action(*args)

    def pump(self, action: Callable[[], object] | None = None) -> None:
        """As ``Driver.pump``, but without turns: virtual time passes only in ``drive``, so that when a client sends
        doesn't change their order.
        """
        if action is not None:
            self.call(action)

    def drive(self, until: Callable[[], object], timeout_s: float | None = None) -> bool:
        """As ``Driver.drive``, in virtual seconds. Raises ``SimulationStalled`` if the condition can't come true."""
        self._check_usable()
        deadline_us = None if timeout_s is None else self.world.clock.now_us() + round(timeout_s * 1e6)
        hub = self.hub
        with signals_held:
            if hub is not None and hub.running and not hub.is_inside():
                return hub.wait(until, deadline_us)
            return self._drive_alone(until, deadline_us)

    def run_for(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.drive(lambda: False, seconds)

    def spawn(self, function: Callable[..., object], *args: object) -> Spawned:
        """Run ``function(*args)`` beside the caller, from the next time that any program waits."""
        self._check_usable()
        if self.hub is None:
            from actors.runtime.hub import Hub

            self.hub = Hub(self)
        return self.hub.spawn(function, args)

    def close(self) -> None:
        """Stop driving; spawned functions are stopped where they wait."""
        with signals_held:
            self.closed = True
            if self.hub is not None and self._forks == Process.forks:
                self.hub.close()

    def _check_usable(self) -> None:
        if self.closed:
            raise DriverClosed
        if self._forks != Process.forks:
            raise ForkedError
        if threading.get_ident() != self._thread_id:
            raise OtherThread

    def _drive_alone(self, until: Callable[[], object], deadline_us: int | None) -> bool:
        clock = self.world.clock
        self.resumed()
        while not until():
            take_signals()
            if self._run_ready():
                continue
            if deadline_us is not None and clock.now_us() >= deadline_us:
                return False
            self._move_time(deadline_us, None)
        return True

    def resumed(self) -> None:
        """Note that a program has continued: other programs' conditions may now come true."""
        self._resumed_us = self.world.clock.now_us()

    def step(self, nearest_us: Callable[[], int | None], waiting: Callable[[], str]) -> None:
        """Run one turn, or move time, to the nearest deadline at most; for the hub."""
        take_signals()
        if not self._run_ready():
            self._move_time(nearest_us(), waiting)

    def _move_time(self, deadline_us: int | None, waiting: Callable[[], str] | None) -> None:
        """Move the clock to the next timer and fire it, or to the deadline if that is nearer."""
        world = self.world
        next_us = world.timers.next_deadline_us()
        if deadline_us is not None and (next_us is None or next_us > deadline_us):
            world.clock.advance_to(deadline_us)
            return
        if next_us is None or (deadline_us is None and next_us > self._resumed_us + STALL_US):
            raise self._stalled(next_us, waiting)
        world.clock.advance_to(max(next_us, world.clock.now_us()))
        world.do(world.timers.fire)
        raise_crashes(world)
        if world.callbacks:
            world.call_back()

    def _stalled(self, next_us: int | None, waiting: Callable[[], str] | None) -> SimulationStalled:
        what = "nothing is left to happen" if next_us is None else f"{STALL_S} virtual seconds have passed"
        who = "" if waiting is None else f"; waiting: {waiting()}"
        stalled = SimulationStalled(f"{what}, and what was waited for has not happened{who}")
        from actors.runtime.trace_rows import note_end

        note_end(stalled, self.world.recorder)
        return stalled

    def _run_ready(self) -> int:
        queue = self.world.queue
        handled = queue.run(1)
        if handled and self.after_event is not None:
            self.after_event()
        if self.world.crashes:
            raise_crashes(self.world)
        if self.world.callbacks:
            self.world.call_back()
        return handled
