"""ConsumerGroupHeartbeat, key 68, versions 0 and 1: a member of a consumer group joins, lives and leaves (KIP-848).

Everything a member does in its group goes by this request, and everything that it is told comes in the answer.

Versions: 1 subscribes by regular expression, in RE2's syntax, and has member ids that clients make.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.coordinator_requests import pass_to_group
from actors.broker.group_protocols import serves_consumer_groups
from actors.node.authorizer import DESCRIBE, READ, group, topic
from kstore.errors import GroupAuthorizationFailed, KafkaError, TopicAuthorizationFailed, UnsupportedVersion
from kstore.schema.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
)
from kstore.schema.struct import Message

API_KEY = 68
VERSIONS = (0, 1)


def handle(call: Call) -> Message | None:
    request: ConsumerGroupHeartbeatRequest = call.request
    if not serves_consumer_groups(call.view):
        return ConsumerGroupHeartbeatResponse(error_code=UnsupportedVersion.code)
    if not call.authorize(READ, group(request.group_id)):
        return _refused(GroupAuthorizationFailed())
    if not all(call.authorize(DESCRIBE, topic(name)) for name in request.subscribed_topic_names or ()):
        return _refused(TopicAuthorizationFailed())
    return pass_to_group(call, request.group_id, request, _answered)


def _answered(outcome: Message | KafkaError) -> Message:
    return _refused(outcome) if isinstance(outcome, KafkaError) else outcome


def _refused(error: KafkaError) -> ConsumerGroupHeartbeatResponse:
    return ConsumerGroupHeartbeatResponse(error_code=error.code, error_message=error.message)
