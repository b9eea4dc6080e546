"""SyncGroup, key 14, versions 0 to 5: members get their assignments; the leader sends all of them.

Followers wait for the leader's sync, and all wait until the assignment is committed in the log.

Versions: 3 adds static members; 5 must name the protocol and its type, and the response has them.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.coordinator_requests import ask_group
from actors.node.authorizer import READ, group
from actors.runtime import Coroutine
from kstore.errors import GroupAuthorizationFailed, InconsistentGroupProtocol, InvalidGroupId, KafkaError
from kstore.schema.messages.sync_group import SyncGroupRequest, SyncGroupResponse

API_KEY = 14
VERSIONS = (0, 5)

MUST_NAME_PROTOCOL = 5


def handle(call: Call) -> Coroutine:
    request: SyncGroupRequest = call.request
    if call.version >= MUST_NAME_PROTOCOL and (request.protocol_type is None or request.protocol_name is None):
        return SyncGroupResponse(error_code=InconsistentGroupProtocol.code)
    if not call.authorize(READ, group(request.group_id)):
        return SyncGroupResponse(error_code=GroupAuthorizationFailed.code)
    if not request.group_id:
        return SyncGroupResponse(error_code=InvalidGroupId.code)
    outcome = yield from ask_group(call, request.group_id, request)
    return SyncGroupResponse(error_code=outcome.code) if isinstance(outcome, KafkaError) else outcome
