"""What ``Cluster`` says to a keyword that it doesn't have: the nearest one, or that its time hasn't come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kstore.errors.config import ConfigError, nearest

KEYWORDS = ("brokers", "data_dir", "listen", "seed", "config", "name", "trace_rows", "trace_file", "wire")

Settings = Mapping[str, str | int | float]

NOT_YET = {
    "dispatcher": "every cluster runs on one run queue; a thread an actor isn't implemented yet",
}


def refuse_unknown(keywords: Iterable[str]) -> None:
    """Raise for the first keyword, if there is one.

    >>> refuse_unknown(["broker"])
    Traceback (most recent call last):
    kstore.errors.config.ConfigError: Cluster has no keyword 'broker' (did you mean brokers?)
    """
    for keyword in keywords:
        if keyword in NOT_YET:
            raise ConfigError(f"{keyword}: {NOT_YET[keyword]}")
        raise ConfigError(f"Cluster has no keyword {keyword!r}{nearest(keyword, KEYWORDS)}")


def check_shape(brokers: int, listen: str | None, seed: int | None) -> None:
    """Raise ``ConfigError`` when the arguments don't go together."""
    if isinstance(brokers, bool) or not isinstance(brokers, int):
        raise ConfigError(f"brokers is how many there are, such as 3; got {brokers!r}")
    if brokers < 1:
        raise ConfigError("a cluster has at least one broker")
    if listen is not None and not isinstance(listen, str):
        raise ConfigError(f'listen is the text "host:port", such as "127.0.0.1:9092"; got {listen!r}')
    if listen is not None and seed is not None:
        raise ConfigError("a cluster with a seed runs on virtual time, where no socket is: leave out listen or seed")


def as_text(config: Settings | None) -> dict[str, str]:
    """Config values as Kafka writes them: numbers and truth values are taken beside text.

    Raises ``ConfigError`` for anything else.

    >>> as_text({"num.partitions": 3, "auto.create.topics.enable": False})
    {'num.partitions': '3', 'auto.create.topics.enable': 'false'}
    """
    if config is not None and not isinstance(config, Mapping):
        raise ConfigError(f'config is a mapping of keys to values, such as {{"num.partitions": 3}}; got {config!r}')
    found = {}
    for key, value in (config or {}).items():
        if not isinstance(value, str | int | float):
            raise ConfigError(f"the value of {key} is text, a number or a bool, not {value!r}")
        found[key] = str(value).lower() if isinstance(value, bool) else str(value)
    return found
