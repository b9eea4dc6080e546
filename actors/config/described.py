"""The configs of a resource as DescribeConfigs tells them: Apache Kafka's ``ConfigHelper``.

A value is told as Kafka prints it, whatever it was written as; a secret never is, and neither is the value of a key
that no table has, for it may be one. What depends on a topic's and a broker's configs alone is worked out once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from actors.config.broker import DYNAMIC_KEYS, BrokerConfig, ConfigSource, Sourced
from actors.config.broker import KEYS as BROKER_KEYS
from actors.config.definition import TYPE_CODES, Key
from actors.config.resource_type import ResourceType
from actors.config.resources import keys_of
from actors.config.topic import KEYS as TOPIC_KEYS
from actors.config.topic import remembered, topic_sources
from actors.config.topic_table import BROKER_SYNONYMS
from kstore.named import NamedTuple

UNKNOWN_TYPE = 0


class DescribedConfig(NamedTuple):
    """One config: its value as text (None: unset or secret), where it is from, and all the values that it has."""

    name: str
    value: str | None
    source: int
    read_only: bool
    sensitive: bool
    type_code: int
    synonyms: tuple[Sourced, ...]


def described_key(
    name: str, key: Key | None, value: str | None, synonyms: Iterable[Sourced], *, read_only: bool = False
) -> DescribedConfig:
    """One config with the values it has, the one that it is told to be from first."""
    sensitive = key is None or key.sensitive
    found = tuple(each._replace(text=None) for each in synonyms) if sensitive else tuple(synonyms)
    return DescribedConfig(
        name,
        None if sensitive else value,
        found[0].source if found else ConfigSource.DEFAULT,
        read_only,
        sensitive,
        UNKNOWN_TYPE if key is None else TYPE_CODES[key.type],
        found,
    )


@remembered
def described_topic(configs: Mapping[str, str], broker: BrokerConfig) -> list[DescribedConfig]:
    """All configs of a topic that sets these itself; internal ones only if it does."""
    found = []
    for name in sorted({*configs, *(name for name, key in TOPIC_KEYS.items() if not key.internal)}):
        key = TOPIC_KEYS.get(name)
        synonyms = broker.synonyms(BROKER_SYNONYMS[name][0][0]) if name in BROKER_SYNONYMS else []
        text = topic_sources(name, configs, broker)[0].text
        value = text if key is None or text is None else key.printed(text)
        if name in configs:
            synonyms.insert(0, Sourced(name, value, ConfigSource.TOPIC))
        found.append(described_key(name, key, value, synonyms))
    return found


def described_broker(broker: BrokerConfig, facts: Mapping[str, str]) -> list[DescribedConfig]:
    """All configs of a broker; ``facts`` are those that say who it is, which come from elsewhere than its settings."""
    found = []
    settings = broker.all_set()
    for name in sorted({*settings, *(name for name, key in BROKER_KEYS.items() if not key.internal)}):
        key = BROKER_KEYS.get(name, DYNAMIC_KEYS.get(name))
        synonyms = broker.synonyms(name)
        if name in facts:
            synonyms = [Sourced(name, facts[name], ConfigSource.STATIC_BROKER), *synonyms]
        text = facts.get(name, broker.sources(name)[0].text)
        value = text if key is None or text is None else key.printed(text)
        found.append(described_key(name, key, value, synonyms, read_only=name not in DYNAMIC_KEYS))
    return found


def described_defaults(settings: Mapping[str, str]) -> list[DescribedConfig]:
    """What was set for all brokers while they run."""
    return [
        described_key(
            name,
            DYNAMIC_KEYS.get(name),
            text,
            [Sourced(name, text, ConfigSource.DYNAMIC_DEFAULT_BROKER)],
            read_only=name not in DYNAMIC_KEYS,
        )
        for name, text in sorted(settings.items())
    ]


def described_group(configs: Mapping[str, str], broker: BrokerConfig) -> list[DescribedConfig]:
    """All configs of a group that sets these itself, whether there is one or not; internal ones only if it does."""
    from actors.config.group_table import BROKER_SYNONYMS as OF_BROKERS

    found = []
    keys = keys_of(ResourceType.GROUP)
    for name in sorted({*configs, *(name for name, key in keys.items() if not key.internal)}):
        key = keys.get(name)
        text = None if key is None else key.default
        synonyms = [] if text is None else [Sourced(name, text, ConfigSource.DEFAULT)]
        if name in OF_BROKERS:
            synonyms = broker.synonyms(OF_BROKERS[name])
            text = broker.sources(OF_BROKERS[name])[0].text
        text = configs.get(name, text)
        value = text if key is None or text is None else key.printed(text)
        if name in configs:
            synonyms.insert(0, Sourced(name, value, ConfigSource.GROUP))
        found.append(described_key(name, key, value, synonyms))
    return found


def described_metrics(configs: Mapping[str, str]) -> list[DescribedConfig]:
    """All configs of a subscription to client metrics that sets these, whether there is one or not."""
    found = []
    keys = keys_of(ResourceType.CLIENT_METRICS)
    for name in sorted({*configs, *keys}):
        key = keys.get(name)
        text = configs.get(name, None if key is None else key.default)
        value = text if key is None or text is None else key.printed(text)
        synonyms = [Sourced(name, value, ConfigSource.CLIENT_METRICS)] if name in configs else []
        found.append(described_key(name, key, value, synonyms))
    return found
