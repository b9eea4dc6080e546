"""What a ConsumerGroupHeartbeat must have in it, before any group is looked at. The words are Kafka's."""

from __future__ import annotations

from actors.groups.consumer.member import JOINING, LEAVING, LEAVING_FOR_NOW
from actors.groups.settings import GroupSettings
from kstore.errors import InvalidRequest, UnsupportedAssignor
from kstore.schema.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest

CLIENTS_MAKE_MEMBER_IDS = 1
"""From this version on the client makes the member id."""

TOPICS_MAX = 10_000
"""That a member may subscribe to by name."""


def check_heartbeat(request: ConsumerGroupHeartbeatRequest, version: int, settings: GroupSettings) -> None:
    """Raise InvalidRequest or UnsupportedAssignor for a heartbeat that no group could take."""
    needs_member = version >= CLIENTS_MAKE_MEMBER_IDS or request.member_epoch > 0 or request.member_epoch == LEAVING
    if needs_member:
        _not_blank(request.member_id, "MemberId")
    _not_blank(request.group_id, "GroupId")
    for text, name in ((request.instance_id, "InstanceId"), (request.rack_id, "RackId")):
        if text is not None:
            _not_blank(text, name)
    if request.member_epoch == JOINING:
        _check_joining(request)
    elif request.member_epoch == LEAVING_FOR_NOW and request.instance_id is None:
        raise InvalidRequest("InstanceId can't be null.")
    elif request.member_epoch < LEAVING_FOR_NOW:
        raise InvalidRequest("MemberEpoch is invalid.")
    if len(request.subscribed_topic_names or ()) > TOPICS_MAX:
        raise InvalidRequest(f"SubscribedTopicNames can't have more than {TOPICS_MAX} names.")
    assignors = settings.group_consumer_assignors
    if request.server_assignor is not None and request.server_assignor not in assignors:
        raise UnsupportedAssignor(
            f"ServerAssignor {request.server_assignor} is not supported. Supported assignors: {', '.join(assignors)}."
        )


def _not_blank(text: str, name: str) -> None:
    if not text.strip():
        raise InvalidRequest(f"{name} can't be empty.")


def _check_joining(request: ConsumerGroupHeartbeatRequest) -> None:
    if request.rebalance_timeout_ms == -1:
        raise InvalidRequest("RebalanceTimeoutMs must be provided in first request.")
    if request.topic_partitions is None or request.topic_partitions:
        raise InvalidRequest("TopicPartitions must be empty when (re-)joining.")
    if request.subscribed_topic_names is None and request.subscribed_topic_regex is None:
        raise InvalidRequest("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")
