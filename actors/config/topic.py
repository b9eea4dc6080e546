"""The values of a topic's config keys: the topic's own, or the broker config that stands for it, or the default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import TypeVar

from actors.config.broker import BrokerConfig, ConfigSource, Sourced
from actors.config.definition import ConfigError, Key, Value, nearest
from actors.config.implemented import TOPIC
from actors.config.topic_table import TOPIC_KEYS
from kstore.errors import InvalidConfig
from kstore.log.config import LogConfig

T = TypeVar("T")

REMEMBERED_MAX = 1024

KEYS: Mapping[str, Key] = {key.name: key for key in TOPIC_KEYS}

MIN_LAG, MAX_LAG = "min.compaction.lag.ms", "max.compaction.lag.ms"


def validate_topic_configs(configs: Mapping[str, str], broker: BrokerConfig) -> None:
    """Check the configs wanted for a topic, together with those that it has from its brokers.

    Raises:
        InvalidConfig: a key is unknown (names the nearest one), a value is wrong, or two contradict each other.
    """
    for name in configs:
        if name not in KEYS:
            raise InvalidConfig(f"Unknown topic config name: {name}{nearest(name, KEYS)}")
    try:
        values = {name: KEYS[name].parse(text) for name, text in configs.items()}
    except ConfigError as error:
        raise InvalidConfig(str(error)) from None
    if MIN_LAG in configs or MAX_LAG in configs:
        texts = (topic_sources(name, configs, broker)[0].text for name in (MIN_LAG, MAX_LAG))
        low, high = (int(KEYS[name].printed(text or "0")) for name, text in zip((MIN_LAG, MAX_LAG), texts, strict=True))
        if low > high:
            raise InvalidConfig(f"conflict topic config setting {MIN_LAG} ({low}) > {MAX_LAG} ({high})")
    if values.get("remote.storage.enable"):
        raise InvalidConfig(
            "Tiered Storage functionality is disabled in the broker. "
            "Topic cannot be configured with remote log storage."
        )


def topic_sources(name: str, configs: Mapping[str, str], broker: BrokerConfig) -> list[Sourced]:
    """All values a topic key has, the one that holds first: the topic's, the brokers', the default."""
    found = [Sourced(name, configs[name], ConfigSource.TOPIC)] if name in configs else []
    found += broker.sources_for_topic_key(name)
    if not found:
        found.append(Sourced(name, KEYS[name].default, ConfigSource.DEFAULT))
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
    """The value that holds for each topic key that does something, given the topic's own configs and the broker's.

    >>> topic_values({"segment.bytes": "2000000"}, BrokerConfig())["segment.bytes"]
    2000000
    """
    values: dict[str, Value] = {}
    for name in TOPIC:
        text = topic_sources(name, configs, broker)[0].text
        values[name] = None if text is None else KEYS[name].parse(text)
    return values


def described(configs: Mapping[str, str], broker: BrokerConfig) -> list[tuple[str, Sourced]]:
    """Every topic key with the value that holds for it, internal ones if this topic sets them, and what else it has."""
    names = sorted({*configs, *(name for name, key in KEYS.items() if not key.internal)})
    return [(name, topic_sources(name, configs, broker)[0]) for name in names]


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
    for name in (*TOPIC, "cleanup.policy"):
        text = topic_sources(name, configs, broker)[0].text
        if text is not None:
            settings[name] = KEYS[name].printed(text)  # Java reads more than Python does: "0.5f", control characters
    if "internal.segment.bytes" in settings:
        settings["segment.bytes"] = settings["internal.segment.bytes"]
    for name, lowest in LOWEST.items():
        settings[name] = str(max(lowest, int(settings[name])))
    settings["producer.id.expiration.ms"] = str(broker.integer("producer.id.expiration.ms"))
    verified = broker.boolean("transaction.partition.verification.enable")
    settings["transaction.partition.verification.enable"] = str(verified).lower()
    return LogConfig.from_topic(settings)
