"""Admin calls for configs: describe, set and reset them.

A broker tells of itself only, and takes changes of none but its own configs, so that what is about brokers goes to each
of them; the rest goes to the controller's broker, which knows of a change as soon as it is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from actors.clients.actor import ClientActor
from actors.clients.admin.asking import in_rounds, outcome_of
from actors.clients.admin.descriptions import (
    BROKER,
    CONFIG_SOURCES,
    CONFIG_TYPES,
    RESOURCE_TYPES,
    UNSET_SOURCES,
    ConfigEntry,
    ConfigResource,
    ConfigSynonym,
)
from actors.clients.arguments import config_text, config_texts, names
from actors.clients.coroutine import SendTo
from actors.network.link import Disconnected
from actors.runtime.coroutine import Eventually
from kstore.errors import InvalidRequest, KafkaError
from kstore.errors.arguments import listed, shown, text
from kstore.errors.config import ConfigError
from kstore.schema.messages import alter_configs, incremental_alter_configs
from kstore.schema.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
)

if TYPE_CHECKING:
    from kstore.schema.struct import Message

V = TypeVar("V")
R = TypeVar("R", alter_configs.AlterConfigsResourceResponse, incremental_alter_configs.AlterConfigsResourceResponse)
Target = tuple[str, str]
"""Kind and name of what has configs."""

OPERATIONS = {"set": 0, "delete": 1, "append": 2, "subtract": 3}
RESOURCES = "config_resources"
FILTERS = ("all", "modified", "default", "dynamic", "static")


def check_filter(name: str, config_filter: str) -> None:
    """Raise ``ConfigError`` for what selects no configs."""
    if config_filter not in FILTERS:
        raise ConfigError(f"{name} is one of {', '.join(FILTERS)}; got {shown(config_filter)}")


def targets(resources: Iterable[ConfigResource]) -> dict[Target, ConfigResource]:
    """The resources by kind and name.

    Raises:
        ConfigError: one is of no kind that has configs, or is named twice.
    """
    found: dict[Target, ConfigResource] = {}
    if isinstance(resources, ConfigResource):
        raise TypeError(f"{RESOURCES} is a list of ConfigResource: for one, give [{shown(resources)}]")
    for each in listed(RESOURCES, resources, "ConfigResource"):
        resource = _resource(each)
        target = (resource.resource_type, resource.name)
        if target in found:
            raise ConfigError(f"the configs of {resource.resource_type} {resource.name} are named twice")
        if resource.configs is not None and not isinstance(resource.configs, Mapping):
            resource = resource._replace(configs=names(f"the configs of {RESOURCES}", resource.configs, "keys"))
        found[target] = resource
    return found


def _resource(each: object) -> ConfigResource:
    if not isinstance(each, (tuple, list)) or not 2 <= len(each) <= len(ConfigResource._fields):
        raise TypeError(f"each of {RESOURCES} is a ConfigResource; got {shown(each)}")
    if not isinstance(each[0], str) or each[0] not in RESOURCE_TYPES:
        kinds = ", ".join(RESOURCE_TYPES)
        raise ConfigError(f"{RESOURCES}: {shown(each[0])} has no configs; what has: {kinds}")
    return ConfigResource(each[0], text(f"the name of each of {RESOURCES}", each[1]), *each[2:])


def nested(found: Mapping[Target, V]) -> dict[str, dict[str, V]]:
    """By kind, then by name."""
    told: dict[str, dict[str, V]] = {}
    for (kind, name), value in found.items():
        told.setdefault(kind, {})[name] = value
    return told


def describe(
    actor: ClientActor,
    wanted: Mapping[Target, ConfigResource],
    synonyms: bool,
    config_filter: str,
    documentation: bool = False,
) -> Eventually[dict[str, dict[str, dict[str, ConfigEntry]]]]:
    """The configs of some resources."""

    def one_round(left: list[Target]) -> Eventually[Mapping[Target, dict[str, ConfigEntry] | KafkaError]]:
        found: dict[Target, dict[str, ConfigEntry] | KafkaError] = {}
        for node_id, asked in (yield from _places(actor, left)).items():
            request = DescribeConfigsRequest(
                resources=[_described_resource(target, wanted[target].configs) for target in asked],
                include_synonyms=synonyms or config_filter == "dynamic",
                include_documentation=documentation,
            )
            answer = yield SendTo(node_id, request)
            if isinstance(answer, KafkaError):
                found.update(dict.fromkeys(asked, answer))
                if isinstance(answer, Disconnected):
                    yield from actor.metadata.refresh()
                continue
            for target, result in zip(asked, answer.results, strict=True):
                configs = {each.name: _entry(each) for each in result.configs}
                kept = {name: entry for name, entry in configs.items() if _passes(entry, config_filter)}
                found[target] = outcome_of(result.error_code, kept, result.error_message)
        return found

    return nested((yield from in_rounds(actor, wanted, one_round)))


def _places(actor: ClientActor, asked: list[Target]) -> Eventually[dict[int, list[Target]]]:
    """Whom to ask what."""
    controller = yield from actor.controller()
    found: dict[int, list[Target]] = {}
    for kind, name in asked:
        is_one_broker = kind in (BROKER, "broker_logger") and name.isdecimal() and name.isascii()
        if is_one_broker and int(name) not in actor.view.brokers:
            raise InvalidRequest(f"there is no broker {name}")
        found.setdefault(int(name) if is_one_broker else controller, []).append((kind, name))
    return found


def _described_resource(target: Target, configs: Iterable[str] | None) -> DescribeConfigsResource:
    kind, name = target
    return DescribeConfigsResource(
        resource_type=RESOURCE_TYPES[kind],
        resource_name=name,
        configuration_keys=None if configs is None else list(configs),
    )


def _entry(result: DescribeConfigsResourceResult) -> ConfigEntry:
    return ConfigEntry(
        result.name,
        result.value,
        named(CONFIG_SOURCES, result.config_source),
        result.read_only,
        result.is_sensitive,
        named(CONFIG_TYPES, result.config_type),
        tuple(ConfigSynonym(each.name, each.value, named(CONFIG_SOURCES, each.source)) for each in result.synonyms),
        result.documentation,
    )


def named(table: Sequence[str], number: int) -> str:
    return table[number] if 0 <= number < len(table) else f"UNKNOWN_{number}"


def _passes(entry: ConfigEntry, config_filter: str) -> bool:
    match config_filter:
        case "modified":
            return entry.source not in UNSET_SOURCES
        case "default":
            return entry.source in UNSET_SOURCES
        case "dynamic":
            return not entry.is_read_only
        case "static":
            return entry.source == "STATIC_BROKER_CONFIG"
    return True


Changes = Mapping[Target, Mapping[str, tuple[int, str | None]]]
"""By target and name of the config: Kafka's number of an operation, and the text it takes."""


def operations(wanted: Mapping[Target, ConfigResource]) -> Changes:
    """The single changes that are wanted.

    Raises:
        ConfigError: a resource has no values, or one of them isn't one, or is to be changed in no known way.
    """
    return {
        target: {
            text(f"each config in {RESOURCES}", key): _operation(key, value) for key, value in _values(resource).items()
        }
        for target, resource in wanted.items()
    }


def replacements(wanted: Mapping[Target, ConfigResource]) -> Mapping[Target, Mapping[str, str]]:
    """The values that resources are to have. Raises ``ConfigError`` as ``operations``."""
    return {
        target: config_texts(f"the configs of {RESOURCES}", _values(resource)) for target, resource in wanted.items()
    }


def _values(resource: ConfigResource) -> Mapping[str, object]:
    if not isinstance(resource.configs, Mapping):
        raise ConfigError(
            f"the configs of {resource.resource_type} {resource.name} in {RESOURCES} must be values by name"
        )
    return resource.configs


def _operation(key: str, value: object) -> tuple[int, str | None]:
    operation, new = value if isinstance(value, tuple) and len(value) == 2 else ("set", value)
    if not isinstance(operation, str) or operation not in OPERATIONS:
        raise ConfigError(f"{key} can't be changed by {shown(operation)}; what works: {', '.join(OPERATIONS)}")
    return OPERATIONS[operation], None if operation == "delete" else config_text(key, new)


def alter(actor: ClientActor, wanted: Changes, validate_only: bool) -> Eventually[None]:
    """Change single configs of resources; each resource changes whole or not at all."""

    def request(left: list[Target]) -> Message:
        return incremental_alter_configs.IncrementalAlterConfigsRequest(
            resources=[
                incremental_alter_configs.AlterConfigsResource(
                    resource_type=RESOURCE_TYPES[kind],
                    resource_name=name,
                    configs=[
                        incremental_alter_configs.AlterableConfig(name=key, config_operation=operation, value=value)
                        for key, (operation, value) in wanted[kind, name].items()
                    ],
                )
                for kind, name in left
            ],
            validate_only=validate_only,
        )

    yield from _altered(actor, wanted, request)


def replace(actor: ClientActor, wanted: Mapping[Target, Mapping[str, str]], validate_only: bool) -> Eventually[None]:
    """Give resources these configs and no others, as the old AlterConfigs does."""

    def request(left: list[Target]) -> Message:
        return alter_configs.AlterConfigsRequest(
            resources=[
                alter_configs.AlterConfigsResource(
                    resource_type=RESOURCE_TYPES[kind],
                    resource_name=name,
                    configs=[
                        alter_configs.AlterableConfig(name=key, value=value)
                        for key, value in wanted[kind, name].items()
                    ],
                )
                for kind, name in left
            ],
            validate_only=validate_only,
        )

    yield from _altered(actor, wanted, request)


def reset(actor: ClientActor, wanted: Mapping[Target, ConfigResource], validate_only: bool) -> Eventually[None]:
    """Let configs have their defaults again: those named, or all that were set."""
    unnamed = {target: resource for target, resource in wanted.items() if resource.configs is None}
    found = yield from describe(actor, unnamed, synonyms=False, config_filter="modified")
    delete = (OPERATIONS["delete"], None)
    changes = {
        (kind, name): dict.fromkeys(found[kind][name] if resource.configs is None else resource.configs, delete)
        for (kind, name), resource in wanted.items()
    }
    yield from alter(actor, changes, validate_only)


def _altered(
    actor: ClientActor, wanted: Iterable[Target], request: Callable[[list[Target]], Message]
) -> Eventually[None]:
    def one_round(left: list[Target]) -> Eventually[Mapping[Target, KafkaError | None]]:
        found: dict[Target, KafkaError | None] = {}
        for node_id, asked in (yield from _places(actor, left)).items():
            answer = yield SendTo(node_id, request(asked))
            if isinstance(answer, KafkaError):
                found.update(dict.fromkeys(asked, answer))
                if isinstance(answer, Disconnected):
                    yield from actor.metadata.refresh()
                continue
            for target, each in zip(asked, _in_order(asked, answer.responses), strict=True):
                found[target] = outcome_of(each.error_code, None, each.error_message)
        return found

    yield from in_rounds(actor, wanted, one_round)


def _in_order(asked: list[Target], responses: Iterable[R]) -> list[R]:
    """Kafka answers in an order of its own."""
    found = {(each.resource_type, each.resource_name): each for each in responses}
    return [found[RESOURCE_TYPES[kind], name] for kind, name in asked]
