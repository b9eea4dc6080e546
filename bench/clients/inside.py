"""What a cluster and its clients do in one process, measured in a fresh one: ``python -m bench.clients.inside NAME``.

Prints one figure. Rates are of 100-byte values; a record counts when it is acknowledged, or delivered.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

VALUE = bytes(range(100))
BATCH_BYTES = 128 * 1024
RECORDS = 500_000
FILLED = 1_000_000
PATIENCE_S = 120


def _cluster(brokers: int = 1) -> Any:
    from kstore import Cluster

    cluster = Cluster(brokers)
    cluster.create_topic("bench", replication_factor=brokers)
    return cluster


def send(batch_size: int) -> float:
    """Records a second: ``send`` one by one, acks=all, one replica, to the last acknowledgement."""
    with _cluster() as cluster, cluster.producer(batch_size=batch_size) as producer:
        producer.send("bench", VALUE).get(timeout=PATIENCE_S)
        call = producer.send
        began = time.perf_counter()
        for _ in range(RECORDS):
            call("bench", VALUE)
        producer.flush()
        return RECORDS / (time.perf_counter() - began)


def send_many(columns: bool) -> float:
    """Records a second: one ``send_many`` of a list, or of a NumPy array."""
    values: Any = [VALUE] * RECORDS
    if columns:
        import numpy

        values = numpy.frombuffer(b"".join(values), dtype=numpy.uint8).reshape(RECORDS, len(VALUE))
    with _cluster() as cluster, cluster.producer(batch_size=BATCH_BYTES) as producer:
        producer.send("bench", VALUE).get(timeout=PATIENCE_S)
        began = time.perf_counter()
        producer.send_many("bench", values).get(timeout=PATIENCE_S)
        return RECORDS / (time.perf_counter() - began)


def _filled(cluster: Any) -> None:
    with cluster.producer(batch_size=BATCH_BYTES) as producer:
        producer.send_many("bench", [VALUE] * FILLED).get(timeout=PATIENCE_S)


def consume_objects() -> float:
    """Records a second: iterating over a consumer."""
    with _cluster() as cluster:
        _filled(cluster)
        with cluster.consumer("bench", auto_offset_reset="earliest") as consumer:
            next(consumer)
            began = time.perf_counter()
            for seen, _ in enumerate(consumer, 2):
                if seen == FILLED:
                    break
            return FILLED / (time.perf_counter() - began)


def consume_columns() -> float:
    """Records a second: ``poll_columns`` into NumPy arrays."""
    import numpy  # noqa: F401 - its import isn't what is measured

    with _cluster() as cluster:
        _filled(cluster)
        with cluster.consumer("bench", auto_offset_reset="earliest", max_poll_records=1_000_000) as consumer:
            first = sum(len(each) for each in consumer.poll_columns(timeout_ms=10_000).values())
            left = FILLED - first
            began = time.perf_counter()
            while left > 0:
                left -= sum(len(each) for each in consumer.poll_columns(timeout_ms=1000).values())
            return (FILLED - first) / (time.perf_counter() - began)


def send_and_get(brokers: int, quantile: float) -> float:
    """Microseconds: ``send().get()``, acks=all on as many replicas as brokers."""
    with _cluster(brokers) as cluster, cluster.producer() as producer:
        took = []
        for _ in range(5_000):
            began = time.perf_counter()
            producer.send("bench", VALUE).get(timeout=PATIENCE_S)
            took.append(time.perf_counter() - began)
    return statistics.quantiles(took[500:], n=1000)[round(quantile * 1000) - 1] * 1e6


def first_record(nth: int) -> float:
    """Milliseconds from ``Cluster(brokers=3)`` to the first record on three replicas, for a process's nth cluster."""
    import kstore

    kstore.Cluster, kstore.Producer  # noqa: B018 - the imports are measured elsewhere
    took = 0.0
    for _ in range(nth):
        began = time.perf_counter()
        cluster = kstore.Cluster(brokers=3)
        cluster.create_topic("bench", replication_factor=3)
        producer = cluster.producer(acks="all")
        producer.send("bench", VALUE).get(timeout=PATIENCE_S)
        took = time.perf_counter() - began
        producer.close()
        cluster.close()
    return took * 1e3


def reset() -> float:
    """Milliseconds: the median ``reset()`` of three brokers with a topic, some records and a group's offsets."""
    from kstore import Cluster

    took = []
    with Cluster(brokers=3) as cluster:
        for _ in range(20):
            cluster.create_topic("bench", partitions=3, replication_factor=3)
            with cluster.producer() as producer:
                producer.send("bench", VALUE).get(timeout=PATIENCE_S)
            began = time.perf_counter()
            cluster.reset()
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e3


def import_cluster() -> float:
    """Milliseconds: ``from kstore import Cluster`` in a fresh interpreter; the median of five."""
    program = "import time; t = time.perf_counter(); from kstore import Cluster; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", program], capture_output=True, check=True) for _ in range(5)]
    return statistics.median(float(run.stdout) for run in runs) * 1e3


def _resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


def many_partitions(what: str) -> float:
    """1,000 topics of 10 partitions, one replica, in memory: seconds to make, MB in all, % of a core when idle."""
    from kstore import Cluster, NewTopic

    with Cluster(1) as cluster, cluster.admin() as admin:
        began = time.perf_counter()
        for first in range(0, 1000, 100):
            admin.create_topics([NewTopic(f"topic-{number}", 10, 1) for number in range(first, first + 100)])
        cluster.wait_for(lambda: all(cluster.leader(f"topic-{number}", 9) == 1 for number in range(0, 1000, 100)))
        seconds = time.perf_counter() - began
        if what == "seconds":
            return seconds
        if what == "MB":
            return _resident_mb()
        time.sleep(2)
        before = time.process_time()
        time.sleep(10)
        return (time.process_time() - before) * 10


def trace_share() -> float:
    """% of the time of ``send`` that its trace rows take: rows written, times what a row takes by itself."""
    with _cluster() as cluster, cluster.producer(batch_size=16_384) as producer:
        producer.send("bench", VALUE).get(timeout=PATIENCE_S)
        recorder = cluster.world.recorder
        first = recorder.next_sequence
        began = time.perf_counter()
        for _ in range(RECORDS):
            producer.send("bench", VALUE)
        producer.flush()
        seconds = time.perf_counter() - began
        rows = recorder.next_sequence - first
        return 100 * rows * trace_row() * 1e-9 / seconds


def trace_row() -> float:
    """Nanoseconds: one row, written from Python twenty thousand times, less what the loop and the call take."""
    from actors.runtime.world import real_world

    world = real_world()
    note = world.recorder.note
    kind, count = world.recorder.intern("Row"), 20_000

    def timed(call: Callable[..., object]) -> float:
        began = time.perf_counter()
        for number in range(count):
            call(0, "Row", 0, "", number, -1)
        return time.perf_counter() - began

    def nothing(*args: object) -> int:
        return kind

    best = min(timed(note) for _ in range(25))
    empty = min(timed(nothing) for _ in range(25))
    world.driver.close()
    return max(0.0, best - empty) / count * 1e9


FIGURES: dict[str, Callable[[], float]] = {
    "send": lambda: send(16_384),
    "send large": lambda: send(BATCH_BYTES),
    "send_many list": lambda: send_many(columns=False),
    "send_many columns": lambda: send_many(columns=True),
    "consume objects": consume_objects,
    "consume columns": consume_columns,
    "get 1 p50": lambda: send_and_get(1, 0.5),
    "get 3 p50": lambda: send_and_get(3, 0.5),
    "get 3 p99": lambda: send_and_get(3, 0.99),
    "first record": lambda: first_record(1),
    "first record again": lambda: first_record(5),
    "reset": reset,
    "import": import_cluster,
    "partitions seconds": lambda: many_partitions("seconds"),
    "partitions MB": lambda: many_partitions("MB"),
    "partitions idle": lambda: many_partitions("idle"),
    "trace row": trace_row,
    "trace share": trace_share,
}


def main() -> int:
    print(FIGURES[sys.argv[1]]())
    return 0


if __name__ == "__main__":
    sys.exit(main())
