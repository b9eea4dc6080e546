"""The driver that an asyncio or uvloop loop owns: sockets, timers and turns on one thread.

Actors get their turns once in each turn of the loop, after all readable sockets have been read. ``drain_now`` gives
them at once (for large frames, while they are in the processor's cache). After each drain the ``after_drain`` hooks
run: each connection writes what it has collected, in one write.

A defect outside of turns (in a hook, a posted action, a timer's action, a protocol's callback) is kept in the world's
crashes like an actor's: the thread that waits in ``drive`` raises it, and ``on_crash`` is called. An event loop by
itself would only print it.

Other threads wait on queues written in C, never on ``threading.Event``: a signal handler that raises may leave the
event's lock taken, and the loop's thread, which sets the event, would wait for it for ever. Signals are held in all
calls (``signals``), except while ``drive`` waits and, if the loop takes unusually long, in ``call``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from actors.runtime.driver import DriverClosed, ForkedError, Process, raise_crashes
from actors.runtime.signals import let_signals_in, signals_held

if TYPE_CHECKING:
    import asyncio

    from actors.runtime.world import World

T = TypeVar("T")
TURNS_A_DRAIN = 20_000  # then sockets are read before more turns
DRAIN_US = 10_000
CALL_S = 0.5  # a call that the loop hasn't started by then may be interrupted


class Latch:
    """Lets one waiting thread go on, once; opening it again does nothing."""

    __slots__ = ("_opened",)

    def __init__(self) -> None:
        self._opened: SimpleQueue[None] = SimpleQueue()

    def open(self) -> None:
        """Let the thread go on that waits now or will wait later."""
        self._opened.put(None)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is open; False when ``timeout_s`` passed first."""
        try:
            self._opened.get(timeout=timeout_s)
        except Empty:
            return False
        return True


class Waiter:
    """A caller on another thread that waits until a condition holds."""

    def __init__(self, until: Callable[[], object]) -> None:
        self.until = until
        self.error: Exception | None = None
        self.done = Latch()

    def check(self) -> bool:
        """Whether the wait is over. What the condition raises is raised in the thread that waits."""
        try:
            over = bool(self.until())
        except Exception as error:  # noqa: BLE001 - raised by ``drive``
            self.error = error
            over = True
        if over:
            self.done.open()
        return over


class LoopDriver:
    """Drives a world from an event loop. ``start`` runs the loop in a thread of its own; ``serve`` in the caller's."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread: threading.Thread | None = None
        self.thread_id = 0
        self.after_drain: list[Callable[[], None]] = []
        self.on_crash: Callable[[BaseException], None] | None = None
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_us = 0
        self._waiting: list[Waiter] = []
        self._calls: dict[Latch, None] = {}  # of other threads, under way
        self.closed = False
        self._forks = Process.forks
        self._callers: SimpleQueue[bool] | None = None  # the queue of the thread that calls users' callbacks
        world.queue.on_ready = self._on_ready

    def open(self) -> asyncio.AbstractEventLoop:
        """Make the loop; uvloop where it is installed."""
        import asyncio

        try:
            import uvloop

            self.loop = uvloop.new_event_loop()
        except ImportError:
            self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(self._loop_met)
        return self.loop

    def run_forever(self) -> None:
        """Run the loop on this thread until ``stop``."""
        import asyncio

        loop = self.loop or self.open()
        self.thread_id = threading.get_ident()
        asyncio.set_event_loop(loop)
        self._on_ready()
        try:
            loop.run_forever()
        finally:
            self.thread_id = 0

    def start(self) -> None:
        """Run the loop on a daemon thread; when this returns, the loop is running."""
        with signals_held:
            runs = Latch()
            (self.loop or self.open()).call_soon(runs.open)
            self.thread = threading.Thread(target=self.run_forever, name="kstore-loop", daemon=True)
            self.thread.start()
            runs.wait()

    def stop(self) -> None:
        """Make ``run_forever`` return; callable from any thread and from signal handlers."""
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self.loop.stop)

    def close(self) -> None:
        """Stop the loop's thread and close the loop."""
        if self._forks != Process.forks:
            return
        with signals_held:
            self.closed = True
            if self.loop is None:
                return
            if self._callers is not None:
                self._callers.put(False)
            if self.thread is not None:
                self.stop()
                self.thread.join()
                self.thread = None
            self.loop.close()
            self.loop = None
            for done in [*self._calls, *(waiter.done for waiter in self._waiting)]:
                done.open()  # the loop won't run what they wait for

    def _on_ready(self) -> None:
        if not self._scheduled and self.loop is not None:
            self._scheduled = True
            if threading.get_ident() == self.thread_id:
                self.loop.call_soon(self.drain)
            else:
                self.loop.call_soon_threadsafe(self.drain)

    def drain(self) -> None:
        """Run turns until no actor is ready, then write what was collected and set the next timer."""
        self._scheduled = False
        self.drain_now()

    def drain_now(self) -> None:
        """As ``drain``, at once, even if one is scheduled."""
        world = self.world
        try:
            world.timers.fire()
        except Exception as error:  # noqa: BLE001 - as in ``World.do``, of which this is the quickest way
            world.met_defect(error)
        try:
            world.queue.run(TURNS_A_DRAIN, DRAIN_US)
        except Exception as error:  # noqa: BLE001 - as above
            world.met_defect(error)
        for hook in self.after_drain:
            try:
                hook()
            except Exception as error:  # noqa: BLE001 - as above
                world.met_defect(error)
        if world.queue.has_ready():
            self._on_ready()
        self._arm()
        if world.callbacks:
            self._have_called_back()
        if self._waiting:
            self._check_waiting()
        if world.crashes and self.on_crash is not None:
            self.on_crash(world.crashes[0][1])

    def _loop_met(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The loop's exception handler, for errors in kstore's callbacks and in the loop itself."""
        error = context.get("exception")
        if error is None or (isinstance(error, OSError) and "task" not in context and "future" not in context):
            loop.default_exception_handler(context)  # an error of a socket, such as too many open files: printed
            return
        self.world.met_defect(error, "the connection that it was met on, if it was one")
        self._on_ready()

    def _arm(self) -> None:
        next_us = self.world.timers.next_deadline_us()
        if next_us is None:
            return
        if self._timer is not None:
            if self._timer_us <= next_us:
                return
            self._timer.cancel()
        assert self.loop is not None
        self._timer_us = next_us
        delay_s = max(0, next_us - self.world.clock.now_us()) / 1e6
        self._timer = self.loop.call_later(delay_s, self._timer_due)

    def _timer_due(self) -> None:
        self._timer = None
        self.drain_now()

    def _have_called_back(self) -> None:
        """Call users' callbacks on a thread of their own: they may wait, and the loop must not."""
        if self._callers is None:
            callers = self._callers = SimpleQueue()
            threading.Thread(
                target=_call_back, args=(self.world, callers), name="kstore-callbacks", daemon=True
            ).start()
        self._callers.put(True)

    def post(self, action: Callable[..., object], *args: object) -> None:
        """As ``Driver.post``."""
        self._check_usable()
        assert self.loop is not None
        with signals_held:
            try:
                self.loop.call_soon_threadsafe(self._posted, action, args)
            except RuntimeError:  # it was closed by another thread a moment ago
                raise DriverClosed from None

    def _check_usable(self) -> None:
        if self._forks != Process.forks:
            raise ForkedError
        if self.closed:
            raise DriverClosed

    def pump(self, action: Callable[[], object] | None = None) -> None:
        """As ``Driver.pump``: the loop's thread runs turns as soon as there are any."""
        if action is not None:
            self.call(action)

    def _posted(self, action: Callable[..., object], args: tuple[object, ...]) -> None:
        self.world.do(action, *args)
        self.drain_now()

    def call(self, action: Callable[..., T], *args: object) -> T:
        """As ``Driver.call``: on the loop's thread, waited for by this one."""
        self._check_usable()
        if self.thread_id in (0, threading.get_ident()):
            return action(*args)
        outcome: list[Any] = []
        done = Latch()

        def run() -> None:
            try:
                outcome.append((True, action(*args)))
            except BaseException as error:  # noqa: BLE001 - the caller's thread raises it
                outcome.append((False, error))
            done.open()

        with signals_held:
            self._calls[done] = None
            try:
                self.post(run)
                if not done.wait(CALL_S):
                    let_signals_in(done.wait)
            finally:
                del self._calls[done]
        if not outcome:
            raise DriverClosed
        succeeded, value = outcome[0]
        if not succeeded:
            raise value
        return value  # type: ignore[no-any-return]

    def drive(self, until: Callable[[], object], timeout_s: float | None = None) -> bool:
        """Wait until ``until()`` holds after a drain of the loop's thread; raises ``NodeCrashed`` if a node crashed."""
        assert self.thread_id != threading.get_ident(), "an actor never blocks, nor does the loop's own thread"
        waiter = Waiter(until)
        held = False
        with signals_held:
            try:
                self.call(self._wait_for, waiter)
                held = let_signals_in(waiter.done.wait, timeout_s)
            finally:
                if not held:
                    with suppress(DriverClosed):  # the error that ended the wait is raised, not this one
                        self.call(self._forget, waiter)
        raise_crashes(self.world)
        if self.closed:
            raise DriverClosed
        if waiter.error is not None:
            raise waiter.error
        return held

    def _wait_for(self, waiter: Waiter) -> None:
        self._waiting.append(waiter)
        self._check_waiting()

    def _forget(self, waiter: Waiter) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)

    def _check_waiting(self) -> None:
        if self.world.crashes:
            for waiter in self._waiting:
                waiter.done.open()
            self._waiting.clear()
        else:
            self._waiting = [waiter for waiter in self._waiting if not waiter.check()]


def _call_back(world: World, callers: SimpleQueue[bool]) -> None:
    """Run the thread that calls users' callbacks, until it is told to end."""
    while callers.get():
        world.call_back(ours=True)
