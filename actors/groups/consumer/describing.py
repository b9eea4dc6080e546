"""What ConsumerGroupDescribe tells of a group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from actors.groups.consumer.group import ConsumerGroup
from actors.groups.consumer.member import ConsumerMember
from actors.groups.consumer.records import by_topic
from actors.groups.topics import Topics
from kstore import errors
from kstore.errors.base import bounded
from kstore.log.names import TopicIdAndPartition
from kstore.schema.messages.consumer_group_describe import Assignment, DescribedGroup, Member, TopicPartitions

if TYPE_CHECKING:
    from actors.groups.consumer.heartbeat import Heartbeats
    from actors.groups.group_interface import Group

CLASSIC_MEMBER, CONSUMER_MEMBER = 0, 1
"""Members by the protocol that they speak."""


def describe(group_id: str, group: Group | None, topics: Topics, heartbeats: Heartbeats) -> DescribedGroup:
    """A group as it is in the log; GROUP_ID_NOT_FOUND if there is no consumer group of this name, and INVALID_GROUP_ID
    without a name.
    """
    if not group_id:
        return DescribedGroup(group_id=group_id, error_code=errors.InvalidGroupId.code)
    if not isinstance(group, ConsumerGroup) or not group.is_committed:
        words = "not found" if group is None or not group.is_committed else "is not a consumer group"
        return DescribedGroup(
            group_id=group_id,
            error_code=errors.GroupIdNotFound.code,
            error_message=bounded(f"Group {group_id} {words}."),
        )
    return DescribedGroup(
        group_id=group_id,
        group_state=group.shown_state,
        group_epoch=group.epoch,
        assignment_epoch=group.assignment_epoch,
        assignor_name=heartbeats.assignor_of(group.members.values()),
        members=[_member(group, member, topics) for member in group.members.values()],
    )


def _member(group: ConsumerGroup, member: ConsumerMember, topics: Topics) -> Member:
    return Member(
        member_id=member.member_id,
        instance_id=member.instance_id,
        rack_id=member.rack_id,
        member_epoch=member.epoch,
        client_id=member.client_id,
        client_host=member.client_host,
        subscribed_topic_names=list(member.topics),
        subscribed_topic_regex=member.regex,
        assignment=_assignment((*member.assigned, *member.revoking), topics),
        target_assignment=_assignment(group.target(member.member_id), topics),
        member_type=CONSUMER_MEMBER if member.classic is None else CLASSIC_MEMBER,
    )


def _assignment(partitions: Iterable[TopicIdAndPartition], topics: Topics) -> Assignment:
    """By topic; those of topics that are gone aren't told."""
    named = [(topics.name_of(topic_id), topic_id, numbers) for topic_id, numbers in by_topic(partitions).items()]
    return Assignment(
        topic_partitions=[
            TopicPartitions(topic_id=topic_id, topic_name=name, partitions=numbers)
            for name, topic_id, numbers in named
            if name is not None
        ]
    )
