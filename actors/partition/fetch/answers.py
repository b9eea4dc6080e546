"""Fetch responses, built from what replicas answered; pure.

An error names the current leader from version 12 on, and its address from version 16 on, so that a client needn't ask
for metadata. A partition without records has zero bytes of records, not null, as clients expect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.partition.chunks import Chunks
from actors.partition.fetch.sessions import CachedPartition, size_of
from kstore.errors import (
    FencedLeaderEpoch,
    NotLeaderOrFollower,
    TopicAuthorizationFailed,
    UnknownTopicId,
    UnknownTopicOrPartition,
)
from kstore.schema.messages.fetch import (
    AbortedTransaction,
    EpochEndOffset,
    FetchableTopicResponse,
    FetchRequest,
    FetchResponse,
    LeaderIdAndEpoch,
    NodeEndpoint,
    PartitionData,
)

if TYPE_CHECKING:
    from actors.image.image import ClusterImage
    from actors.partition.fetch.requests import Context
    from kstore.log import LogRead

TOPIC_IDS_FROM = 13
LEADER_HINTS_FROM = 16
LEADER_HINT_CODES = frozenset({NotLeaderOrFollower.code, FencedLeaderEpoch.code})

SAID_BEFORE_READING = frozenset({UnknownTopicOrPartition.code, UnknownTopicId.code, TopicAuthorizationFailed.code})
"""Apache Kafka makes these responses in another place, with an empty list of aborted transactions instead of null."""


def fetch_response(named: list[CachedPartition], context: Context, image: ClusterImage) -> FetchResponse:
    """The response with these partitions."""
    topics: dict[str | bytes, FetchableTopicResponse] = {}
    hints: dict[int, None] = {}
    for cached in named:
        entry = topics.get(cached.topic)
        if entry is None:
            entry = _blank(cached.topic)
            topics[cached.topic] = entry
        entry.partitions.append(_partition_data(cached, context, image, hints))
    response = FetchResponse(session_id=context.session_id, responses=list(topics.values()))
    if hints:
        response.node_endpoints = [NodeEndpoint(node_id=node) for node in hints]  # the broker adds their addresses
    return response


def _blank(topic: str | bytes) -> FetchableTopicResponse:
    return FetchableTopicResponse(topic=topic) if isinstance(topic, str) else FetchableTopicResponse(topic_id=topic)


def refusal(request: FetchRequest) -> FetchResponse:
    """Refuse clients that fetch as replicas, as that would move the high watermark."""
    code = TopicAuthorizationFailed.code
    return FetchResponse(
        responses=[
            FetchableTopicResponse(
                topic=topic.topic,
                topic_id=topic.topic_id,
                partitions=[failed_partition(asked.partition, code) for asked in topic.partitions],
            )
            for topic in request.topics
        ]
    )


def _partition_data(
    cached: CachedPartition, context: Context, image: ClusterImage, hints: dict[int, None]
) -> PartitionData:
    answer = cached.answer
    assert answer is not None
    if answer.error:
        data = failed_partition(cached.partition, answer.error)
        if answer.error in LEADER_HINT_CODES and context.version >= LEADER_HINTS_FROM:
            _hint_leader(cached, data, image, hints)
        return data
    data = PartitionData(
        partition_index=cached.partition,
        high_watermark=answer.high_watermark,
        last_stable_offset=answer.last_stable_offset,
        log_start_offset=answer.log_start_offset,
        aborted_transactions=_aborted(answer.read) if context.isolation else None,
        records=Chunks(answer.read.chunks, answer.read.batches) if size_of(answer) else b"",
    )
    if answer.diverging is not None:
        data.diverging_epoch = EpochEndOffset(epoch=answer.diverging[0], end_offset=answer.diverging[1])
    return data


def _aborted(read: LogRead | None) -> list[AbortedTransaction]:
    """The aborted transactions that a read-committed consumer needs for the records that it gets."""
    aborted = () if read is None else read.aborted
    return [AbortedTransaction(producer_id=each.producer_id, first_offset=each.first_offset) for each in aborted]


def failed_partition(partition: int, code: int) -> PartitionData:
    """The response of a partition that can't be read."""
    return PartitionData(
        partition_index=partition,
        error_code=code,
        high_watermark=-1,
        last_stable_offset=-1,
        log_start_offset=-1,
        aborted_transactions=[] if code in SAID_BEFORE_READING else None,
        records=b"",
    )


def _hint_leader(cached: CachedPartition, data: PartitionData, image: ClusterImage, hints: dict[int, None]) -> None:
    name = cached.topic if isinstance(cached.topic, str) else image.topic_names_by_id.get(cached.topic)
    partition = image.partition(name, cached.partition) if name is not None else None
    if partition is not None:
        data.current_leader = LeaderIdAndEpoch(leader_id=partition.leader, leader_epoch=partition.leader_epoch)
        if partition.leader >= 0:
            hints[partition.leader] = None
