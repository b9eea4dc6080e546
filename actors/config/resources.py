"""The resource types that have configs: their keys, the implemented ones, and their names in messages.

By Kafka's numbers (``ConfigResource.Type``). The tables of groups and client metrics are loaded when one is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from actors.config import effect, implemented
from actors.config.broker import DYNAMIC_KEYS
from actors.config.broker import KEYS as BROKER_KEYS
from actors.config.definition import Key
from actors.config.resource_type import ResourceType
from actors.config.topic import KEYS as TOPIC_KEYS

CALLED: Mapping[int, str] = {
    ResourceType.TOPIC: "topic",
    ResourceType.BROKER: "broker",
    ResourceType.CLIENT_METRICS: "subscription to client metrics",
    ResourceType.GROUP: "group",
}
OF_BROKERS: Mapping[str, Key] = {**BROKER_KEYS, **DYNAMIC_KEYS}


def keys_of(kind: int) -> Mapping[str, Key]:
    """All keys of Kafka's for one kind of resources; none for what has no table.

    >>> sorted(keys_of(ResourceType.CLIENT_METRICS))
    ['interval.ms', 'match', 'metrics']
    """
    match kind:
        case ResourceType.TOPIC:
            return TOPIC_KEYS
        case ResourceType.BROKER:
            return OF_BROKERS
        case ResourceType.CLIENT_METRICS:
            from actors.config.client_metrics import KEYS as METRICS_KEYS

            return METRICS_KEYS
        case ResourceType.GROUP:
            from actors.config.group import KEYS as GROUP_KEYS

            return GROUP_KEYS
    return {}


def without_effect(kind: int, settings: Iterable[effect.Setting]) -> Iterator[effect.Setting]:
    """Those of the settings of a resource that have no effect yet.

    >>> list(without_effect(ResourceType.TOPIC, {"remote.copy.lag.ms": "7", "segment.ms": "5000"}.items()))
    [('remote.copy.lag.ms', '7')]
    """
    does = {
        ResourceType.TOPIC: implemented.TOPIC,
        ResourceType.BROKER: implemented.BROKER,
        ResourceType.GROUP: implemented.GROUP,
    }
    return effect.without_effect(keys_of(kind), settings, does.get(kind, {}))


def called(kind: int, name: str) -> str:
    """A resource as a message names it.

    >>> called(ResourceType.TOPIC, "orders"), called(ResourceType.BROKER, "")
    ('topic orders', 'all brokers')
    """
    what = CALLED.get(kind, f"resource of type {kind}")
    return f"{what} {name}" if name else f"all {what}s"
