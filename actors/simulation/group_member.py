"""What members of groups have in common, whatever their protocol: the coordinator, positions, fetching, commits.

A member may be a zombie as well: then it commits once more what it had in an earlier epoch, or under a member id that
is no longer its own (``commit_late``). If the group has moved on for certain, such a commit must be refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.network.link import Disconnected
from actors.runtime import Coroutine, Node
from actors.simulation import requests
from actors.simulation.client import RequestTo, SimulatedClient, Workload
from kstore.errors import OffsetOutOfRange
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from kstore.log.names import TopicIdAndPartition
    from kstore.schema.struct import Message

SESSION_MS = 6_000


class Late(NamedTuple):
    """A commit that a member might have sent earlier. ``is_fenced``: another has its place, so that it can't count."""

    member_id: str
    generation: int
    offsets: dict[int, int]
    since: dict[int, int]
    """By partition: the generation, or epoch, since which it was the member's."""
    is_fenced: bool


class GroupMember(SimulatedClient):
    """A member of a group, until the workload closes; then it stays in it, reading nothing new."""

    def __init__(
        self, node: Node, name: str, workload: Workload, *, label: str, group: str, instance: str | None, restless: bool
    ) -> None:
        super().__init__(node, name, workload)
        self.label = label
        self.group = group
        self.instance = instance
        self.restless = restless  # leaves and pauses now and then
        self.member_id = ""
        self.generation = -1
        """Its generation, or its member epoch."""
        self.is_mixed = False
        """Whether its group may have members of both protocols: then each has an epoch of its own."""
        self.coordinator = -1
        self.assigned: list[int] = []
        self.positions: dict[int, int] = {}
        self.dirty = False

    @property
    def is_stable(self) -> bool:
        """Whether it is in the group and has what it was assigned."""
        raise AssertionError(f"{type(self).__name__} doesn't say when it is stable")

    def went_wrong(self, code: int) -> bool:
        """Draw what follows from an error code of the group's; whether it was one."""
        raise AssertionError(f"{type(self).__name__} doesn't say what it makes of errors")

    def since(self, partition: int) -> int:
        """The generation or epoch since which a partition is its own. It orders the commits of different members."""
        raise AssertionError(f"{type(self).__name__} doesn't say since when it has its partitions")

    def key(self, partition: int) -> TopicIdAndPartition:
        """A partition of the workload's topic by the topic's id."""
        return self.topic_id, partition

    def is_over(self, late: Late) -> bool:
        """Whether the group has left a late commit's generation or epoch behind as a whole."""
        return late.is_fenced

    def commit_version(self) -> int:
        """A version of OffsetCommit that its protocol has."""
        return self.version(8)

    def asks_as(self) -> tuple[str, int] | None:
        """As whom it asks for offsets: its member id and epoch, or None if it doesn't say."""
        return None

    def to_coordinator(self, request: Message, version: int, timeout_ms: float = 3_000) -> RequestTo:
        """A request to the group's coordinator, to be yielded."""
        return RequestTo(self.coordinator, request, version, timeout_ms)

    def find_coordinator(self) -> Coroutine:
        """Look up the group's coordinator; whether it was found."""
        version = self.version(10)
        answer = yield RequestTo(self.anybody(), requests.find_coordinator(self.group, version), version)
        if isinstance(answer, Disconnected):
            return False
        error, node_id = requests.coordinator_of(answer)
        self.coordinator = node_id if error == 0 else -1
        return error == 0

    def find_positions(self, partitions: list[int]) -> Coroutine:
        """Ask for the committed offsets of some partitions; whether it was told."""
        workload, history = self.workload, self.workload.history
        yield from self.leader_of(partitions[0])
        asks_as = self.asks_as()
        version = self.version(9) if asks_as is None else max(9, self.version(9))
        known = {partition: history.last_commit(self.group, partition) for partition in partitions}
        request = requests.offset_fetch(self.group, workload.topic, self.topic_id, partitions, version, asks_as)
        began_us = self.now_us()
        answer = yield self.to_coordinator(request, version)
        if isinstance(answer, Disconnected):
            self.coordinator = -1
            return False
        error, offsets = requests.fetched_offsets(answer)
        errors = [code for code, _ in offsets.values() if code]
        if error or errors or len(offsets) < len(partitions):
            self.went_wrong(error or (errors[0] if errors else 15))
            return False
        for partition, (_, offset) in offsets.items():
            # A coordinator that has been replaced, and doesn't know it yet, tells what it knew, as Kafka's does.
            if not history.ownership.is_outdated(self.group, began_us):
                history.commit_found(self.group, partition, known[partition], offset)
            self.positions[partition] = max(0, offset)
            history.sought(self.label, partition, max(0, offset))
        return True

    def readable(self) -> list[int]:
        """The partitions that it may read."""
        return self.assigned

    def fetch_assigned(self) -> Coroutine:
        """Fetch once from each partition that it may read."""
        history, topic = self.workload.history, self.workload.topic
        for partition in self.readable():
            leader = yield from self.leader_of(partition)
            position = self.positions[partition]
            positions = {partition: (position, self.leaders[partition][1])}
            answer = yield self.to(leader, requests.fetch(topic, self.topic_id, positions, 10))
            if isinstance(answer, Disconnected) or answer.error_code:
                yield from self.refresh()
                continue
            part = answer.responses[0].partitions[0]
            if part.error_code == OffsetOutOfRange.code:
                self.offset_lost(self.label, partition, position)
                begin = yield from self.find_start(partition)
                if begin >= 0 and partition in self.positions:
                    self.positions[partition] = begin
                    history.sought(self.label, partition, begin)
                    self.dirty = True
                continue
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
        offsets = {partition: self.positions[partition] for partition in self.readable()}
        since = {partition: self.since(partition) for partition in offsets}
        error = yield from self.send_commit(self.member_id, self.generation, offsets, since)
        if error is None:
            self.coordinator = -1
            return False
        self.dirty = self.dirty and error != 0
        return not self.went_wrong(error)

    def send_commit(self, member_id: str, generation: int, offsets: dict[int, int], since: dict[int, int]) -> Coroutine:
        """Send a commit that may count; the error code, or None if there was no answer."""
        group, history = self.group, self.workload.history
        orders = {partition: history.next_commit(group, since[partition]) for partition in offsets}
        for partition, offset in offsets.items():
            history.commit_begun(group, partition, orders[partition], offset)
        answer = yield from self.ask_to_commit(member_id, generation, offsets)
        if isinstance(answer, Disconnected):
            for partition, offset in offsets.items():
                history.commit_uncertain(group, partition, offset)
            return None
        error = 0
        for each in answer.topics[0].partitions:
            partition = each.partition_index
            if each.error_code == 0:
                history.commit_acknowledged(group, partition, orders[partition], offsets[partition])
            else:
                error = each.error_code
                history.commit_uncertain(group, partition, offsets[partition])
        return error

    def ask_to_commit(self, member_id: str, generation: int, offsets: dict[int, int]) -> Coroutine:
        """Send an OffsetCommit; its answer, or that there was none."""
        version = self.commit_version()
        topic = self.workload.topic
        request = requests.offset_commit(
            self.group, generation, member_id, self.instance, topic, self.topic_id, offsets, version
        )
        return (yield self.to_coordinator(request, version))

    def late_commit(self, partitions: list[int], *, is_fenced: bool) -> Late:
        """A commit of what the member has now, to be sent when that is over."""
        return Late(
            self.member_id,
            self.generation,
            {partition: self.random.randint(0, self.positions[partition]) for partition in partitions},
            {partition: self.since(partition) for partition in partitions},
            is_fenced,
        )

    def commit_late(self, late: Late) -> Coroutine:
        """Send a commit as a zombie does. What happens to it is judged; the member goes on as if it hadn't been."""
        history = self.workload.history
        ownership, is_over = history.ownership, self.is_over(late)
        outdated = {
            partition: offset
            for partition, offset in late.offsets.items()
            if is_over or ownership.has_moved_on(self.group, late.member_id, late.since[partition], self.key(partition))
        }
        current = {partition: offset for partition, offset in late.offsets.items() if partition not in outdated}
        if outdated:
            answer = yield from self.ask_to_commit(late.member_id, late.generation, outdated)
            if isinstance(answer, Disconnected):
                self.coordinator = -1
                return
            taken = [each.partition_index for each in answer.topics[0].partitions if not each.error_code]
            if taken:
                history.find(
                    "a stale epoch or generation is refused",
                    f"{late.member_id} of {self.group} has committed {taken} in {late.generation}, which was over",
                )
            ownership.refusals += 1
        if current:
            yield from self.send_commit(late.member_id, late.generation, current, late.since)
