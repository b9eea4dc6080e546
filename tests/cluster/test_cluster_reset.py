"""A reset leaves nothing of what was, and a cluster that works; who used it before is told."""

from __future__ import annotations

import os
import socket

import pytest
from cluster.speaking import Speaker, batch
from present import present

from actors.clients.errors import ClientClosed
from actors.clients.producer.sender import Sender
from actors.cluster import Cluster
from kstore.errors import UnknownTopicOrPartition


@pytest.fixture(params=["real", "seed", "listen", "disk"])
def cluster(request, tmp_path, seed):
    """Three brokers, in each kind of world."""
    how = {
        "real": {},
        "seed": {"seed": seed},
        "listen": {"listen": "127.0.0.1:0"},
        "disk": {"data_dir": str(tmp_path)},
    }
    with Cluster(3, **how[request.param]) as made:
        yield made


def test_a_reset_cluster_has_no_topics_no_groups_no_producers_and_no_faults(cluster):
    cluster.create_topic("t", partitions=3)
    speaker = Speaker(cluster)
    producer = speaker.producer()
    speaker.put("t", producer.batch(b"a"))
    cluster.faults.error("Produce", 6, times=100)
    cluster.faults.partition({1}, {2, 3})
    cluster.faults.slow(3, ms=50)
    cluster.faults.kill(2)
    cluster.faults.pause(3)
    cluster.reset()
    assert cluster.is_ready()
    assert all(broker.alive and not broker.paused for broker in cluster.brokers.values())
    assert dict(cluster.image().topics) == {}
    assert (cluster.net.cuts, cluster.net.slow_us, cluster.net.slow_nodes_us) == (set(), {}, {})
    assert cluster.committed("g") == {}
    with pytest.raises(UnknownTopicOrPartition):
        cluster.leader("t")
    assert Speaker(cluster).producer().producer_id == producer.producer_id == 0


def test_a_topic_of_the_same_name_begins_at_offset_0_after_a_reset(cluster):
    for value in (b"first", b"second", b"third"):
        cluster.create_topic("t")
        assert Speaker(cluster).say("t", value) == 0
        assert [record.value for record in cluster.records("t", 1)] == [value]
        cluster.reset()


def test_settings_made_since_the_start_are_gone_after_a_reset(cluster):
    Speaker(cluster).set_config("", kind=4, log_segment_bytes="1048576")
    cluster.reset()
    assert not cluster.image().config(4, "")


def test_what_was_under_way_at_a_reset_never_arrives(cluster):
    cluster.create_topic("t")
    speaker = Speaker(cluster)
    cluster.faults.pause(cluster.leader("t"))
    speaker.put_later("t", batch(b"late"))
    cluster.reset()
    cluster.create_topic("t")
    cluster.run_for(0.2)
    assert cluster.records("t") == []


def test_a_client_from_before_a_reset_says_that_it_is_closed(cluster):
    producer = cluster.producer()
    cluster.create_topic("t")
    assert producer.send("t", b"a").get(timeout=10).offset == 0
    cluster.faults.pause(cluster.leader("t"))
    told: list[Exception] = []
    waiting = producer.send("t", b"under way").add_errback(told.append)
    cluster.reset()
    cluster.wait_for(lambda: told)
    assert isinstance(told[0], ClientClosed)
    with pytest.raises(ClientClosed):
        waiting.get(timeout=10)
    with pytest.raises(ClientClosed):
        producer.send("t", b"after")
    producer.close()


def test_a_client_that_is_made_during_a_reset_is_closed_by_it(cluster, monkeypatch):
    start = Sender.start

    def reset_first(*args, **how):
        cluster.reset()
        return start(*args, **how)

    if cluster.ports is None:  # a loop's thread, which starts clients, waits for nothing
        with monkeypatch.context() as patched:
            patched.setattr(Sender, "start", reset_first)
            with pytest.raises(ClientClosed, match="was reset while"):
                cluster.producer()
    assert cluster.producer().send("t", b"a").get(timeout=10).offset == 0


def test_resets_give_back_the_names_of_clients(cluster):
    names = []
    for _ in range(3):
        names.append([cluster.producer()._transport.node.name, cluster.consumer()._transport.node.name])
        cluster.reset()
    assert names == [names[0]] * 3


def test_clients_made_after_a_reset_find_an_empty_cluster_that_works(cluster):
    for _ in range(3):
        cluster.create_topic("t")
        with cluster.producer() as producer:
            assert producer.send("t", b"a").get(timeout=10).offset == 0
        cluster.reset()


def test_a_reset_is_the_same_in_every_run_of_a_seed(seed):
    def run() -> str:
        with Cluster(3, seed=seed) as cluster:
            for _ in range(2):
                cluster.create_topic("t")
                Speaker(cluster).say("t", b"a")
                cluster.reset()
            return cluster.world.recorder.trace_hash()

    assert run() == run()


def test_a_cluster_on_disk_is_empty_on_disk_after_a_reset(tmp_path):
    with Cluster(2, data_dir=str(tmp_path)) as cluster:
        cluster.create_topic("t")
        assert (tmp_path / "node-1" / "t-0").exists() or (tmp_path / "node-2" / "t-0").exists()
        identity = cluster.cluster_id
        cluster.reset()
        assert not list(tmp_path.glob("node-*/t-0"))
        assert cluster.cluster_id == identity
    with Cluster(2, data_dir=str(tmp_path)) as again:
        assert again.cluster_id == identity
        assert dict(again.image().topics) == {}


def test_resets_keep_the_ports_and_nothing_else_open():
    with Cluster(2, listen="127.0.0.1:0") as cluster:
        addresses = [(broker.host, broker.port) for broker in cluster.brokers.values()]
        cluster.reset()
        before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
        for _ in range(20):
            cluster.reset()
            for address in addresses:
                socket.create_connection(address, timeout=10).close()
        cluster.wait_for(lambda: not any(listener.channels for listener in present(cluster.ports).listeners.values()))
        assert [(broker.host, broker.port) for broker in cluster.brokers.values()] == addresses
        # uvloop opens /dev/null for itself when it has closed its first connection, and closes descriptors a turn later
        cluster.wait_for(lambda: not before or len(os.listdir("/proc/self/fd")) <= before + 1)


def test_a_broker_that_is_dead_refuses_connections_even_after_a_reset():
    with Cluster(2, listen="127.0.0.1:0") as cluster:
        cluster.reset()
        address = (cluster.brokers[2].host, cluster.brokers[2].port)
        cluster.faults.kill(2)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=10)
        cluster.reset()
        socket.create_connection(address, timeout=10).close()
