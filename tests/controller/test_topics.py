"""Creating topics: what is made, what is refused, and in Kafka's words."""

import pytest
from controller.deciding import Driven

from actors.image import topic_names
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)


@pytest.fixture
def driven() -> Driven:
    return Driven()


def test_a_topic_gets_what_was_asked_for_and_an_id(driven: Driven) -> None:
    result = driven.create("orders", 3, 2, min_insync_replicas="2")
    assert (result.error_code, result.error_message) == (0, None)
    assert (result.num_partitions, result.replication_factor) == (3, 2)
    topic = driven.image.topics["orders"]
    assert (topic.id, len(topic.partitions)) == (result.topic_id, 3)
    for partition in topic.partitions.values():
        assert partition.isr == partition.replicas
        assert (partition.leader, partition.leader_epoch, partition.partition_epoch) == (partition.replicas[0], 0, 0)
        assert partition.directories == tuple(bytes([replica]) * 16 for replica in partition.replicas)
    assert driven.image.topic_config("orders") == {"min.insync.replicas": "2"}


def test_the_answer_tells_the_configs_that_hold_and_where_they_come_from(driven: Driven) -> None:
    configs = {config.name: config for config in driven.create("orders", min_insync_replicas="2").configs or ()}
    assert (configs["min.insync.replicas"].value, configs["min.insync.replicas"].config_source) == ("2", 1)
    assert (configs["max.message.bytes"].value, configs["max.message.bytes"].config_source) == ("1048588", 5)


def test_the_cluster_decides_what_the_request_leaves_open() -> None:
    driven = Driven(num_partitions="4")
    result = driven.create("orders")
    assert (result.num_partitions, result.replication_factor) == (4, 3)


def test_a_topic_and_its_partitions_are_one_batch_in_kafkas_order(driven: Driven) -> None:
    topic = CreatableTopic(
        name="orders",
        num_partitions=2,
        replication_factor=1,
        configs=[CreatableTopicConfig(name="segment.ms", value="1000")],
    )
    decision = driven.machine.decide(CreateTopicsRequest(topics=[topic]), 7, driven.now_ms)
    assert [type(record).__name__ for record in decision.records] == [
        "TopicRecord",
        "ConfigRecord",
        "PartitionRecord",
        "PartitionRecord",
    ]


def test_to_validate_only_makes_nothing_but_answers_all_the_same(driven: Driven) -> None:
    result = driven.create("orders", 3, 2, validate_only=True)
    assert (result.error_code, result.num_partitions) == (0, 3)
    assert not driven.image.topics


def test_a_manual_assignment_is_followed_and_fenced_brokers_are_not_in_sync(driven: Driven) -> None:
    driven.lose(2)
    driven.create("orders", assignments=[[2, 1], [3, 2]])
    assert (driven.partition("orders").replicas, driven.partition("orders").isr) == ((2, 1), (1,))
    assert driven.partition("orders").leader == 1
    assert driven.partition("orders", 1).leader == 3


@pytest.mark.parametrize(
    ("topic", "error", "message"),
    [
        (CreatableTopic(name=""), errors.InvalidTopic, "Topic name is invalid: the empty string is not allowed"),
        (CreatableTopic(name=".."), errors.InvalidTopic, "Topic name is invalid: '..' is not allowed"),
        (
            CreatableTopic(name="a b"),
            errors.InvalidTopic,
            (
                "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' "
                "and '-'"
            ),
        ),
        (
            CreatableTopic(name="x" * 250),
            errors.InvalidTopic,
            f"Topic name is invalid: the length of '{'x' * 250}' is longer than the max allowed length 249",
        ),
        (CreatableTopic(name="there.is"), errors.TopicAlreadyExists, "Topic 'there.is' already exists."),
        (
            CreatableTopic(name="there_is"),
            errors.InvalidTopic,
            "Topic 'there_is' collides with existing topic: there.is",
        ),
        (
            CreatableTopic(name="__cluster_metadata"),
            errors.InvalidRequest,
            "Creation of internal topic __cluster_metadata is prohibited.",
        ),
        (
            CreatableTopic(name="t", num_partitions=0, replication_factor=1),
            errors.InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value.",
        ),
        (
            CreatableTopic(name="t", num_partitions=1, replication_factor=0),
            errors.InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ),
        (
            CreatableTopic(name="t", num_partitions=1, replication_factor=4),
            errors.InvalidReplicationFactor,
            (
                "Unable to replicate the partition 4 time(s): The target replication factor of 4 cannot be reached "
                "because only 3 broker(s) are registered or some brokers have all their log directories cordoned."
            ),
        ),
        (
            CreatableTopic(name="t", num_partitions=10_001, replication_factor=1),
            errors.PolicyViolation,
            "Excessively large number of partitions per request.",
        ),
        (
            CreatableTopic(
                name="t", num_partitions=1, replication_factor=-1, configs=[CreatableTopicConfig(name="a.b", value="1")]
            ),
            errors.InvalidConfig,
            "Unknown topic config name: a.b",
        ),
        (
            CreatableTopic(
                name="t",
                num_partitions=1,
                replication_factor=-1,
                configs=[CreatableTopicConfig(name="segment.ms", value=None)],
            ),
            errors.InvalidConfig,
            "Null value not supported for topic configs: segment.ms",
        ),
        (
            CreatableTopic(
                name="t",
                num_partitions=1,
                replication_factor=-1,
                configs=[CreatableTopicConfig(name="min.insync.replicas", value="0")],
            ),
            errors.InvalidConfig,
            "Invalid value 0 for configuration min.insync.replicas: Value must be at least 1",
        ),
    ],
)
def test_what_cannot_be_made_is_refused_in_kafkas_words(
    driven: Driven, topic: CreatableTopic, error: type[KafkaError], message: str
) -> None:
    driven.create("there.is")
    (result,) = driven.decide(CreateTopicsRequest(topics=[topic]), 7).topics
    assert (result.error_code, result.error_message) == (error.code, message)
    assert list(driven.image.topics) == ["there.is"]


@pytest.mark.parametrize(
    ("assignments", "changes", "error", "message"),
    [
        (
            [(0, [1])],
            {"replication_factor": 1},
            errors.InvalidRequest,
            "A manual partition assignment was specified, but replication factor was not set to -1.",
        ),
        (
            [(0, [1])],
            {"num_partitions": 1},
            errors.InvalidRequest,
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        ),
        (
            [(0, [1]), (0, [1])],
            {},
            errors.InvalidReplicaAssignment,
            "Found multiple manual partition assignments for partition 0",
        ),
        (
            [(0, [1]), (2, [1])],
            {},
            errors.InvalidReplicaAssignment,
            "partitions should be a consecutive 0-based integer sequence",
        ),
        (
            [(0, [])],
            {},
            errors.InvalidReplicaAssignment,
            "The manual partition assignment includes an empty replica list.",
        ),
        (
            [(0, [1, 9])],
            {},
            errors.InvalidReplicaAssignment,
            "The manual partition assignment includes broker 9, but no such broker is registered.",
        ),
        (
            [(0, [1, 1])],
            {},
            errors.InvalidReplicaAssignment,
            "The manual partition assignment includes the broker 1 more than once.",
        ),
        (
            [(0, [1, 3]), (1, [1])],
            {},
            errors.InvalidReplicaAssignment,
            (
                "The manual partition assignment includes a partition with 1 replica(s), but this is not consistent "
                "with previous partitions, which have 2 replica(s)."
            ),
        ),
        (
            [(0, [2])],
            {},
            errors.InvalidReplicaAssignment,
            (
                "All brokers specified in the manual partition assignment for partition 0 are fenced or in controlled "
                "shutdown."
            ),
        ),
    ],
)
def test_a_manual_assignment_that_cannot_be_is_refused(
    driven: Driven,
    assignments: list[tuple[int, list[int]]],
    changes: dict[str, int],
    error: type[KafkaError],
    message: str,
) -> None:
    driven.lose(2)
    topic = CreatableTopic(
        name="t",
        num_partitions=changes.get("num_partitions", -1),
        replication_factor=changes.get("replication_factor", -1),
        assignments=[CreatableReplicaAssignment(partition_index=n, broker_ids=ids) for n, ids in assignments],
    )
    (result,) = driven.decide(CreateTopicsRequest(topics=[topic]), 7).topics
    assert (result.error_code, result.error_message) == (error.code, message)


def test_topics_of_one_request_succeed_and_fail_on_their_own(driven: Driven) -> None:
    names = ["good", "bad name", "twice", "twice"]
    topics = [CreatableTopic(name=name, num_partitions=1, replication_factor=1) for name in names]
    results = driven.decide(CreateTopicsRequest(topics=topics), 7).topics
    assert [(r.name, r.error_code) for r in results] == [
        ("good", 0),
        ("bad name", errors.InvalidTopic.code),
        ("twice", errors.InvalidRequest.code),
    ]
    assert list(driven.image.topics) == ["good"]


def test_no_topic_is_made_while_all_brokers_are_fenced() -> None:
    driven = Driven(start=False)
    driven.register(1)
    result = driven.create("orders", 1, 1)
    assert result.error_code == errors.InvalidReplicationFactor.code
    assert (result.error_message or "").startswith("Unable to replicate the partition 1 time(s): All brokers are")


def test_names_that_differ_only_in_dots_and_underscores_collide() -> None:
    assert topic_names.FlatNames(["a_b.c"]).colliding("a.b_c") == "a_b.c"
    assert topic_names.FlatNames(["a.b", "ab"]).colliding("a.b") is None
    assert topic_names.FlatNames(["ab", "a.b"]).colliding("ab") is None
