"""The values of a group's config keys: the group's own, or the broker config that stands for it, or the default.

No group obeys them yet: they are those of the consumer, share and streams protocols. Checks are those of Kafka's
``GroupConfig``: within the bounds that the brokers' configs set, and a session longer than two heartbeats are apart.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.config.broker import BrokerConfig
from actors.config.definition import ConfigError, Key, Value, nearest
from actors.config.group_table import BROKER_SYNONYMS, GROUP_KEYS
from kstore.errors import InvalidConfig

KEYS: Mapping[str, Key] = {key.name: key for key in GROUP_KEYS}

BOUNDED = (
    "consumer.heartbeat.interval.ms",
    "consumer.session.timeout.ms",
    "consumer.assignment.interval.ms",
    "share.heartbeat.interval.ms",
    "share.session.timeout.ms",
    "share.record.lock.duration.ms",
    "share.delivery.count.limit",
    "share.partition.max.record.locks",
    "share.assignment.interval.ms",
    "streams.heartbeat.interval.ms",
    "streams.session.timeout.ms",
    "streams.num.standby.replicas",
    "streams.assignment.interval.ms",
)
"""Those that the brokers bound, in the order in which they are checked."""
STANDBYS = "streams.num.standby.replicas"


def validate_group_configs(configs: Mapping[str, str], broker: BrokerConfig) -> None:
    """Checks the configs wanted for a group.

    Raises:
        InvalidConfig: a key is unknown (names the nearest one), a value is wrong, or beyond what the brokers allow.
    """
    for name in configs:
        if name not in KEYS:
            raise InvalidConfig(f"Unknown group config name: {name}{nearest(name, KEYS)}")
    try:
        own = {name: KEYS[name].parse(text) for name, text in configs.items()}
    except ConfigError as error:
        raise InvalidConfig(str(error)) from None
    for name in BOUNDED:
        if name in own:
            check_bounds(name, own[name], broker)
    for protocol in ("consumer", "share", "streams"):
        session, heartbeat = f"{protocol}.session.timeout.ms", f"{protocol}.heartbeat.interval.ms"
        if whole(own.get(session, broker[BROKER_SYNONYMS[session]])) <= whole(
            own.get(heartbeat, broker[BROKER_SYNONYMS[heartbeat]])
        ):
            raise InvalidConfig(f"{session} must be greater than {heartbeat}")


def check_bounds(name: str, value: Value, broker: BrokerConfig) -> None:
    """Raises ``InvalidConfig`` for a value that the brokers' configs don't allow."""
    protocol, _, rest = name.partition(".")
    low, high = f"group.{protocol}.min.{rest}", f"group.{protocol}.max.{rest}"
    if name == STANDBYS:
        low, high = "", "group.streams.max.standby.replicas"
    if low and whole(value) < broker.integer(low):
        raise InvalidConfig(f"{name} must be greater than or equal to {low}")
    if whole(value) > broker.integer(high):
        raise InvalidConfig(f"{name} must be less than or equal to {high}")


def whole(value: Value) -> int:
    assert type(value) is int, "a bounded config is an integer"
    return value
