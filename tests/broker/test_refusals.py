"""What a client isn't allowed to do comes to what Apache Kafka answers there, where that is more than an error."""

from __future__ import annotations

import pytest
from broker.authorizing import (
    GROUP,
    TOPIC,
    TRANSACTION,
    Rules,
    asked_with,
    cluster_with_topics,
    codes_in,
    everything,
    nothing,
    refuse,
    refuse_all,
    rule,
)
from broker.seeded_broker import ask
from broker.test_connection import Peer, produce

from actors.cluster import Cluster
from actors.config.resource_type import ResourceType
from actors.node import authorizer
from actors.node.authorizer import (
    ALTER,
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
from kstore.schema.messages import (
    delete_topics,
    describe_cluster,
    describe_configs,
    describe_groups,
    describe_topic_partitions,
    fetch,
    find_coordinator,
    incremental_alter_configs,
    init_producer_id,
    list_groups,
    metadata,
    offset_commit,
    offset_fetch,
    offset_for_leader_epoch,
)
from kstore.schema.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest


@pytest.fixture(scope="module")
def cluster():
    with cluster_with_topics() as running:
        yield running


def test_a_topic_that_may_not_be_described_is_hidden_whether_it_is_there_or_not(cluster) -> None:
    rule(cluster, lambda operation, resource: operation == DESCRIBE and resource[1] != "u")
    topics = [metadata.MetadataRequestTopic(name=name) for name in ("t", "u", "nowhere")]
    named = asked_with(cluster, metadata.MetadataRequest(topics=topics, allow_auto_topic_creation=True), 12).topics
    told = {topic.name: (topic.error_code, topic.topic_id, topic.partitions) for topic in named}
    assert told["t"] == told["nowhere"] == (TopicAuthorizationFailed.code, bytes(16), [])
    assert told["u"][0] == 0
    every = asked_with(cluster, metadata.MetadataRequest(topics=None), 12).topics
    assert [topic.name for topic in every] == ["u"]
    assert "nowhere" not in cluster.image().topics


def test_a_topic_that_is_asked_for_by_its_id_keeps_its_name_to_itself(cluster) -> None:
    rule(cluster, refuse((DESCRIBE, TOPIC)))
    topic_id = cluster.image().topics["t"].id
    topics = [metadata.MetadataRequestTopic(name=None, topic_id=topic_id)]
    (topic,) = asked_with(cluster, metadata.MetadataRequest(topics=topics), 13).topics
    assert (topic.error_code, topic.name, topic.topic_id) == (TopicAuthorizationFailed.code, None, topic_id)


@pytest.mark.parametrize("also_topic", [True, False])
def test_a_topic_is_made_on_first_use_for_a_client_that_may_make_it_or_any(cluster, also_topic: bool) -> None:
    name = f"made-{also_topic}".lower()
    refused = [(CREATE, CLUSTER)] + [(CREATE, authorizer.topic(name))] * also_topic
    rule(cluster, refuse(*refused))
    topics = [metadata.MetadataRequestTopic(name=name)]
    request = metadata.MetadataRequest(topics=topics, allow_auto_topic_creation=True)
    (topic,) = asked_with(cluster, request, 12).topics
    assert (topic.error_code == TopicAuthorizationFailed.code) is also_topic
    assert (name in cluster.image().topics) is not also_topic


def test_a_topic_is_described_page_by_page_only_to_those_that_may(cluster) -> None:
    rule(cluster, refuse((DESCRIBE, TOPIC)))
    named = [describe_topic_partitions.TopicRequest(name=name) for name in ("t", "u")]
    answer = asked_with(cluster, describe_topic_partitions.DescribeTopicPartitionsRequest(topics=named))
    assert [(topic.name, topic.error_code) for topic in answer.topics] == [
        ("u", 0),
        ("t", TopicAuthorizationFailed.code),
    ]
    every = asked_with(cluster, describe_topic_partitions.DescribeTopicPartitionsRequest())
    assert "t" not in [topic.name for topic in every.topics]


def test_only_what_may_be_done_is_named_as_authorized(cluster) -> None:
    rule(cluster, refuse((WRITE, TOPIC), (ALTER, CLUSTER), (DELETE, GROUP)))
    topics = [metadata.MetadataRequestTopic(name="t")]
    request = metadata.MetadataRequest(topics=topics, include_topic_authorized_operations=True)
    (topic,) = asked_with(cluster, request, 12).topics
    every = authorizer.bits(*authorizer.SUPPORTED[authorizer.TOPIC])
    assert topic.topic_authorized_operations == every - authorizer.bits(WRITE)
    wanted = describe_cluster.DescribeClusterRequest(include_cluster_authorized_operations=True)
    every = authorizer.bits(*authorizer.SUPPORTED[authorizer.OF_CLUSTER])
    assert asked_with(cluster, wanted).cluster_authorized_operations == every - authorizer.bits(ALTER)
    rule(cluster, refuse((DESCRIBE, CLUSTER)))
    assert asked_with(cluster, wanted).cluster_authorized_operations == 0


def test_a_topic_is_made_but_its_configs_are_told_only_to_those_that_may_describe_them(cluster) -> None:
    made = authorizer.topic("quiet")
    rule(cluster, refuse((DESCRIBE_CONFIGS, made)))
    topic = CreatableTopic(name="quiet", num_partitions=1, replication_factor=1)
    (result,) = asked_with(cluster, CreateTopicsRequest(topics=[topic], timeout_ms=5000), 7).topics
    told = result.error_code, result.topic_config_error_code, result.num_partitions, result.replication_factor
    assert told == (0, TopicAuthorizationFailed.code, -1, -1)
    assert result.configs == []


def test_topics_are_made_beside_those_that_are_refused(cluster) -> None:
    rule(cluster, refuse((CREATE, CLUSTER), (CREATE, authorizer.topic("b"))))
    topics = [CreatableTopic(name=name, num_partitions=1, replication_factor=1) for name in ("a", "b", "c", "c")]
    request = CreateTopicsRequest(topics=topics, timeout_ms=5000, validate_only=True)
    results = {each.name: (each.error_code, each.error_message) for each in asked_with(cluster, request, 7).topics}
    assert results["a"] == (0, None)
    assert results["b"] == (TopicAuthorizationFailed.code, "Authorization failed.")
    assert results["c"][1] == "Duplicate topic name."


def test_a_deletion_tells_the_name_of_a_topic_only_to_those_that_may_describe_it(cluster) -> None:
    topic_id = cluster.image().topics["t"].id
    state = delete_topics.DeleteTopicState(name=None, topic_id=topic_id)
    request = delete_topics.DeleteTopicsRequest(topics=[state], timeout_ms=5000)
    rule(cluster, refuse((DELETE, CLUSTER), (DELETE, TOPIC)))
    (seen,) = asked_with(cluster, request).responses
    assert (seen.name, seen.topic_id, seen.error_code) == ("t", topic_id, TopicAuthorizationFailed.code)
    rule(cluster, refuse((DELETE, CLUSTER), (DELETE, TOPIC), (DESCRIBE, TOPIC)))
    (hidden,) = asked_with(cluster, request).responses
    assert (hidden.name, hidden.topic_id, hidden.error_code) == (None, topic_id, TopicAuthorizationFailed.code)


def test_a_deletion_by_name_tells_that_a_topic_isnt_there_only_to_those_that_may_describe_it(cluster) -> None:
    nowhere = authorizer.topic("nowhere")
    states = [delete_topics.DeleteTopicState(name="nowhere")]
    request = delete_topics.DeleteTopicsRequest(topics=states, timeout_ms=5000)
    rule(cluster, refuse((DELETE, CLUSTER), (DELETE, nowhere)))
    assert asked_with(cluster, request).responses[0].error_code == 3
    rule(cluster, refuse((DELETE, CLUSTER), (DESCRIBE, nowhere)))
    assert asked_with(cluster, request).responses[0].error_code == TopicAuthorizationFailed.code


def test_an_idempotent_producer_needs_the_cluster_or_any_topic_to_write_to(cluster) -> None:
    request = init_producer_id.InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1000)
    rules = rule(cluster, refuse((IDEMPOTENT_WRITE, CLUSTER)))
    assert asked_with(cluster, request).error_code == 0
    assert (WRITE, (authorizer.TOPIC, "any")) in rules.asked_by(ANONYMOUS)


def test_a_transactional_id_is_asked_about(cluster) -> None:
    refuse_all(cluster)
    request = init_producer_id.InitProducerIdRequest(transactional_id="x", transaction_timeout_ms=1000)
    assert asked_with(cluster, request).error_code == TransactionalIdAuthorizationFailed.code
    batch = produce("t", b"value", in_transaction=True)
    batch.transactional_id = "x"
    rules = refuse_all(cluster)
    assert codes_in(asked_with(cluster, batch, 12)) == {TransactionalIdAuthorizationFailed.code}
    assert rules.asked_by(ANONYMOUS) == {(WRITE, TRANSACTION)}
    found = asked_with(cluster, FindCoordinatorRequest(coordinator_keys=["x"], key_type=1))
    assert found.coordinators[0].error_code == TransactionalIdAuthorizationFailed.code
    share = asked_with(cluster, FindCoordinatorRequest(coordinator_keys=["x"], key_type=2))
    assert share.coordinators[0].error_code == ClusterAuthorizationFailed.code


def test_a_produce_request_without_acknowledgement_that_is_refused_closes_the_connection(cluster) -> None:
    rule(cluster, refuse((WRITE, TOPIC)))
    assert asked_with(cluster, produce("t", b"value", acks=0), 12) is None


def test_each_topic_of_a_fetch_session_is_asked_about_again(cluster) -> None:
    rule(cluster)
    asked_with(cluster, produce("u", b"value"), 12)
    peer = Peer(cluster, 1)
    partition = fetch.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)
    topics = [fetch.FetchTopic(topic="u", partitions=[partition])]
    opened = ask(peer, fetch.FetchRequest(topics=topics, max_wait_ms=0, session_epoch=0), 12)
    assert opened.session_id != 0
    assert codes_in(opened) == set()
    rule(cluster, refuse((READ, authorizer.topic("u"))))
    goes_on = fetch.FetchRequest(session_id=opened.session_id, session_epoch=1, max_wait_ms=0)
    assert codes_in(ask(peer, goes_on, 12)) == {TopicAuthorizationFailed.code}
    rule(cluster)
    goes_on = fetch.FetchRequest(session_id=opened.session_id, session_epoch=2, max_wait_ms=0)
    again = ask(peer, goes_on, 12)
    assert codes_in(again) == set()
    assert again.responses[0].partitions[0].high_watermark == 1


def test_many_partitions_of_a_fetch_are_asked_about_as_few_are(cluster) -> None:
    rule(cluster, refuse((READ, TOPIC)))
    partitions = [fetch.FetchPartition(partition=number) for number in range(300)]
    topics = [fetch.FetchTopic(topic=name, partitions=partitions) for name in ("t", "u")]
    answer = asked_with(cluster, fetch.FetchRequest(topics=topics, max_wait_ms=0, session_epoch=-1), 12)
    codes = {topic.topic: codes_in(topic) for topic in answer.responses}
    assert codes["t"] == {TopicAuthorizationFailed.code}
    assert TopicAuthorizationFailed.code not in codes["u"]


def test_offsets_are_kept_and_told_of_topics_that_may_be_read_and_described(cluster) -> None:
    rule(cluster, refuse((READ, TOPIC), (DESCRIBE, TOPIC)))
    partition = offset_commit.OffsetCommitRequestPartition(partition_index=0, committed_offset=5)
    topics = [offset_commit.OffsetCommitRequestTopic(name=name, partitions=[partition]) for name in ("t", "u")]
    commit = offset_commit.OffsetCommitRequest(
        group_id="g", topics=topics, generation_id_or_member_epoch=-1, member_id=""
    )
    codes = {topic.name: codes_in(topic) for topic in asked_with(cluster, commit, 9).topics}
    assert codes == {"t": {TopicAuthorizationFailed.code}, "u": set()}
    named = [offset_fetch.OffsetFetchRequestTopics(name=name, partition_indexes=[0]) for name in ("t", "u")]
    groups = [offset_fetch.OffsetFetchRequestGroup(group_id="g", topics=named)]
    (found,) = asked_with(cluster, offset_fetch.OffsetFetchRequest(groups=groups), 9).groups
    told = {each.name: (each.partitions[0].error_code, each.partitions[0].committed_offset) for each in found.topics}
    assert told == {"t": (TopicAuthorizationFailed.code, -1), "u": (0, 5)}
    groups = [offset_fetch.OffsetFetchRequestGroup(group_id="g", topics=None)]
    rule(cluster, refuse((DESCRIBE, authorizer.topic("u"))))
    (found,) = asked_with(cluster, offset_fetch.OffsetFetchRequest(groups=groups), 9).groups
    assert (found.error_code, found.topics) == (0, [])


def test_groups_are_listed_that_may_be_described_unless_all_of_the_cluster_may_be(cluster) -> None:
    def listed() -> set[str]:
        return {group.group_id for group in asked_with(cluster, list_groups.ListGroupsRequest()).groups}

    rule(cluster)
    for name in ("g", "h"):
        partition = offset_commit.OffsetCommitRequestPartition(partition_index=0, committed_offset=5)
        topics = [offset_commit.OffsetCommitRequestTopic(name="u", partitions=[partition])]
        asked_with(
            cluster,
            offset_commit.OffsetCommitRequest(group_id=name, topics=topics, generation_id_or_member_epoch=-1),
            9,
        )
    assert listed() == {"g", "h"}
    rule(cluster, refuse((DESCRIBE, CLUSTER), (DESCRIBE, GROUP)))
    assert listed() == {"h"}
    rule(cluster, refuse((DESCRIBE, GROUP)))
    assert listed() == {"g", "h"}


def test_the_operations_of_a_group_are_told_as_they_are_authorized(cluster) -> None:
    rule(cluster, refuse((DELETE, GROUP)))
    request = describe_groups.DescribeGroupsRequest(groups=["g"], include_authorized_operations=True)
    (described,) = asked_with(cluster, request, 5).groups
    every = authorizer.bits(*authorizer.SUPPORTED[authorizer.GROUP])
    assert described.authorized_operations == every - authorizer.bits(DELETE)


def test_configs_of_brokers_their_loggers_and_metrics_are_the_clusters(cluster) -> None:
    refuse_all(cluster)
    kinds = (ResourceType.BROKER, ResourceType.BROKER_LOGGER, ResourceType.CLIENT_METRICS, ResourceType.GROUP)
    named = [describe_configs.DescribeConfigsResource(resource_type=kind, resource_name="1") for kind in kinds]
    results = asked_with(cluster, describe_configs.DescribeConfigsRequest(resources=named)).results
    expected = [(ClusterAuthorizationFailed.code, "Cluster authorization failed.")] * 3
    expected.append((GroupAuthorizationFailed.code, "Group authorization failed."))
    assert [(each.error_code, each.error_message) for each in results] == expected
    altered = [
        incremental_alter_configs.AlterConfigsResource(resource_type=kind, resource_name="1", configs=[])
        for kind in kinds
    ]
    request = incremental_alter_configs.IncrementalAlterConfigsRequest(resources=altered)
    results = asked_with(cluster, request).responses
    assert [(each.error_code, each.error_message) for each in results] == expected


def test_truncation_is_told_of_topics_that_may_be_described_to_clients_that_arent_brokers(cluster) -> None:
    rule(cluster, refuse((CLUSTER_ACTION, CLUSTER), (DESCRIBE, TOPIC)))
    partition = offset_for_leader_epoch.OffsetForLeaderPartition(partition=0, leader_epoch=0)
    topics = [offset_for_leader_epoch.OffsetForLeaderTopic(topic=name, partitions=[partition]) for name in ("t", "u")]
    answer = asked_with(cluster, offset_for_leader_epoch.OffsetForLeaderEpochRequest(topics=topics))
    assert {topic.topic: codes_in(topic) for topic in answer.topics} == {
        "t": {TopicAuthorizationFailed.code},
        "u": set(),
    }


def test_a_refused_group_makes_no_topic_for_offsets() -> None:
    with Cluster(1, seed=5) as fresh:
        refuse_all(fresh)
        asked_with(fresh, find_coordinator.FindCoordinatorRequest(coordinator_keys=["g"], key_type=0))
        assert not fresh.image().topics


def test_what_a_node_passes_on_was_asked_about_where_the_client_is() -> None:
    with Cluster(2, seed=5) as running:
        rules = Rules()
        for node in running.nodes.values():
            node.view = node.view._replace(authorizer=rules)
        topic = CreatableTopic(name="passed-on", num_partitions=1, replication_factor=1)
        ask(Peer(running, 2), CreateTopicsRequest(topics=[topic], timeout_ms=5000), 7)
        assert (CREATE, CLUSTER) in rules.asked_by(ANONYMOUS)
        assert (CREATE, CLUSTER) in rules.asked_by(NODES)
        rules.refuses = everything
        topic = CreatableTopic(name="refused", num_partitions=1, replication_factor=1)
        answer = ask(Peer(running, 2), CreateTopicsRequest(topics=[topic], timeout_ms=5000), 7)
        assert answer.topics[0].error_code == TopicAuthorizationFailed.code


def test_a_node_that_may_not_act_for_the_cluster_fetches_nothing() -> None:
    with Cluster(1, seed=5) as running:
        rules = Rules()
        rules.authorize = nothing  # type: ignore[assignment]
        node = running.nodes[1]
        node.view = node.view._replace(authorizer=rules)
        partition = fetch.FetchPartition(partition=0)
        request = fetch.FetchRequest(topics=[fetch.FetchTopic(topic="t", partitions=[partition])], max_wait_ms=0)
        answer = asked_with(running, request, 12, "broker")
        assert codes_in(answer) == {TopicAuthorizationFailed.code}
