"""Cases of Produce and InitProducerId."""

from __future__ import annotations

import struct
from typing import Any

from matrix.case import Talk, Topic, case
from matrix.raw import Silence
from model.batch_model import ModelBatch, ModelRecord

from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.init_producer_id import InitProducerIdRequest
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

PRODUCE, INIT_PRODUCER_ID = 0, 22
THEN = 1_700_000_000_000
PRODUCER = 5_000_000
NOWHERE = Topic("nowhere", b"nowhere-at-all-!")
RECORDS = [
    ModelRecord(offset=0, timestamp=THEN, key=b"a", value=b"1"),
    ModelRecord(offset=1, timestamp=THEN + 40, key=None, value=b"22", headers=[(b"h", b"x"), (b"n", None)]),
    ModelRecord(offset=2, timestamp=THEN - 500, key=b"c", value=None),
]


def batch(**fields: Any) -> bytes:
    return ModelBatch(**{"records": list(RECORDS), **fields}).to_bytes()


GOOD = batch()


def produce(*parts: tuple[Topic, int, bytes | None], acks: int = -1, **fields: Any) -> ProduceRequest:
    """Parts of one topic that stand beside each other go under one."""
    topics: list[TopicProduceData] = []
    for topic, index, records in parts:
        if not topics or topics[-1].name != topic.name:
            topics.append(TopicProduceData(name=topic.name, topic_id=topic.id))
        topics[-1].partition_data.append(PartitionProduceData(index=index, records=records))
    return ProduceRequest(**{"acks": acks, "timeout_ms": 30_000, "topic_data": topics, **fields})


def read_back(talk: Talk, topic: Topic, offset: int = 0, step: str = "read back") -> None:
    """Note what the log has now."""
    part = FetchPartition(partition=0, fetch_offset=offset, partition_max_bytes=1 << 20)
    wanted = FetchTopic(topic=topic.name, topic_id=topic.id, partitions=[part])
    request = FetchRequest(max_wait_ms=100, topics=[wanted], session_epoch=-1)
    talk.ask(request, step, via="reader")


@case(PRODUCE, "acknowledged by all, by the leader")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"), 1, 1)
    talk.ask(produce((topic, 0, GOOD)), "by all")
    talk.ask(produce((topic, 0, GOOD), acks=1), "by the leader")
    talk.ask(produce((topic, 0, GOOD), (topic, 1, GOOD)), "two partitions")
    read_back(talk, topic)


@case(PRODUCE, "on two replicas")
def _(talk: Talk) -> None:
    topic = talk.topic("produce-two-replicas", replicas=[[1, 2]])
    talk.ask(produce((topic, 0, GOOD)), "by all")
    talk.ask(produce((topic, 0, GOOD)), "by the follower", node=2)


@case(PRODUCE, "not acknowledged")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"))
    unanswered(talk, produce((topic, 0, GOOD), acks=0), "sound")
    read_back(talk, topic)
    unanswered(talk, produce((NOWHERE, 0, GOOD), acks=0), "to nowhere")
    unanswered(talk, produce((topic, 0, GOOD[:-1] + b"x"), acks=0), "damaged")


def unanswered(talk: Talk, request: Any, step: str) -> None:
    """A request without an answer, and behind it one that has: whether anything is said, and what."""
    client = talk.new_client()
    try:
        client.send(talk.encoded(request, talk.version))
        client.send(talk.encoded(FindCoordinatorRequest(key="any"), 0))
        frame = client.receive()
        talk.note(step, frame if isinstance(frame, Silence) else talk.response_of(10, 0, frame), 0)
    finally:
        client.close()


@case(PRODUCE, "every codec")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"))
    for codec in range(5):
        talk.ask(produce((topic, 0, batch(compression=codec))), f"codec {codec}")
    read_back(talk, topic)


@case(PRODUCE, "to where it can't go")
def _(talk: Talk) -> None:
    topic = talk.topic("produce-nowhere", 1, 2)
    talk.ask(produce((NOWHERE, 0, GOOD)), "no such topic")
    talk.ask(produce((Topic("a b", bytes(16)), 0, GOOD)), "no possible topic")
    talk.ask(produce((Topic("", bytes(16)), 0, GOOD)), "no name")
    talk.ask(produce((topic, 7, GOOD)), "no such partition")
    talk.ask(produce((topic, -1, GOOD)), "a negative partition")
    talk.ask(produce((topic, 1, GOOD)), "another node's")
    talk.ask(produce((topic, 0, GOOD), (NOWHERE, 0, GOOD), (topic, 1, GOOD)), "one of three is right")
    talk.ask(produce((topic, 0, GOOD), (topic, 1, GOOD), (NOWHERE, 0, GOOD)), "one of three is right, in order")
    internal = talk.topic("__consumer_offsets")
    talk.ask(produce((internal, 0, GOOD)), "the cluster's own")


@case(PRODUCE, "wrong in the request")
def _(talk: Talk) -> None:
    topic = talk.topic("produce-wrong")
    for acks in (2, -2, 32767):
        talk.ask(produce((topic, 0, GOOD), acks=acks), f"acks {acks}", via=f"acks {acks}")
    talk.ask(produce((topic, 0, None)), "null records", via="null", patience_s=1)
    talk.ask(produce((topic, 0, b"")), "no records", via="none")
    talk.ask(produce(), "no topics", via="no topics")
    empty = produce()
    empty.topic_data = [TopicProduceData(name=topic.name, topic_id=topic.id)]
    talk.ask(empty, "no partitions", via="no partitions")
    twice = talk.topic(talk.fresh("twice"))
    talk.ask(produce((twice, 0, GOOD), (twice, 0, GOOD)), "one partition twice", via="twice")
    talk.ask(produce((topic, 0, GOOD), timeout_ms=-1), "a negative timeout", via="timeout")


WRONG = {
    "two batches": GOOD + GOOD,
    "half a batch": GOOD[: len(GOOD) // 2],
    "ten bytes": GOOD[:10],
    "a wrong checksum": batch(crc=1),
    "a wrong count": batch(record_count=5),
    "no count": batch(record_count=0),
    "a wrong span": batch(last_offset_delta=7),
    "codec 6": batch(compression=6, payload=b"x"),
    "not compressed at all": batch(compression=1, payload=b"xxxx"),
    "control": batch(is_control=True),
    "in the far future": batch(records=[ModelRecord(0, 5_000_000_000_000, None, b"v")]),
    "a sequence without a producer": batch(base_sequence=3),
    "a producer without a sequence": batch(producer_id=5_000, producer_epoch=1),
    "length 13": GOOD[:8] + struct.pack(">i", 13) + GOOD[12:],
    "magic 0": GOOD[:16] + b"\x00" + GOOD[17:],
    "magic 1": GOOD[:16] + b"\x01" + GOOD[17:],
    "magic 3": GOOD[:16] + b"\x03" + GOOD[17:],
    "record bytes beyond": batch(payload=b"\x50abc"),
}


@case(PRODUCE, "wrong batches")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"))
    for name, data in WRONG.items():
        talk.ask(produce((topic, 0, data)), name, via=name)
    talk.ask(produce((topic, 0, GOOD)), "and a right one")


@case(PRODUCE, "as the topic's configs say")
def _(talk: Talk) -> None:
    small = talk.topic("produce-small", max_message_bytes="70")
    talk.ask(produce((small, 0, GOOD)), "too large")
    strict = talk.topic("produce-strict", min_insync_replicas="2")
    talk.ask(produce((strict, 0, GOOD)), "too few in sync")
    if talk.version == 3:
        talk.ask(produce((strict, 0, GOOD), acks=1), "too few in sync, not asked for")
    old = talk.topic("produce-old", message_timestamp_before_max_ms="1000")
    talk.ask(produce((old, 0, GOOD)), "too old")
    stamped = talk.topic(talk.fresh("stamped"), message_timestamp_type="LogAppendTime")
    talk.ask(produce((stamped, 0, GOOD)), "stamped by the log")
    read_back(talk, stamped)


TARGETS = ("producer", "uncompressed", "gzip", "snappy", "lz4", "zstd")


@case(PRODUCE, "to a topic with a codec of its own")
def _(talk: Talk) -> None:
    marked = {"timestamp_type": 1, "max_timestamp": THEN + 90}
    for target in TARGETS:
        topic = talk.topic(talk.fresh(target), compression_type=target)
        for codec in range(5):
            talk.ask(produce((topic, 0, batch(compression=codec))), f"{target}, codec {codec}")
        own = batch(producer_id=PRODUCER, producer_epoch=0, base_sequence=0)
        talk.ask(produce((topic, 0, own)), f"{target}, a producer's")
        talk.ask(produce((topic, 0, own)), f"{target}, a producer's again")
        talk.ask(produce((topic, 0, batch(base_timestamp=THEN + 7))), f"{target}, times from another one on")
        talk.ask(produce((topic, 0, batch(**marked))), f"{target}, says the log's time", via=f"{target} marked")
        talk.ask(produce((topic, 0, batch(max_timestamp=12))), f"{target}, a wrong newest time")
        talk.ask(produce((topic, 0, batch(crc=1))), f"{target}, a wrong checksum", via=f"{target} crc")
        broken = batch(compression=1, payload=b"xxxx")
        talk.ask(produce((topic, 0, broken)), f"{target}, not compressed at all", via=f"{target} broken")
        read_back(talk, topic, step=f"{target}, read back")


@case(PRODUCE, "records of a compressed batch that are too large")
def _(talk: Talk) -> None:
    """A record counts without its length: 7 bytes, and its value."""

    def of(*sizes: int, **fields: Any) -> bytes:
        return batch(records=[ModelRecord(n, THEN, None, bytes(size)) for n, size in enumerate(sizes)], **fields)

    for target in ("producer", "uncompressed", "zstd"):
        topic = talk.topic(talk.fresh(target), compression_type=target, max_decompressed_message_bytes="107")
        for codec in range(5):
            talk.ask(produce((topic, 0, of(99, compression=codec))), f"{target}, codec {codec}, as large as may be")
            talk.ask(produce((topic, 0, of(101, compression=codec))), f"{target}, codec {codec}, too large")
        two = of(99, 101, 99, 101, compression=1)
        talk.ask(produce((topic, 0, two)), f"{target}, two of four too large")
        read_back(talk, topic, step=f"{target}, read back")


@case(PRODUCE, "to a topic with a codec and the log's time")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"), compression_type="gzip", message_timestamp_type="LogAppendTime")
    for codec in range(5):
        talk.ask(produce((topic, 0, batch(compression=codec))), f"codec {codec}")
    read_back(talk, topic)


@case(PRODUCE, "how large a batch is under a topic's codec")
def _(talk: Talk) -> None:
    """Both what came and what is written have to be small enough."""
    same = batch(records=[ModelRecord(0, THEN, None, bytes(5_000))])
    packed = batch(records=[ModelRecord(0, THEN, None, bytes(5_000))], compression=1)
    for target in ("gzip", "uncompressed"):
        topic = talk.topic(talk.fresh(target), compression_type=target, max_message_bytes="1000")
        talk.ask(produce((topic, 0, same)), f"{target}, large as it came")
        talk.ask(produce((topic, 0, packed)), f"{target}, small as it came")
        read_back(talk, topic, step=f"{target}, read back")


@case(PRODUCE, "without a key to a compacted topic")
def _(talk: Talk) -> None:
    for target in ("producer", "gzip"):
        topic = talk.topic(talk.fresh(target), compression_type=target, cleanup_policy="compact")
        for codec in range(5):
            talk.ask(produce((topic, 0, batch(compression=codec))), f"{target}, codec {codec}", via=f"{target} {codec}")
            keyed = batch(records=[record._replace(key=b"k") for record in RECORDS], compression=codec)
            talk.ask(produce((topic, 0, keyed)), f"{target}, keys, codec {codec}")
        read_back(talk, topic, step=f"{target}, read back")


@case(PRODUCE, "idempotent")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"))
    made = talk.settle(InitProducerIdRequest(transactional_id=None), lambda answer: not answer.error_code)

    def sequence(first: int, step: str, epoch: int = 0, producer_id: int = made.producer_id) -> None:
        data = batch(producer_id=producer_id, producer_epoch=epoch, base_sequence=first)
        talk.ask(produce((topic, 0, data)), step)

    sequence(0, "first")
    sequence(3, "second")
    sequence(3, "second again")
    sequence(0, "first again")
    sequence(9, "with a gap")
    sequence(4, "across another")
    sequence(0, "a new epoch", epoch=1)
    sequence(3, "the old epoch", epoch=0)
    sequence(5, "a newer epoch, not from 0", epoch=2)
    sequence(7, "a producer that nobody knows", producer_id=987_654)
    read_back(talk, topic)


@case(PRODUCE, "transactional")
def _(talk: Talk) -> None:
    topic = talk.topic("produce-transactional")
    inside = batch(is_transactional=True, producer_id=4_321, producer_epoch=0, base_sequence=0)
    talk.ask(produce((topic, 0, inside), transactional_id="tx"), "in no transaction", via="a")
    talk.ask(produce((topic, 0, inside)), "without an id", via="b")
    talk.ask(produce((topic, 0, GOOD), transactional_id="tx"), "an id, no transaction", via="c")
    talk.ask(produce((topic, 0, inside), transactional_id="tx", acks=1), "acknowledged by the leader", via="d")


@case(INIT_PRODUCER_ID, "without a transaction")
def _(talk: Talk) -> None:
    talk.ask(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000), "new")
    talk.ask(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=-1), "a negative timeout")
    talk.ask(InitProducerIdRequest(transactional_id="", transaction_timeout_ms=1000), "an empty id", via="b")
    talk.settle(InitProducerIdRequest(transactional_id=None), lambda answer: not answer.error_code, node=2)
    talk.ask(InitProducerIdRequest(transactional_id=None), "by the other node", node=2)


@case(INIT_PRODUCER_ID, "with a producer of its own", since=3)
def _(talk: Talk) -> None:
    known: dict[str, Any] = {"transactional_id": None, "transaction_timeout_ms": 60_000}
    talk.ask(InitProducerIdRequest(producer_id=5, producer_epoch=3, **known), "an id and an epoch", via="a")
    talk.ask(InitProducerIdRequest(producer_id=5, producer_epoch=-1, **known), "no epoch", via="b")
    talk.ask(InitProducerIdRequest(producer_id=-1, producer_epoch=3, **known), "no id", via="c")
