"""Topics and the cluster by an admin: made, grown, deleted, listed and described, on every target."""

import pytest
from clients.targets import Target

from actors.clients.errors import SeveralFailed
from kstore import NewPartitions, NewTopic
from kstore.errors import (
    InvalidConfig,
    InvalidPartitions,
    InvalidReplicationFactor,
    InvalidTopic,
    TopicAlreadyExists,
    UnknownTopicOrPartition,
)
from kstore.schema.uuids import ZERO, to_string


def test_a_topic_is_made_as_asked_for_and_found_so(target: Target) -> None:
    admin, name = target.admin(), target.fresh("topic")
    made = admin.create_topics([NewTopic(name, 3, 1, topic_configs={"segment.ms": "70000"})])[name]
    assert (made.num_partitions, made.replication_factor) == (3, 1)
    assert (made.configs["segment.ms"].value, made.configs["segment.ms"].source) == ("70000", "DYNAMIC_TOPIC_CONFIG")
    assert made.topic_id != to_string(ZERO)
    assert name in admin.list_topics()
    (found,) = admin.describe_topics([name])
    assert (found.name, found.topic_id, found.is_internal) == (name, made.topic_id, False)
    assert [each.partition for each in found.partitions] == [0, 1, 2]
    for each in found.partitions:
        assert each.replicas == each.isr == (each.leader,)
        assert (each.leader_epoch, each.offline_replicas) == (0, ())
    assert found in admin.describe_topics()


def test_topics_are_named_in_every_way(target: Target) -> None:
    admin = target.admin()
    plain, told, placed = (target.fresh("topic") for _ in range(3))
    node = admin.describe_cluster().nodes[0].id
    admin.create_topics([plain])
    admin.create_topics(
        {
            told: {"num_partitions": 2, "replication_factor": 1, "configs": {"segment.ms": 70_000}},
            placed: {"assignments": {0: [node], 1: [node]}},
        }
    )
    found = {each.name: each for each in admin.describe_topics([plain, told, placed])}
    assert {name: len(found[name].partitions) for name in (plain, told, placed)} == {plain: 1, told: 2, placed: 2}
    assert {each.replicas for each in found[placed].partitions} == {(node,)}


def test_what_is_only_validated_is_not_made(target: Target) -> None:
    admin, name = target.admin(), target.fresh("topic")
    assert admin.create_topics([NewTopic(name, 3, 1)], validate_only=True)[name].num_partitions == 3
    with pytest.raises(UnknownTopicOrPartition):
        admin.describe_topics([name])


@pytest.mark.parametrize(
    ("topic", "error"),
    [
        (NewTopic("a b", 1, 1), InvalidTopic),
        (NewTopic("t", 0, 1), InvalidPartitions),
        (NewTopic("t", 1, 17), InvalidReplicationFactor),
        (NewTopic("t", 1, 1, topic_configs={"segment.ms": "never"}), InvalidConfig),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_topic_that_cannot_be_is_refused(target: Target, topic: NewTopic, error: type[Exception]) -> None:
    with pytest.raises(error):
        target.admin().create_topics([topic])


def test_a_topic_is_made_once(target: Target) -> None:
    admin, name = target.admin(), target.topic()
    with pytest.raises(TopicAlreadyExists, match=f"Topic '{name}' already exists"):
        admin.create_topics([NewTopic(name, 1, 1)])


def test_of_several_topics_those_are_made_that_can_be(target: Target) -> None:
    admin, known, new = target.admin(), target.topic(), target.fresh("topic")
    with pytest.raises(SeveralFailed, match=f"2 of 3 failed: {known}: TOPIC_ALREADY_EXISTS") as raised:
        admin.create_topics([NewTopic(known, 1, 1), NewTopic(new, 2, 1), NewTopic("", 1, 1)])
    assert {name: type(error) for name, error in raised.value.errors.items()} == {
        known: TopicAlreadyExists,
        "": InvalidTopic,
    }
    assert raised.value.results[new].num_partitions == 2


def test_what_was_deleted_is_gone_and_may_come_again(target: Target) -> None:
    admin, name = target.admin(), target.topic(partitions=2)
    (before,) = admin.describe_topics([name])
    admin.delete_topics([name])
    assert name not in admin.list_topics()
    with pytest.raises(UnknownTopicOrPartition):
        admin.delete_topics([name])
    admin.create_topics([NewTopic(name, 1, 1)])
    (after,) = admin.describe_topics([name])
    assert len(after.partitions) == 1
    assert after.topic_id != before.topic_id


def test_a_topic_grows_but_does_not_shrink(target: Target) -> None:
    admin, name = target.admin(), target.topic(partitions=2)
    node = admin.describe_cluster().nodes[-1].id
    admin.create_partitions({name: 3}, validate_only=True)
    assert len(admin.describe_topics([name])[0].partitions) == 2
    admin.create_partitions({name: 3})
    admin.create_partitions({name: NewPartitions(4, [[node]])})
    admin.create_partitions({name: {"count": 5, "assignments": [[node]]}})
    (found,) = admin.describe_topics([name])
    assert len(found.partitions) == 5
    assert {each.replicas for each in found.partitions[3:]} == {(node,)}
    with pytest.raises(InvalidPartitions):
        admin.create_partitions({name: 1})
    with pytest.raises(UnknownTopicOrPartition):
        admin.create_partitions({target.fresh("topic"): 2})


def test_what_is_not_there_is_named_beside_what_is(target: Target) -> None:
    admin, known, other = target.admin(), target.topic(), target.fresh("topic")
    with pytest.raises(SeveralFailed) as raised:
        admin.describe_topics([known, other])
    assert type(raised.value.errors[other]) is UnknownTopicOrPartition
    assert raised.value.results[known].name == known


def test_the_cluster_is_described(target: Target) -> None:
    found = target.admin().describe_cluster()
    assert len(found.nodes) == target.brokers
    assert found.controller_id in {node.id for node in found.nodes}
    assert [node.id for node in found.nodes] == sorted(node.id for node in found.nodes)
    assert all(node.port > 0 and node.host and not node.fenced for node in found.nodes)
    assert found.cluster_id


def test_leaders_are_elected_where_there_is_need(target: Target) -> None:
    admin, name = target.admin(), target.topic(partitions=2)
    assert admin.elect_leaders("preferred", {name: [0, 1]}) == []
    assert admin.elect_leaders("unclean", [(name, 0)]) == []  # type: ignore[list-item]
    assert admin.elect_leaders("preferred") == []
    with pytest.raises(UnknownTopicOrPartition):
        admin.elect_leaders("preferred", {target.fresh("topic"): [0]})


@pytest.mark.parametrize("call", ["delete_topics", "describe_topics", "create_topics"])
def test_a_text_is_no_list_of_names(target: Target, call: str) -> None:
    with pytest.raises(TypeError, match="takes a list of topics"):
        getattr(target.admin(), call)("orders")
