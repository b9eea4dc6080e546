"""What Kafka takes as a value has its effect, however it is written: Java reads other texts than Python does."""

from __future__ import annotations

import pytest

from actors.config.broker import KEYS as BROKER_KEYS
from actors.config.broker import BrokerConfig
from actors.config.definition import ConfigError, Key
from actors.config.topic import KEYS, topic_log_config, validate_topic_configs
from actors.config.topic_table import BROKER_SYNONYMS
from kstore.errors import InvalidConfig

ODD = (
    ["", " ", "+7", "007", "-0", "\u0663", "1_0", "0", "1", str(2**31 - 1), str(2**63 - 1)]
    + ["0.5f", "0.5D", "0x1p-1", "NaN", ".5", "5e-1", "Infinity"]
    + ["TRUE", " False", "\x00true", "compact,", "compact, delete", "COMPACT", "delete,delete"]
)


def odd_values(key: Key) -> list[str]:
    """Odd texts that the key takes, also its default with control characters around it."""
    found = []
    for text in [*ODD, f"\x00{key.default}", f"{key.default}\x01", f"\x1f{key.default} "]:
        try:
            key.parse(text)
        except ConfigError:
            continue
        found.append(text)
    return found


@pytest.mark.parametrize("name", KEYS)
def test_a_topic_with_any_value_that_its_key_takes_has_a_log_config(name: str) -> None:
    for text in odd_values(KEYS[name]):
        try:
            validate_topic_configs({name: text}, BrokerConfig())
        except InvalidConfig:
            continue
        topic_log_config({name: text}, BrokerConfig())


@pytest.mark.parametrize("name", sorted({name for each in BROKER_SYNONYMS.values() for name, _ in each}))
def test_brokers_with_any_value_that_their_key_takes_have_topics(name: str) -> None:
    for text in odd_values(BROKER_KEYS[name]):
        try:
            broker = BrokerConfig({name: text})
        except ConfigError:
            continue
        topic_log_config({}, broker)


def test_texts_of_java_mean_what_they_mean_in_java() -> None:
    config = topic_log_config(
        {"min.cleanable.dirty.ratio": "0.25f", "segment.ms": "\x0077\x01", "preallocate": " TRUE"}, BrokerConfig()
    )
    assert (config.min_cleanable_dirty_ratio, config.segment_ms, config.preallocate) == (0.25, 77, True)
