"""The values of a group's config keys: the group's own, or the broker config that stands for it, or the default.

Consumer groups follow theirs; those of the share and streams protocols are kept. Checks are those of Kafka's
``GroupConfig``: within the bounds that the brokers' configs set, and a session longer than two heartbeats are apart.
The bounds may have changed since a value was set: a value beyond them counts as the nearest that they allow.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.config.broker import BrokerConfig
from actors.config.definition import ConfigError, Key, Value, nearest
from actors.config.effect import is_right
from actors.config.group_table import BROKER_SYNONYMS, GROUP_KEYS
from actors.config.topic import remembered
from kstore.errors import InvalidConfig

KEYS: Mapping[str, Key] = {key.name: key for key in GROUP_KEYS}

CONSUMER = ("consumer.session.timeout.ms", "consumer.heartbeat.interval.ms", "consumer.assignment.interval.ms")
"""Those that consumer groups follow."""
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
    "streams.task.offset.interval.ms",
    "streams.num.warmup.replicas",
)
"""Those that the brokers bound, in the order in which they are checked."""
ONLY_LOW: Mapping[str, str] = {"streams.task.offset.interval.ms": "group.streams.min.task.offset.interval.ms"}
ONLY_HIGH: Mapping[str, str] = {
    "streams.num.standby.replicas": "group.streams.max.standby.replicas",
    "streams.num.warmup.replicas": "group.streams.max.warmup.replicas",
}
"""Those that are bounded at one end, and by which broker config."""
ASSIGNOR, ASSIGNORS = "streams.assignor.name", "group.streams.assignors"
DEAD_LETTERS = "errors.deadletterqueue.topic.name"


def validate_group_configs(configs: Mapping[str, str], broker: BrokerConfig) -> None:
    """Check the configs wanted for a group.

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
            check_bounds(name, whole(own[name]), broker)
    check_assignor(own, broker)
    for protocol in ("consumer", "share", "streams"):
        session, heartbeat = f"{protocol}.session.timeout.ms", f"{protocol}.heartbeat.interval.ms"
        if whole(own.get(session, broker[BROKER_SYNONYMS[session]])) <= whole(
            own.get(heartbeat, broker[BROKER_SYNONYMS[heartbeat]])
        ):
            raise InvalidConfig(f"{session} must be greater than {heartbeat}")
    if str(own.get(DEAD_LETTERS, "")).startswith("__"):
        raise InvalidConfig(f"{DEAD_LETTERS}: DLQ topic name must not start with '__'")


@remembered
def consumer_values(configs: Mapping[str, str], broker: BrokerConfig) -> tuple[int, ...]:
    """The values that hold for a consumer group with configs of its own: session, heartbeat interval and assignment
    interval, in ms.

    >>> consumer_values({"consumer.session.timeout.ms": "50000"}, BrokerConfig())
    (50000, 5000, 1000)
    """
    return tuple(_effective(name, configs.get(name), broker) for name in CONSUMER)


def _effective(name: str, text: str | None, broker: BrokerConfig) -> int:
    synonym = BROKER_SYNONYMS[name]
    if text is None or not is_right(KEYS[name], text):
        return broker.integer(synonym)
    low, high = bounds(name, broker)
    return min(max(whole(KEYS[name].parse(text)), low), high)


def bounds(name: str, broker: BrokerConfig) -> tuple[int, int]:
    """The least and the most that the brokers' configs allow, for a key that has both."""
    protocol, _, rest = name.partition(".")
    return broker.integer(f"group.{protocol}.min.{rest}"), broker.integer(f"group.{protocol}.max.{rest}")


def check_bounds(name: str, value: int, broker: BrokerConfig) -> None:
    """Raise ``InvalidConfig`` for a value that the brokers' configs don't allow."""
    if name in ONLY_LOW:
        if value < (low := broker.integer(ONLY_LOW[name])):
            raise InvalidConfig(f"{name} must be greater than or equal to {low}")
    elif name in ONLY_HIGH:
        if value > (high := broker.integer(ONLY_HIGH[name])):
            raise InvalidConfig(f"{name} must be less than or equal to {high}")
    else:
        low, high = bounds(name, broker)
        if not low <= value <= high:
            raise InvalidConfig(f"{name} must be in the range {low} to {high} inclusive.")


def check_assignor(own: Mapping[str, Value], broker: BrokerConfig) -> None:
    """Raise ``InvalidConfig`` for an assignor that the brokers don't have."""
    registered = broker[ASSIGNORS]
    assert isinstance(registered, tuple), "a list"
    if ASSIGNOR in own and own[ASSIGNOR] not in registered:
        listed = ", ".join(registered)
        raise InvalidConfig(
            f"{ASSIGNOR} '{own[ASSIGNOR]}' is not a registered task assignor. Registered assignors are: [{listed}]."
        )


def whole(value: Value) -> int:
    assert type(value) is int, "a bounded config is an integer"
    return value
