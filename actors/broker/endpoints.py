"""The brokers' endpoints in a response: their advertised addresses on the listener that the client connected to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from actors.image.image import Endpoint

if TYPE_CHECKING:
    from actors.broker.call import Call
    from kstore.schema.messages import fetch, produce

N = TypeVar("N", "fetch.NodeEndpoint", "produce.NodeEndpoint")


def located(call: Call, nodes: Iterable[N]) -> list[N]:
    """The endpoints of the given nodes that the cluster knows; the nodes have ids, the rest is filled in."""
    brokers, found = call.view.image.brokers, []
    for node in nodes:
        broker = brokers.get(node.node_id)
        if broker is not None:
            at: Endpoint = broker.endpoint(call.listener)
            node.host, node.port, node.rack = at.host, at.port, broker.rack
            found.append(node)
    return found
