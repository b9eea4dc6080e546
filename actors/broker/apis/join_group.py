"""JoinGroup, key 11, versions 0 to 9: become a member of a group, or take part in its next generation.

The response waits until all members have joined, or for the group's rebalance timeout. The group's coordinator
must be on this node (NOT_COORDINATOR) and have loaded its groups (COORDINATOR_LOAD_IN_PROGRESS).

Versions: 0 has no rebalance timeout, so the session timeout is used; from 4 on a new dynamic member is first given an
id (MEMBER_ID_REQUIRED); 5 adds static members; before 7 a missing protocol name is an empty string; 8 adds a reason;
from 9 on the response can tell the leader to skip the assignment.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.coordinator_requests import ask_group
from actors.node.authorizer import READ, group
from actors.runtime import Coroutine
from kstore.errors import GroupAuthorizationFailed, InvalidGroupId, KafkaError
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupResponse

API_KEY = 11
VERSIONS = (0, 9)

PROTOCOL_MAY_BE_NULL = 7


def handle(call: Call) -> Coroutine:
    request: JoinGroupRequest = call.request
    outcome: JoinGroupResponse | KafkaError
    if not call.authorize(READ, group(request.group_id)):
        outcome = JoinGroupResponse(error_code=GroupAuthorizationFailed.code, protocol_name=None)
    elif request.group_id:
        outcome = yield from ask_group(call, request.group_id, request)
    else:
        outcome = InvalidGroupId()
    if isinstance(outcome, KafkaError):
        outcome = JoinGroupResponse(error_code=outcome.code, member_id=request.member_id, protocol_name=None)
    if call.version < PROTOCOL_MAY_BE_NULL and outcome.protocol_name is None:
        outcome.protocol_name = ""
    return outcome
