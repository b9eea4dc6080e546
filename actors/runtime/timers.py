"""Timers of a world, in a heap by deadline and then by the order of their making; cancelled ones are swept away when
they are the most, so they take memory in proportion to the live ones."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from actors.runtime.clock import Clock
from actors.runtime.queue import Inbox, RunQueue

SWEEP_AT_LEAST = 64


class Timer:
    """One thing that is due at ``deadline_us``; ``cancel`` before then and it never happens."""

    __slots__ = ("action", "args", "cause", "deadline_us", "kind", "timers")

    def __init__(
        self,
        timers: Timers,
        deadline_us: int,
        action: Callable[..., None],
        args: tuple[Any, ...],
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

    def at(self, deadline_us: int, action: Callable[..., None], *args: Any, kind: str = "TimerFired") -> Timer:
        """Call ``action(*args)``, outside any turn, when the clock reads ``deadline_us``; ``kind`` is its row's."""
        timer = Timer(self, deadline_us, action, args, self.queue.current, kind)
        self.made += 1
        heapq.heappush(self.heap, (deadline_us, self.made, timer))
        if self.cancelled > SWEEP_AT_LEAST and self.cancelled * 2 > len(self.heap):
            self.heap = [entry for entry in self.heap if entry[2].action is not None]
            heapq.heapify(self.heap)
            self.cancelled = 0
        return timer

    def clear(self) -> None:
        """Forget them all: whoever set them is gone."""
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
        return fired
