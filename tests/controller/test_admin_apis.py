"""The admin APIs as a client sees them, through the wire format in every version, mostly by a broker that has to pass
the request on.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from controller.asking import Client

from actors.broker.registry import CLIENT_APIS, NODE_APIS, handler
from actors.cluster import Cluster
from actors.network.link import Disconnected
from kstore import errors
from kstore.schema.messages.allocate_producer_ids import AllocateProducerIdsRequest
from kstore.schema.messages.alter_partition import AlterPartitionRequest
from kstore.schema.messages.api_versions import ApiVersionsRequest
from kstore.schema.messages.broker_heartbeat import BrokerHeartbeatRequest
from kstore.schema.messages.broker_registration import BrokerRegistrationRequest
from kstore.schema.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from kstore.schema.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kstore.schema.messages.describe_cluster import DescribeClusterRequest
from kstore.schema.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kstore.schema.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic

ALL = -(1 << 31)
MINE = (3, 18, 19, 20, 21, 32, 33, 37, 43, 44, 47, 60, 74, 75)


def versions(request: type[Any]) -> Any:
    first, last = request.VERSIONS
    return pytest.mark.parametrize("version", range(first, last + 1))


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(brokers=3, seed=11, wire=True, config={"min.insync.replicas": "2"}) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: Cluster) -> Client:
    return Client(cluster)


def create(client: Client, name: str, partitions: int = 2, factor: int = 3, version: int = 7, **configs: str) -> Any:
    topic = CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=factor,
        configs=[CreatableTopicConfig(name=key.replace("_", "."), value=text) for key, text in configs.items()],
    )
    return client.ask(CreateTopicsRequest(topics=[topic]), version).topics[0]


def metadata(client: Client, *names: str, version: int = 13, node: int = 2, **wishes: bool) -> Any:
    topics = [MetadataRequestTopic(name=name) for name in names]
    return client.ask(MetadataRequest(topics=topics, **wishes), version, node=node)


@versions(CreateTopicsRequest)
def test_a_topic_that_was_made_is_known_to_the_broker_that_was_asked(client: Client, version: int) -> None:
    result = create(client, "orders", version=version)
    assert result.error_code == 0
    (topic,) = metadata(client, "orders").topics
    assert len(topic.partitions) == 2
    if version >= 5:
        assert (result.num_partitions, result.replication_factor) == (2, 3)
        assert {config.name: config.value for config in result.configs}["min.insync.replicas"] == "2"
    if version >= 7:
        assert result.topic_id == topic.topic_id


@versions(DeleteTopicsRequest)
def test_a_topic_that_was_deleted_is_gone(client: Client, cluster: Cluster, version: int) -> None:
    topic_id = create(client, "orders").topic_id
    create(client, "users")
    if version >= 6:
        topics = [DeleteTopicState(topic_id=topic_id), DeleteTopicState(name="users"), DeleteTopicState(name="none")]
        request = DeleteTopicsRequest(topics=topics)
    else:
        request = DeleteTopicsRequest(topic_names=["orders", "users", "none"])
    answers = client.ask(request, version).responses
    assert [(answer.name, answer.error_code) for answer in answers] == [("orders", 0), ("users", 0), ("none", 3)]
    cluster.wait_for(lambda: not any(cluster.image(node).topics for node in cluster.nodes))


@versions(CreatePartitionsRequest)
def test_partitions_are_added(client: Client, cluster: Cluster, version: int) -> None:
    create(client, "orders")
    topics = [CreatePartitionsTopic(name=name, count=5, assignments=None) for name in ("orders", "none")]
    answers = client.ask(CreatePartitionsRequest(topics=topics), version).results
    assert [(answer.name, answer.error_code) for answer in answers] == [("orders", 0), ("none", 3)]
    cluster.wait_for(lambda: len(cluster.image(2).topics["orders"].partitions) == 5)


def test_without_a_controller_nothing_is_made_and_the_client_is_told(client: Client, cluster: Cluster) -> None:
    cluster.kill_node(1)
    assert create(client, "orders").error_code == errors.RequestTimedOut.code
    topics = [CreatePartitionsTopic(name="orders", count=5, assignments=None)]
    answer = client.ask(CreatePartitionsRequest(topics=topics)).results[0]
    assert answer.error_code == errors.RequestTimedOut.code
    assert client.ask(DeleteTopicsRequest(topics=[DeleteTopicState(name="orders")])).responses[0].error_code == 7
    resource = AlterConfigsResource(resource_type=2, resource_name="orders", configs=[])
    assert client.ask(IncrementalAlterConfigsRequest(resources=[resource])).responses[0].error_code == 7


@versions(MetadataRequest)
def test_metadata_tells_of_brokers_topics_and_leaders(client: Client, version: int) -> None:
    created = create(client, "orders")
    response = metadata(client, "orders", version=version)
    assert [broker.node_id for broker in response.brokers] == [1, 2, 3]
    (topic,) = response.topics
    assert (topic.error_code, topic.name) == (0, "orders")
    for partition in topic.partitions:
        assert partition.error_code == 0
        assert partition.leader_id == partition.replica_nodes[0]
        assert sorted(partition.isr_nodes) == [1, 2, 3]
    if version >= 1:
        assert (response.controller_id, topic.is_internal) == (1, False)
    if version >= 2:
        assert response.cluster_id == client.cluster.cluster_id
    if version >= 7:
        assert [partition.leader_epoch for partition in topic.partitions] == [0, 0]
    if version >= 10:
        assert topic.topic_id == created.topic_id


@versions(MetadataRequest)
def test_all_topics_or_none_can_be_asked_for(client: Client, version: int) -> None:
    create(client, "orders")
    create(client, "users")
    wanted: list[Any] | None = [] if version == 0 else None
    everything = client.ask(MetadataRequest(topics=wanted), version)
    assert sorted(topic.name for topic in everything.topics) == ["orders", "users"]
    if version >= 1:
        assert client.ask(MetadataRequest(topics=[]), version).topics == []


@versions(MetadataRequest)
def test_a_topic_is_made_on_first_use_and_answered_at_once(client: Client, version: int) -> None:
    (topic,) = metadata(client, "orders", version=version).topics
    assert (topic.error_code, len(topic.partitions), topic.partitions[0].error_code) == (0, 1, 0)


def test_the_offsets_topic_is_made_on_first_use_as_it_has_to_be(client: Client, cluster: Cluster) -> None:
    (topic,) = metadata(client, "__consumer_offsets").topics
    assert (topic.error_code, topic.is_internal, len(topic.partitions)) == (0, True, 4)
    assert cluster.image(1).topic_config("__consumer_offsets") == {
        "cleanup.policy": "compact",
        "compression.type": "producer",
        "segment.bytes": "104857600",
    }


def test_a_topic_is_not_made_where_client_or_broker_does_not_want_it(client: Client, cluster: Cluster) -> None:
    (topic,) = metadata(client, "orders", allow_auto_topic_creation=False).topics
    assert (topic.error_code, topic.name) == (errors.UnknownTopicOrPartition.code, "orders")
    assert not cluster.image(1).topics
    with Cluster(brokers=1, seed=1, config={"auto.create.topics.enable": "false"}) as frugal:
        other = Client(frugal)
        (topic,) = metadata(other, "orders", node=1).topics
        assert topic.error_code == errors.UnknownTopicOrPartition.code


def test_a_name_that_cannot_be_is_an_error_and_no_topic(client: Client, cluster: Cluster) -> None:
    create(client, "a.b")
    topics = metadata(client, "no spaces", "a_b").topics
    assert [topic.error_code for topic in topics] == [errors.InvalidTopic.code] * 2
    assert list(cluster.image(1).topics) == ["a.b"]


def test_topics_can_be_asked_for_by_id(client: Client) -> None:
    topic_id = create(client, "orders").topic_id
    wanted = [MetadataRequestTopic(name=None, topic_id=topic_id), MetadataRequestTopic(name=None, topic_id=b"x" * 16)]
    topics = client.ask(MetadataRequest(topics=wanted), 12).topics
    assert [(topic.name, topic.error_code) for topic in topics] == [
        ("orders", 0),
        (None, errors.UnknownTopicId.code),
    ]


def test_a_partition_without_a_leader_says_so(client: Client, cluster: Cluster) -> None:
    assignment = CreatableReplicaAssignment(partition_index=0, broker_ids=[3])
    topic = CreatableTopic(name="orders", num_partitions=-1, replication_factor=-1, assignments=[assignment])
    client.ask(CreateTopicsRequest(topics=[topic]))
    cluster.kill_node(3)
    cluster.wait_for(lambda: cluster.image(2).brokers[3].fenced)
    response = metadata(client, "orders")
    (partition,) = response.topics[0].partitions
    assert (partition.error_code, partition.leader_id) == (errors.LeaderNotAvailable.code, -1)
    assert partition.offline_replicas == [3]
    assert [broker.node_id for broker in response.brokers] == [1, 2]
    (oldest,) = metadata(client, "orders", version=0).topics[0].partitions
    assert (oldest.replica_nodes, oldest.isr_nodes) == ([], [])


def test_authorized_operations_are_told_only_when_asked_for(client: Client) -> None:
    create(client, "orders")
    quiet = metadata(client, "orders", version=8)
    assert (quiet.cluster_authorized_operations, quiet.topics[0].topic_authorized_operations) == (ALL, ALL)
    asked = metadata(
        client,
        "orders",
        version=8,
        include_cluster_authorized_operations=True,
        include_topic_authorized_operations=True,
    )
    assert (asked.cluster_authorized_operations, asked.topics[0].topic_authorized_operations) == (
        0b1111110100000 | 0,
        0b110111111000,
    )


@versions(DescribeClusterRequest)
def test_the_cluster_is_described(client: Client, cluster: Cluster, version: int) -> None:
    response = client.ask(DescribeClusterRequest(), version)
    assert (response.error_code, response.controller_id, response.cluster_id) == (0, 1, cluster.cluster_id)
    assert [broker.broker_id for broker in response.brokers] == [1, 2, 3]


def test_fenced_brokers_are_told_to_those_who_ask_for_them(client: Client, cluster: Cluster) -> None:
    cluster.kill_node(3)
    cluster.wait_for(lambda: cluster.image(2).brokers[3].fenced)
    assert [b.broker_id for b in client.ask(DescribeClusterRequest()).brokers] == [1, 2]
    response = client.ask(DescribeClusterRequest(include_fenced_brokers=True))
    assert [(b.broker_id, b.is_fenced) for b in response.brokers] == [(1, False), (2, False), (3, True)]


@pytest.mark.parametrize(
    ("endpoint_type", "error"), [(2, errors.MismatchedEndpointType), (7, errors.UnsupportedEndpointType)]
)
def test_only_brokers_are_described(client: Client, endpoint_type: int, error: type[errors.KafkaError]) -> None:
    assert client.ask(DescribeClusterRequest(endpoint_type=endpoint_type)).error_code == error.code


def described(client: Client, kind: int, name: str, version: int = 4, node: int = 2, **wishes: bool) -> Any:
    resource = DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=None)
    return client.ask(DescribeConfigsRequest(resources=[resource], **wishes), version, node=node).results[0]


@versions(DescribeConfigsRequest)
def test_a_topics_configs_are_told_with_where_they_come_from(client: Client, version: int) -> None:
    create(client, "orders", segment_ms="5000")
    result = described(client, 2, "orders", version, include_synonyms=True)
    configs = {config.name: config for config in result.configs}
    assert (configs["segment.ms"].value, configs["segment.ms"].config_source) == ("5000", 1)
    assert (configs["min.insync.replicas"].value, configs["min.insync.replicas"].config_source) == ("2", 4)
    assert (configs["max.message.bytes"].value, configs["max.message.bytes"].config_source) == ("1048588", 5)
    assert [(s.name, s.value, s.source) for s in configs["min.insync.replicas"].synonyms] == [
        ("min.insync.replicas", "2", 4),
        ("min.insync.replicas", "1", 5),
    ]
    assert [(s.name, s.source) for s in configs["segment.ms"].synonyms] == [("segment.ms", 1)]
    if version >= 3:
        assert (configs["segment.ms"].config_type, configs["min.insync.replicas"].config_type) == (5, 3)


def test_a_broker_tells_of_itself_alone(client: Client) -> None:
    configs = {config.name: config for config in described(client, 4, "2").configs}
    assert (configs["min.insync.replicas"].value, configs["min.insync.replicas"].config_source) == ("2", 4)
    assert (configs["num.partitions"].read_only, configs["min.insync.replicas"].read_only) == (True, False)
    assert not configs["num.partitions"].synonyms
    for name, message in (
        ("3", "Unexpected broker id, expected 2 or empty string, but received 3"),
        ("two", "Broker id must be an integer, but it is: two"),
    ):
        result = described(client, 4, name)
        assert (result.error_code, result.error_message) == (errors.InvalidRequest.code, message)


def test_single_configs_can_be_asked_for(client: Client) -> None:
    resource = DescribeConfigsResource(resource_type=4, resource_name="2", configuration_keys=["num.partitions"])
    (result,) = client.ask(DescribeConfigsRequest(resources=[resource])).results
    assert [config.name for config in result.configs] == ["num.partitions"]


@pytest.mark.parametrize(
    ("kind", "name", "error"),
    [
        (2, "none", errors.UnknownTopicOrPartition),
        (2, "no spaces", errors.InvalidTopic),
        (8, "1", errors.InvalidRequest),
        (8, "", errors.InvalidRequest),
        (16, "", errors.InvalidRequest),
        (32, "", errors.InvalidRequest),
        (64, "2", errors.InvalidRequest),
    ],
)
def test_configs_of_what_is_not_there_are_an_error(
    client: Client, kind: int, name: str, error: type[errors.KafkaError]
) -> None:
    assert described(client, kind, name).error_code == error.code


@versions(IncrementalAlterConfigsRequest)
def test_configs_that_were_changed_hold_on_every_broker(client: Client, cluster: Cluster, version: int) -> None:
    create(client, "orders")
    resources = [
        AlterConfigsResource(
            resource_type=2, resource_name="orders", configs=[AlterableConfig(name="flush.ms", value="9")]
        ),
        AlterConfigsResource(
            resource_type=4, resource_name="", configs=[AlterableConfig(name="message.max.bytes", value="77")]
        ),
        AlterConfigsResource(resource_type=2, resource_name="none", configs=[]),
    ]
    answers = client.ask(IncrementalAlterConfigsRequest(resources=resources), version).responses
    assert [answer.error_code for answer in answers] == [0, 0, errors.UnknownTopicOrPartition.code]
    cluster.wait_for(lambda: cluster.image(3).config(4, ""))
    configs = {
        config.name: (config.value, config.config_source) for config in described(client, 2, "orders", node=3).configs
    }
    assert (configs["flush.ms"], configs["max.message.bytes"]) == (("9", 1), ("77", 3))
    assert [(c.name, c.value) for c in described(client, 4, "", node=3).configs] == [("message.max.bytes", "77")]


@versions(ApiVersionsRequest)
def test_the_versions_told_are_those_of_the_handlers(client: Client, version: int) -> None:
    request = ApiVersionsRequest(client_software_name="tests", client_software_version="1.0")
    response = client.ask(request, version)
    told = {api.api_key: (api.min_version, api.max_version) for api in response.api_keys}
    others = {32, 33, 35, 37, 47, 55, 57, 60, 61, 65, 66, 68, 69, 74, 75}
    assert set(told) == {*range(4), *range(8, 17), *range(18, 29), *range(42, 45), *others}
    for key, (first, last) in told.items():
        assert (0 if key == 0 else CLIENT_APIS[key].first, CLIENT_APIS[key].last) == (first, last)
    if version >= 3:
        features = {feature.name: (feature.min_version, feature.max_version) for feature in response.supported_features}
        assert features == {"metadata.version": (30, 33)} | (
            {"kraft.version": (0, 0), "transaction.version": (0, 2), "group.version": (0, 1)} if version >= 4 else {}
        )
        assert [(f.name, f.max_version_level) for f in response.finalized_features] == [
            ("metadata.version", 33),
            ("transaction.version", 2),
            ("group.version", 1),
        ]
        assert response.finalized_features_epoch > 0


@pytest.mark.parametrize("key", MINE)
def test_the_registry_says_what_the_modules_say(key: int) -> None:
    module = handler(key)
    assert (key, (CLIENT_APIS[key].first, CLIENT_APIS[key].last)) == (module.API_KEY, module.VERSIONS)


def test_a_client_without_a_proper_name_is_refused(client: Client) -> None:
    response = client.ask(ApiVersionsRequest(client_software_name="-", client_software_version="1"))
    assert (response.error_code, response.api_keys) == (errors.InvalidRequest.code, [])


@pytest.mark.parametrize(
    "request_class",
    [AlterPartitionRequest, BrokerRegistrationRequest, BrokerHeartbeatRequest, AllocateProducerIdsRequest],
)
def test_clients_are_not_let_in_where_only_nodes_may_ask(client: Client, request_class: type[Any]) -> None:
    served = NODE_APIS[request_class.API_KEY]
    assert isinstance(client.ask(request_class(), served.last, node=1), Disconnected)


@pytest.mark.parametrize(
    ("request_class", "error"),
    [
        (AlterPartitionRequest, errors.BrokerIdNotRegistered),
        (BrokerRegistrationRequest, errors.InconsistentClusterId),
        (BrokerHeartbeatRequest, errors.BrokerIdNotRegistered),
        (AllocateProducerIdsRequest, errors.BrokerIdNotRegistered),
    ],
)
def test_the_controller_answers_nodes_in_every_version_and_others_say_that_they_are_not_it(
    client: Client, request_class: type[Any], error: type[errors.KafkaError]
) -> None:
    served = NODE_APIS[request_class.API_KEY]
    module = handler(served.key)
    assert (served.first, served.last) == module.VERSIONS
    for version in range(served.first, served.last + 1):
        assert client.ask(request_class(), version, node=1, listener="broker").error_code == error.code
        elsewhere = client.ask(request_class(), version, node=2, listener="broker")
        assert elsewhere.error_code == errors.NotController.code
