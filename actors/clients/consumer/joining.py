"""Joining a group: JoinGroup, the leader's assignment, SyncGroup; tried again as the Java client does.

What passes is tried again here, with ``prepared`` kept: the listener isn't called again. What doesn't is raised, and
the user's poll() tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.clients.consumer.assignors import (
    COOPERATIVE,
    Assignments,
    Assignor,
    CooperativeStickyAssignor,
    MemberSubscription,
)
from actors.clients.consumer.assignors.wire import (
    decode_assignment,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)
from actors.clients.consumer.offsets import GROUP
from actors.clients.conversation import SendTo
from actors.clients.errors import ClientError
from actors.clients.structs import TopicPartition
from actors.runtime.conversation import Eventually
from kstore.errors import (
    CoordinatorLoadInProgress,
    IllegalGeneration,
    InconsistentGroupProtocol,
    KafkaError,
    MemberIdRequired,
    RebalanceInProgress,
    UnknownMemberId,
    for_code,
)
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse
from kstore.schema.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse

if TYPE_CHECKING:
    from actors.clients.consumer.membership import Membership

PROTOCOL_TYPE = "consumer"
SLACK_MS = 5_000  # what an answer may take beyond the time that others have to join


def join(membership: Membership) -> Eventually[tuple[TopicPartition, ...]]:
    """Become a member with an assignment; the assignment. Raises what doesn't pass."""
    attempt = 0
    while True:
        try:
            return (yield from join_once(membership))
        except (MemberIdRequired, UnknownMemberId, IllegalGeneration, RebalanceInProgress) as error:
            membership.reason = f"rebalance failed due to {java_name(error)}"
            attempt = 0
        except KafkaError as error:
            if not error.retriable:
                raise
            if not isinstance(error, CoordinatorLoadInProgress):
                membership.actor.forget_coordinator(membership.group)
            membership.reason = f"rebalance failed due to {java_name(error)}"
            yield membership.actor.backoff(attempt)
            attempt += 1


def java_name(error: KafkaError) -> str:
    """What Kafka's Java client calls an error, which is what stands in a reason."""
    return f"{type(error).__name__}Exception"


def join_once(membership: Membership) -> Eventually[tuple[TopicPartition, ...]]:
    """One JoinGroup and one SyncGroup."""
    actor = membership.actor
    config = actor.config
    node = yield from actor.coordinator(membership.group)
    membership.joined_topics = actor.subscription.topics
    membership.counted = None
    timeout_ms = max(config.request_timeout_ms, config.max_poll_interval_ms + SLACK_MS)
    joined = yield SendTo(node, join_request(membership), timeout_ms, GROUP)
    raise_error_of(joined, "JOIN_GROUP", membership)
    membership.reason = ""
    membership.was_welcomed(joined.member_id, joined.generation_id, joined.protocol_name or "")
    shares: Assignments = {}
    if joined.leader == joined.member_id:
        shares = yield from share_out(membership, joined)
    synced = yield SendTo(node, sync_request(membership, shares), purpose=GROUP)
    raise_error_of(synced, "SYNC_GROUP", membership)
    if synced.protocol_name is not None and synced.protocol_name not in ("", membership.protocol):
        raise InconsistentGroupProtocol(f"the group agreed on {membership.protocol}, then on {synced.protocol_name}")
    return decode_assignment(bytes(synced.assignment))


def join_request(membership: Membership) -> JoinGroupRequest:
    actor = membership.actor
    owned = tuple(actor.subscription.partitions)
    topics = tuple(sorted(actor.subscription.topics))
    protocols = [
        JoinGroupRequestProtocol(
            name=name,
            metadata=encode_subscription(
                MemberSubscription(
                    topics, assignor.user_data(topics), owned, membership.generation, actor.config.client_rack or None
                )
            ),
        )
        for name, assignor in membership.assignors.items()
    ]
    return JoinGroupRequest(
        group_id=membership.group,
        session_timeout_ms=actor.config.session_timeout_ms,
        rebalance_timeout_ms=actor.config.max_poll_interval_ms,
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


def raise_error_of(
    answer: JoinGroupResponse | SyncGroupResponse | KafkaError, api: str, membership: Membership
) -> None:
    """Raise an answer's error, once the membership has drawn its own conclusions."""
    error = answer if isinstance(answer, KafkaError) else for_code(answer.error_code) if answer.error_code else None
    if error is None:
        return
    if isinstance(error, MemberIdRequired) and isinstance(answer, JoinGroupResponse):
        membership.member_id = answer.member_id
    elif isinstance(error, (UnknownMemberId, IllegalGeneration)):
        membership.lost_while_joining(error)
    raise error


def share_out(membership: Membership, joined: JoinGroupResponse) -> Eventually[Assignments]:
    """As the group's leader: decide who reads what. A static leader that comes back shares out nothing (KIP-814)."""
    actor = membership.actor
    assignor = membership.assignors.get(joined.protocol_name or "")
    if assignor is None:
        raise InconsistentGroupProtocol(f"the group chose {joined.protocol_name!r}, which this member didn't offer")
    members = {
        each.member_id: decode_subscription(bytes(each.metadata))._replace(instance=each.group_instance_id)
        for each in joined.members
    }
    topics = sorted({topic for member in members.values() for topic in member.topics})
    if any(topic not in actor.view.topics for topic in topics):
        yield from actor.metadata.refresh(topics)
    actor.take_interest(topics)
    membership.counted = actor.count_partitions(topics)
    if joined.skip_assignment:
        return {}
    partitions = {topic: count for topic, count in membership.counted.items() if count}
    try:
        shares = assignor.assign(partitions, members)
    except Exception as error:  # a user's own assignor, perhaps: poll() tells
        raise ClientError(f"the assignor {assignor.name} failed: {error!r}") from error
    if membership.kind == COOPERATIVE and not isinstance(assignor, CooperativeStickyAssignor):
        check_nothing_moves_at_once(assignor, members, shares)
    return shares


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
