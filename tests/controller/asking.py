"""A client on virtual time that asks brokers single requests, in any version, through the wire format."""

from typing import Any

from actors.cluster import Cluster
from actors.network.link import Link
from actors.network.network import Network
from actors.runtime import Actor, Node, Reply, receives
from actors.runtime.future import ask
from kstore.named import NamedTuple


class AskNode(NamedTuple):
    node_id: int
    request: Any
    version: int
    listener: str


class Asker(Actor):
    """Sends a request and answers with its response."""

    @receives(AskNode)
    def ask_node(self, message: AskNode) -> None:
        net = self.node.world.net
        assert isinstance(net, Network)
        link = Link(net, self.node, message.node_id, message.listener)
        link.send(message.request, self.reply_here(self.answered, self.defer()), version=message.version)

    def answered(self, outcome: Any, reply: Reply) -> None:
        reply.set(outcome)


class Client:
    """Asks a cluster's brokers."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        node = Node(cluster.world, -1, kind="client")
        cluster.net.join(node)
        self.asker = Asker.start(node, "asker")

    def ask(self, request: Any, version: int | None = None, *, node: int = 2, listener: str = "client") -> Any:
        """The response of a broker, by default one that isn't the controller, in the request's latest version."""
        version = request.VERSIONS[1] if version is None else version
        return ask(self.cluster.world, self.asker, AskNode(node, request, version, listener)).get(timeout=60)
