"""What the members of a group say they own, sorted out before a sticky assignor builds on it.

A member that missed a rebalance still claims what it had. Of two that claim a partition the one of the later generation
is believed; of two in the same generation nobody is, and the partition counts as being taken from both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from actors.clients.consumer.assignors.interface import NO_GENERATION, MemberSubscription
from actors.clients.structs import TopicPartition
from kstore.named import NamedTuple


class Claim(NamedTuple):
    """What one member says it owns; ``generation`` is None when it doesn't say since when."""

    partitions: tuple[TopicPartition, ...]
    generation: int | None


class Claims:
    """All members' claims. ``owned`` are those to build on; ``disputed`` are in no one's."""

    def __init__(
        self,
        topics: Collection[str],
        members: Mapping[str, MemberSubscription],
        claim_of: Callable[[MemberSubscription], Claim],
    ) -> None:
        self.by_member = {member: claim_of(said) for member, said in members.items()}
        self.owned: dict[str, list[TopicPartition]] = {member: [] for member in members}
        self.disputed: dict[TopicPartition, None] = {}
        self.latest = max((self._generation(claim) for claim in self.by_member.values()), default=NO_GENERATION)
        self._owners: dict[TopicPartition, str] = {}
        for member, claim in self.by_member.items():
            for partition in claim.partitions:
                if partition.topic in topics:
                    self._settle(member, partition, members)

    @staticmethod
    def _generation(claim: Claim) -> int:
        return NO_GENERATION if claim.generation is None else claim.generation

    def _settle(self, member: str, partition: TopicPartition, members: Mapping[str, MemberSubscription]) -> None:
        other = self._owners.get(partition)
        if other is None:
            self.owned[member].append(partition)
            self._owners[partition] = member
            return
        mine, theirs = self._generation(self.by_member[member]), members[other].generation
        if mine < theirs:
            return
        if partition in self.owned[other]:
            self.owned[other].remove(partition)
        self._owners[partition] = member
        if mine == theirs:
            self.disputed[partition] = None
        else:
            self.owned[member].append(partition)
