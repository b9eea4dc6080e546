"""Any broker over plain sockets: requests in a fixed order, and a transcript of the answers that can be compared.

What must differ from broker to broker doesn't take part: member ids are replaced by labels in the order of their
appearance; ports, topic ids, messages and throttle times are left out.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable
from typing import Any

from kstore.schema import decode, frames

TIMEOUT_S = 30.0
MEMBER_ID = re.compile(r"^((script|instance-\w+|i)-[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{8}-[0-9a-f-]{27}|[\w-]{22})$")
LEFT_OUT = {"throttle_time_ms", "port", "host", "topic_id", "error_message"}


class Socket:
    """One client connection; requests may be sent ahead of reading their answers."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), TIMEOUT_S)
        self._sent: list[tuple[int, int]] = []
        self._correlation_id = 0

    def send(self, request: Any, version: int) -> None:
        self._correlation_id += 1
        parts = frames.encode_request(request, version, self._correlation_id, "script")
        self._socket.sendall(b"".join(bytes(part) for part in parts))
        self._sent.append((request.API_KEY, version))

    def receive(self) -> Any:
        api_key, version = self._sent.pop(0)
        frame = self._read(struct.unpack(">i", self._read(4))[0])
        _, body = frames.decode_response_header(api_key, version, frame)
        return decode(frames.response_class(api_key), version, frame, body)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            if not part:
                raise ConnectionError("the broker has closed the connection")
            data += part
        return data

    def close(self) -> None:
        self._socket.close()


class Labels:
    """Messages as dictionaries, with a label for each member id in the order of their appearance."""

    def __init__(self) -> None:
        self._labels: dict[str, str] = {}

    def plain(self, value: Any) -> Any:
        if isinstance(value, list):
            plain = [self.plain(each) for each in value]
            return sorted(plain, key=lambda each: each["member_id"]) if _are_members(plain) else plain
        if isinstance(value, str):
            return self._labels.setdefault(value, f"member {len(self._labels)}") if MEMBER_ID.match(value) else value
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value).hex()
        fields = getattr(type(value), "__slots__", None)
        if fields is None or value is None:
            return value
        return {name: self.plain(getattr(value, name)) for name in fields if name not in LEFT_OUT}


class Wire:
    """Some clients of one broker, by name, and the transcript of what they were answered."""

    def __init__(self, bootstrap: str) -> None:
        host, port = bootstrap.split(",")[0].rsplit(":", 1)
        self._address = host, int(port)
        self._sockets: dict[str, Socket] = {}
        self.labels = Labels()
        self.transcript: list[Any] = []

    def socket(self, client: str) -> Socket:
        if client not in self._sockets:
            self._sockets[client] = Socket(*self._address)
        return self._sockets[client]

    def send(self, client: str, request: Any, version: int) -> None:
        self.socket(client).send(request, version)

    def receive(self, client: str) -> Any:
        response = self.socket(client).receive()
        self.transcript.append([client, type(response).__name__, self.labels.plain(response)])
        return response

    def call(self, client: str, request: Any, version: int) -> Any:
        self.send(client, request, version)
        return self.receive(client)

    def settle(self, request: Any, version: int, is_settled: Callable[[Any], bool]) -> Any:
        """Ask until the answer is what the script can go on with; not noted."""
        while True:
            self.send("settle", request, version)
            response = self.socket("settle").receive()
            if is_settled(response):
                return response

    def close(self) -> None:
        for each in self._sockets.values():
            each.close()


def _are_members(rows: list[Any]) -> bool:
    """A broker keeps its members in no order in particular."""
    return bool(rows) and all(isinstance(row, dict) and "member_id" in row for row in rows)
