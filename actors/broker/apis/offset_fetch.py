"""OffsetFetch, key 9, versions 1 to 10: the committed offsets of groups.

Without topics, all committed offsets of a group are returned. ``require_stable`` waits for pending commits; there are
no transactions yet whose offsets could be unstable.

Versions: before 8 one group a request; 1 has no error field of its own, so each partition carries the error; from 2 on
the topics may be null; 7 adds ``require_stable``; 9 a member and its epoch, which consumer groups check; 10 names
topics by id, and leaves deleted ones out of a full response.
"""

from __future__ import annotations

from typing import TypeVar

from actors.broker.call import PAUSE, Call
from actors.broker.coordinator_requests import ask_group
from actors.broker.slices import portions, sliced
from actors.groups.offset_requests import NO_OFFSET
from actors.node.authorizer import DESCRIBE
from actors.node.authorizer import group as of_group
from actors.node.authorizer import topic as of_topic
from actors.runtime import Coroutine
from actors.runtime.coroutine import Eventually
from actors.runtime.limits import REQUEST_ELEMENTS_MAX
from kstore.errors import (
    GroupAuthorizationFailed,
    KafkaError,
    PolicyViolation,
    TopicAuthorizationFailed,
    UnknownTopicId,
)
from kstore.schema.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)
from kstore.schema.uuids import ZERO

API_KEY = 9
VERSIONS = (1, 10)

SEVERAL_GROUPS = 8
TOPICS_BY_ID = 10
ERROR_OF_ITS_OWN = 2


Topic = TypeVar("Topic", OffsetFetchRequestTopics, OffsetFetchResponseTopics)

OFFSETS_MAX = REQUEST_ELEMENTS_MAX
"""Of one response: a request may ask for all of one group many times, each for a few bytes."""


def handle(call: Call) -> Coroutine:
    request: OffsetFetchRequest = call.request
    if call.version < SEVERAL_GROUPS:
        return _one_group(call, request)
    return _several_groups(call, request)


def _several_groups(call: Call, request: OffsetFetchRequest) -> Coroutine:
    answers: list[OffsetFetchResponseGroup] = []
    told = 0
    for group in request.groups:
        outcome = PolicyViolation() if told > OFFSETS_MAX else (yield from _fetch(call, _named(call, group)))
        if isinstance(outcome, KafkaError):
            answers.append(_refused(group, outcome))
            continue
        told += sum(len(topic.partitions) for topic in outcome.topics)
        answers.append(_completed(call, group, outcome))
    return OffsetFetchResponse(groups=answers)


def _fetch(call: Call, group: OffsetFetchRequestGroup) -> Coroutine:
    """The coordinator's answer about the topics that may be described, or an error."""
    if not call.authorize(DESCRIBE, of_group(group.group_id)):
        return GroupAuthorizationFailed()
    if group.topics is None:
        outcome = yield from _ask(call, group)
        if not isinstance(outcome, KafkaError) and not outcome.error_code:
            outcome.topics = yield from _described(call, outcome.topics)
        return outcome
    described = yield from _described(call, group.topics)
    if len(described) == len(group.topics):
        return (yield from _fetch_named(call, group))
    kept = {id(topic) for topic in described}
    hidden = [topic for topic in group.topics if id(topic) not in kept]
    asked = _of(group, described)
    outcome = yield from _fetch_named(call, asked)
    if not isinstance(outcome, KafkaError) and not outcome.error_code:
        outcome.topics += yield from sliced(hidden, lambda topic: _failed(topic, TopicAuthorizationFailed.code))
    return outcome


def _described(call: Call, topics: list[Topic]) -> Eventually[list[Topic]]:
    """Those that the client may describe."""
    allowed = yield from sliced(topics, lambda topic: call.authorize(DESCRIBE, of_topic(topic.name)))
    return [topic for topic, is_allowed in zip(topics, allowed, strict=True) if is_allowed]


def _fetch_named(call: Call, group: OffsetFetchRequestGroup) -> Coroutine:
    """The coordinator's answer about these topics, requested in portions of partitions."""
    whole: OffsetFetchResponseGroup | None = None
    last: OffsetFetchRequestTopics | None = None
    for portion in portions(group.topics, lambda topic: topic.partition_indexes) if group.topics else [[]]:
        topics = [
            OffsetFetchRequestTopics(name=topic.name, topic_id=topic.topic_id, partition_indexes=indexes)
            for topic, indexes in portion
        ]
        asked = _of(group, topics)
        outcome = yield from _ask(call, asked)
        if isinstance(outcome, KafkaError) or outcome.error_code:
            return outcome
        if whole is None:
            whole = outcome
        else:
            goes_on = portion[0][0] is last
            if goes_on:
                whole.topics[-1].partitions += outcome.topics[0].partitions
            whole.topics += outcome.topics[goes_on:]
        last = portion[-1][0] if portion else None
    return whole


def _ask(call: Call, group: OffsetFetchRequestGroup) -> Coroutine:
    """The coordinator's answer about one group, or some of its partitions."""
    request = OffsetFetchRequest(groups=[group], require_stable=call.request.require_stable)
    outcome = yield from ask_group(call, group.group_id, request)
    return outcome if isinstance(outcome, KafkaError) else outcome.groups[0]


def _refused(group: OffsetFetchRequestGroup, error: KafkaError) -> OffsetFetchResponseGroup:
    return OffsetFetchResponseGroup(group_id=group.group_id, error_code=error.code)


def _named(call: Call, group: OffsetFetchRequestGroup) -> OffsetFetchRequestGroup:
    """The same request with names for ids; unknown topics are left out."""
    if call.version < TOPICS_BY_ID or group.topics is None:
        return group
    names = call.view.image.topic_names_by_id
    topics = [
        OffsetFetchRequestTopics(
            name=names[topic.topic_id], topic_id=topic.topic_id, partition_indexes=topic.partition_indexes
        )
        for topic in group.topics
        if topic.topic_id in names
    ]
    return _of(group, topics)


def _of(group: OffsetFetchRequestGroup, topics: list[OffsetFetchRequestTopics]) -> OffsetFetchRequestGroup:
    """The same request for these topics."""
    return OffsetFetchRequestGroup(
        group_id=group.group_id, member_id=group.member_id, member_epoch=group.member_epoch, topics=topics
    )


def _completed(
    call: Call, group: OffsetFetchRequestGroup, answer: OffsetFetchResponseGroup
) -> OffsetFetchResponseGroup:
    """Add ids to a full response, and to others the topics that were left out of the coordinator's request."""
    if call.version < TOPICS_BY_ID or answer.error_code:
        return answer
    image = call.view.image
    if group.topics is None:
        for topic in answer.topics:
            found = image.topic(topic.name)
            topic.topic_id = ZERO if found is None else found.id
        answer.topics = [topic for topic in answer.topics if topic.topic_id != ZERO]
        return answer
    answered = {topic.topic_id for topic in answer.topics}
    answer.topics += [_failed(topic, UnknownTopicId.code) for topic in group.topics if topic.topic_id not in answered]
    return answer


def _failed(topic: OffsetFetchRequestTopics, code: int) -> OffsetFetchResponseTopics:
    return OffsetFetchResponseTopics(
        name=topic.name,
        topic_id=topic.topic_id,
        partitions=[
            OffsetFetchResponsePartitions(
                partition_index=each, committed_offset=NO_OFFSET, metadata="", error_code=code
            )
            for each in topic.partition_indexes
        ],
    )


def _one_group(call: Call, request: OffsetFetchRequest) -> Coroutine:
    topics = None
    if request.topics is not None:
        topics = [
            OffsetFetchRequestTopics(name=topic.name, partition_indexes=topic.partition_indexes)
            for topic in request.topics
        ]
    group = OffsetFetchRequestGroup(group_id=request.group_id, topics=topics)
    outcome = yield from _fetch(call, group)
    if not isinstance(outcome, KafkaError):
        return OffsetFetchResponse(topics=(yield from _without_ids(outcome.topics)))
    if call.version >= ERROR_OF_ITS_OWN:
        return OffsetFetchResponse(error_code=outcome.code)
    return OffsetFetchResponse(
        topics=[
            OffsetFetchResponseTopic(
                name=topic.name,
                partitions=[
                    OffsetFetchResponsePartition(
                        partition_index=each, committed_offset=NO_OFFSET, metadata="", error_code=outcome.code
                    )
                    for each in topic.partition_indexes
                ],
            )
            for topic in request.topics or []
        ]
    )


def _without_ids(topics: list[OffsetFetchResponseTopics]) -> Coroutine:
    """As the older versions have it."""
    answers: dict[int, OffsetFetchResponseTopic] = {}
    for number, portion in enumerate(portions(topics, lambda topic: topic.partitions)):
        if number:
            yield PAUSE
        for topic, partitions in portion:
            answer = answers.get(id(topic))
            if answer is None:
                answer = answers[id(topic)] = OffsetFetchResponseTopic(name=topic.name)
            answer.partitions += map(_of_older_versions, partitions)
    return list(answers.values())


def _of_older_versions(found: OffsetFetchResponsePartitions) -> OffsetFetchResponsePartition:
    return OffsetFetchResponsePartition(
        partition_index=found.partition_index,
        committed_offset=found.committed_offset,
        committed_leader_epoch=found.committed_leader_epoch,
        metadata=found.metadata,
        error_code=found.error_code,
    )
