"""Admin calls for groups: list, describe and delete them, and remove their members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from actors.clients.actor import ClientActor
from actors.clients.admin.asking import (
    at_brokers,
    at_coordinator,
    at_coordinators,
    in_rounds,
    outcome_of,
    settled,
)
from actors.clients.admin.descriptions import GroupDescription, GroupListing, MemberDescription, MemberToRemove
from actors.clients.coroutine import SendTo
from actors.clients.structs import TopicPartition
from actors.runtime.coroutine import Eventually
from kstore.errors import GroupIdNotFound, KafkaError, UnsupportedVersion, for_code
from kstore.errors.arguments import listed, shown, text, whole
from kstore.schema import decode
from kstore.schema.messages.consumer_group_describe import ConsumerGroupDescribeRequest
from kstore.schema.messages.consumer_group_describe import DescribedGroup as DescribedConsumerGroup
from kstore.schema.messages.consumer_protocol import ConsumerProtocolAssignment, ConsumerProtocolSubscription
from kstore.schema.messages.delete_groups import DeleteGroupsRequest
from kstore.schema.messages.describe_groups import DescribedGroup, DescribedGroupMember, DescribeGroupsRequest
from kstore.schema.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse
from kstore.schema.messages.list_groups import ListedGroup, ListGroupsRequest, ListGroupsResponse

P = TypeVar("P", ConsumerProtocolAssignment, ConsumerProtocolSubscription)

CONSUMER = "consumer"
REMOVED = "member was removed by an admin"
"""Kafka's own words for who gives no reason."""


def list_groups(
    actor: ClientActor, broker_ids: Sequence[int] | None, states: Sequence[str], types: Sequence[str]
) -> Eventually[list[GroupListing]]:
    """The groups that brokers coordinate, by their names."""
    request = ListGroupsRequest(states_filter=list(states), types_filter=list(types))

    def judge(answer: ListGroupsResponse) -> list[ListedGroup] | KafkaError:
        return outcome_of(answer.error_code, answer.groups)

    told = yield from at_brokers(actor, broker_ids, request, judge)
    by_id = {each.group_id: each for node_id, groups in told.items() for each in _listed(groups, node_id)}
    return [by_id[group_id] for group_id in sorted(by_id)]


def _listed(groups: Iterable[ListedGroup], node_id: int) -> list[GroupListing]:
    return [
        GroupListing(each.group_id, each.protocol_type, each.group_state, each.group_type, node_id) for each in groups
    ]


def describe(actor: ClientActor, group_ids: Sequence[str]) -> Eventually[dict[str, GroupDescription]]:
    """Groups with their members: as classic groups, and those that aren't any as consumer groups."""

    def ask(node_id: int, groups: list[str]) -> Eventually[Mapping[str, GroupDescription | KafkaError]]:
        answer = yield SendTo(node_id, DescribeGroupsRequest(groups=groups))
        if isinstance(answer, KafkaError):
            return dict.fromkeys(groups, answer)
        found = {each.group_id: _described(each, node_id) for each in answer.groups}
        others = [group_id for group_id, outcome in found.items() if isinstance(outcome, GroupIdNotFound)]
        if others:
            found.update((yield from _consumer_groups(node_id, others)))
        return found

    def one_round(left: list[str]) -> Eventually[Mapping[str, GroupDescription | KafkaError]]:
        return (yield from at_coordinators(actor, left, ask))

    return (yield from in_rounds(actor, group_ids, one_round))


def _consumer_groups(node_id: int, groups: list[str]) -> Eventually[Mapping[str, GroupDescription | KafkaError]]:
    """Those of the groups that are consumer groups; none where the broker doesn't serve these."""
    answer = yield SendTo(node_id, ConsumerGroupDescribeRequest(group_ids=groups))
    if isinstance(answer, UnsupportedVersion):
        return {}
    if isinstance(answer, KafkaError):
        return dict.fromkeys(groups, answer)
    return {
        each.group_id: _described_consumer_group(each, node_id)
        for each in answer.groups
        if each.error_code not in (GroupIdNotFound.code, UnsupportedVersion.code)
    }


def _described_consumer_group(group: DescribedConsumerGroup, node_id: int) -> GroupDescription | KafkaError:
    if group.error_code:
        return for_code(group.error_code, group.error_message)
    members = [
        MemberDescription(
            member.member_id,
            member.instance_id,
            member.client_id,
            member.client_host,
            tuple(member.subscribed_topic_names),
            tuple(
                TopicPartition(topic.topic_name, number)
                for topic in member.assignment.topic_partitions
                for number in topic.partitions
            ),
            member.subscribed_topic_regex or "",
        )
        for member in group.members
    ]
    return GroupDescription(
        group.group_id, group.group_state, CONSUMER, group.assignor_name, node_id, tuple(members), "consumer"
    )


def _described(group: DescribedGroup, node_id: int) -> GroupDescription | KafkaError:
    if group.error_code:
        return for_code(group.error_code, group.error_message)
    if group.group_state == "Dead":  # what older brokers say of a group that isn't there
        return GroupIdNotFound(f"Group {group.group_id} not found.")
    members = [_member(each, group.protocol_type == CONSUMER) for each in group.members]
    return GroupDescription(
        group.group_id, group.group_state, group.protocol_type, group.protocol_data, node_id, tuple(members), "classic"
    )


def _member(member: DescribedGroupMember, is_consumer: bool) -> MemberDescription:
    topics: tuple[str, ...] = ()
    assignment: tuple[TopicPartition, ...] = ()
    if is_consumer:
        subscribed = _decoded(ConsumerProtocolSubscription, member.member_metadata)
        assigned = _decoded(ConsumerProtocolAssignment, member.member_assignment)
        topics = () if subscribed is None else tuple(subscribed.topics)
        if assigned is not None:
            assignment = tuple(
                TopicPartition(each.topic, number)
                for each in assigned.assigned_partitions
                for number in each.partitions
            )
    return MemberDescription(
        member.member_id, member.group_instance_id, member.client_id, member.client_host, topics, assignment, ""
    )


def _decoded(kind: type[P], data: bytes) -> P | None:
    """A message of the consumer protocol behind its version; None for a client's own dialect, or nothing.

    Every version begins with the fields of version 0, which hold all that is told.
    """
    try:
        return decode(kind, 0, data, 2) if len(data) > 2 else None
    except KafkaError:
        return None


def delete(actor: ClientActor, group_ids: Sequence[str]) -> Eventually[None]:
    """Delete groups without members, and what they have committed."""

    def ask(node_id: int, groups: list[str]) -> Eventually[Mapping[str, KafkaError | None]]:
        answer = yield SendTo(node_id, DeleteGroupsRequest(groups_names=groups))
        if isinstance(answer, KafkaError):
            return dict.fromkeys(groups, answer)
        return {each.group_id: outcome_of(each.error_code, None) for each in answer.results}

    def one_round(left: list[str]) -> Eventually[Mapping[str, KafkaError | None]]:
        return (yield from at_coordinators(actor, left, ask))

    yield from in_rounds(actor, group_ids, one_round)


def to_remove(members: Iterable[MemberToRemove | str]) -> list[MemberToRemove]:
    """The members that are to leave, each once.

    Raises:
        TypeError: one is neither a member's id nor a ``MemberToRemove``.
    """
    given = listed("members", members, "ids or MemberToRemove")
    wanted = [MemberToRemove(each) if isinstance(each, str) else each for each in given]
    for each in wanted:
        if not isinstance(each, MemberToRemove):
            raise TypeError(f"each of members is an id or a MemberToRemove; got {shown(each)}")
    return list(dict.fromkeys(map(_sendable, wanted)))


def _sendable(member: MemberToRemove) -> MemberToRemove:
    return MemberToRemove(
        text("the id of each of members", member.member_id),
        text("the instance of each of members", member.group_instance_id, or_none=True),
        text("the reason of each of members", member.reason, or_none=True),
    )


def brokers(name: str, broker_ids: Iterable[int]) -> list[int]:
    """The ids of brokers."""
    return [whole(f"each of {name}", each) for each in listed(name, broker_ids, "ids")]


def remove_members(actor: ClientActor, group_id: str, members: Sequence[MemberToRemove]) -> Eventually[None]:
    """Send members of a group away."""
    request = LeaveGroupRequest(
        group_id=group_id,
        members=[
            MemberIdentity(
                member_id=each.member_id, group_instance_id=each.group_instance_id, reason=each.reason or REMOVED
            )
            for each in members
        ],
    )

    def judge(answer: LeaveGroupResponse) -> list[MemberResponse] | KafkaError:
        return outcome_of(answer.error_code, answer.members)

    answers = yield from at_coordinator(actor, group_id, request, judge)
    failed = {
        each: for_code(answer.error_code) for each, answer in zip(members, answers, strict=True) if answer.error_code
    }
    settled(list(members), {each: None for each in members if each not in failed}, failed)
