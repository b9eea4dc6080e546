"""Cases of what a transaction's coordinator is asked: who its producer is, its partitions, its end, and its state."""

from __future__ import annotations

from typing import Any

from matrix.case import Talk, Topic, case
from matrix.cases.producing import NOWHERE

from kstore.schema.messages.add_offsets_to_txn import AddOffsetsToTxnRequest
from kstore.schema.messages.add_partitions_to_txn import (
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
    AddPartitionsToTxnTransaction,
)
from kstore.schema.messages.describe_transactions import DescribeTransactionsRequest
from kstore.schema.messages.end_txn import EndTxnRequest
from kstore.schema.messages.init_producer_id import InitProducerIdRequest
from kstore.schema.messages.list_transactions import ListTransactionsRequest
from kstore.schema.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from kstore.schema.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)

INIT_PRODUCER_ID, ADD_PARTITIONS, ADD_OFFSETS, END, DESCRIBE, LIST = 22, 24, 25, 26, 65, 66
TXN_OFFSET_COMMIT = 28
CONCURRENT_TRANSACTIONS = 51
FIRST_PROTOCOL, SECOND_PROTOCOL = 3, 5
"""Of AddPartitionsToTxn and EndTxn."""

Producer = tuple[int, int]


def init(name: str | None, timeout_ms: int = 60_000, **fields: Any) -> InitProducerIdRequest:
    return InitProducerIdRequest(transactional_id=name, transaction_timeout_ms=timeout_ms, **fields)


def producer(talk: Talk, name: str) -> Producer:
    """The next producer of a transactional id."""
    made = talk.settle(init(name), lambda answer: answer.error_code != CONCURRENT_TRANSACTIONS)
    assert not made.error_code, made
    return made.producer_id, made.producer_epoch


def add(name: str, of: Producer, *places: tuple[Topic, int], verify: bool = False) -> AddPartitionsToTxnRequest:
    """In every version."""
    topics = [
        AddPartitionsToTxnTopic(name=each, partitions=[n for topic, n in places if topic.name == each])
        for each in dict.fromkeys(topic.name for topic, _ in places)
    ]
    transaction = AddPartitionsToTxnTransaction(
        transactional_id=name, producer_id=of[0], producer_epoch=of[1], topics=topics, verify_only=verify
    )
    return AddPartitionsToTxnRequest(
        transactions=[transaction],
        v3_and_below_transactional_id=name,
        v3_and_below_producer_id=of[0],
        v3_and_below_producer_epoch=of[1],
        v3_and_below_topics=topics,
    )


def end(name: str, of: Producer, *, commit: bool) -> EndTxnRequest:
    return EndTxnRequest(transactional_id=name, producer_id=of[0], producer_epoch=of[1], committed=commit)


def ongoing(talk: Talk, name: str, topic: Topic) -> Producer:
    """A producer whose transaction has begun, as one of the first protocol begins it."""
    found = producer(talk, name)
    talk.quietly(add(name, found, (topic, 0)), version=FIRST_PROTOCOL)
    return found


@case(INIT_PRODUCER_ID, "with a transaction")
def _(talk: Talk) -> None:
    name = talk.fresh("tx")
    talk.ask(init(name), "new")
    talk.ask(init(name), "once more")
    talk.ask(init(name, 0), "no time")
    talk.ask(init(name, -1), "a negative time")
    talk.ask(init(name, 900_001), "too long a time")
    talk.ask(init(""), "an empty id")
    talk.ask(init(name), "asked of another node", node=2)


@case(INIT_PRODUCER_ID, "in the middle of a transaction")
def _(talk: Talk) -> None:
    name, topic = talk.fresh("tx"), talk.topic("transactions", 1, 1)
    zombie = ongoing(talk, name, topic)
    talk.ask(init(name), "by another producer")
    found = producer(talk, name)
    assert found[1] == zombie[1] + 2, found
    talk.ask(init(name), "when it is aborted")


@case(INIT_PRODUCER_ID, "with a transaction and a producer of its own", since=3)
def _(talk: Talk) -> None:
    name = talk.fresh("tx")
    producer_id, epoch = producer(talk, name)
    talk.ask(init(name, producer_id=producer_id, producer_epoch=epoch), "its epoch")
    talk.ask(init(name, producer_id=producer_id, producer_epoch=epoch), "the same once more")
    talk.ask(init(name, producer_id=producer_id, producer_epoch=epoch + 1), "the next")
    talk.ask(init(name, producer_id=producer_id, producer_epoch=epoch), "an old one")
    talk.ask(init(name, producer_id=producer_id + 500_000, producer_epoch=epoch), "another's id")
    talk.ask(init(talk.fresh("new"), producer_id=producer_id, producer_epoch=epoch), "of an id that nobody used")
    talk.ask(init(name, producer_id=producer_id, producer_epoch=-1), "no epoch")


@case(ADD_PARTITIONS, "to a transaction")
def _(talk: Talk) -> None:
    name, topic = talk.fresh("tx"), talk.topic("transactions", 1, 1)
    found = producer(talk, name)
    talk.ask(add(name, found, (topic, 0)), "the first")
    talk.ask(add(name, found, (topic, 0), (topic, 1)), "one more")
    talk.ask(add(name, found, (topic, 1)), "one that is there")
    talk.ask(add(name, found), "none")
    talk.ask(add(name, found, (topic, 0), (topic, 7)), "one that isn't there")
    talk.ask(add(name, found, (NOWHERE, 0), (topic, 1)), "one of no topic")
    talk.ask(add(name, found, (talk.topic("__consumer_offsets"), 0)), "the cluster's own")
    talk.ask(add(name, (found[0], found[1] + 1), (topic, 0)), "of a newer epoch")
    talk.ask(add(name, (found[0] + 500_000, found[1]), (topic, 0)), "of another producer")
    talk.ask(add(talk.fresh("none"), found, (topic, 0)), "of an id that nobody used")
    talk.ask(add("", found, (topic, 0)), "of an empty id")
    talk.ask(add(name, found, (topic, 0)), "asked of another node", node=2)
    producer(talk, name)
    talk.ask(add(name, found, (topic, 0)), "of one that was fenced")


@case(ADD_PARTITIONS, "verified", since=4)
def _(talk: Talk) -> None:
    name, topic = talk.fresh("tx"), talk.topic("transactions", 1, 1)
    found = ongoing(talk, name, topic)
    talk.ask(add(name, found, (topic, 0), verify=True), "one that is in it")
    talk.ask(add(name, found, (topic, 0), (topic, 1), verify=True), "one that isn't")
    talk.ask(add(name, (found[0], found[1] + 1), (topic, 0), verify=True), "of a newer epoch")
    talk.ask(add(talk.fresh("none"), found, (topic, 0), verify=True), "of an id that nobody used")
    talk.ask(AddPartitionsToTxnRequest(), "of nothing", patience_s=1, via="nothing")


@case(ADD_OFFSETS, "to a transaction")
def _(talk: Talk) -> None:
    name, group = talk.fresh("tx"), talk.fresh("g")
    found = producer(talk, name)

    def ask(step: str, *, of: Producer = found, id_: str = name, group_id: str = group, node: int = 1) -> None:
        request = AddOffsetsToTxnRequest(
            transactional_id=id_, producer_id=of[0], producer_epoch=of[1], group_id=group_id
        )
        talk.ask(request, step, node=node)

    ask("the first")
    ask("once more")
    ask("of a newer epoch", of=(found[0], found[1] + 1))
    ask("of another producer", of=(found[0] + 500_000, found[1]))
    ask("of an id that nobody used", id_=talk.fresh("none"))
    ask("of an empty id", id_="")
    ask("asked of another node", node=2)
    producer(talk, name)
    ask("of one that was fenced")


@case(END, "of a transaction")
def _(talk: Talk) -> None:
    topic = talk.topic("transactions", 1, 1)
    for commit, what in ((True, "committed"), (False, "aborted")):
        name = talk.fresh(what)
        found = ongoing(talk, name, topic)
        talk.ask(end(name, (found[0], found[1] + 1), commit=commit), f"{what}, of a newer epoch")
        talk.ask(end(name, (found[0] + 500_000, found[1]), commit=commit), f"{what}, of another producer")
        talk.ask(end(name, found, commit=commit), what)
        completed(talk, name)
        talk.ask(end(name, found, commit=commit), f"{what}, once more")
        talk.ask(end(name, found, commit=not commit), f"{what}, then otherwise")


def completed(talk: Talk, name: str) -> None:
    """Wait until the markers are written."""
    asked = DescribeTransactionsRequest(transactional_ids=[name])
    talk.settle(asked, lambda answer: answer.transaction_states[0].transaction_state.startswith("Complete"))


@case(END, "of no transaction")
def _(talk: Talk) -> None:
    name = talk.fresh("tx")
    found = producer(talk, name)
    talk.ask(end(name, found, commit=True), "committed")
    talk.ask(end(name, found, commit=False), "aborted")
    talk.ask(end(talk.fresh("none"), found, commit=True), "of an id that nobody used")
    talk.ask(end("", found, commit=True), "of an empty id")
    talk.ask(end(name, found, commit=True), "asked of another node", node=2)


@case(END, "of one that was fenced")
def _(talk: Talk) -> None:
    name, topic = talk.fresh("tx"), talk.topic("transactions", 1, 1)
    zombie = ongoing(talk, name, topic)
    producer(talk, name)
    talk.ask(end(name, zombie, commit=True), "committed")
    talk.ask(end(name, zombie, commit=False), "aborted")


@case(END, "of one epoch after the other", since=SECOND_PROTOCOL)
def _(talk: Talk) -> None:
    name, topic = talk.fresh("tx"), talk.topic("transactions", 1, 1)
    found = ongoing(talk, name, topic)
    for number, commit in enumerate((True, False, True)):
        answer = talk.ask(end(name, found, commit=commit), f"number {number}")
        completed(talk, name)
        found = answer.producer_id, answer.producer_epoch
        talk.quietly(add(name, found, (topic, 0)), version=FIRST_PROTOCOL)


@case(DESCRIBE, "transactions")
def _(talk: Talk) -> None:
    name, topic, other = talk.fresh("tx"), talk.topic("transactions", 1, 1), talk.fresh("rest")
    producer(talk, other)
    found = ongoing(talk, name, topic)

    def ask(step: str, *names: str, node: int = 1) -> None:
        talk.ask(DescribeTransactionsRequest(transactional_ids=list(names)), step, node=node)

    ask("one under way", name)
    ask("one at rest", other)
    ask("two", name, other)
    ask("one that nobody used", talk.fresh("none"))
    ask("an empty id", "")
    ask("none")
    ask("asked of another node", name, node=2)
    talk.quietly(end(name, found, commit=False), version=FIRST_PROTOCOL)
    completed(talk, name)
    ask("one that was aborted", name)


@case(LIST, "transactions")
def _(talk: Talk) -> None:
    name, topic, other = talk.fresh("tx"), talk.topic("transactions", 1, 1), talk.fresh("rest")
    found = ongoing(talk, name, topic)
    rest = producer(talk, other)

    def ask(step: str, *, ids: tuple[int, ...] = (found[0], rest[0]), node: int = 1, **fields: Any) -> None:
        talk.ask(ListTransactionsRequest(producer_id_filters=list(ids), **fields), step, node=node)

    ask("of one", ids=found[:1])
    ask("of two producers")
    ask("of none that there is", ids=(987_654_321,))
    ask("in a state", state_filters=["Ongoing"])
    ask("in one of two states", state_filters=["Empty", "Ongoing"])
    ask("in a state that there isn't", state_filters=["Asleep"])
    ask("in a state in small letters", state_filters=["ongoing"])
    ask("in one that there isn't or one", state_filters=["Asleep", "Empty"])
    ask("dead", state_filters=["Dead"])
    ask("by another node", node=2)
    if talk.version >= 1:
        ask("longer than an hour", duration_filter=3_600_000)
        ask("longer than no time", duration_filter=0)
    if talk.version >= 2:
        for pattern in (".*tx", ".*(tx|rest)", "tx", ".*-t[x-z]", "", ".*TX", "(?i).*TX"):
            ask(f"of the pattern {pattern}", transactional_id_pattern=pattern)
        for pattern in ("(", "*", "a{2000}", r"(a)\1", "(?=tx).*", "[z-a]"):
            ask(f"of the wrong pattern {pattern}", transactional_id_pattern=pattern)


def commit(
    name: str, of: Producer, group: str, *parts: tuple[Topic, int, int], **fields: Any
) -> TxnOffsetCommitRequest:
    """Offsets in a transaction, by default of no member in particular."""
    topics: list[TxnOffsetCommitRequestTopic] = []
    metadata = fields.pop("metadata", "m")
    for topic, number, offset in parts:
        if not topics or topics[-1].name != topic.name:
            topics.append(TxnOffsetCommitRequestTopic(name=topic.name, topic_id=topic.id))
        part = TxnOffsetCommitRequestPartition(
            partition_index=number, committed_offset=offset, committed_metadata=metadata
        )
        topics[-1].partitions.append(part)
    return TxnOffsetCommitRequest(
        transactional_id=name, group_id=group, producer_id=of[0], producer_epoch=of[1], topics=topics, **fields
    )


def joining(talk: Talk, name: str, of: Producer, group: str) -> None:
    """As a client of the first protocol does before it commits offsets; one of the second doesn't."""
    if talk.version < SECOND_PROTOCOL:
        request = AddOffsetsToTxnRequest(transactional_id=name, producer_id=of[0], producer_epoch=of[1], group_id=group)
        assert talk.quietly(request).error_code == 0


def fetched(talk: Talk, group: str, step: str, *, stable: bool) -> None:
    """Note what the group has committed."""
    everything = OffsetFetchRequest(
        groups=[OffsetFetchRequestGroup(group_id=group, topics=None)], require_stable=stable
    )
    talk.ask(everything, step)
    topic = talk.topic("transactions", 1, 1)
    asked = [OffsetFetchRequestTopics(name=topic.name, topic_id=topic.id, partition_indexes=[0, 1])]
    request = OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id=group, topics=asked)], require_stable=stable)
    talk.ask(request, f"{step}, by partition")


@case(TXN_OFFSET_COMMIT, "in a transaction")
def _(talk: Talk) -> None:
    topic = talk.topic("transactions", 1, 1)
    for committed, what in ((True, "committed"), (False, "aborted")):
        name, group = talk.fresh(f"tx-{what}"), talk.fresh(f"g-{what}")
        found = producer(talk, name)
        joining(talk, name, found, group)
        talk.ask(commit(name, found, group, (topic, 0, 5)), f"{what}, one")
        talk.ask(commit(name, found, group, (topic, 0, 6), (topic, 1, 7)), f"{what}, two")
        fetched(talk, group, f"{what}, unstable", stable=True)
        fetched(talk, group, f"{what}, before", stable=False)
        talk.quietly(end(name, found, commit=committed), version=FIRST_PROTOCOL)
        completed(talk, name)
        fetched(talk, group, f"{what}, then", stable=True)


@case(TXN_OFFSET_COMMIT, "wrong in the request")
def _(talk: Talk) -> None:
    name, group, topic = talk.fresh("tx"), talk.fresh("g"), talk.topic("transactions", 1, 1)
    found = producer(talk, name)
    joining(talk, name, found, group)
    talk.ask(commit(name, found, group, (topic, 7, 5)), "no such partition")
    talk.ask(commit(name, found, group, (NOWHERE, 0, 5)), "no such topic")
    talk.ask(commit(name, found, group, (topic, 0, 5), (NOWHERE, 0, 5)), "one of two is there")
    talk.ask(commit(name, found, group, (topic, 0, 5), metadata="x" * 4097), "too long metadata")
    talk.ask(commit(name, found, group, (topic, 0, 5), metadata=None), "no metadata")
    talk.ask(commit(name, found, group, (topic, 0, -1)), "a negative offset")
    talk.ask(commit(name, found, group), "nothing")
    talk.ask(commit(name, found, "", (topic, 0, 5)), "no group")
    talk.ask(commit(name, found, group, (topic, 0, 5)), "asked of another node", node=2)
    if talk.version >= 3:
        none = talk.fresh("none")
        wrong = commit(name, found, none, (topic, 0, 5), member_id="m", generation_id_or_member_epoch=1)
        talk.ask(wrong, "no such group, in a generation")
        talk.ask(commit(name, found, group, (topic, 0, 5), member_id="m"), "no such member")
        talk.ask(commit(name, found, group, (topic, 0, 5), group_instance_id="i"), "no such instance")


@case(TXN_OFFSET_COMMIT, "by whom")
def _(talk: Talk) -> None:
    name, group, topic = talk.fresh("tx"), talk.fresh("g"), talk.topic("transactions", 1, 1)
    found = producer(talk, name)
    if talk.version < SECOND_PROTOCOL:
        talk.ask(commit(name, found, group, (topic, 0, 5)), "one that wasn't added")
    joining(talk, name, found, group)
    talk.ask(commit(name, (found[0], found[1] + 1), group, (topic, 0, 5)), "a newer epoch")
    talk.ask(commit(name, (found[0] + 500_000, 0), group, (topic, 0, 5)), "another producer")
    talk.ask(commit(talk.fresh("none"), found, group, (topic, 0, 5)), "an id that nobody used")
    talk.ask(commit(name, found, group, (topic, 0, 5)), "the right one")
    producer(talk, name)
    talk.ask(commit(name, found, group, (topic, 0, 5)), "one that was fenced")
