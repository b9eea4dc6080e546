"""Changing configs of topics and brokers, and handing out producer ids."""

from typing import Any

import pytest
from controller.deciding import Driven

from actors.config.resource_type import ResourceType
from actors.image.internal_topics import creatable
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


def test_what_cannot_be_set_can_be_deleted(driven: Driven) -> None:
    for name in ("num.partitions", "nonsense"):
        assert alter(driven, (name, DELETE, None), kind=4, name="").error_code == 0


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("max.connections", "0", "Invalid max.connections 0"),
        ("max.connection.creation.rate", " 0 ", "Invalid max.connection.creation.rate 0"),
        ("max.connections.per.ip.overrides", "x", "it takes address:number, as in 127.0.0.1:200"),
    ],
)
def test_what_would_lock_all_clients_out_or_bounds_nobody_is_refused(
    driven: Driven, name: str, text: str, why: str
) -> None:
    answer = alter(driven, (name, SET, text), kind=4, name="")
    assert answer.error_code == errors.InvalidRequest.code
    assert answer.error_message is not None
    assert why in answer.error_message
    assert driven.image.config(ResourceType.BROKER, "") == {}


def test_a_part_is_appended_once_and_taken_away_as_often_as_it_is_named(driven: Driven) -> None:
    key = "leader.replication.throttled.replicas"
    assert alter(driven, (key, SET, "0:1,1:1,0:1")).error_code == 0
    assert alter(driven, (key, APPEND, "1:1,2:1,2:1")).error_code == 0
    assert driven.image.topic_config("orders")[key] == "0:1,1:1,0:1,2:1"
    assert alter(driven, (key, SUBTRACT, "0:1,3:1")).error_code == 0
    assert driven.image.topic_config("orders")[key] == "1:1,0:1,2:1"


def test_a_value_that_is_too_long_is_refused_before_it_is_taken_apart(driven: Driven) -> None:
    for operation in (SET, APPEND, SUBTRACT):
        answer = alter(driven, ("leader.replication.throttled.replicas", operation, "0:1," * 9_000))
        assert answer.error_code == errors.InvalidConfig.code
        assert "exceeds the maximum value size of 32767 bytes" in (answer.error_message or "")


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
            [("retention.ms", SET, "-5")],
            {},
            errors.InvalidConfig,
            "Invalid value -5 for configuration retention.ms: Value must be at least -1",
        ),
        (
            [("min.compaction.lag.ms", SET, "5"), ("max.compaction.lag.ms", SET, "4")],
            {},
            errors.InvalidConfig,
            "conflict topic config setting min.compaction.lag.ms (5) > max.compaction.lag.ms (4)",
        ),
        (
            [("segment.ms", SET, "1")],
            {"name": "none"},
            errors.UnknownTopicOrPartition,
            "The topic 'none' does not exist.",
        ),
        ([("segment.ms", SET, "1")], {"name": ""}, errors.InvalidRequest, "Default topic resources are not allowed."),
        ([("segment.ms", SET, "1")], {"kind": 8}, errors.InvalidRequest, "Unknown resource type 8"),
        (
            [("session.timeout.ms", SET, "1")],
            {"kind": 32},
            errors.InvalidConfig,
            "Unknown group config name: session.timeout.ms (did you mean share.session.timeout.ms?)",
        ),
        (
            [("consumer.session.timeout.ms", SET, "1")],
            {"kind": 32},
            errors.InvalidConfig,
            "consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive.",
        ),
        (
            [("streams.num.standby.replicas", SET, "9")],
            {"kind": 32},
            errors.InvalidConfig,
            "streams.num.standby.replicas must be less than or equal to 2",
        ),
        (
            [("streams.task.offset.interval.ms", SET, "9")],
            {"kind": 32},
            errors.InvalidConfig,
            "streams.task.offset.interval.ms must be greater than or equal to 15000",
        ),
        (
            [("streams.assignor.name", SET, "none")],
            {"kind": 32},
            errors.InvalidConfig,
            "streams.assignor.name 'none' is not a registered task assignor. Registered assignors are: [sticky].",
        ),
        (
            [("errors.deadletterqueue.topic.name", SET, "__letters")],
            {"kind": 32},
            errors.InvalidConfig,
            "errors.deadletterqueue.topic.name: DLQ topic name must not start with '__'",
        ),
        (
            [("share.auto.offset.reset", SET, "by_duration:-PT1H")],
            {"kind": 32},
            errors.InvalidConfig,
            (
                "Invalid value by_duration:-PT1H for configuration share.auto.offset.reset: Invalid value "
                "`by_duration:-PT1H` for configuration share.auto.offset.reset. The value must be either 'earliest', "
                "'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
            ),
        ),
        (
            [("share.isolation.level", SET, "read_committed")],
            {"kind": 32, "name": ""},
            errors.InvalidRequest,
            "Default group resources are not allowed.",
        ),
        (
            [("interval.ms", SET, "99")],
            {"kind": 16},
            errors.InvalidRequest,
            "Invalid value 99 for interval.ms, interval must be between 100 and 3600000 (1 hour)",
        ),
        (
            [("match", SET, "client_name=a")],
            {"kind": 16},
            errors.InvalidConfig,
            "Illegal client matching pattern: client_name=a",
        ),
        (
            [("match", SET, "client_id=(")],
            {"kind": 16},
            errors.InvalidConfig,
            "Illegal client matching pattern: client_id=(",
        ),
        (
            [("metrics", APPEND, "*")],
            {"kind": 16},
            errors.InvalidConfig,
            "Can't APPEND to key metrics because its type is not LIST.",
        ),
        (
            [("metrics", SET, "*")],
            {"kind": 16, "name": ""},
            errors.InvalidRequest,
            "Subscription name can't be empty",
        ),
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
            [("sasl.enabled.mechanisms", SET, "PLAIN")],
            {"kind": 4, "name": "1"},
            errors.InvalidRequest,
            (
                "The broker config sasl.enabled.mechanisms can't be set: security isn't implemented yet: listeners are "
                "PLAINTEXT, and every client may do everything"
            ),
        ),
        (
            [("node.id", SET, "7")],
            {"kind": 4, "name": "1"},
            errors.InvalidRequest,
            "The broker config node.id can't be set: use --node-ids, or Cluster(node_ids=...)",
        ),
        (
            [("log.cleaner.threads", SET, "1000")],
            {"kind": 4, "name": ""},
            errors.InvalidRequest,
            "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.",
        ),
        (
            [("num.io.threads", SET, "17")],
            {"kind": 4, "name": "1"},
            errors.InvalidRequest,
            (
                "Dynamic thread count update validation failed for num.io.threads=17, value should not be greater than "
                "double the current value 8"
            ),
        ),
        (
            [("cordoned.log.dirs", SET, "")],
            {"kind": 4, "name": ""},
            errors.InvalidRequest,
            ("Cannot update these configs at default cluster level, broker id must be specified: [cordoned.log.dirs]"),
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
    where: dict[str, Any],
    error: type[KafkaError],
    message: str,
) -> None:
    before = driven.image
    result = alter(driven, *operations, **where)
    assert (result.error_code, result.error_message) == (error.code, message)
    assert driven.image is before


def test_groups_and_client_metrics_have_configs(driven: Driven) -> None:
    changes = ("share.auto.offset.reset", SET, "by_duration:P1DT2H"), ("consumer.session.timeout.ms", SET, "50000")
    assert alter(driven, *changes, kind=ResourceType.GROUP, name="shipping").error_code == 0
    assert driven.image.config(ResourceType.GROUP, "shipping") == {name: text for name, _, text in changes}
    changes = ("match", SET, "client_id = web-.*,client_source_port=9.*"), ("metrics", SET, "org.apache.kafka.")
    assert alter(driven, *changes, kind=ResourceType.CLIENT_METRICS, name="all").error_code == 0
    assert driven.image.config(ResourceType.CLIENT_METRICS, "all") == {name: text for name, _, text in changes}
    assert alter(driven, ("metrics", DELETE, None), ("match", DELETE, None), kind=16, name="all").error_code == 0
    assert driven.image.config(ResourceType.CLIENT_METRICS, "all") == {}


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
