"""Checks the keywords of ``Cluster``; an unknown one gets an error with the nearest known one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

from kstore.errors.arguments import plain_whole, shown, text, whole
from kstore.errors.config import ConfigError, nearest

BROKERS_MAX = 1_000
ROWS_MAX = 2**26
"""Of 64 bytes each: 4 GB."""

P = ParamSpec("P")
T = TypeVar("T")
Settings = Mapping[str, str | int | float]

NOT_YET = {
    "dispatcher": "every cluster runs on one run queue; a thread an actor isn't implemented yet",
}


def taking_what(
    constructor: Callable[Concatenate[Any, P], None],
) -> Callable[[Callable[..., T]], Callable[Concatenate[type[Any], P], T]]:
    """Decorate another way to make the same object: it has the constructor's parameters, and passes them on."""

    def told(maker: Callable[..., T]) -> Callable[Concatenate[type[Any], P], T]:
        maker.__dict__["__wrapped__"] = constructor  # where ``inspect.signature`` looks
        return maker

    return told


def refuse_unknown(keywords: Iterable[str], known: Iterable[str]) -> None:
    """Raise an error for the first keyword, if there is one; ``known`` are the valid ones.

    >>> refuse_unknown(["broker"], ["brokers", "seed"])
    Traceback (most recent call last):
    kstore.errors.config.ConfigError: Cluster has no keyword 'broker' (did you mean brokers?)
    """
    for keyword in keywords:
        if keyword in NOT_YET:
            raise ConfigError(f"{keyword}: {NOT_YET[keyword]}")
        raise ConfigError(f"Cluster has no keyword {keyword!r}{nearest(keyword, known)}")


def as_config(check: Callable[..., T], name: str, value: object, **how: Any) -> T:
    """The result of a check, with ``ConfigError`` for anything wrong with a keyword."""
    try:
        return check(name, value, **how)
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error)) from None


def as_none_or(check: Callable[..., T], name: str, value: object) -> T:
    """As ``as_config``, for a keyword that may be None."""
    return as_config(check, name, value, or_none=True)


def how_many(brokers: object) -> int:
    """The number of brokers."""
    try:
        found = plain_whole("brokers", brokers)
    except TypeError:
        raise ConfigError(f"brokers is how many there are, such as 3; got {shown(brokers)}") from None
    if found < 1:
        raise ConfigError(f"brokers: a cluster has at least one broker; got {shown(brokers)}")
    if found > BROKERS_MAX:
        raise ConfigError(f"brokers is how many there are, at most {BROKERS_MAX}; got {shown(brokers)}")
    return found


def rows(name: str, value: object) -> int:
    """How many rows a trace keeps."""
    return whole(name, value, 1, ROWS_MAX)


def addresses(name: str, value: object) -> tuple[str, ...]:
    """``listen`` or ``advertise``: a text, or one for each of several listeners."""
    found = (value,) if isinstance(value, str) else () if value is None else value
    if not isinstance(found, list | tuple) or not all(isinstance(each, str) for each in found):
        raise ConfigError(f'{name} is the text "host:port", such as "127.0.0.1:9092"; got {shown(value)}')
    return tuple(found)


def check_shape(listen: tuple[str, ...], advertise: tuple[str, ...], seed: int | None) -> None:
    """Raise ``ConfigError`` when the arguments don't go together."""
    if listen and seed is not None:
        raise ConfigError("a cluster with a seed runs on virtual time, where no socket is: leave out listen or seed")
    if advertise and not listen:
        raise ConfigError('advertise is what clients of a cluster that listens are told: give it listen="0.0.0.0:9092"')


def as_text(config: Settings | None) -> dict[str, str]:
    """Config values as Kafka writes them: numbers and booleans are accepted beside text.

    Raises ``ConfigError`` for anything else.

    >>> as_text({"num.partitions": 3, "auto.create.topics.enable": False})
    {'num.partitions': '3', 'auto.create.topics.enable': 'false'}
    """
    if config is not None and not isinstance(config, Mapping):
        raise ConfigError(
            f'config is a mapping of keys to values, such as {{"num.partitions": 3}}; got {shown(config)}'
        )
    found = {}
    for key, value in (config or {}).items():
        if not isinstance(key, str):
            raise ConfigError(f"each key of config is a text; got {shown(key)}")
        found[as_config(text, "each key of config", key)] = _value_of(key, value)
    return found


def _value_of(key: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | float):
        try:
            value = plain_whole(key, value)
        except TypeError:
            raise ConfigError(
                f"the value of {key} is text, a number or a bool, not {shown(value)}: see config"
            ) from None
    told: str = as_config(text, f"the value of {key} in config", shown(value) if isinstance(value, int) else str(value))
    return told


def known_id(node_ids: Collection[int], name: str, node_id: int) -> int:
    """The id of a node, which was given in the argument ``name``. Raises ``ConfigError``."""
    try:
        found = plain_whole(name, node_id)
    except TypeError:
        found = -1
    if found not in node_ids:
        ids = ", ".join(map(str, node_ids))
        raise ConfigError(f"{name}: there is no broker {shown(node_id)}: they are {ids}")
    return found
