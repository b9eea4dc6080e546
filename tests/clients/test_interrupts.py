"""A signal's handler raises while a program uses a cluster: the exception reaches the call that it interrupted, whole
calls are all that is lost by it, and the program can go on.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from clients.interrupting import Program, RangBase, RangError, alarm

import kstore
from kstore import Cluster, ConsumerRebalanceListener

FEW, MANY = 50, 5_000
DRIVERS = ["memory", "three brokers", "disk", "seeded", "spawned", "listen", "tcp"]


@contextmanager
def cluster_driven(how: str, folder: Any) -> Iterator[Cluster]:
    """A cluster on one of the drivers, with a topic; nothing is left of it."""
    keywords: Any = {
        "three brokers": {"brokers": 3},
        "disk": {"data_dir": str(folder)},
        "seeded": {"seed": 1},
        "spawned": {"seed": 1},
        "listen": {"listen": "127.0.0.1:0"},
        "tcp": {"listen": "127.0.0.1:0"},
    }.get(how, {})
    threads = set(threading.enumerate())
    with Cluster(**keywords) as cluster:
        cluster.create_topic("numbers", replication_factor=1)
        yield cluster
    assert set(threading.enumerate()) <= threads


def program_on(cluster: Cluster, how: str) -> Program:
    """Its program, with clients that live where the driver is."""
    if how == "spawned":
        beside = cluster.producer()

        def chat() -> None:
            while True:
                beside.send("chat", b"hello").get()
                cluster.run_for(0.01)

        cluster.spawn(chat)
    if how == "tcp":
        servers = cluster.bootstrap_servers
        return Program(
            kstore.Producer(bootstrap_servers=servers),
            kstore.Consumer("numbers", bootstrap_servers=servers, auto_offset_reset="earliest"),
            "numbers",
        )
    return Program(cluster.producer(), cluster.consumer("numbers", auto_offset_reset="earliest"), "numbers")


def run_through_alarms(how: str, kind: type[BaseException], folder: Any, seed: int, times: int) -> None:
    with cluster_driven(how, folder) as cluster:
        program = program_on(cluster, how)
        with alarm(kind, seed) as bell:
            for _ in range(times):
                program.run_until(bell)
            assert bell.rung == times
        program.finish()
        program.producer.close()
        program.consumer.close()


@pytest.mark.parametrize("kind", [RangBase, RangError])
@pytest.mark.parametrize("how", DRIVERS)
def test_each_alarm_reaches_the_call_it_interrupts_and_nothing_else(how, kind, tmp_path, seed) -> None:
    run_through_alarms(how, kind, tmp_path, seed, FEW)


@pytest.mark.full
@pytest.mark.parametrize("how", DRIVERS)
def test_thousands_of_alarms_lose_and_block_nothing(how, tmp_path, seed) -> None:
    run_through_alarms(how, RangError, tmp_path, seed, MANY)


@pytest.mark.parametrize("how", DRIVERS)
def test_an_iteration_goes_on_where_it_was_interrupted(how, tmp_path, seed) -> None:
    with cluster_driven(how, tmp_path) as cluster:
        program = program_on(cluster, how)
        for number in range(1000):
            program.producer.send("numbers", b"%d" % number)
        program.producer.flush()
        seen: list[Any] = []

        def iterate() -> None:
            for record in program.consumer:
                seen.append(record)  # Python looks for signals after this call, and not before it
                if len(seen) == 1000:
                    break

        with alarm(RangError, seed) as bell:
            while len(seen) < 1000:
                bell.around(iterate)
        assert [int(record.value) for record in seen] == list(range(1000))
        program.producer.close()
        program.consumer.close()


@pytest.mark.parametrize("how", ["memory", "disk", "seeded", "listen"])
def test_a_cluster_that_was_interrupted_while_it_was_made_leaves_nothing_behind(how, tmp_path, seed) -> None:
    threads = set(threading.enumerate())
    probe = kstore.Cluster(listen="127.0.0.1:0")
    listen = probe.bootstrap_servers
    probe.close()
    keywords: Any = {"disk": {"data_dir": str(tmp_path)}, "seeded": {"seed": 1}, "listen": {"listen": listen}}.get(
        how, {}
    )
    made: list[Cluster] = []

    with alarm(RangError, seed) as bell:
        for _ in range(FEW):
            bell.around(lambda: made.append(Cluster(**keywords)))  # what was made is in the list
            while made:
                made.pop().close()
    with Cluster(**keywords) as cluster:  # the port is free, and so is the folder
        cluster.create_topic("numbers")
    assert set(threading.enumerate()) <= threads


@pytest.mark.parametrize("how", ["memory", "disk", "seeded", "listen"])
def test_closing_that_was_interrupted_goes_on_when_it_is_asked_again(how, tmp_path, seed) -> None:
    threads = set(threading.enumerate())
    keywords: Any = {
        "memory": {},
        "disk": {"data_dir": str(tmp_path)},
        "seeded": {"seed": 1},
        "listen": {"listen": "127.0.0.1:0", "data_dir": str(tmp_path)},
    }[how]
    with alarm(RangError, seed) as bell:
        for _ in range(10):
            cluster = Cluster(**keywords)
            assert not cluster.warnings
            cluster.producer().send("numbers", b"1").get()
            while not cluster.closed:
                bell.around(cluster.close)
    if "data_dir" in keywords:
        with Cluster(**keywords) as cluster:
            assert not cluster.warnings, "the folder was marked clean"
            assert len(cluster.records("numbers")) == 10
    assert set(threading.enumerate()) <= threads


def ring_now(*_: object) -> None:
    signal.raise_signal(signal.SIGALRM)


@pytest.mark.parametrize("how", ["memory", "seeded", "tcp"])
def test_an_alarm_in_a_callback_reaches_the_call_and_isnt_logged(how, tmp_path, seed, caplog) -> None:
    with cluster_driven(how, tmp_path) as cluster, alarm(RangError, seed):
        program = program_on(cluster, how)
        future = program.producer.send("numbers", b"1")
        future.add_callback(ring_now)

        def go_on() -> None:
            while True:
                future.get()
                program.producer.flush()
                program.consumer.poll(10)

        with pytest.raises(RangError):
            go_on()
        assert "a callback raised" not in caplog.text
        program.producer.close()
        program.consumer.close()


def test_an_alarm_in_a_serializer_isnt_the_serializers_error(seed) -> None:
    def serialize(value: bytes) -> bytes:
        ring_now()
        return value

    with Cluster() as cluster, alarm(RangError, seed):
        producer = cluster.producer(value_serializer=serialize)
        with pytest.raises(RangError):
            producer.send("numbers", b"1")
        with pytest.raises(RangError):
            producer.send_many("numbers", [b"1"])


class Ringing(ConsumerRebalanceListener):
    """A listener in which an alarm rings."""

    def on_partitions_revoked(self, revoked: Any) -> None:
        """Nothing."""

    def on_partitions_assigned(self, assigned: Any) -> None:
        ring_now()


def test_an_alarm_in_a_listener_reaches_poll_and_the_assignment_stands(seed) -> None:
    with Cluster(config={"group.initial.rebalance.delay.ms": "0"}) as cluster, alarm(RangError, seed):
        cluster.create_topic("numbers")
        cluster.producer().send("numbers", b"1").get()
        consumer = cluster.consumer(group_id="readers", auto_offset_reset="earliest")
        consumer.subscribe(["numbers"], listener=Ringing())
        with pytest.raises(RangError):
            consumer.poll(10_000)
        assert [record.value for records in consumer.poll(10_000).values() for record in records] == [b"1"]


@pytest.mark.parametrize("how", ["memory", "seeded", "listen"])
def test_a_handler_may_use_the_cluster_that_it_interrupts(how, tmp_path) -> None:
    with cluster_driven(how, tmp_path) as cluster:
        program = program_on(cluster, how)
        sent: list[Any] = []
        seen: list[Any] = []
        before = signal.signal(
            signal.SIGALRM, lambda *_: sent.append(program.producer.send("numbers", b"7").get(timeout=30))
        )
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            while not seen:
                seen += program.consumer.poll(1000).values()
        finally:
            signal.signal(signal.SIGALRM, before)
        assert len(sent) == 1
        assert [record.value for record in seen[0]] == [b"7"]


def test_a_program_that_is_told_to_end_waits_for_brokers_no_longer_than_half_a_second() -> None:
    def stop(made: Any) -> None:
        with made:
            raise KeyboardInterrupt

    with Cluster(seed=1, config={"group.initial.rebalance.delay.ms": "0"}) as cluster:
        cluster.create_topic("numbers")
        producer, consumer = cluster.producer(), cluster.consumer("numbers", group_id="readers")
        producer.send("numbers", b"1").get()
        consumer.poll(10_000)
        cluster.faults.pause(1)
        producer.send("numbers", b"2")
        for made in (producer, consumer):
            before = cluster.now
            with pytest.raises(KeyboardInterrupt):
                stop(made)
            assert cluster.now - before <= 0.51
