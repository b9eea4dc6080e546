"""Consumer groups on both sides: a group with living members moves from kstore to Apache Kafka and back on one folder,
and goes on in its epochs; Kafka's tools read the group's records.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from groups.wire import Socket
from oracle.test_files_of_kstore import DUMP
from waiting import wait_until

from actors.cluster import Cluster
from bench.peers.kafka import KafkaCluster, tool
from bench.peers.processes import HOST
from kstore.schema.messages.consumer_group_describe import ConsumerGroupDescribeRequest, DescribedGroup

GROUP = "readers"
TOPICS = {"orders": 4, "orders-eu": 2}
CONFIG = {"offsets.topic.num.partitions": "1", "group.consumer.assignment.interval.ms": "0"}
SUPPORTED = [
    word for name in ("eligible.leader.replicas", "share", "streams") for word in ("--feature", f"{name}.version=0")
]
SAID = 30
OFFSET_COMMIT = "1"
TYPES = {"3", "5", "6", "7", "8", "16"}


@pytest.fixture
def kafka(kafka_jars: Path, tmp_path: Path) -> KafkaCluster:
    cluster = KafkaCluster(tmp_path / "kafka", 1, CONFIG)
    cluster.configure()
    return cluster


@contextlib.contextmanager
def serving(kind: str, kafka: KafkaCluster) -> Iterator[None]:
    """One of the two on the folder, at the same port."""
    if kind == "kafka":
        with kafka.launched():
            yield
    else:
        with Cluster(1, data_dir=str(kafka.data), listen=f"{HOST}:{kafka.ports[0]}", config=CONFIG):
            yield


class Readers:
    """The group's members, what they have read, and what the producer says to them."""

    def __init__(self, bootstrap: str) -> None:
        config = {
            "bootstrap.servers": bootstrap,
            "group.id": GROUP,
            "group.protocol": "consumer",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "log_level": 0,
        }
        self.consumers = [Consumer(config), Consumer(config | {"group.instance.id": "second"})]
        self.consumers[0].subscribe(["orders"])
        self.consumers[1].subscribe(["^orders-.*", "orders"])
        self.producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": False, "log_level": 0})
        self.said: list[int] = []
        self.read: list[int] = []

    def take_part(self) -> None:
        """Send some more; everything arrives once, and is committed."""
        for topic, partitions in TOPICS.items():
            for number in range(SAID):
                value = len(self.said)
                self.said.append(value)
                self.producer.produce(topic, str(value), partition=number % partitions)
        assert self.producer.flush(120) == 0
        wait_until(self.is_done, what="everything to be read", timeout_s=120)
        assert sorted(self.read) == self.said
        for consumer in self.consumers:
            consumer.commit(asynchronous=False)

    def is_done(self) -> bool:
        for consumer in self.consumers:
            message = consumer.poll(0.05)
            if message is not None and message.error() is None:
                self.read.append(int(message.value() or b""))
        return len(self.read) >= len(self.said)


def described(kafka: KafkaCluster) -> DescribedGroup:
    client = Socket(HOST, kafka.ports[0])
    client.send(ConsumerGroupDescribeRequest(group_ids=[GROUP]), 1)
    (group,) = client.receive().groups
    client.close()
    assert isinstance(group, DescribedGroup)
    return group


def settled(kafka: KafkaCluster, readers: Readers) -> dict[str, object]:
    """What is told of the group once it is stable."""

    def is_stable() -> bool:
        readers.is_done()
        group = described(kafka)
        held = [
            (each.topic_name, number)
            for member in group.members
            for each in member.assignment.topic_partitions
            for number in each.partitions
        ]
        return group.group_state == "Stable" and len(held) == sum(TOPICS.values())  # Kafka matches expressions later

    wait_until(is_stable, what="the group to be stable", timeout_s=120)
    group = described(kafka)
    members = {
        member.member_id: (
            member.instance_id,
            member.member_epoch,
            sorted(member.subscribed_topic_names),
            member.subscribed_topic_regex,
            {(each.topic_name, *sorted(each.partitions)) for each in member.assignment.topic_partitions},
            {(each.topic_name, *sorted(each.partitions)) for each in member.target_assignment.topic_partitions},
        )
        for member in group.members
    }
    assert len(members) == 2
    return {"epochs": (group.group_epoch, group.assignment_epoch), "by": group.assignor_name, "members": members}


@pytest.mark.parametrize(("first", "other"), [("kstore", "kafka"), ("kafka", "kstore")])
def test_a_group_with_living_members_goes_on_in_its_epochs_on_the_other_side(
    kafka: KafkaCluster, first: str, other: str
) -> None:
    if first == "kafka":
        kafka.format(*SUPPORTED)
    readers = Readers(kafka.bootstrap)
    before: dict[str, object] | None = None
    for kind in (first, other, first):
        with serving(kind, kafka):
            if before is None:
                admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
                for made in admin.create_topics([NewTopic(*topic, 1) for topic in TOPICS.items()]).values():
                    made.result(60)
            now = settled(kafka, readers)
            assert before in (None, now), f"on {kind}"
            readers.take_part()
            assert settled(kafka, readers) == now
            before = now
    for consumer in readers.consumers:
        consumer.close()


def test_kafkas_tool_reads_the_records_of_a_group(kafka: KafkaCluster) -> None:
    with serving("kstore", kafka):
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        for made in admin.create_topics([NewTopic(*topic, 1) for topic in TOPICS.items()]).values():
            made.result(60)
        readers = Readers(kafka.bootstrap)
        settled(kafka, readers)
        readers.take_part()
        for consumer in readers.consumers:
            consumer.close()
    log = kafka.log_folder(1) / "__consumer_offsets-0" / f"{0:020d}.log"
    printed = tool(DUMP, "--offsets-decoder", "--files", log)
    keys = [json.loads(text) for text in re.findall(r"key: (\{.*?\}) payload:", printed)]
    payloads = re.findall(r"payload: (\{.*\})$", printed, re.M)
    assert {key["type"] for key in keys} == {*TYPES, OFFSET_COMMIT}
    assert {json.loads(text)["version"] for text in payloads} == {"0", "4"}
    assert "isvalid: false" not in printed
