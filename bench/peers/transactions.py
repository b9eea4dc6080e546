"""The loads with transactions, through librdkafka, kcat and a client in Go: small ones, a pipeline, what a transaction
costs a producer and a reader, what ids at rest hold in memory.

Each one counts what it wrote or read, so a load that lost a record has no figure.
"""

import math
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from confluent_kafka.admin import AdminClient

from bench.peers import ids, load
from bench.peers.servers import Server

PIPELINE = Path(__file__).parent / "pipeline"
BUILT = Path(__file__).resolve().parents[2] / "build" / "pipelinepeer"
COMMIT_EVERY_S = 0.1
BLOCKS = 3
SETTLE_S = 2.0
PLAIN_A_BATCH = 90
READ_TIMEOUT_S = 300
KCAT = ("kcat", "-C", "-p", "0", "-o", "beginning", "-e", "-q", "-u", "-f", ".")


def small(server: Server, count: int) -> dict[str, float]:
    """Begin, one record of 100 bytes, commit; the times between a begin and the end of its commit."""
    took = []
    with load.topic(server) as name:
        client = load.producer(server, **{"transactional.id": name, "linger.ms": 0})
        client.init_transactions(60)
        for _ in range(count):
            started = time.perf_counter()
            client.begin_transaction()
            client.produce(name, b"x" * 100, partition=0)
            client.commit_transaction(60)
            took.append((time.perf_counter() - started) * 1e3)
        load.check_count(server, name, 2 * count)  # each with its marker
    steady = sorted(took[count // 10 :])
    return {"p50": steady[len(steady) // 2], "p99": steady[int(len(steady) * 0.99)]}


@cache
def pipeline() -> Path:
    """The pipeline's program, built from ``pipeline/``."""
    if shutil.which("go") is None:
        raise load.LoadFailed("the pipeline needs go on the path")
    subprocess.run(["go", "build", "-o", BUILT, "."], cwd=PIPELINE, check=True)
    return BUILT


def read_transform_write(server: Server, count: int) -> dict[str, float]:
    """The pipeline in Go: records a second, and seconds of the brokers' processors for a million of them."""
    program = pipeline()
    with load.topic(server) as source, load.topic(server) as target:
        load.fill(server, source, 100, count)
        before = server.processor_s()
        command = [str(program), "-bootstrap", server.bootstrap, "-from", source, "-to", target]
        done = subprocess.run(
            [*command, "-group", source, "-count", str(count)],
            capture_output=True,
            text=True,
            timeout=load.TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise load.LoadFailed(f"{server.name}: the pipeline ended with {done.returncode}: {done.stderr[-500:]}")
        used = server.processor_s() - before
        records, transactions, seconds = done.stdout.split()
        load.check_count(server, target, count + int(transactions))
    if int(records) != count:
        raise load.LoadFailed(f"{server.name}: {records} of {count} records came through")
    return {"records/s": count / float(seconds), "s": used / count * 1e6}


def in_turns(mine: Callable[[], float], other: Callable[[], float]) -> tuple[float, float, float]:
    """Two rates that are measured in turns, and one over the other.

    What runs second may find memory and disk in another state, so a ratio is that of a block in which each was second
    once: the geometric mean of its two ratios, of which the median over the blocks is given.
    """
    rates: tuple[list[float], list[float]] = ([], [])
    for turn in (0, 1, 1, 0) * BLOCKS:
        load.settle_disk()
        rates[turn].append((mine, other)[turn]())
    quotients = [a / b for a, b in zip(*rates, strict=True)]
    ratio = statistics.median(
        math.sqrt(first * second) for first, second in zip(quotients[::2], quotients[1::2], strict=True)
    )
    return statistics.median(rates[0]), statistics.median(rates[1]), ratio


def own_clients(server: Server, count: int) -> dict[str, float]:
    """The same by kstore's clients and by confluent-kafka, each in its own process, in turns; one over the other."""
    used: dict[str, list[float]] = {"kstore": [], "confluent-kafka": []}

    def rate(client: str) -> float:
        seconds, used_s = _by_client(client, server, source, count)
        used[client].append(used_s)
        return count / seconds

    with load.topic(server) as source:
        load.fill(server, source, 100, count)
        mine, other, ratio = in_turns(lambda: rate("kstore"), lambda: rate("confluent-kafka"))
    processors = statistics.median(used["confluent-kafka"]) / statistics.median(used["kstore"])
    return {"kstore": mine, "confluent-kafka": other, "ratio": ratio, "processors": processors}


def _by_client(client: str, server: Server, source: str, count: int) -> tuple[float, float]:
    """The seconds that it took, and those of the client's process in which it had a processor."""
    with load.topic(server) as target:
        command = [sys.executable, "-m", "bench.peers.pipelines", client, server.bootstrap, source, target, str(count)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=load.TIMEOUT_S, check=False)
        if done.returncode:
            raise load.LoadFailed(f"{server.name}: {client} ended with {done.returncode}: {done.stderr[-500:]}")
        seconds, transactions, used_s = done.stdout.split()
        load.check_count(server, target, count + int(transactions))
    return float(seconds), float(used_s)


def produce_over_plain(server: Server, count: int) -> dict[str, float]:
    """Records of 1 kB with a commit each 100 ms, and the same by an idempotent producer without transactions, in turns;
    one over the other.
    """

    def in_transactions() -> float:
        with load.topic(server) as name:
            return count / 1000 / fill_in_transactions(server, name, 1000, count)

    def plain() -> float:
        with load.topic(server) as name:
            return count / 1000 / load.fill(server, name, 1000, count, idempotent=True)

    rate, _, ratio = in_turns(in_transactions, plain)
    return {"ratio": ratio, "MB/s": rate}


def fill_in_transactions(server: Server, name: str, size: int, count: int) -> float:
    """As ``load.fill``, with a commit each 100 ms; the seconds up to the last commit."""
    client = load.producer(server, **{"linger.ms": 5, "batch.size": 1 << 20, "transactional.id": f"fills-{name}"})
    client.init_transactions(60)
    value, send, transactions = b"v" * size, client.produce, 1
    started = time.perf_counter()
    client.begin_transaction()
    next_commit = started + COMMIT_EVERY_S
    for i in range(count):
        while True:
            try:
                send(name, value)
                break
            except BufferError:
                client.poll(0.01)
        if not i % 100:
            client.poll(0)
            if time.perf_counter() >= next_commit:
                client.commit_transaction(60)
                client.begin_transaction()
                transactions += 1
                next_commit = time.perf_counter() + COMMIT_EVERY_S
    client.commit_transaction(60)
    seconds = time.perf_counter() - started
    load.check_count(server, name, count + transactions)
    return seconds


def committed_reads(server: Server, count: int) -> dict[str, float]:
    """A log without transactions read by kcat as committed and as uncommitted, in turns: one over the other."""
    with load.topic(server) as name:
        load.fill(server, name, 1000, count)
        return {"ratio": _read_ratio(server, name, count, count)}


def committed_reads_among_aborted(server: Server, aborted: int) -> dict[str, float]:
    """The same of a log with that many aborted transactions, of a record each, among committed records of 100 B."""
    with load.topic(server) as name:
        _fill_with_aborted(server, name, aborted)
        committed = aborted * PLAIN_A_BATCH
        return {"ratio": _read_ratio(server, name, committed, committed + aborted)}


def _fill_with_aborted(server: Server, name: str, aborted: int) -> None:
    """Batches of 90 records, after each of them a transaction that is aborted; by 50 producers in turn."""
    plain = load.producer(server, **{"linger.ms": 1000})
    clients = [load.producer(server, **{"transactional.id": f"aborts-{name}-{i}", "linger.ms": 0}) for i in range(50)]
    for client in clients:
        client.init_transactions(60)
    for number in range(aborted):
        for _ in range(PLAIN_A_BATCH):
            plain.produce(name, b"v" * 100, partition=0)
        if plain.flush(60):
            raise load.LoadFailed(f"{server.name}: records were not acknowledged within a minute")
        client = clients[number % len(clients)]
        client.begin_transaction()
        client.produce(name, b"v" * 100, partition=0)
        client.flush(60)
        client.abort_transaction(60)


def _read_ratio(server: Server, name: str, committed: int, uncommitted: int) -> float:
    _read(server, name, "read_uncommitted", uncommitted)  # which brings the log into memory
    return in_turns(
        lambda: 1 / _read(server, name, "read_committed", committed),
        lambda: 1 / _read(server, name, "read_uncommitted", uncommitted),
    )[2]


def _read(server: Server, name: str, level: str, expected: int) -> float:
    """Seconds until kcat has read a topic from its start to its end."""
    large = ["-X", "fetch.message.max.bytes=8388608", "-X", "queued.max.messages.kbytes=262144"]
    command: list[str] = [*KCAT, *large, "-X", f"isolation.level={level}", "-b", server.bootstrap, "-t", name]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, timeout=READ_TIMEOUT_S, check=False)
    seconds = time.perf_counter() - started
    if done.returncode or len(done.stdout) != expected:
        raise load.LoadFailed(
            f"{server.name}: {len(done.stdout)} of {expected} records were read: {done.stderr[-300:]!r}"
        )
    return seconds


def ids_at_rest(server: Server, count: int) -> dict[str, float]:
    """Megabytes that brokers hold for so many transactional ids that were initialized, and for as many more that have
    also written a record in a transaction. The brokers are fresh: what another load has freed would be used again.
    """
    host, port = server.bootstrap.split(",")[0].split(":")
    figures = {}
    with load.topic(server) as name:
        admin = AdminClient({"bootstrap.servers": server.bootstrap, **load.QUIET})
        leader = load.leaders(admin, name)[0]
        for key, where in (("initialized", None), ("used", (leader.host, leader.port))):
            make = partial(ids.make, (host, int(port)), leader=where, topic=name)
            make(names=[f"warm-up-{key}-{number}" for number in range(1000)])
            time.sleep(SETTLE_S)
            before = server.resident_bytes()
            make(names=[f"application-{key}-{number}" for number in range(count)])
            time.sleep(SETTLE_S)
            figures[key] = (server.resident_bytes() - before) / 1e6
    return figures
