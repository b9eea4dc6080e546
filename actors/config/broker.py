"""``BrokerConfig``: the values of a broker's config keys, which keys can be changed while it runs, and the defaults.

Precedence as in Kafka: a dynamic value of the broker, a dynamic default of all brokers, what the process was started
with (``--set key=value``), the default. Defaults are Apache Kafka's but for ``deviations``, the few that kstore decided
differently. A ``BrokerConfig`` is immutable; ``with_dynamic`` makes another. Dynamic values that can't be read, which a
folder may have, count for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from actors.config import effect, implemented
from actors.config.addresses import limits_of_addresses
from actors.config.assignors import KEY as ASSIGNORS
from actors.config.assignors import assignors_of
from actors.config.broker_table import BROKER_KEYS, QUOTA_KEYS
from actors.config.cross_checks import FRAME, QUEUED, check_together
from actors.config.definition import JAVA_SPACE, ConfigError, Key, Value, nearest
from actors.config.kstore_table import OWN_KEYS
from actors.config.refused import check_allowed, why_refused
from actors.config.security_table import SECURITY_KEYS
from actors.config.topic_table import BROKER_SYNONYMS, TOPIC_KEYS
from kstore.named import NamedTuple

KEYS: Mapping[str, Key] = {key.name: key for key in (*BROKER_KEYS, *SECURITY_KEYS, *OWN_KEYS)}
DYNAMIC_KEYS: Mapping[str, Key] = {
    **{key.name: key for key in QUOTA_KEYS},
    **{name: key for name, key in KEYS.items() if key.mode != "read-only"},
}
"""Those that Kafka lets change while a broker runs; the first few can't be set at the start."""

# The topic keys that a broker key gives their value to where no topic sets it, and the unit it is stated in.
STANDS_FOR: dict[str, list[tuple[Key, str]]] = {}
for _key in TOPIC_KEYS:
    for _name, _unit in BROKER_SYNONYMS.get(_key.name, ()):
        STANDS_FOR.setdefault(_name, []).append((_key, _unit))

OVERRIDES = "max.connections.per.ip.overrides"
SAME_VALUE = (
    ("log.roll.ms", "log.roll.hours"),
    ("log.roll.jitter.ms", "log.roll.jitter.hours"),
    ("log.retention.ms", "log.retention.minutes", "log.retention.hours"),
)
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "log.flush.interval.ms": ("log.flush.interval.ms", "log.flush.scheduler.interval.ms"),
    **{name: names for names in SAME_VALUE for name in names},
}
"""The keys that state the same as a key in another unit, or give it its value, by falling precedence
(Apache Kafka's ``DynamicBrokerConfig.brokerConfigSynonyms``)."""


class ConfigSource:
    """Where a value comes from: Kafka's numbers for DescribeConfigs' ``config_source``."""

    TOPIC = 1
    DYNAMIC_BROKER = 2
    DYNAMIC_DEFAULT_BROKER = 3
    STATIC_BROKER = 4
    DEFAULT = 5
    BROKER_LOGGER = 6
    CLIENT_METRICS = 7
    GROUP = 8


class Sourced(NamedTuple):
    """One value of a key, under the name that gave it and from where; text as Kafka prints it (None: unset)."""

    name: str
    text: str | None
    source: int


def deviations(brokers: int, *, listening: bool = True) -> dict[str, str]:
    """The defaults that differ from Apache Kafka's in a cluster of so many brokers; others' clients reach one that
    listens.
    """
    copies = str(min(3, brokers))
    return {
        "default.replication.factor": copies,
        "group.initial.rebalance.delay.ms": "200" if listening else "0",
        "group.min.session.timeout.ms": "100",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": copies,
        "queued.max.request.bytes": "268435456",
        "transaction.state.log.min.isr": str(max(1, min(3, brokers) - 1)),
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": copies,
    }


def parse_settings(settings: Iterable[str]) -> dict[str, str]:
    """``key=value`` texts, as given to ``--set``, as a mapping; a later one for the same key wins.

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


def known_key(name: str, keys: Mapping[str, Key] = KEYS) -> Key:
    """The definition of a broker key of Kafka's, or of kstore's own.

    Raises:
        ConfigError: there is no such key (names the nearest one), or it needs what isn't there.
    """
    key = keys.get(name)
    if key is None:
        if why_refused(name):
            check_allowed(name, None, "")
        raise ConfigError(f"Unknown broker config {name}{nearest(name, keys)}")
    return key


def check_setting(name: str, text: str, keys: Mapping[str, Key] = KEYS) -> None:
    """Check a value wanted for a broker key; one that stands for a topic's key has that one's bounds too.

    Raises:
        ConfigError: there is no such key, or it promises what isn't so, or the value is wrong.
    """
    key = known_key(name, keys)
    value = key.parse(text)
    check_allowed(name, key, text)
    for topic_key, unit in STANDS_FOR.get(name, ()):
        if value is not None:
            topic_key._replace(name=name).parse(converted_text(topic_key.name, key.printed(text), unit) or "")


class Values(dict[str, Value]):
    """The values that hold, each read when it is asked for first."""

    def __init__(self, config: BrokerConfig) -> None:
        self._config = config

    def __missing__(self, name: str) -> Value:
        text = self._config.sources(name)[0].text
        value = self[name] = None if text is None else KEYS[name].parse(text)
        return value


class BrokerConfig:
    """The config of one broker.

    >>> config = BrokerConfig({"num.partitions": "3"}, brokers=3)
    >>> config.integer("num.partitions"), config.integer("default.replication.factor")
    (3, 3)
    """

    __slots__ = (
        "_brokers", "_defaults", "_dynamic", "_dynamic_default", "_listening", "_static", "_values", "said", "topics",
    )  # fmt: skip

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        brokers: int = 1,
        listening: bool = True,
    ) -> None:
        """Take what the process was started with.

        Raises:
            ConfigError: a key is unknown or would promise what isn't so, or a value is wrong.
        """
        self._brokers = brokers
        self._listening = listening
        self._defaults = deviations(brokers, listening=listening)
        self._static = dict(settings or {})
        self._dynamic_default: Mapping[str, str] = {}
        self._dynamic: Mapping[str, str] = {}
        self._values = Values(self)
        self.topics: dict[object, Any] = {}  # what ``topic`` has worked out for topics under this config
        self.said: set[tuple[int, str]] = set()  # keys without effect that the cluster's user was told of, by kind
        for name, text in self._static.items():
            check_setting(name, text)
        if QUEUED not in self._static:  # a bound of kstore's own refuses no larger frame
            self._defaults[QUEUED] = str(max(int(self._defaults[QUEUED]), self.integer(FRAME)))
        self.check_together(self._static)

    def with_dynamic(self, default: Mapping[str, str], own: Mapping[str, str]) -> BrokerConfig:
        """The same broker under other dynamic configs: those of all brokers and its own."""
        default, own = readable(default), readable(own)
        if default == self._dynamic_default and own == self._dynamic:
            return self
        made = BrokerConfig.__new__(BrokerConfig)
        made._brokers, made._listening = self._brokers, self._listening
        made._defaults, made._static = self._defaults, self._static
        made._dynamic_default, made._dynamic = default, own
        made._values, made.topics, made.said = Values(made), {}, self.said
        return made

    def check_together(self, names: Iterable[str]) -> None:
        """Check that the values of these keys go with those of others.

        Raises:
            ConfigError: two values contradict each other.
        """
        check_together(self._values.__getitem__, names)
        if OVERRIDES in names:
            limits_of_addresses(self.text(OVERRIDES))
        if ASSIGNORS in names:
            assignors_of(self.strings(ASSIGNORS))

    def without_effect(self) -> Iterator[effect.Setting]:
        """What the process was started with and has no effect yet."""
        return effect.without_effect(KEYS, self._static.items(), implemented.BROKER)

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def integer(self, name: str) -> int:
        """The value of a key whose type is a kind of integer."""
        value = self._values[name]
        assert type(value) is int, f"{name} is no integer"
        return value

    def real(self, name: str) -> float:
        """The value of a key whose type is DOUBLE."""
        value = self._values[name]
        assert isinstance(value, float), f"{name} is no number"
        return value

    def strings(self, name: str) -> tuple[str, ...]:
        """The value of a key whose type is LIST."""
        value = self._values[name]
        assert isinstance(value, tuple), f"{name} is no list"
        return value

    def boolean(self, name: str) -> bool:
        """The value of a key whose type is BOOLEAN."""
        value = self._values[name]
        assert isinstance(value, bool), f"{name} is no boolean"
        return value

    def text(self, name: str) -> str:
        """The value of a key that is text."""
        value = self._values[name]
        assert isinstance(value, str), f"{name} is no text"
        return value

    def all_set(self) -> set[str]:
        """The keys that were set."""
        return {*self._dynamic, *self._dynamic_default, *self._static}

    def sources(self, name: str) -> list[Sourced]:
        """All values the key has, the one that holds first, the default last (with a null text when it has none)."""
        found = [
            Sourced(name, settings[name], source)
            for settings, source in (
                (self._dynamic, ConfigSource.DYNAMIC_BROKER),
                (self._dynamic_default, ConfigSource.DYNAMIC_DEFAULT_BROKER),
                (self._static, ConfigSource.STATIC_BROKER),
            )
            if name in settings
        ]
        found.append(Sourced(name, self._default(name), ConfigSource.DEFAULT))
        return found

    def _default(self, name: str) -> str | None:
        key = KEYS.get(name)
        return None if key is None else self._defaults.get(name, key.default)

    def synonyms(self, name: str) -> list[Sourced]:
        """The values of a key and of those that state the same, as Kafka tells them: what comes before the first value
        of the key's own is left out, even if it holds.
        """
        names = SYNONYMS.get(name, (name,))
        found = [
            Sourced(each, settings[each], source)
            for settings, source in (
                (self._dynamic, ConfigSource.DYNAMIC_BROKER),
                (self._dynamic_default, ConfigSource.DYNAMIC_DEFAULT_BROKER),
                (self._static, ConfigSource.STATIC_BROKER),
            )
            for each in names
            if each in settings
        ]
        defaults = ((each, self._default(each)) for each in names)
        found += [Sourced(each, text, ConfigSource.DEFAULT) for each, text in defaults if text is not None]
        first = next((number for number, value in enumerate(found) if value.name == name), len(found))
        return found[first:]

    def sources_for_topic_key(self, topic_key: str) -> list[Sourced]:
        """The values a topic key falls back to, under their broker keys' names, in the topic key's unit."""
        found: list[Sourced] = []
        defaults: list[Sourced] = []
        for name, unit in BROKER_SYNONYMS.get(topic_key, ()):
            for value in self.sources(name):
                converted = value._replace(text=converted_text(topic_key, value.text, unit))
                if value.source != ConfigSource.DEFAULT:
                    found.append(converted)
                elif value.text is not None:
                    defaults.append(converted)
        return found + defaults


def readable(settings: Mapping[str, str]) -> Mapping[str, str]:
    """Dynamic settings without those that can't be read, or can't be set while a broker runs."""

    def is_readable(name: str, text: str) -> bool:
        try:
            DYNAMIC_KEYS[name].parse(text)
            if name == OVERRIDES:
                limits_of_addresses(text)
        except (ConfigError, KeyError):
            return False
        return True

    return {name: text for name, text in settings.items() if is_readable(name, text)}


def converted_text(topic_key: str, text: str | None, unit: str) -> str | None:
    """A time stated in ``unit`` as milliseconds; a negative one of retention, or in another unit, has no limit: -1."""
    if text is None or (unit == "same" and topic_key != "retention.ms"):
        return text
    value = int(text.strip(JAVA_SPACE))
    return "-1" if value < 0 else str(value * {"same": 1, "minutes": 60_000, "hours": 3_600_000}[unit])
