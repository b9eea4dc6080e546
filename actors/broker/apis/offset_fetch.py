"""OffsetFetch, key 9, versions 1 to 10: how far groups have read, as far as that is committed.

Without topics, all that a group has committed is answered. ``require_stable`` waits for commits that are on their way;
there are no transactions yet whose offsets could be unstable.

Versions: before 8 one group a request; 1 has no error of its own, each partition carries it; from 2 on the topics may
be null; 7 takes ``require_stable``; 9 carries a member and its epoch, which classic groups don't use; 10 names topics
by id, and leaves out of a full answer those that are no longer there.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.groups.asking import ask_coordinator, client_of, settled
from actors.groups.messages import FetchOffsets
from actors.groups.routing import coordinator_here
from actors.runtime import Ask, Conversation
from kstore.errors import KafkaError, UnknownTopicId
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

NO_OFFSET = -1


def handle(call: Call) -> Conversation:
    request: OffsetFetchRequest = call.request
    if call.version < SEVERAL_GROUPS:
        return _one_group(call, request)
    return _several_groups(call, request)


def _several_groups(call: Call, request: OffsetFetchRequest) -> Conversation:
    answers: dict[int, OffsetFetchResponseGroup] = {}
    asks: list[Ask] = []
    asked: list[int] = []
    for index, group in enumerate(request.groups):
        try:
            coordinator = coordinator_here(call.view, group.group_id)
        except KafkaError as error:
            answers[index] = _refused(group, error)
            continue
        message = FetchOffsets(_named(call, group), client_of(call), request.require_stable)
        asks.append(Ask(coordinator, message))
        asked.append(index)
    outcomes = yield asks
    for index, outcome in zip(asked, outcomes, strict=True):
        group, answer = request.groups[index], settled(outcome)
        answers[index] = _refused(group, answer) if isinstance(answer, KafkaError) else _completed(call, group, answer)
    return OffsetFetchResponse(groups=[answers[index] for index in range(len(request.groups))])


def _refused(group: OffsetFetchRequestGroup, error: KafkaError) -> OffsetFetchResponseGroup:
    return OffsetFetchResponseGroup(group_id=group.group_id, error_code=error.code)


def _named(call: Call, group: OffsetFetchRequestGroup) -> OffsetFetchRequestGroup:
    """The same question with names for ids; topics that aren't there are left out."""
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
    return OffsetFetchRequestGroup(group_id=group.group_id, topics=topics)


def _completed(
    call: Call, group: OffsetFetchRequestGroup, answer: OffsetFetchResponseGroup
) -> OffsetFetchResponseGroup:
    """Add ids to a full answer, and to others the topics that were left out of the question."""
    if call.version < TOPICS_BY_ID:
        return answer
    image = call.view.image
    if group.topics is None:
        for topic in answer.topics:
            found = image.topic(topic.name)
            topic.topic_id = ZERO if found is None else found.id
        answer.topics = [topic for topic in answer.topics if topic.topic_id != ZERO]
        return answer
    answered = {topic.topic_id for topic in answer.topics}
    answer.topics += [_unknown(topic) for topic in group.topics if topic.topic_id not in answered]
    return answer


def _unknown(topic: OffsetFetchRequestTopics) -> OffsetFetchResponseTopics:
    return OffsetFetchResponseTopics(
        topic_id=topic.topic_id,
        partitions=[
            OffsetFetchResponsePartitions(
                partition_index=each, committed_offset=NO_OFFSET, metadata="", error_code=UnknownTopicId.code
            )
            for each in topic.partition_indexes
        ],
    )


def _one_group(call: Call, request: OffsetFetchRequest) -> Conversation:
    topics = None
    if request.topics is not None:
        topics = [
            OffsetFetchRequestTopics(name=topic.name, partition_indexes=topic.partition_indexes)
            for topic in request.topics
        ]
    group = OffsetFetchRequestGroup(group_id=request.group_id, topics=topics)
    message = FetchOffsets(group, client_of(call), request.require_stable)
    outcome = yield from ask_coordinator(call, request.group_id, message)
    if not isinstance(outcome, KafkaError):
        return OffsetFetchResponse(topics=[_without_id(topic) for topic in outcome.topics])
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


def _without_id(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic:
    return OffsetFetchResponseTopic(
        name=topic.name,
        partitions=[
            OffsetFetchResponsePartition(
                partition_index=each.partition_index,
                committed_offset=each.committed_offset,
                committed_leader_epoch=each.committed_leader_epoch,
                metadata=each.metadata,
                error_code=each.error_code,
            )
            for each in topic.partitions
        ],
    )
