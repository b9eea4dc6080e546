"""The values of a broker's config keys: what was set, what may be changed while it runs, and the defaults.

Precedence as in Kafka: a dynamic value of the broker, a dynamic default of all brokers, what the process was started
with (`--set key=value`), the default. Defaults are Apache Kafka's but for `deviations`, the few that kstore decided
differently. A `BrokerConfig` is immutable; `with_dynamic` makes another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from actors.broker.config.addresses import limits_of_addresses
from actors.broker.config.broker_table import BROKER_KEYS
from actors.broker.config.definition import ConfigError, Key, Value, nearest
from actors.broker.config.implemented import BROKER, STATED_ELSEWHERE, TOPIC
from actors.broker.config.own_table import OWN_KEYS
from actors.broker.config.security_table import SECURITY_KEYS
from actors.broker.config.topic_table import BROKER_SYNONYMS, TOPIC_KEYS
from kstore.named import NamedTuple

KEYS: Mapping[str, Key] = {key.name: key for key in (*BROKER_KEYS, *SECURITY_KEYS, *OWN_KEYS)}

# The topic keys that a broker key gives their value to where no topic sets it, and the unit it is stated in.
STANDS_FOR: Mapping[str, list[tuple[Key, str]]] = {
    broker_key: [
        (key, unit)
        for key in TOPIC_KEYS
        for name, unit in BROKER_SYNONYMS.get(key.name, ())
        if name == broker_key and key.name in TOPIC
    ]
    for broker_key in BROKER
}


class Source:
    """Where a value comes from: Kafka's numbers for DescribeConfigs' `config_source`."""

    TOPIC = 1
    DYNAMIC_BROKER = 2
    DYNAMIC_DEFAULT_BROKER = 3
    STATIC_BROKER = 4
    DEFAULT = 5


class Sourced(NamedTuple):
    """One value of a key, under the name that gave it and from where; text as Kafka prints it (None: unset)."""

    name: str
    text: str | None
    source: int


def deviations(brokers: int, *, listening: bool = True) -> dict[str, str]:
    """The defaults that differ from Apache Kafka's in a cluster of so many brokers; others' clients reach one that
    listens."""
    copies = str(min(3, brokers))
    return {
        "default.replication.factor": copies,
        "group.initial.rebalance.delay.ms": "200" if listening else "0",
        "group.min.session.timeout.ms": "100",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": copies,
        "queued.max.request.bytes": "268435456",
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": copies,
    }


def parse_settings(settings: Iterable[str]) -> dict[str, str]:
    """`key=value` texts, as given to `--set`, as a mapping; a later one for the same key wins.

    Raises:
        ConfigError: one has no "=" or no key.

    >>> parse_settings(["num.partitions=3"])
    {'num.partitions': '3'}
    """
    found = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"--set takes key=value, as in --set num.partitions=3; got {setting!r}")
        found[name.strip()] = text.strip()
    return found


def implemented_key(name: str) -> Key:
    """The definition of a broker key that does something here.

    Raises:
        ConfigError: Kafka has no such key (names the nearest one that works), or kstore doesn't implement it.
    """
    key = KEYS.get(name)
    if key is None:
        raise ConfigError(f"Unknown broker config {name}{nearest(name, BROKER)}")
    if name in STATED_ELSEWHERE:
        raise ConfigError(f"The broker config {name} can't be set: {STATED_ELSEWHERE[name]}")
    if name not in BROKER:
        raise ConfigError(f"The broker config {name} is one of Apache Kafka's that kstore doesn't implement yet")
    return key


def check_setting(name: str, text: str) -> None:
    """Checks a value wanted for a broker key; one that stands for a topic's key has that one's bounds too.

    Raises:
        ConfigError: there is no such key here, or the value is wrong.
    """
    implemented_key(name).parse(text)
    for topic_key, unit in STANDS_FOR.get(name, ()):
        topic_key._replace(name=name).parse(converted_text(text.strip(), unit) or "")


class BrokerConfig:
    """The config of one broker.

    >>> config = BrokerConfig({"num.partitions": "3"}, brokers=3)
    >>> config.integer("num.partitions"), config.integer("default.replication.factor")
    (3, 3)
    """

    __slots__ = ("_brokers", "_defaults", "_dynamic", "_dynamic_default", "_listening", "_static", "_values", "topics")

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        brokers: int = 1,
        listening: bool = True,
        dynamic_default: Mapping[str, str] | None = None,
        dynamic: Mapping[str, str] | None = None,
    ) -> None:
        """Takes what the process was started with, and the dynamic configs of all brokers and of this one.

        Raises:
            ConfigError: a key of `settings` is unknown or not implemented, or its value is wrong.
        """
        self._brokers = brokers
        self._listening = listening
        self._defaults = deviations(brokers, listening=listening)
        self._static = dict(settings or {})
        self._dynamic_default = dict(dynamic_default or {})
        self._dynamic = dict(dynamic or {})
        self._values: dict[str, Value] = {}
        self.topics: dict[object, Any] = {}  # what `topic` has worked out for topics under this config
        for name, text in self._static.items():
            check_setting(name, text)
        for name in BROKER:
            found = self.sources(name)[0].text
            self._values[name] = None if found is None else KEYS[name].parse(found)
        limits_of_addresses(self.text("max.connections.per.ip.overrides"))

    def with_dynamic(self, default: Mapping[str, str], own: Mapping[str, str]) -> BrokerConfig:
        """The same broker under other dynamic configs: those of all brokers and its own."""
        if default == self._dynamic_default and own == self._dynamic:
            return self
        return BrokerConfig(
            self._static, brokers=self._brokers, listening=self._listening, dynamic_default=default, dynamic=own
        )

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def integer(self, name: str) -> int:
        value = self._values[name]
        assert type(value) is int, f"{name} is no integer"
        return value

    def boolean(self, name: str) -> bool:
        value = self._values[name]
        assert isinstance(value, bool), f"{name} is no boolean"
        return value

    def text(self, name: str) -> str:
        value = self._values[name]
        assert isinstance(value, str), f"{name} is no text"
        return value

    def is_set(self, name: str) -> bool:
        """True when somebody set the key; false when its default holds."""
        return name in self._dynamic or name in self._dynamic_default or name in self._static

    def sources(self, name: str) -> list[Sourced]:
        """All values the key has, the one that holds first, the default last (with a null text when it has none)."""
        found = [
            Sourced(name, settings[name], source)
            for settings, source in (
                (self._dynamic, Source.DYNAMIC_BROKER),
                (self._dynamic_default, Source.DYNAMIC_DEFAULT_BROKER),
                (self._static, Source.STATIC_BROKER),
            )
            if name in settings
        ]
        found.append(Sourced(name, self._defaults.get(name, KEYS[name].default), Source.DEFAULT))
        return found

    def sources_for_topic_key(self, topic_key: str) -> list[Sourced]:
        """The values a topic key falls back to, under their broker keys' names, in the topic key's unit."""
        found: list[Sourced] = []
        defaults: list[Sourced] = []
        for name, unit in BROKER_SYNONYMS.get(topic_key, ()):
            for value in self.sources(name):
                converted = value._replace(text=converted_text(value.text, unit))
                if value.source != Source.DEFAULT:
                    found.append(converted)
                elif value.text is not None:
                    defaults.append(converted)
        return found + defaults


def converted_text(text: str | None, unit: str) -> str | None:
    """A time stated in `unit` as milliseconds; a negative one (no limit) is -1."""
    if text is None or unit == "same":
        return text
    value = int(text)
    return "-1" if value < 0 else str(value * {"minutes": 60_000, "hours": 3_600_000}[unit])
