"""Produce requests from batches, and what their answers say of each batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore.errors import (
    FencedLeaderEpoch,
    InvalidRecord,
    KafkaError,
    KafkaStorageError,
    LeaderNotAvailable,
    ListenerNotFound,
    NetworkException,
    NotLeaderOrFollower,
    ReplicaNotAvailable,
    UnknownTopicId,
    UnknownTopicOrPartition,
    for_code,
)
from kstore.named import NamedTuple
from kstore.schema.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.clients.producer.pending import PendingBatch
    from actors.clients.view import View

STALE_VIEW = (
    FencedLeaderEpoch,
    KafkaStorageError,
    LeaderNotAvailable,
    ListenerNotFound,
    NetworkException,
    NotLeaderOrFollower,
    ReplicaNotAvailable,
    UnknownTopicId,
    UnknownTopicOrPartition,
)
"""What says that the leader is another one than was thought: Java's ``InvalidMetadataException``."""

NO_ID = bytes(16)
NOT_AT_FAULT = "the record is in a batch that has others which are invalid"


class Produced(NamedTuple):
    """What an answer says of one batch. ``record_errors``: by the record's index in the batch."""

    error: KafkaError | None
    base_offset: int = -1
    log_append_time: int = -1
    log_start_offset: int = -1
    record_errors: dict[int, KafkaError] | None = None
    leader: tuple[int, int] | None = None


def topic_id_of(view: View, name: str) -> bytes:
    """The id of a topic, zeros if the brokers gave none."""
    topic = view.topics.get(name)
    return NO_ID if topic is None else topic.id


def request_of(
    batches: Sequence[tuple[PendingBatch, bytes]],
    view: View,
    acks: int,
    timeout_ms: int,
    transactional_id: str | None = None,
) -> ProduceRequest:
    """One request with a batch for each of some partitions; topics both by name and by id, as the version has it."""
    topics: dict[str, TopicProduceData] = {}
    for batch, data in batches:
        topic = topics.get(batch.topic)
        if topic is None:
            topic = topics[batch.topic] = TopicProduceData(name=batch.topic, topic_id=topic_id_of(view, batch.topic))
        topic.partition_data.append(PartitionProduceData(index=batch.partition, records=data))
    return ProduceRequest(
        transactional_id=transactional_id, acks=acks, timeout_ms=timeout_ms, topic_data=list(topics.values())
    )


def answers_in(response: ProduceResponse, request: ProduceRequest) -> dict[tuple[str, int], Produced]:
    """What a response says of each partition, by the topic's name and the partition."""
    names = {topic.topic_id: topic.name for topic in request.topic_data}
    found = {}
    for topic in response.responses:
        name = topic.name or names.get(topic.topic_id, "")
        for part in topic.partition_responses:
            found[name, part.index] = produced(part)
    return found


def produced(part: PartitionProduceResponse) -> Produced:
    """What one partition's answer says."""
    if not part.error_code:
        return Produced(None, part.base_offset, part.log_append_time_ms, part.log_start_offset)
    error = for_code(part.error_code, part.error_message)
    leader = part.current_leader
    hint = (leader.leader_id, leader.leader_epoch) if leader.leader_id >= 0 else None
    return Produced(error, -1, -1, part.log_start_offset, record_errors(part, error), hint)


def record_errors(part: PartitionProduceResponse, error: KafkaError) -> dict[int, KafkaError] | None:
    """The records at fault, each with its error: the batch's own class if there is one record alone (as in Java)."""
    if not part.record_errors:
        return None
    made = type(error) if len(part.record_errors) == 1 else InvalidRecord
    return {
        each.batch_index: made(each.batch_index_error_message or part.error_message or error.message)
        for each in part.record_errors
    }


def of_the_others() -> KafkaError:
    """The error of the records that share a batch with those at fault: no code of Kafka's, as in Java."""
    return KafkaError(NOT_AT_FAULT)


def is_of_the_others(error: Exception | None) -> bool:
    """Whether a record failed with this only because others of its batch are at fault."""
    return type(error) is KafkaError and error.message == NOT_AT_FAULT
