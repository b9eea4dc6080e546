"""ConsumerGroupDescribe, key 69, versions 0 and 1: state, epochs and members of consumer groups.

A group of another kind, or none, is answered with GROUP_ID_NOT_FOUND. The client's allowed operations are included if
asked for.

Versions: 1 says of each member which protocol it speaks.
"""

from __future__ import annotations

from actors.broker.call import PAUSE, Call
from actors.broker.coordinator_requests import coordinator_here, settled, submitted
from actors.image.topic_names import OFFSETS_TOPIC
from actors.node.authorizer import DESCRIBE, group
from actors.runtime import Ask, Coroutine
from actors.runtime.limits import REQUEST_ELEMENTS_MAX
from kstore.errors import GroupAuthorizationFailed, KafkaError, PolicyViolation
from kstore.schema.messages.consumer_group_describe import (
    ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse,
    DescribedGroup,
)

API_KEY = 69
VERSIONS = (0, 1)

GROUPS_AT_ONCE = 250
MEMBERS_MAX = REQUEST_ELEMENTS_MAX
"""Of one response: a request may name one group many times, each for a few bytes."""


def handle(call: Call) -> Coroutine:
    request: ConsumerGroupDescribeRequest = call.request
    found: dict[str, DescribedGroup] = {}
    described: list[DescribedGroup] = []
    members = 0
    for start in range(0, len(request.group_ids), GROUPS_AT_ONCE):
        if start:
            yield PAUSE
        names = request.group_ids[start : start + GROUPS_AT_ONCE]
        yield from _describe(call, [name for name in dict.fromkeys(names) if name not in found], found)
        for name in names:
            members += len(found[name].members)
            described.append(found[name] if members <= MEMBERS_MAX else _refused(name, PolicyViolation()))
    return ConsumerGroupDescribeResponse(groups=described)


def _describe(call: Call, names: list[str], found: dict[str, DescribedGroup]) -> Coroutine:
    """Ask the coordinators of these groups, and keep their answers."""
    asks: dict[str, Ask] = {}
    for name in names:
        if not call.authorize(DESCRIBE, group(name)):
            found[name] = _refused(name, GroupAuthorizationFailed())
            continue
        try:
            message = submitted(call, ConsumerGroupDescribeRequest(group_ids=[name]))
            asks[name] = Ask(coordinator_here(call.view, OFFSETS_TOPIC, name), message)
        except KafkaError as error:
            found[name] = _refused(name, error)
    outcomes = yield list(asks.values())
    for name, outcome in zip(asks, outcomes, strict=True):
        answer = settled(outcome)
        found[name] = _refused(name, answer) if isinstance(answer, KafkaError) else answer.groups[0]
        if call.request.include_authorized_operations and not found[name].error_code:
            found[name].authorized_operations = call.operations_allowed(group(name))


def _refused(group_id: str, error: KafkaError) -> DescribedGroup:
    return DescribedGroup(group_id=group_id, error_code=error.code, error_message=error.message)
