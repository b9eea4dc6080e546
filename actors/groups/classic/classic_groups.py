"""The groups of the classic protocol in a shard: what their members ask, what time and the log do to them.

Membership changes at once, and is written where a broker that takes over must know it: a group that is new, an
assignment, a static member's new client, and a group that is empty, as in Apache Kafka. What a record says is taken
from it when it is committed: members get their assignments from the record of the assignment.
"""

from collections.abc import Callable, Iterator, Mapping

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller, Handler
from actors.groups.appends import GroupAppends
from actors.groups.classic.append_purposes import GroupAssignment, GroupCreation, Replacement
from actors.groups.classic.group import ClassicGroup
from actors.groups.classic.joining import Joining
from actors.groups.classic.member import ClassicMember, Protocols
from actors.groups.classic.member_requests import MemberRequests
from actors.groups.classic.rebalance import ClassicRebalance, join_refused, sync_refused
from actors.groups.classic.record import group_from_record, record_of_new
from actors.groups.classic.size_limits import assignments_fit, join_fits
from actors.groups.classic.states import GroupState
from actors.groups.groups import Groups
from actors.groups.kind import KindRecord
from actors.groups.records import GroupRecord
from actors.groups.settings import GroupSettings
from actors.groups.timers import JOIN, SESSION, SYNC, TimerKey
from kstore import errors
from kstore.errors import NONE, KafkaError
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.join_group import JoinGroupRequest
from kstore.schema.messages.leave_group import LeaveGroupRequest
from kstore.schema.messages.sync_group import SyncGroupRequest
from kstore.schema.struct import Message

PROTOCOLS_MAX = 10_000
"""That a member may offer: clients have one for each assignor that they know."""


class ClassicGroups:
    """The classic protocol as a kind of groups: its requests, its records, its timers."""

    record_type = GroupRecord

    def __init__(
        self, groups: Groups, appends: GroupAppends, settings: GroupSettings, new_uuid: Callable[[], str]
    ) -> None:
        self._groups = groups
        self._appends = appends
        self._settings = settings
        self._rebalance = ClassicRebalance(settings, appends)
        self._joining = Joining(self._rebalance, appends, settings, new_uuid)
        self._member_requests = MemberRequests(self._rebalance, appends)
        self._is_loaded = False
        self.handlers: Mapping[type[Message], Handler] = {
            HeartbeatRequest: self._heartbeat,
            JoinGroupRequest: self.join,
            SyncGroupRequest: self._sync,
            LeaveGroupRequest: self._leave,
        }

    def _own(self) -> Iterator[ClassicGroup]:
        return (group for group in self._groups.values() if isinstance(group, ClassicGroup))

    def _group(self, group_id: str) -> ClassicGroup | None:
        """A group of this kind; for members of it one of another kind isn't there."""
        group = self._groups.get(group_id)
        return group if isinstance(group, ClassicGroup) else None

    def join(self, request: JoinGroupRequest, caller: Caller, event: Event) -> None:
        """Take a member's JoinGroup, of a group of this kind or one that isn't there."""
        group = self._group(request.group_id)
        code = self.why_not_join(request, group.members.get(request.member_id) if group is not None else None)
        if code == NONE and group is None and request.member_id:
            code = errors.UnknownMemberId.code
        if code != NONE:
            event.respond(caller.reply, join_refused(request.member_id, code))
            return
        is_new = group is None
        if group is None:
            group = self.found(request.group_id, event.now_ms)
        self._joining.join(group, request, caller, event)
        if is_new:
            group.is_founding = True
            self._appends.begin([record_of_new(group)], event, purpose=GroupCreation(group))

    def why_not_join(self, request: JoinGroupRequest, member: ClassicMember | None) -> int:
        """The code for which no group could take a JoinGroup, of a member or of a client that isn't one yet."""
        shortest, longest = self._settings.group_min_session_timeout_ms, self._settings.group_max_session_timeout_ms
        if not request.group_id:
            return errors.InvalidGroupId.code
        if len(request.protocols) > PROTOCOLS_MAX:
            return errors.InvalidRequest.code
        if not shortest <= request.session_timeout_ms <= longest:
            return errors.InvalidSessionTimeout.code
        has_room = join_fits(self._groups.memory_use, self._settings.group_metadata_max_bytes, request, member)
        return NONE if has_room else errors.CoordinatorNotAvailable.code

    def found(self, group_id: str, now_ms: int) -> ClassicGroup:
        """A new group. One that is nothing but offsets, for clients that assign their partitions themselves, is of
        this kind as well.
        """
        group = ClassicGroup(group_id, now_ms=now_ms)
        self._groups.admit(group)
        return group

    def note_offset(self, group_id: str, now_ms: int) -> None:
        """An offset of a group is in the log: so the group is, if only for its offsets. A consumer group whose own
        records are still on their way, or never come, isn't: it takes the place of this one when they are there.
        """
        group = self._groups.get(group_id)
        if group is None or not (isinstance(group, ClassicGroup) or group.is_committed):
            group = self.found(group_id, now_ms)
        group.is_committed = True

    def _sync(self, request: SyncGroupRequest, caller: Caller, event: Event) -> None:
        group = self._group(request.group_id)
        bytes_max = self._settings.group_metadata_max_bytes
        if group is not None and not assignments_fit(self._groups.memory_use, bytes_max, request, group):
            event.respond(caller.reply, sync_refused(errors.CoordinatorNotAvailable.code))
            return
        self._member_requests.sync(group, request, caller, event)

    def _heartbeat(self, request: HeartbeatRequest, caller: Caller, event: Event) -> None:
        self._member_requests.heartbeat(self._group(request.group_id), request, caller, event)

    def _leave(self, request: LeaveGroupRequest, caller: Caller, event: Event) -> None:
        self._member_requests.leave(self._group(request.group_id), request, caller, event)

    def apply(self, record: KindRecord, event: Event) -> None:
        """Take a record from the log.

        While the log is read a record is all that there is of a group. Later the group is ahead of its records: what
        one says has happened already, but for an assignment that the group waits for. A record that comes late may be
        that of a group which was abandoned, and whose id a new one has; its members are others.
        """
        assert isinstance(record, GroupRecord), "the shard gives each kind its own records"
        group = self._group(record.group_id)
        if record.value is None:
            if group is not None:
                # One that becomes a consumer group may have members that wait: they are to join that one.
                self._rebalance.dismiss_parked(group, errors.RebalanceInProgress.code, event)
                self._rebalance.cancel_timers(group, event)
                self._groups.forget(record.group_id)
        elif group is None or not self._is_loaded:
            group = group_from_record(record.group_id, record.value, event.now_ms)
            group.is_committed = True
            self._groups.admit(group)
        else:
            group.is_committed = True
            is_its_own = any(each.member_id in group.members for each in record.value.members)
            if group.is_dealing and group.generation_id == record.value.generation and is_its_own:
                self._rebalance.assigned(group, record.value, event)

    def stored(self, purpose: object, event: Event) -> None:
        """The records of an append have been applied."""
        match purpose:
            case GroupCreation(group):
                group.is_founding = False
            case Replacement():
                self._joining.replaced(purpose, event)

    def refused(self, purpose: object, error: KafkaError, event: Event) -> None:
        """The records of an append will never be in the log."""
        if isinstance(purpose, Replacement):
            self._joining.not_replaced(purpose, error, event)
        else:
            self._missed(purpose, error, event)

    def overdue(self, purpose: object, error: KafkaError, event: Event) -> None:
        """The records of an append will be in the log too late for those who wait, if at all."""
        if isinstance(purpose, Replacement):
            self._joining.not_replaced_in_time(purpose, error, event)
        else:
            self._missed(purpose, error, event)

    def _missed(self, purpose: object, error: KafkaError, event: Event) -> None:
        """What a group waited for isn't in the log: too late is the same to it as never."""
        match purpose:
            case GroupCreation(group):
                self._abandon(group, error, event)
            case GroupAssignment():
                self._member_requests.assignment_failed(purpose, error, event)

    def _abandon(self, group: ClassicGroup, error: KafkaError, event: Event) -> None:
        """A new group that couldn't be written never was; one that is being deleted meanwhile goes by that."""
        group.is_founding = False
        if group.state is not GroupState.DEAD and not group.is_committed and self._groups.get(group.group_id) is group:
            self._rebalance.dismiss_parked(group, error.code, event)
            self._rebalance.cancel_timers(group, event)
            self._rebalance.note("GroupAbandoned", group, f"{error.name} while storing it", event)
            self._groups.forget(group.group_id)

    def downgraded(self, group_id: str, spoken: Mapping[str, Protocols], because: str, event: Event) -> ClassicGroup:
        """A consumer group has become one of this kind: its members have a whole session each, and the protocols that
        they speak, of which their record has one.
        """
        group = self._groups[group_id]
        assert isinstance(group, ClassicGroup), "its record has just been applied"
        for member_id, member in group.members.items():
            group.update(
                member,
                spoken[member_id],
                rebalance_timeout_ms=member.rebalance_timeout_ms,
                session_timeout_ms=member.session_timeout_ms,
            )
            group.extend_session(member, event)
        self._rebalance.note("GroupDowngraded", group, because, event)
        return group

    def rebalance(self, group: ClassicGroup, because: str, event: Event) -> None:
        """Have all members of a group join again."""
        self._rebalance.begin(group, because, event)

    def loaded(self, event: Event) -> None:
        """Every member has a whole session to show itself."""
        self._is_loaded = True
        for group in self._own():
            for member in group.members.values():
                group.extend_session(member, event)
            if len(group.members) > self._settings.group_max_size:
                self._rebalance.begin(group, f"more than {self._settings.group_max_size} members at load", event)

    def timer_fired(self, key: TimerKey, event: Event) -> None:
        """Handle a timer of a group or of one of its members."""
        group = self._groups.get(key.group_id)
        if not isinstance(group, ClassicGroup):
            return
        match key.kind:
            case kind if kind == SESSION:
                self._member_requests.session_expired(group, key.subject, event)
            case kind if kind == JOIN:
                self._rebalance.join_deadline_passed(group, event)
            case kind if kind == SYNC:
                self._rebalance.sync_deadline_passed(group, event)

    def unloaded(self, event: Event) -> None:
        """Those who wait are told to look for the new coordinator."""
        for group in self._own():
            self._rebalance.dismiss_parked(group, errors.NotCoordinator.code, event)
            group.transition_to(GroupState.DEAD, event.now_ms)
