"""ListOffsets, API key 2, versions 1 to 11: look up offsets of partitions by timestamp.

Special times: -1 latest (the high watermark, or the last stable offset for read-committed readers), -2 earliest, from
version 7 on -3 the greatest timestamp, from 8 on -4 the earliest local offset (the same as earliest, as nothing is
tiered), from 9 on -5 the latest tiered and from 11 on -6 the earliest not yet tiered (both unknown, -1). In a version
that is too old for it, a special time is UNSUPPORTED_VERSION. A time after the last record has no offset (-1).

Versions: 2 isolation level; 4 leader epochs, in request and response; 5 OFFSET_NOT_AVAILABLE while a new leader doesn't
know yet what is committed (LEADER_NOT_AVAILABLE before); 10 a timeout, only for tiered storage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.broker.call import PAUSE
from actors.broker.slices import each_asked, portions
from actors.node.authorizer import DESCRIBE, TOPIC, refusal
from actors.node.authorizer import topic as of_topic
from actors.partition.messages import READ_TO_LOG_END, FindOffset, FoundOffset
from actors.runtime import Ask
from kstore.errors import (
    InvalidRequest,
    KafkaError,
    LeaderNotAvailable,
    NotLeaderOrFollower,
    OffsetNotAvailable,
    UnknownTopicOrPartition,
    UnsupportedVersion,
)
from kstore.schema.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsResponse,
    ListOffsetsTopic,
    ListOffsetsTopicResponse,
)

if TYPE_CHECKING:
    from actors.broker.call import Call
    from actors.runtime.coroutine import Coroutine, Eventually

API_KEY = 2
VERSIONS = (1, 11)

LEADER_EPOCHS_FROM = 4
OFFSET_NOT_AVAILABLE_FROM = 5
FIRST_VERSION_OF = {-1: 1, -2: 1, -3: 7, -4: 8, -5: 9, -6: 11}
DEBUGGING_REPLICA = -2


def handle(call: Call) -> Coroutine:
    """Answer a ListOffsets request."""
    request = call.request
    as_replica = request.replica_id == DEBUGGING_REPLICA or (request.replica_id >= 0 and call.is_broker)
    isolation = READ_TO_LOG_END if as_replica else request.isolation_level
    repeated = yield from _repeated(request.topics)
    topics: dict[str, ListOffsetsTopicResponse] = {}

    def ask(topic: ListOffsetsTopic, asked: ListOffsetsPartition) -> Ask | KafkaError | None:
        if not call.authorize(DESCRIBE, of_topic(topic.name)):
            return refusal(TOPIC)
        key = topic.name, asked.partition_index
        if key not in repeated:
            return _ask(call, topic.name, asked, isolation)
        return None if repeated[key] else InvalidRequest("the partition is asked for twice")

    def answer(topic: ListOffsetsTopic, asked: ListOffsetsPartition, outcome: object) -> None:
        if isinstance(outcome, InvalidRequest):
            key = topic.name, asked.partition_index
            if repeated.get(key):
                return  # in the same portion
            repeated[key] = True
        if outcome is not None:
            found = topics.get(topic.name)
            if found is None:
                found = topics[topic.name] = ListOffsetsTopicResponse(name=topic.name)
            found.partitions.append(_answered(call.version, asked.partition_index, outcome))

    yield from each_asked(request.topics, _partitions, ask, answer)
    return ListOffsetsResponse(topics=list(topics.values()))


def _partitions(topic: ListOffsetsTopic) -> list[ListOffsetsPartition]:
    return topic.partitions


def _repeated(topics: list[ListOffsetsTopic]) -> Eventually[dict[tuple[str, int], bool]]:
    """The partitions that are requested more than once. Each gets the error once; the value is whether it has it
    already.
    """
    seen: set[tuple[str, int]] = set()
    repeated: dict[tuple[str, int], bool] = {}
    for number, portion in enumerate(portions(topics, _partitions)):
        if number:
            yield PAUSE
        for topic, partitions in portion:
            for asked in partitions:
                key = topic.name, asked.partition_index
                if key in seen:
                    repeated[key] = False
                seen.add(key)
    return repeated


def _ask(call: Call, name: str, partition: ListOffsetsPartition, isolation: int) -> Ask | KafkaError:
    timestamp = partition.timestamp
    if timestamp < 0 and call.version < FIRST_VERSION_OF.get(timestamp, VERSIONS[1] + 1):
        return UnsupportedVersion(f"the timestamp {timestamp} means nothing in version {call.version}")
    view = call.view
    replica = view.replicas.get((name, partition.partition_index))
    if replica is not None:
        return Ask(replica, FindOffset(timestamp, isolation, partition.current_leader_epoch))
    if view.image.partition(name, partition.partition_index) is None:
        return UnknownTopicOrPartition()
    return NotLeaderOrFollower()


def _answered(version: int, index: int, outcome: object) -> ListOffsetsPartitionResponse:
    if isinstance(outcome, FoundOffset):
        return ListOffsetsPartitionResponse(
            partition_index=index,
            timestamp=outcome.timestamp,
            offset=outcome.offset,
            leader_epoch=outcome.leader_epoch if version >= LEADER_EPOCHS_FROM else -1,
        )
    code = outcome.code if isinstance(outcome, KafkaError) else NotLeaderOrFollower.code
    if code == OffsetNotAvailable.code and version < OFFSET_NOT_AVAILABLE_FROM:
        code = LeaderNotAvailable.code
    return ListOffsetsPartitionResponse(partition_index=index, error_code=code)
