"""OffsetForLeaderEpoch, API key 23, versions 2 to 4: where an epoch ends in a leader's log.

Consumers use it to find out whether records that they have read were truncated. The response has the largest epoch up
to the requested one, and its end offset; both -1 if the log has none. Brokers may ask about every topic, clients about
those that they may describe.

Versions: 3 a replica id (nothing depends on it); 4 the flexible encoding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.broker.slices import each_asked
from actors.node.authorizer import CLUSTER, CLUSTER_ACTION, DESCRIBE, TOPIC, refusal
from actors.node.authorizer import topic as of_topic
from actors.partition.messages import FindEpochEnd
from actors.runtime import Ask
from kstore.errors import KafkaError, NotLeaderOrFollower, UnknownTopicOrPartition
from kstore.schema.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
    OffsetForLeaderTopicResult,
)

if TYPE_CHECKING:
    from actors.broker.call import Call
    from actors.runtime.coroutine import Coroutine

API_KEY = 23
VERSIONS = (2, 4)


def handle(call: Call) -> Coroutine:
    """Answer an OffsetForLeaderEpoch request."""
    topics: dict[str, OffsetForLeaderTopicResult] = {}
    asks_as_broker = call.authorize(CLUSTER_ACTION, CLUSTER)

    def ask(topic: OffsetForLeaderTopic, partition: OffsetForLeaderPartition) -> Ask | KafkaError:
        if asks_as_broker or call.authorize(DESCRIBE, of_topic(topic.topic)):
            return _ask(call, topic.topic, partition)
        return refusal(TOPIC)

    def answer(asked: OffsetForLeaderTopic, partition: OffsetForLeaderPartition, outcome: object) -> None:
        topic = topics.get(asked.topic)
        if topic is None:
            topic = topics[asked.topic] = OffsetForLeaderTopicResult(topic=asked.topic)
        topic.partitions.append(_answered(partition.partition, outcome))

    yield from each_asked(
        call.request.topics,
        lambda topic: topic.partitions,
        ask,
        answer,
    )
    return OffsetForLeaderEpochResponse(topics=list(topics.values()))


def _ask(call: Call, name: str, partition: OffsetForLeaderPartition) -> Ask | KafkaError:
    view = call.view
    replica = view.replicas.get((name, partition.partition))
    if replica is not None:
        return Ask(replica, FindEpochEnd(partition.leader_epoch, partition.current_leader_epoch))
    if view.image.partition(name, partition.partition) is None:
        return UnknownTopicOrPartition()
    return NotLeaderOrFollower()


def _answered(index: int, outcome: object) -> EpochEndOffset:
    if isinstance(outcome, tuple):
        return EpochEndOffset(partition=index, leader_epoch=outcome[0], end_offset=outcome[1])
    code = outcome.code if isinstance(outcome, KafkaError) else NotLeaderOrFollower.code
    return EpochEndOffset(partition=index, error_code=code)
