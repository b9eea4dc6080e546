"""ConsumerGroupDescribe, key 69, versions 0 and 1: state, epochs and members of consumer groups.

A group of another kind, or none, is answered with GROUP_ID_NOT_FOUND. The client's allowed operations are included if
asked for.

Versions: 1 says of each member which protocol it speaks.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.group_descriptions import descriptions
from actors.broker.group_protocols import serves_consumer_groups
from actors.runtime import Coroutine
from kstore.errors import KafkaError, UnsupportedVersion
from kstore.schema.messages.consumer_group_describe import (
    ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse,
    DescribedGroup,
)

API_KEY = 69
VERSIONS = (0, 1)


def handle(call: Call) -> Coroutine:
    request: ConsumerGroupDescribeRequest = call.request
    if not serves_consumer_groups(call.view):
        off = [DescribedGroup(group_id=name, error_code=UnsupportedVersion.code) for name in request.group_ids]
        return ConsumerGroupDescribeResponse(groups=off)
    groups = yield from descriptions(
        call, request.group_ids, lambda name: ConsumerGroupDescribeRequest(group_ids=[name]), _refused
    )
    return ConsumerGroupDescribeResponse(groups=groups)


def _refused(group_id: str, error: KafkaError) -> DescribedGroup:
    return DescribedGroup(group_id=group_id, error_code=error.code)
