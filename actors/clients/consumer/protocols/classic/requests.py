"""What a member of a classic group asks its coordinator, and what it makes of other members' words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.clients.consumer.assignors import (
    COOPERATIVE,
    Assignments,
    Assignor,
    CooperativeStickyAssignor,
    MemberSubscription,
)
from actors.clients.consumer.assignors.wire import decode_subscription, encode_assignment, encode_subscription
from actors.clients.errors import ClientError
from kstore.errors import InconsistentGroupProtocol
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse
from kstore.schema.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kstore.schema.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

if TYPE_CHECKING:
    from actors.clients.consumer.protocols.classic.membership import Membership

PROTOCOL_TYPE = "consumer"


def join_request(
    membership: Membership, *, session_timeout_ms: int, rebalance_timeout_ms: int, rack: str | None
) -> JoinGroupRequest:
    owned = tuple(membership.subscription.partitions)
    topics = tuple(sorted(membership.subscription.topics))
    protocols = [
        JoinGroupRequestProtocol(
            name=name,
            metadata=encode_subscription(
                MemberSubscription(topics, assignor.user_data(topics), owned, membership.generation, rack)
            ),
        )
        for name, assignor in membership.assignors.items()
    ]
    return JoinGroupRequest(
        group_id=membership.group,
        session_timeout_ms=session_timeout_ms,
        rebalance_timeout_ms=rebalance_timeout_ms,
        member_id=membership.member_id,
        group_instance_id=membership.instance,
        protocol_type=PROTOCOL_TYPE,
        protocols=protocols,
        reason=membership.reason,
    )


def sync_request(membership: Membership, shares: Assignments) -> SyncGroupRequest:
    return SyncGroupRequest(
        group_id=membership.group,
        generation_id=membership.generation,
        member_id=membership.member_id,
        group_instance_id=membership.instance,
        protocol_type=PROTOCOL_TYPE,
        protocol_name=membership.protocol,
        assignments=[
            SyncGroupRequestAssignment(member_id=member, assignment=encode_assignment(partitions))
            for member, partitions in shares.items()
        ],
    )


def heartbeat_request(membership: Membership) -> HeartbeatRequest:
    return HeartbeatRequest(
        group_id=membership.group,
        generation_id=membership.generation,
        member_id=membership.member_id,
        group_instance_id=membership.instance,
    )


def leave_request(membership: Membership, reason: str) -> LeaveGroupRequest:
    member = MemberIdentity(member_id=membership.member_id, group_instance_id=None, reason=reason)
    return LeaveGroupRequest(group_id=membership.group, members=[member])


def members_of(joined: JoinGroupResponse) -> dict[str, MemberSubscription]:
    """What the members have said, by their ids, as the group's leader is told."""
    return {
        each.member_id: decode_subscription(bytes(each.metadata))._replace(instance=each.group_instance_id)
        for each in joined.members
    }


def shares_of(
    membership: Membership, members: dict[str, MemberSubscription], partitions: dict[str, int]
) -> Assignments:
    """Who reads what, as the group's leader decides it. Raises ``ClientError`` if the assignor can't."""
    assignor = assignor_of(membership, membership.protocol)
    try:
        shares = assignor.assign({topic: count for topic, count in partitions.items() if count}, members)
    except Exception as error:  # a user's own assignor, perhaps: poll() tells
        raise ClientError(f"the assignor {assignor.name} failed: {error!r}") from error
    if membership.kind == COOPERATIVE and not isinstance(assignor, CooperativeStickyAssignor):
        check_nothing_moves_at_once(assignor, members, shares)
    return shares


def assignor_of(membership: Membership, protocol: str) -> Assignor:
    """The assignor that the group has chosen."""
    assignor = membership.assignors.get(protocol)
    if assignor is None:
        raise InconsistentGroupProtocol(f"the group chose {protocol!r}, which this member didn't offer")
    return assignor


def check_nothing_moves_at_once(
    assignor: Assignor, members: dict[str, MemberSubscription], shares: Assignments
) -> None:
    """A user's cooperative assignor must not give away what another member still has."""
    owner = {partition: member for member, said in members.items() for partition in said.owned}
    for member, partitions in shares.items():
        for partition in partitions:
            if owner.get(partition, member) != member:
                raise ClientError(
                    f"the assignor {assignor.name} gives {partition} to {member} while {owner[partition]} has it: a "
                    "cooperative assignor lets it be revoked first"
                )
