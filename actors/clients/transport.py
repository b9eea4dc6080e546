"""Where a client lives: a node of its own, in the world of the cluster that it uses or in a world of its own over TCP.

In a cluster's world its links hand over request objects, and it shares the cluster's time, order, faults and trace.
Over TCP it has a world of its own, in real time, driven by the threads that use the client.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from actors.clients.view import BrokerAddress
from actors.network.addresses import address_text, in_process
from actors.node.node import BrokerNode
from actors.runtime import Node, Reply

if TYPE_CHECKING:
    from actors.clients.keywords.table import ClientConfig
    from actors.network.network import Network
    from actors.network.sockets import Sockets
    from actors.runtime.world import World
    from kstore.schema.struct import Message

PRODUCE = 0

ClusterId = Callable[[], str | None]
"""What the id of the cluster is; None while it isn't known."""


def unknown() -> str | None:
    """The id of a cluster that nothing is known of."""
    return None


class ClientLink(Protocol):
    """A client's way to one broker."""

    def ask(self, request: Message, versions: tuple[int, int], reply: Reply, timeout_ms: float) -> None:
        """Send a request in the latest of ``versions`` that the broker knows; ``reply`` gets its response,
        ``Disconnected`` or ``UnsupportedVersion``. One that is never answered (Produce with acks 0) ends in None.
        """

    def close(self) -> None:
        """Close it for good."""


class Transport(Protocol):
    """What a client needs of where it lives."""

    world: World
    node: Node
    number: int
    """Which client of its world it is, for the name that it gives itself."""

    def bootstrap(self) -> list[BrokerAddress]:
        """Whom to ask first."""

    def link(self, address: BrokerAddress, config: ClientConfig, cluster_id: ClusterId = unknown) -> ClientLink:
        """A link to a broker; ``cluster_id()`` is the id of the cluster that it must belong to, if that is known."""

    def metadata_offset(self) -> int:
        """How far the cluster's metadata has come on all brokers, where that can be seen without asking; -1 elsewhere.
        A consumer asks for metadata when it has moved, instead of waiting for it to grow old.
        """

    def close(self) -> None:
        """End the node, and its world if that was its own; outside any turn, and not under the driver's lock, as the
        thread that drives a world in the background may wait for that.
        """


class InProcessTransport:
    """A place in a cluster's own world. ``kind`` is what traces call the client: "producer", "consumer", "admin"."""

    def __init__(self, net: Network, node_ids: Sequence[int], kind: str) -> None:
        self.net = net
        self.world = net.world
        self.node_ids = node_ids
        self.number = net.client_numbers.take()
        self.node = Node(self.world, -1000 - self.number, kind=kind)
        self.node.name = f"{kind}-{self.number}"
        net.join(self.node)

    def __str__(self) -> str:
        return ", ".join(f"broker-{node_id}" for node_id in self.node_ids)

    def bootstrap(self) -> list[BrokerAddress]:
        """As ``Transport.bootstrap``: the brokers themselves."""
        return [BrokerAddress(node_id, *in_process(node_id)) for node_id in self.node_ids]

    def link(self, address: BrokerAddress, config: ClientConfig, cluster_id: ClusterId = unknown) -> ClientLink:
        """As ``Transport.link``; in a process a link leads to the very node."""
        return _InProcessLink(self, address.id, config.client_id)

    def metadata_offset(self) -> int:
        """As ``Transport.metadata_offset``."""
        nodes = [self.net.nodes.get(node_id) for node_id in self.node_ids]
        brokers = [node for node in nodes if isinstance(node, BrokerNode) and node.alive]
        return min((node.view.image.offset for node in brokers), default=-1)

    def close(self) -> None:
        """As ``Transport.close``: its links break, as a process's do that ends."""
        self.world.driver.pump(self._end)  # with turns, so that a waiting thread hears of it

    def _end(self) -> None:
        if self.node.alive:
            queue = self.world.queue
            queue.enter(0, "ClientLeft", subject=self.node.name)
            try:
                self.node.kill()
                self.net.node_died(self.node)
            finally:
                queue.leave()
            self.net.client_numbers.give_back(self.number)


class _InProcessLink:
    """A link inside the process. Brokers and clients of one process are of one release: the latest version will do."""

    def __init__(self, transport: InProcessTransport, node_id: int, client_id: str) -> None:
        from actors.network.link import Link

        self._link = Link(transport.net, transport.node, node_id, "client", client_id)

    def ask(self, request: Message, versions: tuple[int, int], reply: Reply, timeout_ms: float) -> None:
        """As ``ClientLink.ask``."""
        if request.API_KEY == PRODUCE and getattr(request, "acks", -1) == 0:
            self._link.tell(request, versions[1])
            reply.set(None)
        else:
            self._link.send(request, reply, version=versions[1], timeout_ms=timeout_ms)

    def close(self) -> None:
        """As ``ClientLink.close``."""
        self._link.close()


class TcpTransport:
    """A world of its own, with sockets to brokers at ``addresses``."""

    contains_failures = True
    """A defect ends the client, and its user is told; otherwise the driving thread raises ``NodeCrashed``."""

    def __init__(self, addresses: Sequence[tuple[str, int]], kind: str) -> None:
        from actors.network.monkey_patching import refuse_patched
        from actors.network.sockets import socket_world

        refuse_patched("a client over TCP")
        self.addresses = addresses
        self.number = 1
        self.sockets: Sockets
        self.world, self.sockets = socket_world(strict=not self.contains_failures)
        self.node = Node(self.world, -1, kind=kind)
        self.node.name = kind

    def __str__(self) -> str:
        return ", ".join(address_text(host, port) for host, port in self.addresses)

    def bootstrap(self) -> list[BrokerAddress]:
        """As ``Transport.bootstrap``: the bootstrap servers, whose ids aren't known."""
        return [BrokerAddress(-1 - index, host, port) for index, (host, port) in enumerate(self.addresses)]

    def link(self, address: BrokerAddress, config: ClientConfig, cluster_id: ClusterId = unknown) -> ClientLink:
        """As ``Transport.link``."""
        from actors.network.link_options import LinkOptions
        from actors.network.tcp_link import TcpLink

        how = LinkOptions(config, address.id, cluster_id)
        return TcpLink(self.sockets, self.node, address.host, address.port, how)

    def metadata_offset(self) -> int:
        """As ``Transport.metadata_offset``."""
        return -1

    def close(self) -> None:
        """As ``Transport.close``."""
        self.world.driver.call(self.node.kill)
        self.world.disk.leave()
        self.world.driver.close()
