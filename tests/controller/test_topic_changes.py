"""Deleting topics and adding partitions to them: what changes, what is refused, and in Kafka's words."""

import pytest
from controller.deciding import Driven

from actors.config.resource_type import ResourceType
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)
from kstore.schema.messages.delete_topics import (
    DeletableTopicResult,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DeleteTopicState,
)


@pytest.fixture
def driven() -> Driven:
    return Driven()


def delete(driven: Driven, *topics: DeleteTopicState, version: int = 6) -> list[DeletableTopicResult]:
    response: DeleteTopicsResponse = driven.decide(DeleteTopicsRequest(topics=list(topics)), version)
    return response.responses


def test_a_topic_is_deleted_by_name_or_by_id_with_its_configs(driven: Driven) -> None:
    driven.create("a", segment_ms="1000")
    by_id = driven.create("b").topic_id
    results = delete(driven, DeleteTopicState(name="a"), DeleteTopicState(topic_id=by_id))
    assert [(r.name, r.error_code) for r in results] == [("a", 0), ("b", 0)]
    assert (dict(driven.image.topics), driven.image.config(ResourceType.TOPIC, "a")) == ({}, {})


def test_older_versions_delete_by_name(driven: Driven) -> None:
    driven.create("a")
    response = driven.decide(DeleteTopicsRequest(topic_names=["a", "b"]), 5)
    assert [(r.name, r.error_code) for r in response.responses] == [("a", 0), ("b", 3)]
    assert not driven.image.topics


def test_a_topic_made_again_has_another_id(driven: Driven) -> None:
    first = driven.create("a").topic_id
    delete(driven, DeleteTopicState(name="a"))
    assert driven.create("a").topic_id != first


@pytest.mark.parametrize(
    ("states", "codes"),
    [
        ([DeleteTopicState(name="zzz")], [errors.UnknownTopicOrPartition.code]),
        ([DeleteTopicState(topic_id=b"z" * 16)], [errors.UnknownTopicId.code]),
        ([DeleteTopicState()], [errors.InvalidRequest.code]),
        ([DeleteTopicState(name="a", topic_id=b"z" * 16)], [errors.InvalidRequest.code]),
        ([DeleteTopicState(name="a"), DeleteTopicState(name="a")], [errors.InvalidRequest.code]),
    ],
)
def test_a_topic_that_is_asked_for_wrongly_stays(
    driven: Driven, states: list[DeleteTopicState], codes: list[int]
) -> None:
    driven.create("a")
    assert [result.error_code for result in delete(driven, *states)] == codes
    assert list(driven.image.topics) == ["a"]


def test_a_topic_asked_for_by_id_and_by_name_stays_and_is_told_of_once(driven: Driven) -> None:
    topic_id = driven.create("a").topic_id
    (result,) = delete(driven, DeleteTopicState(topic_id=topic_id), DeleteTopicState(name="a"))
    assert (result.name, result.topic_id, result.error_code) == ("a", topic_id, errors.InvalidRequest.code)
    assert list(driven.image.topics) == ["a"]


def test_deletion_can_be_switched_off() -> None:
    driven = Driven(delete_topic_enable="false")
    driven.create("a")
    assert delete(driven, DeleteTopicState(name="a"))[0].error_code == errors.TopicDeletionDisabled.code


def add(driven: Driven, name: str, count: int, *assignments: list[int], **wishes: bool) -> CreatePartitionsTopicResult:
    topic = CreatePartitionsTopic(
        name=name,
        count=count,
        assignments=[CreatePartitionsAssignment(broker_ids=ids) for ids in assignments] or None,
    )
    response = driven.decide(CreatePartitionsRequest(topics=[topic], **wishes))
    result: CreatePartitionsTopicResult = response.results[0]
    return result


def test_partitions_are_added_with_as_many_replicas_as_the_first_has(driven: Driven) -> None:
    driven.create("a", 1, 2)
    first = driven.partition("a")
    assert add(driven, "a", 3).error_code == 0
    assert driven.partition("a") == first
    assert [len(p.replicas) for p in driven.image.topics["a"].partitions.values()] == [2, 2, 2]
    assert add(driven, "a", 4, [3, 1]).error_code == 0
    assert driven.partition("a", 3).replicas == (3, 1)
    assert add(driven, "a", 9, validate_only=True).error_code == 0
    assert len(driven.image.topics["a"].partitions) == 4


@pytest.mark.parametrize(
    ("name", "count", "assignments", "error", "message"),
    [
        ("zzz", 3, (), errors.UnknownTopicOrPartition, None),
        ("a", 2, (), errors.InvalidPartitions, "Topic already has 2 partition(s)."),
        ("a", 1, (), errors.InvalidPartitions, "The topic a currently has 2 partition(s); 1 would not be an increase."),
        (
            "a",
            4,
            ([1, 2],),
            errors.InvalidReplicaAssignment,
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
        ),
        (
            "a",
            3,
            ([1],),
            errors.InvalidReplicaAssignment,
            (
                "The manual partition assignment includes a partition with 1 replica(s), but this is not consistent "
                "with previous partitions, which have 2 replica(s)."
            ),
        ),
    ],
)
def test_partitions_that_cannot_be_added_are_refused(
    driven: Driven,
    name: str,
    count: int,
    assignments: tuple[list[int], ...],
    error: type[KafkaError],
    message: str | None,
) -> None:
    driven.create("a", 2, 2)
    result = add(driven, name, count, *assignments)
    assert result.error_code == error.code
    assert message in (None, result.error_message)
    assert len(driven.image.topics["a"].partitions) == 2
