"""Topics that come, grow, change and go while nodes die and return: in the end folders and metadata agree."""

import random
from typing import Any

import pytest
from cluster.speaking import TOPIC, Speaker
from partition.client import batch

from actors.network.link import Disconnected
from kstore.schema.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from kstore.schema.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kstore.schema.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)

NAMES = ("a", "b", "c")
READY_S = 120


def change(client: Speaker, draw: random.Random) -> None:
    """Ask some node for one change, and don't wait for what it says."""
    name = draw.choice(NAMES)
    request: Any
    match draw.choice(("create", "create", "delete", "grow", "set", "produce", "produce")):
        case "create":
            topic = CreatableTopic(name=name, num_partitions=draw.randint(1, 3), replication_factor=draw.randint(1, 3))
            request = CreateTopicsRequest(topics=[topic], timeout_ms=5_000)
        case "delete":
            request = DeleteTopicsRequest(topics=[DeleteTopicState(name=name)], timeout_ms=5_000)
        case "grow":
            asked = CreatePartitionsTopic(name=name, count=draw.randint(2, 5), assignments=None)
            request = CreatePartitionsRequest(topics=[asked], timeout_ms=5_000, validate_only=False)
        case "set":
            config = AlterableConfig(name="segment.bytes", value=str(draw.randint(1 << 20, 1 << 24)))
            resource = AlterConfigsResource(resource_type=TOPIC, resource_name=name, configs=[config])
            request = IncrementalAlterConfigsRequest(resources=[resource])
        case "produce":
            if name not in client.cluster.image().topics:
                return
            request = client.produce_request(name, batch(b"x"), acks=1)
    client.send(draw.choice(client.living()), request, connection=draw.randint(10, 12))


def storm(client: Speaker, draw: random.Random, steps: int) -> None:
    """Changes and deaths; in the end everybody lives."""
    cluster = client.cluster
    for _ in range(steps):
        for _ in range(draw.randint(0, 3)):
            change(client, draw)
        client.run(draw.choice((0.0, 0.002, 0.05, 1.0)))
        dead = [node for node in (1, 2, 3) if node not in client.living()]
        if len(dead) < 2 and draw.random() < 0.3:
            cluster.kill_node(draw.choice(client.living()))
        elif dead and draw.random() < 0.5:
            cluster.restart_node(draw.choice(dead))
    for node in (1, 2, 3):
        if node not in client.living():
            cluster.restart_node(node)
    cluster.wait_for(cluster.is_ready, READY_S)
    client.run(10)


def check_that_folders_and_metadata_agree(client: Speaker) -> None:
    """Each node has its replicas' folders and, beside strays that were set aside, no others; all partitions work."""
    cluster = client.cluster
    cluster.wait_for(lambda: cluster.image(1).topics == cluster.image(2).topics == cluster.image(3).topics)
    client.run(2)
    topics = cluster.image().topics
    for node in (1, 2, 3):
        expected = {f"{t.name}-{i}" for t in topics.values() for i, p in t.partitions.items() if node in p.replicas}
        found = {name for name in client.names(node) if name.partition("-")[0] in NAMES}
        assert {name for name in found if not name.endswith("-stray")} == expected
    for topic in topics.values():
        for index, partition in topic.partitions.items():
            client.wait_for_isr(topic.name, len(partition.replicas), index=index)
            client.wait_for_leader(topic.name, index)
            outcome = client.put(topic.name, batch(b"end"), index=index)
            assert not isinstance(outcome, Disconnected)
            assert outcome.error_code == 0
    client.run(1)
    for topic in topics.values():
        for index in topic.partitions:
            assert client.logs_are_equal(topic.name, index)


@pytest.mark.parametrize("number", range(12))
def test_after_a_storm_of_changes_and_deaths_folders_and_metadata_agree(start, seed, number):
    client = start(seed=1000 * seed + number, wire=number % 3 == 0)
    draw = random.Random(number)
    storm(client, draw, 60)
    check_that_folders_and_metadata_agree(client)


def test_after_a_storm_on_the_disk_folders_and_metadata_agree_also_when_started_anew(start, seed, tmp_path):
    client = start(data_dir=str(tmp_path))
    storm(client, random.Random(seed), 60)
    check_that_folders_and_metadata_agree(client)
    client.cluster.close()
    again = start(data_dir=str(tmp_path))
    check_that_folders_and_metadata_agree(again)


@pytest.mark.parametrize("number", range(8))
def test_a_stop_in_the_middle_of_a_storm_comes_to_its_end_and_the_next_start_agrees(start, seed, number, tmp_path):
    client = start(seed=1000 * seed + number, data_dir=str(tmp_path))
    draw = random.Random(number)
    for _ in range(30):
        change(client, draw)
        client.run(draw.choice((0.0, 0.001, 0.01)))
    client.cluster.close()
    again = start(data_dir=str(tmp_path))
    again.run(5)
    check_that_folders_and_metadata_agree(again)
