"""The sockets of a cluster: one address a node, bound before anything else starts and kept through restarts."""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from actors.controller.image import Endpoint
from actors.network.addresses import PORT_MAX, Address, parse_listener
from actors.network.listener import TcpListener
from actors.network.shared import Shared
from actors.runtime.loop import LoopDriver
from actors.runtime.node import Node
from actors.runtime.world import World
from kstore.errors.arguments import shown
from kstore.errors.config import ConfigError
from kstore.fs.posix_forks import of_this_process

# A peer that is silent for two minutes is asked whether it is still there, every 15 seconds, up to eight times.
KEEP_ALIVE = (("TCP_KEEPIDLE", 120), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 8))


class ListenError(Exception):
    """The address can't be listened on; the message says why and what mends it."""


class AddressError(ListenError, ConfigError):
    """What was given is no address to listen on."""


def parse_address(text: str) -> Address:
    """``host:port`` as a pair; raises ``AddressError``."""
    try:
        return parse_listener(text)
    except ValueError as error:
        raise AddressError(
            f"--listen takes host:port, as in --listen 127.0.0.1:9092; got {shown(text)}: {error}"
        ) from None


def address_text(host: str, port: int) -> str:
    """An address as clients write it: IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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
        sock.bind((host, port))
        refuse_everywhere(host, port, sock)
        sock.listen(1024)
    except BaseException as error:
        sock.close()
        if isinstance(error, (OSError, UnicodeError)):  # the latter: no name of a machine can be written so
            why = getattr(error, "strerror", None) or "that is no name of a machine"
            text = address_text(host, port)
            raise ListenError(f"{text} can't be listened on: {why}: choose another --listen") from None
        raise
    sock.setblocking(False)
    return sock


def refuse_everywhere(host: str, port: int, sock: socket.socket) -> None:
    """Clients are told the address that is listened on, and none can connect to "every address of this machine"."""
    if ip_address(sock.getsockname()[0]).is_unspecified:
        raise ListenError(
            f"{address_text(host, port)} is no address that clients could be told to connect to: "
            f"give --listen a name or address of this machine that they reach, as in --listen 127.0.0.1:{port}"
        )


def stop_listening(sock: socket.socket) -> None:
    """Free its port, also if a child was forked this moment and hasn't let go of its copy yet."""
    with suppress(OSError):  # not every system does that to a listening socket
        sock.shutdown(socket.SHUT_RDWR)


def keep_alive(sock: socket.socket) -> None:
    """Have the system find out when a peer's machine is gone; accepted sockets inherit it from the listening one."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE:
        option = getattr(socket, name, None)  # not every system has all of them
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


class Ports:
    """Addresses and listeners of the nodes of one cluster."""

    def __init__(self, world: World, listen: str, node_ids: tuple[int, ...]) -> None:
        assert isinstance(world.driver, LoopDriver)
        self.driver = world.driver
        self.bound: dict[int, socket.socket] = {}  # of nodes that don't listen yet
        self.listening: dict[int, socket.socket] = {}
        self.listeners: dict[int, TcpListener] = {}
        self.addresses: dict[int, tuple[str, int]] = {}
        host, first = parse_address(listen)
        of_this_process.add(self)
        try:
            for index, node_id in enumerate(node_ids):
                sock = self.bound[node_id] = bind(host, port_of(first, index))
                self.addresses[node_id] = (host, sock.getsockname()[1])
        except BaseException:
            self.close_all()
            raise
        self.shared = Shared(self.driver.open())

    def descriptors(self) -> list[int]:
        """As ``Holder.descriptors``: a forked child has no part in its parent's ports and connections."""
        sockets: list[Any] = [*self.bound.values(), *self.listening.values()]
        for listener in self.listeners.values():
            open_ones = [each.transport for each in listener.channels if not each.transport.is_closing()]
            sockets += [transport.get_extra_info("socket") for transport in open_ones]
        return [sock.fileno() for sock in sockets]

    def open(self, node: Node) -> Endpoint:
        """Listen for a node's clients; called on the loop's thread."""
        host, port = self.addresses[node.node_id]
        sock = self.bound.pop(node.node_id, None) or bind(host, port)
        self.shared.configure(node.config)
        self.listening[node.node_id] = sock
        listener = self.listeners[node.node_id] = TcpListener(self.driver, node, self.shared)
        listener.listen(sock)
        return Endpoint("PLAINTEXT", host, port)

    def keep(self, node_id: int) -> None:
        """Have the next ``open`` of a node that listens go on with its socket: nobody else gets its port meanwhile."""
        sock = self.listening.get(node_id)
        if sock is not None:
            self.bound[node_id] = sock.dup()

    def close(self, node_id: int, *, abruptly: bool = False) -> None:
        """Close a node's sockets."""
        sock = self.listening.pop(node_id, None)
        if sock is not None and node_id not in self.bound:
            stop_listening(sock)
        listener = self.listeners.pop(node_id, None)
        if listener is not None:
            listener.close(abruptly=abruptly)

    def stop_accepting(self) -> None:
        """Close all sockets in order: what was answered is sent."""
        for node_id in list(self.listeners):
            self.close(node_id)

    def close_all(self) -> None:
        """Close what is still open, from any thread, when the loop no longer runs or never did."""
        for sock in self.bound.values():
            stop_listening(sock)
            sock.close()
        self.bound.clear()
        if self.listeners:
            self.driver.call(self.stop_accepting)

    def addresses_text(self) -> str:
        """The addresses as clients write them."""
        return ",".join(address_text(host, port) for host, port in self.addresses.values())
