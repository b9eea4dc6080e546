"""The keywords of Producer, Consumer and Admin: kafka-python's names, the defaults of Apache Kafka 4.4's Java client.

A class attribute is a keyword with its default, ``rules`` says what values it takes, ``refusals`` which keywords of
kafka-python's or of the Java client's are not taken, and why. Nothing is accepted without effect: what isn't an
attribute here is refused by its name, with the nearest keyword that works. Times are in milliseconds, sizes in bytes.

The defaults are held against the Java client's own tables by ``tests/clients/test_client_config.py``, which also names
the few that differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Self, overload

from actors.clients.keywords import rules
from actors.clients.keywords.refusals import is_later, refusal
from actors.network.addresses import Address, parse_server
from kstore.errors.arguments import shown
from kstore.errors.config import ConfigError, nearest

BOOTSTRAP = 'bootstrap_servers takes "host:port", with commas or as a list'
INFINITE = 2**31 - 1
"""What `retries` is by default: as often as `delivery_timeout_ms` or `default_api_timeout_ms` leave time for."""


class ClientConfig:
    """What the three clients have in common; immutable. ``given`` names the keywords that the user gave."""

    client_id: str = ""
    connections_max_idle_ms: int = 540_000
    metadata_cluster_check_enable: bool = True
    metadata_max_age_ms: int = 300_000
    reconnect_backoff_ms: int = 50
    reconnect_backoff_max_ms: int = 1_000
    request_timeout_ms: int = 30_000
    retry_backoff_ms: int = 100
    retry_backoff_max_ms: int = 1_000
    socket_connection_setup_timeout_ms: int = 10_000
    security_protocol: str = "PLAINTEXT"
    client_dns_lookup: str = "use_all_dns_ips"
    given: frozenset[str] = frozenset()

    def __init__(self, values: Mapping[str, object]) -> None:
        """Take values that were checked; ``parse`` is the way in."""
        self.__dict__.update(values, given=frozenset(values))

    def derived(self, **values: object) -> Self:
        """The same with values that follow from those given; ``given`` stays as it is."""
        made = type(self)({})
        made.__dict__.update(self.__dict__)
        made.__dict__.update(values)
        return made

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"the keywords of a client are given when it is made; {name} can't be set later")

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={getattr(self, name)!r}" for name in sorted(self.given))
        return f"{type(self).__name__}({told})"

    @classmethod
    def names(cls) -> list[str]:
        """The keywords that are taken, in alphabetical order."""
        found = {name for one in cls.__mro__ for name in getattr(one, "__annotations__", ())}
        return sorted(found - {"given"})


class ProducerConfig(ClientConfig):
    """The keywords of a Producer.

    ``acks`` is -1 for "all"; ``compression_type`` is "none" for None. ``partitioner`` is None for Kafka's own (murmur2
    of the key, sticky without one), the name of another or a callable.
    """

    acks: int = -1
    allow_auto_create_topics: bool = True
    batch_size: int = 16_384
    buffer_memory: int = 33_554_432
    compression_type: str = "none"
    delivery_timeout_ms: int = 120_000
    enable_idempotence: bool = True
    key_serializer: object = None
    linger_ms: int = 5
    max_block_ms: int = 60_000
    max_in_flight_requests_per_connection: int = 5
    max_request_size: int = 1_048_576
    metadata_max_idle_ms: int = 300_000
    partitioner: Callable[..., int] | str | None = None
    partitioner_adaptive_partitioning_enable: bool = True
    partitioner_availability_timeout_ms: int = 0
    partitioner_ignore_keys: bool = False
    retries: int = INFINITE
    value_serializer: object = None


class ConsumerConfig(ClientConfig):
    """The keywords of a Consumer.

    ``consumer_timeout_ms`` is how long iteration waits for a record before it ends (infinity: for ever).
    ``partition_assignment_strategy`` is a tuple of names ("range", "roundrobin", "sticky", "cooperative-sticky") or of
    assignors.
    """

    allow_auto_create_topics: bool = True
    auto_commit_interval_ms: int = 5_000
    auto_offset_reset: str = "latest"
    check_crcs: bool = True
    client_rack: str = ""
    consumer_timeout_ms: float = float("inf")
    default_api_timeout_ms: int = 60_000
    default_offset_commit_callback: Callable[..., object] | None = None
    enable_auto_commit: bool = True
    enable_incremental_fetch_sessions: bool = True
    exclude_internal_topics: bool = True
    fetch_max_bytes: int = 52_428_800
    fetch_max_wait_ms: int = 500
    fetch_min_bytes: int = 1
    group_id: str | None = None
    group_instance_id: str | None = None
    group_protocol: str = "classic"
    heartbeat_interval_ms: int = 3_000
    isolation_level: str = "read_uncommitted"
    key_deserializer: object = None
    max_partition_fetch_bytes: int = 1_048_576
    max_poll_interval_ms: int = 300_000
    max_poll_records: int = 500
    partition_assignment_strategy: tuple[object, ...] = ("range", "cooperative-sticky")
    session_timeout_ms: int = 45_000
    value_deserializer: object = None


class AdminConfig(ClientConfig):
    """The keywords of an Admin. ``default_api_timeout_ms`` bounds a whole call with its retries."""

    connections_max_idle_ms: int = 300_000
    default_api_timeout_ms: int = 60_000
    retries: int = INFINITE


CLASSES: Mapping[str, type[ClientConfig]] = {
    "producer": ProducerConfig,
    "consumer": ConsumerConfig,
    "admin": AdminConfig,
}


@overload
def parse(kind: Literal["producer"], keywords: Mapping[str, object]) -> ProducerConfig: ...
@overload
def parse(kind: Literal["consumer"], keywords: Mapping[str, object]) -> ConsumerConfig: ...
@overload
def parse(kind: Literal["admin"], keywords: Mapping[str, object]) -> AdminConfig: ...
def parse(kind: str, keywords: Mapping[str, object]) -> ClientConfig:
    """The config of a "producer", a "consumer" or an "admin" with these keywords (without ``bootstrap_servers``).

    Raises:
        ConfigError: a keyword is unknown (names the nearest), isn't implemented yet or means nothing here (says why),
            its value is of the wrong type or out of bounds, or two of them contradict each other.

    >>> parse("producer", {"acks": "all", "linger_ms": 0}).linger_ms
    0
    >>> parse("producer", {"linger": 0})
    Traceback (most recent call last):
    kstore.errors.config.ConfigError: a producer has no keyword linger (did you mean linger_ms?)
    """
    made = CLASSES[kind]
    known = made.names()
    values = {}
    for name, value in keywords.items():
        if name not in known:
            refuse(kind, name, value, known)
        else:
            values[name] = rules.checked(name, value)
    return CROSS_CHECKS[kind](made(values))


def refuse(kind: str, name: str, value: object, known: Iterable[str]) -> None:
    """Raise why a keyword is not taken; a later issue's keyword that is None asks for nothing and is let pass."""
    why = refusal(kind, name)
    if why is None:
        raise ConfigError(f"{article(kind)} has no keyword {name}{nearest(name, [*known, 'bootstrap_servers'])}")
    if value is not None or not is_later(name):
        raise ConfigError(f"the keyword {name} {why}")


def article(kind: str) -> str:
    return f"an {kind}" if kind == "admin" else f"a {kind}"


def with_producer_checked(config: ProducerConfig) -> ProducerConfig:
    """As the Java client's ``configureDeliveryTimeout``: one that the user gave must leave room for one request."""
    least_ms = min(config.linger_ms + config.request_timeout_ms, INFINITE)
    if config.delivery_timeout_ms < least_ms:
        if "delivery_timeout_ms" in config.given:
            raise ConfigError(
                f"delivery_timeout_ms ({config.delivery_timeout_ms}) must be at least linger_ms + request_timeout_ms "
                f"({least_ms})"
            )
        return config.derived(delivery_timeout_ms=least_ms)
    return config


def with_consumer_checked(config: ConsumerConfig) -> ConsumerConfig:
    """As the Java client: heartbeats fit into the session, and only groups commit by themselves."""
    if config.heartbeat_interval_ms >= config.session_timeout_ms:
        raise ConfigError(
            f"heartbeat_interval_ms ({config.heartbeat_interval_ms}) must be lower than session_timeout_ms "
            f"({config.session_timeout_ms})"
        )
    if config.fetch_max_wait_ms >= config.request_timeout_ms:
        raise ConfigError(
            f"fetch_max_wait_ms ({config.fetch_max_wait_ms}) must be lower than request_timeout_ms "
            f"({config.request_timeout_ms}), or every idle fetch would time out"
        )
    if config.group_id is None:
        if config.enable_auto_commit and "enable_auto_commit" in config.given:
            raise ConfigError("enable_auto_commit=True needs a group_id: without a group there is nowhere to commit")
        return config.derived(enable_auto_commit=False)
    return config


def with_admin_checked(config: AdminConfig) -> AdminConfig:
    """As the Java client's ``KafkaAdminClient``: a call lasts at least as long as one of its requests may."""
    if config.default_api_timeout_ms < config.request_timeout_ms:
        if "default_api_timeout_ms" in config.given:
            raise ConfigError(
                f"default_api_timeout_ms ({config.default_api_timeout_ms}) must be at least request_timeout_ms "
                f"({config.request_timeout_ms})"
            )
        return config.derived(default_api_timeout_ms=config.request_timeout_ms)
    return config


CROSS_CHECKS: Mapping[str, Callable[[Any], ClientConfig]] = {
    "producer": with_producer_checked,
    "consumer": with_consumer_checked,
    "admin": with_admin_checked,
}


def bootstrap_addresses(servers: str | Iterable[str]) -> list[Address]:
    """Host and port of each of ``bootstrap_servers``: a text with commas or a list of texts; the port is 9092 without
    one, and an IPv6 address stands in brackets.

    Raises:
        ConfigError: there is none, or one isn't "host" or "host:port".

    >>> bootstrap_addresses("localhost:9092,PLAINTEXT://[::1]:9093")
    [('localhost', 9092), ('::1', 9093)]
    """
    if not isinstance(servers, str) and (isinstance(servers, (bytes, Mapping)) or not isinstance(servers, Iterable)):
        raise ConfigError(f"{BOOTSTRAP}; got {shown(servers)}")
    found = []
    for text in [servers] if isinstance(servers, str) else servers:
        if not isinstance(text, str):
            raise ConfigError(f"{BOOTSTRAP}; got {shown(text)}")
        for each in filter(str.strip, text.split(",")):
            try:
                found.append(parse_server(each))
            except ValueError as error:
                raise ConfigError(f"{BOOTSTRAP}; got {shown(each.strip())}: {error}") from None
    if not found:
        raise ConfigError('bootstrap_servers names no server; it takes "host:port", with commas or as a list')
    return found
