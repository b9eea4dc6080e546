"""Where the network reaches a node, outside any turn: it makes the connections, and tells of deaths.

These are functions of a node. What they say to the broker actor they tell its ref, like everybody else.
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
    """From now on the node can be reached."""
    node.answers_clients = False
    node.accept = partial(accept, node)
    node.peer_lost = partial(tell_peer_lost, broker)


def stop_accepting_connections(node: BrokerNode) -> None:
    """Nobody new comes in."""
    node.accept = None


def accept(node: BrokerNode, channel: Channel, listener: str, client_host: str) -> Ref:
    """Give a new client its connection actor."""
    number = node.connection_numbers.take()
    ref = Connection.start(node, number, channel, listener, client_host)
    if not node.answers_clients and listener != "broker":
        ref.actor_as(Connection).waits_for_node = True
    return ref


def start_answering_clients(node: BrokerNode) -> None:
    """The node knows the cluster, and the cluster knows it: from now on clients are answered, who came before too.

    A broker that was just started has an empty image: it would deny topics that there are. (Kafka's opens its sockets
    no sooner.)
    """
    node.answers_clients = True
    for actor in node.actors.values():
        if isinstance(actor, Connection) and actor.waits_for_node:
            actor.actor_ref.tell(NodeReady())


def tell_peer_lost(broker: Ref, node_id: int) -> None:
    """Another node has died."""
    broker.tell(PeerLost(node_id))
