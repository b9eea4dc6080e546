"""Connections over TCP: what ``kstore serve`` takes for so many that ask something each, all of them open."""

from __future__ import annotations

import os
import socket
import struct
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.peers.processes import HOST, Process, free_ports, wait_until_listening

API_VERSIONS, METADATA = 18, 3
ROUNDS = 5
START_S = 60.0


def processor_seconds(pid: int) -> float:
    """What a process has taken so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def frame(api_key: int, body: bytes) -> bytes:
    """A request of version 0 without a client id."""
    sent = struct.pack(">hhih", api_key, 0, 1, -1) + body
    return struct.pack(">i", len(sent)) + sent


def ask(connection: socket.socket, request: bytes) -> None:
    """Send a request and read its answer."""
    connection.sendall(request)
    left = struct.unpack(">i", receive(connection, 4))[0]
    receive(connection, left)


def receive(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        got = connection.recv(count - len(found))
        if not got:
            raise ConnectionError("the server closed a connection")
        found += got
    return found


def connections(size: int) -> float:
    """So many connections are opened, and each asks for versions once and for the brokers five times."""
    port = free_ports(1)
    command = [sys.executable, "-m", "actors.cli.main", "serve", "--listen", f"{HOST}:{port}"]
    with tempfile.TemporaryDirectory(prefix="bench-growth-") as folder, ExitStack() as stopping:
        process = Process(command, Path(folder, "output"))
        stopping.callback(process.stop)
        wait_until_listening([process], [port], START_S)
        began = processor_seconds(process.pid)
        opened = [stopping.enter_context(socket.create_connection((HOST, port), START_S)) for _ in range(size)]
        for each in opened:
            ask(each, frame(API_VERSIONS, b""))
        for _ in range(ROUNDS):
            for each in opened:
                ask(each, frame(METADATA, struct.pack(">ih", 1, 1) + b"t"))
        return processor_seconds(process.pid) - began
