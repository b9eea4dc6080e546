"""ListGroups, key 16, versions 0 to 5: the groups whose coordinators are on this node.

A client that wants all groups asks every broker. While one of the coordinators is loading, the whole response is
COORDINATOR_LOAD_IN_PROGRESS, because an incomplete list would look complete. A client that may not describe the cluster
gets the groups that it may describe.

Versions: from 4 on filtered by state, from 5 on by type (there are only classic groups).
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.coordinator_requests import settled, submitted
from actors.broker.slices import sliced
from actors.image.topic_names import OFFSETS_TOPIC
from actors.node.authorizer import CLUSTER, DESCRIBE, group
from actors.runtime import Ask, Coroutine
from kstore.errors import KafkaError, NotCoordinator
from kstore.schema.messages.list_groups import ListedGroup, ListGroupsRequest, ListGroupsResponse

API_KEY = 16
VERSIONS = (0, 5)


def handle(call: Call) -> Coroutine:
    request: ListGroupsRequest = call.request
    sees_all = call.authorize(DESCRIBE, CLUSTER)
    message = submitted(call, request)
    here = [ref for (topic, _), ref in sorted(call.view.coordinators.items()) if topic == OFFSETS_TOPIC]
    outcomes = yield [Ask(coordinator, message) for coordinator in here]
    groups: list[ListedGroup] = []
    for outcome in outcomes:
        answer = settled(outcome)
        if isinstance(answer, NotCoordinator):
            continue  # it moved away meanwhile, and its groups with it
        if isinstance(answer, KafkaError):
            return ListGroupsResponse(error_code=answer.code)
        groups += answer.groups
    if not sees_all:
        seen = yield from sliced(groups, lambda each: call.authorize(DESCRIBE, group(each.group_id)))
        groups = [each for each, is_seen in zip(groups, seen, strict=True) if is_seen]
    return ListGroupsResponse(groups=groups)
