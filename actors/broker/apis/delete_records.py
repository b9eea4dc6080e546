"""DeleteRecords, API key 21, versions 0 to 2: move partitions' log start up to an offset or (-1) to the high watermark.

The response has each partition's low watermark: the lowest log start offset of its living replicas. It is sent when
that has reached the requested offset, or after the request's timeout (REQUEST_TIMED_OUT; deleted records stay deleted).
Kafka's own topics are INVALID_TOPIC. Files are removed at once, as whole segments.

Versions: 2 only adds the flexible encoding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.broker.call import PAUSE
from actors.broker.slices import portions, sliced
from actors.image.topic_names import INTERNAL_TOPICS
from actors.node.authorizer import DELETE, TOPIC, refusal
from actors.node.authorizer import topic as of_topic
from actors.partition.messages import Deleted, DeleteRecords
from actors.runtime import Ask
from kstore.errors import (
    InvalidTopic,
    KafkaError,
    NotLeaderOrFollower,
    RequestTimedOut,
    UnknownTopicOrPartition,
    code_of,
)
from kstore.schema.messages.delete_records import (
    DeleteRecordsPartitionResult,
    DeleteRecordsResponse,
    DeleteRecordsTopicResult,
)

if TYPE_CHECKING:
    from actors.broker.call import Call
    from actors.runtime.coroutine import Coroutine

API_KEY = 21
VERSIONS = (0, 2)
NO_LOW_WATERMARK = -1


def handle(call: Call) -> Coroutine:
    """Answer a DeleteRecords request; for a partition that is named twice, the last offset counts."""
    offsets: dict[tuple[str, int], int] = {}
    answers: dict[tuple[str, int], DeleteRecordsPartitionResult] = {}
    asks: dict[tuple[str, int], Ask] = {}
    topics: dict[str, DeleteRecordsTopicResult] = {}

    def ask(key: tuple[str, int]) -> None:
        asked = _ask(call, key, offsets[key])
        if isinstance(asked, Ask):
            asks[key] = asked
        else:
            answers[key] = _answered(key[1], asked)

    def answer(key: tuple[str, int]) -> None:
        topic = topics.get(key[0])
        if topic is None:
            topic = topics[key[0]] = DeleteRecordsTopicResult(name=key[0])
        topic.partitions.append(answers[key])

    for number, portion in enumerate(portions(call.request.topics, lambda topic: topic.partitions)):
        if number:
            yield PAUSE
        for topic, partitions in portion:
            offsets.update(((topic.name, asked.partition_index), asked.offset) for asked in partitions)
    yield from sliced(list(offsets), ask)
    outcomes = yield list(asks.values())  # all at once: each may wait as long as the request's timeout
    answers.update((key, _answered(key[1], outcome)) for key, outcome in zip(asks, outcomes, strict=True))
    yield from sliced(list(offsets), answer)
    return DeleteRecordsResponse(topics=list(topics.values()))


def _ask(call: Call, key: tuple[str, int], offset: int) -> Ask | KafkaError:
    if not call.authorize(DELETE, of_topic(key[0])):
        return refusal(TOPIC)
    view = call.view
    if view.image.partition(*key) is None:
        return UnknownTopicOrPartition()
    if key[0] in INTERNAL_TOPICS:
        return InvalidTopic(f"records of the internal topic {key[0]} can't be deleted")
    replica = view.replicas.get(key)
    return NotLeaderOrFollower() if replica is None else Ask(replica, DeleteRecords(offset, call.request.timeout_ms))


def _answered(index: int, outcome: object) -> DeleteRecordsPartitionResult:
    if isinstance(outcome, Deleted):
        code = RequestTimedOut.code if outcome.timed_out else 0
        return DeleteRecordsPartitionResult(partition_index=index, low_watermark=outcome.low_watermark, error_code=code)
    code = code_of(outcome) if isinstance(outcome, KafkaError) else NotLeaderOrFollower.code
    return DeleteRecordsPartitionResult(partition_index=index, low_watermark=NO_LOW_WATERMARK, error_code=code)
