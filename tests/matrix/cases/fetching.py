"""Cases of Fetch."""

from __future__ import annotations

from typing import Any

from matrix.case import Talk, Topic, case
from matrix.cases.clusters import named
from matrix.cases.producing import GOOD, NOWHERE, THEN, batch, produce
from matrix.raw import Silence
from model.batch_model import ModelRecord

from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic, ReplicaState

FETCH = 1
SESSIONS_FROM, IDS_FROM = 7, 13


def fetch(*parts: tuple[Topic, int, int], max_bytes: int = 1 << 20, **fields: Any) -> FetchRequest:
    """Parts are a topic, a partition and an offset; ``partition`` fields are those of every partition."""
    each = fields.pop("partition", {})
    topics = [
        FetchTopic(
            topic=topic.name,
            topic_id=topic.id,
            partitions=[
                FetchPartition(**{"partition": n, "fetch_offset": offset, "partition_max_bytes": max_bytes, **each})
            ],
        )
        for topic, n, offset in parts
    ]
    return FetchRequest(**{"max_wait_ms": 100, "min_bytes": 1, "topics": topics, **fields})


def words(talk: Talk) -> Topic:
    """A topic of three batches on the first node and one on the second."""
    if "fetch-words" in talk.cluster.topics:
        return talk.topic("fetch-words")
    topic = talk.topic("fetch-words", 1, 2)
    for codec in (0, 1, 4):
        talk.quietly(produce((topic, 0, batch(compression=codec))))
    talk.quietly(produce((topic, 1, GOOD)), node=2)
    return topic


@case(FETCH, "what is there")
def _(talk: Talk) -> None:
    topic = words(talk)
    talk.ask(fetch((topic, 0, 0)), "from the beginning")
    talk.ask(fetch((topic, 0, 4)), "from within a batch")
    talk.ask(fetch((topic, 0, 9)), "from the end")
    talk.ask(fetch((topic, 0, 0), isolation_level=1), "read committed")
    talk.ask(fetch((topic, 0, 9), isolation_level=1), "read committed, from the end")
    talk.ask(fetch((topic, 0, 0), rack_id="somewhere"), "with a rack")
    talk.ask(fetch((topic, 1, 0)), "of the other node", node=2)


@case(FETCH, "so many bytes")
def _(talk: Talk) -> None:
    topic = words(talk)
    talk.ask(fetch((topic, 0, 0), max_bytes=1), "one of the partition")
    talk.ask(fetch((topic, 0, 0), max_bytes=len(GOOD) + 10), "a batch and a bit")
    talk.ask(fetch((topic, 0, 0), partition={"partition_max_bytes": 0}), "none of the partition")
    more = fetch((topic, 0, 0))
    more.max_bytes = 1
    talk.ask(more, "one of all")
    more.max_bytes = -1
    talk.ask(more, "a negative number")
    talk.ask(fetch((topic, 0, 0), min_bytes=1 << 20), "more than there are")
    talk.ask(fetch((topic, 0, 9), min_bytes=0, max_wait_ms=60_000), "none is enough")
    talk.ask(fetch((topic, 0, 9), max_wait_ms=-1), "a negative wait")


@case(FETCH, "what isn't there")
def _(talk: Talk) -> None:
    topic = words(talk)
    talk.ask(fetch((topic, 0, 10)), "beyond the end")
    talk.ask(fetch((topic, 0, -1)), "before the beginning")
    talk.ask(fetch((topic, 7, 0)), "no such partition")
    talk.ask(fetch((topic, -1, 0)), "a negative partition")
    talk.ask(fetch((NOWHERE, 0, 0)), "no such topic")
    talk.ask(fetch((Topic("", bytes(16)), 0, 0)), "no name")
    talk.ask(fetch((topic, 1, 0)), "another node's")
    talk.ask(fetch((topic, 0, 0), (NOWHERE, 0, 0)), "one of two is there")
    talk.ask(fetch(), "nothing asked for")
    talk.ask(fetch((topic, 0, 0), isolation_level=7), "no such isolation level", via="b")


@case(FETCH, "of a topic whose codec is zstd")
def _(talk: Talk) -> None:
    topic = talk.topic("fetch-zstd", compression_type="zstd")
    if talk.version == SESSIONS_FROM - 3:
        talk.quietly(produce((topic, 0, GOOD)))
    talk.ask(fetch((topic, 0, 0)), "what is there")
    talk.ask(fetch((topic, 0, 3)), "from the end")
    talk.ask(fetch((topic, 0, 9)), "beyond the end")
    talk.ask(fetch((topic, 0, 0), (words(talk), 0, 0)), "and another topic")


@case(FETCH, "epochs", since=9)
def _(talk: Talk) -> None:
    topic = words(talk)
    for epoch in (0, 1, 99):
        talk.ask(fetch((topic, 0, 0), partition={"current_leader_epoch": epoch}), f"current {epoch}")
    talk.ask(fetch((topic, 0, 0), partition={"current_leader_epoch": -2}), "current -2")
    talk.ask(fetch((topic, 1, 0), partition={"current_leader_epoch": 0}), "of another node's leader")
    if talk.version >= 12:
        for epoch in (0, 5):
            talk.ask(fetch((topic, 0, 3), partition={"last_fetched_epoch": epoch}), f"last fetched {epoch}")
        talk.ask(fetch((topic, 0, 20), partition={"last_fetched_epoch": 0}), "last fetched 0, beyond the end")


@case(FETCH, "from a follower")
def _(talk: Talk) -> None:
    topic = talk.topic("fetch-followed", replicas=[[1, 2]])
    if talk.version == 4:
        talk.quietly(produce((topic, 0, GOOD)))
    talk.ask(fetch((topic, 0, 3)), "at the leader's end")
    settled = fetch((topic, 0, 0), session_epoch=-1, min_bytes=1)
    talk.settle(settled, lambda answer: answer.responses[0].partitions[0].high_watermark == 3)
    talk.ask(fetch((topic, 0, 0), rack_id="b"), "by a consumer with a rack", node=2)


@case(FETCH, "as a replica")
def _(talk: Talk) -> None:
    topic = words(talk)
    for replica in (2, 9, -2, -3):
        request = fetch((topic, 0, 0), replica_id=replica, replica_state=ReplicaState(replica_id=replica))
        talk.ask(request, f"replica {replica}", via=str(replica))


@case(FETCH, "full requests", since=SESSIONS_FROM)
def _(talk: Talk) -> None:
    topic = words(talk)
    talk.ask(fetch((topic, 0, 0), session_id=0, session_epoch=-1), "without a session")
    talk.ask(fetch((topic, 0, 0), session_id=77, session_epoch=-1), "ending a session that isn't there")
    talk.ask(fetch((topic, 0, 0), session_id=77, session_epoch=1), "a session that isn't there")
    talk.ask(fetch((topic, 0, 0), session_id=0, session_epoch=5), "no session in epoch 5")
    talk.ask(fetch((topic, 0, 0), session_id=77, session_epoch=0), "a new one instead of one that isn't there")
    talk.ask(fetch((topic, 0, 0), session_id=77, session_epoch=-2), "epoch -2")


@case(FETCH, "a session", since=SESSIONS_FROM)
def _(talk: Talk) -> None:
    topic, more = talk.topic(talk.fresh("t"), 1, 1), words(talk)
    talk.quietly(produce((topic, 0, GOOD)))
    made = talk.ask(fetch((topic, 0, 0), (topic, 1, 0), session_epoch=0), "begun")
    if isinstance(made, Silence):
        return
    session = made.session_id

    def go_on(epoch: int, step: str, *parts: tuple[Topic, int, int], **fields: Any) -> None:
        talk.ask(fetch(*parts, session_id=session, session_epoch=epoch, **fields), step)

    go_on(1, "nothing changed, so it is told again")
    go_on(2, "moved on", (topic, 0, 3))
    talk.quietly(produce((topic, 1, GOOD)))
    go_on(3, "another has news")
    go_on(4, "one more", (more, 0, 9), (topic, 1, 3))
    go_on(5, "one that isn't there", (NOWHERE, 0, 0))
    go_on(6, "and again")
    go_on(5, "an old epoch")
    go_on(9, "an epoch too far")
    forgotten = [ForgottenTopic(topic=topic.name, topic_id=topic.id, partitions=[0])]
    go_on(7, "one forgotten", (topic, 1, 0), forgotten_topics_data=forgotten)
    go_on(8, "out of range", (topic, 1, 77))
    go_on(9, "and told again")
    go_on(-1, "ended")
    go_on(10, "after its end")


@case(FETCH, "a session and the names of topics", since=12)
def _(talk: Talk) -> None:
    topic = words(talk)
    made = talk.ask(fetch((topic, 0, 9), session_epoch=0), "begun")
    other = 12 if talk.version >= IDS_FROM else IDS_FROM
    request = fetch((topic, 1, 0), session_id=made.session_id, session_epoch=1)
    talk.ask(request, "gone on with in the other kind of version", version=other)


@case(FETCH, "stamped by the log")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"), message_timestamp_type="LogAppendTime")
    record = ModelRecord(0, THEN, b"k", b"v")
    talk.quietly(produce((topic, 0, batch(records=[record], compression=2))))
    talk.ask(fetch((topic, 0, 0)), "read")


@case(FETCH, "a session and a topic that is made anew", since=SESSIONS_FROM)
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"))
    made = talk.ask(fetch((topic, 0, 0), session_epoch=0), "begun")
    talk.quietly(DeleteTopicsRequest(topics=[DeleteTopicState(name=topic.name)], timeout_ms=10_000))
    gone = named(topic.name)
    talk.settle(gone, lambda answer: answer.topics[0].error_code == 3)
    del talk.cluster.topics[topic.name]
    again = talk.topic(topic.name)
    talk.quietly(produce((again, 0, GOOD)))
    talk.ask(fetch(session_id=made.session_id, session_epoch=1), "gone on with")
    talk.ask(fetch(session_id=made.session_id, session_epoch=2), "and once more")
    talk.ask(fetch((again, 0, 0), session_id=made.session_id, session_epoch=3), "with the new one named")
