"""Protocols of what the runtime uses but doesn't implement: the network, links and connections.

``actors/network`` implements them. Only type checkers need them, so import them only under ``TYPE_CHECKING``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from actors.runtime.node import Node
    from actors.runtime.queue import Reply
    from actors.runtime.ref import Ref
    from kstore.schema.struct import Message


class Channel(Protocol):
    """The way back from a connection to its other end."""

    def respond(self, correlation_id: int, response: Message, version: int) -> None:
        """Send an answer; answers leave in the order of these calls."""

    @property
    def is_backed_up(self) -> bool:
        """Whether answers still wait to be sent to the other end. Until they are, no more of its requests are started,
        as in Apache Kafka.
        """

    def tell_when_taken(self) -> None:
        """Send ``AnswersTaken`` once it is no longer backed up."""

    def request_done(self, size_bytes: int) -> None:
        """Free the memory of a request whose frame had ``size_bytes`` bytes."""

    def abort(self) -> None:
        """Close the connection now."""

    def pause_reading(self) -> None:
        """Take nothing more from the other end until ``resume_reading``."""

    def resume_reading(self) -> None:
        """Take requests again."""


class Link(Protocol):
    """A node's way to another node. It opens when it first sends, and again after it has broken."""

    node_id: int

    def send(self, request: Message, reply: Reply, *, version: int | None = None, timeout_ms: float = ...) -> None:
        """Send a request; ``reply`` gets the response or a ``Disconnected``."""

    def tell(self, request: Message, version: int) -> None:
        """Send a request that is never answered; nobody learns whether it arrived."""

    def close(self) -> None:
        """Close the link; its requests end in ``Disconnected``."""


class Net(Protocol):
    """What joins the nodes of a world."""

    @property
    def wire(self) -> bool:
        """Whether every message is encoded and decoded, as TCP would."""

    def link(self, node: Node, node_id: int, listener: str) -> Link:
        """A new link from a node to another one."""

    def version_of(self, request: type[Message]) -> int:
        """The version in which nodes ask each other."""

    def node_died(self, node: Node) -> None:
        """A node's process has ended: its links break."""

    def brokers_beside(self, node: Node) -> list[Node]:
        """All nodes of the world that aren't clients; in a world without a network the node itself."""


class Accept(Protocol):
    """Accepts a connection to a node, and returns the actor that handles it."""

    def __call__(self, channel: Channel, listener: str, client_host: str, /) -> Ref: ...


class OnPeerLost(Protocol):
    """Tells a node that another node has died."""

    def __call__(self, node_id: int, /) -> None: ...
