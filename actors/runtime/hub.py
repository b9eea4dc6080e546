"""Several synchronous programs on virtual time: each is a greenlet, and only one runs at any moment.

Programs switch only inside ``VirtualDriver.drive``, where they wait. The hub, a greenlet of its own, runs turns and
moves time until a program's condition holds, and continues that program. If several can continue, the seed decides
which one does, so that every run with the same seed is the same.

Each program has its own depth of held signals (``signals``). The main program is the one that called ``spawn`` first.
What stops everything (a crashed node, a stall, a spawned function that failed) is raised there.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit, getcurrent, greenlet

from actors.runtime.driver import DriverClosed
from actors.runtime.signals import depth, let_signals_in, set_depth
from kstore.errors.arguments import seconds

if TYPE_CHECKING:
    from actors.runtime.virtual import VirtualDriver


class WaitingProgram:
    """A program that waits inside ``drive``; without a time limit if ``deadline_us`` is None."""

    __slots__ = ("deadline_us", "greenlet", "until")

    def __init__(self, waiting: greenlet, until: Callable[[], object], deadline_us: int | None) -> None:
        self.greenlet = waiting
        self.until = until
        self.deadline_us = deadline_us


class Spawned:
    """A function that runs beside the main program on virtual time; ``join`` gives its value, or raises its error."""

    def __init__(self, hub: Hub, name: str, function: Callable[..., object], args: tuple[object, ...]) -> None:
        self.name = name
        self._hub = hub
        self._value: Any = None
        self._failure: BaseException | None = None
        self._is_done = False
        self._greenlet = greenlet(self._run, hub.greenlet)
        self._greenlet.gr_context = contextvars.copy_context()
        self._function: Callable[..., object] | None = function
        self._args = args

    def _run(self, _: object = None) -> None:
        function, args = self._function, self._args
        assert function is not None, "it runs once"
        self._hub.depth = depth()
        try:
            self._value = let_signals_in(function, *args)
        except GreenletExit:
            self._failure = Cancelled(f"the cluster was closed before {self.name} had ended")
        except BaseException as error:  # noqa: BLE001 - raised in the main program, and by ``join``
            error.add_note(f"raised in the spawned {self.name}")
            self._failure = error
            self._hub.failed.append(error)
        finally:
            self._is_done = True
            self._function, self._args = None, ()
            self._hub.running.pop(self, None)
            set_depth(self._hub.depth)

    def _never_ran(self) -> None:
        """End one that was stopped before its first line: a greenlet that never ran can't do that itself."""
        if not self._is_done:
            self._is_done = True
            self._failure = Cancelled(f"the cluster was closed before {self.name} began")
            self._hub.running.pop(self, None)

    def done(self) -> bool:
        """Whether it has ended: returned, raised or was cancelled."""
        return self._is_done

    def join(self, timeout: float | None = None) -> Any:
        """Wait until it has ended; returns its value, or raises what it raised.

        Raises ``TimeoutError`` after ``timeout`` virtual seconds.
        """
        timeout_s = seconds("timeout", timeout, or_none=True)
        if not self._is_done and not self._hub.driver.drive(self.done, timeout_s):
            raise TimeoutError(f"{self.name} has not ended after {timeout} seconds")
        if self._failure is not None:
            if self._failure in self._hub.failed:
                self._hub.failed.remove(self._failure)
            raise self._failure
        return self._value

    def __repr__(self) -> str:
        return f"<Spawned {self.name}: {'done' if self._is_done else 'running'}>"


class Cancelled(Exception):
    """A spawned function was stopped where it waited, because its cluster was closed."""


class Hub:
    """Switches between the programs: which of them wait, which can continue, and which have ended."""

    def __init__(self, driver: VirtualDriver) -> None:
        self.driver = driver
        self.main = getcurrent()
        self.greenlet = greenlet(self._serve)
        self.running: dict[Spawned, None] = {}  # a dict for its order
        self.failed: list[BaseException] = []
        self._waits: list[WaitingProgram] = []
        self._names = 0
        self.depth = 0  # of held signals in the greenlet that switched to a program: the hub, or what stops it

    def spawn(self, function: Callable[..., object], args: tuple[object, ...]) -> Spawned:
        """Start a function; it runs from the next time that any program waits."""
        self._names += 1
        name = f"{getattr(function, '__qualname__', 'function')}-{self._names}"
        spawned = Spawned(self, name, function, args)
        self.running[spawned] = None
        self._waits.append(WaitingProgram(spawned._greenlet, lambda: True, None))
        return spawned

    def is_inside(self) -> bool:
        """Whether the caller is the hub itself: a condition, or a user's callback."""
        return getcurrent() is self.greenlet

    def wait(self, until: Callable[[], object], deadline_us: int | None) -> bool:
        """Let other programs run until ``until()`` holds or time is up; returns whether it holds."""
        self._waits.append(WaitingProgram(getcurrent(), until, deadline_us))
        before = depth()
        try:
            held: bool = self.greenlet.switch()
        finally:
            self.depth = depth()
            set_depth(before)
        return held

    def _serve(self, _: object = None) -> None:
        """The hub's loop, which runs until the driver is closed."""
        while True:
            try:
                self._raise_failure()
                if self.driver.closed:
                    raise DriverClosed
                if not self._go_on():
                    self.driver.step(self._nearest_us, self._waiting_names)
            except GreenletExit:
                return
            except BaseException as error:  # noqa: BLE001 - raised in the main program
                main = next(wait for wait in self._waits if wait.greenlet is self.main)
                self._waits.remove(main)
                main.greenlet.throw(error)

    def _raise_failure(self) -> None:
        """Raise a spawned function's error in the main program, unless ``join`` is about to raise it there."""
        if self.failed:
            joined = next((w for w in self._waits if w.greenlet is self.main and self._is_join_of_failed(w)), None)
            if joined is None:
                raise self.failed.pop(0)

    def _is_join_of_failed(self, wait: WaitingProgram) -> bool:
        joined = getattr(wait.until, "__self__", None)
        return isinstance(joined, Spawned) and joined._failure is not None

    def _go_on(self) -> bool:
        """Continue a program whose wait is over; False if there is none. Each turn may have ended any wait."""
        now_us = self.driver.world.clock.now_us()
        over: list[tuple[WaitingProgram, bool | Exception]] = []
        for wait in self._waits:
            try:
                if wait.until():
                    over.append((wait, True))
                    continue
            except Exception as error:  # noqa: BLE001 - raised where the condition was given
                over.append((wait, error))
                continue
            if wait.deadline_us is not None and now_us >= wait.deadline_us:
                over.append((wait, False))
        if not over:
            return False
        wait, outcome = over[self.driver.world.queue.draw_below(len(over)) if len(over) > 1 else 0]
        self._waits.remove(wait)
        self.driver.resumed()
        if isinstance(outcome, Exception):
            wait.greenlet.throw(outcome)
        else:
            wait.greenlet.switch(outcome)
        return True

    def _nearest_us(self) -> int | None:
        """The nearest deadline of a wait; None if none has one."""
        return min((wait.deadline_us for wait in self._waits if wait.deadline_us is not None), default=None)

    def _waiting_names(self) -> str:
        names = {spawned._greenlet: spawned.name for spawned in self.running}
        return ", ".join(names.get(wait.greenlet, "the main program") for wait in self._waits)

    def close(self) -> None:
        """Stop every spawned function where it waits, except one that is closing the cluster itself."""
        me = getcurrent()
        for spawned in list(self.running):
            if spawned._greenlet is not me:
                spawned._greenlet.parent = me
                spawned._greenlet.throw(GreenletExit)
                spawned._never_ran()
        self._waits = [wait for wait in self._waits if wait.greenlet is self.main]
        if me is self.main:
            self.greenlet.parent = me
            self.greenlet.throw(GreenletExit)
