"""``kstore graduate`` and ``kstore adopt``: a cluster's work goes on with three nodes of Kafka, and comes back."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource
from oracle.early_snapshots import SNAPSHOTS
from present import present
from waiting import wait_until

import kstore
from actors.cluster.graduation import Graduated, graduate
from bench.peers.kafka import java, tool
from bench.peers.processes import HOST, Process, free_ports, stop_all, wait_until_listening

QUIET = {"log_level": 0}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A cluster that is stopped in the middle of its work: a group has read a part, a transaction is open."""
    with kstore.Cluster(3, data_dir=str(tmp_path / "data")) as cluster:
        cluster.create_topic("orders", partitions=4, replication_factor=3, config={"retention.ms": "-1"})
        with cluster.producer(transactional_id="biller") as producer:
            producer.init_transactions()
            for number in range(40):
                producer.begin_transaction()
                producer.send("orders", b"%d" % number, partition=number % 4)
                (producer.abort_transaction if number % 5 == 4 else producer.commit_transaction)()
        with cluster.consumer(
            "orders", group_id="shop", auto_offset_reset="earliest", enable_auto_commit=False
        ) as reader:
            cluster.wait_for(lambda: reader.poll(0.1))
            reader.commit({kstore.TopicPartition("orders", number): 3 + number for number in range(4)})
        left = cluster.producer(transactional_id="left")
        left.init_transactions()
        left.begin_transaction()
        left.send("orders", b"open", partition=0).get(10)
    return tmp_path / "data"


@contextlib.contextmanager
def launched(made: Graduated, folder: Path) -> Iterator[str]:
    """Real nodes on what was made; where they listen."""
    heap = "-Xms128m -Xmx512m"
    processes = [Process(java("kafka.Kafka", file, heap=heap), folder / f"{file.stem}.out") for file in made.properties]
    try:
        wait_until_listening(processes, [node.port for node in made.nodes], 240)
        admin = AdminClient({"bootstrap.servers": made.bootstrap_servers, **QUIET})
        addresses = {f"{node.host}:{node.port}" for node in made.nodes}
        wait_until(
            lambda: (
                {f"{each.host}:{each.port}" for each in admin.list_topics(timeout=30).brokers.values()} == addresses
            ),
            what="the brokers to be registered",
            timeout_s=120,
        )
        yield made.bootstrap_servers
    finally:
        stop_all(processes)


def read(servers: str, group: str, count: int) -> list[bytes]:
    """So many values from all partitions, from the group's offsets on, committed then."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            **QUIET,
        }
    )
    consumer.subscribe(["orders"])
    found: list[bytes] = []

    def enough() -> bool:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            found.append(present(message.value()))
        return len(found) >= count

    wait_until(enough, what=f"{count} records", timeout_s=120)
    consumer.commit(asynchronous=False)
    consumer.close()
    return sorted(found, key=lambda value: (len(value), value))


def say(servers: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": servers, "transactional.id": "biller", **QUIET})
    producer.init_transactions(60)
    producer.begin_transaction()
    for number, value in enumerate(values):
        producer.produce("orders", value, partition=number % 4)
    producer.commit_transaction(60)


def committed(servers: str, group: str) -> list[int]:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": group, **QUIET})
    found = consumer.committed([TopicPartition("orders", number) for number in range(4)], timeout=60)
    consumer.close()
    return [each.offset for each in found]


def test_a_cluster_in_the_middle_of_its_work_goes_on_with_three_nodes_and_comes_back(
    kafka_jars: Path, source: Path, tmp_path: Path
) -> None:
    port = free_ports(6)
    expected = [b"%d" % number for number in range(40) if number % 5 != 4]
    made = graduate(str(source), str(tmp_path / "kafka"), hosts=(HOST,), port=port, config=SNAPSHOTS)
    assert [node.is_voter for node in made.nodes] == [True] * 3
    with launched(made, tmp_path) as servers:
        assert committed(servers, "shop") == [3, 4, 5, 6]
        admin = AdminClient({"bootstrap.servers": servers, **QUIET})
        (configs,) = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, "orders")]).values()
        assert configs.result(60)["retention.ms"].value == "-1"
        status = tool(
            "org.apache.kafka.tools.MetadataQuorumCommand", "--bootstrap-server", servers, "describe", "--replication"
        )
        assert sum("Follower" in line or "Leader" in line for line in status.splitlines()) == 3, status
        say(servers, [b"more-%d" % number for number in range(4)])
        more = [b"more-%d" % number for number in range(4)]
        ids = tool("org.apache.kafka.tools.TransactionsCommand", "--bootstrap-server", servers, "list")
        assert "biller" in ids
        assert "left" in ids
        assert read(servers, "everything", len(expected) + 4) == sorted([*expected, *more], key=lambda v: (len(v), v))
    second = tmp_path / "second"
    split(tmp_path / "kafka" / "node-2", second)
    nodes = [*(tmp_path / "kafka" / f"node-{number}" for number in (1, 2, 3)), second]
    command = [sys.executable, "-m", "actors.cli.main", "adopt", *map(str, nodes), "--to", str(tmp_path / "back")]
    subprocess.run(command, check=True)
    with kstore.Cluster(data_dir=str(tmp_path / "back"), listen=f"{HOST}:0") as cluster:
        servers = cluster.bootstrap_servers
        assert committed(servers, "shop") == [3, 4, 5, 6]
        assert read(servers, "after", len(expected) + 4) == sorted([*expected, *more], key=lambda v: (len(v), v))
        say(servers, [b"back"])
        assert read(servers, "everything", 1) == [b"back"]


def split(folder: Path, second: Path) -> None:
    """Move a partition into another log directory of the same node."""
    second.mkdir()
    lines = (folder / "meta.properties").read_text().splitlines()
    other = [line if not line.startswith("directory.id") else "directory.id=BwcHBwcHBwcHBwcHBwcHBw" for line in lines]
    (second / "meta.properties").write_text("\n".join(other) + "\n")
    (second / ".kafka_cleanshutdown").write_bytes((folder / ".kafka_cleanshutdown").read_bytes())
    shutil.move(folder / "orders-1", second / "orders-1")
