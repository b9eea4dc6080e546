"""Drives a group machine as its actor would, on a clock that stands still until it is told to move.

The log is a list: appends are committed at once, or wait for ``commit`` or ``refuse`` while ``is_held`` is set. Replies
are names, and what was answered to each is kept in ``answers``.
"""

from collections.abc import Hashable, Iterable
from typing import Any

from actors.coordinator.effects import CancelTimer, Effect, LogEntry, Note, Persist, Refuse, Respond, SetTimer
from actors.coordinator.shard import Caller
from actors.groups.classic.group import ClassicGroup
from actors.groups.memory_use import MemoryUse
from actors.groups.settings import GroupConfigs, GroupSettings
from actors.groups.shard import GroupShard
from actors.groups.topics import FixedTopics
from kstore.errors import KafkaError
from kstore.schema.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse
from kstore.schema.messages.describe_groups import DescribedGroup, DescribeGroupsRequest, DescribeGroupsResponse
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse
from kstore.schema.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kstore.schema.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from kstore.schema.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kstore.schema.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
)
from kstore.schema.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse
from kstore.schema.struct import Message
from kstore.schema.uuids import ZERO

START_MS = 1_700_000_000_000
SESSION_MS = 10_000
REBALANCE_MS = 60_000


class Driven:
    """A shard over ``log``. The member ids that it gives come after ``ids_from``, so that of two shards over one log
    each gives others.
    """

    def __init__(
        self,
        *,
        log: list[LogEntry] | None = None,
        memory_use: MemoryUse | None = None,
        topics: FixedTopics | None = None,
        now_ms: int = START_MS,
        ids_from: int = 0,
        **settings: Any,
    ) -> None:
        self.settings = GroupSettings(**{"group_initial_rebalance_delay_ms": 0, **settings})
        self.now_ms = now_ms
        self.timers: dict[Hashable, int] = {}
        self.answers: dict[str, list[object]] = {}
        self.notes: list[Note] = []
        self.log: list[LogEntry] = list(log or [])
        self.held: list[Persist] = []
        self.is_held = False
        self._ids = ids_from
        self.topics = FixedTopics() if topics is None else topics
        self.configs: dict[str, GroupConfigs] = {}
        self.shard = GroupShard(self.settings, self._next_id, memory_use, self.topics, self._configs_of)
        for key, value in self.log:
            self.shard.replay(key, value, self.now_ms)
        self.carry_out(self.shard.loaded(self.now_ms))

    def _next_id(self) -> str:
        self._ids += 1
        return f"id{self._ids}"

    def _configs_of(self, group_id: str) -> GroupConfigs:
        return self.configs.get(group_id) or GroupConfigs(assignment_interval_ms=0)

    def carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self._carry_out_one(effect)

    def _carry_out_one(self, effect: Effect) -> None:
        match effect:
            case Respond(to, response):
                self.answers.setdefault(str(to), []).append(response)
            case Refuse(to, error):
                self.answers.setdefault(str(to), []).append(error)
            case SetTimer(key, delay_ms):
                self.timers.pop(key, None)
                self.timers[key] = self.now_ms + delay_ms
            case CancelTimer(key):
                self.timers.pop(key, None)
            case Persist():
                self.held.append(effect)
                if not self.is_held:
                    self.commit()
            case Note():
                self.notes.append(effect)

    def commit(self) -> None:
        """The oldest append that waits is committed."""
        append = self.held.pop(0)
        self.log += append.entries
        self.carry_out(self.shard.persisted(append.token, None, self.now_ms))

    def refuse(self, error: KafkaError, index: int = 0) -> None:
        append = self.held.pop(index)
        self.carry_out(self.shard.persisted(append.token, error, self.now_ms))

    def overdue(self, index: int = 0) -> None:
        """An append that waits takes too long: the oldest."""
        self.carry_out(self.shard.overdue(self.held[index].token, self.now_ms))

    def pass_ms(self, duration_ms: int) -> None:
        """Let time pass, firing what comes due on the way."""
        end_ms = self.now_ms + duration_ms
        while due := [(at_ms, key) for key, at_ms in self.timers.items() if at_ms <= end_ms]:
            at_ms, key = min(due, key=lambda each: each[0])
            self.now_ms = max(self.now_ms, at_ms)
            del self.timers[key]
            self.carry_out(self.shard.timer_fired(key, self.now_ms))
        self.now_ms = end_ms

    def answer(self, reply: str) -> Any:
        """The one answer to a reply; there must be exactly one."""
        (response,) = self.answers.pop(reply)
        return response

    def is_parked(self, reply: str) -> bool:
        return reply not in self.answers

    def ask(self, request: Message, reply: str, version: int) -> None:
        caller = Caller(reply, version, "client", "/127.0.0.1")
        self.carry_out(self.shard.submit(request, caller, self.now_ms))

    def send_join(
        self,
        reply: str,
        member_id: str = "",
        *,
        group: str = "g",
        instance: str | None = None,
        version: int = 9,
        protocols: tuple[tuple[str, bytes], ...] = (("range", b"sub"),),
        protocol_type: str = "consumer",
        session_ms: int = SESSION_MS,
        rebalance_ms: int = REBALANCE_MS,
    ) -> None:
        request = JoinGroupRequest(
            group_id=group,
            session_timeout_ms=session_ms,
            rebalance_timeout_ms=rebalance_ms,
            member_id=member_id,
            group_instance_id=instance,
            protocol_type=protocol_type,
            protocols=[JoinGroupRequestProtocol(name=name, metadata=metadata) for name, metadata in protocols],
        )
        self.ask(request, reply, version)

    def send_sync(
        self,
        reply: str,
        member_id: str,
        generation: int,
        shares: dict[str, bytes] | None = None,
        *,
        group: str = "g",
        instance: str | None = None,
        version: int = 5,
        protocol_name: str | None = "range",
    ) -> None:
        request = SyncGroupRequest(
            group_id=group,
            generation_id=generation,
            member_id=member_id,
            group_instance_id=instance,
            protocol_type="consumer" if protocol_name else None,
            protocol_name=protocol_name,
            assignments=[
                SyncGroupRequestAssignment(member_id=each, assignment=share) for each, share in (shares or {}).items()
            ],
        )
        self.ask(request, reply, version)

    def heartbeat(self, member_id: str, generation: int, *, group: str = "g", instance: str | None = None) -> int:
        request = HeartbeatRequest(
            group_id=group, generation_id=generation, member_id=member_id, group_instance_id=instance
        )
        self.ask(request, "heartbeat", 4)
        response = self.answer("heartbeat")
        return int(response.code if isinstance(response, KafkaError) else response.error_code)

    def send_leave(self, reply: str, *members: tuple[str, str | None], group: str = "g") -> None:
        request = LeaveGroupRequest(
            group_id=group,
            members=[MemberIdentity(member_id=each, group_instance_id=instance) for each, instance in members],
        )
        self.ask(request, reply, 5)

    def send_commit(
        self,
        reply: str,
        offsets: dict[tuple[str, int], int],
        member_id: str = "",
        generation: int = -1,
        *,
        group: str = "g",
        version: int = 9,
        metadata: str | None = "",
        retention_ms: int = -1,
        instance: str | None = None,
        topic_id: bytes = ZERO,
        repeats: int = 1,
    ) -> None:
        topics: dict[str, list[OffsetCommitRequestPartition]] = {}
        for (topic, partition), offset in offsets.items():
            topics.setdefault(topic, []).extend(
                OffsetCommitRequestPartition(
                    partition_index=partition, committed_offset=offset + more, committed_metadata=metadata
                )
                for more in range(repeats)
            )
        request = OffsetCommitRequest(
            group_id=group,
            generation_id_or_member_epoch=generation,
            member_id=member_id,
            group_instance_id=instance,
            retention_time_ms=retention_ms,
            topics=[
                OffsetCommitRequestTopic(name=topic, topic_id=topic_id, partitions=partitions)
                for topic, partitions in topics.items()
            ],
        )
        self.ask(request, reply, version)

    def commit_code(self, reply: str) -> int:
        """The one error code that all partitions of a commit were answered with."""
        response = self.answer(reply)
        if isinstance(response, KafkaError):
            return response.code
        (code,) = {each.error_code for topic in response.topics for each in topic.partitions}
        return code

    def fetch(
        self,
        topic: str | None = None,
        partitions: tuple[int, ...] = (0,),
        *,
        group: str = "g",
        reply: str = "fetch",
        require_stable: bool = False,
        topic_id: bytes = ZERO,
    ) -> dict[tuple[str, int], int] | None:
        """Committed offsets by topic and partition; None when the answer has to wait."""
        topics = None
        if topic is not None:
            topics = [OffsetFetchRequestTopics(name=topic, topic_id=topic_id, partition_indexes=list(partitions))]
        request = OffsetFetchRequestGroup(group_id=group, topics=topics)
        self.ask(OffsetFetchRequest(groups=[request], require_stable=require_stable), reply, 9)
        if self.is_parked(reply):
            return None
        response = self.answer(reply)
        assert isinstance(response, OffsetFetchResponse)
        return fetched(response.groups[0])

    def delete(self, *groups: str) -> dict[str, int]:
        self.send_delete("delete", *groups)
        response = self.answer("delete")
        assert isinstance(response, DeleteGroupsResponse)
        return {each.group_id: each.error_code for each in response.results}

    def send_delete(self, reply: str, *groups: str) -> None:
        self.ask(DeleteGroupsRequest(groups_names=list(groups)), reply, 2)

    def describe(self, group: str = "g", version: int = 5) -> DescribedGroup:
        self.ask(DescribeGroupsRequest(groups=[group]), "describe", version)
        response = self.answer("describe")
        assert isinstance(response, DescribeGroupsResponse)
        return response.groups[0]

    def listed(self, states: Iterable[str] = (), types: Iterable[str] = ()) -> list[str]:
        """The names of groups in these states and of these types."""
        self.ask(ListGroupsRequest(states_filter=list(states), types_filter=list(types)), "list", 5)
        response = self.answer("list")
        assert isinstance(response, ListGroupsResponse)
        return [each.group_id for each in response.groups]

    def topics_deleted(self, *topics: str) -> None:
        self.carry_out(self.shard.topics_deleted(topics, self.now_ms))

    def member(self, *, group: str = "g", **join: Any) -> str:
        """Get an id as a dynamic member does; the join with it is still to come."""
        self.send_join("id", group=group, **join)
        response = self.answer("id")
        assert isinstance(response, JoinGroupResponse)
        return response.member_id

    def stable_group(self, count: int = 1, *, group: str = "g") -> list[str]:
        """A group of so many dynamic members, the first of them its leader, each with its share in hand."""
        members = [self.member(group=group) for _ in range(count)]
        for member_id in members:
            self.send_join(f"join {member_id}", member_id, group=group)
        self.pass_ms(0)
        (generation,) = {self.joined(f"join {member_id}").generation_id for member_id in members}
        for member_id in reversed(members):
            shares = {each: f"share of {each}".encode() for each in members} if member_id == members[0] else None
            self.send_sync(f"sync {member_id}", member_id, generation, shares, group=group)
        for member_id in members:
            assert self.synced(f"sync {member_id}").assignment == f"share of {member_id}".encode()
        return members

    def joined(self, reply: str) -> JoinGroupResponse:
        response = self.answer(reply)
        assert isinstance(response, JoinGroupResponse)
        return response

    def synced(self, reply: str) -> SyncGroupResponse:
        response = self.answer(reply)
        assert isinstance(response, SyncGroupResponse)
        return response

    def group(self, group: str = "g") -> ClassicGroup | None:
        found = self.shard.groups.get(group)
        assert found is None or isinstance(found, ClassicGroup)
        return found

    def state(self, group: str = "g") -> str:
        return self.describe(group).group_state

    def kinds(self) -> list[str]:
        return [note.kind for note in self.notes]


def fetched(response: object) -> dict[tuple[str, int], int]:
    return {
        (topic.name, each.partition_index): each.committed_offset
        for topic in response.topics  # type: ignore[attr-defined]
        for each in topic.partitions
    }
