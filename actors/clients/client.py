"""What producers, consumers and admins have in common for their users: how they are closed, lost and shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

from actors.clients.actor import ClientActor
from actors.clients.calls import Calls
from actors.runtime.signals import in_one_piece

if TYPE_CHECKING:
    from actors.clients.keywords.table import ClientConfig
    from actors.clients.transport import Transport
    from actors.runtime import Node
    from actors.runtime.coroutine import Eventually

T = TypeVar("T")
A = TypeVar("A", bound=ClientActor)


def tcp_transport(bootstrap_servers: str | Sequence[str], kind: str) -> Transport:
    """A transport of its own for a client of brokers elsewhere. Raises ``ConfigError`` for what isn't an address."""
    from actors.clients.keywords.bootstrap import bootstrap_addresses
    from actors.clients.transport import TcpTransport

    return TcpTransport(bootstrap_addresses(bootstrap_servers), kind)


def node_of(client: Client) -> Node:
    """The node that a client lives on."""
    return client._transport.node


class Client:
    """A client as its user has it. Subclasses start their actor, which is ``_calls.ref``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._world = transport.world
        self._calls = Calls(transport, type(self).__name__, self.__repr__)

    def _start(self, kind: type[A], name: str, config: ClientConfig, *args: object, **keywords: object) -> A:
        """Start the actor; some kinds take more arguments than others."""
        transport = self._transport
        try:
            start = partial(kind.start, transport.node, name, transport, config, *args, **keywords)
            self._calls.ref = self._world.driver.call(start)
        except BaseException:
            self._transport.close()
            raise
        return self._calls.ref.actor_as(kind)

    def _begin_call(self) -> None:
        """A public method begins."""
        self._calls.check_open()

    def _go_out(self) -> None:
        """A public method is done."""

    @in_one_piece
    def _call(self, name: str, action: Callable[..., T], *args: object) -> T:
        """A public method that is done at once in the actor."""
        self._begin_call()
        try:
            return self._calls.now(name, action, *args)
        finally:
            self._go_out()

    @in_one_piece
    def _ask(self, name: str, coroutine: Callable[..., Eventually[T]], *args: object, timeout_s: float) -> T:
        """A public method that is a coroutine of the actor's."""
        self._begin_call()
        try:
            return self._calls.run(name, coroutine, *args, timeout_s=timeout_s)
        finally:
            self._go_out()

    def lost(self, how: str) -> None:
        """Handle that the client's cluster was reset or closed, and its own node with it; as the driving thread."""
        self._calls.lost_by = how
        self._calls.closed = True

    def close(self) -> None:
        """Close the client. Does nothing if it is closed already, or in a forked child, as it is the parent's."""
        self._calls.end()

    def __repr__(self) -> str:
        name = self._calls.ref.actor_as(ClientActor).config.client_id
        words = [type(self).__name__, name, *self._traits()]
        return f"<{' '.join(words)} to {self._transport}{' closed' if self._calls.closed else ''}>"

    def _traits(self) -> list[str]:
        """What else tells it from other clients, for its repr."""
        return []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
