"""What an append and a read cost: a batch of one record of 100 bytes, on both file systems.

The append is the leader's whole path: validation, producer state, stamping, the write into the page cache, indexes
and hot tail.
"""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from kstore.fs import FileSystem, MemoryFileSystem
from kstore.fs.posix import PosixFileSystem
from kstore.log import Log, LogConfig
from kstore.records import BatchBuilder, RecordBatch, parse_batches

NOW_MS = 1_700_000_000_000
ROUNDS = {"rounds": 50, "iterations": 200, "warmup_rounds": 3}
FEW_ROUNDS = {"rounds": 50, "iterations": 10, "warmup_rounds": 3}


def batch(size: int = 100, *, producer: int = -1, sequence: int = -1) -> RecordBatch:
    builder = BatchBuilder(producer_id=producer, producer_epoch=0 if producer >= 0 else -1, base_sequence=sequence)
    builder.append(NOW_MS, None, b"v" * size)
    return parse_batches(builder.build())[0]


@pytest.fixture(params=["memory", "posix"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    fs: FileSystem = MemoryFileSystem() if request.param == "memory" else PosixFileSystem(tmp_path)
    log = Log.open(fs, "orders-0", LogConfig(), now_ms=NOW_MS)
    yield log
    log.close()


def filled(log: Log, batches: int = 20_000) -> Log:
    for _ in range(batches // 100):
        log.append_as_leader([[batch()] for _ in range(100)], 0, NOW_MS)
    return log


def test_append_one_batch(benchmark: BenchmarkFixture, log: Log) -> None:
    group = [[batch()]]
    benchmark.pedantic(lambda: log.append_as_leader(group, 0, NOW_MS), **ROUNDS)


def test_append_one_batch_of_an_idempotent_producer(benchmark: BenchmarkFixture, log: Log) -> None:
    prepared = iter([[[batch(producer=9, sequence=n)]] for n in range(60 * 200)])
    benchmark.pedantic(lambda: log.append_as_leader(next(prepared), 0, NOW_MS), **ROUNDS)


def test_append_a_group_of_32(benchmark: BenchmarkFixture, log: Log) -> None:
    groups = [[batch()] for _ in range(32)]
    benchmark.pedantic(lambda: log.append_as_leader(groups, 0, NOW_MS), **FEW_ROUNDS)


def test_append_100_kilobytes(benchmark: BenchmarkFixture, log: Log) -> None:
    group = [[batch(100_000)]]
    benchmark.pedantic(lambda: log.append_as_leader(group, 0, NOW_MS), **FEW_ROUNDS)


def test_append_as_follower(benchmark: BenchmarkFixture, log: Log) -> None:
    numbers = count()
    prepared = [batch().stamped(n, 0) for n in range(60 * 200)]

    def follow() -> None:
        log.append_as_follower([prepared[next(numbers)]], NOW_MS, verify=False)

    benchmark.pedantic(follow, **ROUNDS)


def reading(log: Log, offset: int, max_bytes: int) -> Callable[[], object]:
    return lambda: log.read(offset, max_bytes).chunks


def test_read_the_last_batch_hot(benchmark: BenchmarkFixture, log: Log) -> None:
    benchmark.pedantic(reading(filled(log), 19_999, 1 << 20), **ROUNDS)


def test_read_the_last_batch_from_the_file(benchmark: BenchmarkFixture, log: Log) -> None:
    filled(log).hot.clear()
    benchmark.pedantic(reading(log, 19_999, 1 << 20), **ROUNDS)


def test_find_a_megabyte_in_the_file(benchmark: BenchmarkFixture, log: Log) -> None:
    filled(log).hot.clear()
    benchmark.pedantic(reading(log, 1234, 1 << 20), **FEW_ROUNDS)


def test_open_after_a_crash(benchmark: BenchmarkFixture, log: Log) -> None:
    filled(log)
    benchmark.pedantic(
        lambda: Log.open(log.fs, log.path, log.config, now_ms=NOW_MS), rounds=10, iterations=1, warmup_rounds=1
    )
