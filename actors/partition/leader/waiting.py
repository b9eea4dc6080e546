"""What waits at a replica: appends for replication, reads for new records.

Pure: the replies and tokens that wait are opaque here.

* An append with acks=all waits until the high watermark has passed its last record, or its deadline. They are in the
  order of offsets, so that only completed ones are checked.
* A read that found nothing is kept as a *watch* and answered when the limit that it may read to has passed the
  offset it has seen: followers read to the log end, consumers to the high watermark, read-committed ones to the last
  stable offset. A waiting watch costs nothing; it is removed when it fires, or by its reader.

Invariants: no append with ``required`` at or below the high watermark waits, and no watch whose ``beyond`` is below its
limit; appends wait in the order of ``required``.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Generic, Protocol, TypeVar

from kstore.named import NamedTuple


class WaitingAppend(NamedTuple):
    """A waiting append: ``required`` is the offset that the high watermark must reach."""

    required: int
    deadline_ms: int
    info: Any
    reply: Any


NOBODY: deque[WaitingAppend] = deque(maxlen=0)  # a deque of its own takes 760 bytes, and most leaders are idle


class WaitingAppends:
    """Appends in the order of the offsets that they need."""

    __slots__ = ("queue",)

    def __init__(self) -> None:
        self.queue = NOBODY

    def __len__(self) -> int:
        return len(self.queue)

    def add(self, waiting: WaitingAppend) -> None:
        """Add one; one that answers a duplicate goes before those that need a higher offset."""
        if self.queue is NOBODY:
            self.queue = deque()
        queue = self.queue
        at = len(queue)
        while at and queue[at - 1].required > waiting.required:
            at -= 1
        if at == len(queue):
            queue.append(waiting)
        else:
            queue.insert(at, waiting)

    def pass_to(self, high_watermark: int) -> list[WaitingAppend]:
        """Remove and return those that are done."""
        queue = self.queue
        done = []
        while queue and queue[0].required <= high_watermark:
            done.append(queue.popleft())
        return done

    def expire(self, now_ms: int) -> list[WaitingAppend]:
        """Remove and return those whose time is over."""
        late = [waiting for waiting in self.queue if waiting.deadline_ms <= now_ms]
        if late:
            self.queue = deque(waiting for waiting in self.queue if waiting.deadline_ms > now_ms)
        return late

    def next_deadline_ms(self) -> int | None:
        """The nearest deadline of all, or ``None``."""
        return min((waiting.deadline_ms for waiting in self.queue), default=None)

    def take_all(self) -> list[WaitingAppend]:
        """Take all of them: the replica no longer leads."""
        waiting = list(self.queue)
        self.queue.clear()
        return waiting

    def check(self, passed: int) -> None:
        """Assert that they wait in order, for more than the offset that has been passed."""
        required = [waiting.required for waiting in self.queue]
        assert required == sorted(required), "appends wait in the order of the offsets that they need"
        assert not required or required[0] > passed, "an append that has what it needs is answered"


class Watching(Protocol):
    """The fields that a watch must have."""

    @property
    def token(self) -> int:
        """The token of the read."""

    @property
    def beyond(self) -> int:
        """The offset that it waits to see passed."""


Watch = TypeVar("Watch", bound=Watching)

LOG_END = 0
HIGH_WATERMARK = 1
LAST_STABLE = 2


class WaitingReads(Generic[Watch]):
    """Watches of one replica by token, grouped by the limit that they read to."""

    __slots__ = ("by_limit",)

    def __init__(self) -> None:
        self.by_limit: tuple[dict[int, Watch], dict[int, Watch], dict[int, Watch]] = ({}, {}, {})

    def __len__(self) -> int:
        return sum(len(watches) for watches in self.by_limit)

    def add(self, limit: int, watch: Watch) -> None:
        """Keep a read that found nothing."""
        self.by_limit[limit][watch.token] = watch

    def remove(self, token: int) -> None:
        """Remove a watch; does nothing if it has already fired."""
        for watches in self.by_limit:
            if watches.pop(token, None) is not None:
                return

    def take_readable(self, limit: int, offset: int) -> list[Watch]:
        """Remove and return those that can read now that their limit is ``offset``."""
        watches = self.by_limit[limit]
        ready = [watch for watch in watches.values() if watch.beyond < offset]
        for watch in ready:
            del watches[watch.token]
        return ready

    def take_all(self) -> list[Watch]:
        """Take all of them: the replica's role changes."""
        waiting = [watch for watches in self.by_limit for watch in watches.values()]
        for watches in self.by_limit:
            watches.clear()
        return waiting

    def check(self, limits: tuple[int, int, int]) -> None:
        """Assert that no watch waits that could read, given the limits: log end, high watermark, last stable offset."""
        for watches, offset in zip(self.by_limit, limits, strict=True):
            for token, watch in watches.items():
                assert token == watch.token, "a watch is kept by its token"
                assert watch.beyond >= offset, "a read that finds something is answered"
