"""Cases of ListOffsets, OffsetForLeaderEpoch and DeleteRecords."""

from __future__ import annotations

from typing import Any

from matrix.case import Talk, Topic, case
from matrix.cases.configs import SET, TOPICS, alter, describe
from matrix.cases.fetching import words
from matrix.cases.producing import GOOD, NOWHERE, THEN, batch, produce, read_back
from model.batch_model import ModelRecord

from kstore.schema.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from kstore.schema.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kstore.schema.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)

LIST_OFFSETS, DELETE_RECORDS, OFFSET_FOR_LEADER_EPOCH = 2, 21, 23


def list_offsets(*parts: tuple[Topic, int, int], replica_id: int = -1, epoch: int = -1, **fields: Any) -> Any:
    topics = [
        ListOffsetsTopic(
            name=topic.name,
            partitions=[ListOffsetsPartition(partition_index=n, timestamp=time, current_leader_epoch=epoch)],
        )
        for topic, n, time in parts
    ]
    return ListOffsetsRequest(replica_id=replica_id, topics=topics, timeout_ms=10_000, **fields)


@case(LIST_OFFSETS, "times")
def _(talk: Talk) -> None:
    topic = words(talk)
    times = {"latest": -1, "earliest": -2, "of the greatest timestamp": -3, "earliest local": -4, "latest tiered": -5}
    times |= {"earliest not yet tiered": -6, "-7": -7, "0": 0, "of a record": THEN, "between records": THEN + 1}
    for name, time in {**times, "beyond": THEN + 41}.items():
        talk.ask(list_offsets((topic, 0, time)), name)
    empty = talk.topic("list-offsets-empty")
    for name in ("latest", "earliest", "of the greatest timestamp", "of a record"):
        talk.ask(list_offsets((empty, 0, times[name])), f"{name}, of an empty log")


@case(LIST_OFFSETS, "times of records that have become too large")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"), max_decompressed_message_bytes="1000000")
    for number, codec in enumerate((1, 0, 4)):
        records = [ModelRecord(n, THEN + 10 * number + n, None, bytes(99 + n)) for n in range(3)]
        talk.quietly(produce((topic, 0, batch(records=records, compression=codec))))
    key = "max.decompressed.message.bytes"
    talk.quietly(alter(TOPICS, topic.name, (key, SET, "107")))
    talk.settle(describe(TOPICS, topic.name, [key]), lambda answer: answer.results[0].configs[0].value == "107")
    talk.ask(list_offsets((topic, 0, THEN)), "of one before")
    talk.ask(list_offsets((topic, 0, THEN + 1)), "of one as large as may be")
    talk.ask(list_offsets((topic, 0, THEN + 2)), "of one that is too large")
    talk.ask(list_offsets((topic, 0, THEN + 11)), "of one that isn't compressed")
    talk.ask(list_offsets((topic, 0, THEN + 12)), "of one that is too large, and isn't compressed")
    talk.ask(list_offsets((topic, 0, THEN + 20)), "of one of another batch")
    talk.ask(list_offsets((topic, 0, -3)), "of the greatest timestamp")
    talk.ask(list_offsets((topic, 0, -1)), "latest")


@case(LIST_OFFSETS, "where it can't be told")
def _(talk: Talk) -> None:
    topic = words(talk)
    talk.ask(list_offsets((NOWHERE, 0, -1)), "no such topic")
    talk.ask(list_offsets((Topic("a b", b""), 0, -1)), "no possible topic")
    talk.ask(list_offsets((topic, 7, -1)), "no such partition")
    talk.ask(list_offsets((topic, 1, -1)), "another node's")
    talk.ask(list_offsets((topic, 1, THEN)), "a time of another node's")
    talk.ask(list_offsets((topic, 0, -1), (topic, 0, -2)), "one partition twice")
    talk.ask(list_offsets(), "nothing asked for")
    talk.ask(list_offsets((topic, 0, -1), (NOWHERE, 0, -1)), "one of two is there")


@case(LIST_OFFSETS, "epochs, levels and replicas")
def _(talk: Talk) -> None:
    topic = words(talk)
    for epoch in (0, 5, -2):
        talk.ask(list_offsets((topic, 0, -1), epoch=epoch), f"epoch {epoch}")
    talk.ask(list_offsets((topic, 0, -1), isolation_level=1), "read committed")
    talk.ask(list_offsets((topic, 0, -1), isolation_level=7), "no such level", via="level")
    for replica in (2, 9, -2, -3):
        talk.ask(list_offsets((topic, 0, -1), replica_id=replica), f"replica {replica}", via=str(replica))
    talk.ask(list_offsets((topic, 1, -1), replica_id=-2), "a debugger asks a node that isn't the leader")


def epochs(*parts: tuple[Topic, int, int], current: int = -1, **fields: Any) -> OffsetForLeaderEpochRequest:
    topics = [
        OffsetForLeaderTopic(
            topic=topic.name,
            partitions=[OffsetForLeaderPartition(partition=n, leader_epoch=epoch, current_leader_epoch=current)],
        )
        for topic, n, epoch in parts
    ]
    return OffsetForLeaderEpochRequest(topics=topics, **fields)


@case(OFFSET_FOR_LEADER_EPOCH, "epochs")
def _(talk: Talk) -> None:
    topic = words(talk)
    for epoch in (0, 1, 99, -1, -2):
        talk.ask(epochs((topic, 0, epoch), replica_id=-1), f"of epoch {epoch}")
    for current in (0, 5):
        talk.ask(epochs((topic, 0, 0), current=current, replica_id=-1), f"current {current}")
    empty = talk.topic("epochs-empty")
    talk.ask(epochs((empty, 0, 0), replica_id=-1), "of an empty log")


@case(OFFSET_FOR_LEADER_EPOCH, "where it can't be told")
def _(talk: Talk) -> None:
    topic = words(talk)
    talk.ask(epochs((NOWHERE, 0, 0), replica_id=-1), "no such topic")
    talk.ask(epochs((topic, 7, 0), replica_id=-1), "no such partition")
    talk.ask(epochs((topic, 1, 0), replica_id=-1), "another node's")
    talk.ask(epochs(replica_id=-1), "nothing asked for")
    talk.ask(epochs((topic, 0, 0), (NOWHERE, 0, 0), replica_id=-1), "one of two is there")
    for replica in (2, -2):
        talk.ask(epochs((topic, 0, 0), replica_id=replica), f"replica {replica}", via=str(replica))


def delete_records(*parts: tuple[str, int, int], timeout_ms: int = 10_000) -> DeleteRecordsRequest:
    topics = [
        DeleteRecordsTopic(name=name, partitions=[DeleteRecordsPartition(partition_index=n, offset=offset)])
        for name, n, offset in parts
    ]
    return DeleteRecordsRequest(topics=topics, timeout_ms=timeout_ms)


@case(DELETE_RECORDS, "of a log")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"))
    for _ in range(3):
        talk.quietly(produce((topic, 0, GOOD)))
    talk.ask(delete_records((topic.name, 0, 0)), "none")
    talk.ask(delete_records((topic.name, 0, 4)), "some")
    talk.ask(delete_records((topic.name, 0, 2)), "some that are gone")
    read_back(talk, topic, 4)
    read_back(talk, topic, 0, "read from before the beginning")
    talk.ask(list_offsets((topic, 0, -2)), "where it begins")
    talk.ask(delete_records((topic.name, 0, 10)), "more than there are")
    talk.ask(delete_records((topic.name, 0, -2)), "up to -2")
    talk.ask(delete_records((topic.name, 0, -1)), "all")
    talk.ask(list_offsets((topic, 0, -2)), "where it begins when all are gone")
    talk.ask(delete_records((topic.name, 0, -1)), "all of nothing")


@case(DELETE_RECORDS, "of two replicas")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"), replicas=[[1, 2]])
    talk.quietly(produce((topic, 0, GOOD)))
    talk.ask(delete_records((topic.name, 0, -1)), "all")
    talk.ask(delete_records((topic.name, 0, -1)), "by the follower", node=2)


@case(DELETE_RECORDS, "where it can't be done")
def _(talk: Talk) -> None:
    topic = talk.topic("delete-records", 1, 2)
    talk.ask(delete_records(("nowhere", 0, 0)), "no such topic")
    talk.ask(delete_records(("a b", 0, 0)), "no possible topic")
    talk.ask(delete_records((topic.name, 7, 0)), "no such partition")
    talk.ask(delete_records((topic.name, 1, 0)), "another node's")
    talk.ask(delete_records(("__consumer_offsets", 0, 0)), "the cluster's own")
    compacted = talk.topic("delete-records-compacted", 1, cleanup_policy="compact")
    talk.ask(delete_records((compacted.name, 0, 0)), "of a compacted topic")
    both = talk.topic("delete-records-both", 1, cleanup_policy="compact,delete")
    talk.ask(delete_records((both.name, 0, 0)), "of a compacted topic that deletes as well")
    talk.ask(delete_records(), "nothing asked for")
    talk.ask(delete_records((topic.name, 0, 0), timeout_ms=-1), "a negative timeout")
