"""Cases of DescribeConfigs, IncrementalAlterConfigs, AlterConfigs and ListConfigResources."""

from __future__ import annotations

from typing import Any

from matrix.case import Talk, case

from actors.broker.config.implemented import BROKER, TOPIC
from kstore.schema.messages.alter_configs import AlterableConfig as Replaced
from kstore.schema.messages.alter_configs import AlterConfigsRequest
from kstore.schema.messages.alter_configs import AlterConfigsResource as ReplacedResource
from kstore.schema.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kstore.schema.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from kstore.schema.messages.list_config_resources import ListConfigResourcesRequest

DESCRIBE_CONFIGS, ALTER_CONFIGS, INCREMENTAL_ALTER_CONFIGS, LIST_CONFIG_RESOURCES = 32, 33, 44, 74
TOPICS, BROKERS, LOGGERS = 2, 4, 8
SET, DELETE, APPEND, SUBTRACT = range(4)
DEFAULT = "4096"
"""Of log.index.interval.bytes."""


def describe(kind: int, name: str, keys: list[str] | None = None, **fields: Any) -> DescribeConfigsRequest:
    resource = DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=keys)
    return DescribeConfigsRequest(**{"resources": [resource], "include_synonyms": True, **fields})


@case(DESCRIBE_CONFIGS, "of a topic")
def _(talk: Talk) -> None:
    topic = talk.topic("configs-described", segment_ms="5000", max_message_bytes="2000")
    talk.ask(describe(TOPICS, topic.name, sorted(TOPIC)), "all that kstore knows")
    talk.ask(describe(TOPICS, topic.name, ["segment.ms", "flush.ms"]), "two keys")
    talk.ask(describe(TOPICS, topic.name, ["segment.ms"], include_synonyms=False), "without synonyms")
    talk.ask(describe(TOPICS, topic.name, ["segment.ms", "segment.ms"]), "one key twice")
    talk.ask(describe(TOPICS, topic.name, ["no.such.key"]), "no such key")
    talk.ask(describe(TOPICS, topic.name, []), "no keys")
    talk.ask(describe(TOPICS, topic.name, ["segment.ms"]), "by the other node", node=2)
    if talk.version >= 3:
        talk.ask(describe(TOPICS, topic.name, ["segment.ms"], include_documentation=True), "with documentation")


@case(DESCRIBE_CONFIGS, "of a broker")
def _(talk: Talk) -> None:
    talk.ask(describe(BROKERS, "1", sorted(BROKER)), "all that kstore knows")
    talk.ask(describe(BROKERS, ""), "of all brokers")
    talk.ask(describe(BROKERS, "2"), "of another broker")
    talk.ask(describe(BROKERS, "one"), "of a broker without a number")
    talk.ask(describe(BROKERS, "2", ["num.partitions"]), "by the other node", node=2)


@case(DESCRIBE_CONFIGS, "of what isn't there")
def _(talk: Talk) -> None:
    topic = talk.topic("configs-described", segment_ms="5000", max_message_bytes="2000")
    talk.ask(describe(TOPICS, "nowhere"), "no such topic")
    talk.ask(describe(TOPICS, "a b"), "no possible topic")
    talk.ask(describe(TOPICS, ""), "a topic without a name")
    for kind in (0, 1, 3, 99, -1):
        talk.ask(describe(kind, "x"), f"resource type {kind}", via=str(kind))
    two = describe(TOPICS, topic.name, ["segment.ms"])
    two.resources = [*two.resources, *two.resources, *describe(TOPICS, "nowhere").resources]
    talk.ask(two, "one twice, and one that isn't there")
    talk.ask(DescribeConfigsRequest(resources=[]), "nothing")


def alter(kind: int, name: str, *operations: tuple[str, int, str | None], **fields: Any) -> Any:
    configs = [AlterableConfig(name=key, config_operation=op, value=text) for key, op, text in operations]
    resource = AlterConfigsResource(resource_type=kind, resource_name=name, configs=configs)
    return IncrementalAlterConfigsRequest(resources=[resource], **fields)


@case(INCREMENTAL_ALTER_CONFIGS, "of a topic")
def _(talk: Talk) -> None:
    name = talk.topic(talk.fresh("t"), segment_ms="5000").name
    talk.ask(alter(TOPICS, name, ("flush.ms", SET, "77"), ("segment.ms", DELETE, None)), "set and delete")
    talk.ask(alter(TOPICS, name, ("segment.ms", DELETE, None)), "delete what isn't set")
    talk.ask(alter(TOPICS, name, ("segment.ms", APPEND, "1")), "append to no list")
    talk.ask(alter(TOPICS, name, ("segment.ms", SUBTRACT, "1")), "subtract from no list")
    talk.ask(alter(TOPICS, name, ("segment.ms", 9, "1")), "no such operation", via="operation")
    talk.ask(alter(TOPICS, name, ("segment.ms", SET, None)), "set to null")
    talk.ask(alter(TOPICS, name, ("segment.ms", SET, "")), "set to nothing")
    talk.ask(alter(TOPICS, name, ("segment.ms", SET, "1"), ("segment.ms", DELETE, None)), "one key twice")
    talk.ask(alter(TOPICS, name, ("segment.ms", SET, "0")), "a wrong value")
    talk.ask(alter(TOPICS, name, ("no.such.key", SET, "1")), "an unknown key")
    talk.ask(alter(TOPICS, name, ("", SET, "1")), "a key without a name")
    talk.ask(alter(TOPICS, name), "nothing of it")
    talk.ask(alter(TOPICS, name, ("flush.ms", SET, "5"), validate_only=True), "only validated")
    talk.settle(describe(TOPICS, name, ["flush.ms"]), lambda answer: answer.results[0].configs[0].value == "77")
    talk.ask(describe(TOPICS, name, ["flush.ms", "segment.ms"]), "what it is now")


@case(INCREMENTAL_ALTER_CONFIGS, "of what isn't there")
def _(talk: Talk) -> None:
    topic = talk.topic("configs-altered")
    talk.ask(alter(TOPICS, "nowhere", ("segment.ms", SET, "1")), "no such topic")
    talk.ask(alter(TOPICS, "a b", ("segment.ms", SET, "1")), "no possible topic")
    talk.ask(alter(TOPICS, "", ("segment.ms", SET, "1")), "a topic without a name")
    for kind in (0, 1, 3, 99):
        talk.ask(alter(kind, "x", ("segment.ms", SET, "1")), f"resource type {kind}", via=str(kind))
    both = alter(TOPICS, topic.name, ("flush.ms", SET, "1"))
    both.resources = both.resources * 2
    talk.ask(both, "one topic twice")
    talk.ask(IncrementalAlterConfigsRequest(resources=[]), "nothing")


@case(INCREMENTAL_ALTER_CONFIGS, "of brokers")
def _(talk: Talk) -> None:
    talk.ask(alter(BROKERS, "", ("log.index.interval.bytes", SET, "7000")), "of all")
    talk.ask(alter(BROKERS, "1", ("log.index.interval.bytes", SET, "6000")), "of one")
    wanted = describe(BROKERS, "1", ["log.index.interval.bytes"])
    talk.settle(wanted, lambda answer: answer.results[0].configs[0].value == "6000")
    talk.ask(wanted, "what it is now")
    talk.ask(alter(BROKERS, "2", ("log.index.interval.bytes", SET, "1")), "of the other one, asked of this")
    talk.ask(alter(BROKERS, "9", ("log.index.interval.bytes", SET, "1")), "of a stranger")
    talk.ask(alter(BROKERS, "one", ("log.index.interval.bytes", SET, "1")), "of a broker without a number")
    talk.ask(alter(BROKERS, "", ("log.index.interval.bytes", SET, "-1")), "a wrong value")
    talk.ask(alter(BROKERS, "", ("num.partitions", SET, "3")), "read-only")
    talk.ask(alter(BROKERS, "", ("no.such.key", SET, "3")), "an unknown key")
    for name in ("", "1", "2"):
        talk.quietly(alter(BROKERS, name, ("log.index.interval.bytes", DELETE, None)))
    for node in (1, 2):
        wanted = describe(BROKERS, str(node), ["log.index.interval.bytes"])
        talk.settle(wanted, lambda answer: answer.results[0].configs[0].value == DEFAULT, node=node)


def replace(kind: int, name: str, *settings: tuple[str, str | None], **fields: Any) -> AlterConfigsRequest:
    configs = [Replaced(name=key, value=text) for key, text in settings]
    resource = ReplacedResource(resource_type=kind, resource_name=name, configs=configs)
    return AlterConfigsRequest(resources=[resource], **fields)


@case(ALTER_CONFIGS, "of a topic")
def _(talk: Talk) -> None:
    name = talk.topic(talk.fresh("t"), segment_ms="5000").name
    talk.ask(replace(TOPICS, name, ("flush.ms", "77")), "all but one")
    wanted = describe(TOPICS, name, ["flush.ms", "segment.ms"])
    talk.settle(wanted, lambda answer: {c.name: c.value for c in answer.results[0].configs}["flush.ms"] == "77")
    talk.ask(wanted, "what it is now")
    talk.ask(replace(TOPICS, name, ("flush.ms", None)), "set to null")
    talk.ask(replace(TOPICS, name, ("flush.ms", "-5")), "a wrong value")
    talk.ask(replace(TOPICS, name, ("no.such.key", "5")), "an unknown key")
    talk.ask(replace(TOPICS, name, ("flush.ms", "5"), ("flush.ms", "6")), "one key twice")
    talk.ask(replace(TOPICS, name, ("flush.ms", "5"), validate_only=True), "only validated")
    talk.ask(replace(TOPICS, "nowhere", ("flush.ms", "5")), "no such topic")
    talk.ask(replace(TOPICS, "a b", ("flush.ms", "5")), "no possible topic")
    talk.ask(replace(99, "x", ("flush.ms", "5")), "no such resource type", via="kind")
    talk.ask(replace(BROKERS, "one", ("log.index.interval.bytes", "5")), "of a broker without a number")
    talk.ask(replace(TOPICS, name), "nothing is left")
    talk.ask(AlterConfigsRequest(resources=[]), "nothing")


@case(ALTER_CONFIGS, "of brokers")
def _(talk: Talk) -> None:
    talk.ask(replace(BROKERS, "2", ("log.index.interval.bytes", "5000")), "of the other one, asked of this")
    talk.ask(replace(BROKERS, "", ("log.index.interval.bytes", "-5")), "a wrong value")
    talk.ask(replace(BROKERS, "", ("num.partitions", "3")), "read-only")


@case(LIST_CONFIG_RESOURCES, "right and wrong")
def _(talk: Talk) -> None:
    for kinds in ([], [16], [99], [TOPICS]) if talk.version else ([],):
        talk.ask(ListConfigResourcesRequest(resource_types=kinds), f"types {kinds}", via=str(kinds))
