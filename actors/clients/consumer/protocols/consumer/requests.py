"""The heartbeats of a member of a group of the consumer protocol, and what their answers say. Pure.

A heartbeat says who it is of, and beside that only what has changed since the last one; after an error, and to join,
all. So does the Java client's ``ConsumerHeartbeatRequestManager.HeartbeatState``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.clients.consumer.protocols.consumer.membership import JOIN_EPOCH, JOINING
from kstore.schema.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatRequestTopicPartitions,
)

if TYPE_CHECKING:
    from actors.clients.consumer.protocols.consumer.membership import Membership, Share
    from actors.clients.keywords.table import ConsumerConfig
    from kstore.schema.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatResponse


def heartbeat_request(membership: Membership, config: ConsumerConfig) -> ConsumerGroupHeartbeatRequest:
    """What there is to say now."""
    joins = membership.state == JOINING
    whole = joins or membership.tells_all
    request = ConsumerGroupHeartbeatRequest(
        group_id=membership.group,
        member_id=membership.member_id,
        member_epoch=JOIN_EPOCH if joins else membership.epoch,
        instance_id=membership.instance,
    )
    if whole:
        request.rebalance_timeout_ms = config.max_poll_interval_ms
        request.server_assignor = config.group_remote_assignor
        request.rack_id = config.client_rack or None
    if whole or membership.tells_subscription:
        request.subscribed_topic_names = sorted(membership.subscription.topics)
        request.subscribed_topic_regex = membership.subscription.regex
    if whole or membership.tells_taken:
        request.topic_partitions = [
            ConsumerGroupHeartbeatRequestTopicPartitions(topic_id=topic, partitions=list(numbers))
            for topic, numbers in ({} if joins else membership.taken or {}).items()
        ]
    return request


def leave_request(membership: Membership) -> ConsumerGroupHeartbeatRequest:
    return ConsumerGroupHeartbeatRequest(
        group_id=membership.group,
        member_id=membership.member_id,
        member_epoch=membership.leave_epoch,
        instance_id=membership.instance,
    )


def share_in(answer: ConsumerGroupHeartbeatResponse) -> Share | None:
    """What the coordinator assigns; None if that is as before."""
    if answer.assignment is None:
        return None
    return {bytes(each.topic_id): tuple(sorted(each.partitions)) for each in answer.assignment.topic_partitions}
