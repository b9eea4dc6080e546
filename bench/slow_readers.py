"""Clients that ask for records and never read, beside one that works: memory, and the good client's times.

    python -m bench.slow_readers [connections] [bound, MiB]

Starts ``kstore serve`` on loopback, fills a topic, times a client that produces and fetches one small record after the
other, then opens the connections, each of which sends Fetch requests for 50 MiB and takes nothing, and times the client
again; at last they leave. Half of them ask for what lies in files, half follow the end of a topic that is written to.
Prints one line for each moment; takes about two minutes, most of them waiting for the memory to come back.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import quantiles
from typing import Any

from kstore.records import BatchBuilder
from kstore.schema import decode, frames
from kstore.schema.messages.create_topics import CreatableTopic, CreateTopicsRequest, CreateTopicsResponse
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData

FETCH_VERSION, PRODUCE_VERSION, CREATE_VERSION = 4, 7, 4
FILL_BYTES = 256 << 20
BATCH_BYTES = 1 << 20
ROUNDS = 1500
CALM_CPU_S = 0.1
LEFT_S = 60


class Client:
    """A client of one broker, one request at a time."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: Any, version: int, answer: Any) -> Any:
        self.sock.sendall(b"".join(map(bytes, frames.encode_request(request, version, 1, "bench"))))
        (length,) = struct.unpack(">i", self._exactly(4))
        frame = self._exactly(length)
        _, at = frames.decode_response_header(request.API_KEY, version, frame)
        return decode(answer, version, frame, at)

    def _exactly(self, count: int) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            got = self.sock.recv_into(view)
            assert got, "the broker closed the connection"
            view = view[got:]
        return data


def produce(topic: str, value: bytes) -> ProduceRequest:
    builder = BatchBuilder()
    builder.append(0, None, value)
    data = PartitionProduceData(index=0, records=builder.build())
    return ProduceRequest(acks=-1, timeout_ms=30_000, topic_data=[TopicProduceData(name=topic, partition_data=[data])])


def fetch(topic: str, offset: int, max_bytes: int, max_wait_ms: int = 500) -> FetchRequest:
    asked = FetchPartition(partition=0, fetch_offset=offset, partition_max_bytes=max_bytes)
    return FetchRequest(
        max_wait_ms=max_wait_ms, min_bytes=1, max_bytes=max_bytes, topics=[FetchTopic(topic=topic, partitions=[asked])]
    )


def rounds(client: Client, topic: str, writer: Client | None = None) -> str:
    """Times of a record's way in and out again, in ms; ``writer`` writes to the topic that slow readers follow."""
    took = []
    for number in range(ROUNDS):
        begun = time.perf_counter()
        answer = client.ask(produce(topic, b"x" * 100), PRODUCE_VERSION, ProduceResponse)
        offset = answer.responses[0].partition_responses[0].base_offset
        client.ask(fetch(topic, offset, 100_000), FETCH_VERSION, FetchResponse)
        took.append((time.perf_counter() - begun) * 1000)
        if writer is not None and number % 15 == 0:
            writer.ask(produce("followed", os.urandom(BATCH_BYTES // 2)), PRODUCE_VERSION, ProduceResponse)
    cuts = quantiles(took, n=100)
    return f"good client p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms, max {max(took):.1f} ms"


def rss_mib(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def wait_for_calm(pid: int) -> None:
    """Until the server does nothing any more: the kernel's buffers are full, and those who don't read stand still."""
    before = -1.0
    while (now := cpu_s(pid)) - before > CALM_CPU_S:
        before = now
        time.sleep(1)


def cpu_s(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server(bound_mib: int) -> Iterator[tuple[int, int]]:
    """A server's pid and port."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "actors.cli.main", "serve", "--listen", "127.0.0.1:0", "--data-dir", folder]
        command += ["--set", f"queued.max.response.bytes={bound_mib << 20}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            yield process.pid, int(process.stdout.readline().rsplit(":", 1)[1])
        finally:
            process.terminate()
            process.wait(60)


def main(connections: int = 1000, bound_mib: int = 256) -> None:
    with server(bound_mib) as (pid, port):
        good, writer = Client(port), Client(port)
        topics = [
            CreatableTopic(name=name, num_partitions=1, replication_factor=1) for name in ("log", "followed", "t")
        ]
        good.ask(CreateTopicsRequest(topics=topics, timeout_ms=30_000), CREATE_VERSION, CreateTopicsResponse)
        for _ in range(FILL_BYTES // BATCH_BYTES):
            writer.ask(produce("log", os.urandom(BATCH_BYTES - 1000)), PRODUCE_VERSION, ProduceResponse)
        rounds(good, "t")
        wait_for_calm(pid)
        print(f"before: {rss_mib(pid)} MiB; {rounds(good, 't', writer)}", flush=True)
        slow = [Client(port) for _ in range(connections)]
        for number, client in enumerate(slow):
            request = fetch("log", 0, 50 << 20) if number % 2 else fetch("followed", 0, 50 << 20, 600_000)
            client.sock.sendall(b"".join(map(bytes, frames.encode_request(request, FETCH_VERSION, 1, "slow"))) * 4)
        wait_for_calm(pid)
        print(f"{connections} that never read: {rss_mib(pid)} MiB; {rounds(good, 't', writer)}", flush=True)
        print(f"afterwards: {rss_mib(pid)} MiB", flush=True)
        for client in slow:
            client.sock.close()
        for _ in range(LEFT_S // 15):
            time.sleep(15)
            print(f"since they left: {rss_mib(pid)} MiB", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
