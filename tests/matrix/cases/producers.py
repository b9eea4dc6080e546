"""Cases of WriteTxnMarkers and DescribeProducers."""

from __future__ import annotations

from typing import Any

from matrix.case import Talk, Topic, case
from matrix.cases.producing import THEN, batch, produce

from kstore.schema.messages.describe_producers import DescribeProducersRequest, TopicRequest
from kstore.schema.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerTopic,
    WriteTxnMarkersRequest,
)

WRITE_TXN_MARKERS, DESCRIBE_PRODUCERS = 27, 61


def producers_of(*topics: tuple[str, list[int]]) -> DescribeProducersRequest:
    return DescribeProducersRequest(
        topics=[TopicRequest(name=name, partition_indexes=numbers) for name, numbers in topics]
    )


def describe(talk: Talk, request: DescribeProducersRequest, step: str, *, node: int = 1) -> None:
    """Note an answer without the order of producers, and without the times of markers, which brokers set."""
    answer = talk.quietly(request, node=node, version=0)
    for topic in answer.topics:
        for partition in topic.partitions:
            partition.active_producers.sort(key=lambda each: each.producer_id)
            for each in partition.active_producers:
                each.last_timestamp = min(each.last_timestamp, THEN + 40)
    talk.note(step, answer, 0)


def written(
    talk: Talk, topic: Topic, producer_id: int, *, epoch: int = 0, sequence: int = 0, partition: int = 0
) -> None:
    data = batch(producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence)
    talk.quietly(produce((topic, partition, data)))


def marker(producer_id: int, *places: tuple[str, list[int]], commit: bool = True, **fields: Any) -> WritableTxnMarker:
    topics = [WritableTxnMarkerTopic(name=name, partition_indexes=numbers) for name, numbers in places]
    values = {"producer_epoch": 0, "coordinator_epoch": 0, **fields}
    return WritableTxnMarker(producer_id=producer_id, transaction_result=commit, topics=topics, **values)


@case(DESCRIBE_PRODUCERS, "of partitions")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"), 1, 1, 2)
    written(talk, topic, 5_001)
    written(talk, topic, 5_001, sequence=3)
    written(talk, topic, 5_002, epoch=4)
    describe(talk, producers_of((topic.name, [0])), "two producers")
    describe(talk, producers_of((topic.name, [1, 0])), "one without, and one with")
    describe(talk, producers_of((topic.name, [0]), (topic.name, [0])), "the topic twice")
    describe(talk, producers_of((topic.name, [0, 0])), "the partition twice")
    describe(talk, producers_of((topic.name, [2, 9, -1])), "elsewhere, and nowhere")
    describe(talk, producers_of(("nowhere", [0]), ("not a name", [0]), ("", [0])), "no such topics")
    describe(talk, producers_of((topic.name, [])), "no partitions")
    describe(talk, producers_of(), "nothing")


@case(WRITE_TXN_MARKERS, "of producers without a transaction")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"), 1, 1, 2)
    place = (topic.name, [0])
    written(talk, topic, 5_001, epoch=2)

    def ask(step: str, *markers: WritableTxnMarker, **how: Any) -> None:
        talk.ask(WriteTxnMarkersRequest(markers=list(markers)), step, **how)

    ask("nothing")
    ask("a known producer", marker(5_001, place, producer_epoch=2))
    ask("an unknown producer", marker(5_009, place, commit=False))
    ask("an old epoch", marker(5_001, place, producer_epoch=1))
    ask("a newer coordinator", marker(5_001, place, producer_epoch=3, coordinator_epoch=7))
    ask("an older coordinator", marker(5_001, place, producer_epoch=3, coordinator_epoch=6))
    ask("once more", marker(5_001, place, producer_epoch=3, coordinator_epoch=7))
    ask(
        "by the second protocol, once more",
        marker(5_001, place, producer_epoch=3, coordinator_epoch=7, transaction_version=2),
    )
    ask("two partitions", marker(5_001, (topic.name, [1, 0]), producer_epoch=3, coordinator_epoch=7))
    ask("led elsewhere", marker(5_001, (topic.name, [2])))
    ask("by the other node", marker(5_001, (topic.name, [2])), node=2)
    ask("nowhere", marker(5_001, (topic.name, [9])))
    describe(talk, producers_of(place), "what is known then")


@case(WRITE_TXN_MARKERS, "of offsets")
def _(talk: Talk) -> None:
    place = ("__consumer_offsets", [0])
    talk.ask(WriteTxnMarkersRequest(markers=[marker(6_001, place, commit=False)]), "by the coordinator")
    talk.ask(WriteTxnMarkersRequest(markers=[marker(6_001, place)]), "by the other node", node=2)
