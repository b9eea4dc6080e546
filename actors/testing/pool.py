"""The clusters of one test session: one for each shape that tests ask for, reset before the next test has it.

A cluster in which something went wrong that a reset can't fix (a crashed actor, a test that closed it) is let go of,
and the next test gets a new one. Beside them stands the one of the whole session, which is never reset.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from actors.cluster import Cluster
from actors.cluster.arguments import as_text, how_many
from actors.config import parse_settings
from actors.runtime.driver import raise_crashes
from actors.testing import listening
from kstore.errors.config import ConfigError, nearest
from kstore.named import NamedTuple

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
    """Clusters in real time by shape, and by whether they listen; and the one that a session has as a whole.

    On ports that were given only one cluster can listen. That of another shape is closed before the next listens; that
    of the session stays, and who asks for the ports gets ``ListenError``.
    """

    def __init__(
        self, brokers: str, config: Iterable[str], listen: str | None = None, worker: str | None = None
    ) -> None:
        """``brokers``, ``config`` and ``listen`` are texts of the project's configuration; ``worker`` is a name that
        pytest-xdist gives, such as "gw0". Raises ``ConfigError``, and ``ListenError`` for what is no address.
        """
        if not brokers.isdecimal():
            raise ConfigError(f"kstore_brokers is how many there are, such as 3; got {brokers!r}")
        self.default = Shape(int(brokers), tuple(sorted(parse_settings(list(config)).items())))
        self.listen = listening.for_worker(listen or listening.FREE_PORTS, worker)
        self.worker = worker
        self.of_session: Cluster | None = None
        self.of_test: Cluster | None = None
        self._clusters: dict[tuple[Shape, bool], Cluster] = {}

    def take(self, shape: Shape, *, listens: bool) -> Cluster:
        """An empty cluster of this shape."""
        key = (shape, listens)
        cluster = self._clusters.get(key)
        if cluster is None or cluster.closed:
            cluster = self._clusters[key] = self._listening(shape) if listens else self._make(shape, None)
        else:
            cluster.reset()
        self.of_test = cluster
        return cluster

    def take_for_session(self) -> Cluster:
        """The cluster of the whole session, which listens and is never reset."""
        assert self.of_session is None, "its fixture is made once"
        self.of_session = self._listening(self.default, "kstore_session_cluster")
        return self.of_session

    def _listening(self, shape: Shape, name: str | None = None) -> Cluster:
        listening.check_brokers(self.listen, self.worker, shape.brokers)
        if not listening.is_free(self.listen):
            if self.of_session is not None and not self.of_session.closed:
                raise listening.taken(self.listen, "session")
            if self.of_test is not None and self.of_test.ports is not None and not self.of_test.closed:
                raise listening.taken(self.listen, "test")
            self._close([key for key in self._clusters if key[1]])
        with listening.as_option():
            return self._make(shape, self.listen, name)

    def _make(self, shape: Shape, listen: str | None, name: str | None = None) -> Cluster:
        return Cluster(shape.brokers, listen=listen, config=dict(shape.config), name=name)

    def give_back(self, cluster: Cluster) -> None:
        """A test is done with it; a cluster that met a defect isn't used again. Raises ``NodeCrashed`` if a node
        crashed of it; the plugin fails the test for one that was contained.
        """
        self.of_test = None
        if cluster.world.crashes or cluster.failures:
            self._close([key for key, each in self._clusters.items() if each is cluster])
        raise_crashes(cluster.world)

    def _close(self, keys: Iterable[tuple[Shape, bool]]) -> None:
        for key in keys:
            self._clusters.pop(key).close()

    def close_of_session(self) -> None:
        """The session ends."""
        cluster, self.of_session = self.of_session, None
        if cluster is not None:
            cluster.close()

    def close(self) -> None:
        """Close them all."""
        self.close_of_session()
        self._close(list(self._clusters))
