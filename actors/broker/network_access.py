"""The network's calls to a node, outside of turns: clients that connect, and other nodes that have died.

These are functions of a node. They send messages to the broker actor's ref, as other actors do.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actors.broker.connection import Connection, NodeReady
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.node.node import BrokerNode
    from actors.runtime import Ref
    from actors.runtime.protocols import Channel


class PeerLost(NamedTuple):
    """To the broker: another node is known to be dead."""

    node_id: int


def attach_to_network(node: BrokerNode, broker: Ref) -> None:
    """Make the node reachable."""
    node.answers_clients = False
    node.accept = partial(accept, node)
    node.peer_lost = partial(tell_peer_lost, broker)


def stop_accepting_connections(node: BrokerNode) -> None:
    """Accept no new connections."""
    node.accept = None


def accept(node: BrokerNode, channel: Channel, listener: str, client_host: str) -> Ref:
    """Give a new client its connection actor."""
    number = node.connection_numbers.take()
    ref = Connection.start(node, number, channel, listener, client_host)
    if not node.answers_clients and listener != "broker":
        ref.actor_as(Connection).waits_for_node = True
    return ref


def start_answering_clients(node: BrokerNode) -> None:
    """Start to answer clients, also those that connected before: the node knows the cluster, and the cluster knows the
    node.

    A broker that was just started has an empty image: it would answer that existing topics don't exist. (Kafka doesn't
    open its sockets earlier either.)
    """
    node.answers_clients = True
    for actor in node.actors.values():
        if isinstance(actor, Connection) and actor.waits_for_node:
            actor.actor_ref.tell(NodeReady())


def tell_peer_lost(broker: Ref, node_id: int) -> None:
    """Tell the broker that another node has died."""
    broker.tell(PeerLost(node_id))
