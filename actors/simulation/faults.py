"""Faults, drawn from the seed: brokers die, or stop in order, and come back; links are cut, one way or both, are slow,
and heal; disks are full or slow, or fail at some operations, and work again; brokers lose their power.

Each seed draws its own mix: how likely each kind is, how long the longest lasts and how fast they come, so that some
seeds are all kills and others hardly anything but slow links. Each fault lasts as long as is drawn for it, so they
overlap. At most one broker is down at a time, but for a while now and then two; the controller, there is one, dies
less often than the others.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from actors.broker.broker import StopNode
from actors.cluster import Cluster
from actors.runtime.future import ask
from kstore.fs.faulty import FaultyFileSystem

if TYPE_CHECKING:
    from random import Random

    from actors.simulation.disks import SlowDisks
    from actors.simulation.power_losses import PowerLosses

SLOW_MS_MAX = 400

KINDS = {
    "kill": 4,
    "kill the controller": 1,
    "stop": 2,
    "cut": 4,
    "deafen": 4,
    "part from the controller": 4,
    "isolate": 3,
    "unsteady": 4,
    "cut a client off": 2,
    "slow": 4,
    "disk error": 4,
    "disk full": 1,
    "slow disk": 2,
    "power": 4,
    "rest": 4,
}

WRITES = ("append", "create", "replace", "truncate", "mkdir")
FAILING = (("append",), ("append",), ("sync",), ("replace",), ("read",), ("create", "rename", "unlink"), WRITES)
FILES = (
    "*.log",
    "orders-*",
    "invoices-*",
    "__consumer_offsets-*",
    "__transaction_state-*",
    "__cluster_metadata-*",
    "*-checkpoint",
    "*",
)


class FaultSchedule:
    """The faults of one run; ``step`` does the next."""

    def __init__(
        self,
        cluster: Cluster,
        client_ids: Callable[[], list[int]],
        power: PowerLosses | None = None,
        slow_disks: SlowDisks | None = None,
    ) -> None:
        self.power = power
        self.slow_disks = slow_disks
        self.cluster = cluster
        self.net = cluster.net
        self.disks = {node: disk for node, disk in cluster.memories.items() if isinstance(disk, FaultyFileSystem)}
        self.clock = cluster.world.clock
        self.random: Random = cluster.world.random
        self.client_ids = client_ids
        self.ends: list[tuple[int, int, Callable[[], None]]] = []  # when, in microseconds, and what ends a fault
        self.drawn = 0
        self.down: set[int] = set()
        self.done: Counter[str] = Counter()
        self.weights = [weight * self.random.choice((0, 1, 1, 4)) for weight in KINDS.values()]
        if not self.disks:
            self.weights = [0 if "disk" in kind else weight for kind, weight in zip(KINDS, self.weights, strict=True)]
        absent = {"power": power is None, "slow disk": slow_disks is None}
        self.weights = [0 if absent.get(kind) else weight for kind, weight in zip(KINDS, self.weights, strict=True)]
        self.weights[-1] += 1  # something has to be possible
        self.pause_s_max = self.random.choice((0.4, 1.0, 2.0))
        self.cut_ms_max = self.random.choice((1_000, 4_000, 10_000))
        self.down_ms_max = self.random.choice((200, 2_000, 6_000))

    def step(self) -> float:
        """End what is due and do one thing that is drawn; returns after how many seconds to come back."""
        while self.ends and self.ends[0][0] <= self.clock.now_us():
            heappop(self.ends)[2]()
        (kind,) = self.random.choices(list(KINDS), self.weights)
        self.done[kind] += 1
        nodes, controller = self.cluster.node_ids, self.cluster.voters[0]
        match kind:
            case "kill":
                self.kill(self.random.choice([node for node in nodes if node != controller]))
            case "kill the controller":
                self.kill(controller)
            case "stop":
                self.stop_in_order(self.random.choice(nodes))
            case "cut":
                left, right = self.random.sample(nodes, 2)
                self.cut([left], [right], both_ways=self.random.random() < 0.5)
            case "deafen":  # it is heard by the controller, and doesn't hear what the cluster has become
                deaf = self.random.choice([node for node in nodes if node != controller])
                self.cut([controller], [deaf], both_ways=False, longer=2)
            case "part from the controller":  # some of its links fail altogether, others one way, each for its own time
                for node in nodes:
                    if node != controller:
                        self.cut([controller], [node], both_ways=self.random.random() < 0.5, longer=2)
            case "isolate":  # from the other brokers, but not from its clients, so that a leader goes on taking
                alone = self.random.choice(nodes)
                self.cut([alone], [node for node in nodes if node != alone], both_ways=self.random.random() < 0.7)
            case "unsteady":
                self.unsteady(self.random.choice([node for node in nodes if node != controller]))
            case "cut a client off":
                client = self.random.choice(self.client_ids())
                self.cut([client], [self.random.choice(nodes)], both_ways=self.random.random() < 0.5)
            case "slow":
                self.slow(*self.random.sample(nodes, 2))
            case "disk error":
                operations, files = self.random.choice(FAILING), self.random.choice(FILES)
                times = self.random.choice((1, 1, None))
                torn = self.random.random() < 0.5
                self.trouble_disk(operations, files, errno.EIO, times=times, torn=torn)
            case "disk full":
                self.trouble_disk(WRITES, "*", errno.ENOSPC, times=None, torn=self.random.random() < 0.5)
            case "slow disk":
                self.slow_disk(self.random.choice(nodes))
            case "power":
                self.lose_power()
        return self.random.uniform(0.05, self.pause_s_max)

    def later(self, duration_ms: int, end: Callable[[], None]) -> None:
        """Have a fault end after so many milliseconds."""
        self.drawn += 1
        heappush(self.ends, (self.clock.now_us() + 1000 * duration_ms, self.drawn, end))

    def goes_down(self, node_id: int) -> bool:
        """Whether it may go down now; if so it comes back."""
        if node_id in self.down or (self.down and self.random.random() < 0.8):
            return False
        self.down.add(node_id)
        self.later(self.random.randint(1, self.down_ms_max), lambda: self.restart(node_id))
        return True

    def kill(self, node_id: int) -> None:
        """Kill a node, if enough others are up."""
        if self.goes_down(node_id):
            self.cluster.kill_node(node_id)

    def lose_power(self) -> None:
        """Some nodes lose their power; those that can't go down beside others don't."""
        assert self.power is not None, "it isn't drawn otherwise"
        for node_id in self.power.victims():
            if node_id in self.down or self.power.is_synced:
                self.down.add(node_id)
                self.later(self.random.randint(1, self.down_ms_max), partial(self.restart, node_id))
                self.power.lose(node_id)
            elif self.goes_down(node_id):
                self.power.lose(node_id)

    def slow_disk(self, node_id: int) -> None:
        """Make a node's disk slow, for a drawn time."""
        assert self.slow_disks is not None, "it isn't drawn otherwise"
        slow_us = self.slow_disks.slow_us
        slow_us[node_id] = 1_000 * self.random.randint(1, SLOW_MS_MAX)
        self.later(self.random.randint(100, self.cut_ms_max), partial(slow_us.update, {node_id: 0}))

    def stop_in_order(self, node_id: int) -> None:
        """Have a broker stop; one that hasn't when its time is over is killed, as init systems do."""
        if self.goes_down(node_id):
            ask(self.cluster.world, self.cluster.broker_refs[node_id], StopNode())

    def restart(self, node_id: int) -> None:
        """Start a node that is down, on a disk without faults."""
        if node_id not in self.down:
            return  # it went down twice, and is back
        self.down.discard(node_id)
        if node_id in self.disks:
            self.disks[node_id].heal()  # what a start makes of a disk in trouble isn't looked at here
        self.cluster.kill_node(node_id)
        self.cluster.folders[node_id].release()
        self.cluster.restart_node(node_id)

    def cut(
        self, some: list[int], others: list[int], *, both_ways: bool, longer: int = 1, ms: int | None = None
    ) -> None:
        """Cut the links between two sets of nodes for so many milliseconds, or for a drawn time."""
        self.net.cut(some, others, both_ways=both_ways)
        ms = longer * self.random.randint(100, self.cut_ms_max) if ms is None else ms
        self.later(ms, lambda: self.net.restore(some, others))

    def unsteady(self, node_id: int) -> None:
        """Have the links of a broker fail one after the other, each for its own time: others lead in its stead, and it
        leads again, while what it sent before hasn't arrived yet.
        """
        controller = self.cluster.voters[0]
        peer = self.random.choice([node for node in self.cluster.node_ids if node not in (node_id, controller)])
        self.cut([node_id], [peer], both_ways=self.random.random() < 0.5, ms=self.random.randint(2_000, 12_000))
        from_ms, ms = self.random.randint(100, 3_000), self.random.randint(1_000, 3_000)
        self.later(from_ms, lambda: self.cut([controller], [node_id], both_ways=True, ms=ms))

    def slow(self, from_id: int, to_id: int) -> None:
        """Slow a link by a drawn delay, for a drawn time."""
        self.net.slow(from_id, to_id, self.random.randint(1, SLOW_MS_MAX))
        self.later(self.random.randint(100, self.cut_ms_max), lambda: self.net.slow(from_id, to_id, 0))

    def trouble_disk(
        self, operations: tuple[str, ...], files: str, number: int, *, times: int | None, torn: bool
    ) -> None:
        """Have a drawn node's disk fail in some operations, for a drawn time."""
        disk = self.disks[self.random.choice(list(self.disks))]
        fault = disk.fail(operations, files, number, times=times, torn=torn)
        self.later(self.random.randint(100, self.cut_ms_max), lambda: disk.remove(fault))

    def stop(self) -> None:
        """Heal everything and bring everybody back."""
        self.ends.clear()
        self.net.heal()
        if self.slow_disks is not None:
            self.slow_disks.slow_us.clear()
        for disk in self.disks.values():
            disk.heal()
        for node_id in sorted(self.down):
            self.restart(node_id)
