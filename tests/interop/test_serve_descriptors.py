"""A server that may have few open files: it raises its limit, and lives within the hard one."""

from __future__ import annotations

import os
import socket
import sys

from processes import Program
from waiting import wait_until

from kstore import Admin, Consumer, NewTopic, Producer

LIMITED = """
import resource, sys
from actors.cli.main import main
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
sys.exit(main(["serve", "--brokers", "3", "--listen", "127.0.0.1:0", "--data-dir", {folder!r}]))
"""
PARTITIONS = 100


def limited(folder: object, *, soft: int, hard: int) -> Program:
    server = Program(sys.executable, "-c", LIMITED.format(soft=soft, hard=hard, folder=str(folder)))
    server.wait_for(lambda lines: lines or server.process.poll() is not None, "ready line")
    assert server.process.poll() is None, server.errors
    return server


def bootstrap_of(server: Program) -> str:
    return server.lines[0].rsplit(" ", 1)[1]


def descriptors_of(server: Program) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def is_open(sock: socket.socket) -> bool:
    try:
        sock.setblocking(False)
        return sock.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_more_partitions_than_descriptors_and_more_connections_than_fit_leave_it_whole(tmp_path):
    server = limited(tmp_path, soft=100, hard=256)
    try:
        servers = bootstrap_of(server)
        with Admin(bootstrap_servers=servers) as admin, Producer(bootstrap_servers=servers) as producer:
            admin.create_topics([NewTopic("orders", PARTITIONS, replication_factor=3)])
            sent = [producer.send("orders", b"x" * 100, partition=number) for number in range(PARTITIONS)]
            for future in sent:
                future.get(20)
            host, port = servers.split(",")[0].split(":")
            idle = [socket.create_connection((host, int(port)), timeout=20) for _ in range(300)]
            left = wait_until(
                lambda: (now := sum(map(is_open, idle))) < 200 and now, what="connections that are refused"
            )
            assert left > 20
            for number in range(PARTITIONS):
                producer.send("orders", b"y" * 100, partition=number).get(20)
            assert descriptors_of(server) <= 256
            for sock in idle:
                sock.close()
            wait_until(lambda: descriptors_of(server) < 200, what="descriptors given back")
        with Consumer(bootstrap_servers=servers, group_id="all", auto_offset_reset="earliest") as consumer:
            consumer.subscribe(["orders"])
            seen = 0

            def count() -> bool:
                nonlocal seen
                seen += sum(map(len, consumer.poll(1000).values()))
                return seen >= 2 * PARTITIONS

            wait_until(count, what="all records")
            assert seen == 2 * PARTITIONS
    finally:
        assert server.stop() == 0
    again = limited(tmp_path, soft=256, hard=256)
    assert again.stop() == 0
    assert [line for line in [*server.errors, *again.errors] if "refuses connections" not in line] == []
