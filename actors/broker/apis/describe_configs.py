"""DescribeConfigs (key 32): the configs of topics and brokers, each value with where it comes from.

Every key that does something in kstore is told, with all the values it has if synonyms are asked for; a broker tells
of itself, and with an empty name of the dynamic defaults of all brokers. Version 3 added types and documentation (none
is kept: the keys are Kafka's, and so is their documentation). Broker loggers, client metrics and groups have no
configs here and are refused.
"""

from __future__ import annotations

from collections.abc import Iterable

from actors.broker.call import Call
from actors.broker.config import BrokerConfig
from actors.broker.config.broker import KEYS as BROKER_KEYS
from actors.broker.config.broker import Source, Sourced
from actors.broker.config.definition import TYPE_CODES, Key, whole_number
from actors.broker.config.implemented import BROKER, DYNAMIC
from actors.broker.config.topic import described, topic_sources
from actors.broker.slices import sliced
from actors.controller import topic_names
from actors.controller.image import ClusterImage, ResourceType
from actors.runtime import Conversation
from actors.runtime.limits import REQUEST_ELEMENTS_MAX
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.describe_configs import (
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
    DescribeConfigsResult,
    DescribeConfigsSynonym,
)

API_KEY = 32
VERSIONS = (1, 4)

RESOURCES_A_TURN = 100
CONFIGS_MAX = REQUEST_ELEMENTS_MAX
"""A request may name one topic time and again, each time for a few bytes."""


def handle(call: Call) -> Conversation:
    """Answers from the node's own image and config."""
    told_of = 0

    def describe(resource: DescribeConfigsResource) -> DescribeConfigsResult:
        nonlocal told_of
        result = DescribeConfigsResult(resource_type=resource.resource_type, resource_name=resource.resource_name)
        try:
            if told_of > CONFIGS_MAX:
                raise errors.PolicyViolation(f"One answer tells of {CONFIGS_MAX} configs: ask for the rest in another.")
            found = configs_of(call, resource)
        except KafkaError as error:
            result.error_code, result.error_message = error.code, error.message
        else:
            wanted = frozenset(resource.configuration_keys or ())
            result.configs = [config for config in found if not wanted or config.name in wanted]
            told_of += len(result.configs)
        return result

    return DescribeConfigsResponse(results=(yield from sliced(call.request.resources, describe, RESOURCES_A_TURN)))


def configs_of(call: Call, resource: DescribeConfigsResource) -> Iterable[DescribeConfigsResourceResult]:
    """All configs of one resource; raises why they can't be told."""
    image: ClusterImage = call.view.image
    name = resource.resource_name
    synonyms: bool = call.request.include_synonyms
    if resource.resource_type == ResourceType.TOPIC:
        topic_names.validate(name)
        if name not in image.topics:
            raise errors.UnknownTopicOrPartition("")
        own = image.topic_config(name)
        return [
            told(key, topic_sources(key.name, own, config_of(call)), read_only=False, synonyms=synonyms)
            for key, _ in described(own, config_of(call))
        ]
    if resource.resource_type == ResourceType.BROKER:
        if not name:
            return defaults_of_all(image, synonyms)
        check_broker(call, name)
        config = config_of(call)
        return [
            told(BROKER_KEYS[key], config.sources(key), read_only=key not in DYNAMIC, synonyms=synonyms)
            for key in sorted(BROKER)
        ]
    raise errors.InvalidRequest(f"Unsupported resource type: {resource.resource_type}")


def check_broker(call: Call, name: str) -> None:
    """A broker tells only of itself."""
    node_id = whole_number(name, 32)
    if node_id is None:
        raise errors.InvalidRequest(f"Broker id must be an integer, but it is: {name}")
    if node_id != call.node.node_id:
        raise errors.InvalidRequest(
            f"Unexpected broker id, expected {call.node.node_id} or empty string, but received {name}"
        )


def config_of(call: Call) -> BrokerConfig:
    """This broker's config with the dynamic values that the image has."""
    image: ClusterImage = call.view.image
    config: BrokerConfig = call.node.config
    return config.with_dynamic(
        image.config(ResourceType.BROKER, ""), image.config(ResourceType.BROKER, str(call.node.node_id))
    )


def defaults_of_all(image: ClusterImage, synonyms: bool) -> list[DescribeConfigsResourceResult]:
    """The dynamic values that were set for all brokers."""
    return [
        told(
            BROKER_KEYS[name],
            [Sourced(name, text, Source.DYNAMIC_DEFAULT_BROKER)],
            read_only=False,
            synonyms=synonyms,
        )
        for name, text in sorted(image.config(ResourceType.BROKER, "").items())
        if name in BROKER_KEYS
    ]


def told(key: Key, sources: list[Sourced], *, read_only: bool, synonyms: bool) -> DescribeConfigsResourceResult:
    """One config of the answer; `sources` are its values, the one that holds first."""
    hidden = key.sensitive
    return DescribeConfigsResourceResult(
        name=key.name,
        value=None if hidden else sources[0].text,
        read_only=read_only,
        config_source=sources[0].source,
        is_sensitive=hidden,
        synonyms=[
            DescribeConfigsSynonym(name=one.name, value=None if hidden else one.text, source=one.source)
            for one in (sources if synonyms else ())
            if one.text is not None
        ],
        config_type=TYPE_CODES[key.type],
        documentation=None,
    )
