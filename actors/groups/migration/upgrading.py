"""A classic group with members, as the consumer group that it becomes: Kafka's ``ConsumerGroup.fromClassicGroup``.

Its generation becomes the group epoch and everybody's member epoch, and its assignment is both what the members have
and their target. Members go on with the classic protocol until they are told to join again.
"""

from __future__ import annotations

from actors.groups.classic.group import ClassicGroup
from actors.groups.classic.member import ClassicMember
from actors.groups.classic.states import GroupState
from actors.groups.classic.subscriptions import CONSUMER_PROTOCOL_TYPE
from actors.groups.consumer.draft import Draft
from actors.groups.consumer.group import FOUNDING_EPOCH, ConsumerGroup
from actors.groups.consumer.member import ClassicClient, ConsumerMember
from actors.groups.consumer.records import (
    assignment_epoch_record,
    current_record,
    group_record,
    member_record,
    target_record,
)
from actors.groups.consumer.slices import whole
from actors.groups.migration.embedded_protocol import assignment_of, partitions_of, subscription_of
from actors.groups.records import ConsumerGroupRecord
from actors.groups.settings import GroupSettings
from actors.groups.topics import Topics
from kstore.errors import GroupIdNotFound, UnknownServerError
from kstore.log.names import TopicIdAndPartition
from kstore.schema.errors import SchemaError

UNSEEN = 0
"""The hash of no topics."""


def check_upgrade(group: ClassicGroup, settings: GroupSettings) -> None:
    """Raise GroupIdNotFound for a group that can't become a consumer group."""
    if not settings.group_consumer_migration_policy.can_upgrade:
        why = "online upgrade is disabled"
    elif group.protocol_type != CONSUMER_PROTOCOL_TYPE:
        why = "the group does not use the consumer embedded protocol"
    elif len(group.members) > settings.group_consumer_max_size:
        why = "the group size exceeds the consumer group maximum size"
    else:
        return
    raise GroupIdNotFound(f"Cannot upgrade classic group {group.group_id} to consumer group because {why}.")


def upgraded(group: ClassicGroup, topics: Topics, now_ms: int) -> list[ConsumerGroupRecord]:
    """The records of the consumer group.

    Raises:
        GroupIdNotFound: what a member subscribes to, or was assigned, isn't in a known format.
        UnknownServerError: a partition was assigned twice.
    """
    try:
        members = [_member(member, group, topics) for member in group.members.values()]
    except SchemaError:
        raise GroupIdNotFound(
            f"Cannot upgrade classic group {group.group_id} to consumer group because the embedded consumer protocol "
            "is malformed."
        ) from None
    held = [each for member in members for each in member.assigned]
    if len(set(held)) < len(held):
        raise UnknownServerError(f"In classic group {group.group_id} a partition is assigned to two members.")
    made = ConsumerGroup(group.group_id)
    records = [member_record(group.group_id, member) for member in members]
    for record in records:
        made.apply(record)
    epoch = _epoch(group)
    # In the middle of a rebalance the assignment isn't that of all members: as the group has seen no topics, a new one
    # is made at once. Kafka makes none if the member that joins takes over from a static one.
    topics_hash = whole(Draft(made, topics, now_ms).hash_topics()) if group.state is GroupState.STABLE else UNSEEN
    return [
        *records,
        group_record(group.group_id, epoch, topics_hash),
        *[target_record(group.group_id, member.member_id, frozenset(member.assigned)) for member in members],
        assignment_epoch_record(group.group_id, epoch, 0),
        *[current_record(group.group_id, member) for member in members],
    ]


def _member(member: ClassicMember, group: ClassicGroup, topics: Topics) -> ConsumerMember:
    subscription = subscription_of(member.metadata(_protocol_name(group)))
    return ConsumerMember(
        member.member_id,
        instance_id=member.group_instance_id,
        rack_id=subscription.rack_id or None,
        client_id=member.client_id,
        client_host=member.client_host,
        topics=tuple(sorted(set(subscription.topics))),
        rebalance_timeout_ms=member.rebalance_timeout_ms,
        epoch=_epoch(group),
        previous_epoch=_epoch(group),
        assigned=dict.fromkeys(_assigned(member, group, topics), _epoch(group)),
        classic=ClassicClient(member.session_timeout_ms, member.protocols),
    )


def _epoch(group: ClassicGroup) -> int:
    """The generation. A group in its first rebalance, which Kafka doesn't upgrade, has none: a member with epoch 0
    would be one that joins.
    """
    return max(group.generation_id, FOUNDING_EPOCH)


def _protocol_name(group: ClassicGroup) -> str:
    """That of the generation, unless there is none yet, or a member that has joined since doesn't speak it."""
    name = group.protocol_name
    return name if name is not None and group.supporters.get(name) == len(group.members) else group.select_protocol()


def _assigned(member: ClassicMember, group: ClassicGroup, topics: Topics) -> list[TopicIdAndPartition]:
    """What the member has; nothing if it has joined and never synced."""
    if not member.assignment:
        return []
    assignment = assignment_of(member.assignment)
    if assignment.user_data:
        raise GroupIdNotFound(
            f"Cannot upgrade classic group {group.group_id} to consumer group because an unsupported custom assignor "
            "is in use. Please refer to the documentation or switch to a default assignor before re-attempting the "
            "upgrade."
        )
    return partitions_of(assignment.assigned_partitions, topics)
