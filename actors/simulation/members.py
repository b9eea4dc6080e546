"""The members of the groups of one run: which there are, which of them die, and when their groups have settled.

A seed draws whether there is a classic group, a consumer group, both, or a group with members of both protocols, which
migrates: one after the other is replaced by one of the other protocol, until all are, and then back. Some seeds have a
simple group as well, with offsets and no members.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from actors.simulation.consumer_member import SimulatedConsumerMember
from actors.simulation.group_member import GroupMember
from actors.simulation.member import SimulatedMember
from actors.simulation.simple_consumer import SimpleConsumer

if TYPE_CHECKING:
    from actors.cluster import Cluster
    from actors.image.image import TopicImage
    from actors.simulation.client import Workload
    from kstore.log.names import TopicIdAndPartition

Begin = Callable[..., GroupMember]
"""Begins a client of a class, with a name and keywords, on a node of its own."""

CLASSIC, CONSUMER, MIXED, SIMPLE = "workers", "readers", "migrants", "alone"

KINDS: dict[str, tuple[type[GroupMember], ...]] = {
    CLASSIC: (SimulatedMember,),
    CONSUMER: (SimulatedConsumerMember,),
    MIXED: (SimulatedMember, SimulatedConsumerMember),
    SIMPLE: (SimpleConsumer,),
}
"""By group."""

DRAWN = ((CLASSIC,), (CONSUMER,), (CLASSIC, CONSUMER), (MIXED,), (MIXED,))

REPLACED = 0.6

LOST, LOST_WHILE_MIGRATING = 0.05, 0.3
"""How often one of the members dies, at each step of the faults; and while a group migrates that has settled."""

MIGRATES_MS = 4_000
"""How long a group gets to become one of the other kind: longer than the session of a member of a consumer group."""


class Members:
    """The members of all groups; ``begin`` begins one."""

    def __init__(self, cluster: Cluster, workload: Workload, begin: Begin) -> None:
        self.cluster = cluster
        self.workload = workload
        self.random = cluster.world.random
        self.all: list[GroupMember] = []
        self.groups = self.random.choice(DRAWN)
        self.joining = KINDS[MIXED][0]
        """Of which protocol those are that join the group that migrates."""
        self.rests_until_us = 0
        self.made = 0
        self._begin = begin

    def make(self) -> None:
        """Those of the beginning, drawn in number and kind."""
        if self.random.random() < 0.4:
            self.add(SIMPLE)
        if MIXED in self.groups:
            self.joining = self.random.choice(KINDS[MIXED])
        for group in self.groups:
            if self.random.random() < 0.5:
                self.add(group, "instance-0")
            for _ in range(self.random.randint(1, 3)):
                self.add(group)
        self.rest()

    def add(self, group: str, instance: str | None = None) -> None:
        """Begin one more member of a group."""
        self.made += 1
        label, restless = f"m{self.made}", self.random.random() < 0.5
        keywords = {"label": label, "group": group, "instance": instance, "restless": restless}
        kind = self.joining if group == MIXED else self.random.choice(KINDS[group])
        member = self._begin(kind, label, **keywords)
        member.is_mixed = group == MIXED
        self.all.append(member)

    def is_one_lost(self) -> bool:
        """Draw whether one of them dies now."""
        return self.random.random() < (LOST_WHILE_MIGRATING if self.can_migrate() else LOST)

    def can_migrate(self) -> bool:
        """Whether there is a group that migrates, and has settled since one of its members was replaced."""
        there = [member for member in self.all if member.group == MIXED]
        is_time = self.cluster.world.clock.now_us() >= self.rests_until_us
        return bool(there) and is_time and all(member.is_stable for member in there)

    def lose_one(self) -> int:
        """Kill a member's process; mostly another one comes in its place. Returns the node that is gone."""
        lost = self.random.choice(self.all)
        if lost.group == MIXED:
            lost = self.next_to_migrate()
        self.all.remove(lost)
        lost.node.kill()
        self.cluster.net.node_died(lost.node)
        if self.random.random() < REPLACED or not any(member.group == lost.group for member in self.all):
            self.add(lost.group, lost.instance)
        if lost.group == MIXED and not self.to_migrate():
            self.rest()
        return lost.node.node_id

    def rest(self) -> None:
        """Let the group that migrates become what its members are."""
        self.rests_until_us = self.cluster.world.clock.now_us() + MIGRATES_MS * 1_000

    def to_migrate(self) -> list[GroupMember]:
        """Those that don't speak the protocol of those that join."""
        return [member for member in self.all if member.group == MIXED and not isinstance(member, self.joining)]

    def next_to_migrate(self) -> GroupMember:
        """The next one that is replaced, as in a rolling upgrade. When all have been, the way back begins."""
        if not self.to_migrate():
            self.joining = next(kind for kind in KINDS[MIXED] if kind is not self.joining)
        return self.random.choice(self.to_migrate())

    def what_is_not(self) -> str:
        """What hasn't settled, in words; empty when everything has."""
        for group in self.groups:
            members = [member for member in self.all if member.group == group]
            if not all(member.is_stable for member in members) or len({member.generation for member in members}) > 1:
                known = [(member.label, member.generation, member.coordinator) for member in members]
                return f"members of {group} are in {known}"
            owned = sorted(each for member in members for each in self._owned(member))
            if owned != (wanted := self._wanted(members)):
                return f"members of {group} own {owned}, of {wanted}"
        busy = [member.label for member in self.all if member.group == SIMPLE and not member.is_stable]
        return f"{busy} haven't committed what they have read" if busy else ""

    def _owned(self, member: GroupMember) -> list[TopicIdAndPartition]:
        if isinstance(member, SimulatedConsumerMember):
            return list(member.owned)
        topic_id = self._topics()[self.workload.topic].id
        return [(topic_id, number) for number in member.assigned]

    def _topics(self) -> Mapping[str, TopicImage]:
        return self.cluster.image(self.cluster.voters[0]).topics

    def _wanted(self, members: list[GroupMember]) -> list[TopicIdAndPartition]:
        """All that the members of a group subscribe to."""
        topic, by_regex = self.workload.topic, any(getattr(member, "regex", "") for member in members)
        return sorted(
            (found.id, number)
            for name, found in self._topics().items()
            if name == topic or (by_regex and name.startswith(topic))
            for number in found.partitions
        )
