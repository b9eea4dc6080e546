"""The values of a topic's config keys: the topic's own, or the broker config that stands for it, or the default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import TypeVar

from actors.broker.config.broker import BrokerConfig, Source, Sourced
from actors.broker.config.definition import Key, Value, nearest
from actors.broker.config.implemented import TOPIC
from actors.broker.config.topic_table import TOPIC_KEYS
from kstore.errors import InvalidConfig
from kstore.log.config import LogConfig

T = TypeVar("T")

REMEMBERED_MAX = 1024

KEYS: Mapping[str, Key] = {key.name: key for key in TOPIC_KEYS}

# What only the topics that Kafka makes for itself may set yet.
INTERNAL_ONLY = ("cleanup.policy",)


def validate_topic_configs(configs: Mapping[str, str], *, internal: bool = False) -> None:
    """Checks the configs wanted for a topic, which may be one of Kafka's own (`internal`).

    Raises:
        InvalidConfig: a key is unknown (names the nearest one that works) or not implemented, or a value is wrong.
    """
    for name, text in configs.items():
        key = KEYS.get(name)
        if key is None:
            raise InvalidConfig(f"Unknown topic config name: {name}{nearest(name, TOPIC)}")
        if name not in TOPIC and not (internal and name in INTERNAL_ONLY):
            raise InvalidConfig(f"The topic config {name} is one of Apache Kafka's that kstore doesn't implement yet")
        try:
            key.parse(text)
        except ValueError as error:
            raise InvalidConfig(str(error)) from None
        values = TOPIC.get(name)
        if values is not None and text.strip() not in values:
            raise InvalidConfig(
                f"The value {text} of the topic config {name} is one of Apache Kafka's that kstore doesn't implement "
                f"yet; these work: {', '.join(values)}"
            )


def topic_sources(name: str, configs: Mapping[str, str], broker: BrokerConfig) -> list[Sourced]:
    """All values a topic key has, the one that holds first: the topic's, the brokers', the default."""
    found = [Sourced(name, configs[name], Source.TOPIC)] if name in configs else []
    found += broker.sources_for_topic_key(name)
    if not found:
        found.append(Sourced(name, KEYS[name].default, Source.DEFAULT))
    return found


def remembered(
    work_out: Callable[[Mapping[str, str], BrokerConfig], T],
) -> Callable[[Mapping[str, str], BrokerConfig], T]:
    """A function of a topic's and a broker's configs that is worked out once for all topics with the same configs."""

    @wraps(work_out)
    def found(configs: Mapping[str, str], broker: BrokerConfig) -> T:
        key = (work_out, *sorted(configs.items())) if configs else work_out
        try:
            value: T = broker.topics[key]
        except KeyError:
            if len(broker.topics) >= REMEMBERED_MAX:
                broker.topics.clear()
            value = broker.topics[key] = work_out(configs, broker)
        return value

    return found


@remembered
def topic_values(configs: Mapping[str, str], broker: BrokerConfig) -> Mapping[str, Value]:
    """The value that holds for each implemented topic key, given the topic's own configs and the broker's.

    >>> topic_values({"segment.bytes": "2000000"}, BrokerConfig())["segment.bytes"]
    2000000
    """
    values: dict[str, Value] = {}
    for name in (*TOPIC, *INTERNAL_ONLY):
        text = topic_sources(name, configs, broker)[0].text
        values[name] = None if text is None else KEYS[name].parse(text)
    return values


def described(configs: Mapping[str, str], broker: BrokerConfig) -> list[tuple[Key, Sourced]]:
    """Every topic key that does something here, or that this topic sets, with the value that holds for it."""
    names = sorted({*TOPIC, *configs})
    return [(KEYS[name], topic_sources(name, configs, broker)[0]) for name in names if not KEYS[name].internal]


LOWEST: Mapping[str, int] = {
    "flush.ms": 0,
    "segment.bytes": 1,
    "segment.index.bytes": 12,  # room for one entry
    "segment.ms": 1,
}
"""What a log can be kept with at least. Kafka takes less in some keys, and folders may have it: it is made so much."""


@remembered
def topic_log_config(configs: Mapping[str, str], broker: BrokerConfig) -> LogConfig:
    """How the logs of a topic are kept, given the topic's own configs and the broker's.

    >>> topic_log_config({"max.message.bytes": "1000"}, BrokerConfig()).max_message_bytes
    1000
    """
    settings = {}
    for name in (*TOPIC, *INTERNAL_ONLY):
        text = topic_sources(name, configs, broker)[0].text
        if text is not None:
            settings[name] = text.strip()
    if "internal.segment.bytes" in settings:
        settings["segment.bytes"] = settings["internal.segment.bytes"]
    for name, lowest in LOWEST.items():
        settings[name] = str(max(lowest, int(settings[name])))
    settings["producer.id.expiration.ms"] = str(broker.integer("producer.id.expiration.ms"))
    return LogConfig.from_topic(settings)
