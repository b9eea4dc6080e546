"""Consumers on virtual time: the same seed gives the same run, byte for byte, and hours pass in no time."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from clients.consuming import Seen, numbers, poll_until, shared

from kstore import Cluster, Consumer, TopicPartition

RECORDS = 60


def read_by_two(seed: int) -> tuple[str, dict[str, list[tuple[int, int]]]]:
    """A group of two beside a producer; a member is killed half way. The trace's hash, and who read what."""
    read: dict[str, list[tuple[int, int]]] = {"first": [], "second": []}
    with Cluster(3, seed=seed) as cluster:
        cluster.create_topic("orders", partitions=4, replication_factor=3)
        stop: list[bool] = []

        def consume(name: str) -> None:
            with cluster.consumer("orders", group_id="g", auto_offset_reset="earliest") as consumer:
                while not stop:
                    for records in consumer.poll(500).values():
                        read[name] += [(record.partition, record.offset) for record in records]

        for name in read:
            cluster.spawn(consume, name)
        with cluster.producer() as producer:
            for number in range(RECORDS):
                producer.send("orders", b"%d" % number, key=b"key-%d" % number)
                if number == RECORDS // 2:
                    cluster.faults.kill(cluster.leader("orders", 0))
            producer.flush()
        cluster.run_until(lambda: len({each for of in read.values() for each in of}) == RECORDS)
        cluster.run_for(seconds=30)
        stop.append(True)
        cluster.run_for(seconds=5)
        return cluster.world.recorder.trace_hash(), read


def test_the_same_seed_gives_the_same_run() -> None:
    once, twice = read_by_two(7), read_by_two(7)
    assert once == twice
    assert read_by_two(8)[0] != once[0]


def test_ten_minutes_without_records_pass_without_a_rebalance() -> None:
    with Cluster(3, seed=3) as cluster:
        cluster.create_topic("orders", partitions=2)
        with cluster.consumer("orders", group_id="g") as consumer:
            poll_until(lambda: len(numbers(consumer)) == 2, consumer)
            before, began = consumer.group_metadata(), cluster.world.clock.now_us()
            while cluster.world.clock.now_us() < began + 600 * 1_000_000:
                assert consumer.poll(60_000) == {}
            assert consumer.group_metadata() == before


def test_polls_without_patience_let_virtual_time_pass() -> None:
    with Cluster(1, seed=3) as cluster:
        cluster.create_topic("orders")
        with cluster.producer() as producer:
            producer.send("orders", b"a").get(timeout=10)
        with cluster.consumer("orders", group_id="g", auto_offset_reset="earliest") as consumer:
            found: dict[TopicPartition, list[Any]] = {}
            while not found:
                found = consumer.poll()
            assert found[TopicPartition("orders", 0)][0].value == b"a"


@pytest.mark.parametrize("seed", range(4))
def test_default_timeouts_hand_partitions_over(seed: int) -> None:
    """With the Java client's own timeouts: a session of 45 s, five minutes between polls."""
    with Cluster(3, seed=seed) as cluster:
        cluster.create_topic("orders", partitions=2)

        def join() -> tuple[Consumer, Seen]:
            consumer, seen = cluster.consumer(group_id="g"), Seen()
            consumer.subscribe(["orders"], listener=seen)
            return consumer, seen

        (idle, idle_seen), (other, _) = join(), join()
        poll_until(lambda: shared(2, idle, other), idle, other)
        began = cluster.world.clock.now_us()
        poll_until(lambda: len(numbers(other)) == 2, *[other] * 20)
        waited_s = (cluster.world.clock.now_us() - began) / 1e6
        assert 290 < waited_s < 320
        idle.poll(0)
        assert idle_seen.of("lost")
        other.close()
        idle.close()


@pytest.mark.parametrize("seed", range(4))
def test_what_is_read_again_is_read_once_whenever_a_parked_fetch_ends(seed: int) -> None:
    """After a seek, records are asked for beside the fetch that is parked; they aren't asked for again when it ends."""
    with Cluster(seed=seed) as cluster:
        cluster.create_topic("orders")
        with cluster.producer(batch_size=100) as producer:
            for number in range(10):
                producer.send("orders", b"%d" % number + bytes(50))
        consumer = cluster.consumer(
            "orders", auto_offset_reset="earliest", max_partition_fetch_bytes=1, fetch_max_wait_ms=5
        )
        for pause in range(20):
            found: list[int] = []
            while not found or found[-1] < 9:
                for records in consumer.poll(timeout_ms=100).values():
                    found += [record.offset for record in records]
            assert consumer.poll(timeout_ms=20) == {}
            assert found == list(range(10))
            cluster.run_for(seconds=0.0004 * pause)
            consumer.seek_to_beginning()


def test_a_rebalance_waits_for_a_member_as_long_as_it_may_take_to_poll() -> None:
    with Cluster(1, seed=3) as cluster:
        cluster.create_topic("orders", partitions=2)
        seen, over = Seen(), threading.Event()
        how: dict[str, Any] = {"group_id": "g", "session_timeout_ms": 6_000, "max_poll_interval_ms": 60_000}
        slow, other = cluster.consumer(**how), cluster.consumer("orders", **how)
        slow.subscribe(["orders"], listener=seen)
        poll_until(lambda: numbers(slow) == {0, 1}, slow)

        def go_on() -> None:
            while not over.is_set():
                other.poll(500)

        others = cluster.spawn(go_on)
        cluster.run_for(seconds=20)  # more than three sessions, less than the time between two polls
        poll_until(lambda: shared(2, slow, other), slow)
        over.set()
        others.join()
        assert not seen.of("lost")


def test_a_consumer_that_lost_its_place_and_is_closed_is_told_that_all_is_lost() -> None:
    with Cluster(1, seed=3) as cluster:
        cluster.create_topic("orders", partitions=2)
        seen = Seen()
        consumer = cluster.consumer(group_id="g", max_poll_interval_ms=1_000)
        consumer.subscribe(["orders"], listener=seen)
        poll_until(lambda: numbers(consumer) == {0, 1}, consumer)
        cluster.run_for(seconds=5)
        consumer.close()
        assert seen.told[-1] == ("lost", {0, 1})


def test_a_poll_that_waits_longer_than_max_poll_interval_ms_counts_as_polling() -> None:
    with Cluster(1, seed=3) as cluster:
        cluster.create_topic("orders", partitions=2)
        seen = Seen()
        consumer = cluster.consumer(group_id="g", max_poll_interval_ms=1_000)
        consumer.subscribe(["orders"], listener=seen)
        poll_until(lambda: numbers(consumer) == {0, 1}, consumer)
        consumer.poll(10_000)
        assert (seen.of("lost"), numbers(consumer)) == ([], {0, 1})


@pytest.mark.parametrize(("error", "stays"), [("ILLEGAL_GENERATION", True), ("UNKNOWN_MEMBER_ID", False)])
def test_who_is_of_another_generation_joins_under_its_name_and_who_is_unknown_under_a_new_one(
    error: str, stays: bool
) -> None:
    with Cluster(1, seed=3) as cluster:
        cluster.create_topic("orders", partitions=2)
        seen = Seen()
        consumer = cluster.consumer(group_id="g", session_timeout_ms=6_000)
        consumer.subscribe(["orders"], listener=seen)
        poll_until(lambda: numbers(consumer) == {0, 1}, consumer)
        before = consumer.group_metadata().member_id
        cluster.faults.error("Heartbeat", error)
        poll_until(lambda: seen.of("lost") and numbers(consumer) == {0, 1}, consumer)
        assert (consumer.group_metadata().member_id == before) is stays
