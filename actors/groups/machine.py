"""A coordinator partition as a state machine: its groups and their offsets, what clients ask, what time and the log do.

It is the coordinator's shard for ``__consumer_offsets`` (``actors/coordinator/shard.py``).

State follows the log in this way: offsets change when their records are committed; membership changes at once and is
written where a broker that takes over must know it (a group that is new, whose assignment is settled, or that is
empty), as in Apache Kafka.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from actors.coordinator.effects import Effect
from actors.coordinator.shard import Caller
from actors.groups.committing import Committing, check_commit, check_offset_delete, commit_refused
from actors.groups.effects import AnswerOnce, Effects, TimerKey
from actors.groups.fitting import join_fits, shares_fit
from actors.groups.group import ClassicGroup, GroupState
from actors.groups.joining import Joining
from actors.groups.membership import Membership
from actors.groups.offsets import OffsetKey, OffsetStore
from actors.groups.rebalance import JOIN, SESSION, SYNC, Rebalance, join_refused, sync_refused
from actors.groups.records import OffsetRecord, decode_entry, group_from_record, group_tombstone, new_group_entry
from actors.groups.reports import describe, list_groups
from actors.groups.room import Tally
from actors.groups.settings import GroupSettings
from actors.groups.storage_errors import as_group_error
from kstore import errors
from kstore.errors import NONE, KafkaError
from kstore.schema.messages.delete_groups import DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse
from kstore.schema.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.join_group import JoinGroupRequest
from kstore.schema.messages.leave_group import LeaveGroupRequest
from kstore.schema.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from kstore.schema.messages.offset_commit import OffsetCommitRequest
from kstore.schema.messages.offset_delete import OffsetDeleteRequest, OffsetDeleteResponse
from kstore.schema.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
)
from kstore.schema.messages.sync_group import SyncGroupRequest
from kstore.schema.struct import Message

RETENTION = TimerKey("retention", "")
RETENTION_GOES_ON = TimerKey("retention-goes-on", "")

OFFSETS_A_LOOK = 5_000
"""That are looked at for their age before others have their turns."""

COMMIT_KNOWS_GROUP_NOT_FOUND = 9

TOMBSTONES_PER_APPEND_MAX = 1_000

PROTOCOLS_MAX = 10_000
"""That a member may offer: clients have one for each assignor that they know."""


class GroupMachine:
    name = "groups"

    def __init__(self, settings: GroupSettings, new_uuid: Callable[[], str], tally: Tally | None = None) -> None:
        self.groups: dict[str, ClassicGroup] = {}
        self.offsets = OffsetStore()
        self.tally = tally or Tally()
        self._is_unloaded = False
        self._to_look_at: deque[str] = deque()  # groups, for offsets that have expired
        self._settings = settings
        self._effects = Effects()
        self._rebalance = Rebalance(settings, self._effects)
        self._joining = Joining(self._rebalance, self._effects, settings, new_uuid)
        self._membership = Membership(self._rebalance, self._effects)
        self._committing = Committing(self._rebalance, self._effects, settings, self.offsets)

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def append_timeout_ms(self) -> int:
        return self._settings.offsets_commit_timeout_ms

    def submit(self, request: Message, caller: Caller, now_ms: int) -> list[Effect]:
        self._effects.now_ms = now_ms
        ANSWERS[type(request)](self, request, caller)
        return self._effects.drain()

    # What members ask

    def join(self, request: JoinGroupRequest, caller: Caller) -> None:
        code = self._why_not_join(request)
        if code != NONE:
            self._effects.respond(caller.reply, join_refused(request.member_id, code))
            return
        group = self.groups.get(request.group_id)
        is_new = group is None
        if group is None:
            group = self._admit(ClassicGroup(request.group_id, now_ms=self._effects.now_ms))
        self._joining.join(group, request, caller)
        if is_new:
            self._persist_new(group)

    def _why_not_join(self, request: JoinGroupRequest) -> int:
        shortest, longest = self._settings.group_min_session_timeout_ms, self._settings.group_max_session_timeout_ms
        if not request.group_id:
            return errors.InvalidGroupId.code
        if len(request.protocols) > PROTOCOLS_MAX:
            return errors.InvalidRequest.code
        if not shortest <= request.session_timeout_ms <= longest:
            return errors.InvalidSessionTimeout.code
        if request.group_id not in self.groups and request.member_id:
            return errors.UnknownMemberId.code
        has_room = join_fits(
            self.tally, self._settings.group_metadata_max_bytes, request, self.groups.get(request.group_id)
        )
        return NONE if has_room else errors.CoordinatorNotAvailable.code

    def _admit(self, group: ClassicGroup) -> ClassicGroup:
        self.groups[group.group_id] = group
        group.count_in(self.tally)
        return group

    def _forget(self, group_id: str) -> None:
        group = self.groups.pop(group_id, None)
        if group is not None:
            group.count_out()

    def _persist_new(self, group: ClassicGroup) -> None:
        def stored(error: KafkaError | None) -> None:
            if error is None:
                group.is_committed = True
            elif not group.is_committed and self.groups.get(group.group_id) is group:
                self._abandon(group, as_group_error(error))

        self._effects.persist([new_group_entry(group)]).then(stored)

    def sync(self, request: SyncGroupRequest, caller: Caller) -> None:
        group = self.groups.get(request.group_id)
        if group is not None and not shares_fit(self.tally, self._settings.group_metadata_max_bytes, request, group):
            self._effects.respond(caller.reply, sync_refused(errors.CoordinatorNotAvailable.code))
            return
        self._membership.sync(group, request, caller)

    def heartbeat(self, request: HeartbeatRequest, caller: Caller) -> None:
        self._membership.heartbeat(self.groups.get(request.group_id), request, caller)

    def leave(self, request: LeaveGroupRequest, caller: Caller) -> None:
        self._membership.leave(self.groups.get(request.group_id), request, caller)

    # Offsets

    def commit(self, request: OffsetCommitRequest, caller: Caller) -> None:
        group = self.groups.get(request.group_id)
        try:
            if group is None:
                group = self._simple_group(request, caller)
            check_commit(group, request)
        except KafkaError as error:
            self._effects.respond(caller.reply, commit_refused(request, error.code))
            return
        self._committing.commit(group, request, caller)

    def _simple_group(self, request: OffsetCommitRequest, caller: Caller) -> ClassicGroup:
        """A group that is nothing but offsets, for clients that assign their partitions themselves."""
        if request.generation_id_or_member_epoch >= 0:
            if caller.version >= COMMIT_KNOWS_GROUP_NOT_FOUND:
                raise errors.GroupIdNotFound()
            raise errors.IllegalGeneration()
        return self._admit(ClassicGroup(request.group_id, now_ms=self._effects.now_ms))

    def fetch(self, request: OffsetFetchRequest, caller: Caller) -> None:
        """Answer for one group; a stable answer waits for the commits that are under way."""
        (asked,) = request.groups

        def respond() -> None:
            answer = refusal if self._is_unloaded else self._committing.fetch(asked)
            self._effects.respond(caller.reply, OffsetFetchResponse(groups=[answer]))

        refusal = OffsetFetchResponseGroup(group_id=asked.group_id, error_code=errors.NotCoordinator.code)
        if request.require_stable:
            self._effects.after_pending(respond)
        else:
            respond()

    def delete_offsets(self, request: OffsetDeleteRequest, caller: Caller) -> None:
        try:
            if not request.group_id:
                raise errors.InvalidGroupId()
            group = check_offset_delete(self.groups.get(request.group_id))
        except KafkaError as error:
            self._effects.respond(caller.reply, OffsetDeleteResponse(error_code=error.code))
            return
        self._committing.delete(group, request, caller)

    # Groups as a whole

    def describe(self, request: DescribeGroupsRequest, caller: Caller) -> None:
        found = [describe(group_id, self.groups.get(group_id), caller.version) for group_id in request.groups]
        self._effects.respond(caller.reply, DescribeGroupsResponse(groups=found))

    def list_groups(self, request: ListGroupsRequest, caller: Caller) -> None:
        found = list_groups(self.groups.values(), request.states_filter, request.types_filter)
        self._effects.respond(caller.reply, ListGroupsResponse(groups=found))

    def delete(self, request: DeleteGroupsRequest, caller: Caller) -> None:
        """Answer once what can be deleted is."""
        codes = {group_id: self._why_not_delete(group_id) for group_id in request.groups_names}
        doomed = [group_id for group_id, code in codes.items() if code == NONE]
        answer = AnswerOnce(self._effects, caller.reply)

        def ended(error: KafkaError | None) -> None:
            for group_id in doomed:
                codes[group_id] = NONE if error is None else as_group_error(error).code
            results = [DeletableGroupResult(group_id=group_id, error_code=code) for group_id, code in codes.items()]
            answer.give(DeleteGroupsResponse(results=results))

        if doomed:
            self._bury(doomed, "DeleteGroups", ended)
        else:
            ended(None)

    def _why_not_delete(self, group_id: str) -> int:
        group = self.groups.get(group_id)
        if group is None or group.state is GroupState.DEAD:
            return errors.GroupIdNotFound.code
        return NONE if group.state is GroupState.EMPTY else errors.NonEmptyGroup.code

    def _bury(self, group_ids: list[str], because: str, then: Callable[[KafkaError | None], None]) -> None:
        """Write tombstones for groups and all their offsets; until they are committed the groups count as Dead."""
        groups = [self.groups[group_id] for group_id in group_ids]
        keys = [key for group_id in group_ids for key in self.offsets.keys_of(group_id)]
        entries = self._committing.tombstones(keys) + [group_tombstone(group_id) for group_id in group_ids]
        for group in groups:
            self._rebalance.cancel_timers(group)
            for member_id in list(group.pending_joins):
                group.expect_no_more(member_id)
            group.transition_to(GroupState.DEAD, self._effects.now_ms)

        def stored(error: KafkaError | None) -> None:
            for group in groups:
                if error is not None:
                    group.state = GroupState.EMPTY
                    continue
                self._rebalance.note("GroupDeleted", group, because)
                self._forget(group.group_id)
            if error is None:
                self._committing.bury(keys)
            then(error)

        persisting = self._effects.persist(entries)
        persisting.then(stored)
        persisting.if_overdue(then)

    def topics_deleted(self, topics: Iterable[str], now_ms: int) -> list[Effect]:
        """Offsets of topics that are gone go too."""
        self._effects.now_ms = now_ms
        self._expire(self.offsets.keys_in(topics))
        return self._effects.drain()

    def _expire(self, keys: list[OffsetKey]) -> None:
        for start in range(0, len(keys), TOMBSTONES_PER_APPEND_MAX):
            self._expire_some(keys[start : start + TOMBSTONES_PER_APPEND_MAX])

    def _expire_some(self, keys: list[OffsetKey]) -> None:
        def stored(error: KafkaError | None) -> None:
            if error is None:
                self._committing.bury(keys)

        persisting = self._effects.persist(self._committing.tombstones(keys))
        persisting.then(stored)
        persisting.if_overdue(lambda _error: None)

    # Time

    def timer_fired(self, key: Hashable, now_ms: int) -> list[Effect]:
        self._effects.now_ms = now_ms
        assert isinstance(key, TimerKey)
        self._timer_fired(key)
        return self._effects.drain()

    def _timer_fired(self, key: TimerKey) -> None:
        if key == RETENTION:
            self._to_look_at = deque(self.groups)
            self._effects.set_timer(RETENTION, self._settings.offsets_retention_check_interval_ms)
        if key in (RETENTION, RETENTION_GOES_ON):
            self._drop_the_expired()
            return
        group = self.groups.get(key.group_id)
        if group is None:
            return
        match key.kind:
            case kind if kind == SESSION:
                self._membership.session_expired(group, key.subject)
            case kind if kind == JOIN:
                self._rebalance.join_deadline_passed(group)
            case kind if kind == SYNC:
                self._rebalance.sync_deadline_passed(group)

    def _drop_the_expired(self) -> None:
        """Of the groups that are to be looked at, the next ones."""
        forsaken = []
        expired: list[OffsetKey] = []
        room = OFFSETS_A_LOOK
        while self._to_look_at and room > 0:
            group = self.groups.get(self._to_look_at.popleft())
            if group is None:
                continue
            room -= 1 + self.offsets.count_of(group.group_id)
            keys = self._committing.expired(group)
            is_wanted = group.state is not GroupState.EMPTY or bool(group.pending_joins) or not group.is_committed
            if not is_wanted and len(keys) == len(self.offsets.keys_of(group.group_id)):
                forsaken.append(group.group_id)
            else:
                expired += keys
        self._expire(expired)
        if forsaken:
            self._bury(forsaken, "offsets.retention.minutes", lambda _error: None)
        if self._to_look_at:
            self._effects.set_timer(RETENTION_GOES_ON, 0)

    # The log

    def persisted(self, token: int, error: KafkaError | None, now_ms: int) -> list[Effect]:
        """The records of ``Persist(token)`` are committed, or (with an error) may never be."""
        self._effects.now_ms = now_ms
        self._effects.settle(token, error)
        return self._effects.drain()

    def overdue(self, token: int, now_ms: int) -> list[Effect]:
        """``Persist(token)`` takes longer than clients may be kept waiting; its outcome may still come."""
        self._effects.now_ms = now_ms
        self._effects.overdue(token, errors.RequestTimedOut())
        return self._effects.drain()

    def replay(self, key: bytes, value: bytes | None, now_ms: int) -> None:
        record = decode_entry(key, value)
        if record is None:
            return
        if isinstance(record, OffsetRecord):
            self.offsets.apply(OffsetKey(record.group_id, record.topic, record.partition), record.committed)
            if record.committed is not None and record.group_id not in self.groups:
                group = self._admit(ClassicGroup(record.group_id, now_ms=now_ms))
                group.is_committed = True
        elif record.value is None:
            self._forget(record.group_id)
        else:
            self._forget(record.group_id)
            self._admit(group_from_record(record.group_id, record.value, now_ms))

    def loaded(self, now_ms: int) -> list[Effect]:
        """All of the log has been replayed: every member has a whole session to show itself."""
        self._effects.now_ms = now_ms
        for group in self.groups.values():
            for member in group.members.values():
                self._rebalance.extend_session(group, member)
            if len(group.members) > self._settings.group_max_size:
                self._rebalance.begin(group, f"more than {self._settings.group_max_size} members at load")
        self._effects.set_timer(RETENTION, self._settings.offsets_retention_check_interval_ms)
        return self._effects.drain()

    def unloaded(self, now_ms: int) -> list[Effect]:
        """Another broker leads the partition. Of the effects only answers matter now."""
        self._effects.now_ms = now_ms
        self._is_unloaded = True
        for group in self.groups.values():
            self._rebalance.dismiss_parked(group, errors.NotCoordinator.code)
            group.transition_to(GroupState.DEAD, now_ms)
        self._effects.give_up(errors.NotCoordinator())
        self.let_go()
        return self._effects.drain()

    def let_go(self) -> None:
        """What it has is nobody's concern any more."""
        self.tally.leave()

    def _abandon(self, group: ClassicGroup, error: KafkaError) -> None:
        """A new group that couldn't be written never was."""
        self._rebalance.dismiss_parked(group, error.code)
        self._rebalance.cancel_timers(group)
        self._rebalance.note("GroupAbandoned", group, f"{error.name} while storing it")
        self._forget(group.group_id)


ANSWERS: dict[type[Message], Callable[[GroupMachine, Any, Caller], None]] = {
    HeartbeatRequest: GroupMachine.heartbeat,
    OffsetCommitRequest: GroupMachine.commit,
    OffsetFetchRequest: GroupMachine.fetch,
    JoinGroupRequest: GroupMachine.join,
    SyncGroupRequest: GroupMachine.sync,
    LeaveGroupRequest: GroupMachine.leave,
    OffsetDeleteRequest: GroupMachine.delete_offsets,
    DeleteGroupsRequest: GroupMachine.delete,
    DescribeGroupsRequest: GroupMachine.describe,
    ListGroupsRequest: GroupMachine.list_groups,
}
"""What answers each request."""
