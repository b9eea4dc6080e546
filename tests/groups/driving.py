"""Drives a group machine as its actor would, on a clock that stands still until it is told to move.

The log is a list: appends are committed at once, or wait for ``commit`` or ``refuse`` while ``is_held`` is set. Replies
are names, and what was answered to each is kept in ``answers``.
"""

from collections.abc import Callable

from actors.groups.effects import (
    CancelTimer,
    Effect,
    LogEntry,
    Note,
    NoteCommitted,
    Persist,
    Respond,
    SetTimer,
    TimerKey,
)
from actors.groups.group import Tally
from actors.groups.joining import Caller
from actors.groups.machine import GroupMachine
from actors.groups.settings import GroupSettings
from kstore.errors import KafkaError
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse
from kstore.schema.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kstore.schema.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kstore.schema.messages.offset_fetch import OffsetFetchRequestGroup, OffsetFetchRequestTopics
from kstore.schema.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse
from kstore.schema.uuids import ZERO

START_MS = 1_700_000_000_000
SESSION_MS = 10_000
REBALANCE_MS = 60_000


class Driven:
    def __init__(self, *, log: list[LogEntry] | None = None, tally: Tally | None = None, **settings: int) -> None:
        self.settings = GroupSettings(**{"group_initial_rebalance_delay_ms": 0, **settings})
        self.now_ms = START_MS
        self.timers: dict[TimerKey, int] = {}
        self.answers: dict[str, list[object]] = {}
        self.notes: list[Note] = []
        self.notes_committed: list[NoteCommitted] = []
        self.log: list[LogEntry] = []
        self.held: list[Persist] = []
        self.is_held = False
        self._ids = 0
        self.machine = GroupMachine(self.settings, self._next_id, tally)
        for key, value in log or []:
            self.machine.replay(key, value, self.now_ms)
        self.machine.loaded(self.now_ms)
        self.carry_out()

    def _next_id(self) -> str:
        self._ids += 1
        return f"id{self._ids}"

    # The world

    def carry_out(self) -> None:
        while effects := self.machine.take():
            for effect in effects:
                self._carry_out_one(effect)

    def _carry_out_one(self, effect: Effect) -> None:
        match effect:
            case Respond(to, response):
                self.answers.setdefault(str(to), []).append(response)
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
            case NoteCommitted():
                self.notes_committed.append(effect)

    def commit(self) -> None:
        """The oldest append that waits is committed."""
        append = self.held.pop(0)
        self.log += append.entries
        self.machine.persisted(append.token, None, self.now_ms)
        self.carry_out()

    def refuse(self, error: KafkaError) -> None:
        append = self.held.pop(0)
        self.machine.persisted(append.token, error, self.now_ms)
        self.carry_out()

    def pass_ms(self, duration_ms: int) -> None:
        """Let time pass, firing what comes due on the way."""
        end_ms = self.now_ms + duration_ms
        while due := [(at_ms, key) for key, at_ms in self.timers.items() if at_ms <= end_ms]:
            at_ms, key = min(due, key=lambda each: each[0])
            self.now_ms = max(self.now_ms, at_ms)
            del self.timers[key]
            self.machine.timer_fired(key, self.now_ms)
            self.carry_out()
        self.now_ms = end_ms

    def answer(self, reply: str) -> object:
        """The one answer to a reply; there must be exactly one."""
        (response,) = self.answers.pop(reply)
        return response

    def is_parked(self, reply: str) -> bool:
        return reply not in self.answers

    # Clients

    def _ask(self, event: Callable[..., None], request: object, reply: str, version: int, client_id: str) -> None:
        event(request, Caller(reply, version, client_id, "/127.0.0.1"), self.now_ms)
        self.carry_out()

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
        self._ask(self.machine.join, request, reply, version, "client")

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
        self._ask(self.machine.sync, request, reply, version, "client")

    def heartbeat(self, member_id: str, generation: int, *, group: str = "g", instance: str | None = None) -> int:
        request = HeartbeatRequest(
            group_id=group, generation_id=generation, member_id=member_id, group_instance_id=instance
        )
        self._ask(self.machine.heartbeat, request, "heartbeat", 4, "client")
        response = self.answer("heartbeat")
        return response.error_code  # type: ignore[attr-defined, no-any-return]

    def send_leave(self, reply: str, *members: tuple[str, str | None], group: str = "g") -> None:
        request = LeaveGroupRequest(
            group_id=group,
            members=[MemberIdentity(member_id=each, group_instance_id=instance) for each, instance in members],
        )
        self._ask(self.machine.leave, request, reply, 5, "client")

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
    ) -> None:
        topics: dict[str, list[OffsetCommitRequestPartition]] = {}
        for (topic, partition), offset in offsets.items():
            topics.setdefault(topic, []).append(
                OffsetCommitRequestPartition(
                    partition_index=partition, committed_offset=offset, committed_metadata=metadata
                )
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
        self._ask(self.machine.commit, request, reply, version, "client")

    def commit_code(self, reply: str) -> int:
        """The one error code that all partitions of a commit were answered with."""
        response = self.answer(reply)
        (code,) = {each.error_code for topic in response.topics for each in topic.partitions}  # type: ignore[attr-defined]
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
        self.machine.fetch(request, Caller(reply, 9), require_stable=require_stable)
        self.carry_out()
        if self.is_parked(reply):
            return None
        return fetched(self.answer(reply))

    def delete(self, *groups: str) -> dict[str, int]:
        self.machine.delete(list(groups), Caller("delete", 2), self.now_ms)
        self.carry_out()
        results = self.answer("delete")
        return {each.group_id: each.error_code for each in results}  # type: ignore[attr-defined]

    # Whole stories

    def member(self, *, group: str = "g", **join: object) -> str:
        """Get an id as a dynamic member does; the join with it is still to come."""
        self.send_join("id", group=group, **join)  # type: ignore[arg-type]
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

    def state(self, group: str = "g") -> str:
        return self.machine.describe(group, 5).group_state

    def kinds(self) -> list[str]:
        return [note.kind for note in self.notes]


def fetched(response: object) -> dict[tuple[str, int], int]:
    return {
        (topic.name, each.partition_index): each.committed_offset
        for topic in response.topics  # type: ignore[attr-defined]
        for each in topic.partitions
    }
