"""Folders whose metadata log has configs of every kind, as Apache Kafka's may: they start, keep them and tell them."""

import logging
from pathlib import Path

import pytest
from cluster.kept_folders import append_records, forget_clean_stop, stopped_with

from actors.cluster import Cluster
from actors.config.resource_type import ResourceType
from kstore import ConfigResource
from kstore.schema.messages.metadata_records import ConfigRecord

OF_THE_TOPIC = {
    "cleanup.policy": "compact,delete",
    "retention.ms": "5000",
    "leader.replication.throttled.replicas": "*",
    "message.format.version": "3.0-IV1",  # Kafka 3's
    "confluent.value.schema.validation": "true",
}
OF_ALL_BROKERS = {
    "log.retention.ms": "60000",
    "num.io.threads": "12",
    "max.connections": "many",  # what can't be read counts for nothing
    "node.id": "7",  # neither does what can't be set while a broker runs
    "leader.replication.throttled.rate": "1000",
    "zookeeper.set.acl": "true",
}


@pytest.fixture
def folder(start, tmp_path: Path) -> Path:
    data = stopped_with(start, tmp_path / "data", 1)
    settings = {(ResourceType.TOPIC, "t"): OF_THE_TOPIC, (ResourceType.BROKER, ""): OF_ALL_BROKERS}
    settings[ResourceType.GROUP, "readers"] = {"share.isolation.level": "read_committed", "no.such.key": "1"}
    append_records(
        data,
        *(
            ConfigRecord(resource_type=kind, resource_name=name, name=key, value=value)
            for (kind, name), configs in settings.items()
            for key, value in configs.items()
        ),
    )
    forget_clean_stop(data)
    return data


def test_configs_of_every_key_are_kept_and_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "kstore.configs"), Cluster(data_dir=str(folder)) as cluster:
        with cluster.admin() as admin:
            resources = [
                ConfigResource("topic", "t"),
                ConfigResource("broker", "1"),
                ConfigResource("group", "readers"),
            ]
            found = admin.describe_configs(resources)
        topic, broker, group = found["topic"]["t"], found["broker"]["1"], found["group"]["readers"]
        assert cluster.image().topic_config("t") == OF_THE_TOPIC
    assert topic["cleanup.policy"].value == "compact,delete"
    assert (topic["message.format.version"].value, topic["message.format.version"].is_sensitive) == (None, True)
    assert broker["log.retention.ms"].value == "60000"
    assert (broker["max.connections"].value, broker["node.id"].value) == ("2147483647", "1")
    assert broker["leader.replication.throttled.rate"].value == "1000"
    assert (group["share.isolation.level"].value, group["no.such.key"].value) == ("read_committed", None)
    told = [record.getMessage().partition(" is kept")[0] for record in caplog.records]
    assert told == [
        "topic t: leader.replication.throttled.replicas=*",
        "all brokers: num.io.threads=12",
        "all brokers: leader.replication.throttled.rate=1000",
        "group readers: share.isolation.level=read_committed",
    ]


def test_what_a_topic_falls_back_to_is_told_with_its_source(folder: Path) -> None:
    with Cluster(data_dir=str(folder)) as cluster, cluster.admin() as admin:
        cluster.create_topic("other")
        found = admin.describe_configs([ConfigResource("topic", "other")], include_synonyms=True)["topic"]["other"]
        assert (found["retention.ms"].value, found["retention.ms"].source) == ("60000", "DYNAMIC_DEFAULT_BROKER_CONFIG")
        assert [each.name for each in found["retention.ms"].synonyms] == ["log.retention.ms", "log.retention.hours"]
