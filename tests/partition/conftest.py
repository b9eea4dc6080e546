"""Clusters on virtual time for tests of partitions."""

from collections.abc import Callable, Iterator
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from partition.client import Client
from partition.transacting import ADD_PARTITIONS, Coordinator

from actors.broker import registry
from actors.broker.registry import Served
from actors.cluster import Cluster, nodes
from kstore.fs import MemoryFileSystem
from kstore.fs.faulty import FaultyFileSystem


@pytest.fixture
def start(seed: int) -> Iterator[Callable[..., Client]]:
    """Start a cluster of three brokers and give a client of it."""
    started: list[Cluster] = []

    def begin(brokers: int = 3, **how: Any) -> Client:
        cluster = Cluster(brokers=brokers, seed=seed, **how)
        started.append(cluster)
        return Client(cluster)

    yield begin
    for cluster in started:
        cluster.close()


class Disks(dict[int, FaultyFileSystem]):
    """The disks of the nodes that were started, by node id: they fail when they are told to."""

    def heal(self) -> None:
        for disk in self.values():
            disk.heal()


@pytest.fixture
def disks(monkeypatch: pytest.MonkeyPatch, seed: int) -> Disks:
    """Have the clusters of this test keep their files on disks that can fail."""
    made = Disks()

    def one() -> FaultyFileSystem:
        number = len(made) + 1
        made[number] = FaultyFileSystem(MemoryFileSystem(), Random(seed * 100 + number))
        return made[number]

    monkeypatch.setattr(nodes, "MemoryFileSystem", one)
    return made


@pytest.fixture
def coordinator(monkeypatch: pytest.MonkeyPatch) -> Coordinator:
    made = Coordinator()
    served = Served(ADD_PARTITIONS, "produce", 4, 5, 4)
    monkeypatch.setitem(registry.CLIENT_APIS, ADD_PARTITIONS, served)
    monkeypatch.setitem(registry._handlers, ADD_PARTITIONS, SimpleNamespace(handle=made.handle))
    return made
