"""OffsetDelete, key 47, version 0: delete a group's committed offsets of some partitions; its coordinator does it.

Answered when the deletion is committed in the log. A topic that a consumer group with members reads is
GROUP_SUBSCRIBED_TO_TOPIC; for a group with members of another protocol type, the whole request is NON_EMPTY_GROUP.
"""

from __future__ import annotations

from typing import TypeAlias

from actors.broker.call import Call
from actors.broker.coordinator_requests import ask_group
from actors.broker.slices import portions
from actors.node.authorizer import DELETE, READ, group
from actors.node.authorizer import topic as of_topic
from actors.runtime import Coroutine
from kstore.errors import GroupAuthorizationFailed, KafkaError, TopicAuthorizationFailed, UnknownTopicOrPartition
from kstore.schema.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)

API_KEY = 47
VERSIONS = (0, 0)

Portion: TypeAlias = list[tuple[OffsetDeleteRequestTopic, list[OffsetDeleteRequestPartition]]]


def handle(call: Call) -> Coroutine:
    request: OffsetDeleteRequest = call.request
    if not call.authorize(DELETE, group(request.group_id)):
        return OffsetDeleteResponse(error_code=GroupAuthorizationFailed.code)
    missing: dict[str, OffsetDeleteResponseTopic] = {}
    deleted: dict[str, OffsetDeleteResponseTopic] = {}
    nothing: Portion = []
    for portion in portions(request.topics, lambda topic: topic.partitions) if request.topics else [nothing]:
        existing = _existing(call, portion, missing)
        known = OffsetDeleteRequest(group_id=request.group_id, topics=existing)
        outcome = yield from ask_group(call, known.group_id, known)
        if isinstance(outcome, KafkaError):
            return OffsetDeleteResponse(error_code=outcome.code)
        if outcome.error_code:
            return outcome
        for topic in outcome.topics:
            _answer(deleted, topic.name).partitions += topic.partitions
    for name, topic in deleted.items():
        _answer(missing, name).partitions += topic.partitions
    return OffsetDeleteResponse(topics=list(missing.values()))


def _answer(answers: dict[str, OffsetDeleteResponseTopic], name: str) -> OffsetDeleteResponseTopic:
    found = answers.get(name)
    if found is None:
        found = answers[name] = OffsetDeleteResponseTopic(name=name)
    return found


def _existing(
    call: Call, portion: Portion, missing: dict[str, OffsetDeleteResponseTopic]
) -> list[OffsetDeleteRequestTopic]:
    """The partitions of a portion that exist and may be read; the others are refused in ``missing``."""
    existing: list[OffsetDeleteRequestTopic] = []
    for topic, partitions in portion:
        found = call.view.image.topic(topic.name)
        error = UnknownTopicOrPartition.code
        if not call.authorize(READ, of_topic(topic.name)):
            found, error = None, TopicAuthorizationFailed.code
        numbers = {} if found is None else found.partitions
        known = [each for each in partitions if each.partition_index in numbers]
        if known:
            existing.append(OffsetDeleteRequestTopic(name=topic.name, partitions=known))
        if len(known) < len(partitions) or found is None:
            _answer(missing, topic.name).partitions += [
                OffsetDeleteResponsePartition(partition_index=each.partition_index, error_code=error)
                for each in partitions
                if each.partition_index not in numbers
            ]
    return existing
