"""What brokers and links do to a producer, and what becomes of its records: each once and in order, or an error."""

from __future__ import annotations

from typing import Any

import pytest

from actors.clients.errors import BufferExhausted, ClientClosed, KafkaTimeout
from kstore import Cluster
from kstore.errors import KafkaError, NotEnoughReplicas

RETRIABLE = [
    "NOT_LEADER_OR_FOLLOWER",
    "LEADER_NOT_AVAILABLE",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "NOT_ENOUGH_REPLICAS",
    "REQUEST_TIMED_OUT",
    "CORRUPT_MESSAGE",
    "KAFKA_STORAGE_ERROR",
    "UNKNOWN_TOPIC_ID",
    "OUT_OF_ORDER_SEQUENCE_NUMBER",
    "UNKNOWN_PRODUCER_ID",
]


@pytest.fixture
def simulated():
    """Three brokers on virtual time, with a topic "t" of one partition that all have."""
    with Cluster(3, seed=11, config={"min.insync.replicas": "1"}) as found:
        found.create_topic("t", partitions=1, replication_factor=3)
        yield found


def values(cluster: Cluster, topic: str = "t") -> list[bytes]:
    return [record.value for record in cluster.records(topic)]


def numbers(n: int) -> list[bytes]:
    return [b"%d" % i for i in range(n)]


def send_all(producer: Any, wanted: list[bytes], topic: str = "t") -> list[Any]:
    return [producer.send(topic, value, partition=0) for value in wanted]


@pytest.mark.parametrize("seed", range(8))
def test_a_killed_leader_costs_no_record_and_makes_none_twice(seed) -> None:
    with Cluster(3, seed=seed, config={"min.insync.replicas": "2"}) as cluster:
        cluster.create_topic("t", partitions=1, replication_factor=3)
        producer = cluster.producer(batch_size=300, linger_ms=2)
        futures = []
        for round_number in range(4):
            futures += send_all(producer, [b"%d" % (round_number * 200 + i) for i in range(200)])
            leader = cluster.leader("t", 0)
            cluster.run_for(0.001 * (seed + 1))
            cluster.faults.kill(leader)
            cluster.run_for(1)
            cluster.faults.restart(leader)
            cluster.wait_for(lambda: len(cluster.isr("t", 0)) == 3, 120)
        producer.flush(120)
        assert [future.get(0).offset for future in futures] == list(range(800))
        assert values(cluster) == numbers(800)


def test_in_real_time_a_killed_leader_costs_nothing_either(cluster) -> None:
    cluster.create_topic("t", partitions=3, replication_factor=3)
    partition = next(n for n in range(3) if cluster.leader("t", n) != 1)  # 1 is the only controller
    producer = cluster.producer(batch_size=1000)
    futures = [producer.send("t", value, partition=partition) for value in numbers(2000)]
    cluster.faults.kill(cluster.leader("t", partition))
    futures += [producer.send("t", b"%d" % i, partition=partition) for i in range(2000, 4000)]
    producer.flush(60)
    assert [future.get(0).offset for future in futures] == list(range(4000))
    assert [record.value for record in cluster.records("t", partition=partition)] == numbers(4000)


@pytest.mark.parametrize("code", RETRIABLE)
def test_what_may_pass_is_tried_again_in_order(simulated, code) -> None:
    producer = simulated.producer(batch_size=200)
    simulated.faults.error("Produce", code, times=3)
    futures = send_all(producer, numbers(100))
    producer.flush(60)
    assert [future.get(0).offset for future in futures] == list(range(100))
    assert values(simulated) == numbers(100)
    assert producer.metrics()["producer-metrics"]["record-retry-total"] > 0


@pytest.mark.parametrize("answer", [False, True])
def test_a_lost_answer_makes_no_second_record(simulated, answer) -> None:
    producer = simulated.producer(batch_size=200)
    for _ in range(5):
        simulated.faults.drop("Produce", 2, answer=answer)
        send_all(producer, numbers(50))
        producer.flush(60)
    assert values(simulated) == numbers(50) * 5


def test_without_idempotence_a_lost_answer_may_make_one(simulated) -> None:
    producer = simulated.producer(enable_idempotence=False)
    simulated.faults.drop("Produce", 1, answer=True)
    send_all(producer, [b"v"])
    producer.flush(60)
    assert values(simulated) == [b"v", b"v"]


def test_without_idempotence_one_request_in_flight_keeps_the_order(simulated) -> None:
    producer = simulated.producer(enable_idempotence=False, max_in_flight_requests_per_connection=1, batch_size=100)
    simulated.faults.error("Produce", "NOT_ENOUGH_REPLICAS", times=2)
    send_all(producer, numbers(100))
    producer.flush(60)
    assert values(simulated) == numbers(100)


def test_one_request_in_flight_keeps_the_order_also_when_the_leader_moves(simulated) -> None:
    producer = simulated.producer(
        enable_idempotence=False, max_in_flight_requests_per_connection=1, metadata_max_age_ms=1_000
    )
    producer.send("t", b"0").get(timeout=30)
    silent = simulated.leader("t", 0)
    simulated.faults.pause(silent)
    futures = send_all(producer, [b"1"])
    simulated.run_until(lambda: simulated.leader("t", 0) != silent)  # the first request is still under way
    simulated.run_for(3)
    futures += send_all(producer, [b"2", b"3"])
    simulated.run_until(lambda: all(future.done() for future in futures))
    assert values(simulated) == numbers(4)


def test_a_request_holds_no_more_than_max_request_size(simulated) -> None:
    simulated.create_topic("wide", partitions=4, replication_factor=1)
    with simulated.producer(max_request_size=20_000, linger_ms=50) as producer:
        futures = [producer.send("wide", bytes(12_000), partition=number) for number in range(4)]
        simulated.run_until(lambda: all(future.done() for future in futures))
        assert producer.metrics()["producer-metrics"]["request-total"] == 4


@pytest.mark.parametrize("code", ["TOPIC_AUTHORIZATION_FAILED", "INVALID_REQUIRED_ACKS", "UNKNOWN_SERVER_ERROR"])
def test_what_does_not_pass_fails_at_once_and_the_next_records_go_on(simulated, code) -> None:
    producer = simulated.producer()
    assert producer.send("t", b"0").get().offset == 0
    simulated.faults.error("Produce", code)
    failed = producer.send("t", b"1")
    producer.flush(60)
    assert isinstance(failed.exception, KafkaError)
    assert failed.exception.name == code
    assert producer.send("t", b"2").get(60).offset == 1
    assert values(simulated) == [b"0", b"2"]


def test_a_duplicate_is_a_success_without_an_offset(simulated) -> None:
    producer = simulated.producer()
    simulated.faults.error("Produce", "DUPLICATE_SEQUENCE_NUMBER")
    assert producer.send("t", b"v").get(60).offset == -1


def test_with_no_retries_left_the_error_is_told(simulated) -> None:
    producer = simulated.producer(retries=2)
    simulated.faults.error("Produce", "NOT_ENOUGH_REPLICAS", times=3)
    future = producer.send("t", b"v")
    with pytest.raises(NotEnoughReplicas, match="replicas"):
        future.get(60)


def test_the_delivery_timeout_ends_all_waiting(simulated) -> None:
    producer = simulated.producer(delivery_timeout_ms=5_000, request_timeout_ms=1_000)
    producer.send("t", b"0").get(60)
    simulated.faults.partition([1, 2, 3], [producer])
    begun = simulated.now
    futures = send_all(producer, numbers(10))
    with pytest.raises(KafkaTimeout, match=r"10 records for t-0 were not acknowledged within 5\d\d\d ms"):
        futures[0].get(60)
    assert 5 <= simulated.now - begun < 6
    assert all(isinstance(future.exception, KafkaTimeout) for future in futures)
    simulated.faults.heal()
    assert producer.send("t", b"after").get(60).offset >= 1
    found = values(simulated)
    assert found[0] == b"0"
    assert found[-1] == b"after"
    assert sorted(set(found[1:-1])) == sorted(found[1:-1])


def test_a_producer_that_is_cut_off_goes_on_when_it_is_healed(simulated) -> None:
    producer = simulated.producer(request_timeout_ms=2_000)
    producer.send("t", b"first").get(60)
    simulated.faults.partition([1, 2, 3], [producer])
    futures = send_all(producer, numbers(10))
    simulated.run_for(10)
    assert not futures[0].done()
    simulated.faults.heal()
    assert futures[-1].get(60).offset == 10
    assert values(simulated) == [b"first", *numbers(10)]


def test_an_unknown_topic_is_waited_for_no_longer_than_max_block_ms(simulated) -> None:
    producer = simulated.producer(max_block_ms=3_000, allow_auto_create_topics=False)
    begun = simulated.now
    with pytest.raises(KafkaTimeout, match=r"topic nowhere was not known after max_block_ms \(3000\)"):
        producer.send("nowhere", b"v")
    with pytest.raises(KafkaTimeout, match="partition 1 of topic t was not known"):
        producer.send("t", b"v", partition=1)
    assert 6 <= simulated.now - begun < 7


def test_a_partition_that_was_added_meanwhile_is_found(simulated) -> None:
    producer = simulated.producer()
    producer.send("t", b"v").get(60)
    simulated.admin().create_partitions({"t": 4})
    assert producer.send("t", b"v", partition=3).get(60).partition == 3


def test_a_full_buffer_is_waited_for_no_longer_than_max_block_ms(simulated) -> None:
    producer = simulated.producer(
        buffer_memory=32_768, batch_size=16_384, max_block_ms=2_000, request_timeout_ms=30_000
    )
    producer.send("t", b"first").get(60)
    simulated.faults.partition([1, 2, 3], [producer])
    begun = simulated.now
    with pytest.raises(BufferExhausted, match=r"not free within max_block_ms \(2000\)"):
        send_all(producer, [bytes(1000)] * 100)
    assert simulated.now - begun == pytest.approx(2, abs=0.1)
    simulated.faults.heal()
    producer.flush(60)
    assert producer.metrics()["producer-metrics"]["buffer-available-bytes"] == 32_768


def test_a_buffer_smaller_than_what_is_sent_only_makes_it_wait(simulated) -> None:
    producer = simulated.producer(buffer_memory=32_768)
    send_all(producer, [b"%04d" % i * 250 for i in range(500)])
    producer.flush(60)
    assert values(simulated) == [b"%04d" % i * 250 for i in range(500)]
    assert producer.metrics()["producer-metrics"]["buffer-available-bytes"] == 32_768


def test_close_fails_what_is_not_acknowledged_in_its_time(simulated) -> None:
    producer = simulated.producer()
    producer.send("t", b"first").get(60)
    simulated.faults.partition([1, 2, 3], [producer])
    told: list[Any] = []
    future = producer.send("t", b"v").add_errback(told.append)
    producer.close(timeout=3)
    with pytest.raises(ClientClosed, match="closed before the record was acknowledged"):
        future.get()
    assert told == [future.exception]
    with pytest.raises(ClientClosed):
        producer.send("t", b"v")
    producer.close()


def test_a_block_left_by_an_exception_does_not_wait_for_long(simulated) -> None:
    def fail() -> None:
        with simulated.producer() as producer:
            producer.send("t", b"first").get(60)
            simulated.faults.partition([1, 2, 3], [producer])
            producer.send("t", b"v")
            raise LookupError("of the test's own")

    begun = simulated.now
    with pytest.raises(LookupError, match="own"):
        fail()
    assert 5 <= simulated.now - begun < 6


def test_flush_says_when_its_time_was_not_enough(simulated) -> None:
    producer = simulated.producer()
    producer.send("t", b"first").get(60)
    simulated.faults.partition([1, 2, 3], [producer])
    producer.send("t", b"v")
    with pytest.raises(KafkaTimeout, match="not everything was acknowledged in 2 seconds"):
        producer.flush(2)
    simulated.faults.heal()
    producer.flush(60)


def test_a_cluster_that_is_closed_first_ends_its_producers() -> None:
    with Cluster() as cluster:
        producer = cluster.producer(linger_ms=60_000)
        future = producer.send("t", b"v")
    producer.close()
    assert future.failed()
    with pytest.raises(ClientClosed):
        producer.send("t", b"v")


@pytest.mark.parametrize("timeout_ms", [0, 500])
def test_records_without_a_key_keep_away_from_a_broker_that_takes_nothing(timeout_ms) -> None:
    with Cluster(3, seed=5) as cluster:
        cluster.create_topic("t", partitions=3, replication_factor=1)
        producer = cluster.producer(batch_size=100, linger_ms=0, partitioner_availability_timeout_ms=timeout_ms)
        for partition in range(3):
            producer.send("t", b"v", partition=partition).get(60)
        cluster.faults.partition([cluster.leader("t", 0)], [producer])
        futures = []
        for _ in range(400):
            futures.append(producer.send("t", bytes(50)))
            cluster.run_for(0.02)
        assert all(future.done() for future in futures[200:350]) == (timeout_ms > 0)
        cluster.faults.heal()
        producer.flush(60)
        assert all(future.succeeded() for future in futures)
        for _ in range(50):
            futures.append(producer.send("t", bytes(50)))
            cluster.run_for(0.02)
        assert {future.get(60).partition for future in futures[-50:]} == {0, 1, 2}


def run_of(seed: int) -> str:
    """A run with faults; its trace hash."""
    with Cluster(3, seed=seed) as cluster:
        cluster.create_topic("t", partitions=3, replication_factor=3)
        producer = cluster.producer(batch_size=300)
        for i in range(300):
            producer.send("t", b"%d" % i, key=None if i % 3 else b"%d" % i)
            if i == 150:
                cluster.faults.kill(cluster.leader("t", 0))
        producer.flush(120)
        return cluster.world.recorder.trace_hash()


def test_the_same_seed_is_the_same_run() -> None:
    assert run_of(3) == run_of(3) != run_of(4)


def test_an_idle_producer_does_nothing(simulated) -> None:
    producer = simulated.producer(metadata_max_age_ms=10**9)
    producer.send("t", b"v").get()
    simulated.run_for(10)
    before = simulated.world.recorder.count("Wake"), simulated.world.recorder.count("Due")
    simulated.run_for(100)
    assert (simulated.world.recorder.count("Wake"), simulated.world.recorder.count("Due")) == before
