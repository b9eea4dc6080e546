"""DescribeTopicPartitions (key 75): topics with their partitions, page by page (KIP-966).

A response has at most ``response_partition_limit`` partitions, never more than ``max.request.partition.size.limit``,
and at least one; if there are more, its cursor says where to go on. Topics are sorted by name; a request that names
none asks for all. A named topic that the client may not describe gets TOPIC_AUTHORIZATION_FAILED, whether it exists or
not. Eligible leader replicas are always empty: kstore doesn't have the feature that keeps them.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.slices import PART, sliced
from actors.image import topic_names
from actors.image.image import NO_LEADER, ClusterImage, TopicImage
from actors.node.authorizer import DESCRIBE
from actors.node.authorizer import topic as of_topic
from actors.runtime import Coroutine
from kstore import errors
from kstore.schema.messages.describe_topic_partitions import (
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsRequestCursor,
    DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponseCursor,
    DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
    TopicRequest,
)

API_KEY = 75
VERSIONS = (0, 0)


def handle(call: Call) -> DescribeTopicPartitionsResponse | Coroutine:
    """Answer from the node's own image."""
    request: DescribeTopicPartitionsRequest = call.request
    return in_parts(call) if len(request.topics) > PART else answered(call, request.topics)


def answered(call: Call, topics: list[TopicRequest]) -> DescribeTopicPartitionsResponse:
    """The page that starts with the first of these topics."""
    request: DescribeTopicPartitionsRequest = call.request
    limit = min(request.response_partition_limit, call.view.config.integer("max.request.partition.size.limit"))
    try:
        names = names_of(call.view.image, topics, request.cursor)
    except errors.InvalidRequest:
        return DescribeTopicPartitionsResponse(topics=[refused(topic) for topic in topics])
    seen = [name for name in names if call.authorize(DESCRIBE, of_topic(name))]
    response = page(call, seen, request.cursor, max(limit, 1))
    if topics and len(seen) < len(names):
        known = frozenset(seen)
        response.topics += [hidden(name) for name in names if name not in known]
    return response


def in_parts(call: Call) -> Coroutine:
    """As for few topics, except that topics that don't exist come after the page of the others."""
    request: DescribeTopicPartitionsRequest = call.request
    there: list[TopicRequest] = []
    absent: dict[str, DescribeTopicPartitionsResponseTopic] = {}

    def look_at(topic: TopicRequest) -> None:
        is_cursor = request.cursor is not None and topic.name == request.cursor.topic_name
        is_seen = call.authorize(DESCRIBE, of_topic(topic.name))
        if is_cursor or (is_seen and topic.name in call.view.image.topics):
            there.append(topic)
        elif request.cursor is None or topic.name >= request.cursor.topic_name:
            absent[topic.name] = missing(call, topic.name) if is_seen else hidden(topic.name)

    yield from sliced(request.topics, look_at)
    if request.cursor is not None and not there:
        return DescribeTopicPartitionsResponse(topics=(yield from sliced(request.topics, refused)))
    response = answered(call, there) if there else DescribeTopicPartitionsResponse()
    response.topics += absent.values()
    return response


def refused(topic: TopicRequest) -> DescribeTopicPartitionsResponseTopic:
    return DescribeTopicPartitionsResponseTopic(name=topic.name, error_code=errors.InvalidRequest.code)


def names_of(
    image: ClusterImage, topics: list[TopicRequest], cursor: DescribeTopicPartitionsRequestCursor | None
) -> list[str]:
    """The topics to describe, in order, from the cursor on; raises an error for an invalid cursor."""
    first = "" if cursor is None else cursor.topic_name
    asked = {topic.name for topic in topics} or image.topics
    names = sorted(name for name in asked if name >= first)
    if cursor is not None and topics and first not in names:
        raise errors.InvalidRequest(
            f"DescribeTopicPartitionsRequest topic list should contain the cursor topic: {first}"
        )
    if cursor is not None and cursor.partition_index < 0:
        raise errors.InvalidRequest("DescribeTopicPartitionsRequest cursor partition must be valid")
    return names


def page(
    call: Call, names: list[str], cursor: DescribeTopicPartitionsRequestCursor | None, limit: int
) -> DescribeTopicPartitionsResponse:
    """The response with at most so many partitions of these topics."""
    image: ClusterImage = call.view.image
    response = DescribeTopicPartitionsResponse()
    alive = frozenset(broker.id for broker in image.brokers.values() if not broker.fenced)
    for name in names:
        if limit == 0:
            response.next_cursor = DescribeTopicPartitionsResponseCursor(topic_name=name, partition_index=0)
            break
        topic = image.topics.get(name)
        if topic is None:
            response.topics.append(missing(call, name))
            continue
        start = cursor.partition_index if cursor is not None and cursor.topic_name == name else 0
        numbers = sorted(number for number in topic.partitions if number >= start)
        response.topics.append(described(call, topic, numbers[:limit], alive))
        if len(numbers) > limit:
            response.next_cursor = DescribeTopicPartitionsResponseCursor(
                topic_name=name, partition_index=numbers[limit]
            )
            break
        limit -= len(numbers)
    return response


def missing(call: Call, name: str) -> DescribeTopicPartitionsResponseTopic:
    """A requested topic that doesn't exist."""
    code = errors.UnknownTopicOrPartition.code
    try:
        topic_names.validate(name)
    except errors.InvalidTopic as error:
        code = error.code
    return DescribeTopicPartitionsResponseTopic(
        error_code=code,
        name=name,
        is_internal=name in topic_names.INTERNAL_TOPICS,
        topic_authorized_operations=call.operations_allowed(of_topic(name)),
    )


def hidden(name: str) -> DescribeTopicPartitionsResponseTopic:
    """A topic that the client may not describe."""
    return DescribeTopicPartitionsResponseTopic(name=name, error_code=errors.TopicAuthorizationFailed.code)


def described(
    call: Call, topic: TopicImage, numbers: list[int], alive: frozenset[int]
) -> DescribeTopicPartitionsResponseTopic:
    """Some partitions of a topic."""
    return DescribeTopicPartitionsResponseTopic(
        name=topic.name,
        topic_id=topic.id,
        is_internal=topic.name in topic_names.INTERNAL_TOPICS,
        topic_authorized_operations=call.operations_allowed(of_topic(topic.name)),
        partitions=[partition(topic, number, alive) for number in numbers],
    )


def partition(topic: TopicImage, number: int, alive: frozenset[int]) -> DescribeTopicPartitionsResponsePartition:
    found = topic.partitions[number]
    return DescribeTopicPartitionsResponsePartition(
        partition_index=number,
        leader_id=found.leader if found.leader in alive else NO_LEADER,
        leader_epoch=found.leader_epoch,
        replica_nodes=list(found.replicas),
        isr_nodes=list(found.isr),
        eligible_leader_replicas=[],
        last_known_elr=[],
        offline_replicas=found.offline_replicas(alive),
    )
