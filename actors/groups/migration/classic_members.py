"""JoinGroup, SyncGroup, Heartbeat and LeaveGroup of members of the classic protocol in a consumer group.

To its client such a member is in a classic group that another one leads: its member epoch is its generation. Each
JoinGroup is a step toward the target assignment, and SyncGroup tells what the member has by then. When there is more to
do, it is told to join again by REBALANCE_IN_PROGRESS. The checks and their order are Kafka's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.groups.appends import AppendResponse
from actors.groups.classic.rebalance import join_refused
from actors.groups.classic.subscriptions import CONSUMER_PROTOCOL_TYPE
from actors.groups.consumer.member import ClassicClient, ConsumerMember, MemberState
from actors.groups.consumer.sessions import await_rejoin, note_synced, start_session
from actors.groups.migration.embedded_protocol import encoded_assignment
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.errors import SchemaError
from kstore.schema.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kstore.schema.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse
from kstore.schema.messages.sync_group import SyncGroupRequest, SyncGroupResponse

if TYPE_CHECKING:
    from actors.coordinator.event import Event
    from actors.coordinator.shard import Caller
    from actors.groups.consumer.consumer_groups import ConsumerGroups
    from actors.groups.consumer.group import ConsumerGroup
    from actors.groups.long_work import LongWork
    from actors.groups.migration.classic_joining import ClassicJoining, Joined
    from actors.groups.topics import Topics
    from kstore.schema.messages.join_group import JoinGroupRequest


class ClassicMembers:
    """Answers members of the classic protocol in consumer groups that have no change under way."""

    def __init__(self, consumer: ConsumerGroups, joining: ClassicJoining, topics: Topics, work: LongWork) -> None:
        self._consumer = consumer
        self._work = work
        self._joining = joining
        self._topics = topics

    def join(self, group: ConsumerGroup, request: JoinGroupRequest, caller: Caller, event: Event) -> None:
        """Take a JoinGroup, and answer it once what it changes is in the log."""
        self._work.begin(
            group.group_id,
            self._joining.join(group, request, caller, event.now_ms),
            lambda joined, event: self._joined(group, joined, caller, event),
            lambda error, event: event.respond(caller.reply, join_refused("", error.code)),
            event,
        )

    def _joined(self, group: ConsumerGroup, joined: Joined, caller: Caller, event: Event) -> None:
        answer = AppendResponse(caller.reply, joined.response)
        if joined.downgrade is not None:
            self._consumer.write_downgrade(joined.downgrade, event, answer)
        elif joined.step is not None and joined.step.records:
            self._consumer.write(group, joined.step, event, answer)
        else:
            if joined.step is not None:
                self._consumer.settled(group, joined.step, event)
            event.respond(*answer)

    def sync(self, group: ConsumerGroup, request: SyncGroupRequest, caller: Caller, event: Event) -> None:
        """Tell a member what it has."""
        member, client = _checked(group, request)
        name = client.protocols[0][0]
        if request.protocol_type not in (None, CONSUMER_PROTOCOL_TYPE) or request.protocol_name not in (None, name):
            raise errors.InconsistentGroupProtocol(
                f"The protocol of {member.member_id}'s request isn't the one that it was told: {name}."
            )
        # One that has partitions to give up has joined again already: it goes on to that first.
        if group.assignment_epoch > member.epoch and member.state is not MemberState.UNREVOKED_PARTITIONS:
            await_rejoin(group, member, event)
            raise errors.RebalanceInProgress(
                f"A new rebalance is triggered in group {group.group_id} and member {member.member_id} should rejoin "
                "to catch up."
            )
        try:
            assignment = encoded_assignment(member.assigned, self._topics, client.protocols[0][1])
        except SchemaError:
            raise errors.UnknownServerError("Malformed embedded consumer protocol in the subscription.") from None
        note_synced(group, member, event)
        start_session(group, member, event)
        response = SyncGroupResponse(
            protocol_type=request.protocol_type, protocol_name=request.protocol_name, assignment=assignment
        )
        event.respond(caller.reply, response)

    def heartbeat(self, group: ConsumerGroup, request: HeartbeatRequest, caller: Caller, event: Event) -> None:
        """Take a sign of life, and tell the member whether it is to join again: when there is another target, when it
        has partitions to give up, or when those that it waits for are free.
        """
        member, _ = _checked(group, request)
        start_session(group, member, event)
        is_to_rejoin = (
            member.epoch < group.assignment_epoch
            or member.state is MemberState.UNREVOKED_PARTITIONS
            or (member.state is MemberState.UNRELEASED_PARTITIONS and not _is_waiting(group, member))
        )
        if is_to_rejoin:
            await_rejoin(group, member, event)
        code = errors.RebalanceInProgress.code if is_to_rejoin else errors.NONE
        event.respond(caller.reply, HeartbeatResponse(error_code=code))
        self._consumer.refresh(group, member, event)

    def leave(self, group: ConsumerGroup, request: LeaveGroupRequest, caller: Caller, event: Event) -> None:
        """Remove the members that a LeaveGroup names, whatever they speak; answered once that is in the log."""
        gone: dict[str, ConsumerMember] = {}
        answers: list[MemberResponse] = []
        for identity in request.members:
            code = errors.NONE
            try:
                member = _leaving(group, identity)
                gone[member.member_id] = member
            except KafkaError as error:
                code = error.code
            answers.append(
                MemberResponse(
                    member_id=identity.member_id, group_instance_id=identity.group_instance_id, error_code=code
                )
            )
        response = LeaveGroupResponse(members=answers)
        if not gone:
            event.respond(caller.reply, response)
            return
        because = ", ".join(f"{member_id} left" for member_id in gone)
        self._consumer.remove(group, list(gone.values()), because, event, AppendResponse(caller.reply, response))


def _checked(
    group: ConsumerGroup, request: SyncGroupRequest | HeartbeatRequest
) -> tuple[ConsumerMember, ClassicClient]:
    """The member that asks, which must be at its present generation.

    Raises:
        UnknownMemberId: it isn't in the group, or speaks the consumer protocol.
        FencedInstanceId: another member has its instance id.
        IllegalGeneration: its generation isn't its member epoch.
    """
    if request.group_instance_id is None:
        member = group.member(request.member_id)
    else:
        member = group.member_of_instance(request.group_instance_id, request.member_id)
    if member.classic is None:
        raise errors.UnknownMemberId(f"Member {member.member_id} does not use the classic protocol.")
    if member.epoch != request.generation_id:
        raise errors.IllegalGeneration(
            f"The request generation id {request.generation_id} is not equal to the member epoch {member.epoch} of "
            f"member {member.member_id}."
        )
    return member, member.classic


def _is_waiting(group: ConsumerGroup, member: ConsumerMember) -> bool:
    """Whether a partition of the member's target is still another's."""
    return any(each in group.owners for each in group.target(member.member_id) if each not in member.assigned)


def _leaving(group: ConsumerGroup, identity: MemberIdentity) -> ConsumerMember:
    """The member to remove; its id may be empty when an administrator names it by its instance id."""
    instance_id = identity.group_instance_id
    if instance_id is None:
        return group.member(identity.member_id)
    member_id = identity.member_id or group.static_members.get(instance_id, "")
    return group.member_of_instance(instance_id, member_id)
