"""Timers of a world, in a heap by deadline and then by the order of their making; cancelled ones are swept away when
they are the most, so they take memory in proportion to the live ones. An ``Alarm`` is one timer in place of many.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from actors.runtime.clock import Clock
from actors.runtime.queue import Inbox, RunQueue
from kstore import checked

SWEEP_AT_LEAST = 64
NEVER = 2**63 - 1


class Timer:
    """One thing that is due at ``deadline_us``; ``cancel`` before then and it never happens."""

    __slots__ = ("action", "args", "cause", "deadline_us", "kind", "timers")

    def __init__(
        self,
        timers: Timers,
        deadline_us: int,
        action: Callable[..., None],
        args: tuple[object, ...],
        cause: int,
        kind: str,
    ) -> None:
        self.timers = timers
        self.deadline_us = deadline_us
        self.action: Callable[..., None] | None = action
        self.args = args
        self.cause = cause
        self.kind = kind

    def cancel(self) -> None:
        """Forget it; harmless when it happened already."""
        if self.action is not None:
            self.action = None
            self.args = ()
            self.timers.cancelled += 1


class Alarm:
    """One timer for the nearest of many deadlines, or for one deadline that is moved often.

    Most deadlines are never reached, so they cost nothing here: a timer is made anew only for one that is nearer than
    the one it runs for. ``due`` and ``now`` are times of whatever clock its owner reads, in ticks of ``tick_us``
    microseconds. What gets the message, or the call, says ``rang`` or asks ``is_over`` before anything else.

    ``due`` is ``NEVER`` while it isn't set. Invariant: while it is set its timer runs out at ``due`` or before, or has
    run out and the owner hasn't heard yet.
    """

    __slots__ = ("_action", "_args", "_runs_until", "_timer", "_timers", "due", "tick_us")

    def __init__(self, timers: Timers, tick_us: int, action: Callable[..., None], *args: object) -> None:
        self._timers = timers
        self._action = action
        self._args = args
        self._timer: Timer | None = None
        self._runs_until = 0
        self.tick_us = tick_us
        self.due = NEVER

    @property
    def is_set(self) -> bool:
        """Whether it is going to ring, or has rung and its owner hasn't heard yet."""
        return self._timer is not None

    def rings_by(self, due: int) -> bool:
        """Whether it is set for this time at the latest, or has rung."""
        return self._timer is not None and self.due <= due

    def by(self, due: int, now: int) -> None:
        """Ring at ``due`` at the latest: the nearest of all deadlines that were given counts."""
        if due < self.due:  # which those look at first who say this for every message
            self.at(due, now)

    def at(self, due: int, now: int) -> None:
        """Ring at ``due`` and no other time. A timer that ends before isn't made anew: ``is_over`` looks then."""
        self.due = due
        if self._timer is not None:
            if self._runs_until <= due:
                return
            self._timer.cancel()
        self._start(now)

    def _start(self, now: int) -> None:
        self._runs_until = self.due
        timers = self._timers
        at_us = timers.clock.now_us() + max(0, (self.due - now) * self.tick_us)
        self._timer = timers.at(at_us, self._action, *self._args)

    def rang(self) -> None:
        """It has rung, and is set no more. For deadlines that are never moved: what is due by now is its owner's."""
        self._timer = None
        self.due = NEVER

    def is_over(self, now: int) -> bool:
        """It has rung: whether ``due`` is there; then it is set no more. If that was moved meanwhile, or what has rung
        was stopped before it was heard, the answer is no, and it rings again if it is set.
        """
        timer = self._timer
        if timer is None:
            return False
        assert self._runs_until <= self.due, "an alarm's timer runs out by the time it is to ring"
        if self.due > now:
            if timer.action is None:
                self._start(now)
            return False
        timer.cancel()
        self._timer = None
        self.due = NEVER
        return True

    def stop(self) -> None:
        """Don't ring; harmless when it isn't set."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self.due = NEVER


class Timers:
    """All timers of a world."""

    def __init__(self, clock: Clock, queue: RunQueue) -> None:
        self.clock = clock
        self.queue = queue
        self.heap: list[tuple[int, int, Timer]] = []
        self.made = 0
        self.cancelled = 0

    def start(self, delay_ms: float, inbox: Inbox, message: object) -> Timer:
        """Send ``message`` to ``inbox`` in ``delay_ms`` milliseconds."""
        deadline_us = self.clock.now_us() + max(0, round(delay_ms * 1000))
        return self.at(deadline_us, self._send, inbox, message)

    def at(self, deadline_us: int, action: Callable[..., None], *args: object, kind: str = "TimerFired") -> Timer:
        """Call ``action(*args)``, outside any turn, when the clock reads ``deadline_us``; ``kind`` is its row's."""
        timer = Timer(self, deadline_us, action, args, self.queue.current, kind)
        self.made += 1
        heapq.heappush(self.heap, (deadline_us, self.made, timer))
        if self.cancelled > SWEEP_AT_LEAST and self.cancelled * 2 > len(self.heap):
            self.heap = [entry for entry in self.heap if entry[2].action is not None]
            heapq.heapify(self.heap)
            self.cancelled = 0
            if checked.on:
                self.check()
        return timer

    def alarm(self, tick_us: int, inbox: Inbox, message: object) -> Alarm:
        """An alarm that sends ``message`` to ``inbox``."""
        return Alarm(self, tick_us, self._send, inbox, message)

    def clear(self) -> None:
        """Forget them all: the actor that set them is gone."""
        for _, _, timer in self.heap:
            timer.action, timer.args = None, ()
        self.heap.clear()
        self.cancelled = 0

    def _send(self, inbox: Inbox, message: object) -> None:
        if not inbox.closed:
            inbox.send(message)

    def next_deadline_us(self) -> int | None:
        """When the next timer is due, or ``None``."""
        heap = self.heap
        while heap and heap[0][2].action is None:
            heapq.heappop(heap)
            self.cancelled -= 1
        return heap[0][0] if heap else None

    def is_due(self) -> bool:
        """Whether ``fire`` would find something to do, be it to forget what was cancelled."""
        return bool(self.heap) and self.heap[0][0] <= self.clock.now_us()

    def fire(self) -> int:
        """Do what is due now; returns how many timers that was."""
        now_us = self.clock.now_us()
        queue = self.queue
        fired = 0
        while (deadline_us := self.next_deadline_us()) is not None and deadline_us <= now_us:
            timer = heapq.heappop(self.heap)[2]
            action, timer.action = timer.action, None
            assert action is not None
            queue.enter(0, timer.kind, timer.cause)
            try:
                action(*timer.args)
            finally:
                queue.leave()
            fired += 1
        if checked.on:
            self.check()
        return fired

    def check(self) -> None:
        """Assert that the next one is at the head, and that cancelled ones are counted and not the most."""
        heap = self.heap
        for place, (deadline_us, number, timer) in enumerate(heap):
            assert heap[(place - 1) // 2][:2] <= (deadline_us, number) or not place, "the next one is at the head"
            assert timer.deadline_us == deadline_us, "a timer has its own deadline"
        assert self.cancelled == sum(timer.action is None for _, _, timer in heap), "cancelled ones are counted"
