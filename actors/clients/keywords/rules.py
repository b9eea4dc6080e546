"""What values the keywords of the clients take: a rule by keyword, which returns the value as the client uses it.

Bounds and choices are the validators of the Java client's ``ProducerConfig``, ``ConsumerConfig`` and
``AdminClientConfig``; None where kafka-python has None, infinity where it has infinity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import index
from typing import Any

from kstore.errors.arguments import check_sendable, milliseconds, plain, shown
from kstore.errors.config import ConfigError

INT_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1

Rule = Callable[[str, object], object]
Whole = Callable[[str, object], int]
Text = Callable[[str, object], str]


def checked(name: str, value: object) -> object:
    """The value of a keyword as its client uses it.

    Raises:
        ConfigError: it is of the wrong type or out of bounds; the message names the keyword.
    """
    return RULES[name](name, value)


def wrong(name: str, value: object, wanted: str) -> ConfigError:
    return ConfigError(f"{name} takes {wanted}; got {shown(value)}")


def integer(low: int, high: int = INT_MAX, unit: str = "") -> Whole:
    """A whole number from ``low`` to ``high``; a float without a fraction will do."""
    bounds = f"at least {low}" if high in (INT_MAX, LONG_MAX) else f"from {low} to {high}"
    wanted = f"a whole number{f' of {unit}' if unit else ''}, {bounds}"

    def rule(name: str, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        try:
            number = index(value)
        except TypeError:
            raise wrong(name, value, wanted) from None
        if isinstance(value, bool) or not low <= number <= high:
            raise wrong(name, value, wanted)
        return number

    return rule


def ms(low: int = 0, high: int = INT_MAX) -> Whole:
    return integer(low, high, "milliseconds")


def size(low: int = 0, high: int = INT_MAX) -> Whole:
    return integer(low, high, "bytes")


def boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise wrong(name, value, "True or False")
    return value


def text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise wrong(name, value, "a text")
    return sendable(name, value)


def sendable(name: str, value: str) -> str:
    """A text that brokers can be sent."""
    try:
        check_sendable(name, value)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return plain(value)


def text_or_none(name: str, value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and value):
        raise wrong(name, value, "a text that isn't empty, or None")
    return value if value is None else sendable(name, value)


def maybe_empty_or_none(name: str, value: object) -> str:
    return "" if value is None else text(name, value)


def retries(name: str, value: Any) -> int:
    return INT_MAX if value == float("inf") else integer(0)(name, value)


def consumer_timeout(name: str, value: object) -> float:
    if isinstance(value, (int, float)) and value in (-1, float("inf")):
        return float("inf")
    try:
        return float(milliseconds(name, value))
    except (TypeError, ValueError):
        raise wrong(name, value, "milliseconds, at least 0, or infinity") from None


def acks(name: str, value: Any) -> int:
    if value in ("all", "-1"):
        return -1
    if value in ("0", "1"):
        return int(value)
    if isinstance(value, bool) or value not in (-1, 0, 1):
        raise wrong(name, value, '0, 1 or "all"')
    return int(value)


def choice(choices: tuple[str, ...], later: tuple[str, ...] = (), *, any_case: bool = False) -> Text:
    """One of some texts; those of a later version of kstore are refused as such."""

    def rule(name: str, value: object) -> str:
        known = value.upper() if any_case and isinstance(value, str) else value
        if known in choices:
            return str(known)
        if known in later:
            raise ConfigError(f"{name}={shown(value)} is not implemented yet; what works: {', '.join(choices)}")
        raise wrong(name, value, " or ".join(f'"{one}"' for one in choices))

    return rule


COMPRESSION = choice(("none", "gzip", "snappy", "lz4", "zstd"))
OFFSET_RESET = choice(("latest", "earliest", "none"))


def compression(name: str, value: object) -> str:
    return "none" if value is None else COMPRESSION(name, value)


def offset_reset(name: str, value: object) -> str:
    if isinstance(value, str) and value.startswith("by_duration:"):
        raise ConfigError(f"{name}={shown(value)} is not implemented yet; what works: latest, earliest, none")
    return OFFSET_RESET(name, value)


def function_or_none(name: str, value: object) -> object:
    if value is not None and not callable(value):
        raise wrong(name, value, "a callable or None")
    return value


def codec_or_none(name: str, value: object) -> object:
    """A callable, or an object with ``serialize`` or ``deserialize`` as in kafka-python."""
    if value is not None and not callable(value):
        method = "deserialize" if name.endswith("deserializer") else "serialize"
        if not callable(getattr(value, method, None)):
            raise wrong(name, value, f"a callable, an object with a method {method}, or None")
    return value


def partitioner(name: str, value: object) -> object:
    if value is None or callable(value):
        return value
    return choice(("default", "round_robin"))(name, value)


def assignors(name: str, value: object) -> tuple[object, ...]:
    found = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not found or None in found:
        raise wrong(
            name, value, 'one or more of "range", "roundrobin", "sticky" and "cooperative-sticky", or assignors'
        )
    return found


RULES: Mapping[str, Rule] = {
    "acks": acks,
    "allow_auto_create_topics": boolean,
    "auto_commit_interval_ms": ms(),
    "auto_offset_reset": offset_reset,
    "batch_size": size(),
    "buffer_memory": size(0, LONG_MAX),
    "check_crcs": boolean,
    "client_dns_lookup": choice(("use_all_dns_ips",), ("resolve_canonical_bootstrap_servers_only",)),
    "client_id": maybe_empty_or_none,
    "client_rack": maybe_empty_or_none,
    "compression_type": compression,
    "connections_max_idle_ms": ms(-1, LONG_MAX),
    "consumer_timeout_ms": consumer_timeout,
    "default_api_timeout_ms": ms(),
    "default_offset_commit_callback": function_or_none,
    "delivery_timeout_ms": ms(),
    "enable_auto_commit": boolean,
    "enable_idempotence": boolean,
    "enable_incremental_fetch_sessions": boolean,
    "exclude_internal_topics": boolean,
    "fetch_max_bytes": size(),
    "fetch_max_wait_ms": ms(),
    "fetch_min_bytes": size(),
    "group_id": text_or_none,
    "group_instance_id": text_or_none,
    "group_protocol": choice(("classic",), ("consumer",)),
    "heartbeat_interval_ms": ms(1),
    "isolation_level": choice(("read_uncommitted",), ("read_committed",)),
    "key_deserializer": codec_or_none,
    "key_serializer": codec_or_none,
    "linger_ms": ms(0, LONG_MAX),
    "max_block_ms": ms(0, LONG_MAX),
    "max_in_flight_requests_per_connection": integer(1),
    "max_partition_fetch_bytes": size(),
    "max_poll_interval_ms": ms(1),
    "max_poll_records": integer(1),
    "max_request_size": size(),
    "metadata_cluster_check_enable": boolean,
    "metadata_max_age_ms": ms(0, LONG_MAX),
    "metadata_max_idle_ms": ms(5_000, LONG_MAX),
    "partition_assignment_strategy": assignors,
    "partitioner": partitioner,
    "partitioner_adaptive_partitioning_enable": boolean,
    "partitioner_availability_timeout_ms": ms(0, LONG_MAX),
    "partitioner_ignore_keys": boolean,
    "reconnect_backoff_max_ms": ms(0, LONG_MAX),
    "reconnect_backoff_ms": ms(0, LONG_MAX),
    "request_timeout_ms": ms(),
    "retries": retries,
    "retry_backoff_max_ms": ms(0, LONG_MAX),
    "retry_backoff_ms": ms(0, LONG_MAX),
    "security_protocol": choice(("PLAINTEXT",), ("SSL", "SASL_PLAINTEXT", "SASL_SSL"), any_case=True),
    "session_timeout_ms": ms(1),
    "socket_connection_setup_timeout_ms": ms(0, LONG_MAX),
    "value_deserializer": codec_or_none,
    "value_serializer": codec_or_none,
}
