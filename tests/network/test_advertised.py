"""What clients are told to connect to: what is listened on, or what ``advertise`` says, by every answer the same."""

from __future__ import annotations

import re
import socket
from typing import Any

import pytest
from network.peers import PATIENCE_S, read_frame
from present import present

from actors.cluster import Cluster
from actors.network.advertised import advertised_addresses, is_everywhere
from actors.network.ports import ListenError
from kstore import Admin, Producer
from kstore.errors.config import ConfigError
from kstore.records import BatchBuilder
from kstore.schema import decode, frames
from kstore.schema.messages.describe_cluster import DescribeClusterRequest
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.metadata import MetadataRequest
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData


@pytest.mark.parametrize(
    ("text", "nodes", "told"),
    [
        ("kafka:9092", 1, [("kafka", 9092)]),
        ("kafka:9092", 3, [("kafka", 9092), ("kafka", 9093), ("kafka", 9094)]),
        ("a:1, b:2,[::1]:3", 3, [("a", 1), ("b", 2), ("::1", 3)]),
        ("PLAINTEXT://host.docker.internal:29092", 1, [("host.docker.internal", 29092)]),
        ("localhost", 2, [("localhost", None), ("localhost", None)]),
        ("::1", 1, [("::1", None)]),
        ("a,b:2", 2, [("a", None), ("b", 2)]),
    ],
)
def test_each_node_gets_the_address_that_is_meant(text, nodes, told):
    assert advertised_addresses(text, range(nodes)) == told


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it has no host"),
        (":9092", "it has no host"),
        ("kafka:0", "a port is a number from 1 to 65535"),
        ("kafka:65536", "a port is a number from 1 to 65535"),
        ("kafka:65535", "would have port 65537: the last is 65535"),
        ("kafka:x", "a port is a number from 1 to 65535"),
        ("a:1,b:2", "that is 2 addresses for 3 brokers: give each its own, or one for all"),
        ("a:1,b:2,", "it has no host"),
        ("SSL://kafka:9092", "SSL isn't implemented yet, what works is PLAINTEXT"),
        ("http://kafka:9092", "Kafka isn't spoken over"),
        ("0.0.0.0:9092", '"0.0.0.0" stands for every address of a machine: no client can connect to it'),
        ("[::]:9092", '"::" stands for every address of a machine'),
        ("0:9092", '"0" stands for every address of a machine'),
        ("no such host:1", "that is not a host name"),
        ("::1:9092", 'an IPv6 address stands in brackets: "[::1]:9092"'),
    ],
)
def test_what_nobody_can_be_told_is_refused_by_the_option(text, why):
    with pytest.raises(ValueError, match=re.escape(why)):
        advertised_addresses(text, range(3))
    with pytest.raises(ListenError, match=rf"^--advertise takes host:port, .*{re.escape(why)}") as refusal:
        Cluster(3, listen="127.0.0.1:0", advertise=text)
    assert isinstance(refusal.value, ConfigError)


@pytest.mark.parametrize("host", ["0.0.0.0", "0", "0.0", "::", "::0", "0:0:0:0:0:0:0:0"])
def test_every_address_is_known_in_all_its_forms(host):
    assert is_everywhere(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.1", "::1", "localhost", "kafka", "zero"])
def test_one_address_is_not_every_one(host):
    assert not is_everywhere(host)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"advertise": "kafka:1"}, "advertise is what clients of a cluster that listens are told: give it listen="),
        ({"listen": "127.0.0.1:0", "advertise": ["a:1", "b:1"]}, "--advertise is given 2 times and --listen 1"),
        ({"listen": "127.0.0.1:0", "advertise": 9092}, 'advertise is the text "host:port"'),
        ({"listen": ["127.0.0.1:0", 9092]}, 'listen is the text "host:port"'),
        ({"brokers": 2, "listen": "127.0.0.1:0", "advertise": "a:1,a:1"}, "a:1 for broker 1 and for broker 2"),
    ],
)
def test_advertise_goes_with_listen(how: dict[str, Any], why):
    with pytest.raises(ConfigError, match=re.escape(why)):
        Cluster(**how)


def exchanged(port: int, request: Any, version: int) -> Any:
    """The answer to one request, over a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as sock:
        sock.sendall(b"".join(bytes(part) for part in frames.encode_request(request, version, 1, "test")))
        frame = read_frame(sock)
    _, body = frames.decode_response_header(request.API_KEY, version, frame)
    return decode(frames.response_class(request.API_KEY), version, frame, body)


def asked(cluster: Cluster, port: int) -> dict[str, set[tuple[int, str, int]]]:
    """Where each kind of answer, by the listener on this port of a broker that leads nothing, says that brokers are."""
    topic = cluster.image().topics["t"]
    batch = BatchBuilder()
    batch.append(cluster.world.clock.now_ms(), None, b"said")
    data = TopicProduceData(topic_id=topic.id, partition_data=[PartitionProduceData(index=0, records=batch.build())])
    read = FetchTopic(topic_id=topic.id, partitions=[FetchPartition(partition=0, partition_max_bytes=1000)])
    metadata = exchanged(port, MetadataRequest(topics=[]), 12)
    described = exchanged(port, DescribeClusterRequest(), 1)
    old = exchanged(port, FindCoordinatorRequest(key="g"), 3)
    new = exchanged(port, FindCoordinatorRequest(coordinator_keys=["g"]), 6)
    produced = exchanged(port, ProduceRequest(acks=-1, timeout_ms=1000, topic_data=[data]), 13)
    fetched = exchanged(port, FetchRequest(max_bytes=1000, topics=[read]), 17)
    return {
        "Metadata": {(each.node_id, each.host, each.port) for each in metadata.brokers},
        "DescribeCluster": {(each.broker_id, each.host, each.port) for each in described.brokers},
        "FindCoordinator": {(old.node_id, old.host, old.port)},
        "FindCoordinator 6": {(each.node_id, each.host, each.port) for each in new.coordinators},
        "Produce": {(each.node_id, each.host, each.port) for each in produced.node_endpoints},
        "Fetch": {(each.node_id, each.host, each.port) for each in fetched.node_endpoints},
    }


def test_every_answer_has_the_addresses_of_the_listener_that_the_client_came_by():
    told = ["kafka:9092", "[::1]:19092,b.example:2,c.example:3"]
    with Cluster(node_ids=(0, 1, 2), listen=["127.0.0.1:0"] * 3, advertise=told) as cluster:
        cluster.create_topic("t")
        with cluster.consumer("t", group_id="g") as consumer:
            consumer.poll(timeout_ms=0)
            consumer.commit()
        leader = cluster.leader("t")
        other = next(node_id for node_id in cluster.node_ids if node_id != leader)
        own = present(cluster.ports).own
        expected = [
            {(0, "kafka", 9092), (1, "kafka", 9093), (2, "kafka", 9094)},
            {(0, "::1", 19092), (1, "b.example", 2), (2, "c.example", 3)},
            {(node_id, "127.0.0.1", own[node_id][2][1]) for node_id in (0, 1, 2)},
        ]
        for (_, port), whole in zip(own[other], expected, strict=True):
            answers = asked(cluster, port)
            assert answers["Metadata"] == answers["DescribeCluster"] == whole
            assert answers["Produce"] == answers["Fetch"] == {each for each in whole if each[0] == leader}
            assert answers["FindCoordinator"] == answers["FindCoordinator 6"]
            assert answers["FindCoordinator"] < whole
        assert cluster.bootstrap_servers == "kafka:9092,kafka:9093,kafka:9094"
        assert (cluster.brokers[1].host, cluster.brokers[1].port) == ("kafka", 9093)
        assert cluster.warnings == []


def local_addresses(cluster: Cluster) -> set[str]:
    """The addresses of this machine that clients have connected to."""
    channels = [channel for listener in present(cluster.ports).listeners.values() for channel in listener.channels]
    return {channel.transport.get_extra_info("sockname")[0] for channel in channels}


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


IPV6 = pytest.param("[::]:0", marks=pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6"))


@pytest.mark.parametrize("listen", ["0.0.0.0:0", IPV6])
def test_who_listens_on_all_addresses_tells_localhost_and_warns(listen):
    with Cluster(3, listen=listen) as cluster:
        (line,) = cluster.warnings
        own, told = (f"{host}:{cluster.brokers[1].port}" for host in (listen.removesuffix(":0"), "localhost"))
        assert line == (
            f"{own} is every address of this machine, so clients are told {told}, which those on other machines or in "
            "other containers can't reach: for them give --advertise a host and port that they connect to"
        )
        assert {broker.host for broker in cluster.brokers.values()} == {"localhost"}
        with Producer(bootstrap_servers=f"127.0.0.1:{cluster.brokers[2].port}") as producer:
            producer.send("t", b"said").get(timeout=PATIENCE_S)
        assert cluster.records("t", 1)[0].value == b"said"


def test_clients_over_tcp_go_where_they_are_told_and_those_of_the_process_need_no_address():
    with Cluster(3, listen="0.0.0.0:0", advertise="127.0.0.2") as cluster:
        assert cluster.warnings == []
        cluster.create_topic("t", partitions=6)
        with Admin(bootstrap_servers=f"127.0.0.3:{cluster.brokers[1].port}") as admin:
            assert {node.host for node in admin.describe_cluster().nodes} == {"127.0.0.2"}
        with Producer(bootstrap_servers=f"127.0.0.3:{cluster.brokers[1].port}") as producer:
            for partition in range(6):
                producer.send("t", b"said", partition=partition).get(timeout=PATIENCE_S)
            assert "127.0.0.2" in local_addresses(cluster)
    with Cluster(3, listen="127.0.0.1:0", advertise="nobody.example:1") as cluster, cluster.producer() as producer:
        producer.send("t", b"said").get(timeout=PATIENCE_S)
        assert cluster.records("t", 1)[0].value == b"said"


def test_every_listener_is_back_after_a_restart_and_a_reset():
    with Cluster(2, listen=["127.0.0.1:0", "127.0.0.1:0"]) as cluster:
        own = dict(present(cluster.ports).own)
        for act in (lambda: cluster.faults.restart(2), cluster.reset):
            act()
            cluster.wait_for(cluster.is_ready)
            for _, port in own[2]:
                assert len(exchanged(port, MetadataRequest(topics=[]), 12).brokers) == 2
        assert present(cluster.ports).own == own
    for _, port in (*own[1], *own[2]):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def test_a_listener_that_cannot_be_had_leaves_none_open():
    with Cluster(listen="127.0.0.1:0") as cluster:
        taken = cluster.brokers[1].port
        with pytest.raises(ListenError, match=f"127.0.0.1:{taken} can't be listened on"):
            Cluster(listen=["127.0.0.1:0", f"127.0.0.1:{taken}"])
