"""Which node is asked to write which markers, one request at a time, and what is sent again."""

from actors.image.image import NO_LEADER
from actors.transactions.marker_queue import MarkerQueue, WaitingMarker
from actors.transactions.markers import Cancellation, Marker, MarkerWritten
from kstore.errors import InvalidProducerEpoch, NotLeaderOrFollower, TransactionCoordinatorFenced
from kstore.schema.messages.write_txn_markers import (
    WritableTxnMarkerPartitionResult,
    WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult,
    WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
)

A, B, C = ("a", 0), ("b", 1), ("b", 2)
ONE, OTHER = 1, 2


class Queue:
    def __init__(self, leaders: dict[tuple[str, int], int | None]) -> None:
        self.queue = MarkerQueue()
        self.leaders = leaders
        self.told: dict[str, object] = {}

    def add(
        self, partition, name: str, *, producer: int = 5, epoch: int = 0, cancellation: Cancellation | None = None
    ) -> None:
        marker = Marker(producer, epoch, True, 3, 2)
        self.queue.add(WaitingMarker(marker, partition, cancellation or Cancellation(), name))

    def go(self) -> dict[int, list[tuple[int, str, list[int]]]]:
        for gone in self.queue.address(self.leaders.get):
            self.told[str(gone.answer)] = "gone"
        return {node: _flat(request) for node, request in self.queue.take().items()}

    def answer(self, node: int, codes: dict[tuple[int, str, int], int] | None) -> None:
        response = None
        if codes is not None:
            response = WriteTxnMarkersResponse(
                markers=[
                    WritableTxnMarkerResult(
                        producer_id=producer,
                        topics=[
                            WritableTxnMarkerTopicResult(
                                name=topic,
                                partitions=[WritableTxnMarkerPartitionResult(partition_index=index, error_code=code)],
                            )
                        ],
                    )
                    for (producer, topic, index), code in codes.items()
                ]
            )
        for waiting, outcome in self.queue.answered(node, response):
            self.told[str(waiting.answer)] = outcome


def _flat(request: WriteTxnMarkersRequest) -> list[tuple[int, str, list[int]]]:
    return [
        (each.producer_id, topic.name, topic.partition_indexes) for each in request.markers for topic in each.topics
    ]


def test_markers_go_to_the_leaders_in_one_request_each() -> None:
    queue = Queue({A: ONE, B: OTHER, C: OTHER})
    queue.add(A, "a")
    queue.add(B, "b")
    queue.add(C, "c")
    queue.add(B, "other's", producer=6)
    assert queue.go() == {ONE: [(5, "a", [0])], OTHER: [(5, "b", [1, 2]), (6, "b", [1])]}
    queue.answer(ONE, {(5, "a", 0): 0})
    assert queue.told == {"a": MarkerWritten(True)}


def test_what_comes_up_while_a_node_is_busy_goes_together_with_the_next_request() -> None:
    queue = Queue({A: ONE, B: ONE})
    queue.add(A, "a")
    assert queue.go()
    queue.add(B, "b")
    queue.add(A, "other's", producer=6)
    assert queue.go() == {}
    queue.answer(ONE, {(5, "a", 0): 0})
    assert queue.go() == {ONE: [(5, "b", [1]), (6, "a", [0])]}


def test_two_markers_of_one_producer_are_never_in_one_request() -> None:
    queue = Queue({A: ONE})
    queue.add(A, "first", epoch=1)
    queue.add(A, "second", epoch=2)
    assert queue.go() == {ONE: [(5, "a", [0])]}
    queue.answer(ONE, {(5, "a", 0): 0})
    assert queue.told == {"first": MarkerWritten(True)}
    assert queue.go() == {ONE: [(5, "a", [0])]}


def test_a_marker_that_was_not_written_goes_to_the_next_leader() -> None:
    queue = Queue({A: ONE})
    queue.add(A, "a")
    queue.go()
    queue.answer(ONE, {(5, "a", 0): NotLeaderOrFollower.code})
    assert queue.queue.has_held
    assert not queue.told
    queue.leaders[A] = OTHER
    assert queue.go() == {}
    queue.queue.release()
    assert queue.go() == {OTHER: [(5, "a", [0])]}


def test_a_request_whose_link_broke_is_sent_again() -> None:
    queue = Queue({A: ONE})
    queue.add(A, "a")
    queue.go()
    queue.answer(ONE, None)
    queue.queue.release()
    assert queue.go() == {ONE: [(5, "a", [0])]}


def test_a_partition_that_the_answer_leaves_out_is_sent_again() -> None:
    queue = Queue({A: ONE})
    queue.add(A, "a")
    queue.go()
    queue.answer(ONE, {})
    assert queue.queue.has_held


def test_what_is_refused_for_good_is_told() -> None:
    queue = Queue({A: ONE, B: ONE})
    queue.add(A, "a")
    queue.add(B, "b", producer=6)
    queue.go()
    queue.answer(ONE, {(5, "a", 0): InvalidProducerEpoch.code, (6, "b", 1): TransactionCoordinatorFenced.code})
    assert isinstance(queue.told["a"], InvalidProducerEpoch)
    assert isinstance(queue.told["b"], TransactionCoordinatorFenced)


def test_a_partition_without_a_leader_waits_and_one_that_is_gone_does_not() -> None:
    queue = Queue({A: NO_LEADER})
    queue.add(A, "a")
    queue.add(B, "b")
    assert queue.go() == {}
    assert queue.told == {"b": "gone"}
    assert queue.queue.has_held


def test_markers_of_a_coordinator_that_has_resigned_are_not_sent() -> None:
    queue = Queue({A: ONE, B: ONE})
    cancellation = Cancellation()
    queue.add(A, "a")
    queue.go()
    queue.add(A, "waits for the node", cancellation=cancellation)
    queue.go()
    queue.add(B, "is new", cancellation=cancellation)
    cancellation.is_requested = True
    queue.answer(ONE, {(5, "a", 0): 0})
    assert queue.go() == {}
    assert queue.told == {"a": MarkerWritten(True)}
