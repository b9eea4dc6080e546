"""DescribeConfigs (key 32): the configs of topics, brokers, groups and subscriptions to client metrics, and the levels
of a broker's loggers; each value with where it comes from.

All of Apache Kafka's keys are listed, with all sources of their values if synonyms are asked for. A broker describes
itself or, with an empty name, the dynamic defaults of all brokers. Version 3 added types and documentation, which is
read from disk when first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from actors.broker.call import PAUSE, Call
from actors.broker.config_resources import not_allowed
from actors.broker.identity import identity_of
from actors.config.broker import ConfigSource
from actors.config.definition import whole_number
from actors.config.described import (
    UNKNOWN_TYPE,
    DescribedConfig,
    described_broker,
    described_defaults,
    described_group,
    described_metrics,
    described_topic,
)
from actors.config.documentation import documentation_of
from actors.config.resource_type import ResourceType
from actors.image import topic_names
from actors.image.image import ClusterImage
from actors.node.authorizer import DESCRIBE_CONFIGS
from actors.runtime import Coroutine
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

CONFIGS_A_TURN = 4_000
"""Some ten milliseconds of work."""
RESOURCE_WEIGHT = 20
CONFIGS_MAX = REQUEST_ELEMENTS_MAX
"""With their synonyms: a request may name one topic many times, each for a few bytes."""
CONFIGS_DOCUMENTED_MAX = 20_000
"""The text of a key is some 300 bytes."""


MadeConfigs = dict[tuple[int, frozenset[str]], tuple[Sequence[DescribedConfig], list[DescribeConfigsResourceResult]]]
"""Results for configs of earlier resources, by the identity of the configs: topics with equal configs share them."""


def handle(call: Call) -> Coroutine:
    """Answer from the node's own image and config."""
    results: list[DescribeConfigsResult] = []
    hidden: list[DescribeConfigsResult] = []
    made: MadeConfigs = {}
    told_of = in_turn = 0
    told_of_max = CONFIGS_DOCUMENTED_MAX if call.request.include_documentation else CONFIGS_MAX
    for resource in call.request.resources:
        if in_turn > CONFIGS_A_TURN:
            yield PAUSE
            in_turn = 0
        result = DescribeConfigsResult(resource_type=resource.resource_type, resource_name=resource.resource_name)
        refusal = not_allowed(call, DESCRIBE_CONFIGS, resource.resource_type, resource.resource_name)
        if refusal is not None:
            result.error_code, result.error_message = refusal.code, refusal.message
            in_turn += RESOURCE_WEIGHT
            hidden.append(result)
            continue
        try:
            if told_of > told_of_max:
                raise errors.PolicyViolation(f"One answer tells of {told_of_max} configs: ask for the rest in another.")
            result.configs = configs_of(call, resource, made)
        except KafkaError as error:
            result.error_code, result.error_message = error.code, error.message
        weight = sum(1 + len(config.synonyms) for config in result.configs)
        told_of += weight
        in_turn += RESOURCE_WEIGHT + weight
        results.append(result)
    return DescribeConfigsResponse(results=results + hidden)


def configs_of(call: Call, resource: DescribeConfigsResource, made: MadeConfigs) -> list[DescribeConfigsResourceResult]:
    """The requested configs of one resource; raises an error if they can't be described."""
    wanted = frozenset(resource.configuration_keys or ())
    found = found_configs(call, resource)
    known = made.get((id(found), wanted))
    if known is not None:
        return known[1]
    texts: Mapping[str, str] = {}
    if call.request.include_documentation:
        texts = documentation_of(resource.resource_type)
    untold = "" if resource.resource_type == ResourceType.BROKER_LOGGER else None
    configs = [
        told(each, synonyms=call.request.include_synonyms, documentation=texts.get(each.name, untold))
        for each in found
        if not wanted or each.name in wanted
    ]
    made[id(found), wanted] = found, configs
    return configs


def found_configs(call: Call, resource: DescribeConfigsResource) -> Sequence[DescribedConfig]:
    """All configs of one resource; raises an error if they can't be described."""
    image: ClusterImage = call.view.image
    name = resource.resource_name
    if resource.resource_type == ResourceType.TOPIC:
        topic_names.validate(name)
        if name not in image.topics:
            raise errors.UnknownTopicOrPartition("")
        return described_topic(image.topic_config(name), call.view.config)
    if resource.resource_type == ResourceType.BROKER:
        if not name:
            return described_defaults(image.config(ResourceType.BROKER, ""))
        check_broker(call, name)
        return described_broker(call.view.config, identity_of(call))
    if resource.resource_type == ResourceType.CLIENT_METRICS:
        if not name:
            raise errors.InvalidRequest("Client metrics subscription name must not be empty")
        return described_metrics(image.config(ResourceType.CLIENT_METRICS, name))
    if resource.resource_type == ResourceType.GROUP:
        if not name:
            raise errors.InvalidRequest("Group name must not be empty")
        return described_group(image.config(ResourceType.GROUP, name), call.view.config)
    if resource.resource_type == ResourceType.BROKER_LOGGER:
        return described_loggers(call, name)
    raise errors.InvalidRequest(f"Unsupported resource type: {resource.resource_type}")


def described_loggers(call: Call, name: str) -> list[DescribedConfig]:
    """The levels of a broker's loggers, which have no type."""
    from actors.broker.loggers import levels

    if not name:
        raise errors.InvalidRequest("Broker id must not be empty")
    check_broker(call, name, or_empty="")
    return [
        DescribedConfig(each, level, ConfigSource.BROKER_LOGGER, False, False, UNKNOWN_TYPE, ())
        for each, level in sorted(levels().items())
    ]


def check_broker(call: Call, name: str, or_empty: str = " or empty string,") -> None:
    """Raise unless the resource is this broker: a broker describes only itself."""
    node_id = whole_number(name, 32)
    if node_id is None:
        raise errors.InvalidRequest(f"Broker id must be an integer, but it is: {name}")
    if node_id != call.node.node_id:
        raise errors.InvalidRequest(f"Unexpected broker id, expected {call.node.node_id}{or_empty} but received {name}")


def told(found: DescribedConfig, *, synonyms: bool, documentation: str | None) -> DescribeConfigsResourceResult:
    """One config of the response."""
    return DescribeConfigsResourceResult(
        name=found.name,
        value=found.value,
        read_only=found.read_only,
        config_source=found.source,
        is_sensitive=found.sensitive,
        synonyms=[
            DescribeConfigsSynonym(name=one.name, value=one.text, source=one.source)
            for one in (found.synonyms if synonyms else ())
        ],
        config_type=found.type_code,
        documentation=documentation,
    )
