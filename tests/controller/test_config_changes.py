"""Changing configs of topics and brokers, and handing out producer ids."""

import pytest
from deciding import Driven

from actors.controller.image import ResourceType
from actors.controller.internal_topics import creatable
from kstore import errors
from kstore.errors import KafkaError, StaleBrokerEpoch
from kstore.schema.messages.allocate_producer_ids import AllocateProducerIdsRequest
from kstore.schema.messages.create_topics import CreateTopicsRequest
from kstore.schema.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
)

SET, DELETE, APPEND, SUBTRACT = range(4)


@pytest.fixture
def driven() -> Driven:
    driven = Driven()
    driven.create("orders", segment_ms="1000")
    return driven


def alter(
    driven: Driven,
    *operations: tuple[str, int, str | None],
    kind: int = ResourceType.TOPIC,
    name: str = "orders",
    validate_only: bool = False,
) -> AlterConfigsResourceResponse:
    configs = [AlterableConfig(name=key, config_operation=operation, value=text) for key, operation, text in operations]
    resource = AlterConfigsResource(resource_type=kind, resource_name=name, configs=configs)
    request = IncrementalAlterConfigsRequest(resources=[resource], validate_only=validate_only)
    result: AlterConfigsResourceResponse = driven.decide(request).responses[0]
    return result


def test_configs_are_set_and_deleted_one_by_one(driven: Driven) -> None:
    assert alter(driven, ("min.insync.replicas", SET, "2")).error_code == 0
    assert driven.image.topic_config("orders") == {"segment.ms": "1000", "min.insync.replicas": "2"}
    assert alter(driven, ("segment.ms", DELETE, None), ("flush.ms", SET, "5")).error_code == 0
    assert driven.image.topic_config("orders") == {"min.insync.replicas": "2", "flush.ms": "5"}


def test_what_changes_nothing_writes_nothing(driven: Driven) -> None:
    before = driven.image.offset
    assert alter(driven, ("segment.ms", SET, "1000"), ("flush.ms", DELETE, None)).error_code == 0
    assert driven.image.offset == before


def test_to_validate_only_changes_nothing(driven: Driven) -> None:
    assert alter(driven, ("segment.ms", SET, "7"), validate_only=True).error_code == 0
    assert alter(driven, ("segment.ms", SET, "no"), validate_only=True).error_code == errors.InvalidConfig.code
    assert driven.image.topic_config("orders") == {"segment.ms": "1000"}


def test_lists_are_appended_to_and_subtracted_from(driven: Driven) -> None:
    driven.decide(CreateTopicsRequest(topics=[creatable("__consumer_offsets", driven.machine.state.config)]), 7)
    name = "__consumer_offsets"
    assert alter(driven, ("cleanup.policy", APPEND, "delete"), name=name).error_code == 0
    assert driven.image.topic_config(name)["cleanup.policy"] == "compact,delete"
    assert alter(driven, ("cleanup.policy", SUBTRACT, "compact"), name=name).error_code == 0
    assert driven.image.topic_config(name)["cleanup.policy"] == "delete"


@pytest.mark.parametrize(
    ("operations", "where", "error", "message"),
    [
        (
            [("segment.ms", APPEND, "1")],
            {},
            errors.InvalidConfig,
            "Can't APPEND to key segment.ms because its type is not LIST.",
        ),
        (
            [("segment.ms", SET, "1"), ("segment.ms", SET, "2")],
            {},
            errors.InvalidRequest,
            "Error due to duplicate config keys",
        ),
        ([("segment.ms", SET, None)], {}, errors.InvalidRequest, "Null value not supported for : segment.ms"),
        ([("segment.ms", 9, "1")], {}, errors.InvalidRequest, "Unknown operations type 9"),
        (
            [("segment.ms", SET, "0")],
            {},
            errors.InvalidConfig,
            "Invalid value 0 for configuration segment.ms: Value must be at least 1",
        ),
        (
            [("retention.ms", SET, "5")],
            {},
            errors.InvalidConfig,
            "The topic config retention.ms is one of Apache Kafka's that kstore doesn't implement yet",
        ),
        (
            [("segment.ms", SET, "1")],
            {"name": "none"},
            errors.UnknownTopicOrPartition,
            "The topic 'none' does not exist.",
        ),
        ([("segment.ms", SET, "1")], {"name": ""}, errors.InvalidRequest, "Default topic resources are not allowed."),
        ([("segment.ms", SET, "1")], {"kind": 32}, errors.InvalidRequest, "Unsupported resource type: 32"),
        (
            [("num.partitions", SET, "3")],
            {"kind": 4, "name": ""},
            errors.InvalidRequest,
            "Cannot update these configs dynamically: [num.partitions]",
        ),
        ([("nonsense", SET, "3")], {"kind": 4, "name": ""}, errors.InvalidRequest, "Unknown broker config nonsense"),
        (
            [("message.max.bytes", SET, "-1")],
            {"kind": 4, "name": ""},
            errors.InvalidRequest,
            "Invalid value -1 for configuration message.max.bytes: Value must be at least 0",
        ),
        (
            [("message.max.bytes", SET, "1")],
            {"kind": 4, "name": "one"},
            errors.InvalidRequest,
            "Node id must be an integer, but it is: one",
        ),
    ],
)
def test_a_change_that_cannot_be_is_refused_whole(
    driven: Driven,
    operations: list[tuple[str, int, str | None]],
    where: dict[str, object],
    error: type[KafkaError],
    message: str,
) -> None:
    before = driven.image
    result = alter(driven, *operations, **where)  # type: ignore[arg-type]
    assert (result.error_code, result.error_message) == (error.code, message)
    assert driven.image is before


def test_a_resource_named_twice_is_refused(driven: Driven) -> None:
    resource = AlterConfigsResource(resource_type=2, resource_name="orders", configs=[])
    response = driven.decide(IncrementalAlterConfigsRequest(resources=[resource, resource]))
    assert [r.error_message for r in response.responses] == ["Each resource must appear at most once."] * 2


def test_the_brokers_configs_hold_for_the_controller_from_then_on(driven: Driven) -> None:
    assert alter(driven, ("message.max.bytes", SET, "77"), kind=4, name="").error_code == 0
    assert driven.image.config(ResourceType.BROKER, "") == {"message.max.bytes": "77"}
    found = {config.name: config.value for config in driven.create("users").configs or ()}
    assert found["max.message.bytes"] == "77"
    assert alter(driven, ("message.max.bytes", SET, "78"), kind=4, name="2").error_code == 0
    assert driven.image.config(ResourceType.BROKER, "2") == {"message.max.bytes": "78"}


def test_blocks_of_producer_ids_never_overlap(driven: Driven) -> None:
    starts = []
    for broker in (1, 2, 1):
        request = AllocateProducerIdsRequest(broker_id=broker, broker_epoch=driven.epochs[broker])
        answer = driven.decide(request)
        assert answer.producer_id_len == 1000
        starts.append(answer.producer_id_start)
    assert starts == [0, 1000, 2000]
    assert driven.image.next_producer_id == 3000


def test_producer_ids_go_only_to_brokers_that_are_registered(driven: Driven) -> None:
    with pytest.raises(StaleBrokerEpoch):
        driven.decide(AllocateProducerIdsRequest(broker_id=1, broker_epoch=0))
