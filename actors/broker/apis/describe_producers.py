"""DescribeProducers, API key 61, version 0: the producer state of a replica's log, with open transactions.

Any replica answers for its own log, also a follower. Expired producers are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.broker.slices import each_asked, sliced
from actors.image.topic_names import validate
from actors.node.authorizer import READ, TOPIC, refusal
from actors.partition.messages import DescribeProducers
from actors.runtime import Ask
from kstore.errors import KafkaError, NotLeaderOrFollower, UnknownTopicOrPartition
from kstore.schema.messages.describe_producers import (
    DescribeProducersResponse,
    PartitionResponse,
    ProducerState,
    TopicRequest,
    TopicResponse,
)

if TYPE_CHECKING:
    from actors.broker.call import Call
    from actors.runtime.coroutine import Coroutine

API_KEY = 61
VERSIONS = (0, 0)


def handle(call: Call) -> Coroutine:
    """Answer a DescribeProducers request."""
    made = yield from sliced(call.request.topics, lambda topic: TopicResponse(name=topic.name))
    topics = dict(zip(map(id, call.request.topics), made, strict=True))  # also those that are named twice

    def answer(topic: TopicRequest, partition: int, outcome: object) -> None:
        topics[id(topic)].partitions.append(_answered(partition, outcome))

    yield from each_asked(
        call.request.topics,
        lambda topic: topic.partition_indexes,
        lambda topic, partition: _ask(call, topic.name, partition),
        answer,
    )
    return DescribeProducersResponse(topics=made)


def _ask(call: Call, name: str, partition: int) -> Ask | KafkaError:
    try:
        validate(name)
    except KafkaError as error:
        return error
    if not call.authorize(READ, (TOPIC, name)):
        return refusal(TOPIC)
    view = call.view
    if view.image.topic(name) is None:
        return UnknownTopicOrPartition()
    replica = view.replicas.get((name, partition))
    if replica is not None:
        return Ask(replica, DescribeProducers())
    return UnknownTopicOrPartition() if view.image.partition(name, partition) is None else NotLeaderOrFollower()


def _answered(index: int, outcome: object) -> PartitionResponse:
    if isinstance(outcome, tuple):
        return PartitionResponse(partition_index=index, active_producers=[ProducerState(**each) for each in outcome])
    error = outcome if isinstance(outcome, KafkaError) else NotLeaderOrFollower()
    return PartitionResponse(partition_index=index, error_code=error.code, error_message=error.message)
