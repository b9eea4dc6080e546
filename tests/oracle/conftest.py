"""A real Apache Kafka for the tests of this folder, which only ``make test-oracle`` runs.

``kafka_jars`` is for tests that run a class or a Java source file of their own; ``kafka`` is a cluster of one node that
the tests of a run share; ``start_kafka`` starts one of a test's own, with as many nodes and what config it likes. All
of it is ``bench/peers/kafka.py``, the peer of the benchmarks.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.peers import kafka as real

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.oracle)


@pytest.fixture(scope="session")
def kafka_jars() -> Path:
    """The folder of Apache Kafka's jars, fetched by Maven the first time."""
    if lacking := real.missing():
        pytest.fail(lacking)
    return real.libs()


@pytest.fixture(scope="session")
def kafka(kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[real.KafkaCluster]:
    """One node of a real Kafka, shared by all tests of the run: every test makes topics of its own."""
    with real.running(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster


@pytest.fixture
def start_kafka(kafka_jars: Path, tmp_path: Path) -> Iterator[Callable[..., real.KafkaCluster]]:
    """``start_kafka(nodes=3, config={"log.segment.bytes": "1048576"})``: a cluster that ends with the test."""
    with contextlib.ExitStack() as stopping:

        def start(nodes: int = 1, config: dict[str, str] | None = None) -> real.KafkaCluster:
            return stopping.enter_context(real.running(tmp_path / "kafka", nodes, config))

        yield start
