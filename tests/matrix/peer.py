"""The two clusters that are compared: two nodes each, both of them brokers, the first the controller too.

Two, so that there is a broker that doesn't lead and doesn't coordinate, and a node that may die at the end.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from actors.cluster import Cluster
from bench.peers.kafka import KafkaCluster
from bench.peers.processes import HOST
from kstore import NoEffectWarning
from kstore.named import NamedTuple

NODES = 2
CONFIG = {
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "4000",
    "default.replication.factor": "1",
    "group.consumer.assignment.interval.ms": "0",
    "group.consumer.max.size": "2",
    "group.max.size": "2",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "6000",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "2",
}
"""What both are started with."""

KEPT = {
    "log.retention.ms": "-1",
    "log.segment.delete.delay.ms": "1000",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "2",
}
"""As well, but without effect in kstore yet: the records of the cases are old."""


class Peer(NamedTuple):
    """One cluster: where its nodes listen, and how one of them is killed."""

    name: str
    ports: Mapping[int, int]
    end: Callable[[int], None]


@contextlib.contextmanager
def kstore() -> Iterator[Peer]:
    """A cluster of ours that listens as ``kstore serve`` does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoEffectWarning)
        cluster = Cluster(NODES, listen=f"{HOST}:0", config=CONFIG | KEPT)
    with cluster:
        addresses = cluster.bootstrap_servers.split(",")
        ports = {node: int(address.rpartition(":")[2]) for node, address in enumerate(addresses, 1)}
        try:
            yield Peer("kstore", ports, cluster.faults.kill)
        finally:
            logging.getLogger("kstore").setLevel(logging.NOTSET)  # whose level is asked for is this process's


@contextlib.contextmanager
def kafka(folder: Path) -> Iterator[Peer]:
    """A real Apache Kafka."""
    cluster = KafkaCluster(folder, NODES, CONFIG | KEPT, voters=1)
    cluster.configure()
    cluster.format()
    cluster.launch()
    try:
        cluster.wait()
        yield Peer("kafka", dict(enumerate(cluster.ports, 1)), lambda node: _kill(cluster, node))
    finally:
        for process in cluster.processes:  # the second node can't end in order when the controller ends with it
            os.kill(process.pid, signal.SIGKILL)
        cluster.stop()


def start(name: str, folder: Path) -> contextlib.AbstractContextManager[Peer]:
    """One or the other."""
    return kafka(folder) if name == "kafka" else kstore()


def _kill(cluster: KafkaCluster, node: int) -> None:
    process = cluster.processes.pop(node - 1)
    os.kill(process.pid, signal.SIGKILL)
    process.stop()
