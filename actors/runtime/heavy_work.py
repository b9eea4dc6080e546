"""Heavy work, spread over turns of the event loop so that sockets are read in between.

The run queue gives turns in the order of messages. A hundred appends of batches that decompress to megabytes would
delay the next request, however short it is. So heavy work says how many bytes it may process; what exceeds
``BYTES_A_TURN`` waits for the next turn of the loop, in order. If nothing waits, work starts at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actors.runtime.coroutine import Ask

if TYPE_CHECKING:
    import pykka

    from actors.runtime.clock import Clock
    from actors.runtime.timers import Timers

BYTES_A_TURN = 16 << 20


class HeavyAsk(Ask):
    """An ``Ask`` whose answer may take work on this many bytes."""

    __slots__ = ("size_bytes",)

    def __init__(self, ref: pykka.ActorRef[Any], message: object, size_bytes: int) -> None:
        super().__init__(ref, message)
        self.size_bytes = size_bytes


class HeavyWork:
    """The heavy work of one world."""

    def __init__(self, timers: Timers, clock: Clock) -> None:
        self.timers = timers
        self.clock = clock
        self.left_bytes = BYTES_A_TURN
        self.waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._is_armed = False

    def start(self, size_bytes: int, action: Callable[[], None]) -> None:
        """Call ``action()`` now if nothing waits and this turn of the loop has room for it, otherwise later."""
        self.waiting.append((size_bytes, action))
        self._go_on()

    def _go_on(self) -> None:
        while self.waiting and self.left_bytes > 0:
            size_bytes, action = self.waiting.popleft()
            self.left_bytes -= size_bytes
            action()
        if not self._is_armed:
            self._is_armed = True
            self.timers.at(self.clock.now_us() + 1, self._next_turn, kind="HeavyWork")  # not in this round of timers

    def _next_turn(self) -> None:
        self._is_armed = False
        is_idle = not self.waiting
        self.left_bytes = BYTES_A_TURN
        if not is_idle:
            self._go_on()
