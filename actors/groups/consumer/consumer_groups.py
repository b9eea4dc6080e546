"""The groups of the consumer protocol in a shard: heartbeats, the log, and time.

One append of a group is under way at a time: it holds the group's lock. If it is refused, only its own request fails.
Most heartbeats change nothing and are answered at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller, Handler
from actors.groups.appends import AppendResponse, GroupAppends
from actors.groups.consumer.describing import describe
from actors.groups.consumer.downgrade import Downgrade, DowngradeWithout
from actors.groups.consumer.group import STABLE, ConsumerGroup, expression_bytes
from actors.groups.consumer.heartbeat import Heartbeats, Step, leaving
from actors.groups.consumer.member import JOINING, LEAVING_FOR_NOW, ConsumerMember
from actors.groups.consumer.notes import GroupRow, rows_of
from actors.groups.consumer.sessions import (
    KINDS,
    await_revocation,
    await_sync,
    cancel_timers,
    start_session,
    why_expired,
)
from actors.groups.consumer.validation import check_heartbeat
from actors.groups.groups import Groups
from actors.groups.kind import KindRecord
from actors.groups.long_work import LongWork
from actors.groups.notes import note
from actors.groups.records import ConsumerGroupRecord, Record
from actors.groups.settings import ConfigsOf, GroupSettings
from actors.groups.timers import TimerKey
from actors.groups.topics import Topics
from kstore import errors
from kstore.errors import KafkaError
from kstore.named import NamedTuple
from kstore.schema.messages.consumer_group_describe import ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse
from kstore.schema.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
)
from kstore.schema.messages.consumer_group_records import (
    ConsumerGroupMetadataKey,
    ConsumerGroupRegularExpressionValue,
)
from kstore.schema.struct import Message

MEMBER_BYTES = 2_000
"""What one more member takes, roughly, beside its topics' names."""


class Change(NamedTuple):
    """What an append is for: a step of a group, which was in an ``epoch``; and what the trace is told of it.
    ``is_upgrade``: it was a classic group with members before.
    """

    group_id: str
    step: Step
    epoch: int
    rows: list[GroupRow]
    is_upgrade: bool = False


class ConsumerGroups:
    """The consumer protocol as a kind of groups: its requests, its records, its timers."""

    record_type = ConsumerGroupRecord

    def __init__(
        self,
        groups: Groups,
        appends: GroupAppends,
        settings: GroupSettings,
        topics: Topics,
        configs_of: ConfigsOf,
        new_uuid: Callable[[], str],
        downgrade_without: DowngradeWithout,
        work: LongWork,
    ) -> None:
        self._groups = groups
        self._appends = appends
        self._settings = settings
        self._topics = topics
        self._configs_of = configs_of
        self._downgrade_without = downgrade_without
        self._work = work
        self.heartbeats = Heartbeats(settings, topics, configs_of, new_uuid)
        self.handlers: Mapping[type[Message], Handler] = {
            ConsumerGroupHeartbeatRequest: self.heartbeat,
            ConsumerGroupDescribeRequest: self._describe,
        }

    def _own(self) -> Iterator[ConsumerGroup]:
        return (group for group in self._groups.values() if isinstance(group, ConsumerGroup))

    def heartbeat(self, request: ConsumerGroupHeartbeatRequest, caller: Caller, event: Event) -> None:
        """Take the heartbeat of a member, of a group of this kind or one that isn't there."""
        try:
            check_heartbeat(request, caller.version, self._settings)
            group = self._group_for(request)
            if request.member_epoch < JOINING:
                self._leave(group, request, caller, event)
            else:
                self.beat(group, request, caller, event)
        except KafkaError as error:
            event.refuse(caller.reply, error)

    def _group_for(self, request: ConsumerGroupHeartbeatRequest) -> ConsumerGroup:
        """The group of a heartbeat, a new one if need be."""
        found = self._groups.get(request.group_id)
        if isinstance(found, ConsumerGroup):
            if found.is_deleting:
                raise errors.CoordinatorNotAvailable()
            return found
        if found is not None or request.member_epoch != JOINING:
            kind = "Consumer group" if found is None and request.member_epoch > JOINING else "Group"
            words = "not found" if found is None else "is not a consumer group"
            raise errors.GroupIdNotFound(f"{kind} {request.group_id} {words}.")
        return ConsumerGroup(request.group_id)

    def beat(
        self,
        group: ConsumerGroup,
        request: ConsumerGroupHeartbeatRequest,
        caller: Caller,
        event: Event,
        before: Sequence[Record] | None = None,
    ) -> None:
        """Take a member's step, and answer it once it is in the log. ``before``: the records that have made the group
        what it is, of another kind until now; they are written with the step.
        """
        self._check_room(group, request)
        step = self.heartbeats.beat(group, request, caller, event.now_ms)
        if isinstance(step, Step):
            self._step(group, request, caller, step, before, event)
            return
        self._work.begin(
            group.group_id,
            step,
            lambda step, event: self._step(group, request, caller, step, before, event),
            lambda error, event: event.refuse(caller.reply, error),
            event,
        )

    def _step(
        self,
        group: ConsumerGroup,
        request: ConsumerGroupHeartbeatRequest,
        caller: Caller,
        step: Step,
        before: Sequence[Record] | None,
        event: Event,
    ) -> None:
        self._check_room_for_matches(group, request.subscribed_topic_regex, step.records)
        if step.member is not None:
            self._start_session(group, step.member, event)
        if step.records:
            self.write(group, step, event, AppendResponse(caller.reply, step.response), before)
            return
        group.seen = step.seen or group.seen
        event.respond(caller.reply, step.response)

    def _leave(
        self, group: ConsumerGroup, request: ConsumerGroupHeartbeatRequest, caller: Caller, event: Event
    ) -> None:
        """Take a member out; a static one may leave for now, and keep its partitions."""
        member = leaving(group, request)
        response = ConsumerGroupHeartbeatResponse(member_id=member.member_id, member_epoch=request.member_epoch)
        answer = AppendResponse(caller.reply, response)
        if request.member_epoch == LEAVING_FOR_NOW:
            self._start_session(group, member, event)
            self.write(group, self.heartbeats.leave_for_now(group, member), event, answer)
        else:
            self.remove(group, [member], f"{member.member_id} left", event, answer)

    def _start_session(self, group: ConsumerGroup, member: ConsumerMember, event: Event) -> None:
        group.session_timeout_ms = self._configs_of(group.group_id).session_timeout_ms
        start_session(group, member, event)

    def _check_room(self, group: ConsumerGroup, request: ConsumerGroupHeartbeatRequest) -> None:
        """Refuse what a member brings without room for it: all of a new one, else what its subscription grows by."""
        names, regex = request.subscribed_topic_names, request.subscribed_topic_regex
        if names is None and regex is None and request.member_epoch != JOINING:
            return
        nbytes = _subscription_bytes(names or (), regex or "")
        if request.member_epoch == JOINING:
            nbytes += MEMBER_BYTES
        elif member := group.members.get(request.member_id):
            nbytes -= _subscription_bytes(member.topics, member.regex)
        self._check_bytes(nbytes)

    def _check_room_for_matches(self, group: ConsumerGroup, regex: str | None, records: Sequence[Record]) -> None:
        """Refuse a regular expression that is new to the group without room for the topics that it matches."""
        if not regex or regex in group.regexes:
            return
        for record in records:
            if isinstance(record, ConsumerGroupRecord) and isinstance(
                record.value, ConsumerGroupRegularExpressionValue
            ):
                self._check_bytes(expression_bytes("", record.value.topics))

    def _check_bytes(self, nbytes: int) -> None:
        if nbytes > 0 and not self._groups.memory_use.has_room(nbytes, self._settings.group_metadata_max_bytes):
            raise errors.CoordinatorNotAvailable()

    def write(
        self,
        group: ConsumerGroup,
        step: Step,
        event: Event,
        answer: AppendResponse | None = None,
        before: Sequence[Record] | None = None,
    ) -> None:
        """Have a group's step written, and its request answered then."""
        if before is None and self._groups.get(group.group_id) is None:
            self._groups.admit(group)
        rows = rows_of(group, step.records, self._topics)
        is_upgrade = before is not None and bool(group.members)
        purpose = Change(group.group_id, step, group.epoch, rows, is_upgrade=is_upgrade)
        records = [*(before or ()), *step.records]
        self._appends.begin(records, event, purpose=purpose, answer=answer, locked=group.group_id)

    def refresh(self, group: ConsumerGroup, member: ConsumerMember, event: Event) -> None:
        """Do what has come due in a group, one of whose members shows that it lives and changes nothing."""
        work = self.heartbeats.refresh(group, member, event.now_ms)
        self._work.begin(group.group_id, work, lambda step, event: self._refreshed(group, step, event), _unasked, event)

    def _refreshed(self, group: ConsumerGroup, step: Step, event: Event) -> None:
        if step.records:
            self.write(group, step, event)
        else:
            group.seen = step.seen or group.seen

    def remove(
        self,
        group: ConsumerGroup,
        gone: Sequence[ConsumerMember],
        because: str,
        event: Event,
        answer: AppendResponse | None = None,
    ) -> None:
        """Have members removed. If only those of the classic protocol are left, the group may become a classic one."""
        downgrade = self._downgrade_without(group, gone, because, event.now_ms)
        if downgrade is None:
            self.write(group, self.heartbeats.remove(group, gone, because, event.now_ms), event, answer)
        else:
            self.write_downgrade(downgrade, event, answer)

    def write_downgrade(self, downgrade: Downgrade, event: Event, answer: AppendResponse | None = None) -> None:
        """Have a group's downgrade written, and its request answered then."""
        self._appends.begin(downgrade.records, event, purpose=downgrade, answer=answer, locked=downgrade.group_id)

    def _describe(self, request: ConsumerGroupDescribeRequest, caller: Caller, event: Event) -> None:
        described = [
            describe(group_id, self._groups.get(group_id), self._topics, self.heartbeats)
            for group_id in request.group_ids
        ]
        event.respond(caller.reply, ConsumerGroupDescribeResponse(groups=described))

    def apply(self, record: KindRecord, event: Event) -> None:
        """Take a committed record. A group is there from the first one that isn't a tombstone."""
        assert isinstance(record, ConsumerGroupRecord), "the shard gives each kind its own records"
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
            group.session_timeout_ms = self._configs_of(record.group_id).session_timeout_ms
            self._groups.admit(group)
        group.apply(record)
        group.is_committed = True

    def stored(self, purpose: object, event: Event) -> None:
        """The records of an append have been applied."""
        if not isinstance(purpose, Change):
            return
        group, step = self._groups[purpose.group_id], purpose.step
        assert isinstance(group, ConsumerGroup), "its records have just been applied"
        if purpose.is_upgrade:
            note(event, "GroupUpgraded", group.group_id, group.epoch, len(group.members), step.because)
            for member in group.members.values():
                self._start_session(group, member, event)
        self._note(group, purpose, event)
        self.settled(group, step, event)

    def settled(self, group: ConsumerGroup, step: Step, event: Event) -> None:
        """A step is in the log, or changes nothing there."""
        group.seen = step.seen or group.seen
        if step.member is not None:
            await_revocation(group, step.member, event)
            if step.member.classic is not None:
                self._start_session(group, step.member, event)
                await_sync(group, step.member, event)
        for member in step.gone:
            cancel_timers(group.group_id, member.member_id, event)

    def _note(self, group: ConsumerGroup, change: Change, event: Event) -> None:
        """Say in the trace what an append has changed, and why."""
        member, because = change.step.member, change.step.because
        if because:
            kind = "EpochBegun" if group.epoch != change.epoch else "MemberLeft"
            note(event, kind, group.group_id, group.epoch, len(group.members), because)
        for row in change.rows:
            note(event, row.kind, group.group_id, row.epoch, row.partitions, row.words)
        if not group.members:
            note(event, "GroupEmptied", group.group_id, group.epoch, 0, because)
        elif member is not None and member.is_reconciled_to(group.assignment_epoch) and group.shown_state == STABLE:
            words = "all have what they are to have"
            note(event, "GroupStable", group.group_id, group.epoch, len(group.members), words)

    def refused(self, purpose: object, error: KafkaError, event: Event) -> None:
        """The records of an append will never be in the log: the group is as it was."""
        if not isinstance(purpose, (Change, Downgrade)):
            return
        group = self._groups.get(purpose.group_id)
        if not isinstance(group, ConsumerGroup):
            return
        if not group.is_committed:
            self._groups.forget(group.group_id)
        gone = purpose.gone if isinstance(purpose, Downgrade) else purpose.step.gone
        for member in gone:
            self._start_session(group, member, event)

    def overdue(self, purpose: object, error: KafkaError, event: Event) -> None:
        """Nothing is to be done before the outcome is known: nobody but clients waits for it."""

    def loaded(self, event: Event) -> None:
        """Every member has a whole session to show itself, and all its time to give up partitions."""
        for group in self._own():
            for member in group.members.values():
                self._start_session(group, member, event)
                await_revocation(group, member, event)

    def timer_fired(self, key: TimerKey, event: Event) -> None:
        """A session has ended, or a member took too long for what it has to do: it is removed."""
        group = self._groups.get(key.group_id)
        if key.kind not in KINDS or not isinstance(group, ConsumerGroup):
            return
        member = group.members.get(key.subject)
        because = None if member is None else why_expired(group, member, key.kind)
        if member is not None and because is not None:
            note(event, "MemberExpired", group.group_id, group.epoch, len(group.members), because)
            self.remove(group, [member], because, event)

    def unloaded(self, event: Event) -> None:
        """Nobody waits for a group itself."""


def _unasked(error: KafkaError, event: Event) -> None:
    """Nobody waits for it."""


def _subscription_bytes(names: Sequence[str], regex: str) -> int:
    return sum(100 + len(name) for name in names) + len(regex)
