"""Clusters on virtual time for tests of transactions."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from partition.client import Client
from transactions.producers import TOPIC

from actors.cluster import Cluster


@pytest.fixture
def start(seed: int) -> Iterator[Callable[..., Client]]:
    """Start a cluster of three brokers with a topic of two partitions, and give a client of it."""
    started: list[Cluster] = []

    def begin(brokers: int = 3, **how: Any) -> Client:
        cluster = Cluster(brokers=brokers, seed=seed, **how)
        started.append(cluster)
        client = Client(cluster)
        client.create(TOPIC, partitions=2, copies=brokers)
        return client

    yield begin
    for cluster in started:
        cluster.close()
