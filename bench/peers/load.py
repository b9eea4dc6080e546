"""The loads through librdkafka: throughput of produce and consume, one record at a time, the time to a first record.

A topic is made for every case and deleted after it. A case counts as done when its last record is acknowledged, and
only if the partition then holds exactly as many records as were acknowledged.
"""

import contextlib
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.peers import raw
from bench.peers.servers import Server

QUIET = {"log_level": 0, "enable.metrics.push": False}
TIMEOUT_S = 180
DELETED_AFTER_S = 1.5


class LoadFailed(Exception):
    """The server did not do what the load asked of it."""


def _on_error(_: KafkaError) -> None:
    """Connection errors are expected while a server starts; what matters is whether records are acknowledged."""


def settle_disk() -> None:
    """Let what the last case wrote be deleted, and the rest reach the disk: otherwise the kernel holds up the case that
    writes next until the disk has caught up with the case before.
    """
    time.sleep(DELETED_AFTER_S)
    os.sync()


def producer(server: Server, **config: object) -> Producer:
    buffers = {"queue.buffering.max.messages": 1_000_000, "queue.buffering.max.kbytes": 1 << 20}
    base = {"bootstrap.servers": server.bootstrap, "acks": "all", "error_cb": _on_error}
    return Producer({**base, **buffers, **QUIET, **config})


@contextlib.contextmanager
def topic(server: Server, partitions: int = 1) -> Iterator[str]:
    """A new topic that has its leaders, deleted again at the end of the block."""
    admin = AdminClient({"bootstrap.servers": server.bootstrap, **QUIET})
    name = f"load-{uuid.uuid4().hex[:10]}"
    admin.create_topics([NewTopic(name, partitions, server.replication_factor)])[name].result(60)
    deadline = time.monotonic() + 60
    while len(leaders(admin, name)) < partitions:
        if time.monotonic() > deadline:
            raise LoadFailed(f"{server.name}: {name} has no leaders after a minute")
        time.sleep(0.02)
    yield name
    admin.delete_topics([name])[name].result(60)


def leaders(admin: AdminClient, name: str) -> list[raw.Target]:
    """Every partition that has a leader, with the leader's address."""
    metadata = admin.list_topics(name, timeout=30)
    found = metadata.topics[name].partitions
    brokers = metadata.brokers
    return [
        raw.Target(str(brokers[each.leader].host), int(brokers[each.leader].port), name, number)
        for number, each in sorted(found.items())
        if each.leader in brokers
    ]


def check_count(server: Server, name: str, expected: int, partitions: int = 1) -> None:
    """Raise unless the topic holds exactly that many records."""
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "count", **QUIET})
    found = 0
    for partition in range(partitions):
        low, high = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=30)
        found += high - low
    consumer.close()
    if found != expected:
        raise LoadFailed(f"{server.name}: {expected} records were acknowledged, the topic holds {found}")


def fill(server: Server, name: str, size: int, count: int, codec: str = "none", *, idempotent: bool = False) -> float:
    """Produce; the seconds up to the last acknowledgement."""
    batches = {"linger.ms": 5, "batch.size": 1 << 20}
    client = producer(server, **batches, **{"compression.type": codec, "enable.idempotence": idempotent})
    client.list_topics(name, timeout=30)
    value, send = os.urandom(size), client.produce
    started = time.perf_counter()
    for i in range(count):
        while True:
            try:
                send(name, value)
                break
            except BufferError:
                client.poll(0.01)
        if not i % 1000:
            client.poll(0)
    left = client.flush(TIMEOUT_S)
    seconds = time.perf_counter() - started
    if left:
        raise LoadFailed(f"{server.name}: {left} records were never acknowledged")
    return seconds


def produce(server: Server, size: int, count: int, codec: str = "none") -> dict[str, float]:
    with topic(server) as name:
        seconds = fill(server, name, size, count, codec)
        check_count(server, name, count)
    return {"MB/s": count * size / seconds / 1e6}


def consume(server: Server, size: int, count: int) -> dict[str, float]:
    """Read a topic from its start with kcat, which spends next to nothing on a record."""
    if shutil.which("kcat") is None:
        raise LoadFailed("kcat is not installed")
    read = ["kcat", "-b", server.bootstrap, "-C", "-p", "0", "-o", "beginning", "-c", str(count), "-q", "-u", "-f", ""]
    large = ["-X", "fetch.message.max.bytes=8388608", "-X", "queued.max.messages.kbytes=262144"]
    with topic(server) as name:
        fill(server, name, size, count)
        started = time.perf_counter()
        done = subprocess.run([*read, *large, "-t", name], capture_output=True, timeout=TIMEOUT_S, check=False)
        seconds = time.perf_counter() - started
    if done.returncode:
        raise LoadFailed(f"{server.name}: kcat ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return {"MB/s": count * size / seconds / 1e6}


def one_at_a_time(server: Server, count: int) -> dict[str, float]:
    """Each record waits for the acknowledgement of the one before."""
    took = []
    with topic(server) as name:
        client = producer(server, **{"linger.ms": 0})
        client.list_topics(name, timeout=30)
        for _ in range(count):
            started = time.perf_counter()
            client.produce(name, b"x" * 100, partition=0)
            if client.flush(30):
                raise LoadFailed(f"{server.name}: a record was not acknowledged within 30 s")
            took.append((time.perf_counter() - started) * 1e3)
        check_count(server, name, count)
    steady = sorted(took[count // 10 :])
    return {"p50": steady[len(steady) // 2], "p99": steady[int(len(steady) * 0.99)]}


def raw_requests(server: Server, connections: int, depth: int, count: int, partitions: int = 1) -> dict[str, float]:
    """Requests of one record each, from the client in raw.py."""
    with topic(server, partitions) as name:
        found = leaders(AdminClient({"bootstrap.servers": server.bootstrap, **QUIET}), name)
        warm = raw.run(found, 1, 200)
        targets = [found[i % len(found)] for i in range(connections)]
        outcome = raw.run(targets, depth, count)
        check_count(server, name, warm.acknowledged + outcome.acknowledged, partitions)
    return {"requests/s": outcome.rate, "p50": outcome.quantile_ms(0.5), "p99": outcome.quantile_ms(0.99)}


def start_to_first_record(server: Server) -> dict[str, float]:
    """From the start of the process to the first acknowledged record, for a producer that waits already.

    The producer's asking for it makes the topic. A server that replicates runs with ``min.insync.replicas`` equal to
    its replication factor, so that an acknowledgement means every replica; asking again is left to librdkafka.
    """
    eager = {"reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 20, "retry.backoff.ms": 10}
    refresh = {"topic.metadata.refresh.fast.interval.ms": 10, "allow.auto.create.topics": True, "linger.ms": 0}
    acknowledged: list[float] = []

    def on_delivery(error: KafkaError | None, _: Message) -> None:
        if error is None:
            acknowledged.append(time.perf_counter())

    client = producer(server, **eager, **refresh)
    client.produce("first", b"x" * 100, on_delivery=on_delivery)
    started = time.perf_counter()
    server.launch()
    deadline = started + 120
    while not acknowledged and time.perf_counter() < deadline:
        client.poll(0.1)
    if not acknowledged:
        raise LoadFailed(f"{server.name}: no record was acknowledged within two minutes of its start")
    partition = client.list_topics("first", timeout=30).topics["first"].partitions[0]
    if len(partition.isrs) < server.replication_factor:
        raise LoadFailed(f"{server.name}: the first record has {len(partition.isrs)} in-sync replicas")
    return {"s": acknowledged[0] - started}
