"""OffsetDelete, key 47, version 0: forget what a group has committed for some partitions, by its coordinator.

Answered when the deletion is committed in the log. What a consumer group with members reads is
GROUP_SUBSCRIBED_TO_TOPIC; a group with members of another kind is NON_EMPTY_GROUP, for the request as a whole.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.groups.asking import ask_coordinator, client_of
from actors.groups.messages import DeleteOffsets
from actors.runtime import Conversation
from kstore.errors import KafkaError, UnknownTopicOrPartition
from kstore.schema.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)

API_KEY = 47
VERSIONS = (0, 0)


def handle(call: Call) -> Conversation:
    request: OffsetDeleteRequest = call.request
    missing, existing = _sorted_out(call, request)
    known = OffsetDeleteRequest(group_id=request.group_id, topics=existing)
    outcome = yield from ask_coordinator(call, request.group_id, DeleteOffsets(known, client_of(call)))
    if isinstance(outcome, KafkaError):
        outcome = OffsetDeleteResponse(error_code=outcome.code)
    if outcome.error_code or not missing:
        return outcome
    answers = {topic.name: topic for topic in missing}
    for topic in outcome.topics:
        answers.setdefault(topic.name, OffsetDeleteResponseTopic(name=topic.name)).partitions += topic.partitions
    return OffsetDeleteResponse(topics=list(answers.values()))


def _sorted_out(
    call: Call, request: OffsetDeleteRequest
) -> tuple[list[OffsetDeleteResponseTopic], list[OffsetDeleteRequestTopic]]:
    """What doesn't exist, as it is refused, and what does."""
    missing: list[OffsetDeleteResponseTopic] = []
    existing: list[OffsetDeleteRequestTopic] = []
    for topic in request.topics:
        found = call.view.image.topic(topic.name)
        numbers = {} if found is None else found.partitions
        known = [each for each in topic.partitions if each.partition_index in numbers]
        if known:
            existing.append(OffsetDeleteRequestTopic(name=topic.name, partitions=known))
        if len(known) < len(topic.partitions) or found is None:
            answers = [
                OffsetDeleteResponsePartition(
                    partition_index=each.partition_index, error_code=UnknownTopicOrPartition.code
                )
                for each in topic.partitions
                if each.partition_index not in numbers
            ]
            missing.append(OffsetDeleteResponseTopic(name=topic.name, partitions=answers))
    return missing, existing
