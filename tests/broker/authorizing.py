"""A cluster whose authorizer keeps what it was asked, and refuses what a test wants refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from broker.test_connection import Peer

from actors.broker.registry import CLIENT_APIS
from actors.cluster import Cluster
from actors.node import authorizer
from actors.node.authorizer import (
    NODES,
)
from kstore.schema.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest

TOPIC, GROUP, TRANSACTION = authorizer.topic("t"), authorizer.group("g"), authorizer.transactional_id("x")
WAIT_S = 60


Verdict = Callable[[int, authorizer.Resource], bool]


def nothing(*_: object) -> bool:
    return False


def everything(*_: object) -> bool:
    return True


class Rules:
    """An authorizer that keeps what it was asked, and refuses some of it to clients."""

    def __init__(self, refuses: Verdict = nothing) -> None:
        self.refuses = refuses
        self.asked: set[tuple[str, int, authorizer.Resource]] = set()

    def authorize(self, asking, operation: int, resource: authorizer.Resource) -> bool:
        self.asked.add((asking.principal, operation, resource))
        return asking.principal == NODES or not self.refuses(operation, resource)

    def authorize_any(self, asking, operation: int, kind: int) -> bool:
        return self.authorize(asking, operation, (kind, "any"))

    def asked_by(self, principal: str) -> set[tuple[int, authorizer.Resource]]:
        return {(operation, resource) for who, operation, resource in self.asked if who == principal}


@contextmanager
def cluster_with_topics(config: Mapping[str, str] = MappingProxyType({})) -> Iterator[Cluster]:
    """One broker with the topics ``t`` and ``u`` and a coordinator of the group ``g``."""
    with Cluster(1, seed=5, config=dict(config)) as running:
        peer = Peer(running, 1)
        topics = [CreatableTopic(name=name, num_partitions=1, replication_factor=1) for name in ("t", "u")]
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


def rule(cluster: Cluster, refuses: Verdict = nothing) -> Rules:
    """From now on the node asks these rules."""
    rules = Rules(refuses)
    node = cluster.nodes[1]
    node.view = node.view._replace(authorizer=rules)
    return rules


def refuse_all(cluster: Cluster) -> Rules:
    return rule(cluster, everything)


def asked_with(cluster: Cluster, request, version: int | None = None, listener: str = "client"):
    return ask(Peer(cluster, 1, listener), request, CLIENT_APIS[request.API_KEY].last if version is None else version)


def codes_in(response) -> set[int]:
    """All error codes of a response, at any depth, but none that there isn't."""
    found: set[int] = set()
    for name in type(response).fields():
        value = getattr(response, name)
        if name == "error_code":
            found.add(value)
        for each in value if isinstance(value, list) else ():
            if hasattr(type(each), "fields"):
                found |= codes_in(each)
    return found - {0}


def refuse(*refused: tuple[int, authorizer.Resource]):
    return lambda operation, resource: (operation, resource) in refused
