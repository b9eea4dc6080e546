"""The controller outlives its broker: what its broker, killed or paused, leaves running.

A cluster has one controller so far, on its first node. A test that kills "the leader" means the broker: with the
controller gone as well nobody would elect another. So a fault that a user asks for ends (or stops) everything of the
node but the controller and the connections by which other brokers reach it, as where Kafka's controllers have machines
of their own (``process.roles=controller``). A node that is killed whole, as by ``Nodes.kill_node``, takes it along.
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
    """Whether an actor is the controller, or brings it what other brokers ask."""
    return isinstance(actor, Controller) or (isinstance(actor, Connection) and actor.is_broker)


def end_broker_of(nodes: Nodes, node: BrokerNode) -> None:
    """End everything on the controller's node but the controller, as by SIGKILL; it learns of the death at once."""
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
