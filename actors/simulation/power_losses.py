"""Power losses: a broker dies, and its disk forgets what wasn't synced.

Where each record is synced before it is acknowledged, any brokers may lose their power at any time, all of them as
well, and everything acknowledged must survive. Where records aren't synced, Kafka's contract lets a power loss of
several replicas lose acknowledged records, so there is a budget: one broker at a time, which isn't the last live member
of any in-sync set, and of which the controller hears at once, so that it isn't counted as in sync any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.cluster import Cluster
    from actors.simulation.disks import Disks
    from actors.simulation.invariants import Judge


class PowerLosses:
    """Those of one run; ``is_synced`` says that each record is synced before it is acknowledged."""

    def __init__(self, cluster: Cluster, disks: Disks, judge: Judge, *, is_synced: bool) -> None:
        self.cluster = cluster
        self.disks = disks
        self.judge = judge
        self.random = cluster.world.random
        self.is_synced = is_synced
        self.count = 0

    def victims(self) -> list[int]:
        """Draw who loses power now: one, some or all, or nobody if nobody may."""
        nodes = list(self.cluster.node_ids)
        if self.is_synced:
            return self.random.sample(nodes, self.random.choice((1, 1, 2, len(nodes))))
        victim = self.random.choice(nodes)
        return [victim] if self._others_have_all(victim) else []

    def _others_have_all(self, victim: int) -> bool:
        cluster, controller = self.cluster, self.cluster.voters[0]
        if victim == controller or not (cluster.nodes[controller].alive and cluster.nodes[victim].alive):
            return False
        if not cluster.net.reachable(victim, controller):
            return False
        image = self.judge.image
        return all(
            any(member != victim and image.is_active(member) for member in partition.isr)
            for topic in image.topics.values()
            for partition in topic.partitions.values()
            if victim in partition.isr
        )

    def lose(self, node_id: int) -> None:
        """A node loses its power; one that has died before loses what it had left in memory."""
        self.count += 1
        self.judge.loses_power(node_id)
        self.cluster.kill_node(node_id)
        self.disks.lose_power(node_id)
