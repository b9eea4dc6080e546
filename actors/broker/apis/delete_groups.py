"""DeleteGroups, key 42, versions 0 to 3: delete groups without members, and all their committed offsets.

Answered when the deletion is committed in the log. A group with members is NON_EMPTY_GROUP.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.coordinator_requests import coordinator_here, settled, submitted
from actors.broker.slices import sliced
from actors.image.topic_names import OFFSETS_TOPIC
from actors.node.authorizer import DELETE, group
from actors.runtime import Ask, Coroutine, Ref
from kstore.errors import GroupAuthorizationFailed, KafkaError
from kstore.schema.messages.delete_groups import DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse

API_KEY = 42
VERSIONS = (0, 3)

GROUPS_AT_ONCE = 200


def handle(call: Call) -> Coroutine:
    request: DeleteGroupsRequest = call.request
    results: list[DeletableGroupResult] = []
    by_coordinator: dict[Ref, list[str]] = {}

    refused: list[DeletableGroupResult] = []

    def sort_out(group_id: str) -> None:
        if not call.authorize(DELETE, group(group_id)):
            refused.append(DeletableGroupResult(group_id=group_id, error_code=GroupAuthorizationFailed.code))
            return
        try:
            by_coordinator.setdefault(coordinator_here(call.view, OFFSETS_TOPIC, group_id), []).append(group_id)
        except KafkaError as error:
            results.append(DeletableGroupResult(group_id=group_id, error_code=error.code))

    yield from sliced(list(dict.fromkeys(request.groups_names)), sort_out)
    asked = [
        (ref, names[start : start + GROUPS_AT_ONCE])
        for ref, names in by_coordinator.items()
        for start in range(0, len(names), GROUPS_AT_ONCE)
    ]
    outcomes = yield [Ask(ref, submitted(call, DeleteGroupsRequest(groups_names=names))) for ref, names in asked]
    for (_, names), outcome in zip(asked, outcomes, strict=True):
        answer = settled(outcome)
        if isinstance(answer, KafkaError):
            results += [DeletableGroupResult(group_id=name, error_code=answer.code) for name in names]
        else:
            results += answer.results
    return DeleteGroupsResponse(results=results + refused)
