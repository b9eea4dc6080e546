"""Each way out that a refused folder's line advises and that leads through Apache Kafka, gone on a real one.

A cluster of one node is made with all features of its release off, unless the test is about them: Kafka writes, kstore
refuses and leaves everything as it was, the advice is followed to the letter, and kstore serves what Kafka wrote.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cluster.kept_folders import FIRST, METADATA, old_messages, refused, write_segment
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from oracle.early_snapshots import SNAPSHOTS
from present import present
from waiting import wait_until

from actors.cluster import Cluster
from actors.cluster.adoption import adopt
from bench.peers.kafka import KafkaCluster, tool

SAID = [b"said %d" % number for number in range(20)]
OFF = [
    word
    for name in ("eligible.leader.replicas", "group", "share", "streams", "transaction")
    for word in ("--feature", f"{name}.version=0")
]
Make = Callable[..., KafkaCluster]


@pytest.fixture
def make(kafka_jars: Path, tmp_path: Path) -> Make:
    """A formatted cluster that isn't started yet."""

    def made(*options: str, nodes: int = 1, config: dict[str, str] | None = None) -> KafkaCluster:
        cluster = KafkaCluster(tmp_path / "kafka", nodes, config)
        cluster.configure()
        cluster.format(*(options or OFF))
        return cluster

    return made


def say(cluster: KafkaCluster, topic: str = "t", partitions: int = 1, said: list[bytes] = SAID) -> None:
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    admin.create_topics([NewTopic(topic, partitions, cluster.nodes)])[topic].result(30)
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "acks": "all"})
    for number, value in enumerate(said):
        producer.produce(topic, value, partition=number % partitions)
    assert producer.flush(30) == 0


def heard(cluster: KafkaCluster, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    found: list[bytes] = []

    def enough() -> bool:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            found.append(present(message.value()))
        return len(found) == count

    wait_until(enough, what=f"{count} records", timeout_s=60)
    consumer.close()
    return found


def run(cluster: KafkaCluster, class_name: str, *arguments: str | Path) -> str:
    return tool(class_name, "--bootstrap-server", cluster.bootstrap, *arguments)


def served(cluster: KafkaCluster, topic: str = "t", said: list[bytes] = SAID) -> None:
    """Kstore starts on what Kafka left, and has all of it; and once more, on what it left itself."""
    for _ in range(2):
        with Cluster(cluster.nodes, data_dir=str(cluster.data)) as ours:
            assert sorted(record.value or b"" for record in ours.records(topic, len(said))) == sorted(said)


@pytest.mark.parametrize("release", ["3.3-IV3", "3.9-IV0", "4.0-IV3", "4.3-IV0"])
def test_features_are_brought_to_what_kstore_has_by_the_commands_that_it_names(make: Make, release: str) -> None:
    cluster = make("--release-version", release)
    with cluster.launched():
        say(cluster)
    line = refused(cluster.data, 1)
    commands = re.findall(r"kafka-features\.sh --bootstrap-server HOST:PORT ([^,]*)", line)
    assert commands
    with cluster.launched():
        for command in commands:
            run(cluster, "org.apache.kafka.tools.FeatureCommand", *command.split())
    served(cluster)


def test_kafka_serves_old_messages_and_a_copy_of_them_is_served_by_kstore(make: Make) -> None:
    cluster = make()
    with cluster.launched():
        say(cluster, "old", said=[])
    write_segment(cluster.log_folder(1) / "old-0", 0, [old_messages(0, 3, 0), old_messages(3, 3, 1)])
    assert f"old-0/{FIRST} has messages of format 0" in refused(cluster.data, 1)
    with cluster.launched():
        values = heard(cluster, "old", 6)
        say(cluster, "copy", said=values)
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
        admin.delete_topics(["old"])["old"].result(30)
        wait_until(lambda: not list(cluster.log_folder(1).glob("old-0")), what="the topic is deleted", timeout_s=60)
    assert len(values) == 6
    served(cluster, "copy", values)


def adopted(cluster: KafkaCluster, *more: Path) -> None:
    """Kstore starts on what ``adopt`` makes of the nodes' folders, and has all of it."""
    line = refused(cluster.data, cluster.nodes)
    assert "kstore adopt" in line
    folders = [*map(cluster.log_folder, range(1, cluster.nodes + 1)), *more]
    to = cluster.folder / "adopted"
    adopt(list(map(str, folders)), str(to))
    for _ in range(2):
        with Cluster(cluster.nodes, data_dir=str(to)) as ours:
            assert sorted(record.value or b"" for record in ours.records("t", len(SAID))) == sorted(SAID)
    with cluster.launched():  # the source is as it was
        assert sorted(heard(cluster, "t", len(SAID))) == sorted(SAID)


def test_partitions_of_two_log_dirs_are_put_into_one(make: Make, tmp_path: Path) -> None:
    first, second = tmp_path / "kafka/data/node-1", tmp_path / "kafka/second"
    cluster = make(config={"log.dirs": f"{first},{second}"})
    with cluster.launched():
        say(cluster, partitions=4)
    assert "which lies in another of that broker's log.dirs" in refused(cluster.data, 1)
    adopted(cluster, second)


def test_a_metadata_log_that_was_kept_apart_is_put_where_kstore_looks(make: Make, tmp_path: Path) -> None:
    apart = tmp_path / "kafka/apart"
    cluster = make(config={"metadata.log.dir": str(apart)})
    with cluster.launched():
        say(cluster)
    line = refused(cluster.data, 1)
    assert f"{METADATA} is missing or empty" in line
    assert "from the metadata.log.dir of an Apache Kafka that kept it apart" in line
    shutil.copytree(apart / METADATA, cluster.log_folder(1) / METADATA)
    served(cluster)


def test_the_folder_of_node_0_is_served_as_node_0_and_kafka_gives_a_directory_an_id(make: Make) -> None:
    cluster = make()
    properties = cluster.folder / "node-1.properties"
    text = properties.read_text().replace("node.id=1\n", "node.id=0\n").replace("voters=1@", "voters=0@")
    properties.write_text(text)
    shutil.rmtree(cluster.log_folder(1))
    cluster.format(*OFF)
    with cluster.launched():
        say(cluster)
    assert "belongs to node 0" in refused(cluster.data, 1)
    cluster.log_folder(1).rename(cluster.data / "node-0")
    with Cluster(data_dir=str(cluster.data)) as ours:
        assert ours.node_ids == (0,)
        assert sorted(record.value or b"" for record in ours.records("t", len(SAID))) == sorted(SAID)
    (cluster.data / "node-0").rename(cluster.log_folder(1))
    with cluster.launched():
        assert sorted(heard(cluster, "t", len(SAID))) == sorted(SAID)
    meta = cluster.log_folder(1) / "meta.properties"
    meta.write_text("".join(line for line in meta.read_text().splitlines(True) if not line.startswith("directory.id")))
    with cluster.launched():
        assert AdminClient({"bootstrap.servers": cluster.bootstrap}).list_topics(timeout=30).brokers
    assert "directory.id=" in meta.read_text()


def test_of_three_voters_one_goes_on_alone(make: Make) -> None:
    cluster = make(nodes=3)
    with cluster.launched():
        say(cluster)
    assert "names the voters 1, 2, 3" in refused(cluster.data, 3)
    adopted(cluster)


def test_a_metadata_log_that_begins_behind_a_snapshot_is_written_anew(make: Make) -> None:
    """Kafka throws away what a snapshot has once a minute."""
    cluster = make(config=SNAPSHOTS)
    metadata = cluster.log_folder(1) / METADATA
    with cluster.launched():
        say(cluster)
        for number in range(20):
            say(cluster, f"more-{number}", partitions=10, said=[])
        wait_until(lambda: not (metadata / FIRST).exists(), what="the beginning is gone", timeout_s=180)
    assert f"node-1/{METADATA} begins behind a snapshot (" in refused(cluster.data, 1)
    adopted(cluster)


def test_voters_that_may_change_are_left_out(kafka_jars: Path, tmp_path: Path) -> None:
    cluster = KafkaCluster(tmp_path / "kafka")
    cluster.configure()
    properties = cluster.folder / "node-1.properties"
    text = re.sub(r"controller\.quorum\.voters=1@", "controller.quorum.bootstrap.servers=", properties.read_text())
    properties.write_text(text)
    cluster.format("--standalone", *OFF)
    with cluster.launched():
        say(cluster)
    assert "is of a quorum whose voters may change (kraft.version 1)" in refused(cluster.data, 1)
    adopted(cluster)


@pytest.mark.parametrize("first", ["kafka", "kstore"])
def test_a_replacement_that_was_cut_short_is_finished_by_kstore_as_by_kafka(make: Make, first: str) -> None:
    cluster = make()
    with cluster.launched():
        say(cluster)
    log = cluster.log_folder(1) / "t-0"
    for suffix in ("log", "index", "timeindex"):
        (log / f"{0:020d}.{suffix}").rename(log / f"{0:020d}.{suffix}.swap")
    if first == "kstore":
        served(cluster)
        assert not list(log.glob("*.swap"))
    with cluster.launched():
        assert sorted(heard(cluster, "t", len(SAID))) == sorted(SAID)
    served(cluster)


ACLS = "org.apache.kafka.tools.AclCommand"
CONFIGS = "org.apache.kafka.tools.ConfigCommand"
IN_FORCE = {
    "access rules (ACLs)": (
        (ACLS, "--add", "--allow-principal", "User:ann", "--operation", "Read", "--topic", "t"),
        (ACLS, "--remove", "--force", "--allow-principal", "User:ann", "--operation", "Read", "--topic", "t"),
    ),
    "quotas": (
        (CONFIGS, "--alter", "--entity-type", "clients", "--entity-name", "c", "--add-config", "producer_byte_rate=9"),
        (CONFIGS, "--alter", "--entity-type", "clients", "--entity-name", "c", "--delete-config", "producer_byte_rate"),
    ),
    "SCRAM credentials": (
        (
            CONFIGS,
            "--alter",
            "--entity-type",
            "users",
            "--entity-name",
            "ann",
            "--add-config",
            "SCRAM-SHA-256=[password=p]",
        ),
        (CONFIGS, "--alter", "--entity-type", "users", "--entity-name", "ann", "--delete-config", "SCRAM-SHA-256"),
    ),
}


def test_what_was_in_force_is_taken_back_by_kafkas_tools(make: Make) -> None:
    cluster = make(
        config={
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
    )
    with cluster.launched():
        say(cluster)
        for made, _ in IN_FORCE.values():
            run(cluster, *made)
    for name, (_, taken_back) in IN_FORCE.items():
        line = refused(cluster.data, 1)
        assert f"its cluster has {name}, which kstore doesn't have yet" in line
        script = {ACLS: "kafka-acls.sh", CONFIGS: "kafka-configs.sh"}[taken_back[0]]
        assert f"remove them with bin/{script} {'--remove' if script == 'kafka-acls.sh' else '--alter'}" in line
        with cluster.launched():
            run(cluster, *taken_back)
    served(cluster)
