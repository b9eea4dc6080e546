"""A rebalance from its cause to its new generation, and the sessions of members, on one group at a time.

Begun by a join, a leave, an expiry or the leader's rejoin, a rebalance gathers joins until every member has rejoined or
the rebalance timeout is up; dynamic members that didn't come are dropped, static ones keep their place until their
session ends. The first rebalance of a group waits ``group.initial.rebalance.delay.ms`` instead, and as long again
while new members keep coming, up to the rebalance timeout. Then the generation rises, the joins are answered, and the
members are expected to sync within the rebalance timeout.
"""

from actors.groups.effects import Effects, Persisting, TimerKey
from actors.groups.group import ClassicGroup, GroupState
from actors.groups.member import Member
from actors.groups.records import group_entry
from actors.groups.settings import GroupSettings
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.join_group import JoinGroupResponse, JoinGroupResponseMember
from kstore.schema.messages.sync_group import SyncGroupResponse

SESSION = "session"
JOIN = "join"
SYNC = "sync"


def session_key(group: ClassicGroup, member_id: str) -> TimerKey:
    return TimerKey(SESSION, group.group_id, member_id)


def join_key(group: ClassicGroup) -> TimerKey:
    return TimerKey(JOIN, group.group_id)


def sync_key(group: ClassicGroup) -> TimerKey:
    return TimerKey(SYNC, group.group_id)


def joined(group: ClassicGroup, member: Member, *, skip_assignment: bool = False) -> JoinGroupResponse:
    """The answer to a join in the present generation; only the leader is told who the members are."""
    members = []
    if group.is_leader(member.member_id):
        assert group.protocol_name is not None
        members = [
            JoinGroupResponseMember(
                member_id=each.member_id,
                group_instance_id=each.group_instance_id,
                metadata=each.metadata(group.protocol_name),
            )
            for each in group.members.values()
        ]
    return JoinGroupResponse(
        generation_id=group.generation_id,
        protocol_type=group.protocol_type,
        protocol_name=group.protocol_name,
        leader=group.leader_id or "",
        skip_assignment=skip_assignment,
        member_id=member.member_id,
        members=members,
    )


def join_refused(member_id: str, code: int) -> JoinGroupResponse:
    return JoinGroupResponse(error_code=code, member_id=member_id, protocol_type=None, protocol_name=None)


def sync_refused(code: int) -> SyncGroupResponse:
    return SyncGroupResponse(error_code=code, protocol_type=None, protocol_name=None)


class Rebalance:
    def __init__(self, settings: GroupSettings, effects: Effects) -> None:
        self.settings = settings
        self.effects = effects

    def note(self, kind: str, group: ClassicGroup, because: str) -> None:
        self.effects.note(kind, group.group_id, group.generation_id, len(group.members), because)

    # Parked requests and sessions

    def answer_join(self, group: ClassicGroup, member: Member, response: object) -> None:
        if member.awaiting_join is not None:
            self.effects.respond(member.awaiting_join, response)
            group.park_join(member, None)

    def answer_sync(self, member: Member, response: object) -> bool:
        if member.awaiting_sync is None:
            return False
        self.effects.respond(member.awaiting_sync, response)
        member.awaiting_sync = None
        return True

    def extend_session(self, group: ClassicGroup, member: Member, timeout_ms: int | None = None) -> None:
        timeout_ms = member.session_timeout_ms if timeout_ms is None else timeout_ms
        self.effects.set_timer(session_key(group, member.member_id), timeout_ms)

    def dismiss(self, group: ClassicGroup, member: Member) -> None:
        """Take a member out; a join of its that is parked is told to come again as somebody new."""
        self.effects.cancel_timer(session_key(group, member.member_id))
        self.answer_join(group, member, join_refused("", errors.UnknownMemberId.code))
        self.answer_sync(member, sync_refused(errors.UnknownMemberId.code))
        group.remove(member.member_id)

    def dismiss_parked(self, group: ClassicGroup, code: int) -> None:
        for member in group.members.values():
            self.answer_join(group, member, join_refused(member.member_id, code))
            self.answer_sync(member, sync_refused(code))

    def cancel_timers(self, group: ClassicGroup) -> None:
        self.effects.cancel_timer(join_key(group))
        self.cancel_sync_deadline(group)
        for member_id in (*group.members, *group.pending_joins):
            self.effects.cancel_timer(session_key(group, member_id))

    # Beginning

    def begin_or_complete(self, group: ClassicGroup, because: str) -> Persisting | None:
        if group.can_rebalance:
            return self.begin(group, because)
        return self.complete_if_all_joined(group, because)

    def begin(self, group: ClassicGroup, because: str) -> Persisting | None:
        if group.state is GroupState.COMPLETING_REBALANCE:
            self.reset_assignments(group, errors.RebalanceInProgress.code)
        self.cancel_sync_deadline(group)
        is_initial = group.state is GroupState.EMPTY
        group.transition_to(GroupState.PREPARING_REBALANCE, self.effects.now_ms)
        self.note("RebalanceBegun", group, because)
        if is_initial:
            delay_ms = self.settings.group_initial_rebalance_delay_ms
            group.initial_delay_ms = delay_ms
            group.initial_remaining_ms = max(group.rebalance_timeout_ms - delay_ms, 0)
            self.effects.set_timer(join_key(group), delay_ms)
            return None
        if group.has_all_joined:
            return self.complete(group, because)
        for member in group.members.values():
            if member.awaiting_join is None:
                self.note("MemberAwaited", group, member.member_id)
        self.effects.set_timer(join_key(group), group.rebalance_timeout_ms)
        return None

    # Gathering joins

    def complete_if_all_joined(self, group: ClassicGroup, because: str) -> Persisting | None:
        """End the gathering early, but never that of an initial rebalance, which always waits its time."""
        if group.state is not GroupState.PREPARING_REBALANCE or group.previous_state is GroupState.EMPTY:
            return None
        return self.complete(group, because) if group.has_all_joined else None

    def complete_if_ready(self, group: ClassicGroup, because: str) -> None:
        """End the gathering because a member was lost; this does end an initial rebalance that has all it waits for."""
        if group.state is GroupState.PREPARING_REBALANCE and group.has_all_joined:
            self.complete(group, because)

    def join_deadline_passed(self, group: ClassicGroup) -> None:
        if group.state is not GroupState.PREPARING_REBALANCE:
            return
        is_initial = group.previous_state is GroupState.EMPTY
        if not (is_initial and group.gained_member and group.initial_remaining_ms):
            group.gained_member = False
            self.complete(group, "its initial delay is over" if is_initial else "its rebalance timeout is up")
            return
        group.gained_member = False
        delay_ms = min(self.settings.group_initial_rebalance_delay_ms, group.initial_remaining_ms)
        group.initial_remaining_ms = max(group.initial_remaining_ms - group.initial_delay_ms, 0)
        group.initial_delay_ms = delay_ms
        self.effects.set_timer(join_key(group), delay_ms)

    def complete(self, group: ClassicGroup, because: str) -> Persisting | None:
        """Begin the next generation with whoever has joined."""
        self.effects.cancel_timer(join_key(group))
        self._drop_the_absent(group)
        if group.members and not group.elect_joined_leader():
            self.effects.set_timer(join_key(group), group.rebalance_timeout_ms)
            self.note("RebalanceExtended", group, "nobody has rejoined")
            return None
        group.begin_generation(self.effects.now_ms)
        if group.state is GroupState.EMPTY:
            self.note("GroupEmptied", group, because)
            return self.persist(group, {})
        self.note("GenerationBegun", group, because)
        for member in group.members.values():
            self.answer_join(group, member, joined(group, member))
            self.extend_session(group, member)
            member.is_new = False
            group.pending_syncs[member.member_id] = None
        self.effects.set_timer(sync_key(group), group.rebalance_timeout_ms)
        return None

    def _drop_the_absent(self, group: ClassicGroup) -> None:
        absent = [each for each in group.members.values() if each.awaiting_join is None and not each.is_static]
        for member in absent:
            self.dismiss(group, member)
            self.note("MemberDropped", group, f"{member.member_id} didn't rejoin in time")

    def persist(self, group: ClassicGroup, assignments: dict[str, bytes]) -> Persisting:
        persisting = self.effects.persist([group_entry(group, assignments)])
        persisting.then(lambda error: self._persisted(group, error))
        return persisting

    def _persisted(self, group: ClassicGroup, error: KafkaError | None) -> None:
        if error is None:
            group.is_committed = True

    # Syncing

    def sync_received(self, group: ClassicGroup, member_id: str) -> None:
        group.pending_syncs.pop(member_id, None)
        if not group.pending_syncs:
            self.effects.cancel_timer(sync_key(group))

    def cancel_sync_deadline(self, group: ClassicGroup) -> None:
        group.pending_syncs.clear()
        self.effects.cancel_timer(sync_key(group))

    def sync_deadline_passed(self, group: ClassicGroup) -> None:
        """Members that took their place in a generation and never asked for their share lose it."""
        if group.state not in (GroupState.COMPLETING_REBALANCE, GroupState.STABLE) or not group.pending_syncs:
            return
        silent = list(group.pending_syncs)
        for member_id in silent:
            self.dismiss(group, group.members[member_id])
        self.begin(group, f"{', '.join(silent)} didn't sync in time")

    def assign(self, group: ClassicGroup, assignments: dict[str, bytes]) -> None:
        for member in group.members.values():
            group.assign(member, assignments.get(member.member_id, b""))
        self._hand_out(group, 0)

    def reset_assignments(self, group: ClassicGroup, code: int) -> None:
        for member in group.members.values():
            group.assign(member, b"")
        self._hand_out(group, code)

    def _hand_out(self, group: ClassicGroup, code: int) -> None:
        assert group.state is GroupState.COMPLETING_REBALANCE
        for member in group.members.values():
            response = sync_refused(code) if code else synced(group, member)
            if self.answer_sync(member, response):
                # While a sync was parked its member was excused, and its session may have run out unseen.
                self.extend_session(group, member)


def synced(group: ClassicGroup, member: Member) -> SyncGroupResponse:
    return SyncGroupResponse(
        protocol_type=group.protocol_type, protocol_name=group.protocol_name, assignment=member.assignment
    )
