"""JoinGroup: who may come in, under which id, and whether the group must rebalance for it.

A dynamic client without an id gets one and, from version 4 on, must come back with it before it counts (so that a join
that is retried leaves no ghost behind): until then it is a pending member, dropped after a session timeout. A static
client without an id takes the place of the member that held its instance id; in a stable group whose protocol that
doesn't change, it gets the old assignment back without a rebalance.
"""

from collections.abc import Callable

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller
from actors.groups.appends import GroupAppends
from actors.groups.classic.append_purposes import Replacement
from actors.groups.classic.group import ClassicGroup
from actors.groups.classic.member import ClassicMember, Protocols, protocols_of
from actors.groups.classic.rebalance import ClassicRebalance, join_refused, joined, sync_refused
from actors.groups.classic.record import record_of
from actors.groups.classic.states import GroupState
from actors.groups.settings import NEW_MEMBER_JOIN_TIMEOUT_MS, GroupSettings
from actors.groups.timers import session_key
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupResponse

REQUIRES_KNOWN_MEMBER_ID = 4
SKIPS_ASSIGNMENT = 9

STRING_BYTES_MAX = 32_767
"""As long as a string of the protocol may be; a member's id is made of one that the client chose, and a UUID."""


class Joining:
    """Answers JoinGroup: by members with an id and without, dynamic and static."""

    def __init__(
        self, rebalance: ClassicRebalance, appends: GroupAppends, settings: GroupSettings, new_uuid: Callable[[], str]
    ) -> None:
        self._rebalance = rebalance
        self._appends = appends
        self._settings = settings
        self._new_uuid = new_uuid

    def join(self, group: ClassicGroup, request: JoinGroupRequest, caller: Caller, event: Event) -> None:
        """Handle a JoinGroup, as a join of a new member, of one with a new id, or as a rejoin."""
        protocols = protocols_of((each.name, each.metadata) for each in request.protocols)
        if not self._has_room(group, request.member_id):
            self._turn_away(group, request, caller, event)
        elif group.state is GroupState.DEAD:
            self._refuse(caller, request.member_id, errors.CoordinatorNotAvailable.code, event)
        elif not group.supports(request.protocol_type, protocols):
            self._refuse(caller, request.member_id, errors.InconsistentGroupProtocol.code, event)
        elif not request.member_id:
            self._join_without_id(group, request, protocols, caller, event)
        elif request.member_id in group.pending_joins and request.group_instance_id is None:
            self._add(group, request, protocols, caller, request.member_id, event)
        else:
            self._rejoin(group, request, protocols, caller, event)

    def _turn_away(self, group: ClassicGroup, request: JoinGroupRequest, caller: Caller, event: Event) -> None:
        event.cancel_timer(session_key(group.group_id, request.member_id))
        group.remove(request.member_id)
        self._refuse(caller, "", errors.GroupMaxSizeReached.code, event)
        self._rebalance.complete_if_all_joined(group, f"no room for {request.member_id or 'a new member'}", event)

    def _refuse(self, caller: Caller, member_id: str, code: int, event: Event) -> None:
        event.respond(caller.reply, join_refused(member_id, code))

    def _has_room(self, group: ClassicGroup, member_id: str) -> bool:
        """While members gather, those that have come count: so the last to rejoin an overfull group stay out."""
        limit = self._settings.group_max_size
        member = group.members.get(member_id)
        match group.state:
            case GroupState.EMPTY | GroupState.DEAD:
                return True
            case GroupState.PREPARING_REBALANCE:
                return (member is not None and member.awaiting_join is not None) or group.awaiting_join_count < limit
            case _:
                return member is not None or len(group.members) < limit

    def _join_without_id(
        self, group: ClassicGroup, request: JoinGroupRequest, protocols: Protocols, caller: Caller, event: Event
    ) -> None:
        instance_id = request.group_instance_id
        member_id = f"{caller.client_id if instance_id is None else instance_id}-{self._new_uuid()}"
        if len(member_id.encode()) > STRING_BYTES_MAX:
            # Neither an answer nor the log could carry it; the code is Kafka's, which fails over it later.
            self._refuse(caller, "", errors.UnknownServerError.code, event)
            return
        old_id = None if instance_id is None else group.static_members.get(instance_id)
        if old_id is not None:
            self._replace_static(group, request, protocols, caller, old_id, member_id, event)
        elif instance_id is None and caller.version >= REQUIRES_KNOWN_MEMBER_ID:
            group.expect(member_id)
            event.set_timer(session_key(group.group_id, member_id), request.session_timeout_ms)
            self._refuse(caller, member_id, errors.MemberIdRequired.code, event)
        else:
            self._add(group, request, protocols, caller, member_id, event)

    def _add(
        self,
        group: ClassicGroup,
        request: JoinGroupRequest,
        protocols: Protocols,
        caller: Caller,
        member_id: str,
        event: Event,
    ) -> None:
        member = ClassicMember(
            member_id,
            group_instance_id=request.group_instance_id,
            client_id=caller.client_id,
            client_host=caller.client_host,
            rebalance_timeout_ms=_rebalance_timeout_ms(request, caller),
            session_timeout_ms=request.session_timeout_ms,
            protocol_type=request.protocol_type,
            protocols=protocols,
        )
        member.is_new = True
        if group.state is GroupState.PREPARING_REBALANCE and group.previous_state is GroupState.EMPTY:
            group.gained_member = True
        group.add(member, caller.reply)
        because = _because(f"join of {member_id}", request)
        self._rebalance.note("MemberJoined", group, because, event)
        # It can't send heartbeats before it knows its id, and a client that gave up and tried again would leave one
        # more such member each time: this is what ends them.
        group.extend_session(member, event, NEW_MEMBER_JOIN_TIMEOUT_MS)
        self._rebalance.begin_or_complete(group, because, event)

    def _rejoin(
        self, group: ClassicGroup, request: JoinGroupRequest, protocols: Protocols, caller: Caller, event: Event
    ) -> None:
        try:
            group.check_member(request.member_id, request.group_instance_id)
        except KafkaError as error:
            self._refuse(caller, request.member_id, error.code, event)
            return
        member = group.members[request.member_id]
        is_unchanged = member.protocols == protocols
        match group.state:
            case GroupState.EMPTY:
                self._refuse(caller, request.member_id, errors.UnknownMemberId.code, event)
            case GroupState.COMPLETING_REBALANCE if is_unchanged:
                event.respond(caller.reply, joined(group, member))
            case GroupState.STABLE if is_unchanged and not group.is_leader(member.member_id):
                event.respond(caller.reply, joined(group, member))
            case _:
                self._update(group, member, request, protocols, caller, event)

    def _update(
        self,
        group: ClassicGroup,
        member: ClassicMember,
        request: JoinGroupRequest,
        protocols: Protocols,
        caller: Caller,
        event: Event,
    ) -> None:
        """A rejoin that moves the group: during a rebalance, with other protocols, or of a stable group's leader."""
        if group.state is GroupState.STABLE and group.is_leader(member.member_id):
            because = _because(f"rejoin of the leader {member.member_id}", request)
        else:
            because = _because(f"rejoin of {member.member_id}", request)
        self._take(group, member, request, protocols, caller, event)
        if group.state is GroupState.PREPARING_REBALANCE:
            self._rebalance.note("MemberRejoined", group, because, event)
        self._rebalance.begin_or_complete(group, because, event)

    def _take(
        self,
        group: ClassicGroup,
        member: ClassicMember,
        request: JoinGroupRequest,
        protocols: Protocols,
        caller: Caller,
        event: Event,
    ) -> None:
        """Make the request the member's parked join; an earlier one of the same member, retried, is let go."""
        if member.awaiting_join is not None:
            refusal = join_refused(member.member_id, errors.RebalanceInProgress.code)
            self._rebalance.answer_join(group, member, refusal, event)
        group.update(
            member,
            protocols,
            rebalance_timeout_ms=_rebalance_timeout_ms(request, caller),
            session_timeout_ms=request.session_timeout_ms,
        )
        group.park_join(member, caller.reply)

    def _replace_static(
        self,
        group: ClassicGroup,
        request: JoinGroupRequest,
        protocols: Protocols,
        caller: Caller,
        old_id: str,
        new_id: str,
        event: Event,
    ) -> None:
        instance_id = request.group_instance_id
        assert instance_id is not None
        old_leader_id = group.leader_id
        old = group.members[old_id]
        self._fence(group, old, event)
        member = group.rename_static(instance_id, old_id, new_id)
        group.extend_session(member, event)
        self._take(group, member, request, protocols, caller, event)
        because = _because(f"join of static {instance_id} as {new_id} in place of {old_id}", request)
        self._rebalance.note("MemberReplaced", group, because, event)
        if group.state is GroupState.STABLE and group.protocol_name == group.select_protocol():
            assignments = {each.member_id: each.assignment for each in group.members.values()}
            purpose = Replacement(group, member, old, old_leader_id, group.generation_id, caller.version)
            self._appends.begin([record_of(group, assignments)], event, purpose=purpose)
        elif group.state is GroupState.PREPARING_REBALANCE:
            self._rebalance.complete_if_all_joined(group, because, event)
        else:
            # In a stable group the protocol changes; in a completing one the leader may be about to give an assignment
            # to the old id, and the new one would get none.
            self._rebalance.begin(group, because, event)

    def _fence(self, group: ClassicGroup, old: ClassicMember, event: Event) -> None:
        code = errors.FencedInstanceId.code
        self._rebalance.answer_join(group, old, join_refused(old.member_id, code), event)
        self._rebalance.answer_sync(old, sync_refused(code), event)
        event.cancel_timer(session_key(group.group_id, old.member_id))

    def replaced(self, done: Replacement, event: Event) -> None:
        """A replacement is in the log: its client is let in."""
        group, member = done.group, done.member
        if group.members.get(member.member_id) is not member:
            return
        if done.version >= SKIPS_ASSIGNMENT:
            is_leader = group.is_leader(member.member_id)
            self._rebalance.answer_join(group, member, joined(group, member, skip_assignment=is_leader), event)
        else:
            # Before version 9 nobody can be told "you lead, but assign nothing": the old leader's id makes the new
            # one a follower, who syncs to get its assignment.
            self._rebalance.answer_join(group, member, _as_follower(group, member, done.old_leader_id), event)

    def not_replaced(self, undone: Replacement, error: KafkaError, event: Event) -> None:
        """A replacement couldn't be written: the old member has its place again, unless another one took it since, or
        the new one was in the next generation.
        """
        group, member, old = undone.group, undone.member, undone.old
        for append in self._appends.all():
            if isinstance(append.purpose, Replacement) and append.purpose.old is member:
                append.purpose = append.purpose._replace(old=old)
        if group.members.get(member.member_id) is not member or group.generation_id != undone.generation_id:
            return
        assert member.group_instance_id is not None
        self._rebalance.answer_join(group, member, join_refused("", error.code), event)
        event.cancel_timer(session_key(group.group_id, member.member_id))
        group.update(
            member,
            old.protocols,
            rebalance_timeout_ms=old.rebalance_timeout_ms,
            session_timeout_ms=old.session_timeout_ms,
        )
        restored = group.rename_static(member.group_instance_id, member.member_id, old.member_id)
        group.extend_session(restored, event)
        self._rebalance.note("ReplacementUndone", group, f"{error.name} while storing {member.member_id}", event)

    def not_replaced_in_time(self, late: Replacement, error: KafkaError, event: Event) -> None:
        """Whether a replacement is in the log will still be known; its client may come again until then."""
        if late.group.members.get(late.member.member_id) is late.member:
            self._rebalance.answer_join(late.group, late.member, join_refused("", error.code), event)


def _as_follower(group: ClassicGroup, member: ClassicMember, old_leader_id: str | None) -> JoinGroupResponse:
    return JoinGroupResponse(
        generation_id=group.generation_id,
        protocol_type=group.protocol_type,
        protocol_name=group.protocol_name,
        leader=old_leader_id or "",
        member_id=member.member_id,
    )


def _rebalance_timeout_ms(request: JoinGroupRequest, caller: Caller) -> int:
    """Version 0 has no such field: the session timeout stands in."""
    return request.session_timeout_ms if caller.version == 0 else request.rebalance_timeout_ms


def _because(cause: str, request: JoinGroupRequest) -> str:
    return f"{cause}: {request.reason}" if request.reason else cause
