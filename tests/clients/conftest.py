"""One suite, three targets: a cluster in the process, ``kstore serve`` over TCP, and a real Apache Kafka.

A test that takes ``target`` runs on all three (on the last only with ``make test-oracle``), with topics and groups of
its own; what the clients do must be the same everywhere. ``cluster`` is for what only a cluster in the process can
show: faults, traces, virtual time.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clients.targets import FAST, InProcess, OverTcp, Target
from processes import Server

from kstore import Cluster

SERVE_OPTIONS = [option for key, value in FAST.items() for option in ("--set", f"{key}={value}")]


@pytest.fixture(scope="session")
def in_process() -> Iterator[Cluster]:
    """The cluster in the process that the tests of a run share."""
    with Cluster(3, config=FAST) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """Where the ``kstore serve`` listens that the tests of a run share."""
    server = Server("--brokers", "3", "--listen", "127.0.0.1:0", *SERVE_OPTIONS)
    yield server.bootstrap
    server.kill()


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the real Apache Kafka listens that the tests of a run share: one node."""
    from bench.peers import kafka

    if lacking := kafka.missing():
        pytest.fail(lacking)
    with kafka.running(tmp_path_factory.mktemp("kafka"), config=FAST) as running:
        yield running.bootstrap


@pytest.fixture(params=["in_process", "serve", pytest.param("kafka", marks=pytest.mark.oracle)])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """What a test's clients talk to; the clients that it makes are closed after it."""
    found: Target
    if request.param == "in_process":
        found = InProcess(request.getfixturevalue("in_process"))
    elif request.param == "serve":
        found = OverTcp("serve", request.getfixturevalue("served"), brokers=3)
    else:
        found = OverTcp("kafka", request.getfixturevalue("real_kafka"), brokers=1)
    yield found
    found.close()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster of three brokers in the process, for one test."""
    with Cluster(3, config=FAST) as found:
        yield found
