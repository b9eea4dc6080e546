"""LeaveGroup, key 13, versions 0 to 5: members leave, or are removed by an administrator, at once.

Versions: 0 to 2 name one member, whose error is the response's; from 3 on several, each by its id, or a static one by
its instance id alone; 5 takes a reason.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.coordinator_requests import ask_group
from actors.node.authorizer import READ, group
from actors.runtime import Coroutine
from kstore.errors import GroupAuthorizationFailed, InvalidGroupId, KafkaError
from kstore.schema.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse

API_KEY = 13
VERSIONS = (0, 5)

NAMES_SEVERAL = 3
MEMBERS_AT_ONCE = 1_000


def handle(call: Call) -> Coroutine:
    request: LeaveGroupRequest = call.request
    if not call.authorize(READ, group(request.group_id)):
        return LeaveGroupResponse(error_code=GroupAuthorizationFailed.code)
    if not request.group_id:
        return LeaveGroupResponse(error_code=InvalidGroupId.code)
    names_several = call.version >= NAMES_SEVERAL
    if not names_several:
        members = [MemberIdentity(member_id=request.member_id)]
        request = LeaveGroupRequest(group_id=request.group_id, members=members)
    answers: list[MemberResponse] = []
    for start in range(0, len(request.members) or 1, MEMBERS_AT_ONCE):
        members = request.members[start : start + MEMBERS_AT_ONCE]
        part = LeaveGroupRequest(group_id=request.group_id, members=members)
        outcome = yield from ask_group(call, request.group_id, part)
        if isinstance(outcome, KafkaError):
            return LeaveGroupResponse(error_code=outcome.code)
        if outcome.error_code:
            return outcome
        answers += outcome.members
    return (
        LeaveGroupResponse(members=answers) if names_several else LeaveGroupResponse(error_code=answers[0].error_code)
    )
