"""Clusters on virtual time for tests of partitions."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from partition.client import Client

from actors.cluster import Cluster


@pytest.fixture
def start(seed: int) -> Iterator[Callable[..., Client]]:
    """Starts a cluster of three brokers and gives a client of it."""
    started: list[Cluster] = []

    def begin(brokers: int = 3, **how: Any) -> Client:
        cluster = Cluster(brokers=brokers, seed=seed, **how)
        started.append(cluster)
        return Client(cluster)

    yield begin
    for cluster in started:
        cluster.close()
