"""One broker on virtual time with topics and the coordinator of the group ``g``, and requests to it by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from broker.test_connection import Peer

from actors.cluster import Cluster
from kstore.schema.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest

WAIT_S = 120  # of virtual time: longer than any wait that a broker grants


@contextmanager
def broker_with(*names: str, config: Mapping[str, str] = MappingProxyType({})) -> Iterator[Cluster]:
    """The broker with these topics, of a partition each."""
    with Cluster(1, seed=5, config=dict(config)) as running:
        peer = Peer(running, 1)
        topics = [CreatableTopic(name=name, num_partitions=1, replication_factor=1) for name in names]
        ask(peer, CreateTopicsRequest(topics=topics, timeout_ms=5000), 7)
        while ask(peer, FindCoordinatorRequest(key="g"), 0).error_code:
            running.world.driver.drive(lambda: False, 0.5)
        running.world.driver.drive(lambda: False, 2)
        yield running


def ask(peer: Peer, request, version: int):
    """The answer; None when the connection was closed instead."""
    done = len(peer.channel.responses)
    peer.send(peer.frame(request, version))
    peer.cluster.world.driver.drive(lambda: peer.channel.aborted or len(peer.channel.responses) > done, WAIT_S)
    return None if peer.channel.aborted else peer.channel.responses[done]
