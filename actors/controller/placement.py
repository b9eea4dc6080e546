"""Placement of new partitions' replicas: striped over racks and brokers, as by Kafka's StripedReplicaPlacer.

Each partition starts one rack and one broker further than the one before, so leaders and followers spread evenly, and
the other replicas of a broker's partitions are all over the cluster. The starting points are random, from the world.
After as many partitions as there are unfenced brokers the order is shuffled, so that stripes don't repeat. Fenced
brokers come last, and never first in a partition, because the first replica leads.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from actors.image.image import BrokerImage
from kstore.errors import InvalidReplicationFactor


class BrokerRing:
    """The brokers of one rack in one state, handed out in turn; each round starts one further than the last."""

    def __init__(self, random: Random, brokers: Iterable[int]) -> None:
        self._brokers = sorted(brokers)
        self._start = random.randrange(len(self._brokers)) if self._brokers else 0
        self._handed_out = 0
        self._round = 0

    def next(self, number: int) -> int | None:
        """The next broker in round ``number``; None when the round has used them all."""
        count = len(self._brokers)
        if count == 0:
            return None
        if number != self._round:
            self._round, self._handed_out, self._start = number, 0, (self._start + 1) % count
        if self._handed_out == count:
            return None
        self._handed_out += 1
        return self._brokers[(self._start + self._handed_out - 1) % count]

    def shuffle(self, random: Random) -> None:
        """Put the brokers into another order."""
        random.shuffle(self._brokers)


class Rack:
    """The brokers of one rack: unfenced ones before fenced ones."""

    def __init__(self, random: Random, brokers: list[BrokerImage]) -> None:
        self.fenced = BrokerRing(random, [broker.id for broker in brokers if broker.fenced])
        self.unfenced = BrokerRing(random, [broker.id for broker in brokers if not broker.fenced])

    def next(self, number: int) -> int | None:
        """The next broker of the rack, an unfenced one if it has any; None without brokers."""
        found = self.unfenced.next(number)
        return self.fenced.next(number) if found is None else found


class StripedPlacer:
    """Places partitions on the given brokers; use one for all partitions of a request's topic."""

    def __init__(self, brokers: Iterable[BrokerImage], random: Random) -> None:
        by_rack: dict[str, list[BrokerImage]] = {}
        for broker in brokers:
            by_rack.setdefault(broker.rack or "", []).append(broker)
        self._random = random
        self._racks = [Rack(random, by_rack[name]) for name in sorted(by_rack)]
        self._brokers = sum(map(len, by_rack.values()))
        self._unfenced = sum(not broker.fenced for found in by_rack.values() for broker in found)
        self._start = random.randrange(len(self._racks)) if self._racks else 0
        self._round = 0

    def place(self, partitions: int, replication_factor: int) -> list[tuple[int, ...]]:
        """The replicas of so many new partitions; the first of each leads.

        Raises:
            InvalidReplicationFactor: there are too few brokers, or all of them are fenced.
        """
        if replication_factor <= 0:
            raise InvalidReplicationFactor(
                f"Invalid replication factor {replication_factor}: the replication factor must be positive."
            )
        if self._unfenced == 0:
            raise InvalidReplicationFactor(
                "All brokers are currently fenced, or have all their log directories cordoned."
            )
        if replication_factor > self._brokers:
            raise InvalidReplicationFactor(
                f"The target replication factor of {replication_factor} cannot be reached because only "
                f"{self._brokers} broker(s) are registered or some brokers have all their log directories cordoned."
            )
        return [self._place_one(replication_factor) for _ in range(partitions)]

    def _place_one(self, replication_factor: int) -> tuple[int, ...]:
        if self._round == self._unfenced and self._unfenced > 1:
            self._shuffle()
        racks = self._racks
        start = self._start % len(racks)
        leader_rack = start
        leader = racks[leader_rack].unfenced.next(self._round)
        while leader is None:
            leader_rack = (leader_rack + 1) % len(racks)
            leader = racks[leader_rack].unfenced.next(self._round)
        replicas = [leader]
        at, served = start, leader_rack
        while len(replicas) < replication_factor:
            if at == served:
                served = -1  # in the first round the leader counts as its rack's turn
            else:
                follower = racks[at].next(self._round)
                if follower is not None:
                    replicas.append(follower)
            at = (at + 1) % len(racks)
        self._round += 1
        self._start = start + 1
        return tuple(replicas)

    def _shuffle(self) -> None:
        self._round = 0
        self._random.shuffle(self._racks)
        for rack in self._racks:
            rack.fenced.shuffle(self._random)
            rack.unfenced.shuffle(self._random)
