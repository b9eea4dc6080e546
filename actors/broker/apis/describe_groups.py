"""DescribeGroups, key 15, versions 0 to 6: state and members of groups, from their coordinators.

Only stable groups are described with members' metadata. The client's allowed operations are included if asked for (from
3 on). The coordinator isn't asked about a group that the client may not describe.

Versions: 4 shows static members; before 6 an unknown group is described as Dead, from 6 on it is an error.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.group_descriptions import descriptions
from actors.runtime import Coroutine
from kstore.errors import KafkaError
from kstore.schema.messages.describe_groups import DescribedGroup, DescribeGroupsRequest, DescribeGroupsResponse

API_KEY = 15
VERSIONS = (0, 6)


def handle(call: Call) -> Coroutine:
    request: DescribeGroupsRequest = call.request
    groups = yield from descriptions(call, request.groups, lambda name: DescribeGroupsRequest(groups=[name]), _refused)
    return DescribeGroupsResponse(groups=groups)


def _refused(group_id: str, error: KafkaError) -> DescribedGroup:
    return DescribedGroup(group_id=group_id, error_code=error.code)
