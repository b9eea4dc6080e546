"""Clients in the process of a cluster: made by it, waited for with it, cut off from it, and on virtual time."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from actors.clients.errors import ClientClosed
from actors.cluster import Cluster
from actors.runtime.driver import ForkedError, SimulationStalled
from actors.runtime.virtual import STALL_S
from actors.trace import Trace
from kstore import TopicPartition
from kstore.errors import KafkaError
from kstore.errors.config import ConfigError

FEW: dict[str, dict[str, Any]] = {"seed": {"seed": 3}, "real": {}, "listen": {"listen": "127.0.0.1:0"}}


@pytest.fixture(params=list(FEW))
def cluster(request):
    """Three brokers and a topic."""
    with Cluster(3, **FEW[request.param]) as made:
        made.create_topic("orders", partitions=2)
        yield made


def test_the_first_page_of_the_documentation_works(cluster):
    with cluster.producer(acks="all", key_serializer=str.encode) as producer:
        metadata = producer.send("orders", key="order123", value=b"shipped").get(timeout=10)
    with cluster.consumer("orders", group_id="workers", auto_offset_reset="earliest") as consumer:
        assert next(consumer).key == b"order123"
        cluster.wait_for_group("workers", members=1)
        consumer.commit()
    assert [record.key for record in cluster.records("orders", 1)] == [b"order123"]
    assert cluster.committed("workers")[TopicPartition("orders", metadata.partition)] == 1
    assert set(cluster.lag("workers").values()) == {0}
    cluster.wait_for_group("workers", members=0, state="Empty")
    with cluster.admin() as admin:
        assert "orders" in admin.list_topics()


def test_a_predicate_may_use_clients(cluster):
    with cluster.producer() as producer, cluster.consumer("orders", auto_offset_reset="earliest") as consumer:
        producer.send("orders", b"a")
        cluster.wait_for(lambda: consumer.poll(timeout_ms=0))


def test_a_client_whose_keywords_are_refused_leaves_nothing_behind(cluster):
    before = sorted(cluster.net.nodes)
    for make in (cluster.producer, cluster.consumer, cluster.admin):
        with pytest.raises(ConfigError):
            make(bogus=1)
    assert sorted(cluster.net.nodes) == before


def test_a_client_is_cut_off_and_slow_like_a_broker(cluster):
    with cluster.producer() as producer:
        producer.send("orders", b"before", partition=0).get(timeout=10)
        cluster.faults.partition(producer, set(cluster.brokers))
        late = producer.send("orders", b"late", partition=0)
        cluster.run_for(0.3)
        assert not late.done()
        cluster.faults.heal()
        assert late.get(timeout=60).offset == 1
        cluster.faults.slow(producer, ms=60)
        before = cluster.now
        producer.send("orders", b"slow", partition=0).get(timeout=10)
        assert cluster.now - before > 0.11


def test_a_client_of_a_closed_cluster_says_so():
    cluster = Cluster()
    cluster.create_topic("t")
    producer, consumer = cluster.producer(), cluster.consumer("t")
    cluster.close()
    with pytest.raises(ClientClosed):
        producer.send("t", b"a").get(timeout=5)
    with pytest.raises(ClientClosed):
        consumer.poll(timeout_ms=100)
    producer.close()
    consumer.close()


def test_a_consumer_that_waits_for_ever_stalls_a_simulation_and_shows_its_trace():
    with Cluster(seed=1) as cluster:
        cluster.create_topic("t")
        with cluster.consumer("t") as consumer, pytest.raises(SimulationStalled, match=f"{STALL_S} virtual") as stalled:
            next(consumer)
    trace, who = stalled.value.__notes__
    assert "rows of the trace" in trace
    assert who == "it was <Consumer consumer-null-1 group=None topics=['t'] to broker-1> that waited"


def a_day_at_the_shop(seed: int) -> tuple[str, list[bytes]]:
    """Two programs that sell and one that ships, while brokers die and links are cut; the run's hash, and what came."""
    with Cluster(3, seed=seed) as cluster:
        cluster.create_topic("orders", partitions=2, config={"min.insync.replicas": "2"})

        def sell(name: str) -> None:
            with cluster.producer(linger_ms=0) as producer:
                for number in range(20):
                    producer.send("orders", b"%s-%d" % (name.encode(), number)).get()
                    cluster.run_for(0.2)

        def ship() -> list[bytes]:
            with cluster.consumer("orders", group_id="shipping", auto_offset_reset="earliest") as consumer:
                return [next(consumer).value for _ in range(40)]

        shops = [cluster.spawn(sell, name) for name in ("ada", "bob")]
        shipped = cluster.spawn(ship)
        cluster.run_for(1)
        cluster.faults.kill(2)
        cluster.run_for(1)
        cluster.faults.partition({1}, {3})
        cluster.faults.restart(2)
        cluster.run_for(3)
        cluster.faults.heal()
        for shop in shops:
            shop.join()
        return cluster.world.recorder.trace_hash(), sorted(shipped.join())


def test_programs_and_faults_are_the_same_in_every_run_of_a_seed_and_nothing_is_lost(seed):
    first, again, other = a_day_at_the_shop(seed), a_day_at_the_shop(seed), a_day_at_the_shop(seed + 1)
    assert first == again
    assert first[0] != other[0]
    assert first[1] == other[1] == sorted(b"%s-%d" % (name, n) for name in (b"ada", b"bob") for n in range(20))


def test_a_run_is_the_same_whatever_strings_hash_to(seed):
    program = f"from test_cluster_clients import a_day_at_the_shop; print(a_day_at_the_shop({seed})[0])"
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    hashes = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout
        for salt in ("1", "2")
    }
    assert len(hashes) == 1


def test_a_cluster_answers_for_its_trace_and_writes_it_to_a_file(tmp_path):
    file = tmp_path / "run.ktrace"
    with Cluster(seed=1, trace_file=file) as cluster:
        cluster.create_topic("t")
        with cluster.producer() as producer:
            producer.send("t", b"a").get()
        assert "broker-1#1/controller" in cluster.trace.actors()
        assert cluster.trace is cluster.trace
    assert "broker-1#1/controller" in Trace.load(file).actors()


@pytest.mark.parametrize("how", [{}, {"listen": "127.0.0.1:0"}], ids=["real", "listen"])
@pytest.mark.parametrize("end", [Cluster.reset, Cluster.close])
def test_a_consumer_that_waits_in_another_thread_hears_of_the_end(how, end):
    with Cluster(**how) as cluster:
        cluster.create_topic("t")
        consumer = cluster.consumer("t", auto_offset_reset="earliest")
        with cluster.producer() as producer:
            producer.send("t", b"a")
        next(consumer)
        begun = threading.Event()
        told: list[type] = []

        def wait() -> None:
            begun.set()
            try:
                next(consumer)
            except (ClientClosed, StopIteration) as error:
                told.append(type(error))

        thread = threading.Thread(target=wait)
        thread.start()
        begun.wait()
        cluster.run_for(0.1)
        end(cluster)
        thread.join(20)
        assert told == [ClientClosed]


def test_a_client_keeps_its_cluster():
    producer = Cluster().producer()
    gc.collect()
    assert producer.send("t", b"a").get(timeout=10).offset == 0
    producer.close()


@pytest.mark.parametrize("how", ["", "listen='127.0.0.1:0'", "seed=1"])
def test_a_program_ends_whatever_clients_are_open(how):
    program = f"""
from kstore import Cluster
cluster = Cluster(2, {how})
producer = cluster.producer()
consumer = cluster.consumer("t", group_id="g", auto_offset_reset="earliest")
producer.send("t", b"a").get()
print(next(consumer).value)
producer.send("t", b"b")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "b'a'\n", "")


def test_a_client_in_a_forked_child_is_refused():
    with Cluster() as cluster, cluster.producer() as producer:
        producer.send("t", b"a").get(timeout=10)
        child = os.fork()
        if child == 0:
            try:
                producer.send("t", b"b").get(timeout=5)
            except ForkedError:
                os._exit(7)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert producer.send("t", b"b").get(timeout=10).offset == 1


@pytest.mark.parametrize("end", ["client", "cluster"])
def test_a_call_that_waits_in_another_thread_ends_with_its_client(cluster, end):
    if cluster.seed is not None:
        return
    producer = cluster.producer(allow_auto_create_topics=False)
    told: list[type] = []

    def wait() -> None:
        try:
            producer.send("nowhere", b"a")
        except KafkaError as error:
            told.append(type(error))

    thread = threading.Thread(target=wait)
    thread.start()
    cluster.run_for(0.1)
    (producer if end == "client" else cluster).close()
    thread.join(20)
    assert told == [ClientClosed]


def test_clients_that_a_forked_child_leaves_are_its_parents():
    with (
        Cluster() as cluster,
        cluster.admin() as admin,
        cluster.producer() as producer,
        cluster.consumer("t", group_id="g") as consumer,
    ):
        producer.send("t", b"a").get(timeout=10)
        consumer.poll(timeout_ms=0)
        child = os.fork()
        if child == 0:
            try:
                with admin, producer, consumer:
                    pass
                os._exit(7)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert producer.send("t", b"b").get(timeout=10).offset == 1


def test_a_cluster_that_is_closed_ends_what_its_clients_had_under_way(cluster) -> None:
    told: list[BaseException] = []
    producer = cluster.producer(linger_ms=60_000)
    consumer = cluster.consumer("orders")
    future = producer.send("orders", b"on its way")
    future.add_errback(told.append)
    cluster.close()
    assert future.failed()
    assert [str(error) for error in told] == ["the cluster was closed before the record was acknowledged"]
    for use in (producer.flush, consumer.poll):
        with pytest.raises(ClientClosed, match=r"the cluster of this \w+ was closed"):
            use()
    producer.close()
    consumer.close()


def test_a_cluster_may_be_closed_while_a_spawned_program_reads() -> None:
    cluster = Cluster(1, seed=1)
    cluster.create_topic("orders")

    def read() -> None:
        consumer = cluster.consumer("orders", group_id="g")
        while True:
            consumer.poll(timeout_ms=100)

    reading = cluster.spawn(read)
    cluster.run_for(3)
    cluster.close()
    assert reading.done()
