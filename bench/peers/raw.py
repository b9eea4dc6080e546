"""A client with nothing in it: Produce frames made beforehand, sockets, epoll; what it measures is the server.

A frame carries one batch of one record of 100 bytes, CRC and all, encoded here by hand so that nothing of kstore takes
part in its own measurement. Every response is checked: its correlation id is the next of its connection, its error
code is zero.

A request of version 11 (flexible): int32 size, int16 api key 0, int16 version, int32 correlation id, client id, tags;
then transactional id, int16 acks, int32 timeout, topics of (name, partitions of (int32 index, records, tags), tags),
tags. In the response the error code has a fixed place behind the topic's name.
"""

import selectors
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass

API_VERSION = 11
CORRELATION_AT = 8
ACKS_ALL = -1
STALLED_AFTER_S = 30.0


@dataclass(frozen=True)
class Target:
    """One partition and the broker that leads it."""

    host: str
    port: int
    topic: str
    partition: int


@dataclass(frozen=True)
class Outcome:
    acknowledged: int
    seconds: float
    latencies_ms: list[float]

    @property
    def rate(self) -> float:
        return self.acknowledged / self.seconds

    def quantile_ms(self, quantile: float) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[int(len(ordered) * quantile)]


class WrongAnswer(Exception):
    """A response that is not the acknowledgement of the request it belongs to."""


def run(targets: list[Target], depth: int, records: int) -> Outcome:
    """One connection for each target, ``depth`` requests in flight on each, until ``records`` are acknowledged."""
    connections = [Connection(target, depth) for target in targets]
    budget = records
    with selectors.DefaultSelector() as selector:
        for each in connections:
            selector.register(each.socket, selectors.EVENT_READ, each)
        started = time.perf_counter()
        for each in connections:
            budget -= each.send(min(depth, budget))
        acknowledged = 0
        while acknowledged < records:
            ready = selector.select(STALLED_AFTER_S)
            if not ready:
                raise WrongAnswer(f"no answer for {STALLED_AFTER_S:g} s at {acknowledged} of {records} records")
            for key, _ in ready:
                count = key.data.receive()
                acknowledged += count
                if count and budget:
                    budget -= key.data.send(min(count, budget))
        seconds = time.perf_counter() - started
    for each in connections:
        each.socket.close()
    return Outcome(acknowledged, seconds, [took for each in connections for took in each.latencies_ms])


class Connection:
    def __init__(self, target: Target, depth: int) -> None:
        frame = produce_frame(target.topic, target.partition)
        self.socket = socket.create_connection((target.host, target.port), timeout=STALLED_AFTER_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.latencies_ms: list[float] = []
        self._frames, self._frame_bytes = bytearray(frame * depth), len(frame)
        self._error_at = 4 + 4 + 1 + 1 + 1 + len(target.topic) + 1 + 4
        self._received = bytearray()
        self._sent_at: deque[tuple[int, float]] = deque()
        self._next_sent = self._next_received = 0

    def send(self, count: int) -> int:
        """Send that many requests in one write."""
        size = self._frame_bytes
        for i in range(count):
            struct.pack_into(">i", self._frames, i * size + CORRELATION_AT, self._next_sent + i)
        self._next_sent += count
        self._sent_at.append((self._next_sent, time.perf_counter()))
        self.socket.sendall(memoryview(self._frames)[: count * size])
        return count

    def receive(self) -> int:
        """Take what has arrived; how many acknowledgements were whole."""
        data = self.socket.recv(1 << 18)
        if not data:
            raise WrongAnswer("the server closed the connection")
        buffer, start, count = self._received, 0, 0
        buffer += data
        now = time.perf_counter()
        while len(buffer) - start >= 4:
            (size,) = struct.unpack_from(">i", buffer, start)
            if len(buffer) - start - 4 < size:
                break
            self._check(buffer, start)
            self._take_latency(now)
            start += 4 + size
            count += 1
        del buffer[:start]
        return count

    def _check(self, buffer: bytearray, start: int) -> None:
        (correlation,) = struct.unpack_from(">i", buffer, start + 4)
        (error,) = struct.unpack_from(">h", buffer, start + self._error_at)
        if correlation != self._next_received or error:
            raise WrongAnswer(f"answer {correlation}, error {error}; expected answer {self._next_received}")
        self._next_received += 1

    def _take_latency(self, now: float) -> None:
        last_of_write, sent_at = self._sent_at[0]
        self.latencies_ms.append((now - sent_at) * 1e3)
        if self._next_received == last_of_write:
            self._sent_at.popleft()


def produce_frame(topic: str, partition: int) -> bytes:
    records = record_batch(b"x" * 100)
    body = struct.pack(">bhi", 0, ACKS_ALL, 30_000)
    body += b"\x02" + uvarint(len(topic) + 1) + topic.encode()
    body += b"\x02" + struct.pack(">i", partition) + uvarint(len(records) + 1) + records + b"\x00\x00\x00"
    header = struct.pack(">hhih", 0, API_VERSION, 0, 3) + b"raw" + b"\x00"
    return struct.pack(">i", len(header) + len(body)) + header + body


def record_batch(value: bytes) -> bytes:
    """A batch of format 2 with one record and no key, of a producer without an id."""
    inside = b"\x00\x00\x00\x01" + zigzag(len(value)) + value + b"\x00"  # attributes, deltas, no key, value, no headers
    now = int(time.time() * 1000)
    checked = struct.pack(">hiqqqhii", 0, 0, now, now, -1, -1, -1, 1) + zigzag(len(inside)) + inside
    behind_length = struct.pack(">ibI", -1, 2, crc32c(checked)) + checked
    return struct.pack(">qi", 0, len(behind_length)) + behind_length


def uvarint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def zigzag(number: int) -> bytes:
    return uvarint(number << 1 if number >= 0 else (-number << 1) - 1)


def crc32c(data: bytes) -> int:
    """Castagnoli's CRC, bit by bit: it runs once a connection."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
