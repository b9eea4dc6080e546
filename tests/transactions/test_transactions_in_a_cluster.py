"""Transactions through the brokers of a cluster: as producers ask for them, and through the failures of nodes."""

from __future__ import annotations

import pytest
from partition.client import Client
from transactions.producers import TOPIC, TransactionalProducer, seen

from kstore.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidRegularExpression,
    InvalidRequest,
    InvalidTransactionTimeout,
    InvalidTxnState,
    NotCoordinator,
    OperationNotAttempted,
    ProducerFenced,
    TopicAuthorizationFailed,
    TransactionalIdNotFound,
    UnknownTopicOrPartition,
)
from kstore.schema.messages.add_partitions_to_txn import AddPartitionsToTxnRequest
from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kstore.schema.messages.describe_transactions import DescribeTransactionsRequest
from kstore.schema.messages.end_txn import EndTxnRequest
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.init_producer_id import InitProducerIdRequest
from kstore.schema.messages.list_transactions import ListTransactionsRequest

LOG = "__transaction_state"


@pytest.fixture(params=[False, True], ids=["the first protocol", "the second"])
def second(request) -> bool:
    chosen: bool = request.param
    return chosen


def test_the_first_question_for_a_coordinator_makes_the_log_of_transactions(start) -> None:
    client = start(
        config={"transaction.state.log.num.partitions": "6", "transaction.state.log.segment.bytes": "2097152"}
    )
    found = client.ask(1, FindCoordinatorRequest(key_type=1, coordinator_keys=["tx", "other"])).coordinators
    assert [each.error_code for each in found] == [0, 0]
    topic = client.cluster.image().topics[LOG]
    assert (len(topic.partitions), len(topic.partitions[0].replicas)) == (6, 3)
    assert client.cluster.image().topic_config(LOG) == {
        "cleanup.policy": "compact",
        "compression.type": "uncompressed",
        "min.insync.replicas": "2",
        "segment.bytes": "2097152",
        "unclean.leader.election.enable": "false",
    }


def test_what_is_committed_is_read_and_what_is_aborted_is_not(start, second) -> None:
    client = start()
    producer = TransactionalProducer(client, second=second)
    assert producer.init() == 0
    for commit, text in ((True, b"a"), (False, b"b"), (True, b"c")):
        for index in (0, 1):
            assert producer.send(text, text, index=index) == 0
        assert producer.end(commit=commit) == 0
        producer.wait_until("CompleteCommit" if commit else "CompleteAbort")
    for index in (0, 1):
        assert seen(client, index) == [b"a", b"a", b"c", b"c"]
        assert seen(client, index, committed=False) == [b"a", b"a", b"b", b"b", b"c", b"c"]
        assert client.latest(TOPIC, index=index, isolation_level=1).offset == 9


def test_an_open_transaction_holds_readers_back_and_is_described(start, second) -> None:
    client = start()
    producer = TransactionalProducer(client, second=second)
    producer.init()
    producer.send(b"a")
    assert seen(client) == []
    state = producer.described()
    assert (state.transaction_state, state.producer_id, state.producer_epoch) == ("Ongoing", producer.id, 0)
    assert [(each.topic, each.partitions) for each in state.topics] == [(TOPIC, [0])]
    producer.end(commit=True)
    producer.wait_until("CompleteCommit")
    assert producer.described().topics == []


def test_by_the_second_protocol_each_transaction_has_an_epoch(start) -> None:
    client = start()
    producer = TransactionalProducer(client, second=True)
    producer.init()
    for number in range(3):
        assert producer.epoch == number
        producer.send(b"a")
        producer.end(commit=True)
        producer.wait_until("CompleteCommit")
    assert len(seen(client)) == 3


def test_a_second_producer_fences_the_first_whose_transaction_is_aborted(start, second) -> None:
    client = start()
    zombie, other = TransactionalProducer(client, second=second), TransactionalProducer(client, second=second)
    zombie.init()
    zombie.send(b"zombie")
    assert other.init() == 0
    assert zombie.send(b"more") == InvalidProducerEpoch.code
    assert zombie.end(commit=True) == ProducerFenced.code
    other.send(b"other")
    other.end(commit=True)
    other.wait_until("CompleteCommit")
    assert seen(client) == [b"other"]


def test_a_producer_that_says_nothing_more_is_aborted_when_its_time_is_over(start, second) -> None:
    client = start()
    producer = TransactionalProducer(client, second=second, timeout_ms=30_000)
    producer.init()
    producer.send(b"a")
    client.run(29)
    assert producer.described().transaction_state == "Ongoing"
    client.run(12)
    assert producer.described().transaction_state == "CompleteAbort"
    assert seen(client) == []
    assert seen(client, committed=False) == [b"a"]
    assert client.latest(TOPIC, isolation_level=1).offset == 2
    late = InvalidTxnState if second else ProducerFenced  # the second takes it for a repeated request
    assert producer.end(commit=True) == late.code


def test_a_decision_stands_although_its_coordinator_dies(start, second) -> None:
    client = start()
    producer = TransactionalProducer(client, second=second)
    producer.init()
    for index in (0, 1):
        producer.send(b"a", index=index)
    coordinator = producer.coordinator()
    assert producer.end(commit=True) == 0
    client.cluster.faults.kill(coordinator)
    client.wait_for_leader(TOPIC, 0)
    client.wait_for_leader(TOPIC, 1)
    producer.wait_until("CompleteCommit")
    assert [seen(client, index) for index in (0, 1)] == [[b"a"], [b"a"]]
    assert producer.send(b"b") == 0
    assert producer.end(commit=True) == 0


def test_a_transaction_goes_on_although_its_coordinator_dies(start, second) -> None:
    client = start()
    producer = TransactionalProducer(client, second=second)
    producer.init()
    producer.send(b"a")
    client.cluster.faults.kill(producer.coordinator())
    client.wait_for_leader(TOPIC, 1)
    producer.send(b"b", index=1)
    assert producer.end(commit=True) == 0
    producer.wait_until("CompleteCommit")
    assert [seen(client, index) for index in (0, 1)] == [[b"a"], [b"b"]]


def test_a_marker_waits_for_a_partition_that_nobody_leads(start) -> None:
    client = start(config={"transaction.state.log.num.partitions": "1"})
    client.ask(1, FindCoordinatorRequest(key_type=1, coordinator_keys=["tx"]))
    producer = TransactionalProducer(client)
    producer.init()
    coordinator = producer.coordinator()
    client.create("alone", copies=1, partitions=3)
    index = next(n for n in range(3) if client.leader("alone", n) != coordinator)
    leader = client.leader("alone", index)
    assert producer.add(("alone", index)) == {("alone", index): 0}
    client.cluster.faults.kill(leader)
    assert producer.end(commit=True) == 0
    client.run(30)
    assert producer.described().transaction_state == "PrepareCommit"
    assert [(each.topic, each.partitions) for each in producer.described().topics] == [("alone", [index])]
    client.cluster.faults.restart(leader)
    producer.wait_until("CompleteCommit")


def test_a_topic_that_is_deleted_in_the_middle_of_a_transaction_needs_no_marker(start) -> None:
    client = start()
    producer = TransactionalProducer(client)
    producer.init()
    producer.send(b"a")
    client.create("short-lived")
    producer.add(("short-lived", 0))
    states = [DeleteTopicState(name="short-lived")]
    client.ask(client.cluster.voters[0], DeleteTopicsRequest(topics=states, timeout_ms=5_000))
    client.run(2)
    assert producer.end(commit=True) == 0
    producer.wait_until("CompleteCommit")
    assert seen(client) == [b"a"]


def test_what_is_known_of_transactions_outlives_all_brokers(start) -> None:
    client = start(brokers=1)
    producer = TransactionalProducer(client)
    producer.init()
    producer.send(b"a")
    restarted(client)
    assert producer.described().transaction_state == "Ongoing"
    assert producer.end(commit=True) == 0
    producer.wait_until("CompleteCommit")
    assert seen(client) == [b"a"]


def test_an_id_that_nobody_uses_is_forgotten(start) -> None:
    client = start(
        brokers=1,
        config={
            "transactional.id.expiration.ms": "60000",
            "transaction.remove.expired.transaction.cleanup.interval.ms": "10000",
        },
    )
    producer = TransactionalProducer(client)
    producer.init()
    first = producer.id
    client.run(71)
    assert producer.described().error_code == TransactionalIdNotFound.code
    producer.init()
    assert producer.id != first


def test_older_versions_know_a_fenced_producer_by_another_code(start) -> None:
    client = start(brokers=1)
    zombie, other = TransactionalProducer(client), TransactionalProducer(client)
    zombie.init()
    other.init()
    partition = TOPIC, 0
    for version, code in (
        (0, InvalidProducerEpoch),
        (1, InvalidProducerEpoch),
        (2, ProducerFenced),
        (3, ProducerFenced),
    ):
        assert zombie.add(partition, version=version) == {partition: code.code}
    for version, code in (
        (0, InvalidProducerEpoch),
        (1, InvalidProducerEpoch),
        (2, ProducerFenced),
        (5, ProducerFenced),
    ):
        assert zombie.end(commit=True, version=version) == code.code
    for version, code in (
        (0, InvalidProducerEpoch),
        (1, InvalidProducerEpoch),
        (2, ProducerFenced),
        (4, ProducerFenced),
    ):
        assert zombie.add_offsets("g", version) == code.code
    known = InitProducerIdRequest(
        transactional_id="tx", transaction_timeout_ms=1_000, producer_id=zombie.id + 9, producer_epoch=0
    )
    for version, code in ((3, InvalidProducerEpoch), (4, ProducerFenced), (5, ProducerFenced)):
        assert zombie.ask(known, version).error_code == code.code


def test_partitions_are_added_all_or_none(start) -> None:
    client = start(brokers=1)
    producer = TransactionalProducer(client)
    producer.init()
    unknown, skipped = UnknownTopicOrPartition.code, OperationNotAttempted.code
    assert producer.add((TOPIC, 0), (TOPIC, 7)) == {(TOPIC, 0): skipped, (TOPIC, 7): unknown}
    assert producer.add((TOPIC, 0), ("nowhere", 0)) == {(TOPIC, 0): skipped, ("nowhere", 0): unknown}
    assert producer.add((TOPIC, 0), (LOG, 0)) == {(TOPIC, 0): skipped, (LOG, 0): TopicAuthorizationFailed.code}
    assert producer.described().transaction_state == "Empty"
    assert producer.add((TOPIC, 0), (TOPIC, 1)) == {(TOPIC, 0): 0, (TOPIC, 1): 0}


def test_a_groups_offsets_join_a_transaction_by_the_groups_partition(start) -> None:
    client = start(brokers=1)
    client.ask(1, FindCoordinatorRequest(key="g"))
    producer = TransactionalProducer(client)
    producer.init()
    assert producer.add_offsets("g") == 0
    (topic,) = producer.described().topics
    assert topic.topic == "__consumer_offsets"
    assert producer.end(commit=True) == 0
    producer.wait_until("CompleteCommit")


@pytest.mark.parametrize("timeout_ms", [0, -1, 900_001])
def test_a_timeout_has_bounds(start, timeout_ms: int) -> None:
    producer = TransactionalProducer(start(brokers=1), timeout_ms=timeout_ms)
    assert producer.init() == InvalidTransactionTimeout.code


def test_a_request_without_an_id_or_of_another_node_is_refused(start) -> None:
    client = start()
    producer = TransactionalProducer(client)
    producer.init()
    elsewhere = next(node for node in client.living() if node != producer.coordinator())
    for request in (
        EndTxnRequest(transactional_id="tx", producer_id=producer.id, producer_epoch=0, committed=True),
        InitProducerIdRequest(transactional_id="tx", transaction_timeout_ms=1_000),
    ):
        assert client.ask(elsewhere, request).error_code == NotCoordinator.code
        request.transactional_id = ""
        assert client.ask(elsewhere, request).error_code == InvalidRequest.code
    described = client.ask(elsewhere, DescribeTransactionsRequest(transactional_ids=["tx", ""]))
    assert [each.error_code for each in described.transaction_states] == [NotCoordinator.code, InvalidRequest.code]
    assert client.ask(elsewhere, AddPartitionsToTxnRequest()).results_by_transaction == []


def test_the_second_protocol_adds_a_partition_of_a_producer_that_is_known_only(start) -> None:
    client = start(brokers=1)
    producer = TransactionalProducer(client, second=True)
    producer.init()
    producer.id += 1
    assert producer.send(b"a") == InvalidProducerIdMapping.code


def restarted(client: Client) -> None:
    """The only broker dies, and is there again."""
    client.cluster.faults.kill(1)
    client.cluster.faults.restart(1)
    client.cluster.wait_for(lambda: TOPIC in client.cluster.image().topics)
    client.wait_for_leader(TOPIC)


def listed(client, **filters) -> dict[str, str]:
    """By id, of all nodes."""
    answers = [client.ask(node, ListTransactionsRequest(**filters)) for node in client.living()]
    assert [each.error_code for each in answers] == [0] * len(answers)
    return {each.transactional_id: each.transaction_state for answer in answers for each in answer.transaction_states}


def test_transactions_are_listed_by_their_coordinators(start) -> None:
    client = start()
    names = [f"tx-{number}" for number in range(8)]
    producers = [TransactionalProducer(client, name) for name in names]
    for producer in producers:
        producer.init()
    producers[3].send(b"a")
    client.run(2)
    rest = dict.fromkeys(names, "Empty") | {"tx-3": "Ongoing"}
    assert listed(client) == rest
    assert listed(client, state_filters=["Ongoing"]) == {"tx-3": "Ongoing"}
    assert listed(client, producer_id_filters=[producers[5].id]) == {"tx-5": "Empty"}
    assert listed(client, transactional_id_pattern="tx-[23]") == {"tx-2": "Empty", "tx-3": "Ongoing"}
    assert listed(client, transactional_id_pattern="tx-") == {}
    assert listed(client, state_filters=["Ongoing"], duration_filter=1_000) == {"tx-3": "Ongoing"}
    assert listed(client, state_filters=["Ongoing"], duration_filter=60_000) == {}
    answer = client.ask(1, ListTransactionsRequest(state_filters=["Asleep", "Empty", "Asleep"]))
    assert answer.unknown_state_filters == ["Asleep"]
    wrong = client.ask(1, ListTransactionsRequest(transactional_id_pattern="(tx"))
    assert wrong.error_code == InvalidRegularExpression.code


def test_a_start_with_kafkas_fifty_partitions_takes_no_longer_in_the_clusters_own_time(start) -> None:
    times = []
    for partitions in ("1", "50"):
        client = start(brokers=1, config={"transaction.state.log.num.partitions": partitions})
        TransactionalProducer(client).init()
        began = client.cluster.world.clock.now_us()
        restarted(client)
        TransactionalProducer(client).init()
        times.append(client.cluster.world.clock.now_us() - began)
    assert times[1] < 1.5 * times[0] + 500_000
