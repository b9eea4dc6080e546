"""The log of ``kstore serve``: from which level on, and where."""

import socket
import struct

import pytest
from processes import Server

UNSERVED_KEY = 71


def ask_for_what_is_not_there(address: str) -> None:
    host, _, port = address.rpartition(":")
    body = struct.pack(">hhi", UNSERVED_KEY, 0, 1) + b"\0\4test\0"
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.sendall(struct.pack(">i", len(body)) + body)
        assert sock.recv(1) == b"", "the connection is closed"


@pytest.mark.parametrize(
    ("options", "is_told"), [((), True), (("--log-level", "info"), True), (("--log-level", "error"), False)]
)
def test_a_warning_is_logged_from_its_level_on(options: tuple[str, ...], is_told: bool) -> None:
    server = Server("--listen", "127.0.0.1:0", *options)
    ask_for_what_is_not_there(server.bootstrap)
    assert server.stop() == 0
    told = [line for line in server.errors if " WARNING kstore.requests: " in line]
    assert len(told) == is_told
    assert len(server.lines) == 1, "the standard output has the ready line alone"
