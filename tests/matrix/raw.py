"""A blocking client that sends what it is told, sound or not, and tells what became of it.

What comes back is an answer's bytes, or one of two words: the peer closed the connection, or it said nothing in time.
"""

from __future__ import annotations

import socket
import struct
from enum import Enum

PATIENCE_S = 20.0
LENGTH = struct.Struct(">i")


class Silence(Enum):
    """What a peer may do instead of answering."""

    CLOSED = "connection closed"
    NOTHING = "no answer"


class RawClient:
    """One connection; requests may be sent ahead of reading their answers.

    Once the peer has closed it or fallen silent, the connection is of no more use.
    """

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        """Send bytes as they are; that the peer has closed shows at the next ``receive``."""
        try:
            self._socket.sendall(data)
        except (ConnectionError, BrokenPipeError):
            return

    def send_frame(self, body: bytes) -> None:
        """Send bytes behind their length."""
        self.send(LENGTH.pack(len(body)) + body)

    def receive(self, patience_s: float = PATIENCE_S) -> bytes | Silence:
        """The next frame without its length, or what came instead."""
        self._socket.settimeout(patience_s)
        try:
            head = self._read(LENGTH.size)
            return head if isinstance(head, Silence) else self._read(LENGTH.unpack(head)[0])
        except TimeoutError:
            return Silence.NOTHING
        except ConnectionError:
            return Silence.CLOSED

    def _read(self, count: int) -> bytes | Silence:
        data = bytearray()
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            if not part:
                return Silence.CLOSED
            data += part
        return bytes(data)

    def close(self) -> None:
        self._socket.close()
