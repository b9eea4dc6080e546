"""What has configs, asked of a broker in every version: groups, client metrics and loggers beside topics, brokers."""

from collections.abc import Iterator
from typing import Any

import pytest
from controller.asking import Client

from actors.cluster import Cluster
from actors.config.described import described_topic
from actors.config.resource_type import ResourceType
from actors.config.topic_table import TOPIC_KEYS
from kstore import errors
from kstore.schema.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from kstore.schema.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kstore.schema.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from kstore.schema.messages.list_config_resources import ListConfigResourcesRequest

TOPIC, BROKER, LOGGER, METRICS, GROUP = (
    ResourceType.TOPIC,
    ResourceType.BROKER,
    ResourceType.BROKER_LOGGER,
    ResourceType.CLIENT_METRICS,
    ResourceType.GROUP,
)


@pytest.fixture
def client() -> Iterator[Client]:
    with Cluster(brokers=2, seed=5, wire=True) as cluster:
        yield Client(cluster)


def set_config(client: Client, kind: int, name: str, key: str, value: str) -> None:
    config = AlterableConfig(name=key, config_operation=0, value=value)
    resource = AlterConfigsResource(resource_type=kind, resource_name=name, configs=[config])
    (answer,) = client.ask(IncrementalAlterConfigsRequest(resources=[resource])).responses
    assert answer.error_code == 0, answer.error_message
    client.cluster.wait_for(lambda: client.cluster.image(2).config(kind, name).get(key) == value)


def create(client: Client, *names: str, **configs: str) -> None:
    settings = [CreatableTopicConfig(name=key.replace("_", "."), value=text) for key, text in configs.items()]
    topics = [CreatableTopic(name=name, num_partitions=1, replication_factor=1, configs=settings) for name in names]
    assert all(not each.error_code for each in client.ask(CreateTopicsRequest(topics=topics)).topics)


def described(client: Client, *resources: tuple[int, str], version: int = 4, **wishes: bool) -> list[Any]:
    asked = [DescribeConfigsResource(resource_type=kind, resource_name=name) for kind, name in resources]
    results: list[Any] = client.ask(DescribeConfigsRequest(resources=asked, **wishes), version).results
    return results


def listed(client: Client, *kinds: int, version: int = 1) -> Any:
    return client.ask(ListConfigResourcesRequest(resource_types=list(kinds)), version)


@pytest.mark.parametrize("version", range(1, 5))
def test_groups_and_client_metrics_are_described_with_where_their_values_come_from(
    client: Client, version: int
) -> None:
    set_config(client, GROUP, "readers", "consumer.session.timeout.ms", " 050000")
    set_config(client, METRICS, "all", "match", "client_id = a, client_source_port=1")
    group, metrics = described(client, (GROUP, "readers"), (METRICS, "all"), version=version, include_synonyms=True)
    (one,) = [each for each in group.configs if each.name == "consumer.session.timeout.ms"]
    assert (one.value, one.config_source, one.read_only) == ("50000", 8, False)
    assert [(each.name, each.value, each.source) for each in one.synonyms] == [
        ("consumer.session.timeout.ms", "50000", 8),
        ("group.consumer.session.timeout.ms", "45000", 5),
    ]
    assert {each.name: (each.value, each.config_source) for each in metrics.configs} == {
        "interval.ms": ("300000", 5),
        "match": ("client_id = a,client_source_port=1", 7),
        "metrics": ("", 5),
    }


@pytest.mark.parametrize("version", [0, 1])
def test_what_has_configs_is_listed(client: Client, version: int) -> None:
    create(client, "orders")
    set_config(client, GROUP, "readers", "share.isolation.level", "read_committed")
    set_config(client, METRICS, "all", "interval.ms", "1000")
    found = [(each.resource_type, each.resource_name) for each in listed(client, version=version).config_resources]
    if not version:
        assert found == [(METRICS, "all")]
        return
    assert found == [
        (GROUP, "readers"), (METRICS, "all"), (LOGGER, "1"), (LOGGER, "2"), (BROKER, "1"), (BROKER, "2"),
        (TOPIC, "orders"),
    ]  # fmt: skip
    assert [each.resource_name for each in listed(client, BROKER, GROUP).config_resources] == ["readers", "1", "2"]


def test_a_kind_that_has_no_configs_is_not_listed(client: Client) -> None:
    response = listed(client, TOPIC, 64)
    assert (response.error_code, response.config_resources) == (errors.UnsupportedVersion.code, [])


def test_topics_with_the_same_configs_are_worked_out_once_and_told_each(client: Client) -> None:
    create(client, "a", "b", retention_ms="5000")
    create(client, "c")
    results = described(client, *((TOPIC, name) for name in "abca"), include_synonyms=True)
    assert [result.resource_name for result in results] == ["a", "b", "c", "a"]
    values = [{each.name: each.value for each in result.configs}["retention.ms"] for result in results]
    assert values == ["5000", "5000", "604800000", "5000"]
    assert {len(result.configs) for result in results} == {sum(not key.internal for key in TOPIC_KEYS)}
    config = client.cluster.nodes[2].view.config
    own = client.cluster.image(2).topic_config
    assert described_topic(own("a"), config) is described_topic(own("b"), config)


def test_one_answer_tells_of_so_many_configs_and_no_more(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.broker.apis.describe_configs.CONFIGS_DOCUMENTED_MAX", 60)
    create(client, "a")
    results = described(client, *[(TOPIC, "a")] * 4, include_documentation=True)
    assert [result.error_code for result in results] == [0, 0, *[errors.PolicyViolation.code] * 2]
    assert all(each.documentation for each in results[0].configs)
    assert [result.error_code for result in described(client, *[(TOPIC, "a")] * 4)] == [0] * 4


def test_a_config_that_no_table_has_is_told_as_a_secret(client: Client) -> None:
    create(client, "a")
    image = client.cluster.image(2)
    found = described_topic({"message.format.version": "3.0"}, client.cluster.nodes[2].view.config)
    (unknown,) = [each for each in found if each.name == "message.format.version"]
    assert (unknown.value, unknown.sensitive, unknown.type_code, unknown.source) == (None, True, 0, 1)
    assert image.topic_config("a") == {}
