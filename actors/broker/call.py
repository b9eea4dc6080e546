"""A request being handled by the broker, with what its handler may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.node.authorizer import EVERYBODY, READ, TOPIC, Resource, operations_allowed
from actors.runtime.coroutine import PAUSE as PAUSE

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.broker.connection import Connection
    from actors.node.authorizer import Authorizer
    from actors.node.node import BrokerNode
    from actors.node.view import View
    from kstore.schema.struct import Message


class NoResponse:
    """What a handler returns if the client expects no response (Produce with acks=0)."""

    __slots__ = ()


NO_RESPONSE = NoResponse()


class LostRequest:
    """An injected fault: the connection breaks before the request is carried out."""

    __slots__ = ()


class LostAnswer:
    """An injected fault: the request is carried out, and the connection breaks instead of the response."""

    __slots__ = ()


LOST_REQUEST, LOST_ANSWER = LostRequest(), LostAnswer()


class Remote:
    """What a coroutine yields to ask another node: the outcome is its response, or a ``Disconnected``.

    ``version`` is for a request that older versions can't fully express, such as one forwarded for a client; without it
    the network chooses.
    """

    __slots__ = ("node_id", "request", "version")

    def __init__(self, node_id: int, request: Message, version: int | None = None) -> None:
        self.node_id = node_id
        self.request = request
        self.version = version


class Call:
    """A request, with its header, its connection and the response to it.

    ``version`` is the request's API version; ``is_broker`` is true on links between nodes; ``respond`` may be called
    once, in any turn of the connection.
    """

    __slots__ = (
        "api_key",
        "client_id",
        "connection",
        "correlation_id",
        "is_answer_lost",
        "is_in_slices",
        "request",
        "response",
        "size_bytes",
        "version",
    )

    def __init__(
        self,
        connection: Connection,
        api_key: int,
        version: int,
        correlation_id: int,
        client_id: str | None,
        request: Any,
        size_bytes: int,
    ) -> None:
        self.connection = connection
        self.api_key = api_key
        self.version = version
        self.correlation_id = correlation_id
        self.client_id = client_id
        self.request = request
        self.response: Message | NoResponse | None = None
        self.size_bytes = size_bytes
        self.is_answer_lost = False
        self.is_in_slices = (
            False  # it is worked on in slices and hasn't asked everything yet: later requests must not overtake it
        )

    def respond(self, response: Message | NoResponse) -> None:
        """Send the response, after those to earlier requests."""
        assert self.response is None, "a call is answered once"
        self.response = response
        self.connection.go_on()

    def failed(self, error: Exception) -> None:
        """Handle that the handler has failed."""
        self.connection.call_failed(self, error)

    @property
    def node(self) -> BrokerNode:
        """The node that was asked."""
        return self.connection.node

    @property
    def view(self) -> View:
        """What the node's broker last published: ``.image``, ``.replicas``, ``.coordinators``."""
        return self.connection.node.view

    @property
    def now_ms(self) -> int:
        """Wall-clock time, in milliseconds."""
        return self.connection.now_ms()

    @property
    def is_broker(self) -> bool:
        """Whether another node of the cluster asks."""
        return self.connection.is_broker

    @property
    def listener(self) -> str:
        """The listener that the request came through."""
        return self.connection.listener

    @property
    def client_host(self) -> str:
        """The client's address."""
        return self.connection.client_host

    @property
    def principal(self) -> str:
        """The client's principal, as Kafka writes it: ``User:name``."""
        return self.connection.principal

    def authorize(self, operation: int, resource: Resource) -> bool:
        """Whether the client may do this with the resource."""
        authorizer: Authorizer = self.connection.node.view.authorizer
        return authorizer is EVERYBODY or authorizer.authorize(self, operation, resource)

    def authorize_any(self, operation: int, kind: int) -> bool:
        """Whether the client may do this with at least one resource of the kind."""
        authorizer: Authorizer = self.connection.node.view.authorizer
        return authorizer.authorize_any(self, operation, kind)

    @property
    def may_read(self) -> Callable[[str], bool] | None:
        """A function that says whether the client may read a topic by name; None if everything may be read."""
        return None if self.connection.node.view.authorizer is EVERYBODY else self._may_read

    def _may_read(self, name: str) -> bool:
        return self.authorize(READ, (TOPIC, name))

    def operations_allowed(self, resource: Resource) -> int:
        """The operations that the client may do with the resource, as Kafka's bit field."""
        return operations_allowed(self.connection.node.view.authorizer, self, resource)
