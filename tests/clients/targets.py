"""What the suite of the clients runs against: makes clients, topics and names, and closes what it made."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import kstore

if TYPE_CHECKING:
    from kstore import Admin, Cluster, Consumer, Producer

FAST = {
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "100",
    "group.consumer.min.heartbeat.interval.ms": "50",
    "group.consumer.heartbeat.interval.ms": "50",
    "group.consumer.assignment.interval.ms": "0",
}
"""What makes groups of both protocols quick on every target: tests don't wait for members that don't come."""

_numbers = itertools.count(1)


class Target:
    """Makes clients of one target. ``brokers`` is how many it has."""

    name: str
    brokers: int

    def __init__(self) -> None:
        self._made: list[Any] = []

    def producer(self, **keywords: Any) -> Producer:
        """A producer, closed after the test."""
        return self._keep(self._producer(keywords))

    def consumer(self, *topics: str, **keywords: Any) -> Consumer:
        """A consumer, closed after the test."""
        return self._keep(self._consumer(topics, keywords))

    def admin(self, **keywords: Any) -> Admin:
        """An admin, closed after the test."""
        return self._keep(self._admin(keywords))

    def _keep(self, made: Any) -> Any:
        self._made.append(made)
        return made

    def _producer(self, keywords: dict[str, Any]) -> Producer:
        raise AssertionError(self)

    def _consumer(self, topics: tuple[str, ...], keywords: dict[str, Any]) -> Consumer:
        raise AssertionError(self)

    def _admin(self, keywords: dict[str, Any]) -> Admin:
        raise AssertionError(self)

    def topic(self, partitions: int = 1, replication_factor: int = 1, **config: str) -> str:
        """A new topic of the test's own; ``config`` has ``_`` for ``.``."""
        name = self.fresh("topic")
        configs = {key.replace("_", "."): value for key, value in config.items()}
        with self._admin({}) as admin:
            admin.create_topics([kstore.NewTopic(name, partitions, replication_factor, topic_configs=configs)])
        return name

    def group(self) -> str:
        """A name that no group has."""
        return self.fresh("group")

    @staticmethod
    def fresh(what: str) -> str:
        """A name that nothing has."""
        return f"{what}-{next(_numbers)}"

    def close(self) -> None:
        """Close every client that was made."""
        while self._made:
            self._made.pop().close()


class InProcess(Target):
    """A cluster in the process."""

    name = "in_process"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self.cluster = cluster
        self.brokers = len(cluster.node_ids)

    def _producer(self, keywords: dict[str, Any]) -> Producer:
        return self.cluster.producer(**keywords)

    def _consumer(self, topics: tuple[str, ...], keywords: dict[str, Any]) -> Consumer:
        return self.cluster.consumer(*topics, **keywords)

    def _admin(self, keywords: dict[str, Any]) -> Admin:
        return self.cluster.admin(**keywords)


class OverTcp(Target):
    """Brokers that listen on TCP: ours or Apache Kafka's."""

    def __init__(self, name: str, bootstrap: str, *, brokers: int) -> None:
        super().__init__()
        self.name = name
        self.bootstrap = bootstrap
        self.brokers = brokers

    def _producer(self, keywords: dict[str, Any]) -> Producer:
        return kstore.Producer(bootstrap_servers=self.bootstrap, **keywords)

    def _consumer(self, topics: tuple[str, ...], keywords: dict[str, Any]) -> Consumer:
        return kstore.Consumer(*topics, bootstrap_servers=self.bootstrap, **keywords)

    def _admin(self, keywords: dict[str, Any]) -> Admin:
        return kstore.Admin(bootstrap_servers=self.bootstrap, **keywords)
