"""Changing the configs of topics and brokers: set, delete, append to and subtract from a list.

Topic configs are checked as at creation. Of the broker configs those can be changed that Kafka lets change while it
runs, that kstore implements, and whose change is seen by those who use them. Errors are those of Kafka's
ConfigAdminManager and ConfigurationControlManager; each resource succeeds or fails whole.
"""

from __future__ import annotations

from collections import Counter

from actors.broker.config import ConfigError, validate_topic_configs
from actors.broker.config.broker import KEYS as BROKER_KEYS
from actors.broker.config.broker import implemented_key
from actors.broker.config.implemented import DYNAMIC
from actors.broker.config.topic import KEYS as TOPIC_KEYS
from actors.controller import topic_names
from actors.controller.image import ResourceType
from actors.controller.state import ControllerState, Decision
from kstore import errors
from kstore.errors import KafkaError
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


def alter(state: ControllerState, request: IncrementalAlterConfigsRequest) -> Decision:
    """IncrementalAlterConfigs; with `validate_only`, only the answers."""
    times = Counter((resource.resource_type, resource.resource_name) for resource in request.resources)
    records: list[ConfigRecord] = []
    results: list[AlterConfigsResourceResponse] = []
    for resource in request.resources:
        target = (resource.resource_type, resource.resource_name)
        result = AlterConfigsResourceResponse(
            error_message=None, resource_type=resource.resource_type, resource_name=resource.resource_name
        )
        results.append(result)
        try:
            if times[target] > 1:
                raise errors.InvalidRequest("Each resource must appear at most once.")
            records += altered(state, resource)
        except KafkaError as error:
            result.error_code, result.error_message = error.code, error.message
    response = IncrementalAlterConfigsResponse(responses=results)
    return Decision([] if request.validate_only else list(records), response)


def altered(state: ControllerState, resource: AlterConfigsResource) -> list[ConfigRecord]:
    """The records that change one resource; raises what is wrong with the wish."""
    if max(Counter(config.name for config in resource.configs).values(), default=0) > 1:
        raise errors.InvalidRequest("Error due to duplicate config keys")
    missing = [c.name for c in resource.configs if c.value is None and c.config_operation != DELETE]
    if missing:
        raise errors.InvalidRequest(f"Null value not supported for : {','.join(missing)}")
    present = dict(state.image.config(resource.resource_type, resource.resource_name))
    wanted = dict(present)
    for config in resource.configs:
        value = operated(resource, config, wanted.get(config.name))
        if value is None:
            wanted.pop(config.name, None)
        elif len(value.encode()) > VALUE_BYTES_MAX:
            raise errors.InvalidConfig(
                "The configuration value cannot be added because it exceeds the maximum value size of "
                f"{VALUE_BYTES_MAX} bytes."
            )
        else:
            wanted[config.name] = value
    check(state, resource, wanted, {config.name for config in resource.configs})
    return [
        ConfigRecord(
            resource_type=resource.resource_type,
            resource_name=resource.resource_name,
            name=config.name,
            value=wanted.get(config.name),
        )
        for config in resource.configs
        if wanted.get(config.name) != present.get(config.name)
    ]


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


def check(state: ControllerState, resource: AlterConfigsResource, wanted: dict[str, str], touched: set[str]) -> None:
    """Raises what is wrong with the configs that a resource would have."""
    if resource.resource_type == ResourceType.TOPIC:
        if not resource.resource_name:
            raise errors.InvalidRequest("Default topic resources are not allowed.")
        topic_names.validate(resource.resource_name)
        if resource.resource_name not in state.image.topics:
            raise errors.UnknownTopicOrPartition(f"The topic '{resource.resource_name}' does not exist.")
        validate_topic_configs(wanted, internal=resource.resource_name in topic_names.INTERNAL_TOPICS)
    elif resource.resource_type == ResourceType.BROKER:
        check_broker(state, resource.resource_name, wanted, touched)
    else:
        raise errors.InvalidRequest(f"Unsupported resource type: {resource.resource_type}")


def check_broker(state: ControllerState, name: str, wanted: dict[str, str], touched: set[str]) -> None:
    if name:
        if not name.isdecimal() or not name.isascii():
            raise errors.InvalidRequest(f"Node id must be an integer, but it is: {name}")
        if int(name) not in state.image.brokers:
            raise errors.InvalidRequest(f"No broker registration found for broker id {name}")
    try:
        for touched_name in sorted(touched):
            implemented_key(touched_name)
        fixed = sorted(touched - DYNAMIC)
        if fixed:
            raise errors.InvalidRequest(f"Cannot update these configs dynamically: [{', '.join(fixed)}]")
        for wanted_name, text in wanted.items():
            implemented_key(wanted_name).parse(text)
    except ConfigError as error:
        raise errors.InvalidRequest(str(error)) from None
