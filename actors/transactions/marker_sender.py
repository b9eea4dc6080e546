"""The one actor of a node that brings its coordinators' markers to the leaders of partitions, over a link to each node.

What goes where, and what is sent again, is decided in ``marker_queue.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.image.image import NO_LEADER
from actors.runtime import Actor, receives
from actors.transactions.marker_queue import MarkerQueue, WaitingMarker
from actors.transactions.markers import MarkerWritten, WriteMarker
from kstore.errors import KafkaError
from kstore.named import NamedTuple
from kstore.schema.messages.write_txn_markers import WriteTxnMarkersResponse

if TYPE_CHECKING:
    from actors.node.node import BrokerNode
    from actors.runtime.protocols import Link
    from kstore.log.names import TopicAndPartition

AGAIN_MS_MIN, AGAIN_MS_MAX = 20, 1_280


class Send(NamedTuple):
    """To itself: send what has come up."""


class Retry(NamedTuple):
    """To itself: what was held back goes again."""


SEND = Send()
RETRY = Retry()


class MarkerSender(Actor):
    """Sends markers, and tells their coordinators what came of them."""

    node: BrokerNode

    failure_scope = "a node's markers under way; its coordinators send them again"

    def __init__(self, node: BrokerNode, name: str = "markers") -> None:
        super().__init__(node, name)
        self._queue_of_markers = MarkerQueue()
        self._links: dict[int, Link] = {}
        self._is_send_queued = False
        self._again_ms = AGAIN_MS_MIN
        self._is_retry_set = False

    @receives(WriteMarker)
    def write(self, message: WriteMarker) -> None:
        """Take one more; the answer is given when it is known."""
        self._queue_of_markers.add(WaitingMarker(message.marker, message.partition, message.cancellation, self.defer()))
        if not self._is_send_queued:
            self._is_send_queued = True
            self.inbox.send(SEND)

    @receives(Send)
    def send(self, message: Send) -> None:
        """Send what there is, to the nodes that aren't busy with a request."""
        self._is_send_queued = False
        for gone in self._queue_of_markers.address(self._leader_of):
            gone.answer.set(MarkerWritten(False))  # type: ignore[attr-defined]  # the Reply that ``write`` put there
        for node_id, request in self._queue_of_markers.take().items():
            link = self._links.get(node_id)
            if link is None:
                link = self._links[node_id] = self.connect(node_id)
            self.call(link, request, self._answered, node_id)
        if self._queue_of_markers.has_held and not self._is_retry_set:
            self._is_retry_set = True
            self.after(self._again_ms, RETRY)
            self._again_ms = min(2 * self._again_ms, AGAIN_MS_MAX)

    def _leader_of(self, partition: TopicAndPartition) -> int | None:
        """As the node knows the cluster: it leads the coordinator's partition, so it knows of all that was added."""
        image = self.node.view.image
        found = image.partition(*partition)
        if found is None:
            return None
        leader = image.brokers.get(found.leader)
        return NO_LEADER if leader is None or leader.fenced else found.leader

    def _answered(self, outcome: WriteTxnMarkersResponse | KafkaError, node_id: int) -> None:
        response = None if isinstance(outcome, KafkaError) else outcome
        for waiting, result in self._queue_of_markers.answered(node_id, response):
            self._again_ms = AGAIN_MS_MIN
            if isinstance(result, KafkaError):
                waiting.answer.fail(result)  # type: ignore[attr-defined]  # the same
            else:
                waiting.answer.set(result)  # type: ignore[attr-defined]  # the same
        self.send(SEND)

    @receives(Retry)
    def retry(self, message: Retry) -> None:
        """What was held back goes to whichever node leads its partition now."""
        self._is_retry_set = False
        self._queue_of_markers.release()
        self.send(SEND)
