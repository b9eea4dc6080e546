"""A cluster whose authorizer keeps what it was asked, and refuses what a test wants refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType

from broker.seeded_broker import ask, broker_with
from broker.test_connection import Peer

from actors.broker.registry import CLIENT_APIS
from actors.cluster import Cluster
from actors.node import authorizer
from actors.node.authorizer import (
    NODES,
)

TOPIC, GROUP, TRANSACTION = authorizer.topic("t"), authorizer.group("g"), authorizer.transactional_id("x")


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


def cluster_with_topics(config: Mapping[str, str] = MappingProxyType({})) -> AbstractContextManager[Cluster]:
    """One broker with the topics ``t`` and ``u`` and a coordinator of the group ``g``."""
    return broker_with("t", "u", config=config)


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
        if name.endswith("error_code"):
            found.add(value)
        for each in value if isinstance(value, list) else ():
            if hasattr(type(each), "fields"):
                found |= codes_in(each)
    return found - {0}


def refuse(*refused: tuple[int, authorizer.Resource]):
    return lambda operation, resource: (operation, resource) in refused
