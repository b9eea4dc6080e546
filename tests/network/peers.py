"""Raw peers of a broker: sockets, and the bytes that they send and get."""

from __future__ import annotations

import socket
import struct

from present import present

from actors.cluster import Cluster
from kstore.schema import decode, encode
from kstore.schema.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from kstore.schema.messages.headers import RequestHeader

PATIENCE_S = 20


def connect(cluster: Cluster) -> socket.socket:
    host, port = present(cluster.ports).addresses[1]
    return socket.create_connection((host, port), timeout=PATIENCE_S)


def frame(api_key: int, version: int, body: bytes, correlation_id: int = 7, header_version: int = 1) -> bytes:
    header = RequestHeader(
        request_api_key=api_key, request_api_version=version, correlation_id=correlation_id, client_id="test"
    )
    payload = encode(header, header_version) + body
    return struct.pack(">i", len(payload)) + payload


def api_versions(correlation_id: int = 7) -> bytes:
    return frame(18, 0, encode(ApiVersionsRequest(), 0), correlation_id)


def read_frame(sock: socket.socket) -> bytes:
    (length,) = struct.unpack(">i", read_exactly(sock, 4))
    return read_exactly(sock, length)


def read_exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        assert more, "the broker closed the connection"
        data += more
    return data


def is_closed(sock: socket.socket) -> bool:
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def assert_serves(cluster: Cluster) -> None:
    with connect(cluster) as sock:
        sock.sendall(api_versions())
        answer = read_frame(sock)
        assert answer[:4] == struct.pack(">i", 7)
        assert decode(ApiVersionsResponse, 0, answer, 4).error_code == 0
