"""Replication of the metadata log by Fetch: the controller's responses, and the observer's requests.

KRaft's semantics: the one partition of ``__cluster_metadata``, by topic id; the follower sends the leader epoch that it
knows and the epoch of its last record. If the epoch is another, or its log diverges, it learns that before it gets
records. Only committed records are served, so an observer never has to undo anything.
"""

from __future__ import annotations

from typing import Any

from actors.controller.messages import METADATA_TOPIC_ID
from kstore import errors
from kstore.fs import FileSlice
from kstore.log import Log
from kstore.schema.messages.fetch import (
    EpochEndOffset,
    FetchableTopicResponse,
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    LeaderIdAndEpoch,
    PartitionData,
    ReplicaState,
)

FETCH_VERSION = 17
"""The version of Fetch between nodes; older ones have no ids."""

FETCH_WAIT_MS = 5_000
"""How long a fetch that finds nothing new waits; the only traffic of an idle metadata log."""


def serve(log: Log, request: FetchRequest, leader_id: int, epoch: int) -> FetchResponse | None:
    """The response to a fetch, or None if there is nothing new yet."""
    asked = request.topics[0].partitions[0]
    answer = blank(log, leader_id, epoch)
    offset = asked.fetch_offset
    if asked.current_leader_epoch != epoch:
        fenced = asked.current_leader_epoch < epoch
        answer.error_code = (errors.FencedLeaderEpoch if fenced else errors.UnknownLeaderEpoch).code
    elif offset > log.start_offset and (end := divergence(log, asked)) is not None:
        answer.diverging_epoch = end
    elif not log.start_offset <= offset <= log.end_offset:
        answer.error_code = errors.OffsetOutOfRange.code
    elif offset >= log.high_watermark:
        return None
    else:
        answer.records = log.read(offset, asked.partition_max_bytes, up_to=log.high_watermark).chunks
    return response_of(answer)


def divergence(log: Log, asked: FetchPartition) -> EpochEndOffset | None:
    """Where the follower's log diverges from the leader's, if it does."""
    epoch, end_offset = log.epoch_end_offset(asked.last_fetched_epoch)
    if epoch == asked.last_fetched_epoch and asked.fetch_offset <= end_offset:
        return None
    return EpochEndOffset(epoch=epoch, end_offset=end_offset)


def nothing_new(log: Log, leader_id: int, epoch: int) -> FetchResponse:
    """The response to a fetch that found nothing new in time."""
    return response_of(blank(log, leader_id, epoch))


def blank(log: Log, leader_id: int, epoch: int) -> PartitionData:
    return PartitionData(
        high_watermark=log.high_watermark,
        last_stable_offset=log.high_watermark,
        log_start_offset=log.start_offset,
        current_leader=LeaderIdAndEpoch(leader_id=leader_id, leader_epoch=epoch),
        aborted_transactions=None,
        records=b"",
    )


def response_of(answer: PartitionData) -> FetchResponse:
    return FetchResponse(responses=[FetchableTopicResponse(topic_id=METADATA_TOPIC_ID, partitions=[answer])])


def is_for_metadata(request: FetchRequest) -> bool:
    """True for a fetch of the metadata log, which the controller answers, not a partition."""
    return len(request.topics) == 1 and request.topics[0].topic_id == METADATA_TOPIC_ID


def fetch_request(
    log: Log, node_id: int, directory_id: bytes, cluster_id: str, epoch: int, max_bytes: int
) -> FetchRequest:
    """An observer's next fetch."""
    partition = FetchPartition(
        current_leader_epoch=epoch,
        fetch_offset=log.end_offset,
        last_fetched_epoch=log.latest_epoch,
        log_start_offset=log.start_offset,
        partition_max_bytes=max_bytes,
        replica_directory_id=directory_id,
    )
    return FetchRequest(
        cluster_id=cluster_id,
        replica_state=ReplicaState(replica_id=node_id),
        max_wait_ms=FETCH_WAIT_MS,
        min_bytes=0,
        max_bytes=max_bytes,
        topics=[FetchTopic(topic_id=METADATA_TOPIC_ID, partitions=[partition])],
    )


def joined(records: Any) -> Any:
    """The bytes of a fetch's records, which may still be the chunks of the leader's log."""
    if not isinstance(records, list):
        return records
    parts = [part.read(0, part.nbytes) if isinstance(part, FileSlice) else part for part in records]
    return parts[0] if len(parts) == 1 else b"".join(parts)
