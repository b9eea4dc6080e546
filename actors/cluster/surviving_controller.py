"""Keeps the controller running when its broker is killed or paused by a fault.

A cluster has one controller so far, on its first node. A test that kills "the leader" means the broker: without the
controller no other leader would be elected. So a fault ends (or stops) everything on the node except the controller and
other brokers' connections to it, as if the controller had its own machine (``process.roles=controller``).
``Nodes.kill_node`` kills the whole node with the controller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.broker.connection import Connection
from actors.controller.controller import Controller
from actors.controller.messages import NodeLost

if TYPE_CHECKING:
    from actors.cluster.nodes import Nodes
    from actors.node.node import BrokerNode
    from actors.runtime import Actor


def has_controller(node: BrokerNode) -> bool:
    """Whether the controller lives on this node."""
    return node.alive and node.view.controller is not None


def is_of_controller(actor: Actor) -> bool:
    """Whether an actor is the controller, or another broker's connection to it."""
    return isinstance(actor, Controller) or (isinstance(actor, Connection) and actor.is_broker)


def end_broker_of(nodes: Nodes, node: BrokerNode) -> None:
    """End everything on the controller's node except the controller, which learns of it at once."""
    node.resume()
    controller = node.view.controller
    assert controller is not None, "there is a controller to outlive its broker"
    for actor in list(node.actors.values()):
        if actor.actor_ref is not controller:
            actor.inbox.close(False)
            node.remove(actor)
    node.controller_alone = True
    node.peer_lost = lambda lost: controller.tell(NodeLost(lost))
    if nodes.ports is not None:
        nodes.ports.close(node.node_id, abruptly=True)
    nodes.net.break_links(node)
    controller.tell(NodeLost(node.node_id))
