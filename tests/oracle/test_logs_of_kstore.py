"""Logs of every kind that kstore wrote: Apache Kafka's tool accepts each file of theirs.

Each has batches of every codec: as they were appended; with transactions; compacted, with and without transactions;
recovered after a crash that tore the end and took the indexes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from log.batching import NOW_MS, append, batch
from log.compacted import DAY_MS, compact, end_transaction, keyed

from bench.peers.kafka import tool
from kstore.fs.posix import PosixFileSystem
from kstore.log import Log, LogConfig

DUMP = "org.apache.kafka.tools.DumpLogSegments"
PATH = "orders-0"
CODECS = range(5)
COMPLAINTS = re.compile(r"(?i)isvalid: false|mismatch|non-consecutive|corrupt|exception|out of order|found timestamp")


def config(**changes: Any) -> LogConfig:
    return LogConfig(segment_bytes=3000, index_interval_bytes=200, hot_tail_bytes=0, **changes)


def opened(folder: Path, *, clean: bool = True, **changes: Any) -> Log:
    return Log.open(PosixFileSystem(folder), PATH, config(**changes), now_ms=NOW_MS, clean=clean)


def write_plain(log: Log) -> None:
    """Five batches of each codec in turn, of producers with and without an id, under two leader epochs."""
    for number in range(50):
        producer = 7 if number % 2 else -1
        each = batch(
            4,
            size=number * 3,
            producer=producer,
            sequence=number // 2 * 4,
            timestamp=NOW_MS + 10 * number,
            compression=number % 5,
        )
        append(log, each, leader_epoch=number // 25)


def write_keyed(log: Log, *, first: int = 0) -> None:
    """The same few keys again and again, some deleted."""
    for number in range(first, first + 60):
        pairs = [
            (b"key-%d" % ((number * 3 + i) % 29), None if (number + i) % 11 == 0 else b"%d" % number * 9)
            for i in range(4)
        ]
        append(log, keyed(*pairs, timestamp=NOW_MS + number, compression=number % 5))


def write_transactions(log: Log) -> None:
    """Two producers at once; every third transaction is aborted."""
    for turn in range(30):
        for producer in (8, 9):
            pairs = [(b"key-%d" % ((turn + i) % 7), b"%d-%d" % (producer, turn)) for i in range(3)]
            fields: dict[str, Any] = {"producer": producer, "sequence": 3 * turn, "transactional": True}
            append(log, keyed(*pairs, timestamp=NOW_MS + turn, compression=turn % 5, **fields))
        for producer in (9, 8):
            end_transaction(log, producer, commits=(turn + producer) % 3 != 0, timestamp=NOW_MS + turn)


def written(folder: Path) -> Log:
    log = opened(folder)
    write_plain(log)
    return log


def with_transactions(folder: Path) -> Log:
    log = opened(folder)
    write_transactions(log)
    return log


def compacted(folder: Path, *writes: Callable[[Log], None]) -> Log:
    """Compacted twice, so that tombstones and markers have delete horizons, and some are gone."""
    log = opened(folder, compacted=True, delete_retention_ms=DAY_MS)
    first_dirty = None
    for turn in range(3):
        for write in writes or (write_keyed,):
            write(log)
        log.roll(NOW_MS)
        log.advance_high_watermark(log.end_offset)
        first_dirty = compact(log, first_dirty=first_dirty, now_ms=NOW_MS + turn * DAY_MS).cleaned_to
    return log


def compacted_with_transactions(folder: Path) -> Log:
    log = opened(folder, compacted=True, delete_retention_ms=DAY_MS)
    write_keyed(log)
    write_transactions(log)
    log.roll(NOW_MS)
    log.advance_high_watermark(log.end_offset)
    first_dirty = compact(log, now_ms=NOW_MS).cleaned_to
    write_keyed(log, first=60)
    log.roll(NOW_MS)
    log.advance_high_watermark(log.end_offset)
    compact(log, first_dirty=first_dirty, now_ms=NOW_MS + DAY_MS)
    return log


def recovered(folder: Path) -> Log:
    """A process ended in the middle of an append; of the indexes some are gone, some torn, one is of another log."""
    log = opened(folder)
    write_transactions(log)
    write_plain(log)
    log.close()
    files = sorted((folder / PATH).glob("*.log"))
    files[-1].write_bytes(files[-1].read_bytes()[:-17])
    for number, path in enumerate(sorted((folder / PATH).glob("*index"))):
        match number % 4:
            case 0:
                path.unlink()
            case 1:
                path.write_bytes(path.read_bytes()[:-3])
            case 2:
                path.write_bytes(bytes(len(path.read_bytes())))
    for path in (folder / PATH).glob("*.snapshot"):
        path.write_bytes(b"\0\1torn")
    log = opened(folder, clean=False)
    assert log.recovery.cut_bytes > 0
    assert log.recovery.walked_segments > 1
    write_plain_again(log)
    return log


def write_plain_again(log: Log) -> None:
    for number in range(10):
        append(log, batch(2, timestamp=NOW_MS + 1000 + number, compression=number % 5), leader_epoch=2)


@pytest.mark.parametrize(
    "write",
    [written, with_transactions, compacted, compacted_with_transactions, recovered],
    ids=lambda write: write.__name__,
)
def test_kafkas_tool_accepts_every_file(kafka_jars: Path, tmp_path: Path, write: Callable[[Path], Log]) -> None:
    log = write(tmp_path)
    expected = {each.base_offset: each for segment in log.segments for each in segment.batches(0)}
    aborted = sum(len(segment.aborted) for segment in log.segments if segment.aborted is not None)
    assert {each.compression for each in expected.values()} == set(CODECS)
    log.close()

    def files(pattern: str) -> str:
        found = sorted((tmp_path / PATH).glob(pattern))
        assert found, pattern
        return ",".join(map(str, found))

    printed = tool(DUMP, "--deep-iteration", "--print-data-log", "--files", files("*.log"))
    assert not COMPLAINTS.search(printed), printed
    offsets = [int(each) for each in re.findall(r"^baseOffset: (\d+)", printed, re.M)]
    assert offsets == sorted(expected)
    assert printed.count("isvalid: true") == len(expected)
    records = len(re.findall(r"^\| offset: ", printed, re.M))
    assert records == sum(each.count for each in expected.values())
    for check in ("--index-sanity-check", "--verify-index-only"):
        names = f"{files('*.index')},{files('*.timeindex')}"
        said = tool(DUMP, check, "--files", names)
        assert not COMPLAINTS.search(said), said
        if check == "--index-sanity-check":
            assert len(re.findall(r"passed sanity check|is empty", said)) == names.count(",") + 1
    if aborted:
        assert tool(DUMP, "--files", files("*.txnindex")).count("producerId: ") == aborted
    snapshots = tool(DUMP, "--files", files("*.snapshot"))
    assert not COMPLAINTS.search(snapshots), snapshots
