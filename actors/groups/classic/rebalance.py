"""A rebalance from its cause to its new generation, and the sessions of members, on one group at a time.

Begun by a join, a leave, an expiry or the leader's rejoin, a rebalance gathers joins until every member has rejoined or
the rebalance timeout is up; dynamic members that didn't come are dropped, static ones keep their place until their
session ends. The first rebalance of a group waits ``group.initial.rebalance.delay.ms`` instead, and as long again
while new members keep coming, up to the rebalance timeout. Then the generation rises, the joins are answered, and the
members are expected to sync within the rebalance timeout.
"""

from actors.coordinator.event import Event
from actors.groups.appends import GroupAppend, GroupAppends
from actors.groups.classic.assignment_text import assignment_text
from actors.groups.classic.group import ClassicGroup
from actors.groups.classic.member import ClassicMember
from actors.groups.classic.record import record_of
from actors.groups.classic.states import GroupState
from actors.groups.notes import note
from actors.groups.settings import GroupSettings
from actors.groups.timers import join_key, session_key, sync_key
from kstore import errors
from kstore.schema.messages.consumer_offsets import GroupMetadataValue
from kstore.schema.messages.join_group import JoinGroupResponse, JoinGroupResponseMember
from kstore.schema.messages.sync_group import SyncGroupResponse


def joined(group: ClassicGroup, member: ClassicMember, *, skip_assignment: bool = False) -> JoinGroupResponse:
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


class ClassicRebalance:
    """Takes a group from state to state: gathers joins, waits for assignments, drops members that are late."""

    def __init__(self, settings: GroupSettings, appends: GroupAppends) -> None:
        self._settings = settings
        self._appends = appends

    def note(self, kind: str, group: ClassicGroup, because: str, event: Event) -> None:
        """Write a row of the trace about a group."""
        note(event, kind, group.group_id, group.generation_id, len(group.members), because)

    def answer_join(self, group: ClassicGroup, member: ClassicMember, response: object, event: Event) -> None:
        """Answer the member's join, if one waits."""
        if member.awaiting_join is not None:
            event.respond(member.awaiting_join, response)
            group.park_join(member, None)

    def answer_sync(self, member: ClassicMember, response: object, event: Event) -> bool:
        """Answer the member's sync, if one waits; whether it did."""
        if member.awaiting_sync is None:
            return False
        event.respond(member.awaiting_sync, response)
        member.awaiting_sync = None
        return True

    def dismiss(self, group: ClassicGroup, member: ClassicMember, event: Event) -> None:
        """Take a member out. If its join is parked, it is told to join again as a new member."""
        event.cancel_timer(session_key(group.group_id, member.member_id))
        self.answer_join(group, member, join_refused("", errors.UnknownMemberId.code), event)
        self.answer_sync(member, sync_refused(errors.UnknownMemberId.code), event)
        group.remove(member.member_id)

    def dismiss_parked(self, group: ClassicGroup, code: int, event: Event) -> None:
        """Answer all joins and syncs that wait with an error."""
        for member in group.members.values():
            self.answer_join(group, member, join_refused(member.member_id, code), event)
            self.answer_sync(member, sync_refused(code), event)

    def cancel_timers(self, group: ClassicGroup, event: Event) -> None:
        """Cancel the timers of a group and of its members."""
        event.cancel_timer(join_key(group.group_id))
        self.cancel_sync_deadline(group, event)
        for member_id in (*group.members, *group.pending_joins):
            event.cancel_timer(session_key(group.group_id, member_id))

    def begin_or_complete(self, group: ClassicGroup, because: str, event: Event) -> GroupAppend | None:
        """Begin a rebalance, or complete the one under way if all have joined; the append that this needs, if any."""
        if group.can_rebalance:
            return self.begin(group, because, event)
        return self.complete_if_all_joined(group, because, event)

    def begin(self, group: ClassicGroup, because: str, event: Event) -> GroupAppend | None:
        """Begin a rebalance; the append that this needs, if any. A group's first one waits for the initial delay."""
        if group.state is GroupState.COMPLETING_REBALANCE:
            self.reset_assignments(group, errors.RebalanceInProgress.code, event)
        self.cancel_sync_deadline(group, event)
        is_initial = group.state is GroupState.EMPTY
        group.transition_to(GroupState.PREPARING_REBALANCE, event.now_ms)
        self.note("RebalanceBegun", group, because, event)
        if is_initial:
            delay_ms = self._settings.group_initial_rebalance_delay_ms
            group.initial_delay_ms = delay_ms
            group.initial_remaining_ms = max(group.rebalance_timeout_ms - delay_ms, 0)
            event.set_timer(join_key(group.group_id), delay_ms)
            return None
        if group.has_all_joined:
            return self.complete(group, because, event)
        for member in group.members.values():
            if member.awaiting_join is None:
                self.note("MemberAwaited", group, member.member_id, event)
        event.set_timer(join_key(group.group_id), group.rebalance_timeout_ms)
        return None

    def complete_if_all_joined(self, group: ClassicGroup, because: str, event: Event) -> GroupAppend | None:
        """Complete a rebalance early, as all have joined; never an initial one, which always waits its time."""
        if group.state is not GroupState.PREPARING_REBALANCE or group.previous_state is GroupState.EMPTY:
            return None
        return self.complete(group, because, event) if group.has_all_joined else None

    def complete_if_ready(self, group: ClassicGroup, because: str, event: Event) -> None:
        """Complete a rebalance, also an initial one, if it waits for nobody any more because a member was lost."""
        if group.state is GroupState.PREPARING_REBALANCE and group.has_all_joined:
            self.complete(group, because, event)

    def join_deadline_passed(self, group: ClassicGroup, event: Event) -> None:
        """Complete a rebalance without the members that haven't joined. An initial one waits again if a member came."""
        if group.state is not GroupState.PREPARING_REBALANCE:
            return
        is_initial = group.previous_state is GroupState.EMPTY
        if not (is_initial and group.gained_member and group.initial_remaining_ms):
            group.gained_member = False
            self.complete(group, "its initial delay is over" if is_initial else "its rebalance timeout is up", event)
            return
        group.gained_member = False
        delay_ms = min(self._settings.group_initial_rebalance_delay_ms, group.initial_remaining_ms)
        group.initial_remaining_ms = max(group.initial_remaining_ms - group.initial_delay_ms, 0)
        group.initial_delay_ms = delay_ms
        event.set_timer(join_key(group.group_id), delay_ms)

    def complete(self, group: ClassicGroup, because: str, event: Event) -> GroupAppend | None:
        """Begin the next generation with the members that have joined."""
        event.cancel_timer(join_key(group.group_id))
        self._drop_the_absent(group, event)
        if group.members and not group.elect_joined_leader():
            event.set_timer(join_key(group.group_id), group.rebalance_timeout_ms)
            self.note("RebalanceExtended", group, "nobody has rejoined", event)
            return None
        group.begin_generation(event.now_ms)
        if group.state is GroupState.EMPTY:
            self.note("GroupEmptied", group, because, event)
            return self._appends.begin([record_of(group, {})], event)
        self.note("GenerationBegun", group, because, event)
        for member in group.members.values():
            self.answer_join(group, member, joined(group, member), event)
            group.extend_session(member, event)
            member.is_new = False
            group.pending_syncs[member.member_id] = None
        event.set_timer(sync_key(group.group_id), group.rebalance_timeout_ms)
        return None

    def _drop_the_absent(self, group: ClassicGroup, event: Event) -> None:
        absent = [each for each in group.members.values() if each.awaiting_join is None and not each.is_static]
        for member in absent:
            self.dismiss(group, member, event)
            self.note("MemberDropped", group, f"{member.member_id} didn't rejoin in time", event)

    def sync_received(self, group: ClassicGroup, member_id: str, event: Event) -> None:
        """Note that a member has sent its SyncGroup."""
        group.pending_syncs.pop(member_id, None)
        if not group.pending_syncs:
            event.cancel_timer(sync_key(group.group_id))

    def cancel_sync_deadline(self, group: ClassicGroup, event: Event) -> None:
        """Wait for no SyncGroup any more."""
        group.pending_syncs.clear()
        event.cancel_timer(sync_key(group.group_id))

    def sync_deadline_passed(self, group: ClassicGroup, event: Event) -> None:
        """Members that took their place in a generation and never asked for their assignment lose it."""
        if group.state not in (GroupState.COMPLETING_REBALANCE, GroupState.STABLE) or not group.pending_syncs:
            return
        silent = list(group.pending_syncs)
        for member_id in silent:
            self.dismiss(group, group.members[member_id], event)
        self.begin(group, f"{', '.join(silent)} didn't sync in time", event)

    def assigned(self, group: ClassicGroup, value: GroupMetadataValue, event: Event) -> None:
        """The log has the assignment that the group waits for: everybody is given theirs, and the group is stable."""
        assignments = {each.member_id: bytes(each.assignment) for each in value.members}
        assert assignments.keys() == group.members.keys(), "nobody comes or goes while assignments are given out"
        for member in group.members.values():
            group.assign(member, assignments[member.member_id])
        self._hand_out(group, 0, event)
        group.transition_to(GroupState.STABLE, event.now_ms)
        words = assignment_text(group.protocol_type, assignments)
        self.note("GroupStable", group, f"{group.leader_id} assigned {words}", event)

    def reset_assignments(self, group: ClassicGroup, code: int, event: Event) -> None:
        """Take the members' assignments away, and answer their syncs with an error."""
        for member in group.members.values():
            group.assign(member, b"")
        self._hand_out(group, code, event)

    def _hand_out(self, group: ClassicGroup, code: int, event: Event) -> None:
        assert group.state is GroupState.COMPLETING_REBALANCE
        for member in group.members.values():
            response = sync_refused(code) if code else synced(group, member)
            if self.answer_sync(member, response, event):
                # While a sync was parked its member was excused, and its session may have run out unseen.
                group.extend_session(member, event)


def synced(group: ClassicGroup, member: ClassicMember) -> SyncGroupResponse:
    return SyncGroupResponse(
        protocol_type=group.protocol_type, protocol_name=group.protocol_name, assignment=member.assignment
    )
