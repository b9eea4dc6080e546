"""WriteTxnMarkers, API key 27, versions 1 and 2: write commit and abort markers to partitions that this node leads.

Sent by transaction coordinators, and by admin clients that abort a hanging transaction; the client must be allowed
CLUSTER_ACTION, or ALTER, on the cluster. Each partition's marker is appended with acks=all and answered when it is
committed. Markers for ``__consumer_offsets`` go through the group coordinator, whose offsets they commit or drop.

Versions: 2 the level of ``transaction.version`` by which the transaction was made (KIP-1228): from 2 on the marker's
epoch is newer than that of its records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.broker.slices import each_asked
from actors.image.topic_names import OFFSETS_TOPIC
from actors.node.authorizer import ALTER, CLUSTER, CLUSTER_ACTION
from actors.partition.messages import Appended, EndTransaction
from actors.runtime import Ask
from kstore.errors import (
    ClusterAuthorizationFailed,
    CoordinatorLoadInProgress,
    CoordinatorNotAvailable,
    KafkaError,
    NotCoordinator,
    NotLeaderOrFollower,
    UnknownServerError,
    UnknownTopicOrPartition,
    code_of,
)
from kstore.named import NamedTuple
from kstore.schema.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerPartitionResult,
    WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult,
    WriteTxnMarkersResponse,
)

if TYPE_CHECKING:
    from actors.broker.call import Call
    from actors.runtime.coroutine import Coroutine

API_KEY = 27
VERSIONS = (1, 2)

NO_EPOCH = -1

COORDINATOR_MOVED = (CoordinatorNotAvailable.code, CoordinatorLoadInProgress.code, NotCoordinator.code)
"""Errors that the sender of a marker gets as NOT_LEADER_OR_FOLLOWER, so that it looks up the partition's
leader again.
"""


class TopicOfMarker(NamedTuple):
    """A topic for which there is a marker."""

    marker: WritableTxnMarker
    name: str
    partitions: list[int]


def handle(call: Call) -> Coroutine:
    """Answer a WriteTxnMarkers request."""
    refusal = _refusal(call)
    markers: dict[int, WritableTxnMarkerResult] = {}
    topics: dict[tuple[int, str], WritableTxnMarkerTopicResult] = {}
    asked = (
        TopicOfMarker(marker, topic.name, topic.partition_indexes)
        for marker in call.request.markers
        for topic in marker.topics
    )

    def answer(of: TopicOfMarker, partition: int, outcome: object) -> None:
        producer_id = of.marker.producer_id
        topic = topics.get((producer_id, of.name))
        if topic is None:
            topic = topics[producer_id, of.name] = WritableTxnMarkerTopicResult(name=of.name)
            result = markers.setdefault(producer_id, WritableTxnMarkerResult(producer_id=producer_id))
            result.topics.append(topic)
        found = WritableTxnMarkerPartitionResult(partition_index=partition, error_code=_code(of.name, outcome))
        topic.partitions.append(found)

    yield from each_asked(
        asked,
        lambda of: of.partitions,
        lambda of, partition: refusal or _ask(call, of, partition),
        answer,
    )
    return WriteTxnMarkersResponse(markers=list(markers.values()))


def _refusal(call: Call) -> KafkaError | None:
    """Why no marker of the request is written, not even the right ones beside a wrong one, as in Kafka."""
    if not (call.authorize(ALTER, CLUSTER) or call.authorize(CLUSTER_ACTION, CLUSTER)):
        return ClusterAuthorizationFailed()
    if any(each.producer_id < 0 or each.producer_epoch == NO_EPOCH for each in call.request.markers):
        return UnknownServerError()
    return None


def _ask(call: Call, of: TopicOfMarker, partition: int) -> Ask | KafkaError:
    """The question to the leader's replica, or to the coordinator of its partition."""
    view, marker, key = call.view, of.marker, (of.name, partition)
    replica = view.replicas.get(key)
    if replica is None:
        return UnknownTopicOrPartition()
    if of.name == OFFSETS_TOPIC:
        coordinator = view.coordinators.get(key)
        if coordinator is None:
            return NotLeaderOrFollower()
        replica = coordinator
    message = EndTransaction(
        marker.producer_id,
        marker.producer_epoch,
        marker.transaction_result,
        marker.coordinator_epoch,
        marker.transaction_version,
    )
    return Ask(replica, message)


def _code(name: str, outcome: object) -> int:
    if outcome is None or isinstance(outcome, Appended):
        return 0
    code = code_of(outcome) if isinstance(outcome, KafkaError) else NotLeaderOrFollower.code
    return NotLeaderOrFollower.code if name == OFFSETS_TOPIC and code in COORDINATOR_MOVED else code
