"""The disk lane: slow disk work (fsync, unlink) that must not hold up a turn.

Real time runs it on a worker thread and brings the outcome back through the driver, or, where files are in memory and
nothing is slow, at once; virtual time runs it at once and delivers the outcome after a delay drawn from the seed, so
that a node can be killed between the two.
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
    """Where an outcome goes: a ``Reply``, or what is like one."""

    def set(self, outcome: object = None) -> None:
        """Take the outcome."""


def outcome_of(work: Callable[[], object]) -> object:
    """What the work returned, or the ``OSError`` it met: a disk's failure is an outcome, a defect is raised."""
    try:
        return work()
    except OSError as error:
        return error


class ThreadedDisk:
    """Disk work on one worker thread, in the order it was submitted.

    The thread is one of ours, as the pools of `concurrent.futures` take nothing more once the interpreter begins to
    exit, and a cluster that was left open is closed then.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.thread: threading.Thread | None = None
        self._jobs: SimpleQueue[tuple[Callable[[], object], Answerable, Node, int] | None] = SimpleQueue()

    def submit(self, work: Callable[[], object], reply: Answerable, node: Node) -> None:
        """Run ``work`` off the turn and answer ``reply`` with its outcome."""
        if node.fs is not None and node.fs.in_memory:
            reply.set(outcome_of(work))
            return
        if self.thread is None:
            self.thread = threading.Thread(target=self._work, name="kstore-disk", daemon=True)
            self.thread.start()
        self._jobs.put((work, reply, node, self.world.queue.current))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._run(*job)

    def _run(self, work: Callable[[], object], reply: Answerable, node: Node, cause: int) -> None:
        outcome: object
        try:
            outcome = outcome_of(work)
        except Exception as error:  # noqa: BLE001 - a defect of whoever had the work done
            self.world.driver.post(self.world.failed_on_disk, node, reply, error)
            return
        self.world.driver.post(self._answer, outcome, reply, node, cause)

    def _answer(self, outcome: object, reply: Answerable, node: Node, cause: int) -> None:
        if node.alive:
            queue = self.world.queue
            queue.enter(0, "DiskDone", cause)
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
        """Take nothing more, and wait for nothing: what it is about, such as to look up a name, may take long."""
        if self.thread is not None:
            self._jobs.put(None)
            self.thread = None


class VirtualDisk:
    """Disk work on virtual time: done at once, known after a delay drawn from the seed."""

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
        self.world.timers.at(at_us, self._answer, outcome, reply, node, kind="DiskDone")

    def _answer(self, outcome: object, reply: Answerable, node: Node) -> None:
        if node.alive:
            reply.set(outcome)

    def close(self) -> None:
        """Nothing is pending outside the world."""

    def leave(self) -> None:
        """As ``close``."""
