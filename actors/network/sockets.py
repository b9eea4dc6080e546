"""Watches the sockets of a world that its callers drive, and calls back those that are ready.

Level-triggered, without a thread or loop of its own: ``RealDriver`` asks what is ready when it runs turns, and the
watcher thread sleeps on ``fileno()``. Only the driving thread calls these methods.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from kstore.fs.posix_forks import of_this_process

if TYPE_CHECKING:
    from actors.runtime.world import World

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE
READ_BUFFER_BYTES = 256 * 1024


class SocketLink(Protocol):
    """Writes to a socket, and is called when the socket is ready."""

    text: str
    world: World

    def flush(self) -> None:
        """Write what was collected."""

    def broke(self, why: str) -> None:
        """Handle that the link is gone."""


class Sockets:
    """Non-blocking sockets, and what to call when they are ready."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._closed = False
        self._unwritten: dict[SocketLink, None] = {}  # links with something to write since the last flush, in order
        self.read_buffer = memoryview(bytearray(READ_BUFFER_BYTES))
        of_this_process.add(self)

    def descriptors(self) -> list[int]:
        """As ``Holder.descriptors``: a forked child has no part in its parent's connections."""
        if self._closed:
            return []
        return [self._selector.fileno(), *(key.fd for key in self._selector.get_map().values())]

    def fileno(self) -> int:
        """As ``Poller.fileno``."""
        return self._selector.fileno()

    def watch(self, sock: socket.socket, events: int, ready: Callable[[int], None]) -> None:
        """Call ``ready(events)`` while a socket is ready for some of ``events``; replaces an earlier watch."""
        if sock.fileno() in self._selector.get_map():
            self._selector.modify(sock, events, ready)
        else:
            self._selector.register(sock, events, ready)

    def forget(self, sock: socket.socket) -> None:
        """Stop watching a socket; call this before it is closed."""
        if sock.fileno() in self._selector.get_map():
            self._selector.unregister(sock)

    def handle_ready(self) -> None:
        """As ``Poller.handle_ready``."""
        if self._selector.get_map():
            for key, events in self._selector.select(0):
                try:
                    key.data(events)
                except Exception as error:  # noqa: BLE001 - a defect ends the connection that it was met on
                    self._failed(key.data.__self__, error)

    def to_flush(self, link: SocketLink) -> None:
        """Call ``link.flush()`` after the turns that are due, so that what they collect needs one write."""
        self._unwritten[link] = None

    def flush(self) -> None:
        """As ``Poller.flush``."""
        while self._unwritten:
            unwritten, self._unwritten = self._unwritten, {}
            for link in unwritten:
                try:
                    link.flush()
                except Exception as error:  # noqa: BLE001 - as above
                    self._failed(link, error)

    @staticmethod
    def _failed(link: SocketLink, error: Exception) -> None:
        link.world.met_defect(error, f"the connection to {link.text}")
        link.broke(f"{link.text}: {error!r}")

    def close(self) -> None:
        """As ``Poller.close``."""
        self._closed = True
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()


def socket_world(*, trace_rows: int = 65536, strict: bool = True) -> tuple[World, Sockets]:
    """A world on the machine's clock, driven by the threads that call into it, and its sockets."""
    from actors.runtime.real import RealDriver
    from actors.runtime.world import World

    world = World(trace_rows=trace_rows, strict=strict)
    sockets = Sockets()
    world.driver = RealDriver(world, sockets)
    return world, sockets
