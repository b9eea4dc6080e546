"""Every handler asks the authorizer what Apache Kafka's asks, and a no comes to the error that Kafka gives there.

``ASKED`` is read off ``KafkaApis`` and ``ControllerApis`` of Apache Kafka 4.x: for each key the operations and the
resources that a request for the topic ``t``, the group ``g`` or the transactional id ``x`` is asked about.
"""

from __future__ import annotations

import pytest
from broker.authorizing import (
    GROUP,
    TOPIC,
    TRANSACTION,
    asked_with,
    cluster_with_topics,
    codes_in,
    refuse_all,
    rule,
)
from broker.requests_at_the_limits import Filling
from broker.test_connection import produce

from actors.broker.registry import CLIENT_APIS, NODE_APIS
from actors.config.resource_type import ResourceType
from actors.node import authorizer
from actors.node.authorizer import (
    ALTER,
    ALTER_CONFIGS,
    ANONYMOUS,
    CLUSTER,
    CLUSTER_ACTION,
    CREATE,
    DELETE,
    DESCRIBE,
    DESCRIBE_CONFIGS,
    IDEMPOTENT_WRITE,
    NODES,
    READ,
    WRITE,
)
from kstore.errors import (
    ClusterAuthorizationFailed,
    GroupAuthorizationFailed,
    TopicAuthorizationFailed,
    TransactionalIdAuthorizationFailed,
)
from kstore.schema import frames
from kstore.schema.messages import (
    delete_topics,
    list_offsets,
)
from kstore.schema.messages.create_topics import CreatableTopic, CreateTopicsRequest

ASKED = {
    "produce": {(WRITE, TOPIC)},
    "fetch": {(READ, TOPIC)},
    "list_offsets": {(DESCRIBE, TOPIC)},
    "metadata": {(DESCRIBE, TOPIC)},
    "offset_commit": {(READ, GROUP), (READ, TOPIC)},
    "offset_fetch": {(DESCRIBE, GROUP), (DESCRIBE, TOPIC)},
    "find_coordinator": {(DESCRIBE, GROUP)},
    "join_group": {(READ, GROUP)},
    "heartbeat": {(READ, GROUP)},
    "leave_group": {(READ, GROUP)},
    "sync_group": {(READ, GROUP)},
    "describe_groups": {(DESCRIBE, GROUP)},
    "consumer_group_heartbeat": {(READ, GROUP), (DESCRIBE, TOPIC)},
    "consumer_group_describe": {(DESCRIBE, GROUP)},
    "list_groups": {(DESCRIBE, CLUSTER)},
    "api_versions": set(),
    "create_topics": {(CREATE, CLUSTER), (DESCRIBE_CONFIGS, authorizer.topic("new"))},
    "delete_topics": {(DELETE, CLUSTER)},
    "delete_records": {(DELETE, TOPIC)},
    "init_producer_id": {(IDEMPOTENT_WRITE, CLUSTER)},
    "offset_for_leader_epoch": {(CLUSTER_ACTION, CLUSTER)},
    "add_partitions_to_txn": {(CLUSTER_ACTION, CLUSTER)},
    "add_offsets_to_txn": {(WRITE, TRANSACTION), (READ, GROUP)},
    "end_txn": {(WRITE, TRANSACTION)},
    "write_txn_markers": {(ALTER, CLUSTER)},
    "txn_offset_commit": {(WRITE, TRANSACTION), (READ, GROUP), (READ, TOPIC)},
    "describe_configs": {(DESCRIBE_CONFIGS, TOPIC)},
    "alter_configs": {(ALTER_CONFIGS, TOPIC)},
    "describe_log_dirs": {(DESCRIBE, CLUSTER)},
    "create_partitions": {(ALTER, TOPIC)},
    "delete_groups": {(DELETE, GROUP)},
    "elect_leaders": {(ALTER, CLUSTER)},
    "incremental_alter_configs": {(ALTER_CONFIGS, TOPIC)},
    "offset_delete": {(DELETE, GROUP), (READ, TOPIC)},
    "describe_quorum": {(DESCRIBE, CLUSTER)},
    "update_features": {(ALTER, CLUSTER)},
    "describe_cluster": set(),  # but for the operations, below
    "describe_producers": {(READ, TOPIC)},
    "describe_transactions": {(DESCRIBE, TRANSACTION)},
    "list_transactions": set(),  # but for those that there are, elsewhere
    "list_config_resources": {(DESCRIBE_CONFIGS, CLUSTER)},
    "describe_topic_partitions": {(operation, TOPIC) for operation in authorizer.SUPPORTED[authorizer.TOPIC]},
}
OF_NODES = {module: {(CLUSTER_ACTION, CLUSTER)} for module in (served.module for served in NODE_APIS.values())}

REFUSED = {
    "produce": TopicAuthorizationFailed,
    "fetch": TopicAuthorizationFailed,
    "list_offsets": TopicAuthorizationFailed,
    "metadata": TopicAuthorizationFailed,
    "offset_commit": GroupAuthorizationFailed,
    "offset_fetch": GroupAuthorizationFailed,
    "find_coordinator": GroupAuthorizationFailed,
    "join_group": GroupAuthorizationFailed,
    "heartbeat": GroupAuthorizationFailed,
    "leave_group": GroupAuthorizationFailed,
    "sync_group": GroupAuthorizationFailed,
    "describe_groups": GroupAuthorizationFailed,
    "consumer_group_heartbeat": GroupAuthorizationFailed,
    "consumer_group_describe": GroupAuthorizationFailed,
    "create_topics": TopicAuthorizationFailed,
    "delete_topics": TopicAuthorizationFailed,
    "delete_records": TopicAuthorizationFailed,
    "init_producer_id": ClusterAuthorizationFailed,
    "offset_for_leader_epoch": TopicAuthorizationFailed,
    "add_partitions_to_txn": ClusterAuthorizationFailed,
    "add_offsets_to_txn": TransactionalIdAuthorizationFailed,
    "end_txn": TransactionalIdAuthorizationFailed,
    "write_txn_markers": ClusterAuthorizationFailed,
    "txn_offset_commit": TransactionalIdAuthorizationFailed,
    "describe_configs": TopicAuthorizationFailed,
    "alter_configs": TopicAuthorizationFailed,
    "describe_log_dirs": ClusterAuthorizationFailed,
    "create_partitions": TopicAuthorizationFailed,
    "delete_groups": GroupAuthorizationFailed,
    "elect_leaders": ClusterAuthorizationFailed,
    "incremental_alter_configs": TopicAuthorizationFailed,
    "offset_delete": GroupAuthorizationFailed,
    "describe_quorum": ClusterAuthorizationFailed,
    "update_features": ClusterAuthorizationFailed,
    "describe_producers": TopicAuthorizationFailed,
    "describe_transactions": TransactionalIdAuthorizationFailed,
    "list_config_resources": ClusterAuthorizationFailed,
    "describe_topic_partitions": TopicAuthorizationFailed,
}
NEVER_REFUSED = {"api_versions", "describe_cluster", "list_groups", "list_transactions"}
"""They answer with less, or ask nothing."""


@pytest.fixture(scope="module")
def cluster():
    with cluster_with_topics() as running:
        yield running


def request_of(key: int):
    """One that names the topic, the group, or what else its key is about."""
    served = CLIENT_APIS.get(key) or NODE_APIS[key]
    if served.module == "produce":
        return produce("t", b"value"), 12
    if served.module == "create_topics":
        topic = CreatableTopic(name="new", num_partitions=1, replication_factor=1)
        return CreateTopicsRequest(topics=[topic], timeout_ms=5000, validate_only=True), served.last
    by_name = {
        "fetch": 12,
        "offset_commit": 9,
        "offset_fetch": 9,
        "txn_offset_commit": 5,
        "delete_topics": 5,
        "metadata": 9,
    }
    version = by_name.get(served.module, served.last)
    fixed = {
        "key_type": 0,
        "replica_id": -1,
        "resource_type": ResourceType.TOPIC,
        "resource_types": [],
        "transactional_id": None if served.module == "init_producer_id" else "x",
        "transactional_ids": ["x"],
        "group_ids": ["g"],
        "transactional_id_pattern": None,
        "producer_id": -1,
        "producer_epoch": -1,
        "cursor": None,
        "topic_id": bytes(16),
        "endpoint_type": 1,
        "validate_only": True,
        "allow_auto_topic_creation": False,
        "client_software_name": "test",
        "topic_names": ["nowhere"],
        "timeout_ms": 5_000,
    }
    return Filling().message(frames.request_class(key), version, **fixed), version


def test_the_tables_name_every_key() -> None:
    assert ASKED.keys() == {served.module for served in CLIENT_APIS.values()}
    assert REFUSED.keys() | NEVER_REFUSED == ASKED.keys()


@pytest.mark.parametrize("key", sorted(CLIENT_APIS))
def test_every_handler_asks_what_kafka_asks(cluster, key: int) -> None:
    rules = rule(cluster)
    request, version = request_of(key)
    asked_with(cluster, request, version)
    assert rules.asked_by(ANONYMOUS) == ASKED[CLIENT_APIS[key].module]


@pytest.mark.parametrize("key", sorted(NODE_APIS))
def test_every_handler_for_nodes_asks_whether_they_act_for_the_cluster(cluster, key: int) -> None:
    rules = rule(cluster)
    request, version = request_of(key)
    asked_with(cluster, request, version, "broker")
    assert rules.asked_by(NODES) >= OF_NODES[NODE_APIS[key].module]
    assert not rules.asked_by(ANONYMOUS)


@pytest.mark.parametrize("key", sorted(key for key, served in CLIENT_APIS.items() if served.module in REFUSED))
def test_a_no_is_the_error_that_kafka_gives_there_and_nothing_else_is_said(cluster, key: int) -> None:
    refuse_all(cluster)
    request, version = request_of(key)
    response = asked_with(cluster, request, version)
    assert codes_in(response) == {REFUSED[CLIENT_APIS[key].module].code}


def test_a_refusal_does_nothing(cluster) -> None:
    rule(cluster)
    written = asked_with(cluster, produce("t", b"value"), 12).responses[0].partition_responses[0]
    end = written.base_offset + 1
    refuse_all(cluster)
    asked_with(cluster, produce("t", b"value"), 12)
    asked_with(cluster, CreateTopicsRequest(topics=[CreatableTopic(name="new", num_partitions=1)], timeout_ms=5000), 7)
    asked_with(cluster, delete_topics.DeleteTopicsRequest(topic_names=["t"], timeout_ms=5000), 5)
    rule(cluster)
    assert set(cluster.image().topics) >= {"t", "u"}
    assert "new" not in cluster.image().topics
    partition = list_offsets.ListOffsetsPartition(partition_index=0, timestamp=-1)
    topics = [list_offsets.ListOffsetsTopic(name="t", partitions=[partition])]
    latest = asked_with(cluster, list_offsets.ListOffsetsRequest(replica_id=-1, topics=topics))
    assert latest.topics[0].partitions[0].offset == end
