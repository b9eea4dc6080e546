"""Clusters of three on virtual time, in memory or on a disk, that end with the test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster.speaking import Speaker

from actors.cluster import Cluster


@pytest.fixture
def start(seed: int) -> Iterator[Callable[..., Speaker]]:
    """Start a cluster and give a client of it; whatever ``Cluster`` takes may be said. Without a seed it is real."""
    started: list[Cluster] = []

    def begin(brokers: int = 3, **how: Any) -> Speaker:
        how.setdefault("seed", seed)
        cluster = Cluster(brokers=brokers, **how)
        started.append(cluster)
        return Speaker(cluster)

    yield begin
    for cluster in started:
        cluster.close()


@pytest.fixture(params=["memory", "disk"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Where a cluster keeps its folders: once in memory, once on the disk."""
    return {"data_dir": str(tmp_path)} if request.param == "disk" else {}
