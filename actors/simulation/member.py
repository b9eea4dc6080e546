"""A group member: joins, is assigned partitions, reads them from the committed offsets on, commits, leaves.

It lives as a Kafka consumer does: the leader assigns by range, heartbeats go on between fetches, an error that says
that the group moved on makes it join again, and one that says that it is unknown makes it begin anew. A static member
(with an ``instance``) never leaves, and the client that comes in its position takes up what it had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.network.link import Disconnected
from actors.runtime import Coroutine, Node
from actors.runtime.coroutine import Pause
from actors.simulation import requests
from actors.simulation.client import RequestTo, SimulatedClient, Workload
from kstore.errors import FencedInstanceId, IllegalGeneration, MemberIdRequired, RebalanceInProgress, UnknownMemberId
from kstore.schema import decode
from kstore.schema.messages.consumer_protocol import ConsumerProtocolSubscription

if TYPE_CHECKING:
    from kstore.schema.messages.join_group import JoinGroupResponseMember
    from kstore.schema.struct import Message

SESSION_MS = 6_000
REBALANCE_MS = 4_000
JOIN_ANSWER_MS = 8_000
HEARTBEAT_MS = 400
BEGIN_ANEW = {UnknownMemberId.code, IllegalGeneration.code, FencedInstanceId.code}


class SimulatedMember(SimulatedClient):
    """A member of the workload's group, until the workload closes; then it stays in it, reading nothing new."""

    def __init__(
        self, node: Node, name: str, workload: Workload, *, label: str, instance: str | None, restless: bool
    ) -> None:
        super().__init__(node, name, workload)
        self.label = label
        self.instance = instance
        self.restless = restless  # leaves and pauses now and then
        self.member_id = ""
        self.generation = -1
        self.coordinator = -1
        self.assigned: list[int] = []
        self.positions: dict[int, int] = {}
        self.dirty = False

    def live(self) -> Coroutine:
        while True:
            self.assigned = []
            if self.coordinator < 0 and not (yield from self.find_coordinator()):
                yield self.retry_pause()
                continue
            if not (yield from self.join()):
                yield self.retry_pause()
                continue
            if (yield from self.find_positions()):
                yield from self.take_part()
            if self.restless and self.instance is None and not self.workload.closing and self.random.random() < 0.2:
                yield from self.leave()

    @property
    def is_stable(self) -> bool:
        """Whether it is in the group and has what it was assigned."""
        return self.generation >= 0 and self.coordinator >= 0 and not self.dirty

    def to_coordinator(self, request: Message, version: int, timeout_ms: float = 3_000) -> RequestTo:
        """A request to the group's coordinator, to be yielded."""
        return RequestTo(self.coordinator, request, version, timeout_ms)

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

    def find_coordinator(self) -> Coroutine:
        """Look up the group's coordinator; whether it was found."""
        version = self.version(10)
        answer = yield RequestTo(self.anybody(), requests.find_coordinator(self.workload.group, version), version)
        if isinstance(answer, Disconnected):
            return False
        error, node_id = requests.coordinator_of(answer)
        self.coordinator = node_id if error == 0 else -1
        return error == 0

    def join(self) -> Coroutine:
        """Join and sync; whether it is in the group now."""
        workload = self.workload
        version = self.version(11) if self.instance is None else max(5, self.version(11))
        request = requests.join_group(
            workload.group, self.member_id, self.instance, workload.topic, SESSION_MS, REBALANCE_MS, version
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
            workload.group, self.generation, self.member_id, self.instance, workload.topic, assignments, version
        )
        synced = yield self.to_coordinator(sync, version, JOIN_ANSWER_MS)
        if isinstance(synced, Disconnected):
            self.coordinator = -1
            return False
        if self.went_wrong(synced.error_code):
            return False
        self.assigned = requests.assigned_partitions(synced.assignment)
        workload.history.assigned(workload.group, self.generation, self.instance or self.member_id, self.assigned)
        return True

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
        yield self.to_coordinator(requests.leave_group(self.workload.group, self.member_id, version), version)
        self.member_id = ""
        self.generation = -1
        yield Pause(self.random.randint(10, 2_000))

    def find_positions(self) -> Coroutine:
        """Ask for the committed offsets of what is assigned, until it is told."""
        workload, history = self.workload, self.workload.history
        while self.assigned:
            yield from self.leader_of(self.assigned[0])
            version = self.version(9)
            known = {partition: history.last_commit(workload.group, partition) for partition in self.assigned}
            request = requests.offset_fetch(workload.group, workload.topic, self.topic_id, self.assigned, version)
            answer = yield self.to_coordinator(request, version)
            if isinstance(answer, Disconnected):
                self.coordinator = -1
                return False
            error, offsets = requests.fetched_offsets(answer)
            errors = [code for code, _ in offsets.values() if code]
            if error or errors or len(offsets) < len(self.assigned):
                self.went_wrong(error or (errors[0] if errors else 15))
                if self.coordinator < 0:
                    return False
                yield self.retry_pause()
                continue
            for partition, (_, offset) in offsets.items():
                history.commit_found(workload.group, partition, known[partition], offset)
                self.positions[partition] = max(0, offset)
                history.sought(self.label, partition, max(0, offset))
            break
        return True

    def take_part(self) -> Coroutine:
        """Heartbeat, fetch and commit until the group moves on."""
        while True:
            yield Pause(self.random.randint(HEARTBEAT_MS // 2, HEARTBEAT_MS))
            if self.restless and not self.workload.closing and self.random.random() < 0.02:
                yield Pause(self.random.randint(100, 2 * SESSION_MS))  # as a process does that collects its garbage
            version = self.version(12)
            request = requests.heartbeat(self.workload.group, self.generation, self.member_id, self.instance, version)
            answer = yield self.to_coordinator(request, version)
            if isinstance(answer, Disconnected):
                self.coordinator = -1
            if isinstance(answer, Disconnected) or self.went_wrong(answer.error_code):
                return
            yield from self.fetch_assigned()
            if self.dirty and not (yield from self.commit()):
                return
            if self.restless and not self.workload.closing and self.random.random() < 0.03:
                return

    def fetch_assigned(self) -> Coroutine:
        """Fetch once from each assigned partition."""
        history, topic = self.workload.history, self.workload.topic
        for partition in self.assigned:
            leader = yield from self.leader_of(partition)
            position = self.positions[partition]
            positions = {partition: (position, self.leaders[partition][1])}
            answer = yield self.to(leader, requests.fetch(topic, self.topic_id, positions, 10))
            if isinstance(answer, Disconnected) or answer.error_code:
                yield from self.refresh()
                continue
            part = answer.responses[0].partitions[0]
            if part.error_code:
                yield from self.refresh()
                continue
            values, next_offset = requests.values_from(part.records, position)
            if next_offset != position:
                history.read(self.label, partition, values)
                self.positions[partition] = next_offset
                self.dirty = True

    def commit(self) -> Coroutine:
        """Commit all positions; whether the member is still in the group."""
        workload, history = self.workload, self.workload.history
        order = history.next_commit(self.generation)
        offsets = {partition: self.positions[partition] for partition in self.assigned}
        for partition, offset in offsets.items():
            history.commit_begun(workload.group, partition, order, offset)
        version = self.version(8)
        request = requests.offset_commit(
            workload.group,
            self.generation,
            self.member_id,
            self.instance,
            workload.topic,
            self.topic_id,
            offsets,
            version,
        )
        answer = yield self.to_coordinator(request, version)
        if isinstance(answer, Disconnected):
            self.coordinator = -1
            for partition, offset in offsets.items():
                history.commit_uncertain(workload.group, partition, offset)
            return False
        error = 0
        for each in answer.topics[0].partitions:
            if each.error_code == 0:
                history.commit_acknowledged(workload.group, each.partition_index, order, offsets[each.partition_index])
            else:
                error = each.error_code
                history.commit_uncertain(workload.group, each.partition_index, offsets[each.partition_index])
        self.dirty = self.dirty and error != 0
        return not self.went_wrong(error)
