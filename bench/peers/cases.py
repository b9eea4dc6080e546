"""What is measured, and what kstore has set out to reach: the table behind ``docs/benchmarks.md``."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.peers import load
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
    name: str
    measure: Callable[[Server], dict[str, float]]
    metrics: tuple[Metric, ...]
    fills_memory: bool = False


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


WARM_UP = Case("warm-up", lambda server: load.produce(server, 100, 50_000), ())
START = Case(
    "start",
    load.start_to_first_record,
    (Metric("process start to the first record acknowledged by all replicas", "s", "s", (Goal(0.4, at_most=True),)),),
)
IDLE_MEMORY = Metric("resident memory, idle", "MB", "idle", (Goal(80, at_most=True),))
LOADED_MEMORY = Metric("resident memory, after the produce loads", "MB", "loaded", (Goal(150, at_most=True),))
