"""Cases of partitions in transactions: what is produced, what readers of either kind get, and what ends it."""

from __future__ import annotations

from typing import Any

from matrix.case import Talk, Topic, case
from matrix.cases.producers import DESCRIBE_PRODUCERS, WRITE_TXN_MARKERS, describe, marker, producers_of
from matrix.cases.producing import PRODUCE, THEN, batch, produce
from matrix.cases.transactions import FIRST_PROTOCOL, Producer, end, ongoing, producer

from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kstore.schema.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kstore.schema.messages.write_txn_markers import WriteTxnMarkersRequest

FETCH, LIST_OFFSETS = 1, 2
LONG_AGO = "1000000000000"
"""Records of 2023 and markers of now stay in one segment."""


def inside(of: Producer, sequence: int = 0, **fields: Any) -> bytes:
    """Three records in a producer's transaction."""
    values = {"producer_id": of[0], "producer_epoch": of[1], "base_sequence": sequence, "is_transactional": True}
    return batch(**values | fields)


def written(talk: Talk, name: str, of: Producer, topic: Topic, sequence: int = 0) -> None:
    request = produce((topic, 0, inside(of, sequence)), transactional_id=name)
    talk.settle(request, lambda answer: not answer.responses[0].partition_responses[0].error_code)


def ended(talk: Talk, name: str, of: Producer, *, commit: bool) -> None:
    """End a transaction by the first protocol, and wait until its markers are written: the next may begin."""
    talk.quietly(end(name, of, commit=commit), version=FIRST_PROTOCOL)
    producer(talk, name)


def with_transactions(talk: Talk) -> Topic:
    """One that was committed, one that was aborted, one that is open, and records of nobody's behind it."""
    topic = talk.topic(talk.fresh("t"), 1, segment_ms=LONG_AGO)
    for name, commit in (("committed", True), ("aborted", False), ("open", None)):
        transaction = talk.fresh(name)
        of = ongoing(talk, transaction, topic)
        written(talk, transaction, of, topic)
        if commit is not None:
            ended(talk, transaction, of, commit=commit)
    talk.quietly(produce((topic, 0, batch())))
    return topic


@case(PRODUCE, "in a transaction")
def _(talk: Talk) -> None:
    name, topic = talk.fresh("tx"), talk.topic(talk.fresh("t"), 1, 1)
    producer(talk, name)
    of = ongoing(talk, name, topic)
    old = (of[0], of[1] - 1)

    def ask(step: str, data: bytes, *, partition: int = 0, transactional_id: str | None = name, via: str = "a") -> None:
        talk.ask(produce((topic, partition, data), transactional_id=transactional_id), step, via=via)

    ask("of an old epoch", inside(old))
    ask("first", inside(of))
    ask("second", inside(of, 3))
    ask("second again", inside(of, 3))
    ask("with a gap", inside(of, 9))
    ask("outside of it", inside(of, 6, is_transactional=False))
    ask("outside of it, with a gap", inside(of, 9, is_transactional=False))
    ask("a partition that wasn't added", inside(of), partition=1)
    ask("of an epoch that nobody has", inside((of[0], of[1] + 5)))
    ask("by another transaction", inside(of, 6), transactional_id=talk.fresh("other"))
    ask("without an id", inside(of, 6), transactional_id=None)
    ended(talk, name, of, commit=True)
    ask("when it was committed", inside(of, 6))
    describe(talk, producers_of((topic.name, [0])), "what is known then")


@case(FETCH, "of transactions")
def _(talk: Talk) -> None:
    topic = with_transactions(talk)
    for level in (0, 1):
        for offset in (0, 4, 7, 8, 11):
            part = FetchPartition(partition=0, fetch_offset=offset, partition_max_bytes=1 << 20)
            wanted = FetchTopic(topic=topic.name, topic_id=topic.id, partitions=[part])
            request = FetchRequest(isolation_level=level, topics=[wanted], session_epoch=-1, max_bytes=1 << 20)
            answer = talk.quietly(request, version=talk.version)
            found = answer.responses[0].partitions[0]
            found.records = b"some" if found.records else b""  # markers have the time of the broker
            talk.note(f"level {level} from {offset}", answer, talk.version)


@case(LIST_OFFSETS, "of transactions", since=2)
def _(talk: Talk) -> None:
    topic = with_transactions(talk)
    for level in (0, 1):
        for timestamp in (-1, -2, THEN, THEN + 40):
            part = ListOffsetsPartition(partition_index=0, timestamp=timestamp)
            request = ListOffsetsRequest(
                replica_id=-1, isolation_level=level, topics=[ListOffsetsTopic(name=topic.name, partitions=[part])]
            )
            talk.ask(request, f"level {level} at {timestamp}")


@case(DESCRIBE_PRODUCERS, "in transactions")
def _(talk: Talk) -> None:
    topic = with_transactions(talk)
    answer = talk.quietly(producers_of((topic.name, [0])), version=0)
    found = answer.topics[0].partitions[0].active_producers
    found.sort(key=lambda each: each.producer_id)
    for number, each in enumerate(found):
        each.producer_id = number  # ids are the cluster's own
        each.last_timestamp = min(each.last_timestamp, THEN + 40)
    talk.note("one of each", answer, 0)


@case(WRITE_TXN_MARKERS, "of a transaction that is open")
def _(talk: Talk) -> None:
    name, topic = talk.fresh("tx"), talk.topic(talk.fresh("t"), 1)
    of = ongoing(talk, name, topic)
    written(talk, name, of, topic)

    def ask(step: str, epoch: int, **fields: Any) -> None:
        made = marker(of[0], (topic.name, [0]), producer_epoch=epoch, coordinator_epoch=9, **fields)
        request = WriteTxnMarkersRequest(markers=[made])
        answer = talk.quietly(request, version=talk.version)
        answer.markers[0].producer_id = 0  # the cluster's own
        talk.note(step, answer, talk.version)

    ask("of its epoch, by the second protocol", of[1], commit=False, transaction_version=2)
    ask("of a newer epoch", of[1] + 1, commit=False, transaction_version=2)
    ask("once more", of[1] + 1, commit=False, transaction_version=2)
    ask("of its epoch, late", of[1])
