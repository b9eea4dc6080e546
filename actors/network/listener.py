"""A node's TCP listener: which connections it accepts, and when it closes one.

A client is refused, by closing its connection at once, if there are already ``max.connections``, or
``max.connections.per.ip`` from its address, or if only the reserve of descriptors is left after unused files of the
nodes were closed. Clients are accepted again when others leave.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from actors.config.addresses import limits_of_addresses
from actors.network.acceptor import Acceptor
from actors.network.shared import Shared
from actors.network.tcp_channel import TcpChannel
from actors.runtime.limits import CONNECTIONS_MAX, FRAME_SECONDS_MAX
from actors.runtime.logs import logger
from kstore.fs.descriptors import ceiling

if TYPE_CHECKING:
    from actors.config import BrokerConfig
    from actors.node.node import BrokerNode
    from actors.runtime.loop import LoopDriver

READ_BUFFER_BYTES = 256 * 1024
FILES_CLOSED_FOR_A_CLIENT = 8
REFUSALS_TOLD_EVERY_S = 60


class ConnectionLimits:
    """How many connections there may be, and how many from each address."""

    def __init__(self, config: BrokerConfig) -> None:
        self.config = config
        self.connections_max = min(config.integer("max.connections"), CONNECTIONS_MAX)
        self.per_host_max = config.integer("max.connections.per.ip")
        self.of_hosts = limits_of_addresses(config.text("max.connections.per.ip.overrides"))

    def of_host(self, host: str) -> int:
        """How many connections an address may have."""
        return self.of_hosts.get(host, self.per_host_max)


class TcpListener:
    """The sockets of one node. Used on the loop's thread only."""

    def __init__(self, driver: LoopDriver, node: BrokerNode, shared: Shared) -> None:
        assert driver.loop is not None, "a listener needs an open loop"
        self.driver = driver
        self.loop = driver.loop
        self.node = node
        self.frame_bytes_max = node.config.integer("socket.request.max.bytes")
        idle_ms_max = node.config.integer("connections.max.idle.ms")
        self.idle_seconds_max = idle_ms_max / 1000 if idle_ms_max >= 0 else math.inf
        self.sweep_seconds = min(FRAME_SECONDS_MAX, max(1, self.idle_seconds_max)) / 4
        self.room = shared.room
        self.answers = shared.answers
        self.writing = shared.writing
        self.heap = shared.heap
        self.read_buffer = memoryview(bytearray(READ_BUFFER_BYTES))
        self.channels: dict[TcpChannel, None] = {}
        self.hosts: dict[str, int] = {}  # how many connections each host has
        self.acceptors: list[Acceptor] = []
        self._limits: ConnectionLimits | None = None
        self.sweeper: Any = None
        self.refusals_told_at = -math.inf

    def listen(self, socks: Mapping[str, socket.socket]) -> None:
        """Accept clients on bound sockets, which are given by listener name."""
        for name, sock in socks.items():
            make = partial(self._channel, name)
            self.acceptors.append(Acceptor(self.loop, sock, self.admits, make))
        self.sweeper = self.loop.call_later(self.sweep_seconds, self._sweep)

    def _channel(self, name: str, host: str) -> TcpChannel:
        return TcpChannel(self, host, name)

    @property
    def limits(self) -> ConnectionLimits:
        """The limits in the node's current config."""
        if self._limits is None or self._limits.config is not self.node.config:
            self._limits = ConnectionLimits(self.node.config)
        return self._limits

    def admits(self, client: socket.socket, host: str) -> bool:
        """Whether a client that was just accepted may stay."""
        why = self._refusal(host)
        if not why and client.fileno() >= ceiling() and not self._close_files():
            why = "the process may have no more open files: raise its limit (ulimit -n)"
        if why:
            self._tell_of_refusals(why)
        return not why

    def _refusal(self, host: str) -> str:
        if self.node.accept is None or not self.node.alive:
            return "the node is down"
        if len(self.channels) >= self.limits.connections_max:
            return f"there are {len(self.channels)}, and max.connections allows no more"
        if self.hosts.get(host, 0) >= self.limits.of_host(host):
            return f"max.connections.per.ip allows {self.limits.of_host(host)} from {host}"
        return ""

    def _close_files(self) -> int:
        """Close files that aren't in use to make room for a client; they are opened again when needed."""
        closed = 0
        for node in self.node.world.net.brokers_beside(self.node):
            if node.fs is not None and closed < FILES_CLOSED_FOR_A_CLIENT:
                closed += node.fs.give_descriptors_back(FILES_CLOSED_FOR_A_CLIENT - closed)
        return closed

    def _tell_of_refusals(self, why: str) -> None:
        now = self.loop.time()
        if now - self.refusals_told_at >= REFUSALS_TOLD_EVERY_S:
            self.refusals_told_at = now
            logger("network").warning("%s refuses connections: %s", self.node.name, why)

    def connected(self, channel: TcpChannel) -> None:
        """Give a new client a connection actor, unless others have taken its place since it was admitted."""
        self.channels[channel] = None
        self.hosts[channel.host] = self.hosts.get(channel.host, 0) + 1
        if len(self.channels) > self.limits.connections_max or self._is_over(channel.host):
            channel.transport.abort()
            return
        if self.node.accept is None or not self.node.alive:
            channel.transport.abort()
            return
        channel.transport.set_write_buffer_limits(high=0)  # the next piece is written when the last is gone
        channel.connection = self.node.accept(channel, channel.came_by, channel.host)

    def _is_over(self, host: str) -> bool:
        return self.hosts[host] > self.limits.of_host(host)

    def disconnected(self, channel: TcpChannel) -> None:
        """A client has gone."""
        if channel in self.channels:
            del self.channels[channel]
            left = self.hosts[channel.host] - 1
            if left:
                self.hosts[channel.host] = left
            else:
                del self.hosts[channel.host]

    def _sweep(self) -> None:
        self.sweeper = self.loop.call_later(
            self.sweep_seconds, self._sweep
        )  # first: even if this one fails there is a next
        now = self.loop.time()
        self.close_overdue(now)
        self.heap.look(now)

    def close_overdue(self, now: float) -> None:
        """Close connections whose peer takes too long for a frame, or has been silent for too long."""
        for channel in [c for c in self.channels if c.is_overdue(now)]:
            channel.transport.abort()

    def close(self, *, abruptly: bool = False) -> None:
        """Stop accepting and close every socket, with ``abruptly`` as a killed process does."""
        if self.acceptors:
            for acceptor in self.acceptors:
                acceptor.close()
            self.acceptors.clear()
            self.sweeper.cancel()
        for channel in list(self.channels):
            if abruptly:
                channel.transport.abort()
            else:
                channel.abort()
