"""Markers on their way to the leaders of partitions: what to ask each node next, and what its answer means.

One request at a time is under way to a node, with all markers that have come up for it meanwhile. Two markers of one
producer never share a request, since an answer tells them apart only by producer and partition. A marker that could not
be written is held back, and goes to whichever node leads the partition then: ``TransactionMarkerChannelManager`` of
Kafka.
"""

from collections.abc import Callable, Iterable, Sequence

from actors.image.image import NO_LEADER
from actors.transactions.markers import Cancellation, Marker, MarkerWritten
from kstore.errors import (
    NONE,
    InvalidProducerEpoch,
    KafkaError,
    TransactionCoordinatorFenced,
    UnsupportedForMessageFormat,
    UnsupportedVersion,
)
from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple
from kstore.schema.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerTopic,
    WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
)

MARKERS_A_REQUEST = 5_000

FINAL: dict[int, MarkerWritten | KafkaError] = {
    NONE: MarkerWritten(True),
    UnsupportedForMessageFormat.code: MarkerWritten(False),
    UnsupportedVersion.code: MarkerWritten(False),
    InvalidProducerEpoch.code: InvalidProducerEpoch(),
    TransactionCoordinatorFenced.code: TransactionCoordinatorFenced(),
}
"""What the coordinator is told of a partition's answer. After any other one the marker is sent again."""


class WaitingMarker(NamedTuple):
    """A marker for a partition, and who is to be told of it."""

    marker: Marker
    partition: TopicAndPartition
    cancellation: Cancellation
    answer: object


class MarkerQueue:
    """The markers of one node: new ones, those that wait for a busy node, those under way, those held back."""

    def __init__(self) -> None:
        self._new: list[WaitingMarker] = []
        self._by_node: dict[int, list[WaitingMarker]] = {}
        self._under_way: dict[int, list[WaitingMarker]] = {}
        self._held: list[WaitingMarker] = []

    @property
    def has_held(self) -> bool:
        """Whether some have to be sent again."""
        return bool(self._held)

    def add(self, waiting: WaitingMarker) -> None:
        """Add a marker that is to be sent."""
        self._new.append(waiting)

    def release(self) -> None:
        """Those that were held back may go again."""
        self._new += self._held
        self._held = []

    def address(self, leader_of: Callable[[TopicAndPartition], int | None]) -> list[WaitingMarker]:
        """Find the node for each that has none; ``NO_LEADER`` holds it back. Gives those whose partition isn't there
        any more, which ``leader_of`` says by None.
        """
        gone = []
        new, self._new = self._new, []
        for waiting in new:
            if waiting.cancellation.is_requested:
                continue
            leader = leader_of(waiting.partition)
            if leader is None:
                gone.append(waiting)
            elif leader == NO_LEADER:
                self._held.append(waiting)
            else:
                self._by_node.setdefault(leader, []).append(waiting)
        return gone

    def take(self) -> dict[int, WriteTxnMarkersRequest]:
        """The next request for each node that isn't busy with one."""
        requests = {}
        for node in [each for each in self._by_node if each not in self._under_way]:
            sent = self._next_for(node)
            if sent:
                self._under_way[node] = sent
                requests[node] = _request(sent)
        return requests

    def _next_for(self, node: int) -> list[WaitingMarker]:
        first_of: dict[int, Marker] = {}
        sent: list[WaitingMarker] = []
        left: list[WaitingMarker] = []
        for waiting in self._by_node.pop(node):
            if waiting.cancellation.is_requested:
                continue
            producer_id = waiting.marker.producer_id
            if len(sent) < MARKERS_A_REQUEST and first_of.setdefault(producer_id, waiting.marker) == waiting.marker:
                sent.append(waiting)
            else:
                left.append(waiting)
        if left:
            self._by_node[node] = left
        return sent

    def answered(
        self, node: int, response: WriteTxnMarkersResponse | None
    ) -> Sequence[tuple[WaitingMarker, MarkerWritten | KafkaError]]:
        """Take the answer to a node's request, None if that isn't known. Returns the markers whose outcome is known."""
        codes: dict[tuple[int, str, int], int] = {}
        for result in response.markers if response is not None else ():
            for topic in result.topics:
                for each in topic.partitions:
                    codes[result.producer_id, topic.name, each.partition_index] = each.error_code
        outcomes = []
        for waiting in self._under_way.pop(node):
            code = codes.get((waiting.marker.producer_id, *waiting.partition))
            if code in FINAL:
                outcomes.append((waiting, FINAL[code]))
            else:
                self._held.append(waiting)
        return outcomes


def _request(sent: Iterable[WaitingMarker]) -> WriteTxnMarkersRequest:
    by_marker: dict[Marker, dict[str, list[int]]] = {}
    for waiting in sent:
        topic, number = waiting.partition
        by_marker.setdefault(waiting.marker, {}).setdefault(topic, []).append(number)
    return WriteTxnMarkersRequest(
        markers=[
            WritableTxnMarker(
                producer_id=marker.producer_id,
                producer_epoch=marker.epoch,
                transaction_result=marker.is_commit,
                topics=[
                    WritableTxnMarkerTopic(name=topic, partition_indexes=numbers) for topic, numbers in topics.items()
                ],
                coordinator_epoch=marker.coordinator_epoch,
                transaction_version=marker.transaction_version,
            )
            for marker, topics in by_marker.items()
        ]
    )
