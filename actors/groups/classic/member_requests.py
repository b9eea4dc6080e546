"""SyncGroup, Heartbeat and LeaveGroup, and the end of a session: what members do between joins.

The leader's sync carries everybody's assignment; it is written to the log first, and handed out when that is committed,
provided that the group is still in the same generation by then. A leave is answered once what it caused is committed.
"""

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller
from actors.groups.appends import AppendResponse, GroupAppend, GroupAppends
from actors.groups.classic.append_purposes import GroupAssignment
from actors.groups.classic.group import ClassicGroup
from actors.groups.classic.rebalance import ClassicRebalance, sync_refused, synced
from actors.groups.classic.record import record_of
from actors.groups.classic.states import GroupState
from actors.groups.timers import session_key
from kstore import errors
from kstore.errors import NONE, KafkaError
from kstore.schema.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kstore.schema.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse
from kstore.schema.messages.sync_group import SyncGroupRequest


class MemberRequests:
    """Answers SyncGroup, Heartbeat and LeaveGroup."""

    def __init__(self, rebalance: ClassicRebalance, appends: GroupAppends) -> None:
        self._rebalance = rebalance
        self._appends = appends

    def sync(self, group: ClassicGroup | None, request: SyncGroupRequest, caller: Caller, event: Event) -> None:
        """Answer a SyncGroup, or keep it until the leader's has come."""
        code = self._why_not_sync(group, request)
        if group is None or code != NONE:
            event.respond(caller.reply, sync_refused(code))
            return
        member = group.members[request.member_id]
        self._rebalance.sync_received(group, request.member_id, event)
        if group.state is GroupState.STABLE:
            event.respond(caller.reply, synced(group, member))
            return
        # A sync that is sent again takes the place of the one that is parked.
        self._rebalance.answer_sync(member, sync_refused(errors.RebalanceInProgress.code), event)
        member.awaiting_sync = caller.reply
        if group.is_leader(member.member_id):
            assignments = {each.member_id: bytes(each.assignment) for each in request.assignments}
            self._store_assignment(
                group, {member_id: assignments.get(member_id, b"") for member_id in group.members}, event
            )

    def _why_not_sync(self, group: ClassicGroup | None, request: SyncGroupRequest) -> int:
        code = _why_not_a_member(group, request)
        if group is None or code != NONE:
            return code
        if request.protocol_type is not None and request.protocol_type != group.protocol_type:
            return errors.InconsistentGroupProtocol.code
        if request.protocol_name is not None and request.protocol_name != group.protocol_name:
            return errors.InconsistentGroupProtocol.code
        if group.state is GroupState.PREPARING_REBALANCE:
            return errors.RebalanceInProgress.code
        return NONE

    def _store_assignment(self, group: ClassicGroup, assignments: dict[str, bytes], event: Event) -> None:
        """Have the log know the assignment first. A leader that sends it again meanwhile waits for the first one."""
        if not group.is_dealing:
            group.is_dealing = True
            purpose = GroupAssignment(group, group.generation_id)
            self._appends.begin([record_of(group, assignments)], event, purpose=purpose)

    def assignment_failed(self, failed: GroupAssignment, error: KafkaError, event: Event) -> None:
        """The log hasn't taken an assignment, or not in time."""
        group = failed.group
        if group.state is GroupState.COMPLETING_REBALANCE and group.generation_id == failed.generation_id:
            self._rebalance.reset_assignments(group, error.code, event)
            self._rebalance.begin(group, f"{error.name} while storing the assignment", event)

    def heartbeat(self, group: ClassicGroup | None, request: HeartbeatRequest, caller: Caller, event: Event) -> None:
        """Answer a Heartbeat; a member that is alive has its session extended."""
        event.respond(caller.reply, HeartbeatResponse(error_code=self._beat(group, request, event)))

    def _beat(self, group: ClassicGroup | None, request: HeartbeatRequest, event: Event) -> int:
        code = _why_not_a_member(group, request)
        if group is None or code != NONE:
            return code
        group.extend_session(group.members[request.member_id], event)
        return errors.RebalanceInProgress.code if group.state is GroupState.PREPARING_REBALANCE else NONE

    def session_expired(self, group: ClassicGroup, member_id: str, event: Event) -> None:
        """Remove a member that wasn't heard of for its session timeout."""
        if group.state is GroupState.DEAD:
            return
        because = f"session of {member_id} expired"
        if member_id in group.pending_joins:
            group.remove(member_id)
            self._rebalance.note("MemberExpired", group, because, event)
            self._rebalance.complete_if_ready(group, because, event)
            return
        member = group.members.get(member_id)
        if member is None or member.is_excused:
            return
        self._rebalance.dismiss(group, member, event)
        self._rebalance.note("MemberExpired", group, because, event)
        if group.state is GroupState.PREPARING_REBALANCE:
            self._rebalance.complete_if_ready(group, because, event)
        else:
            self._rebalance.begin_or_complete(group, because, event)

    def leave(self, group: ClassicGroup | None, request: LeaveGroupRequest, caller: Caller, event: Event) -> None:
        """Remove the members that a LeaveGroup names; the group rebalances without them."""
        if group is not None and group.state is GroupState.DEAD:
            response = LeaveGroupResponse(error_code=errors.CoordinatorNotAvailable.code)
            event.respond(caller.reply, response)
            return
        codes = [self._leave_one(group, identity, event) for identity in request.members]
        response = LeaveGroupResponse(
            members=[
                MemberResponse(
                    member_id=identity.member_id, group_instance_id=identity.group_instance_id, error_code=code
                )
                for identity, code in zip(request.members, codes, strict=True)
            ]
        )
        append = self._after_leave(group, request, codes, event)
        if append is None:
            event.respond(caller.reply, response)
        else:
            append.answer = AppendResponse(caller.reply, response)

    def _leave_one(self, group: ClassicGroup | None, identity: MemberIdentity, event: Event) -> int:
        """Take one member out; its id may be empty when an administrator names it by its instance id."""
        if group is None:
            return errors.UnknownMemberId.code
        member_id, instance_id = identity.member_id, identity.group_instance_id
        if not member_id and instance_id is not None:
            member_id = group.static_members.get(instance_id, "")
        if member_id in group.pending_joins:
            group.remove(member_id)
            event.cancel_timer(session_key(group.group_id, member_id))
        else:
            try:
                group.check_member(member_id, instance_id)
            except KafkaError as error:
                return error.code
            self._rebalance.dismiss(group, group.members[member_id], event)
        self._rebalance.note("MemberLeft", group, _leave_of(member_id, identity), event)
        return NONE

    def _after_leave(
        self, group: ClassicGroup | None, request: LeaveGroupRequest, codes: list[int], event: Event
    ) -> GroupAppend | None:
        left = [identity for identity, code in zip(request.members, codes, strict=True) if code == NONE]
        if group is None or not left or group.state is GroupState.EMPTY:
            return None
        because = ", ".join(_leave_of(each.member_id or each.group_instance_id or "", each) for each in left)
        return self._rebalance.begin_or_complete(group, because, event)


def _leave_of(name: str, identity: MemberIdentity) -> str:
    return f"leave of {name}: {identity.reason}" if identity.reason else f"leave of {name}"


def _why_not_a_member(group: ClassicGroup | None, request: SyncGroupRequest | HeartbeatRequest) -> int:
    """The error for which a client isn't taken for a member of the group's present generation, or NONE."""
    if group is None:
        return errors.UnknownMemberId.code
    if group.state is GroupState.DEAD:
        return errors.CoordinatorNotAvailable.code
    try:
        group.check_member(request.member_id, request.group_instance_id)
    except KafkaError as error:
        return error.code
    return NONE if request.generation_id == group.generation_id else errors.IllegalGeneration.code
