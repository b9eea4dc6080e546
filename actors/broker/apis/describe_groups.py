"""DescribeGroups, key 15, versions 0 to 6: state and members of groups, from their coordinators.

Only stable groups are described with members' metadata. The client's allowed operations are included if asked for (from
3 on). The coordinator isn't asked about a group that the client may not describe.

Versions: 4 shows static members; before 6 an unknown group is described as Dead, from 6 on it is an error.
"""

from __future__ import annotations

from actors.broker.call import PAUSE, Call
from actors.broker.coordinator_requests import coordinator_here, settled, submitted
from actors.image.topic_names import OFFSETS_TOPIC
from actors.node.authorizer import DESCRIBE, group
from actors.runtime import Ask, Coroutine
from actors.runtime.limits import REQUEST_ELEMENTS_MAX
from kstore.errors import GroupAuthorizationFailed, KafkaError, PolicyViolation
from kstore.schema.messages.describe_groups import DescribedGroup, DescribeGroupsRequest, DescribeGroupsResponse

API_KEY = 15
VERSIONS = (0, 6)

GROUPS_AT_ONCE = 250
MEMBERS_MAX = REQUEST_ELEMENTS_MAX
"""Of one response: a request may name one group many times, each for a few bytes."""


def handle(call: Call) -> Coroutine:
    request: DescribeGroupsRequest = call.request
    found: dict[str, DescribedGroup] = {}
    described: list[DescribedGroup] = []
    members = 0
    for start in range(0, len(request.groups), GROUPS_AT_ONCE):
        if start:
            yield PAUSE
        names = request.groups[start : start + GROUPS_AT_ONCE]
        yield from _describe(call, [name for name in dict.fromkeys(names) if name not in found], found)
        for name in names:
            members += len(found[name].members)
            described.append(found[name] if members <= MEMBERS_MAX else _refused(name, PolicyViolation()))
    return DescribeGroupsResponse(groups=described)


def _describe(call: Call, names: list[str], found: dict[str, DescribedGroup]) -> Coroutine:
    """Ask the coordinators of these groups, and keep their answers."""
    asks: dict[str, Ask] = {}
    for name in names:
        if not call.authorize(DESCRIBE, group(name)):
            found[name] = _refused(name, GroupAuthorizationFailed())
            continue
        try:
            asks[name] = Ask(
                coordinator_here(call.view, OFFSETS_TOPIC, name), submitted(call, DescribeGroupsRequest(groups=[name]))
            )
        except KafkaError as error:
            found[name] = _refused(name, error)
    outcomes = yield list(asks.values())
    for name, outcome in zip(asks, outcomes, strict=True):
        answer = settled(outcome)
        found[name] = _refused(name, answer) if isinstance(answer, KafkaError) else answer.groups[0]
        if call.request.include_authorized_operations and not found[name].error_code:
            found[name].authorized_operations = call.operations_allowed(group(name))


def _refused(group_id: str, error: KafkaError) -> DescribedGroup:
    return DescribedGroup(group_id=group_id, error_code=error.code)
