"""SyncGroup, Heartbeat and LeaveGroup, and the end of a session: what members do between joins.

The leader's sync carries everybody's share; it is written to the log first, and handed out when that is committed,
provided that the group is still in the same generation by then. A leave is answered once what it caused is committed.
"""

from actors.coordinator.shard import Caller
from actors.groups.effects import Effects, Persisting
from actors.groups.group import ClassicGroup, GroupState
from actors.groups.rebalance import Rebalance, session_key, sync_refused, synced
from actors.groups.shares import in_words
from actors.groups.storage_errors import as_group_error
from kstore import errors
from kstore.errors import NONE, KafkaError
from kstore.schema.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kstore.schema.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse
from kstore.schema.messages.sync_group import SyncGroupRequest


class Membership:
    def __init__(self, rebalance: Rebalance, effects: Effects) -> None:
        self._rebalance = rebalance
        self._effects = effects

    # Syncing

    def sync(self, group: ClassicGroup | None, request: SyncGroupRequest, caller: Caller) -> None:
        code = self._why_not_sync(group, request)
        if group is None or code != NONE:
            self._effects.respond(caller.reply, sync_refused(code))
            return
        member = group.members[request.member_id]
        self._rebalance.sync_received(group, request.member_id)
        if group.state is GroupState.STABLE:
            self._effects.respond(caller.reply, synced(group, member))
            return
        # A sync that is sent again takes the place of the one that is parked.
        self._rebalance.answer_sync(member, sync_refused(errors.RebalanceInProgress.code))
        member.awaiting_sync = caller.reply
        if group.is_leader(member.member_id):
            shares = {each.member_id: bytes(each.assignment) for each in request.assignments}
            self._store_assignment(group, {member_id: shares.get(member_id, b"") for member_id in group.members})

    def _why_not_sync(self, group: ClassicGroup | None, request: SyncGroupRequest) -> int:
        if group is None or group.state is GroupState.EMPTY:
            return errors.UnknownMemberId.code
        if group.state is GroupState.DEAD:
            return errors.CoordinatorNotAvailable.code
        try:
            group.check_member(request.member_id, request.group_instance_id)
        except KafkaError as error:
            return error.code
        if request.generation_id != group.generation_id:
            return errors.IllegalGeneration.code
        if request.protocol_type is not None and request.protocol_type != group.protocol_type:
            return errors.InconsistentGroupProtocol.code
        if request.protocol_name is not None and request.protocol_name != group.protocol_name:
            return errors.InconsistentGroupProtocol.code
        if group.state is GroupState.PREPARING_REBALANCE:
            return errors.RebalanceInProgress.code
        return NONE

    def _store_assignment(self, group: ClassicGroup, shares: dict[str, bytes]) -> None:
        generation_id = group.generation_id

        def stored(error: KafkaError | None) -> None:
            if group.state is not GroupState.COMPLETING_REBALANCE or group.generation_id != generation_id:
                return
            if error is not None:
                self._rebalance.reset_assignments(group, as_group_error(error).code)
                self._rebalance.begin(group, f"{error.name} while storing the assignment")
                return
            self._rebalance.assign(group, shares)
            group.transition_to(GroupState.STABLE, self._effects.now_ms)
            self._rebalance.note(
                "GroupStable", group, f"{group.leader_id} assigned {in_words(group.protocol_type, shares)}"
            )

        self._rebalance.persist(group, shares).then(stored)

    # Staying alive

    def heartbeat(self, group: ClassicGroup | None, request: HeartbeatRequest, caller: Caller) -> None:
        self._effects.respond(caller.reply, HeartbeatResponse(error_code=self._beat(group, request)))

    def _beat(self, group: ClassicGroup | None, request: HeartbeatRequest) -> int:
        if group is None:
            return errors.UnknownMemberId.code
        if group.state is GroupState.DEAD:
            return errors.CoordinatorNotAvailable.code
        try:
            group.check_member(request.member_id, request.group_instance_id)
        except KafkaError as error:
            return error.code
        if request.generation_id != group.generation_id:
            return errors.IllegalGeneration.code
        self._rebalance.extend_session(group, group.members[request.member_id])
        return errors.RebalanceInProgress.code if group.state is GroupState.PREPARING_REBALANCE else NONE

    def session_expired(self, group: ClassicGroup, member_id: str) -> None:
        if group.state is GroupState.DEAD:
            return
        because = f"session of {member_id} expired"
        if member_id in group.pending_joins:
            group.remove(member_id)
            self._rebalance.note("MemberExpired", group, because)
            self._rebalance.complete_if_ready(group, because)
            return
        member = group.members.get(member_id)
        if member is None or member.is_excused:
            return
        self._rebalance.dismiss(group, member)
        self._rebalance.note("MemberExpired", group, because)
        if group.state is GroupState.PREPARING_REBALANCE:
            self._rebalance.complete_if_ready(group, because)
        else:
            self._rebalance.begin_or_complete(group, because)

    # Leaving

    def leave(self, group: ClassicGroup | None, request: LeaveGroupRequest, caller: Caller) -> None:
        if group is not None and group.state is GroupState.DEAD:
            response = LeaveGroupResponse(error_code=errors.CoordinatorNotAvailable.code)
            self._effects.respond(caller.reply, response)
            return
        codes = [self._leave_one(group, identity) for identity in request.members]
        response = LeaveGroupResponse(
            members=[
                MemberResponse(
                    member_id=identity.member_id, group_instance_id=identity.group_instance_id, error_code=code
                )
                for identity, code in zip(request.members, codes, strict=True)
            ]
        )
        persisting = self._after_leave(group, request, codes)
        if persisting is None:
            self._effects.respond(caller.reply, response)
        else:
            persisting.then(lambda error: self._left(caller, response, error))

    def _left(self, caller: Caller, response: LeaveGroupResponse, error: KafkaError | None) -> None:
        if error is not None:
            response = LeaveGroupResponse(error_code=as_group_error(error).code)
        self._effects.respond(caller.reply, response)

    def _leave_one(self, group: ClassicGroup | None, identity: MemberIdentity) -> int:
        """Take one member out; its id may be empty when an administrator names it by its instance id."""
        if group is None:
            return errors.UnknownMemberId.code
        member_id, instance_id = identity.member_id, identity.group_instance_id
        if not member_id and instance_id is not None:
            member_id = group.static_members.get(instance_id, "")
        if member_id in group.pending_joins:
            group.remove(member_id)
            self._effects.cancel_timer(session_key(group, member_id))
        else:
            try:
                group.check_member(member_id, instance_id)
            except KafkaError as error:
                return error.code
            self._rebalance.dismiss(group, group.members[member_id])
        self._rebalance.note("MemberLeft", group, _leave_of(member_id, identity))
        return NONE

    def _after_leave(
        self, group: ClassicGroup | None, request: LeaveGroupRequest, codes: list[int]
    ) -> Persisting | None:
        left = [identity for identity, code in zip(request.members, codes, strict=True) if code == NONE]
        if group is None or not left or group.state is GroupState.EMPTY:
            return None
        because = ", ".join(_leave_of(each.member_id or each.group_instance_id or "", each) for each in left)
        return self._rebalance.begin_or_complete(group, because)


def _leave_of(name: str, identity: MemberIdentity) -> str:
    return f"leave of {name}: {identity.reason}" if identity.reason else f"leave of {name}"
