"""The groups of the consumer protocol in a shard: heartbeats, the log, and time.

One append of a group is under way at a time: it holds the group's lock. If it is refused, only its own request fails.
Most heartbeats change nothing and are answered at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller, Handler
from actors.groups.appends import AppendResponse, GroupAppends
from actors.groups.classic.group import ClassicGroup
from actors.groups.consumer.describing import describe
from actors.groups.consumer.group import ConsumerGroup
from actors.groups.consumer.heartbeat import Heartbeats, Step
from actors.groups.consumer.member import JOINING, MemberState
from actors.groups.consumer.sessions import REVOCATION, SESSION, await_revocation, cancel_timers, start_session
from actors.groups.consumer.validation import check_heartbeat
from actors.groups.groups import Groups
from actors.groups.kind import KindRecord
from actors.groups.locks import GroupLocks
from actors.groups.notes import note
from actors.groups.records import ConsumerRecord, Record
from actors.groups.settings import ConfigsOf, GroupSettings
from actors.groups.timers import TimerKey
from actors.groups.topics import Topics
from kstore import errors
from kstore.errors import KafkaError
from kstore.named import NamedTuple
from kstore.schema.messages.consumer_group_describe import ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse
from kstore.schema.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest
from kstore.schema.messages.consumer_group_records import ConsumerGroupMetadataKey
from kstore.schema.struct import Message

MEMBER_BYTES = 2_000
"""What one more member takes, roughly, beside its topics' names."""


class Change(NamedTuple):
    """What an append is for: a step of a group."""

    group_id: str
    step: Step


class Consumer:
    """The consumer protocol as a kind of groups: its requests, its records, its timers."""

    record_type = ConsumerRecord

    def __init__(
        self,
        groups: Groups,
        appends: GroupAppends,
        locks: GroupLocks,
        settings: GroupSettings,
        topics: Topics,
        configs_of: ConfigsOf,
        new_uuid: Callable[[], str],
    ) -> None:
        self._groups = groups
        self._appends = appends
        self._locks = locks
        self._settings = settings
        self._topics = topics
        self._configs_of = configs_of
        self._heartbeats = Heartbeats(settings, topics, configs_of, new_uuid)
        self.handlers: Mapping[type[Message], Handler] = {
            ConsumerGroupHeartbeatRequest: self._heartbeat,
            ConsumerGroupDescribeRequest: self._describe,
        }

    def _own(self) -> Iterator[ConsumerGroup]:
        return (group for group in self._groups.values() if isinstance(group, ConsumerGroup))

    def _heartbeat(self, request: ConsumerGroupHeartbeatRequest, caller: Caller, event: Event) -> None:
        try:
            check_heartbeat(request, caller.version, self._settings)
            group, converted = self._group_for(request, event)
        except KafkaError as error:
            event.refuse(caller.reply, error)
            return
        self._answer(group, request, caller, event, converted)

    def _group_for(
        self, request: ConsumerGroupHeartbeatRequest, event: Event
    ) -> tuple[ConsumerGroup, ClassicGroup | None]:
        """The group of a heartbeat, a new one if need be; and the empty classic group that it takes the place of."""
        found = self._groups.get(request.group_id)
        if isinstance(found, ConsumerGroup):
            if found.is_deleting:
                raise errors.CoordinatorNotAvailable()
            return found, None
        if request.member_epoch != JOINING or (found is not None and not isinstance(found, ClassicGroup)):
            raise errors.GroupIdNotFound(f"Group {request.group_id} not found.")
        if found is not None and not found.is_vacant:
            if found.is_gone:
                raise errors.CoordinatorNotAvailable()
            raise errors.GroupIdNotFound(f"Group {request.group_id} is not a consumer group.")
        return ConsumerGroup(request.group_id), found

    def _answer(
        self,
        group: ConsumerGroup,
        request: ConsumerGroupHeartbeatRequest,
        caller: Caller,
        event: Event,
        converted: ClassicGroup | None = None,
    ) -> None:
        """Take a member's step, and answer it once it is in the log."""
        try:
            if request.member_epoch < JOINING:
                step = self._heartbeats.leave(group, request, event.now_ms)
            else:
                self._check_room(request)
                step = self._heartbeats.beat(group, request, caller, event.now_ms)
        except KafkaError as error:
            event.refuse(caller.reply, error)
            return
        if step.member is not None:
            self._start_session(group, step.member.member_id, event)
        if step.records:
            self._write(group, step, event, AppendResponse(caller.reply, step.response), converted)
            return
        group.topics_seen = step.seen or group.topics_seen
        event.respond(caller.reply, step.response)

    def _start_session(self, group: ConsumerGroup, member_id: str, event: Event) -> None:
        group.session_timeout_ms = self._configs_of(group.group_id).session_timeout_ms
        start_session(group, member_id, event)

    def _check_room(self, request: ConsumerGroupHeartbeatRequest) -> None:
        nbytes = MEMBER_BYTES + sum(100 + len(name) for name in request.subscribed_topic_names or ())
        if request.member_epoch == JOINING and not self._groups.memory_use.has_room(
            nbytes, self._settings.group_metadata_max_bytes
        ):
            raise errors.CoordinatorNotAvailable()

    def _write(
        self,
        group: ConsumerGroup,
        step: Step,
        event: Event,
        answer: AppendResponse | None = None,
        converted: ClassicGroup | None = None,
    ) -> None:
        records: list[Record] = list(step.records)
        if converted is not None:
            records = [*converted.tombstones(), *records]
        elif self._groups.get(group.group_id) is not group:
            self._groups.admit(group)
        self._locks.acquire(group.group_id)
        self._appends.begin(records, event, purpose=Change(group.group_id, step), answer=answer)

    def _describe(self, request: ConsumerGroupDescribeRequest, caller: Caller, event: Event) -> None:
        described = [
            describe(group_id, self._groups.get(group_id), self._topics, self._heartbeats)
            for group_id in request.group_ids
        ]
        event.respond(caller.reply, ConsumerGroupDescribeResponse(groups=described))

    def apply(self, record: KindRecord, event: Event) -> None:
        """Take a committed record. A group is there from the first one that isn't a tombstone."""
        assert isinstance(record, ConsumerRecord), "the shard gives each kind its own records"
        found = self._groups.get(record.group_id)
        group = found if isinstance(found, ConsumerGroup) else None
        if record.value is None and isinstance(record.key, ConsumerGroupMetadataKey):
            if group is not None:
                self._groups.forget(record.group_id)
            return
        if group is None:
            if record.value is None:
                return
            group = ConsumerGroup(record.group_id)
            self._groups.admit(group)
        group.apply(record)
        group.is_committed = True

    def stored(self, purpose: object, event: Event) -> None:
        """The records of an append have been applied."""
        if not isinstance(purpose, Change):
            return
        self._locks.release(purpose.group_id)
        group, step = self._groups[purpose.group_id], purpose.step
        assert isinstance(group, ConsumerGroup), "its records have just been applied"
        group.topics_seen = step.seen or group.topics_seen
        if step.because:
            note(event, "EpochBegun", group.group_id, group.epoch, len(group.members), step.because)
        if step.member is not None:
            await_revocation(group, step.member, event)

    def refused(self, purpose: object, error: KafkaError, event: Event) -> None:
        """The records of an append will never be in the log: the group is as it was."""
        if not isinstance(purpose, Change):
            return
        self._locks.release(purpose.group_id)
        group = self._groups.get(purpose.group_id)
        if isinstance(group, ConsumerGroup) and not group.is_committed:
            self._groups.forget(group.group_id)

    def overdue(self, purpose: object, error: KafkaError, event: Event) -> None:
        """The records of an append will be in the log too late for those who wait, if at all."""
        if isinstance(purpose, Change):
            for asked in self._locks.note_overdue(purpose.group_id):
                event.refuse(asked.caller.reply, error)

    def loaded(self, event: Event) -> None:
        """Every member has a whole session to show itself, and all its time to give up partitions."""
        for group in self._own():
            for member in group.members.values():
                self._start_session(group, member.member_id, event)
                await_revocation(group, member, event)

    def timer_fired(self, key: TimerKey, event: Event) -> None:
        """A session has ended, or a member took too long to give up partitions: it is removed."""
        group = self._groups.get(key.group_id)
        if key.kind not in (SESSION, REVOCATION) or not isinstance(group, ConsumerGroup):
            return
        member = group.members.get(key.subject)
        if member is None:
            return
        if key.kind == SESSION:
            because = f"{member.member_id} sent no heartbeat in {group.session_timeout_ms} ms"
        elif member.state is MemberState.UNREVOKED_PARTITIONS:
            because = f"{member.member_id} didn't give up its partitions in {member.rebalance_timeout_ms} ms"
        else:
            return
        cancel_timers(group.group_id, member.member_id, event)
        note(event, "MemberExpired", group.group_id, group.epoch, len(group.members), because)
        self._write(group, self._heartbeats.remove(group, member, because, event.now_ms), event)

    def unloaded(self, event: Event) -> None:
        """Nobody waits for a group itself."""
