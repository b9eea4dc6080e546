"""The state of the metadata quorum's voters and observers, as DescribeQuorum reports it.

Every fetch of the log has the node and its offset, which is the end of its copy. When a node was last caught up follows
from two fetches, as in Apache Kafka's ``LeaderState``: a fetch from the log's end is caught up now; a fetch from where
the end was at the previous fetch was caught up then. A node that hasn't fetched for ``FORGOTTEN_MS`` is left out. It
starts empty with every leader.
"""

from __future__ import annotations

from actors.controller.messages import METADATA_LOG
from kstore.errors import UnknownTopicOrPartition
from kstore.named import NamedTuple
from kstore.schema.messages.describe_quorum import (
    DescribeQuorumRequest,
    DescribeQuorumResponse,
    DescribeQuorumResponsePartitionData,
    DescribeQuorumResponseTopicData,
    Node,
    ReplicaState,
)

METADATA_TOPIC, METADATA_PARTITION = METADATA_LOG.rpartition("-")[0], 0
FORGOTTEN_MS = 300_000
NO_TIME = -1
NO_DIRECTORY = bytes(16)
DIRECTORIES_FROM = 2
"""The first version of the request with folders and nodes."""


class Copy(NamedTuple):
    """One node's copy: its end, when it last fetched, when it was caught up, and where the log's end was then."""

    directory_id: bytes
    end_offset: int
    fetched_ms: int
    caught_up_ms: int
    leaders_end_offset: int


class QuorumLeadership(NamedTuple):
    """The leader, and the end of its log."""

    leader_id: int
    epoch: int
    high_watermark: int
    end_offset: int


class Observers:
    """The observers' copies, by node."""

    def __init__(self) -> None:
        self._copies: dict[int, Copy] = {}

    def fetched(self, node_id: int, directory_id: bytes, offset: int, leaders_end_offset: int, now_ms: int) -> None:
        """Note a node's fetch from ``offset``, the end of its copy."""
        before = self._copies.get(node_id)
        caught_up_ms = NO_TIME if before is None else before.caught_up_ms
        if offset >= leaders_end_offset:
            caught_up_ms = now_ms
        elif before is not None and offset >= before.leaders_end_offset:
            caught_up_ms = max(before.fetched_ms, caught_up_ms)
        self._copies[node_id] = Copy(directory_id, offset, now_ms, caught_up_ms, leaders_end_offset)

    def states(self, now_ms: int, *, with_directories: bool = True) -> list[ReplicaState]:
        """The states of the nodes that still fetch."""
        self._copies = {n: copy for n, copy in self._copies.items() if now_ms - copy.fetched_ms < FORGOTTEN_MS}
        return [
            ReplicaState(
                replica_id=node_id,
                replica_directory_id=copy.directory_id if with_directories else NO_DIRECTORY,
                log_end_offset=copy.end_offset,
                last_fetch_timestamp=copy.fetched_ms,
                last_caught_up_timestamp=copy.caught_up_ms,
            )
            for node_id, copy in sorted(self._copies.items())
        ]


def described(
    request: DescribeQuorumRequest, version: int, leadership: QuorumLeadership, observers: Observers, now_ms: int
) -> DescribeQuorumResponse:
    """The response to a request for the only partition; any other one gets an error."""
    if not request.topics:
        return DescribeQuorumResponse()
    if not is_for_metadata(request):
        return not_hosted(request)
    # A voter of a static quorum is known by its id alone; it has always just fetched from itself.
    leader = ReplicaState(
        replica_id=leadership.leader_id,
        replica_directory_id=NO_DIRECTORY,
        log_end_offset=leadership.end_offset,
        last_fetch_timestamp=now_ms,
        last_caught_up_timestamp=now_ms,
    )
    partition = DescribeQuorumResponsePartitionData(
        partition_index=METADATA_PARTITION,
        leader_id=leadership.leader_id,
        leader_epoch=leadership.epoch,
        high_watermark=leadership.high_watermark,
        current_voters=[leader],
        observers=observers.states(now_ms, with_directories=version >= DIRECTORIES_FROM),
    )
    topic = DescribeQuorumResponseTopicData(topic_name=METADATA_TOPIC, partitions=[partition])
    nodes = [Node(node_id=leadership.leader_id)] if version >= DIRECTORIES_FROM else []
    return DescribeQuorumResponse(topics=[topic], nodes=nodes)


def is_for_metadata(request: DescribeQuorumRequest) -> bool:
    asked = [
        (topic.topic_name, partition.partition_index) for topic in request.topics for partition in topic.partitions
    ]
    return len(request.topics) == 1 and asked == [(METADATA_TOPIC, METADATA_PARTITION)]


def not_hosted(request: DescribeQuorumRequest) -> DescribeQuorumResponse:
    """An error for each partition."""
    error = UnknownTopicOrPartition("This server does not host this topic-partition.")
    return DescribeQuorumResponse(
        topics=[
            DescribeQuorumResponseTopicData(
                topic_name=topic.topic_name,
                partitions=[
                    DescribeQuorumResponsePartitionData(
                        partition_index=each.partition_index, error_code=error.code, error_message=error.message
                    )
                    for each in topic.partitions
                ],
            )
            for topic in request.topics
        ]
    )
