"""The sockets of a cluster: each node's addresses, bound before anything else starts and kept through restarts.

Most clusters have one listener. With several, every node has an address for each of them, and a client gets the
addresses of the listener that it connected to. So clients in a container's network and on its host get different ones,
as with Kafka's ``listeners``.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from actors.image.image import Endpoint
from actors.network.addresses import PORT_MAX, Address, address_text, parse_listener
from actors.network.advertised import EVERYWHERE, AdvertisedAddress, advertised_addresses, is_everywhere
from actors.network.listener import TcpListener
from actors.network.shared import Shared
from actors.runtime.loop import LoopDriver
from actors.runtime.world import World
from kstore.errors.arguments import shown
from kstore.errors.config import ConfigError
from kstore.fs.posix_forks import of_this_process
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.node.node import BrokerNode

FIRST_LISTENER = "PLAINTEXT"

# TCP keepalive: after two minutes of silence, up to eight probes, 15 seconds apart.
KEEP_ALIVE = (("TCP_KEEPIDLE", 120), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 8))


class ListenError(Exception):
    """The address can't be listened on; the message says why and how to fix it."""


class AddressError(ListenError, ConfigError):
    """The given text is not an address to listen on."""


def parse_address(text: str) -> Address:
    """``host:port`` as a pair; raises ``AddressError``."""
    try:
        return parse_listener(text)
    except ValueError as error:
        raise AddressError(
            f"--listen takes host:port, as in --listen 127.0.0.1:9092; got {shown(text)}: {error}"
        ) from None


def port_of(first: int, index: int) -> int:
    """The port of the node at ``index``, counted from the first's; 0, any free one, stays 0."""
    if first and first + index > PORT_MAX:
        raise ListenError(
            f"node {index + 1} would listen on port {first + index}, and the last is {PORT_MAX}: "
            f"choose another --listen, or port 0 for any free ports"
        )
    return first + index if first else 0


def bind(host: str, port: int) -> socket.socket:
    """A bound and listening socket; raises ``ListenError``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keep_alive(sock)
        if family == socket.AF_INET6 and is_everywhere(host):
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # every address: IPv4 too
        sock.bind((host, port))
        sock.listen(1024)
    except BaseException as error:
        sock.close()
        if isinstance(error, (OSError, UnicodeError)):  # the latter: the text can't be a host name
            why = getattr(error, "strerror", None) or "that is not a host name"
            text = address_text(host, port)
            raise ListenError(f"{text} can't be listened on: {why}: choose another --listen") from None
        raise
    sock.setblocking(False)
    return sock


def listens_everywhere(sock: socket.socket) -> bool:
    """Whether it takes connections to every address of this machine."""
    return ip_address(sock.getsockname()[0]).is_unspecified


def bind_all(addresses: Sequence[Address]) -> list[socket.socket]:
    """A socket on each, or on none; raises ``ListenError``."""
    socks: list[socket.socket] = []
    try:
        for host, port in addresses:
            socks.append(bind(host, port))
    except BaseException:
        for sock in socks:
            sock.close()
        raise
    return socks


def stop_listening(sock: socket.socket) -> None:
    """Free its port, even if a child that was just forked still has a copy of the socket."""
    with suppress(OSError):  # not every system supports that on a listening socket
        sock.shutdown(socket.SHUT_RDWR)


def keep_alive(sock: socket.socket) -> None:
    """Turn on TCP keepalive, to notice when a peer's machine is gone; accepted sockets inherit it."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE:
        option = getattr(socket, name, None)  # not every system has all of them
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


class Listening(NamedTuple):
    """One of the listeners that every node has: its name, where the first node listens, and what each node advertises;
    None: the address that it listens on.
    """

    name: str
    host: str
    first_port: int
    advertised: list[AdvertisedAddress] | None


def listenings(listen: Sequence[str], advertise: Sequence[str], node_ids: Sequence[int]) -> list[Listening]:
    """The listeners of ``--listen``, with the advertised addresses of ``--advertise`` in the same order.

    Raises ``AddressError``.
    """
    if len(advertise) > len(listen):
        raise AddressError(
            f"--advertise is given {len(advertise)} times and --listen {len(listen)}: the first --advertise is for "
            "the first --listen, and so on; several brokers' addresses stand in one, with commas"
        )
    found: list[Listening] = []
    for index, text in enumerate(listen):
        advertised = None
        if index < len(advertise):
            try:
                advertised = advertised_addresses(advertise[index], node_ids)
            except ValueError as error:
                raise AddressError(
                    "--advertise takes host:port, one or as many as there are brokers, as in --advertise "
                    f"kafka:9092; got {shown(advertise[index])}: {error}"
                ) from None
        name = FIRST_LISTENER if index == 0 else f"{FIRST_LISTENER}_{index + 1}"
        found.append(Listening(name, *parse_address(text), advertised))
    return found


class Ports:
    """Addresses and listeners of the nodes of one cluster."""

    def __init__(
        self, world: World, listen: Sequence[str], advertise: Sequence[str], node_ids: tuple[int, ...]
    ) -> None:
        assert isinstance(world.driver, LoopDriver)
        self.driver = world.driver
        self.listenings = listenings(listen, advertise, node_ids)
        self.bound: dict[int, list[socket.socket]] = {}  # sockets of nodes that don't listen yet
        self.listening: dict[int, list[socket.socket]] = {}
        self.listeners: dict[int, TcpListener] = {}
        self.own: dict[int, list[Address]] = {}  # where each node listens
        self.endpoints: dict[int, list[Endpoint]] = {}  # what each node advertises
        self.warnings: list[str] = []
        of_this_process.add(self)
        try:
            for index, node_id in enumerate(node_ids):
                self._bind_node(index, node_id)
            self._refuse_twins()
        except BaseException:
            self.close_all()
            raise
        self.shared = Shared(self.driver.open())
        self.driver.after_drain.append(self.shared.writing.flush)

    def _bind_node(self, index: int, node_id: int) -> None:
        """Bind a node's sockets, and set its addresses."""
        socks = self.bound[node_id] = []
        own, endpoints = self.own[node_id], self.endpoints[node_id] = [], []
        for listening in self.listenings:
            sock = bind(listening.host, port_of(listening.first_port, index))
            socks.append(sock)
            host, port = listening.host, sock.getsockname()[1]
            own.append((host, port))
            if listening.advertised is not None:
                host, told_port = listening.advertised[index]
                port = port if told_port is None else told_port
            elif listens_everywhere(sock):
                host = EVERYWHERE
                if not index:
                    self._warn_of_everywhere(*own[-1])
            endpoints.append(Endpoint(listening.name, host, port))

    def _warn_of_everywhere(self, host: str, port: int) -> None:
        own, told = address_text(host, port), address_text(EVERYWHERE, port)
        self.warnings.append(
            f"{own} is every address of this machine, so clients are told {told}, which those on other machines or in "
            "other containers can't reach: for them give --advertise a host and port that they connect to"
        )

    def _refuse_twins(self) -> None:
        """Raise if two brokers advertise the same address: clients tell brokers apart by it."""
        for listener in zip(*self.endpoints.values(), strict=True):
            owners: dict[Address, int] = {}
            for node_id, (_, host, port, _) in zip(self.endpoints, listener, strict=True):
                if (twin := owners.setdefault((host, port), node_id)) != node_id:
                    raise AddressError(
                        f"--advertise has {address_text(host, port)} for broker {twin} and for broker {node_id}: "
                        "each broker has an address of its own"
                    )

    def descriptors(self) -> list[int]:
        """As ``Holder.descriptors``: a forked child has no part in its parent's ports and connections."""
        sockets: list[Any] = [sock for socks in (*self.bound.values(), *self.listening.values()) for sock in socks]
        for listener in self.listeners.values():
            open_ones = [each.transport for each in listener.channels if not each.transport.is_closing()]
            sockets += [transport.get_extra_info("socket") for transport in open_ones]
        return [sock.fileno() for sock in sockets]

    def open(self, node: BrokerNode) -> list[Endpoint]:
        """Listen for a node's clients; called on the loop's thread."""
        node_id = node.node_id
        socks = self.bound.pop(node_id, None) or bind_all(self.own[node_id])
        self.shared.configure(node.config)
        self.listening[node_id] = socks
        node.listening = tuple(
            f"{listening.name}://{address_text(*sock.getsockname()[:2])}"
            for listening, sock in zip(self.listenings, socks, strict=True)
        )
        listener = self.listeners[node_id] = TcpListener(self.driver, node, self.shared)
        listener.listen({listening.name: sock for listening, sock in zip(self.listenings, socks, strict=True)})
        return self.endpoints[node_id]

    def keep(self, node_id: int) -> None:
        """Keep a listening node's sockets for its next ``open``, so that no other process gets its ports."""
        socks = self.listening.get(node_id)
        if socks is not None:
            self.bound[node_id] = [sock.dup() for sock in socks]

    def close(self, node_id: int, *, abruptly: bool = False) -> None:
        """Close a node's sockets."""
        for sock in self.listening.pop(node_id, ()):
            if node_id not in self.bound:
                stop_listening(sock)
        listener = self.listeners.pop(node_id, None)
        if listener is not None:
            listener.close(abruptly=abruptly)

    def stop_accepting(self) -> None:
        """Close all sockets in an orderly way: responses that were made are sent."""
        for node_id in list(self.listeners):
            self.close(node_id)

    def close_all(self) -> None:
        """Close what is still open, from any thread, if the loop doesn't run any more or never did."""
        for sock in (sock for socks in self.bound.values() for sock in socks):
            stop_listening(sock)
            sock.close()
        self.bound.clear()
        if self.listeners:
            self.driver.call(self.stop_accepting)

    @property
    def addresses(self) -> dict[int, Address]:
        """The first listener's advertised address of each node."""
        return {node_id: (endpoints[0].host, endpoints[0].port) for node_id, endpoints in self.endpoints.items()}

    def addresses_text(self) -> str:
        """These addresses as clients write them."""
        return ",".join(address_text(host, port) for host, port in self.addresses.values())
