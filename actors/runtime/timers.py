"""Timers of a world, in a heap ordered by deadline, then by creation. When most are cancelled, the cancelled ones are
removed, so memory is in proportion to the live ones. An ``Alarm`` is one timer in place of many.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from actors.runtime.clock import Clock
from actors.runtime.queue import Inbox, RunQueue
from kstore import checked

SWEEP_AT_LEAST = 64
CHECK_EVERY = 256
NEVER = 2**63 - 1


class Timer:
    """One action that is due at ``deadline_us``, unless it is cancelled before."""

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
        """Cancel it; does nothing if it has already fired."""
        if self.action is not None:
            self.action = None
            self.args = ()
            self.timers.cancelled += 1


class Alarm:
    """One timer for the nearest of many deadlines, or for one deadline that is moved often.

    Most deadlines are never reached, so they cost nothing here: a new timer is made only for a deadline nearer than
    that of the running one. ``due`` and ``now`` are times of the owner's clock, in ticks of ``tick_us`` microseconds.
    The owner, when it gets the message or the call, first calls ``rang`` or ``is_over``.

    ``due`` is ``NEVER`` while it isn't set. Invariant: while it is set, its timer fires at ``due`` or before, or has
    fired and the owner doesn't know yet.
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
        """Whether it is going to ring, or has rung and its owner doesn't know yet."""
        return self._timer is not None

    def rings_by(self, due: int) -> bool:
        """Whether it is set for this time at the latest, or has rung."""
        return self._timer is not None and self.due <= due

    def by(self, due: int, now: int) -> None:
        """Ring at ``due`` at the latest: the nearest of all given deadlines counts."""
        if due < self.due:  # callers that do this for every message check it before they call
            self.at(due, now)

    def at(self, due: int, now: int) -> None:
        """Ring at ``due`` and at no other time. A running timer that fires earlier is kept: ``is_over`` checks then."""
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
        """Note that it has rung and isn't set now. For deadlines that never move: the owner finds out what is due."""
        self._timer = None
        self.due = NEVER

    def is_over(self, now: int) -> bool:
        """Called when it has rung: whether ``due`` has come. If so, it isn't set any more. The answer is no if the
        deadline was moved meanwhile, or the alarm was stopped before its owner got the message; if it is still set, it
        rings again.
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
        """Don't ring; does nothing if it isn't set."""
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
        self._unchecked = 0

    def start(self, delay_ms: float, inbox: Inbox, message: object) -> Timer:
        """Send ``message`` to ``inbox`` in ``delay_ms`` milliseconds."""
        deadline_us = self.clock.now_us() + max(0, round(delay_ms * 1000))
        return self.at(deadline_us, self._send, inbox, message)

    def at(self, deadline_us: int, action: Callable[..., None], *args: object, kind: str = "TimerFired") -> Timer:
        """Call ``action(*args)`` outside any turn at ``deadline_us``; ``kind`` is the kind of its trace row."""
        timer = Timer(self, deadline_us, action, args, self.queue.current, kind)
        self.made += 1
        heapq.heappush(self.heap, (deadline_us, self.made, timer))
        if self.cancelled > SWEEP_AT_LEAST and self.cancelled * 2 > len(self.heap):
            self.heap = [entry for entry in self.heap if entry[2].action is not None]
            heapq.heapify(self.heap)
            self.cancelled = 0
            if checked.on:
                self.check()
        elif checked.on:
            self._check_head()
        return timer

    def alarm(self, tick_us: int, inbox: Inbox, message: object) -> Alarm:
        """An alarm that sends ``message`` to ``inbox``."""
        return Alarm(self, tick_us, self._send, inbox, message)

    def clear(self) -> None:
        """Cancel them all: the actor that set them is gone."""
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
        """Whether ``fire`` has something to do, if only to remove cancelled timers."""
        return bool(self.heap) and self.heap[0][0] <= self.clock.now_us()

    def fire(self) -> int:
        """Do what is due now; returns how many timers that was."""
        now_us = self.clock.now_us()
        queue = self.queue
        fired = 0
        while (deadline_us := self.next_deadline_us()) is not None and deadline_us <= now_us:
            timer = heapq.heappop(self.heap)[2]
            if checked.on:
                self._check_head(deadline_us)
            action, timer.action = timer.action, None
            assert action is not None
            queue.enter(0, timer.kind, timer.cause)
            try:
                action(*timer.args)
            finally:
                queue.leave()
            fired += 1
        if checked.on:
            self._unchecked += 1
            if self._unchecked == CHECK_EVERY:
                self.check()
        return fired

    def _check_head(self, popped_us: int = 0) -> None:
        """Assert what one operation may have broken where it shows first: at the head, and in what was taken off."""
        head = self.heap[:3]
        assert not head or (popped_us <= head[0][0] and head[0] == min(head)), "the next one is at the head"
        assert 0 <= self.cancelled <= len(self.heap), "cancelled ones are counted"

    def check(self) -> None:
        """Assert that the next one is at the head, and that cancelled ones are counted and not the most.

        It walks over all of them, so that it is called when they are swept, and at each ``CHECK_EVERY``th ``fire``.
        """
        self._unchecked = 0
        heap = self.heap
        for index, (deadline_us, number, timer) in enumerate(heap):
            assert heap[(index - 1) // 2][:2] <= (deadline_us, number) or not index, "the next one is at the head"
            assert timer.deadline_us == deadline_us, "a timer has its own deadline"
        assert self.cancelled == sum(timer.action is None for _, _, timer in heap), "cancelled ones are counted"
