"""What brokers, links and time do to transactions, on virtual time and by both protocols: all of one is there, or
nothing, whatever happened.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clients.transacting import CLASSIC, LATER, read, set_level

from kstore import Cluster, KafkaTimeout, NewTopic
from kstore.errors import InvalidProducerEpoch, InvalidTxnState, KafkaError, ProducerFenced, TransactionAbortable

PARTITIONS = 3


@pytest.fixture(params=[CLASSIC, LATER], ids=["classic", "second"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Three brokers on virtual time that have agreed on a protocol, with a topic "t" that all have."""
    with Cluster(3, seed=17, config={"transaction.state.log.min.isr": "1", "min.insync.replicas": "1"}) as found:
        set_level(found, request.param)
        found.create_topic("t", partitions=PARTITIONS, replication_factor=3)
        yield found


def test_a_transaction_goes_by_the_protocol_that_the_cluster_has_agreed_on(cluster) -> None:
    producer = cluster.producer(transactional_id="tx")
    producer.init_transactions()
    epochs = []
    for _ in range(3):
        with producer.transaction():
            producer.send("t", b"x", partition=0).get(10)
        epochs.append(producer._sender.machine.identity.epoch)
    changes = epochs[-1] - epochs[0]
    assert changes == (2 if producer._sender.machine.uses_second_protocol else 0)
    assert len(read(cluster, "t", PARTITIONS)) == 3


@pytest.mark.parametrize("api", ["FindCoordinator", "InitProducerId", "AddPartitionsToTxn", "Produce", "EndTxn"])
@pytest.mark.parametrize("answer", [False, True])
def test_a_lost_request_and_a_lost_answer_change_nothing(cluster, api: str, answer: bool) -> None:
    cluster.faults.drop(api, times=2, answer=answer)
    producer = cluster.producer(transactional_id="tx", request_timeout_ms=500, delivery_timeout_ms=30_000)
    producer.init_transactions()
    for number in range(3):
        with producer.transaction():
            for partition in range(PARTITIONS):
                producer.send("t", b"%d-%d" % (number, partition), partition=partition)
    assert read(cluster, "t", PARTITIONS) == [b"%d-%d" % (n, p) for n in range(3) for p in range(PARTITIONS)]


@pytest.mark.parametrize("code", ["COORDINATOR_LOAD_IN_PROGRESS", "NOT_COORDINATOR", "CONCURRENT_TRANSACTIONS"])
@pytest.mark.parametrize("api", ["InitProducerId", "AddPartitionsToTxn", "EndTxn"])
def test_what_may_pass_is_asked_again(cluster, api: str, code: str) -> None:
    cluster.faults.error(api, code, times=2)
    producer = cluster.producer(transactional_id="tx")
    producer.init_transactions()
    with producer.transaction():
        producer.send("t", b"x")
    assert read(cluster, "t", PARTITIONS) == [b"x"]


@pytest.mark.parametrize("code", ["UNKNOWN_SERVER_ERROR", "INVALID_RECORD", "TRANSACTION_ABORTABLE"])
def test_after_a_record_was_refused_the_next_transaction_is_whole(cluster, code: str) -> None:
    producer = cluster.producer(transactional_id="tx", batch_size=200)
    producer.init_transactions()
    with producer.transaction():
        producer.send("t", b"first", partition=0)
    cluster.faults.error("Produce", code, times=1)
    producer.begin_transaction()
    producer.send_many("t", [b"lost-%d" % number for number in range(100)])
    with pytest.raises(KafkaError, match=code):
        producer.commit_transaction()
    producer.abort_transaction()
    with producer.transaction():
        for number in range(100):
            producer.send("t", b"second-%03d" % number, partition=0)
    assert read(cluster, "t", PARTITIONS) == [b"first", *(b"second-%03d" % number for number in range(100))]


def test_the_first_batch_of_a_partition_goes_with_the_others_by_the_second_protocol(cluster) -> None:
    producer = cluster.producer(transactional_id="tx", batch_size=200, linger_ms=0)
    producer.init_transactions()
    cluster.faults.slow(cluster.leader("t", 0), ms=50)
    producer.begin_transaction()
    for number in range(4):
        producer.send("t", b"%d" % number * 150, partition=0)
    together = 0
    for _ in range(100):
        cluster.run_for(0.01)
        together = max(together, producer.metrics()["producer-metrics"]["requests-in-flight"])
    assert together == (4 if producer._sender.machine.uses_second_protocol else 3)  # the first one, then the others
    producer.commit_transaction()
    assert read(cluster, "t", PARTITIONS) == [b"%d" % number * 150 for number in range(4)]


@pytest.mark.parametrize("code", ["NOT_ENOUGH_REPLICAS", "CONCURRENT_TRANSACTIONS", "NOT_LEADER_OR_FOLLOWER"])
def test_batches_keep_their_order_when_the_first_of_a_transaction_is_refused(cluster, code: str) -> None:
    producer = cluster.producer(transactional_id="tx", batch_size=200, linger_ms=0)
    producer.init_transactions()
    for transaction in range(3):
        cluster.faults.error("Produce", code, times=1)
        with producer.transaction():
            for number in range(20):
                producer.send("t", b"%d-%02d" % (transaction, number) * 30, partition=0)
    wanted = [b"%d-%02d" % (transaction, number) * 30 for transaction in range(3) for number in range(20)]
    assert [record.value for record in cluster.records("t", len(wanted))] == wanted


def test_a_transaction_that_takes_too_long_is_aborted_and_its_producer_is_told(cluster) -> None:
    producer = cluster.producer(transactional_id="tx", transaction_timeout_ms=2000)
    producer.init_transactions()
    producer.begin_transaction()
    producer.send("t", b"late").get(10)
    cluster.run_for(30)
    error = InvalidTxnState if producer._sender.machine.uses_second_protocol else ProducerFenced
    with pytest.raises(error, match=r"longer than transaction_timeout_ms \(2000\)") as told:
        producer.commit_transaction()
    assert told.value.category == "application-recoverable"
    assert read(cluster, "t", PARTITIONS) == []


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("level", [CLASSIC, LATER])
def test_killed_brokers_cost_no_transaction_and_make_none_twice(seed: int, level: int) -> None:
    with Cluster(3, seed=seed, config={"min.insync.replicas": "2"}) as cluster:
        set_level(cluster, level)
        cluster.create_topic("t", partitions=PARTITIONS, replication_factor=3)
        producer = cluster.producer(transactional_id="tx", batch_size=300, linger_ms=2)
        producer.init_transactions()
        committed: list[bytes] = []
        for number in range(6):
            values = [b"%d-%02d-%d" % (number, i, p) for i in range(20) for p in range(PARTITIONS)]
            producer.begin_transaction()
            for value in values:
                producer.send("t", value, partition=int(value[-1:]))
            killed = 2 + (number + seed) % 2  # not 1, which has the only controller
            cluster.run_for(0.001 * seed)
            cluster.faults.kill(killed)
            producer.commit_transaction() if number % 3 else producer.abort_transaction()
            committed += values if number % 3 else []
            cluster.faults.restart(killed)
            cluster.wait_for(lambda: all(len(cluster.isr("t", p)) == 3 for p in range(PARTITIONS)), 120)
        assert read(cluster, "t", PARTITIONS) == sorted(committed)


def test_records_that_time_out_leave_a_transaction_that_can_be_aborted(cluster) -> None:
    with cluster.admin() as admin:
        admin.create_topics([NewTopic("alone", replica_assignments={0: [3]})])
    producer = cluster.producer(transactional_id="tx", delivery_timeout_ms=3000, request_timeout_ms=1000, linger_ms=0)
    producer.init_transactions()
    with producer.transaction():
        producer.send("alone", b"first")
    assert read(cluster, "alone") == [b"first"]  # so its marker is there, without which the next one couldn't end
    cluster.faults.kill(3)
    producer.begin_transaction()
    producer.send("alone", b"lost")
    with pytest.raises(TransactionAbortable, match=r"TIMEOUT.*abort_transaction\(\)"):
        producer.commit_transaction()
    cluster.faults.restart(3)  # by the classic protocol the abort waits for the marker there
    producer.abort_transaction()
    with producer.transaction():
        producer.send("alone", b"second")
    assert read(cluster, "alone") == [b"first", b"second"]


def test_the_producer_whose_coordinator_is_gone_waits_no_longer_than_it_may(cluster) -> None:
    producer = cluster.producer(transactional_id="tx", max_block_ms=1000)
    for node in cluster.node_ids:
        cluster.faults.pause(node)
    with pytest.raises(KafkaTimeout, match=r"call init_transactions\(\) again"):
        producer.init_transactions()
    for node in cluster.node_ids:
        cluster.faults.resume(node)
    cluster.run_for(60)
    producer.init_transactions()
    with producer.transaction():
        producer.send("t", b"x")
    assert read(cluster, "t", PARTITIONS) == [b"x"]


def test_what_a_zombie_sends_late_is_in_no_transaction(cluster) -> None:
    zombie = cluster.producer(transactional_id="tx", retries=2**31 - 1)
    zombie.init_transactions()
    zombie.begin_transaction()
    zombie.send("t", b"of a zombie", partition=0).get(10)
    other = cluster.producer(transactional_id="tx")
    other.init_transactions()
    late = zombie.send("t", b"late", partition=1)
    with other.transaction():
        other.send("t", b"kept", partition=0)
    with pytest.raises((ProducerFenced, InvalidProducerEpoch)):
        zombie.commit_transaction()
    with pytest.raises(ProducerFenced):
        zombie.abort_transaction()
    assert late.exception is not None
    assert read(cluster, "t", PARTITIONS) == [b"kept"]
