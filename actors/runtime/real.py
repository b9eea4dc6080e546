"""The driver for real time without an event loop: threads that wait for something run the actors' turns.

A thread that calls ``drive`` runs turns under one lock until its condition holds, so a call into the cluster needs no
switch of threads. Threads with nothing to do sleep. One of them, the watcher, wakes for the next timer and for the
world's sockets. A thread that ran turns checks the other threads' conditions and wakes those whose conditions hold.
When the watcher leaves, another thread takes its place.

The daemon thread ``kstore-background`` is the watcher when no other thread is, so heartbeats go on while a program does
something else. While other threads drive, it only checks every ``NAP_S`` seconds, because a thread that wants the
interpreter slows down the one that has it. It holds a weak reference to the driver, and ends with it.

Signals are held while the main thread drives (``signals``): their handlers run where it sleeps, before it gives more
turns, or when the call is over. A handler may use the cluster itself.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Protocol, TypeVar

from actors.runtime.driver import DriverClosed, ForkedError, Process, raise_crashes
from actors.runtime.signals import let_signals_in, signals_held, take_signals
from kstore.fs.posix_forks import of_this_process

if TYPE_CHECKING:
    from actors.runtime.world import World

T = TypeVar("T")
TURNS_BETWEEN_CHECKS = 256
NAP_S = 0.005
CALLBACK_S = 0.2  # after this long, a signal may end the wait for a user's callback on the background thread


class Poller(Protocol):
    """The sockets of a world: see ``actors.network.sockets``."""

    def fileno(self) -> int:
        """A descriptor that is readable while a socket is ready."""

    def handle_ready(self) -> None:
        """Read and write what is ready; as the driving thread, without waiting."""

    def flush(self) -> None:
        """Write what the turns have collected."""

    def close(self) -> None:
        """Close everything."""


class Sleeper:
    """How a thread sleeps until there is something to do, and is woken."""

    def __init__(self) -> None:
        self.until: Callable[[], object] = bool
        self.wakes_us: int | None = None  # when it wakes without being woken
        self.thread_id = threading.get_ident()  # of the thread that it belongs to
        self._wakes: SimpleQueue[None] = SimpleQueue()

    def sleep(self, timeout_s: float | None, *, watching: bool) -> None:
        """Sleep until woken; a wake that came earlier ends the sleep at once."""
        try:
            let_signals_in(self._wakes.get, True, timeout_s)
            while True:
                self._wakes.get_nowait()
        except Empty:
            return

    def wake(self) -> None:
        """End its current sleep or, if it isn't sleeping, its next one."""
        self._wakes.put(None)


class SocketSleeper(Sleeper):
    """A thread of a world with sockets: as the watcher it sleeps on all of them."""

    def __init__(self, poller: Poller) -> None:
        super().__init__()
        import select

        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._alone = select.poll()
        self._alone.register(self._read, select.POLLIN)
        self._with_sockets = select.poll()
        self._with_sockets.register(self._read, select.POLLIN)
        self._with_sockets.register(poller.fileno(), select.POLLIN)
        of_this_process.add(self)

    def descriptors(self) -> tuple[int, int]:
        """As ``Holder.descriptors``."""
        return self._read, self._write

    def sleep(self, timeout_s: float | None, *, watching: bool) -> None:
        """As ``Sleeper.sleep``; when ``watching``, also until a socket is ready."""
        poll = self._with_sockets if watching else self._alone
        woken = let_signals_in(poll.poll, None if timeout_s is None else max(0, timeout_s * 1000))
        if any(descriptor == self._read for descriptor, _ in woken):
            os.read(self._read, 4096)

    def wake(self) -> None:
        """As ``Sleeper.wake``."""
        with suppress(BlockingIOError):  # enough wakes are in it
            os.write(self._write, b"w")

    def __del__(self) -> None:
        os.close(self._read)
        os.close(self._write)


class Idle(threading.local):
    """The sleepers of a thread that are not in use."""

    def __init__(self) -> None:
        self.idle: list[Sleeper] = []


class RealDriver:
    """Drives a world from the threads that call into it."""

    def __init__(self, world: World, poller: Poller | None = None) -> None:
        self.world = world
        self.poller = poller
        self.forks = Process.forks
        self.lock = threading.RLock()
        self.posted: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self.sleeping: list[Sleeper] = []
        self.watcher: Sleeper | None = None
        self.closed = False
        self.driven = False  # whether another thread than the background thread drove since that one last checked
        self.background: Sleeper | None = None
        self.retired = False  # the background thread sleeps until the watcher leaves
        self.thread: threading.Thread | None = None
        self._sleepers = Idle()

    def post(self, action: Callable[..., object], *args: object) -> None:
        """As ``Driver.post``."""
        with signals_held:
            self.posted.append((action, args))
            sleeper = self.watcher or self.background
            if sleeper is not None:
                sleeper.wake()

    def call(self, action: Callable[..., T], *args: object) -> T:
        """As ``Driver.call``: under the lock, on this thread."""
        self._check_usable()
        with signals_held, self.lock:
            value = action(*args)
            self._tell_watcher()
            return value

    def pump(self, action: Callable[[], object] | None = None) -> None:
        """As ``Driver.pump``. Without an action, nothing is done while another thread is running turns. The watcher
        isn't woken for turns that this thread is about to run, as it would after ``call``.
        """
        self._check_usable()
        self.driven = True
        with signals_held:
            if self.lock.acquire(blocking=action is not None):
                try:
                    if action is not None:
                        action()
                    self._give_turns()
                    self._tell_watcher()
                    raise_crashes(self.world)
                finally:
                    self.lock.release()
                if self.world.callbacks:
                    self.world.call_back()

    def drive(self, until: Callable[[], object], timeout_s: float | None = None) -> bool:
        """As ``Driver.drive``."""
        self._check_usable()
        with signals_held:
            if self.thread is None:
                self._start_background()
            self.driven = True
            with self.lock:  # most calls need no more than the turns that are due
                self._give_turns()
                raise_crashes(self.world)
                if until() and not self.world.callbacks:
                    self._tell_watcher()
                    return True
            return self._drive_on(until, timeout_s)

    def _drive_on(self, until: Callable[[], object], timeout_s: float | None) -> bool:
        """Run turns and sleep, alternately."""
        deadline_us = None if timeout_s is None else self.world.clock.now_us() + round(timeout_s * 1e6)
        sleeper: Sleeper | None = None
        try:
            while True:
                take_signals()
                self.driven = True
                with self.lock:
                    if sleeper is not None:
                        self._stop_sleeping(sleeper)
                    self._give_turns()
                    raise_crashes(self.world)
                    held = bool(until())
                    over = held or self._is_late(deadline_us)
                    if not over and not self._has_work() and not self.world.callbacks:
                        sleeper = sleeper or self._own_sleeper()
                        self._begin_sleeping(sleeper, until, deadline_us)
                if self.world.callbacks:
                    self._leave(sleeper)  # callbacks may take long, or wait themselves: another thread must watch
                    self.world.call_back()
                if over:
                    return held
                if sleeper is not None and sleeper in self.sleeping:
                    sleeper.sleep(self._seconds_until(sleeper.wakes_us), watching=self.watcher is sleeper)
        finally:
            self._leave(sleeper)
            if sleeper is not None:
                self._sleepers.idle.append(sleeper)

    def close(self) -> None:
        """End the background thread; run what other threads have posted until now.

        If a user's callback keeps that thread busy, a signal may end the wait for it.
        """
        if self.forks != Process.forks:
            return
        with signals_held:
            with self.lock:
                if not self.closed:
                    self._do_posted()
                    self.closed = True
                for sleeper in self.sleeping:
                    sleeper.wake()
            if self.background is not None:
                self.background.wake()
            if self.thread is not None and self.thread is not threading.current_thread():
                self.thread.join(CALLBACK_S)
                if self.thread.is_alive():
                    let_signals_in(self.thread.join)
                self.thread = None
            with self.lock:  # threads that waited may still be leaving
                if self.poller is not None:
                    self.poller.close()
                self.background = self.poller = None
                self._sleepers = Idle()

    def _check_usable(self) -> None:
        if self.forks != Process.forks:
            raise ForkedError
        if self.closed:
            raise DriverClosed

    def _is_late(self, deadline_us: int | None) -> bool:
        if self.closed:
            raise DriverClosed
        return deadline_us is not None and self.world.clock.now_us() >= deadline_us

    def _has_work(self) -> bool:
        """Whether turns are due. Called under the lock, as everything that runs turns."""
        return bool(self.posted) or self.world.queue.has_ready()

    def _give_turns(self) -> None:
        world, poller = self.world, self.poller
        if poller is not None:
            world.do(poller.handle_ready)
        if self.posted:
            self._do_posted()
        if world.timers.is_due():
            world.do(world.timers.fire)
        world.queue.run(TURNS_BETWEEN_CHECKS)
        if poller is not None:
            world.do(poller.flush)
        for sleeper in self.sleeping:
            if self._is_over(sleeper):
                sleeper.wake()

    def _is_over(self, sleeper: Sleeper) -> bool:
        try:
            return bool(self.world.crashes or sleeper.until())
        except Exception:  # noqa: BLE001 - the condition is looked at again by the thread that waits, which raises it
            return True

    def _do_posted(self) -> None:
        while self.posted:
            action, args = self.posted.popleft()
            self.world.do(action, *args)

    def _own_sleeper(self) -> Sleeper:
        """A sleeper of this thread, which keeps its sleepers for later waits. It needs several if a callback or a
        signal handler waits during a wait.
        """
        idle = self._sleepers.idle
        return idle.pop() if idle else self._make_sleeper()

    def _make_sleeper(self) -> Sleeper:
        return Sleeper() if self.poller is None else SocketSleeper(self.poller)

    def _begin_sleeping(self, sleeper: Sleeper, until: Callable[[], object], deadline_us: int | None) -> None:
        """Prepare to sleep, as the watcher unless there is one; False if work has come meanwhile."""
        self.sleeping.append(sleeper)
        sleeper.until = until
        sleeper.wakes_us = deadline_us
        watcher = self.watcher
        if watcher is None or watcher is self.background or watcher.thread_id == sleeper.thread_id:
            if watcher is self.background and watcher is not None:
                watcher.wake()
            self.watcher = sleeper
            next_us = self.world.timers.next_deadline_us()
            if next_us is not None and (deadline_us is None or next_us < deadline_us):
                sleeper.wakes_us = next_us
        if self.posted:  # checked after the watcher is set; ``post`` does the two in reverse order
            self._stop_sleeping(sleeper)

    def _stop_sleeping(self, sleeper: Sleeper) -> None:
        if sleeper in self.sleeping:
            self.sleeping.remove(sleeper)
        sleeper.until = bool  # a thread keeps its sleepers, and they must not keep alive what was waited for
        if self.watcher is sleeper:
            self.watcher = None

    def _leave(self, sleeper: Sleeper | None) -> None:
        """A thread's wait is over: make another sleeping thread the watcher."""
        with self.lock:
            if sleeper is not None:
                self._stop_sleeping(sleeper)
            if self.watcher is not None:
                self._tell_watcher()
            elif self.sleeping:
                self.sleeping[0].wake()
            elif self.retired and self.background is not None:
                self.retired = False
                self.background.wake()

    def _tell_watcher(self) -> None:
        """Wake the watcher if there is something to do before it wakes by itself."""
        watcher = self.watcher
        if watcher is None:
            return
        next_us = self.world.timers.next_deadline_us()
        if self._has_work() or (next_us is not None and (watcher.wakes_us is None or next_us < watcher.wakes_us)):
            watcher.wake()

    def _seconds_until(self, at_us: int | None) -> float | None:
        return None if at_us is None else max(0, at_us - self.world.clock.now_us()) / 1e6

    def _start_background(self) -> None:
        """Start the background thread when a thread first drives."""
        with self.lock:
            if self.background is not None:
                return
            sleeper = self.background = self._make_sleeper()
            reference = weakref.ref(self, lambda _: sleeper.wake())
            self.thread = threading.Thread(
                target=_run_in_background, args=(reference, sleeper), name="kstore-background", daemon=True
            )
            self.thread.start()

    def in_background(self, sleeper: Sleeper) -> tuple[float | None, bool]:
        """Drive if no other thread did since the last time. Returns how many seconds to sleep, and whether to watch."""
        with self.lock:
            self._stop_sleeping(sleeper)
            if self.closed or (self.driven and not self.posted):
                self.driven = False
                return NAP_S, False
            self._give_turns()
            if self._has_work():
                return 0, False
            if self.watcher is None:
                self._begin_sleeping(sleeper, bool, None)
            watching = self.watcher is sleeper
            self.retired = self.watcher is not None and not watching
        if self.world.callbacks:
            self.world.call_back(ours=True)
        if watching:
            return self._seconds_until(sleeper.wakes_us), True
        return (None, False) if self.retired else (0, False)


def _run_in_background(reference: weakref.ref[RealDriver], sleeper: Sleeper) -> None:
    """Run the background thread."""
    while True:
        driver = reference()
        if driver is None or driver.closed:
            return
        timeout_s, watching = driver.in_background(sleeper)
        del driver
        sleeper.sleep(timeout_s, watching=watching)
