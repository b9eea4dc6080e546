"""OffsetCommit, key 8, versions 2 to 10: commit a group's offsets.

Answered when the offsets are committed in ``__consumer_offsets``. Topics and partitions that don't exist are refused
one by one; the others go to the group's coordinator. A generation below 0 means that the client assigns its partitions
itself; its group is made if it doesn't exist. Very many partitions are committed in portions, one after the other
(Kafka refuses what doesn't fit into one batch).

Versions: 2 to 4 take a retention time of their own; 6 adds leader epochs; 7 static members; 8 is the first flexible
one; from 9 on an unknown group is GROUP_ID_NOT_FOUND, before ILLEGAL_GENERATION; 10 names topics by id.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from actors.broker.call import PAUSE, Call
from actors.broker.coordinator_requests import ask_group
from actors.broker.slices import portions
from actors.node.authorizer import READ, group
from actors.node.authorizer import topic as of_topic
from actors.runtime import Conversation
from kstore.errors import (
    GroupAuthorizationFailed,
    KafkaError,
    TopicAuthorizationFailed,
    UnknownTopicId,
    UnknownTopicOrPartition,
)
from kstore.schema.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)

API_KEY = 8
VERSIONS = (2, 10)

TOPICS_BY_ID = 10

Portion: TypeAlias = list[tuple[OffsetCommitRequestTopic, list[OffsetCommitRequestPartition]]]


def handle(call: Call) -> Conversation:
    request: OffsetCommitRequest = call.request
    answers: dict[int, OffsetCommitResponseTopic] = {}  # by the topic of the request
    may_commit = call.authorize(READ, group(request.group_id))
    for number, portion in enumerate(portions(request.topics, lambda topic: topic.partitions)):
        if number:
            yield PAUSE
        if may_commit:
            yield from _commit(call, portion, answers)
        else:
            for topic, partitions in portion:
                _refuse(_answer(answers, topic), _indexes(partitions), GroupAuthorizationFailed())
    return OffsetCommitResponse(topics=list(answers.values()))


def _commit(call: Call, portion: Portion, answers: dict[int, OffsetCommitResponseTopic]) -> Conversation:
    """Commit a portion of the request, and put the results into ``answers``."""
    request: OffsetCommitRequest = call.request
    accepted: list[OffsetCommitRequestTopic] = []
    their_answers: list[OffsetCommitResponseTopic] = []
    for topic, partitions in portion:
        answer = _answer(answers, topic)
        known = _existing(call, topic, partitions, answer)
        if known is not None and known.partitions:
            accepted.append(known)
            their_answers.append(answer)
    if not accepted:
        return
    outcome = yield from ask_group(call, request.group_id, _narrowed(request, accepted))
    if isinstance(outcome, KafkaError):
        for known, answer in zip(accepted, their_answers, strict=True):
            _refuse(answer, _indexes(known.partitions), outcome)
    else:
        for found, answer in zip(outcome.topics, their_answers, strict=True):
            answer.partitions += found.partitions


def _answer(
    answers: dict[int, OffsetCommitResponseTopic], topic: OffsetCommitRequestTopic
) -> OffsetCommitResponseTopic:
    found = answers.get(id(topic))
    if found is None:
        found = answers[id(topic)] = OffsetCommitResponseTopic(name=topic.name, topic_id=topic.topic_id)
    return found


def _existing(
    call: Call,
    topic: OffsetCommitRequestTopic,
    partitions: list[OffsetCommitRequestPartition],
    answer: OffsetCommitResponseTopic,
) -> OffsetCommitRequestTopic | None:
    """The partitions of a topic that exist and may be read (name and id must match); the others are refused in the
    response.
    """
    image = call.view.image
    by_id = call.version >= TOPICS_BY_ID
    found = image.topic_by_id(topic.topic_id) if by_id else image.topic(topic.name)
    if found is None and by_id:
        _refuse(answer, _indexes(partitions), UnknownTopicId())
        return None
    if not call.authorize(READ, of_topic(topic.name if found is None else found.name)):
        _refuse(answer, _indexes(partitions), TopicAuthorizationFailed())
        return None
    if found is None:
        _refuse(answer, _indexes(partitions), UnknownTopicOrPartition())
        return None
    known = [each for each in partitions if each.partition_index in found.partitions]
    unknown = [each.partition_index for each in partitions if each.partition_index not in found.partitions]
    _refuse(answer, unknown, UnknownTopicOrPartition())
    return OffsetCommitRequestTopic(name=found.name, topic_id=found.id, partitions=known)


def _indexes(partitions: list[OffsetCommitRequestPartition]) -> list[int]:
    return [each.partition_index for each in partitions]


def _refuse(answer: OffsetCommitResponseTopic, partitions: Iterable[int], error: KafkaError) -> None:
    answer.partitions += [
        OffsetCommitResponsePartition(partition_index=partition, error_code=error.code) for partition in partitions
    ]


def _narrowed(request: OffsetCommitRequest, topics: list[OffsetCommitRequestTopic]) -> OffsetCommitRequest:
    return OffsetCommitRequest(
        group_id=request.group_id,
        generation_id_or_member_epoch=request.generation_id_or_member_epoch,
        member_id=request.member_id,
        group_instance_id=request.group_instance_id,
        retention_time_ms=request.retention_time_ms,
        topics=topics,
    )
