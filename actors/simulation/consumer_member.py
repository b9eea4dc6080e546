"""A member of a consumer group (KIP-848): heartbeats, gives up what the coordinator takes from it, gets what is free.

It lives as Java's consumer does. It makes its member id where the version lets it, says all of itself when it joins and
after an answer that was lost, and commits what it has read before it says that it has given a partition up. Now and
then it takes its time for that, subscribes to something else, by names or by a regular expression, leaves, or, a static
member, leaves for now and is back under another member id. What it has left behind it commits late, as a zombie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.network.link import Disconnected
from actors.runtime import Coroutine, Node
from actors.runtime.coroutine import Pause
from actors.simulation import requests
from actors.simulation.client import Workload
from actors.simulation.group_member import SESSION_MS, GroupMember, Late
from kstore.errors import (
    CoordinatorLoadInProgress,
    CoordinatorNotAvailable,
    FencedInstanceId,
    FencedMemberEpoch,
    GroupIdNotFound,
    NotCoordinator,
    StaleMemberEpoch,
    UnknownMemberId,
    UnreleasedInstanceId,
    for_code,
)

if TYPE_CHECKING:
    from kstore.log.names import TopicIdAndPartition
    from kstore.schema.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatResponse

JOINING, LEAVING, LEAVING_FOR_NOW = 0, -1, -2
HEARTBEAT, OFFSET_COMMIT = 68, 8
REGEX_SINCE, EPOCHS_SINCE = 1, 9
HEARTBEAT_MS = 400
REBALANCE_MS = 4_000
SLOW_MS_MAX = 2_000
LATE_MS_MAX = 3_000
ZOMBIES = 0.6
"""How often one commits once more what it has given up."""
ASSIGNORS = (None, None, "uniform", "range")

BEGIN_ANEW = {UnknownMemberId.code, FencedMemberEpoch.code, FencedInstanceId.code, GroupIdNotFound.code}
ELSEWHERE = {NotCoordinator.code, CoordinatorNotAvailable.code, CoordinatorLoadInProgress.code}
GO_ON = {StaleMemberEpoch.code, UnreleasedInstanceId.code}


class SimulatedConsumerMember(GroupMember):
    """A member of a consumer group. ``generation`` is its member epoch, ``assigned`` what it has of the workload's
    topic; ``owned`` has all its partitions, each with the epoch at which it was told.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        workload: Workload,
        *,
        label: str,
        group: str,
        instance: str | None,
        restless: bool,
    ) -> None:
        super().__init__(node, name, workload, label=label, group=group, instance=instance, restless=restless)
        self.generation = JOINING
        self.names: list[str] = []
        self.regex = ""
        self.owned: dict[TopicIdAndPartition, int] = {}
        self.wanted: set[TopicIdAndPartition] = set()
        """What it was told last to have."""
        self.says_all = True
        self.says_owned = True
        self.late: Late | None = None
        self.late_us = 0
        self.version_min = 0
        """Of its heartbeats: the oldest has no regular expressions, not even to take one back."""
        self.subscribe()

    def subscribe(self) -> None:
        """Subscribe to the workload's topic by its name, or to all that begin as it does."""
        workload = self.workload
        by_regex = self.random.random() < 0.4
        self.names, self.regex = ([], f"{workload.topic}.*") if by_regex else ([workload.topic], "")
        self.version_min = max(self.version_min, REGEX_SINCE if by_regex else 0)
        self.says_all = True

    def live(self) -> Coroutine:
        while True:
            yield Pause(self.random.randint(HEARTBEAT_MS // 2, HEARTBEAT_MS))
            if not any(self.topic_id):
                yield from self.leader_of(0)
            if self.coordinator < 0 and not (yield from self.find_coordinator()):
                continue
            if not (yield from self.beat()):
                continue
            if self.late is not None and self.now_us() >= self.late_us:
                late, self.late = self.late, None
                yield from self.commit_late(late)
            yield from self.take_part()

    def take_part(self) -> Coroutine:
        """What it does between two heartbeats."""
        yield from self.follow()
        missing = [partition for partition in self.assigned if partition not in self.positions]
        if missing and not (yield from self.find_positions(missing)):
            return
        yield from self.fetch_assigned()
        if self.dirty and not (yield from self.commit()):
            return
        if self.restless and not self.workload.closing:
            yield from self.be_restless()

    def be_restless(self) -> Coroutine:
        """Now and then hang, leave, or subscribe to something else."""
        drawn = self.random.random()
        if drawn < 0.02:
            yield Pause(self.random.randint(100, 2 * SESSION_MS))  # as a process does that collects its garbage
        elif drawn < 0.04:
            yield from self.leave()
        elif drawn < 0.07:
            self.subscribe()

    @property
    def is_stable(self) -> bool:
        is_told = not (self.says_all or self.says_owned)
        is_there = self.owned.keys() == self.wanted and len(self.readable()) == len(self.assigned)
        return self.generation > 0 and self.coordinator >= 0 and not self.dirty and is_told and is_there

    def went_wrong(self, code: int) -> bool:
        """Draw what follows from an error code of the group's; whether it was one."""
        if code == 0:
            return False
        if code in BEGIN_ANEW:
            if code == FencedInstanceId.code:
                self.member_id = ""
            self.abandon()
        elif code in ELSEWHERE:
            self.coordinator = -1
        elif code not in GO_ON and not for_code(code).retriable:
            error = for_code(code)
            self.workload.history.find("refused", f"{self.label} of {self.group} was told {error.name}")
        self.says_all = True
        return True

    def abandon(self) -> None:
        """Begin anew, with nothing."""
        self.give_up(list(self.owned))
        self.wanted = set()
        self.generation = JOINING
        self.says_all = True

    def give_up(self, partitions: list[TopicIdAndPartition]) -> None:
        """Own some partitions no more; what was read of them since the last commit is read again by others."""
        self.workload.history.ownership.gave_up(self.group, self.member_id, partitions)
        for each in partitions:
            del self.owned[each]
            if each[0] == self.topic_id:
                self.positions.pop(each[1], None)
        self.assigned = sorted(number for topic_id, number in self.owned if topic_id == self.topic_id)

    def since(self, partition: int) -> int:
        return self.owned[self.key(partition)]

    def commit_version(self) -> int:
        return max(EPOCHS_SINCE, self.version(OFFSET_COMMIT))

    def asks_as(self) -> tuple[str, int] | None:
        return (self.member_id, self.generation) if self.random.random() < 0.7 else None

    def readable(self) -> list[int]:
        return [partition for partition in self.assigned if partition in self.positions]

    def beat(self) -> Coroutine:
        """Send a heartbeat; whether it was answered without an error, as an assignment may be."""
        ownership = self.workload.history.ownership
        is_joining = self.generation == JOINING
        version = max(self.version(HEARTBEAT), self.version_min)
        if is_joining and version >= REGEX_SINCE and not self.member_id:
            self.member_id = f"{self.label}-{self.random.getrandbits(64):016x}"
        request = requests.consumer_heartbeat(self.group, self.member_id, self.generation, self.instance)
        if is_joining or self.says_all:
            request.rebalance_timeout_ms = REBALANCE_MS
            request.subscribed_topic_names = self.names
            request.subscribed_topic_regex = self.regex if version >= REGEX_SINCE else None
            request.server_assignor = self.random.choice(ASSIGNORS)
        if is_joining or self.says_all or self.says_owned:
            request.topic_partitions = requests.owned_partitions(self.owned)
        taken, began_us = ownership.taken_from(self.group, self.member_id), self.now_us()
        answer = yield self.to_coordinator(request, version)
        if isinstance(answer, Disconnected):
            self.coordinator = -1
            self.says_all = True
            return False
        if self.went_wrong(answer.error_code):
            return False
        self.says_all = self.says_owned = False
        self.member_id, self.generation = answer.member_id, answer.member_epoch
        ownership.answered(self.group, self.member_id, self.generation, taken, began_us)
        self.take(answer)
        return True

    def take(self, answer: ConsumerGroupHeartbeatResponse) -> None:
        """Take what the coordinator says that it has."""
        ownership, epoch = self.workload.history.ownership, self.generation
        if answer.assignment is not None:
            self.wanted = {
                (bytes(topic.topic_id), number)
                for topic in answer.assignment.topic_partitions
                for number in topic.partitions
            }
            ownership.told(self.group, self.member_id, epoch, self.wanted - self.owned.keys())
        ownership.owned(self.group, epoch, self.instance or self.member_id, self.wanted)

    def follow(self) -> Coroutine:
        """Give up what it is to have no more, then own what it is to have."""
        lost = [each for each in self.owned if each not in self.wanted]
        if lost:
            yield from self.let_go(lost)
        gained = self.wanted.difference(self.owned)
        self.workload.history.ownership.holds(self.group, self.member_id, self.generation, gained)
        self.owned |= dict.fromkeys(sorted(gained), self.generation)
        self.assigned = sorted(number for topic_id, number in self.owned if topic_id == self.topic_id)
        self.says_owned = self.says_owned or bool(lost or gained)

    def let_go(self, lost: list[TopicIdAndPartition]) -> Coroutine:
        """Give partitions up as a program does: maybe slowly, heartbeats going on, and with a last commit."""
        if self.restless and self.random.random() < 0.3:
            end_us = self.now_us() + 1_000 * self.random.randint(100, SLOW_MS_MAX)
            while self.now_us() < end_us:
                yield Pause(HEARTBEAT_MS)
                if self.coordinator < 0 or not (yield from self.beat()):
                    break
        if self.dirty and self.coordinator >= 0:
            yield from self.commit()
        lost = [each for each in lost if each in self.owned and each not in self.wanted]
        numbers = [number for topic_id, number in lost if topic_id == self.topic_id and number in self.positions]
        if numbers and self.random.random() < ZOMBIES:
            self.remember(self.late_commit(numbers, is_fenced=False))
        self.give_up(lost)

    def remember(self, late: Late) -> None:
        """Keep a commit, to be sent when others may have got the partitions."""
        self.late = late
        self.late_us = self.now_us() + 1_000 * self.random.randint(0, LATE_MS_MAX)

    def leave(self) -> Coroutine:
        """Leave, and join again later: as the same static member, under another id, or as the member that it was."""
        epoch = LEAVING if self.instance is None else LEAVING_FOR_NOW
        if self.assigned and self.readable() and self.random.random() < 0.5:
            self.remember(self.late_commit(self.readable(), is_fenced=self.instance is not None))
        member_id = self.member_id
        self.abandon()
        request = requests.consumer_heartbeat(self.group, member_id, epoch, self.instance)
        yield self.to_coordinator(request, self.version(HEARTBEAT))
        self.member_id = ""
        yield Pause(self.random.randint(10, 2_000))

    def commit_late(self, late: Late) -> Coroutine:
        """As a zombie; one that another has fenced asks for its assignment as well, and isn't told."""
        if late.member_id == self.member_id and late.generation == self.generation:
            return  # not late: while its epoch is the group's, a member may commit what it likes
        yield from super().commit_late(late)
        if late.is_fenced and self.coordinator >= 0:
            request = requests.consumer_heartbeat(self.group, late.member_id, late.generation, self.instance)
            answer = yield self.to_coordinator(request, self.version(HEARTBEAT))
            if not isinstance(answer, Disconnected) and answer.error_code == 0:
                self.workload.history.find("a fenced member is refused", f"{late.member_id} of {self.group}")
