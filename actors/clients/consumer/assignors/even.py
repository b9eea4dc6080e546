"""The sticky assignment of a group whose members all read the same topics: every share is known before it begins.

With ``n`` partitions and ``m`` members a share is ``n // m`` (least) or one more (most), and ``n % m`` members get the
larger one. First everybody keeps what it owns, up to its share; then what is left is dealt out to those who are short.
The order of all steps is Kafka's ``ConstrainedAssignmentBuilder``'s, so that ties fall the same way.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.clients.consumer.assignors.claims import Claims
from actors.clients.consumer.assignors.hash_order import hash_of_text, in_hash_order
from actors.clients.consumer.assignors.interface import Assignments
from actors.clients.structs import TopicPartition


class EvenAssignment:
    """One such assignment in the making. ``transferred``: who gets what another member says it owns."""

    def __init__(self, partitions: Mapping[str, int], claims: Claims) -> None:
        self.partitions = partitions
        self.claims = claims
        total = sum(partitions.values())
        self.least, self.larger_shares = divmod(total, len(claims.owned)) if claims.owned else (0, 0)
        self.most = self.least + (self.larger_shares > 0)
        self.with_larger_share = 0
        self.short: list[str] = []  # of the smaller share
        self.may_get_one_more: list[str] = []  # have the smaller share
        self.revoked: set[TopicPartition] = set()
        self.assigned: Assignments = {member: [] for member in claims.owned}
        self.transferred: dict[TopicPartition, str] = {}

    def build(self) -> Assignments:
        """Who gets what."""
        for member in in_hash_order(self.claims.owned, hash_of_text):
            self._keep_owned(member)
        self.short.sort()
        self.may_get_one_more.sort()
        self._deal_out()
        return self.assigned

    def _keep_owned(self, member: str) -> None:
        owned = [each for each in self.claims.owned[member] if each not in self.claims.disputed]
        owned.sort(key=lambda each: (each.partition, each.topic))
        if len(owned) < self.least:
            kept = len(owned)
            self.short.append(member)
        elif len(owned) >= self.most and self.with_larger_share < self.larger_shares:
            kept = self.most
            self.with_larger_share += 1
            if self.with_larger_share == self.larger_shares:
                self.may_get_one_more.clear()
        else:
            kept = self.least
            if self.with_larger_share < self.larger_shares:
                self.may_get_one_more.append(member)
        self.assigned[member] += owned[:kept]
        self.revoked.update(owned[kept:])

    def _deal_out(self) -> None:
        """Those who are short take turns until they have the smaller share; then one each for a larger one."""
        kept = {partition for owned in self.assigned.values() for partition in owned}
        turn = 0
        for topic in sorted(self.partitions):
            for number in range(self.partitions[topic]):
                partition = TopicPartition(topic, number)
                if partition in kept:
                    continue
                if not self.short:
                    self._give(partition, self.may_get_one_more.pop(0))
                    continue
                turn %= len(self.short)
                member = self.short[turn]
                if self._give(partition, member) == self.least:
                    del self.short[turn]
                    self.may_get_one_more.append(member)
                else:
                    turn += 1

    def _give(self, partition: TopicPartition, member: str) -> int:
        self.assigned[member].append(partition)
        if partition in self.revoked or partition in self.claims.disputed:
            self.transferred[partition] = member
        return len(self.assigned[member])
