"""What the keywords of the clients take: rules for a value by itself, and for a value together with other keywords.

A rule is given the keyword's name and what the user gave, and returns the value as the client uses it; None is taken
where kafka-python has it, infinity where it has infinity. A rule for keywords together is given the config and the
name, and returns the value that the keyword has beside the others, as in the Java client; its docstring says on the
reference page what it asks. Both raise ``ConfigError``.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any

from kstore.errors.arguments import INT_MAX, LONG_MAX, check_sendable, milliseconds, plain, shown
from kstore.errors.config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.clients.keywords.config import Config

    Whole = Callable[[str, object], int]
    Text = Callable[[str, object], str]
    Together = Callable[[Config, str], object]

ACKS = {"all": -1, "-1": -1, "0": 0, "1": 1}

IN_FLIGHT = "max_in_flight_requests_per_connection"
TRANSACTIONAL = "transactional_id"
THE_BROKERS = {
    "partition_assignment_strategy": "the broker shares out the partitions; group_remote_assignor names how",
    "session_timeout_ms": "the broker sets it, by group.consumer.session.timeout.ms or the group's config",
    "heartbeat_interval_ms": "the broker sets it, by group.consumer.heartbeat.interval.ms or the group's config",
}
GROUP_PROTOCOL = "group_protocol"
IN_FLIGHT_MAX = 5  # of an idempotent producer: brokers remember as many batches


def wrong(name: str, value: object, wanted: str) -> ConfigError:
    return ConfigError(f"{name} takes {wanted}; got {shown(value)}")


def integer(low: int, high: int = INT_MAX, unit: str = "") -> Whole:
    """A whole number from ``low`` to ``high``; a float without a fraction will do."""

    def rule(name: str, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        try:
            number = None if isinstance(value, bool) else index(value)
        except TypeError:
            number = None
        if number is None or not low <= number <= high:
            bounds = f"at least {low}" if high in (INT_MAX, LONG_MAX) else f"from {low} to {high}"
            raise wrong(name, value, f"a whole number{f' of {unit}' if unit else ''}, {bounds}")
        return number

    return rule


def ms(low: int = 0, high: int = INT_MAX) -> Whole:
    return integer(low, high, "milliseconds")


INT_MS = ms()
LONG_MS = ms(0, LONG_MAX)
SIZE = integer(0, unit="bytes")


def boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise wrong(name, value, "True or False")
    return value


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
    if value is not None and not isinstance(value, str):
        raise wrong(name, value, "a text")
    return sendable(name, value or "")


def retry_count(name: str, value: object) -> int:
    return INT_MAX if value == float("inf") else integer(0)(name, value)


def ms_or_infinity(name: str, value: object) -> float:
    if isinstance(value, (int, float)) and value in (-1, float("inf")):
        return float("inf")
    try:
        return float(milliseconds(name, value))
    except (TypeError, ValueError):
        raise wrong(name, value, "milliseconds, at least 0, or infinity") from None


def acks_number(name: str, value: object) -> int:
    if not isinstance(value, bool):
        for text, number in ACKS.items():
            if value in (text, number):
                return number
    raise wrong(name, value, '0, 1 or "all"')


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


def function_or_none(name: str, value: object) -> Callable[..., object] | None:
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


def partitioner_or_none(name: str, value: Any) -> Callable[..., int] | str | None:
    if value is None or callable(value) or value in ("default", "round_robin"):
        return value  # type: ignore[no-any-return]
    raise wrong(name, value, 'a callable, "default", "round_robin" or None')


def assignors(name: str, value: object) -> tuple[object, ...]:
    found = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not found or None in found:
        raise wrong(
            name, value, 'one or more of "range", "roundrobin", "sticky" and "cooperative-sticky", or assignors'
        )
    return found


def at_least(*others: str) -> Together:
    """No less than others come to: a value that was given is refused, a default is raised."""

    def check(config: Config, name: str) -> object:
        value, least = getattr(config, name), min(sum(getattr(config, other) for other in others), INT_MAX)
        if value < least and name in config.given:
            raise ConfigError(f"{name} ({value}) must be at least {' + '.join(others)} ({least})")
        return max(value, least)

    check.__doc__ = f"At least `{'` + `'.join(others)}`."
    return check


def below(other: str, because: str = "") -> Together:
    """Less than another one; ``because`` ends the error's sentence."""

    def check(config: Config, name: str) -> object:
        value, bound = getattr(config, name), getattr(config, other)
        if value >= bound:
            raise ConfigError(f"{name} ({value}) must be lower than {other} ({bound}){because}")
        return value

    check.__doc__ = f"Lower than `{other}`."
    return check


def only_with(other: str, because: str) -> Together:
    """False without another one: by itself, but True that was given is refused."""

    def check(config: Config, name: str) -> object:
        value, there = getattr(config, name), getattr(config, other) is not None
        if value and not there and name in config.given:
            raise ConfigError(f"{name}=True needs a {other}: {because}")
        return value and there

    check.__doc__ = f"Only with a `{other}`."
    return check


def not_with_consumer_protocol(config: Config, name: str) -> object:
    """With ``"consumer"``: no ``partition_assignment_strategy``, ``session_timeout_ms`` or ``heartbeat_interval_ms``.

    The rule of Java's ``ConsumerConfig``: the broker has these. Raises ``ConfigError`` with the way out.
    """
    value = getattr(config, name)
    if value == "consumer":
        for each, way_out in THE_BROKERS.items():
            if each in config.given:
                raise ConfigError(f'{each} can\'t be given with {name}="consumer": {way_out}')
    return value


def only_of_consumer_protocol(config: Config, name: str) -> object:
    """Only with ``group_protocol="consumer"``."""
    value = getattr(config, name)
    if value is not None and getattr(config, GROUP_PROTOCOL) != "consumer":
        raise ConfigError(f'{name} needs group_protocol="consumer"; a classic group has partition_assignment_strategy')
    return value


def idempotence(config: Config, name: str) -> object:
    """Only with ``acks="all"``, ``retries`` and at most 5 ``max_in_flight_requests_per_connection``.

    The rules of Java's ``ProducerConfig``: idempotent by default, unless another keyword makes it impossible. Raises
    ``ConfigError`` when it was asked for, or is needed for transactions, and can't be, and in any case for more
    requests in flight than brokers remember batches.
    """
    wanted, acks, retries, in_flight = (getattr(config, each) for each in (name, "acks", "retries", IN_FLIGHT))
    why = "retries=0" if retries == 0 else f"acks={acks}" if acks != -1 else None
    if getattr(config, TRANSACTIONAL) is not None and (why or not wanted):
        raise ConfigError(f"a producer with a {TRANSACTIONAL} is idempotent: leave out {why or f'{name}=False'}")
    if not wanted:
        return False
    if why is not None and name in config.given:
        raise ConfigError(f'an idempotent producer has acks="all" and retries; leave out {why}')
    if in_flight > IN_FLIGHT_MAX:
        raise ConfigError(
            f"an idempotent producer has at most {IN_FLIGHT_MAX} requests in flight, not {in_flight}: "
            f"give {name}=False or {IN_FLIGHT}={IN_FLIGHT_MAX}"
        )
    return why is None
