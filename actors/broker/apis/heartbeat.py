"""Heartbeat, key 12, versions 0 to 4: a member shows that it lives, and learns of a rebalance.

A coordinator that is still loading its groups answers without an error, as no session runs yet.

Versions: 3 knows static members.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.coordinator_requests import pass_to_group
from actors.node.authorizer import READ, group
from kstore.errors import CoordinatorLoadInProgress, GroupAuthorizationFailed, InvalidGroupId, KafkaError
from kstore.schema.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kstore.schema.struct import Message

API_KEY = 12
VERSIONS = (0, 4)


def handle(call: Call) -> Message | None:
    request: HeartbeatRequest = call.request
    if not call.authorize(READ, group(request.group_id)):
        return HeartbeatResponse(error_code=GroupAuthorizationFailed.code)
    if not request.group_id:
        return HeartbeatResponse(error_code=InvalidGroupId.code)
    return pass_to_group(call, request.group_id, request, _answered)


def _answered(outcome: Message | KafkaError) -> Message:
    if isinstance(outcome, CoordinatorLoadInProgress):
        return HeartbeatResponse()
    return HeartbeatResponse(error_code=outcome.code) if isinstance(outcome, KafkaError) else outcome
