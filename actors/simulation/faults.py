"""Faults, drawn from the seed: brokers die and come back, links are cut, one way or both, are slow, and heal.

At most one broker is down by a drawn kill at a time, but for a while now and then two; node 1, the only controller,
dies less often than the others. What was killed comes back after a drawn time, and a cut lasts until the next heal.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from actors.cluster import Cluster

if TYPE_CHECKING:
    from random import Random

CONTROLLER = 1
DOWN_MS_MAX = 5_000
SLOW_MS_MAX = 400

WEIGHTS = {"kill": 4, "kill the controller": 1, "cut": 4, "isolate": 2, "slow": 2, "heal": 5, "rest": 3}


class Faults:
    """The faults of one run; ``step`` does the next."""

    def __init__(self, cluster: Cluster, client_ids: list[int]) -> None:
        self.cluster = cluster
        self.net = cluster.net
        self.clock = cluster.world.clock
        self.random: Random = cluster.world.random
        self.client_ids = client_ids
        self.due_back: dict[int, int] = {}  # node: when, in microseconds
        self.done: Counter[str] = Counter()

    def step(self) -> float:
        """Do what is due and one thing that is drawn; returns after how many seconds to come back."""
        self.bring_back()
        (kind,) = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))
        self.done[kind] += 1
        match kind:
            case "kill":
                self.kill(self.random.choice([node for node in self.cluster.node_ids if node != CONTROLLER]))
            case "kill the controller":
                self.kill(CONTROLLER)
            case "cut":
                self.cut()
            case "isolate":
                self.isolate()
            case "slow":
                left, right = self.random.sample(self.cluster.node_ids, 2)
                self.net.slow(left, right, self.random.randint(1, SLOW_MS_MAX))
            case "heal":
                self.net.heal()
        return self.random.uniform(0.05, 1.5)

    def bring_back(self) -> None:
        """Restart those whose time has come."""
        for node_id, at_us in list(self.due_back.items()):
            if at_us <= self.clock.now_us():
                del self.due_back[node_id]
                self.cluster.restart(node_id)

    def kill(self, node_id: int) -> None:
        if node_id in self.due_back or (self.due_back and self.random.random() < 0.8):
            return
        self.cluster.kill(node_id)
        self.due_back[node_id] = self.clock.now_us() + 1000 * self.random.randint(1, DOWN_MS_MAX)

    def cut(self) -> None:
        """Cut two brokers off from each other, or one broker from a client."""
        left, right = self.random.sample([*self.cluster.node_ids, *self.client_ids], 2)
        self.net.cut([left], [right], both_ways=self.random.random() < 0.5)

    def isolate(self) -> None:
        """Cut one broker off from the other brokers, but not from its clients, so that a leader goes on taking."""
        node_id = self.random.choice(self.cluster.node_ids)
        others = [other for other in self.cluster.node_ids if other != node_id]
        self.net.cut([node_id], others, both_ways=self.random.random() < 0.7)

    def stop(self) -> None:
        """Heal everything and bring everybody back."""
        self.net.heal()
        for node_id in list(self.due_back):
            del self.due_back[node_id]
            self.cluster.restart(node_id)
