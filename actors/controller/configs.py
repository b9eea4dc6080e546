"""Changing the configs of topics and brokers: set, delete, append to and subtract from a list, or replace them all.

Topic configs are checked as at creation. Of the broker configs those can be changed that Kafka lets change while it
runs, that kstore implements, and whose change is seen by those who use them. Errors are those of Kafka's
ConfigAdminManager and ConfigurationControlManager; each resource succeeds or fails whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from actors.broker.config import ConfigError, validate_topic_configs
from actors.broker.config.broker import KEYS as BROKER_KEYS
from actors.broker.config.broker import check_setting, implemented_key
from actors.broker.config.definition import whole_number
from actors.broker.config.implemented import DYNAMIC
from actors.broker.config.topic import KEYS as TOPIC_KEYS
from actors.controller import topic_names
from actors.controller.image import ResourceType
from actors.controller.state import ControllerState, Decision
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages import alter_configs
from kstore.schema.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)
from kstore.schema.messages.metadata_records import ConfigRecord

SET, DELETE, APPEND, SUBTRACT = range(4)
OPERATIONS = ("SET", "DELETE", "APPEND", "SUBTRACT")
VALUE_BYTES_MAX = 32767
CONFIGS_MAX = 1_000
"""How many configs a wish for one resource may name: more than there are keys, and little enough for one turn."""
WITHOUT_CONFIGS = (8, 16, 32)
"""Kinds of resources that have configs in Kafka: broker loggers, client metrics, groups."""

Resource = Any
"""An `AlterConfigsResource`, of the incremental request or of the old one."""


def alter(state: ControllerState, request: IncrementalAlterConfigsRequest) -> Decision:
    """IncrementalAlterConfigs; with `validate_only`, only the answers."""
    records: list[ConfigRecord] = []
    results: list[AlterConfigsResourceResponse] = []
    for resource, error in judged(state, request.resources, altered, records):
        result = AlterConfigsResourceResponse(
            error_message=None, resource_type=resource.resource_type, resource_name=resource.resource_name
        )
        if error is not None:
            result.error_code, result.error_message = error.code, error.message
        results.append(result)
    response = IncrementalAlterConfigsResponse(responses=results)
    return Decision([] if request.validate_only else list(records), response)


def replace(state: ControllerState, request: alter_configs.AlterConfigsRequest) -> Decision:
    """AlterConfigs, which gives each resource the configs that it names and takes all others from it."""
    records: list[ConfigRecord] = []
    results: list[alter_configs.AlterConfigsResourceResponse] = []
    for resource, error in judged(state, request.resources, replaced, records):
        result = alter_configs.AlterConfigsResourceResponse(
            error_message=None, resource_type=resource.resource_type, resource_name=resource.resource_name
        )
        if error is not None:
            result.error_code, result.error_message = error.code, error.message
        results.append(result)
    response = alter_configs.AlterConfigsResponse(responses=results)
    return Decision([] if request.validate_only else list(records), response)


def judged(
    state: ControllerState,
    resources: Sequence[Resource],
    change: Callable[[ControllerState, Resource], list[ConfigRecord]],
    records: list[ConfigRecord],
) -> Iterator[tuple[Resource, KafkaError | None]]:
    """Each resource with what is wrong with the wish for it; the records of those that are right are collected."""
    times = Counter((resource.resource_type, resource.resource_name) for resource in resources)
    for resource in resources:
        try:
            if times[resource.resource_type, resource.resource_name] > 1:
                raise errors.InvalidRequest("Each resource must appear at most once.")
            if len(resource.configs) > CONFIGS_MAX:
                raise errors.InvalidRequest(f"{len(resource.configs)} configs of one resource; at most {CONFIGS_MAX}")
            records += change(state, resource)
        except KafkaError as error:
            yield resource, error
        else:
            yield resource, None


def altered(state: ControllerState, resource: AlterConfigsResource) -> list[ConfigRecord]:
    """The records that change one resource; raises what is wrong with the wish."""
    check_names(resource, [c.name for c in resource.configs if c.value is None and c.config_operation != DELETE])
    present = dict(state.image.config(resource.resource_type, resource.resource_name))
    wanted = dict(present)
    for config in resource.configs:
        value = operated(resource, config, wanted.get(config.name))
        if value is None:
            wanted.pop(config.name, None)
        else:
            wanted[config.name] = value
    names = [config.name for config in resource.configs]
    check(state, resource, wanted, set(names))
    return changes(resource, names, present, wanted)


def replaced(state: ControllerState, resource: alter_configs.AlterConfigsResource) -> list[ConfigRecord]:
    """The records that give one resource these configs and no others; raises what is wrong with the wish."""
    check_names(resource, [config.name for config in resource.configs if config.value is None])
    present = state.image.config(resource.resource_type, resource.resource_name)
    wanted = {config.name: config.value for config in resource.configs if config.value is not None}
    check(state, resource, wanted, set(wanted))
    gone = [name for name in present if name not in wanted]
    return changes(resource, [*wanted, *gone], present, wanted)


def changes(
    resource: Resource, names: Iterable[str], present: Mapping[str, str], wanted: Mapping[str, str]
) -> list[ConfigRecord]:
    """The records of those configs of a resource that become others."""
    return [
        ConfigRecord(
            resource_type=resource.resource_type,
            resource_name=resource.resource_name,
            name=name,
            value=wanted.get(name),
        )
        for name in names
        if wanted.get(name) != present.get(name)
    ]


def check_names(resource: Resource, without_value: list[str]) -> None:
    """Raises what is wrong with the configs that a wish names."""
    if max(Counter(config.name for config in resource.configs).values(), default=0) > 1:
        raise errors.InvalidRequest("Error due to duplicate config keys")
    if without_value:
        raise errors.InvalidRequest(f"Null value not supported for : {','.join(without_value)}")


def operated(resource: AlterConfigsResource, config: AlterableConfig, present: str | None) -> str | None:
    """The value of a config after one operation; None when it is to be unset."""
    match config.config_operation:
        case 0:
            return config.value
        case 1:
            return None
        case 2 | 3:
            keys = TOPIC_KEYS if resource.resource_type == ResourceType.TOPIC else BROKER_KEYS
            key = keys.get(config.name)
            if key is None or key.type != "LIST":
                operation = OPERATIONS[config.config_operation]
                raise errors.InvalidConfig(f"Can't {operation} to key {config.name} because its type is not LIST.")
            held = [part.strip() for part in (present if present is not None else key.default or "").split(",")]
            named = [part.strip() for part in (config.value or "").split(",")]
            if config.config_operation == APPEND:
                parts = held + [part for part in dict.fromkeys(named) if part not in held]
            else:
                parts = [part for part in held if part not in named]
            return ",".join(part for part in parts if part)
        case unknown:
            raise errors.InvalidRequest(f"Unknown operations type {unknown}")


def check(state: ControllerState, resource: Resource, wanted: dict[str, str], touched: set[str]) -> None:
    """Raises what is wrong with the configs that a resource would have."""
    if any(len(wanted[name].encode()) > VALUE_BYTES_MAX for name in touched & wanted.keys()):
        raise errors.InvalidConfig(
            "The configuration value cannot be added because it exceeds the maximum value size of "
            f"{VALUE_BYTES_MAX} bytes."
        )
    if resource.resource_type == ResourceType.TOPIC:
        if not resource.resource_name:
            raise errors.InvalidRequest("Default topic resources are not allowed.")
        topic_names.validate(resource.resource_name)
        if resource.resource_name not in state.image.topics:
            raise errors.UnknownTopicOrPartition(f"The topic '{resource.resource_name}' does not exist.")
        validate_topic_configs(wanted, internal=resource.resource_name in topic_names.INTERNAL_TOPICS)
    elif resource.resource_type == ResourceType.BROKER:
        check_broker(state, resource.resource_name, wanted, touched)
    elif resource.resource_type in WITHOUT_CONFIGS:
        raise errors.InvalidRequest(f"Unsupported resource type: {resource.resource_type}")
    else:
        raise errors.InvalidRequest(f"Unknown resource type {resource.resource_type}")


def check_broker(state: ControllerState, name: str, wanted: dict[str, str], touched: set[str]) -> None:
    if name:
        node_id = whole_number(name, 32)
        if node_id is None:
            raise errors.InvalidRequest(f"Node id must be an integer, but it is: {name}")
        if node_id not in state.image.brokers:
            raise errors.InvalidRequest(f"No broker registration found for broker id {name}")
    try:
        for touched_name in sorted(touched):
            implemented_key(touched_name)
        fixed = sorted(touched - DYNAMIC)
        if fixed:
            raise errors.InvalidRequest(f"Cannot update these configs dynamically: [{', '.join(fixed)}]")
        for wanted_name, text in wanted.items():
            check_setting(wanted_name, text)
    except ConfigError as error:
        raise errors.InvalidRequest(str(error)) from None
