"""Accepts clients from a listening socket, one by one, so that each can be refused before anything is made for it.

An event loop's own server can't do that, and stops or spins when descriptors run out. Here a client that must be
refused is accepted and closed at once, with a descriptor of the reserve. If the reserve is used up, a spare descriptor
is closed for the moment. If the system still has none, no client is accepted for ``PAUSE_SECONDS``.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from kstore.fs.descriptors import ceiling

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, BaseProtocol, Task, TimerHandle

ACCEPTED_A_TURN = 64
PAUSE_SECONDS = 0.5
NONE_TO_GIVE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def moved_down(sock: socket.socket) -> socket.socket:
    """The same socket under the lowest free descriptor, if its own is one of the reserve."""
    if sock.fileno() < ceiling():
        return sock
    try:
        lower = sock.dup()
    except OSError:
        return sock  # none is free at all
    sock.close()
    return lower


class Acceptor:
    """Accepts clients: ``admit(socket, host)`` says whether one may stay; ``make`` makes the protocol that
    serves it.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        sock: socket.socket,
        admit: Callable[[socket.socket, str], bool],
        make: Callable[[str], BaseProtocol],
    ) -> None:
        self.loop = loop
        self.sock = sock
        self.admit = admit
        self.make = make
        self.beginning: set[Task[None]] = set()  # a loop holds its tasks weakly
        self.spare: int | None = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self.paused: TimerHandle | None = None
        self.loop.add_reader(sock, self.ready)

    def ready(self) -> None:
        """Accept the clients that wait."""
        failed = 0
        for _ in range(ACCEPTED_A_TURN):
            try:
                client, address = self.sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in NONE_TO_GIVE:
                    failed += 1  # this client, or its network, is gone: others may wait
                    continue
                if not self._refuse_one():
                    self._pause()
                    return
                continue
            self._take(client, address[0])
        if failed == ACCEPTED_A_TURN:
            self._pause()  # the listening socket itself may have failed

    def _take(self, client: socket.socket, host: str) -> None:
        if not self.admit(client, host):
            client.close()
            return
        client = moved_down(client)
        client.setblocking(False)
        begun = self.loop.create_task(self._begin(client, host))
        self.beginning.add(begun)
        begun.add_done_callback(self.beginning.discard)

    async def _begin(self, client: socket.socket, host: str) -> None:
        try:
            await self.loop.connect_accepted_socket(lambda: self.make(host), client)
        except OSError:
            client.close()  # it has left meanwhile

    def _refuse_one(self) -> bool:
        """Accept and close the next client with the spare descriptor; False if the system has none for it."""
        if self.spare is not None:
            os.close(self.spare)
            self.spare = None
        try:
            self.sock.accept()[0].close()
            self.spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        return True

    def _pause(self) -> None:
        self.loop.remove_reader(self.sock)
        self.paused = self.loop.call_later(PAUSE_SECONDS, self._go_on)

    def _go_on(self) -> None:
        self.paused = None
        if self.spare is None:
            try:
                self.spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                self.paused = self.loop.call_later(PAUSE_SECONDS, self._go_on)
                return
        self.loop.add_reader(self.sock, self.ready)

    def close(self) -> None:
        """Stop accepting."""
        if self.paused is not None:
            self.paused.cancel()
        else:
            self.loop.remove_reader(self.sock)
        if self.spare is not None:
            os.close(self.spare)
        self.sock.close()
