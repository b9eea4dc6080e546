"""The way between the two protocols: groups that become groups of the other one, and members of the classic protocol in
consumer groups.

* A **classic group** becomes a consumer group when a member of the consumer protocol joins it. With members in it, it
  does so if the policy allows it and their bytes are those of consumers.
* A **consumer group** becomes a classic group when only members of the classic protocol are left, if the policy allows
  it; without members, when one of the classic protocol joins it.

Each is one append: the records that end the one group, then those that make the other. Nothing changes before that is
committed; what concerns the group waits for its lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller, Handler
from actors.groups.appends import GroupAppends
from actors.groups.classic.classic_groups import ClassicGroups
from actors.groups.classic.group import ClassicGroup
from actors.groups.classic.rebalance import join_refused
from actors.groups.classic.record import record_of_new
from actors.groups.classic.states import GroupState
from actors.groups.consumer.consumer_groups import ConsumerGroups
from actors.groups.consumer.downgrade import Downgrade
from actors.groups.consumer.group import ConsumerGroup
from actors.groups.consumer.member import JOINING
from actors.groups.consumer.sessions import cancel_timers
from actors.groups.consumer.validation import check_heartbeat
from actors.groups.groups import Groups
from actors.groups.locks import Asked, GroupLocks
from actors.groups.long_work import LongWork
from actors.groups.migration.classic_joining import ClassicJoining
from actors.groups.migration.classic_members import ClassicMembers
from actors.groups.migration.downgrading import Downgrading
from actors.groups.migration.upgrading import check_upgrade, upgraded
from actors.groups.records import ConsumerGroupRecord, GroupRecord
from actors.groups.settings import GroupSettings
from actors.groups.timers import TimerKey
from actors.groups.topics import Topics
from kstore import errors
from kstore.errors import NONE, KafkaError
from kstore.named import NamedTuple
from kstore.schema.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest
from kstore.schema.messages.consumer_group_records import ConsumerGroupMetadataKey
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.join_group import JoinGroupRequest
from kstore.schema.messages.leave_group import LeaveGroupRequest
from kstore.schema.messages.sync_group import SyncGroupRequest
from kstore.schema.struct import Message


class Founder(NamedTuple):
    """A JoinGroup that waits until its group has become a classic one."""

    request: JoinGroupRequest
    caller: Caller


class Refounding(NamedTuple):
    """What an append is for: a consumer group without members becomes a classic one, for a JoinGroup."""

    group_id: str


class Migration:
    """Takes the requests that may be for a group of either kind, and carries groups over."""

    def __init__(
        self,
        classic: ClassicGroups,
        consumer: ConsumerGroups,
        groups: Groups,
        appends: GroupAppends,
        locks: GroupLocks,
        settings: GroupSettings,
        topics: Topics,
        downgrading: Downgrading,
        work: LongWork,
        new_uuid: Callable[[], str],
    ) -> None:
        self._classic = classic
        self._consumer = consumer
        self._groups = groups
        self._appends = appends
        self._locks = locks
        self._settings = settings
        self._topics = topics
        joining = ClassicJoining(consumer.heartbeats, downgrading, settings, topics, new_uuid)
        self._members = ClassicMembers(consumer, joining, topics, work)
        self._founders: dict[str, Founder] = {}  # by group that becomes a classic one
        self._is_loaded = False
        self._ended: set[str] = set()  # consumer groups, whose last record so far is their end
        self._just_downgraded: dict[str, None] = {}  # classic groups, whose last record so far is their first one
        self.handlers: Mapping[type[Message], Handler] = {
            ConsumerGroupHeartbeatRequest: self._heartbeat_of_consumer,
            JoinGroupRequest: self._join,
            SyncGroupRequest: self._of_classic_member,
            HeartbeatRequest: self._of_classic_member,
            LeaveGroupRequest: self._of_classic_member,
        }

    def _of_classic_member(
        self, request: SyncGroupRequest | HeartbeatRequest | LeaveGroupRequest, caller: Caller, event: Event
    ) -> None:
        group = self._groups.get(request.group_id)
        if not isinstance(group, ConsumerGroup):
            self._classic.handlers[type(request)](request, caller, event)
            return
        try:
            _check_there(group)
            match request:
                case SyncGroupRequest():
                    self._members.sync(group, request, caller, event)
                case HeartbeatRequest():
                    self._members.heartbeat(group, request, caller, event)
                case LeaveGroupRequest():
                    self._members.leave(group, request, caller, event)
        except KafkaError as error:
            event.refuse(caller.reply, error)

    def _join(self, request: JoinGroupRequest, caller: Caller, event: Event) -> None:
        group = self._groups.get(request.group_id)
        if not isinstance(group, ConsumerGroup):
            self._classic.join(request, caller, event)
            return
        code = self._classic.why_not_join(request, None)
        if code == NONE and not group.members and request.member_id:
            code = errors.UnknownMemberId.code
        if code != NONE:
            event.respond(caller.reply, join_refused(request.member_id, code))
            return
        try:
            _check_there(group)
            if group.members:
                self._members.join(group, request, caller, event)
            else:
                self._refound(group, Founder(request, caller), event)
        except KafkaError as error:
            event.respond(caller.reply, join_refused("", error.code))

    def _refound(self, group: ConsumerGroup, founder: Founder, event: Event) -> None:
        """Make a consumer group without members a classic one, and take the JoinGroup then."""
        self._founders[group.group_id] = founder
        records = [*group.tombstones(), record_of_new(ClassicGroup(group.group_id, now_ms=event.now_ms))]
        purpose = Refounding(group.group_id)
        self._appends.begin(records, event, purpose=purpose, locked=group.group_id)

    def _heartbeat_of_consumer(self, request: ConsumerGroupHeartbeatRequest, caller: Caller, event: Event) -> None:
        group = self._groups.get(request.group_id)
        if isinstance(group, ConsumerGroup) or request.member_epoch != JOINING:
            self._consumer.heartbeat(request, caller, event)
            return
        try:
            check_heartbeat(request, caller.version, self._settings)
            # One that couldn't be written in time is forgotten, but its record may still come.
            under_way = self._appends.of_classic_group(request.group_id)
            is_gone = isinstance(group, ClassicGroup) and group.is_gone
            if is_gone or any(append.is_overdue for append in under_way):
                raise errors.CoordinatorNotAvailable()
            if under_way:
                self._locks.wait(request.group_id, Asked(request, caller))
            elif isinstance(group, ClassicGroup):
                self._upgrade(group, request, caller, event)
            else:
                self._consumer.heartbeat(request, caller, event)
        except KafkaError as error:
            event.refuse(caller.reply, error)

    def _upgrade(
        self, classic: ClassicGroup, request: ConsumerGroupHeartbeatRequest, caller: Caller, event: Event
    ) -> None:
        """Take the join of a member of the consumer protocol in the consumer group that the classic one becomes."""
        made: list[ConsumerGroupRecord] = []
        group = ConsumerGroup(classic.group_id)
        if classic.state is not GroupState.EMPTY:
            check_upgrade(classic, self._settings)
            made = upgraded(classic, self._topics, event.now_ms)
        for record in made:
            group.apply(record)
        self._consumer.beat(group, request, caller, event, before=[*classic.tombstones(), *made])

    def stored(self, purpose: object, event: Event) -> None:
        """The records of an append have been applied."""
        match purpose:
            case Downgrade(group_id, _, members, because, is_rebalancing, gone):
                for member_id in (*[each for each, _ in members], *[member.member_id for member in gone]):
                    cancel_timers(group_id, member_id, event)
                spoken = {member_id: client.protocols for member_id, client in members}
                group = self._classic.downgraded(group_id, spoken, because, event)
                if is_rebalancing:
                    self._classic.rebalance(group, because, event)
            case Refounding(group_id):
                founder = self._founders.pop(group_id, None)
                if founder is not None:
                    self._join(founder.request, founder.caller, event)

    def refused(self, purpose: object, error: KafkaError, event: Event) -> None:
        """The records of an append will never be in the log: the group is as it was."""
        self.overdue(purpose, error, event)

    def overdue(self, purpose: object, error: KafkaError, event: Event) -> None:
        """The records of an append will be in the log too late for those who wait, if at all."""
        founder = self._founders.pop(purpose.group_id, None) if isinstance(purpose, Refounding) else None
        if founder is not None:
            event.refuse(founder.caller.reply, error)

    def note(self, record: GroupRecord | ConsumerGroupRecord) -> None:
        """Look at a record while the log is read, for downgrades."""
        if self._is_loaded:
            return
        if isinstance(record, GroupRecord):
            self._just_downgraded.pop(record.group_id, None)
            if record.group_id in self._ended and record.value is not None and record.value.members:
                self._just_downgraded[record.group_id] = None
            self._ended.discard(record.group_id)
        elif record.value is None and isinstance(record.key, ConsumerGroupMetadataKey):
            self._ended.add(record.group_id)

    def loaded(self, event: Event) -> None:
        """Have members of groups join again that were downgraded when the coordinator moved: what members had that left
        with the downgrade is nobody's before that, and no record says so.
        """
        self._is_loaded = True
        for group_id in self._just_downgraded:
            group = self._groups.get(group_id)
            if isinstance(group, ClassicGroup) and group.state is GroupState.STABLE:
                self._classic.rebalance(group, "the coordinator moved right after the group's downgrade", event)
        self._ended.clear()
        self._just_downgraded.clear()

    def timer_fired(self, key: TimerKey, event: Event) -> None:
        """Each kind has its own timers."""

    def unloaded(self, event: Event) -> None:
        """Those who wait for a group to become a classic one are told to look for the new coordinator."""
        for founder in self._founders.values():
            event.refuse(founder.caller.reply, errors.NotCoordinator())
        self._founders.clear()


def _check_there(group: ConsumerGroup) -> None:
    """Raise CoordinatorNotAvailable for a group that is being deleted."""
    if group.is_deleting:
        raise errors.CoordinatorNotAvailable()
