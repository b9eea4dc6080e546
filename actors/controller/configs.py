"""Changing configs, of topics, brokers, groups and subscriptions to client metrics: set, delete, append to and subtract
from a list, or replace them all.

Topic configs are checked as at creation. The broker configs that can be changed are Kafka's dynamic ones. Errors are
those of Kafka's ConfigAdminManager and ConfigurationControlManager; each resource succeeds or fails as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from actors.config import ConfigError, validate_topic_configs
from actors.config.addresses import limits_of_addresses
from actors.config.broker import DYNAMIC_KEYS, OVERRIDES, check_setting, known_key
from actors.config.cross_checks import check_step
from actors.config.definition import whole_number
from actors.config.refused import check_allowed
from actors.config.resource_type import ResourceType
from actors.config.resources import keys_of
from actors.controller.state import ControllerState, Decision
from actors.image import topic_names
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
"""How many configs a request may name for one resource: more than there are keys, and few enough for one turn."""

NEVER_ZERO = ("max.connections", "max.connection.creation.rate")
"""These can't be 0 on a running broker (Apache Kafka's ``SocketServer``): no client could reset them."""
WITH_LISTS = (ResourceType.TOPIC, ResourceType.BROKER)
"""The resource types with lists that Kafka can append to."""

Resource = Any
"""An `AlterConfigsResource`, of the incremental request or of the old one."""


def alter(state: ControllerState, request: IncrementalAlterConfigsRequest) -> Decision:
    """IncrementalAlterConfigs; with ``validate_only``, only the answers."""
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
    """AlterConfigs: each resource gets the given configs, and loses all others."""
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
    """Each resource with its error, if any; the records of valid ones are collected."""
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
    """The records that change one resource; raises an error for an invalid change."""
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
    """The records that give one resource these configs and no others; raises an error for an invalid change."""
    check_names(resource, [config.name for config in resource.configs if config.value is None])
    present = state.image.config(resource.resource_type, resource.resource_name)
    wanted = {config.name: config.value for config in resource.configs if config.value is not None}
    check(state, resource, wanted, set(wanted))
    gone = [name for name in present if name not in wanted]
    return changes(resource, [*wanted, *gone], present, wanted)


def changes(
    resource: Resource, names: Iterable[str], present: Mapping[str, str], wanted: Mapping[str, str]
) -> list[ConfigRecord]:
    """The records for those configs of a resource that change."""
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
    """Raise an error if the named configs are invalid."""
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
            keys = keys_of(resource.resource_type) if resource.resource_type in WITH_LISTS else {}
            key = keys.get(config.name)
            if key is None or key.type != "LIST":
                operation = OPERATIONS[config.config_operation]
                raise errors.InvalidConfig(f"Can't {operation} to key {config.name} because its type is not LIST.")
            check_size(config.value or "")
            text = present if present is not None else key.default or ""
            parts = [part for part in text.split(",") if part]
            named = split_by_java(config.value or "")
            if config.config_operation == APPEND:
                there = set(parts)
                return ",".join(parts + [part for part in dict.fromkeys(named) if part not in there])
            left = Counter(named)  # how often each must still be removed
            kept = []
            for part in parts:
                if left[part]:
                    left[part] -= 1
                else:
                    kept.append(part)
            return ",".join(kept)
        case unknown:
            raise errors.InvalidRequest(f"Unknown operations type {unknown}")


def split_by_java(text: str) -> list[str]:
    """A text at its commas, as ``String.split`` does it: without empty parts at the end, if there are others.

    >>> split_by_java("a,,b,"), split_by_java(""), split_by_java(",")
    (['a', '', 'b'], [''], [])
    """
    return text.rstrip(",").split(",") if text.strip(",") or not text else []


def check_size(text: str) -> None:
    """Raise an error for a value that is too long."""
    if len(text) > VALUE_BYTES_MAX or len(text.encode()) > VALUE_BYTES_MAX:
        raise errors.InvalidConfig(
            "The configuration value cannot be added because it exceeds the maximum value size of "
            f"{VALUE_BYTES_MAX} bytes."
        )


def check(state: ControllerState, resource: Resource, wanted: dict[str, str], touched: set[str]) -> None:
    """Raise an error if the resource's resulting configs are invalid."""
    for name in touched & wanted.keys():
        check_size(wanted[name])
    if resource.resource_type == ResourceType.TOPIC:
        if not resource.resource_name:
            raise errors.InvalidRequest("Default topic resources are not allowed.")
        topic_names.validate(resource.resource_name)
        if resource.resource_name not in state.image.topics:
            raise errors.UnknownTopicOrPartition(f"The topic '{resource.resource_name}' does not exist.")
        validate_topic_configs(wanted, state.config)
    elif resource.resource_type == ResourceType.BROKER:
        check_broker(state, resource.resource_name, wanted, touched)
    elif resource.resource_type == ResourceType.CLIENT_METRICS:
        if not resource.resource_name:
            raise errors.InvalidRequest("Subscription name can't be empty")
        from actors.config.client_metrics import validate_metrics_configs

        validate_metrics_configs(wanted)
    elif resource.resource_type == ResourceType.GROUP:
        if not resource.resource_name:
            raise errors.InvalidRequest("Default group resources are not allowed.")
        from actors.config.group import validate_group_configs

        validate_group_configs(wanted, state.config)
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
        check_dynamic(state, name, wanted, touched & wanted.keys())
    except ConfigError as error:
        raise errors.InvalidRequest(str(error)) from None


def check_dynamic(state: ControllerState, name: str, wanted: dict[str, str], touched: set[str]) -> None:
    """Raise ``ConfigError`` for a config that can't be set while brokers run; deleting is always allowed."""
    for each in sorted(touched - DYNAMIC_KEYS.keys()):
        check_allowed(each, known_key(each), wanted[each])
    if fixed := sorted(touched - DYNAMIC_KEYS.keys()):
        raise ConfigError(f"Cannot update these configs dynamically: [{', '.join(fixed)}]")
    for each in sorted(touched):
        check_setting(each, wanted[each], DYNAMIC_KEYS)
        if each == OVERRIDES:
            limits_of_addresses(wanted[each])
        if each in NEVER_ZERO and whole_number(wanted[each].strip(), 32) == 0:
            raise ConfigError(f"Invalid {each} {wanted[each].strip()}")
    of_one = sorted(each for each in touched if DYNAMIC_KEYS[each].mode == "per-broker")
    if of_one and not name:
        raise ConfigError(
            f"Cannot update these configs at default cluster level, broker id must be specified: [{', '.join(of_one)}]"
        )
    for_all = state.image.config(ResourceType.BROKER, "")
    now = state.config.with_dynamic(for_all, state.image.config(ResourceType.BROKER, name) if name else {})
    config = state.config.with_dynamic(*((for_all, wanted) if name else (wanted, {})))
    config.check_together(touched)
    check_step(now.__getitem__, config.__getitem__, touched)
