"""Workers: slow work that needs no actor, done off the turn on a thread or, on virtual time, at once.

Real time brings the outcome back through the driver; virtual time delivers it after a delay drawn from the seed, so
that a node can be killed between the two. Slow disk work goes to the disk's worker (``disk.py``). Work that takes much
processor time, such as compression, goes to another worker, so that it doesn't delay a sync; the libraries for it
release the interpreter meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from actors.runtime.node import Node
    from actors.runtime.world import World


class Answerable(Protocol):
    """Where an outcome goes: a ``Reply`` or something like it."""

    def set(self, outcome: object = None) -> None:
        """Take the outcome."""


def outcome_of(work: Callable[[], object]) -> object:
    """What the work returned, or its ``OSError``: a disk error is an outcome, a defect is raised."""
    try:
        return work()
    except OSError as error:
        return error


class ThreadedWorker:
    """Work on one thread, in the order it was submitted.

    It has its own thread, because the pools of ``concurrent.futures`` accept nothing more when the interpreter exits,
    and a cluster that was left open is closed at that time.
    """

    name = "kstore-worker"
    done = "WorkDone"
    """The kind of an outcome's row in the trace."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.thread: threading.Thread | None = None
        self._jobs: SimpleQueue[tuple[Callable[[], object], Answerable, Node, int] | None] = SimpleQueue()

    def submit(self, work: Callable[[], object], reply: Answerable, node: Node) -> None:
        """Run ``work`` off the turn and answer ``reply`` with its outcome."""
        if self.thread is None:
            self.thread = threading.Thread(target=self._work, name=self.name, daemon=True)
            self.thread.start()
        self._jobs.put((work, reply, node, self.world.queue.current))

    def is_wanted(self, node: Node) -> bool:
        """Whether this node's work is still to be done; a dead node has no use for a result."""
        return node.alive

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._run(*job)

    def _run(self, work: Callable[[], object], reply: Answerable, node: Node, cause: int) -> None:
        if not self.is_wanted(node):
            return
        outcome: object
        try:
            outcome = outcome_of(work)
        except Exception as error:  # noqa: BLE001 - a defect of the actor that had the work done
            self.world.driver.post(self.world.failed_off_turn, node, reply, error)
            return
        self.world.driver.post(self._answer, outcome, reply, node, cause)

    def _answer(self, outcome: object, reply: Answerable, node: Node, cause: int) -> None:
        if node.alive:
            queue = self.world.queue
            queue.enter(0, self.done, cause)
            try:
                reply.set(outcome)
            finally:
                queue.leave()

    def close(self) -> None:
        """Finish what was submitted."""
        thread = self.thread
        self.leave()
        if thread is not None:
            thread.join()

    def leave(self) -> None:
        """Accept nothing more, without waiting for current work, such as a name lookup, which may take long."""
        if self.thread is not None:
            self._jobs.put(None)
            self.thread = None


class VirtualWorker:
    """Work on virtual time: done at once, with the outcome delivered after a delay drawn from the seed."""

    done = "WorkDone"

    def __init__(self, world: World, delay_us_max: int = 2_000) -> None:
        self.world = world
        self.delay_us_max = delay_us_max
        self.done_at_us: dict[str, int] = {}

    def submit(self, work: Callable[[], object], reply: Answerable, node: Node) -> None:
        """Run ``work`` and answer ``reply`` later, in order for each node."""
        outcome = outcome_of(work)
        at_us = self.world.clock.now_us() + self.world.random.randrange(self.delay_us_max)
        at_us = max(at_us, self.done_at_us.get(node.name, 0))
        self.done_at_us[node.name] = at_us
        self.world.timers.at(at_us, self._answer, outcome, reply, node, kind=self.done)

    def _answer(self, outcome: object, reply: Answerable, node: Node) -> None:
        if node.alive:
            reply.set(outcome)

    def close(self) -> None:
        """Do nothing: no work is pending outside the world."""

    def leave(self) -> None:
        """As ``close``."""
