"""Apache Kafka's own consumer in groups of the consumer protocol: what it tells its listener is written down, and it
tells the same on kstore.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from clients.targets import FAST

from bench.peers.kafka import KafkaCluster
from kstore import Cluster

GOLDEN = Path(__file__).parents[1] / "clients" / "golden"
TIMEOUT_S = 240


def printed(bootstrap: str, jars: Path) -> str:
    """What the program prints against a cluster."""
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"
    command = ["java", "-Xmx256m", quiet, "-cp", f"{jars}/*", str(GOLDEN / "RebalanceCallbacks.java"), bootstrap]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def told() -> str:
    return (GOLDEN / "rebalance_callbacks.txt").read_text()


def test_javas_consumer_tells_its_listener_what_is_written_down(
    start_kafka: Callable[..., KafkaCluster], kafka_jars: Path
) -> None:
    assert printed(start_kafka(1, FAST).bootstrap, kafka_jars) == told()


def test_javas_consumer_tells_its_listener_the_same_on_kstore(kafka_jars: Path) -> None:
    with Cluster(3, listen="127.0.0.1:0", config=FAST) as cluster:
        assert printed(cluster.bootstrap_servers, kafka_jars) == told()
