"""The clusters of one test session: one for each shape that tests ask for, reset before the next test has it.

A cluster in which something went wrong that a reset can't mend (a crashed actor, a test that closed it) is let go of,
and the next test gets a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from actors.broker.config import parse_settings
from actors.cluster import Cluster
from actors.cluster.arguments import as_text, how_many
from actors.runtime.driver import raise_crashes
from kstore.errors.config import ConfigError, nearest

KEYWORDS = ("brokers", "config", "seeds")


class Shape(NamedTuple):
    """How many brokers, and what they are configured to: pairs of key and value, sorted."""

    brokers: int
    config: tuple[tuple[str, str], ...]


def shape_of(default: Shape, marks: Iterable[Mapping[str, Any]]) -> Shape:
    """The shape that marks give, the nearest first; what none says is the default's.

    >>> shape_of(Shape(1, ()), [{"brokers": 3}, {"brokers": 2, "config": {"num.partitions": 4}}])
    Shape(brokers=3, config=(('num.partitions', '4'),))
    """
    brokers, config = default.brokers, dict(default.config)
    for keywords in reversed(list(marks)):
        for keyword in keywords:
            if keyword not in KEYWORDS:
                raise ConfigError(f"the mark kstore has no keyword {keyword!r}{nearest(keyword, KEYWORDS)}")
        brokers = keywords.get("brokers", brokers)
        config |= as_text(keywords.get("config"))
    return Shape(how_many(brokers), tuple(sorted(config.items())))


@contextmanager
def simulated(shape: Shape, seed: int) -> Iterator[Cluster]:
    """A cluster on virtual time."""
    cluster = Cluster(shape.brokers, seed=seed, config=dict(shape.config))
    try:
        yield cluster
    finally:
        cluster.close()


class Pool:
    """Clusters in real time by shape, and by whether they listen."""

    def __init__(self, brokers: str, config: Iterable[str]) -> None:
        """``brokers`` and ``config`` are texts of the project's configuration."""
        if not brokers.isdecimal():
            raise ConfigError(f"kstore_brokers is how many there are, such as 3; got {brokers!r}")
        self.default = Shape(int(brokers), tuple(sorted(parse_settings(list(config)).items())))
        self._clusters: dict[tuple[Shape, bool], Cluster] = {}

    def take(self, shape: Shape, *, listens: bool) -> Cluster:
        """An empty cluster of this shape."""
        key = (shape, listens)
        cluster = self._clusters.get(key)
        if cluster is None or cluster.closed:
            listen = "127.0.0.1:0" if listens else None
            cluster = self._clusters[key] = Cluster(shape.brokers, listen=listen, config=dict(shape.config))
        else:
            cluster.reset()
        return cluster

    def give_back(self, cluster: Cluster) -> None:
        """A test is done with it; a cluster that met a defect isn't used again. Raises ``NodeCrashed`` if a node
        crashed of it; the plugin fails the test for one that was contained."""
        if cluster.world.crashes or cluster.failures:
            key = next(key for key, each in self._clusters.items() if each is cluster)
            del self._clusters[key]
            cluster.close()
        raise_crashes(cluster.world)

    def close(self) -> None:
        """Close them all."""
        for cluster in self._clusters.values():
            cluster.close()
        self._clusters.clear()
