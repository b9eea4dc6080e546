"""The sticky assignment of a group whose members read different topics: keep, fill, then move until it is balanced.

Balanced means that no member could take a partition from one that has two more. Moves begin with partitions that few
may read, and a partition goes back to its former owner before it goes anywhere else. When moving didn't make things
more even after all, everything stays where it was. Steps and ties are Kafka's ``GeneralAssignmentBuilder``'s.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping

from actors.clients.consumer.assignors.claims import Claims
from actors.clients.consumer.assignors.interface import NO_GENERATION, Assignments, MemberSubscription
from actors.clients.consumer.assignors.movements import Movements
from actors.clients.structs import TopicPartition


class UnevenAssignment:
    """One such assignment in the making."""

    def __init__(
        self, partitions: Mapping[str, int], members: Mapping[str, MemberSubscription], claims: Claims
    ) -> None:
        self.partitions = partitions
        self.claims = claims
        self.members = members
        self.topics_of = {m: [t for t in said.topics if t in partitions] for m, said in members.items()}
        self.readers_of = {t: [m for m in members if t in self.topics_of[m]] for t in partitions}
        self.assigned: Assignments = {member: list(owned) for member, owned in claims.owned.items()}
        self.owner = {p: member for member, owned in self.assigned.items() for p in owned}
        topics = sorted(partitions, key=lambda topic: (len(self.readers_of[topic]), topic))
        self.all = [TopicPartition(topic, number) for topic in topics for number in range(partitions[topic])]
        self.by_size: list[tuple[int, str]] = []
        self.former = self._former_owners()
        self.movements = Movements()
        self.must_revoke = False

    def _former_owners(self) -> dict[TopicPartition, str]:
        """Who had a partition in the generation before, as members that missed a rebalance tell."""
        found: dict[TopicPartition, tuple[str, int]] = {}
        latest = self.claims.latest
        for member, claim in self.claims.by_member.items():
            generation = NO_GENERATION if claim.generation is None else claim.generation
            if generation >= latest:
                continue
            for partition in claim.partitions:
                if partition not in found or generation > found[partition][1]:
                    found[partition] = (member, generation)
        return {partition: member for partition, (member, _) in found.items()}

    def build(self) -> Assignments:
        """Who gets what."""
        kept = self._drop_what_is_not_read()
        unassigned = [partition for partition in self.all if partition not in kept]
        self.by_size = sorted((len(owned), member) for member, owned in self.assigned.items())
        began_with_nothing = self.by_size[-1][0] == 0
        for partition in unassigned:
            self._give_to_smallest(partition)
        self._balance(unassigned, began_with_nothing)
        return self.assigned

    def _drop_what_is_not_read(self) -> set[TopicPartition]:
        kept: set[TopicPartition] = set()
        for member, owned in self.assigned.items():
            still = [partition for partition in owned if partition.topic in self.members[member].topics]
            self.must_revoke |= len(still) < len(owned)
            self.assigned[member] = still
            kept.update(still)
        return kept

    def _give_to_smallest(self, partition: TopicPartition) -> None:
        for _, member in self.by_size:
            if partition.topic in self.topics_of[member]:
                self._take_out(member)
                self.assigned[member].append(partition)
                self.owner[partition] = member
                self._put_in(member)
                return

    def _take_out(self, member: str) -> None:
        self.by_size.remove((len(self.assigned[member]), member))

    def _put_in(self, member: str) -> None:
        insort(self.by_size, (len(self.assigned[member]), member))

    def _balance(self, unassigned: list[TopicPartition], began_with_nothing: bool) -> None:
        movable = [p for p in self.all if len(self.readers_of[p.topic]) > 1]
        fixed = {m: self.assigned[m] for m in self.topics_of if not self._may_take_part(m)}
        for member in fixed:
            self._take_out(member)
            del self.assigned[member]
        before = {member: list(owned) for member, owned in self.assigned.items()}
        if not self.must_revoke:
            self._move([p for p in unassigned if len(self.readers_of[p.topic]) > 1])
        moved = self._move(movable)
        if not began_with_nothing and moved and unevenness(self.assigned) >= unevenness(before):
            self.assigned = before
        self.assigned.update(fixed)

    def _may_take_part(self, member: str) -> bool:
        owned = self.assigned[member]
        return len(owned) < self._possible(member) or any(len(self.readers_of[p.topic]) > 1 for p in owned)

    def _possible(self, member: str) -> int:
        """How many partitions a member could get."""
        return sum(self.partitions[topic] for topic in self.topics_of[member])

    def _is_balanced(self) -> bool:
        if self.by_size[0][0] >= self.by_size[-1][0] - 1:
            return True
        owners = {partition: member for member, owned in self.assigned.items() for partition in owned}
        for size, member in self.by_size:
            if size == self._possible(member):
                continue
            for topic in self.topics_of[member]:
                for number in range(self.partitions[topic]):
                    other = owners.get(TopicPartition(topic, number), member)
                    if other != member and size + 1 < len(self.assigned[other]):
                        return False
        return True

    def _move(self, partitions: list[TopicPartition]) -> bool:
        """Move until nothing is to be won; whether anything was moved."""
        moved = False
        again = bool(self.by_size)
        while again:
            again = False
            for partition in partitions:
                if self._is_balanced():
                    break
                if self._improve(partition):
                    moved = again = True
        return moved

    def _improve(self, partition: TopicPartition) -> bool:
        size = len(self.assigned[self.owner[partition]])
        former = self.former.get(partition)
        if former is not None and former in self.assigned and size > len(self.assigned[former]) + 1:
            self._reassign(partition, former)
            return True
        if any(size > len(self.assigned[other]) + 1 for other in self.readers_of[partition.topic]):
            smallest = next(m for _, m in self.by_size if partition.topic in self.topics_of[m])
            self._reassign(partition, smallest)
            return True
        return False

    def _reassign(self, partition: TopicPartition, new: str) -> None:
        moving = self.movements.to_be_moved(partition, self.owner[partition], new)
        old = self.owner[moving]
        self._take_out(old)
        if new != old:
            self._take_out(new)
        self.movements.add(moving, old, new)
        self.assigned[old].remove(moving)
        self.assigned[new].append(moving)
        self.owner[moving] = new
        self._put_in(new)
        if new != old:
            self._put_in(old)


def unevenness(assigned: Assignments) -> int:
    """The differences in size between all pairs of members, added up."""
    sizes = sorted(len(owned) for owned in assigned.values())
    return sum(size * (2 * index - len(sizes) + 1) for index, size in enumerate(sizes))
