"""A cluster of three on virtual time that ends with the test, a client of it, and its trace."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cluster.speaking import Speaker

from actors.cluster import Cluster
from actors.trace import Trace


@pytest.fixture
def start(seed: int) -> Iterator[Callable[..., Speaker]]:
    """Start a cluster and give a client of it, with topic ``t`` of two partitions unless ``topic`` is false."""
    started: list[Cluster] = []

    def begin(brokers: int = 3, *, topic: bool = True, **how: Any) -> Speaker:
        how.setdefault("seed", seed)
        cluster = Cluster(brokers=brokers, **how)
        started.append(cluster)
        client = Speaker(cluster)
        if topic:
            client.create("t", partitions=2, copies=min(brokers, 3))
        return client

    yield begin
    for cluster in started:
        cluster.close()


def trace_of(client: Speaker) -> Trace:
    """The trace of a client's cluster."""
    return Trace.of(client.cluster.world)
