"""The disks of a simulated cluster: they fail, fill up, are slow, and forget what wasn't synced when the power is lost.

Work of the disk that isn't done in a turn (fsync, unlink) is done when its time is over, not when it is asked for: what
is said to be durable before that isn't.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from actors.runtime.worker import Answerable, VirtualWorker, outcome_of
from kstore.fs.faulty import FaultyFileSystem
from kstore.fs.forgetful import ForgetfulFileSystem

if TYPE_CHECKING:
    from actors.cluster import Cluster
    from actors.runtime.node import Node
    from actors.runtime.world import World


class SlowDisks(VirtualWorker):
    """The work of all disks; ``slow_us`` has how much longer it may take at a node."""

    done = "DiskDone"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.slow_us: dict[int, int] = {}

    def submit(self, work: Callable[[], object], reply: Answerable, node: Node) -> None:
        """Run ``work`` later and answer ``reply`` then, in order for each node. One that dies has done nothing."""
        now_us, longest_us = self.world.clock.now_us(), self.delay_us_max + self.slow_us.get(node.node_id, 0)
        at_us = max(now_us + self.world.random.randrange(longest_us), self.done_at_us.get(node.name, 0))
        self.done_at_us[node.name] = at_us
        self.world.timers.at(at_us, self._run, work, reply, node, kind=self.done)

    def _run(self, work: Callable[[], object], reply: Answerable, node: Node) -> None:
        if node.alive:
            reply.set(outcome_of(work))


class Disks:
    """The disks of a cluster's nodes, by node id."""

    def __init__(self, cluster: Cluster) -> None:
        """Put the files of an unstarted cluster onto such disks."""
        self.cluster = cluster
        self.random = cluster.world.random
        self.of: dict[int, FaultyFileSystem] = {}
        self.slow = SlowDisks(cluster.world)
        cluster.world.disk = self.slow  # type: ignore[assignment]
        for node_id in cluster.node_ids:
            disk = self.of[node_id] = FaultyFileSystem(ForgetfulFileSystem(), self.random)
            cluster.memories[node_id] = cluster.folders[node_id].fs = disk

    @contextmanager
    def seen_through(self) -> Iterator[None]:
        """Have no trouble while the judge looks."""
        troubled = [(disk, disk.faults) for disk in self.of.values() if disk.faults]
        for disk, _ in troubled:
            disk.faults = []
        yield
        for disk, its in troubled:
            disk.faults = its

    def lose_power(self, node_id: int) -> None:
        """Leave of a dead node's disk what a power loss may leave."""
        disk = self.of[node_id]
        assert isinstance(disk.inner, ForgetfulFileSystem)
        disk.inner = disk.inner.power_loss(self.random)
