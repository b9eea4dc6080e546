"""What ``Cluster`` says to a keyword that it doesn't have: the nearest one, or that its time hasn't come."""

from __future__ import annotations

from collections.abc import Iterable

from kstore.errors.config import ConfigError, nearest

KEYWORDS = ("brokers", "data_dir", "listen", "seed", "config", "name", "trace_rows", "trace_file", "wire")

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
    if listen is not None and seed is not None:
        raise ConfigError("a cluster with a seed runs on virtual time, where no socket is: leave out listen or seed")
