"""What is measured, and what kstore has set out to reach: the table behind ``docs/benchmarks.md``."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.peers import groups, load, transactions
from bench.peers.servers import Server


@dataclass(frozen=True)
class Goal:
    """kstore's figure over a peer's (or alone, in the metric's own unit) is at least, or at most, this."""

    limit: float
    peer: str | None = None
    at_most: bool = False

    def reached(self, figure: float) -> bool:
        return figure <= self.limit if self.at_most else figure >= self.limit

    def __str__(self) -> str:
        sign = "≤" if self.at_most else "≥"
        return f"{sign} {self.limit:g}x {self.peer}" if self.peer else f"{sign} {self.limit:g}"


@dataclass(frozen=True)
class Metric:
    """One row: a name, a unit, and the key under which its case returns it."""

    name: str
    unit: str
    key: str
    goals: tuple[Goal, ...] = ()


@dataclass(frozen=True)
class Case:
    """One load. Those that compare things at one server take their own turns: they run ``once``, and only on kstore."""

    name: str
    measure: Callable[[Server], dict[str, float]]
    metrics: tuple[Metric, ...]
    fills_memory: bool = False
    once: bool = False


PRODUCE_GOALS = (Goal(2.0, "Kafka"), Goal(0.7, "kfake"))
CONSUME_GOALS = (Goal(0.9, "Kafka"),)
LATENCY_GOALS = (Goal(0.4, "Kafka", at_most=True),)


def _produce(size: int, count: int, codec: str = "none", goals: tuple[Goal, ...] = PRODUCE_GOALS) -> Case:
    name = f"produce {_size(size)}, acks=all" + ("" if codec == "none" else f", {codec}")
    metric = Metric(name, "MB/s", "MB/s", goals)
    return Case(name, lambda server: load.produce(server, size, count, codec), (metric,), fills_memory=True)


def _consume(size: int, count: int, goals: tuple[Goal, ...] = CONSUME_GOALS) -> Case:
    name = f"consume {_size(size)} with kcat"
    return Case(name, lambda server: load.consume(server, size, count), (Metric(name, "MB/s", "MB/s", goals),))


def _size(size: int) -> str:
    return f"{size} B" if size < 1000 else f"{size // 1000} kB"


def cases(scale: float = 1.0) -> list[Case]:
    """All loads, their record counts multiplied by ``scale``."""

    def many(count: int) -> int:
        return max(int(count * scale), 1000)

    return [
        _produce(100, many(1_000_000)),
        _produce(1000, many(500_000)),
        _produce(10_000, many(80_000)),
        _produce(1000, many(300_000), "lz4", goals=()),
        _consume(100, many(1_000_000), goals=()),
        _consume(1000, many(500_000)),
        _consume(10_000, many(80_000)),
        Case(
            "one record and its ack",
            lambda server: load.one_at_a_time(server, many(2000)),
            (
                Metric("one record and its ack, p50", "ms", "p50", LATENCY_GOALS),
                Metric("one record and its ack, p99", "ms", "p99", LATENCY_GOALS),
            ),
        ),
        Case(
            "64 connections",
            lambda server: load.raw_requests(server, 64, 1, many(100_000), partitions=3),
            (
                Metric("64 connections, one record in flight each", "requests/s", "requests/s", (Goal(3.0, "Kafka"),)),
                Metric("64 connections, p50", "ms", "p50"),
                Metric("64 connections, p99", "ms", "p99"),
            ),
        ),
        Case(
            "128 in flight",
            lambda server: load.raw_requests(server, 1, 128, many(50_000)),
            (Metric("one connection, 128 records in flight", "requests/s", "requests/s"),),
        ),
    ]


def transaction_cases(scale: float = 1.0) -> list[Case]:
    """The loads with transactions, as many records of each."""

    def many(count: int) -> int:
        return max(int(count * scale), 100)

    def once(name: str, measure: Callable[[Server], dict[str, float]], *metrics: Metric) -> Case:
        return Case(name, measure, metrics, once=True)

    return [
        Case(
            "small transaction",
            lambda server: transactions.small(server, many(500)),
            (
                Metric("begin, one record, commit, p50", "ms", "p50", (Goal(0.35, "Kafka", at_most=True),)),
                Metric("begin, one record, commit, p99", "ms", "p99"),
            ),
        ),
        Case(
            "read, transform, write",
            lambda server: transactions.read_transform_write(server, many(500_000)),
            (
                Metric("read, transform, write, a client in Go", "records/s", "records/s", (Goal(1.3, "Kafka"),)),
                Metric("the same: brokers' processors, for a million records", "s", "s"),
            ),
        ),
        once(
            "transactional ids",
            lambda server: transactions.ids_at_rest(server, 10_000),
            Metric("memory of 10,000 transactional ids at rest", "MB", "initialized", (Goal(15, at_most=True),)),
            Metric("the same, each of which has written to one partition", "MB", "used"),
        ),
        once(
            "own clients",
            lambda server: transactions.own_clients(server, many(500_000)),
            Metric("read, transform, write, kstore's clients", "records/s", "kstore"),
            Metric("the same with confluent-kafka", "records/s", "confluent-kafka"),
            Metric("kstore's clients over confluent-kafka", "x", "ratio", (Goal(3.0),)),
            Metric("confluent-kafka's processor time over theirs", "x", "processors"),
        ),
        once(
            "produce 1 kB in transactions",
            lambda server: transactions.produce_over_plain(server, many(200_000)),
            Metric("produce 1 kB in transactions", "MB/s", "MB/s"),
            Metric("the same over idempotent produce without transactions", "x", "ratio", (Goal(0.85),)),
        ),
        once(
            "read_committed",
            lambda server: transactions.committed_reads(server, many(300_000)),
            Metric("read_committed over read_uncommitted, 1 kB, with kcat", "x", "ratio", (Goal(0.95),)),
        ),
        once(
            "read_committed among aborted transactions",
            lambda server: transactions.committed_reads_among_aborted(server, 10_000),
            Metric("the same, 100 B, with 10,000 aborted transactions in the log", "x", "ratio", (Goal(0.8),)),
        ),
    ]


def group_cases(scale: float = 1.0) -> list[Case]:
    """The loads of consumer groups, as many joins and heartbeats of each."""
    return [
        Case(
            "join",
            lambda server: groups.joins(server, max(int(10 * scale), 1)),
            (
                Metric("a member joins a group of 10, 100 partitions", "s", "s", (Goal(1.0, "Kafka", at_most=True),)),
                Metric("the same: brokers' processors", "s", "processor", (Goal(0.5, "Kafka", at_most=True),)),
            ),
        ),
        Case(
            "heartbeat",
            lambda server: groups.heartbeats(server, max(int(5000 * scale), 100)),
            (
                Metric("a heartbeat, p50", "ms", "p50", (Goal(0.3, "Kafka", at_most=True),)),
                Metric("a heartbeat, p99", "ms", "p99"),
                Metric("the same from a process that only echoes, p50", "ms", "echo"),
            ),
        ),
        Case(
            "1,000 members",
            lambda _: groups.by_program("bench.members"),
            (
                Metric("1,000 members, 1,000 partitions: to settled", "heartbeats", "heartbeats", (at_most(2),)),
                Metric("the same: processor time", "s", "seconds", (at_most(2),)),
                Metric("the same, with heartbeats each 5 s", "of a core", "share", (at_most(0.1),)),
            ),
            once=True,
        ),
        Case(
            "memory of a group",
            lambda _: groups.by_program("bench.groups_at_rest"),
            (
                Metric("memory of a group of 10 members at rest, classic", "KiB", "classic", (at_most(20),)),
                Metric("memory of a group of 10 members at rest, consumer", "KiB", "consumer", (at_most(20),)),
            ),
            once=True,
        ),
    ]


def at_most(limit: float) -> Goal:
    """A goal for kstore alone."""
    return Goal(limit, at_most=True)


WARM_UP = Case("warm-up", lambda server: load.produce(server, 100, 50_000), ())
START = Case(
    "start",
    load.start_to_first_record,
    (Metric("process start to the first record acknowledged by all replicas", "s", "s", (Goal(0.4, at_most=True),)),),
)
IDLE_MEMORY = Metric("resident memory, idle", "MB", "idle", (Goal(80, at_most=True),))
LOADED_MEMORY = Metric("resident memory, after the produce loads", "MB", "loaded", (Goal(150, at_most=True),))
