"""DescribeGroups, key 15, versions 0 to 6: state and members of groups, by the node that coordinates them.

Members' metadata is told of stable groups only. Without an authorizer every operation on a group is
authorized, which is what is answered when asked (from 3 on).

Versions: 4 shows static members; before 6 a group that isn't there is described as Dead, from 6 on it is an error.
"""

from __future__ import annotations

from actors.broker.authorized import ON_GROUP
from actors.broker.call import Call
from actors.groups.asking import settled
from actors.groups.messages import DescribeGroup
from actors.groups.routing import coordinator_here
from actors.runtime import Ask, Conversation
from kstore.errors import KafkaError
from kstore.schema.messages.describe_groups import DescribedGroup, DescribeGroupsRequest, DescribeGroupsResponse

API_KEY = 15
VERSIONS = (0, 6)


def handle(call: Call) -> Conversation:
    request: DescribeGroupsRequest = call.request
    described: list[DescribedGroup] = []
    asks: list[Ask] = []
    asked: list[str] = []
    for group_id in request.groups:
        try:
            asks.append(Ask(coordinator_here(call.view, group_id), DescribeGroup(group_id, call.version)))
            asked.append(group_id)
        except KafkaError as error:
            described.append(_refused(group_id, error))
    outcomes = yield asks
    for group_id, outcome in zip(asked, outcomes, strict=True):
        answer = settled(outcome)
        described.append(_refused(group_id, answer) if isinstance(answer, KafkaError) else answer)
    for group in described:
        if request.include_authorized_operations and not group.error_code:
            group.authorized_operations = ON_GROUP
    return DescribeGroupsResponse(groups=described)


def _refused(group_id: str, error: KafkaError) -> DescribedGroup:
    return DescribedGroup(group_id=group_id, error_code=error.code)
