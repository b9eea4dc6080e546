"""A member of a classic group: joins, is assigned partitions, reads from the committed offsets on, commits, leaves.

It lives as a Kafka consumer does: the leader assigns by range, heartbeats go on between fetches, an error that says
that the group moved on makes it join again, and one that says that it is unknown makes it begin anew. A static member
(with an ``instance``) never leaves, and the client that comes in its position takes up what it had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.network.link import Disconnected
from actors.runtime import Coroutine
from actors.runtime.coroutine import Pause
from actors.simulation import requests
from actors.simulation.group_member import SESSION_MS, GroupMember, Late
from kstore.errors import FencedInstanceId, IllegalGeneration, MemberIdRequired, RebalanceInProgress, UnknownMemberId
from kstore.schema import decode
from kstore.schema.messages.consumer_protocol import ConsumerProtocolSubscription

if TYPE_CHECKING:
    from kstore.schema.messages.join_group import JoinGroupResponseMember

REBALANCE_MS = 4_000
JOIN_ANSWER_MS = 8_000
HEARTBEAT_MS = 400
ZOMBIES = 0.5
"""How often one sends a commit of the generation, or under the id, that it has left behind."""
BEGIN_ANEW = {UnknownMemberId.code, IllegalGeneration.code, FencedInstanceId.code}


class SimulatedMember(GroupMember):
    """A member of a classic group."""

    late: Late | None = None

    def live(self) -> Coroutine:
        yield from self.leader_of(0)
        while True:
            self.give_up()
            if self.coordinator < 0 and not (yield from self.find_coordinator()):
                yield self.retry_pause()
                continue
            if not (yield from self.join()):
                yield self.retry_pause()
                continue
            if self.late is not None:
                yield from self.commit_late(self.late)
                self.late = None
            if (yield from self.find_all_positions()):
                yield from self.take_part()
            if self.restless and self.instance is None and not self.workload.closing and self.random.random() < 0.2:
                yield from self.leave()

    @property
    def is_stable(self) -> bool:
        """Whether it is in the group and has what it was assigned."""
        return self.generation >= 0 and self.coordinator >= 0 and not self.dirty

    def went_wrong(self, code: int) -> bool:
        """Draw what follows from an error code of the group's; whether it was one."""
        if code == 0:
            return False
        if code in BEGIN_ANEW:
            self.generation = -1
            if code != IllegalGeneration.code:
                self.member_id = ""
        elif code != RebalanceInProgress.code:
            self.coordinator = -1
        return True

    def join(self) -> Coroutine:
        """Join and sync; whether it is in the group now."""
        workload = self.workload
        version = self.version(11) if self.instance is None else max(5, self.version(11))
        request = requests.join_group(
            self.group, self.member_id, self.instance, workload.topic, SESSION_MS, REBALANCE_MS, version
        )
        answer = yield self.to_coordinator(request, version, JOIN_ANSWER_MS)
        if isinstance(answer, Disconnected):
            self.coordinator = -1
            return False
        if answer.error_code == MemberIdRequired.code:
            self.member_id = answer.member_id
            return (yield from self.join())
        if self.went_wrong(answer.error_code):
            return False
        self.member_id, self.generation = answer.member_id, answer.generation_id
        assignments = self.assignments(answer.members) if answer.leader == self.member_id else {}
        version = self.version(14)
        sync = requests.sync_group(
            self.group, self.generation, self.member_id, self.instance, workload.topic, assignments, version
        )
        synced = yield self.to_coordinator(sync, version, JOIN_ANSWER_MS)
        if isinstance(synced, Disconnected):
            self.coordinator = -1
            return False
        if self.went_wrong(synced.error_code):
            return False
        self.assigned = requests.assigned_partitions(synced.assignment)
        self.own()
        return True

    def own(self) -> None:
        """Own what it was assigned; a partition has one owner in a generation."""
        ownership, keys = self.workload.history.ownership, [self.key(partition) for partition in self.assigned]
        ownership.owned(self.group, self.generation, self.instance or self.member_id, keys)
        ownership.told(self.group, self.member_id, self.generation, keys)
        ownership.holds(self.group, self.member_id, self.generation, keys)
        if not self.is_mixed:
            newest = ownership.generations.get(self.group, -1)
            ownership.generations[self.group] = max(self.generation, newest)

    def give_up(self) -> None:
        """Own nothing while the group rebalances."""
        keys = [self.key(partition) for partition in self.assigned]
        self.workload.history.ownership.gave_up(self.group, self.member_id, keys)
        self.assigned = []

    def assignments(self, members: list[JoinGroupResponseMember]) -> dict[str, list[int]]:
        """The leader's work: every partition to one member."""
        ids = sorted(each.member_id for each in members if self.is_subscribed(bytes(each.metadata)))
        assigned: dict[str, list[int]] = {each: [] for each in ids}
        for index, partition in enumerate(self.workload.partitions):
            assigned[ids[index % len(ids)]].append(partition)
        return assigned

    def is_subscribed(self, metadata: bytes) -> bool:
        """Whether a member's metadata has the workload's topic."""
        version = int.from_bytes(metadata[:2], "big")
        return self.workload.topic in decode(ConsumerProtocolSubscription, version, metadata, 2).topics

    def leave(self) -> Coroutine:
        """Leave the group, and wait for a while before joining again."""
        version = self.version(13)
        yield self.to_coordinator(requests.leave_group(self.group, self.member_id, version), version)
        self.member_id = ""
        self.generation = -1
        yield Pause(self.random.randint(10, 2_000))

    def since(self, partition: int) -> int:
        return self.generation

    def is_over(self, late: Late) -> bool:
        return late.is_fenced or self.workload.history.ownership.generations.get(self.group, -1) > late.generation

    def find_all_positions(self) -> Coroutine:
        """Ask for the committed offsets of what is assigned, until it is told; False if the coordinator is lost."""
        while self.assigned and not (yield from self.find_positions(self.assigned)):
            if self.coordinator < 0:
                return False
            yield self.retry_pause()
        return True

    def remember(self, *, is_fenced: bool) -> None:
        """Keep a commit now and then, to be sent when the group has moved on."""
        if self.assigned and self.random.random() < ZOMBIES:
            self.late = self.late_commit(self.assigned, is_fenced=is_fenced)

    def take_part(self) -> Coroutine:
        """Heartbeat, fetch and commit until the group moves on."""
        while True:
            yield Pause(self.random.randint(HEARTBEAT_MS // 2, HEARTBEAT_MS))
            if self.restless and not self.workload.closing and self.random.random() < 0.02:
                yield Pause(self.random.randint(100, 2 * SESSION_MS))  # as a process does that collects its garbage
            version = self.version(12)
            request = requests.heartbeat(self.group, self.generation, self.member_id, self.instance, version)
            ownership = self.workload.history.ownership
            taken, began_us = ownership.taken_from(self.group, self.member_id), self.now_us()
            answer = yield self.to_coordinator(request, version)
            if isinstance(answer, Disconnected):
                self.coordinator = -1
                return
            if answer.error_code:
                self.remember(is_fenced=False)
                self.give_up()
                self.went_wrong(answer.error_code)
                return
            ownership.stayed(self.group, self.member_id, taken, began_us)
            yield from self.fetch_assigned()
            if self.dirty and not (yield from self.commit()):
                return
            if self.restless and not self.workload.closing and self.random.random() < 0.03:
                if self.instance is not None and self.random.random() < 0.5:  # as a process that is started again
                    self.remember(is_fenced=True)
                    self.give_up()
                    self.member_id, self.generation = "", -1
                return
