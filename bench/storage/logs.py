"""Rows about one log: appends, reads, recovery, look-ups in an index, and what a log costs that nobody uses."""

from __future__ import annotations

import gc
import os
import shutil
import statistics
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from bench.storage.batches import NOW_MS, sent, stamped
from bench.storage.pairs import Row, in_turns, share, timed
from kstore.codec import crc32c
from kstore.fs import FileSlice, MemoryFileSystem
from kstore.fs.posix import PosixFileSystem
from kstore.log import Log, LogConfig
from kstore.log.indexes import OffsetIndex
from kstore.records import parse_batches

MIB = 1 << 20
LOG_BYTES = 64 * MIB
CONFIG = LogConfig(max_message_bytes=2 * MIB)
APPEND_GOALS = {1000: 0.8, 100: 0.65}
ENTRIES = 10_000
MANY = 1_000_000
IDLE_LOGS = 2_000
KIB = 1024


@contextmanager
def emptied(folder: Path) -> Iterator[Path]:
    """A folder that is there for a block."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def append(folder: Path, rounds: int) -> Iterator[Row]:
    """Parsed, validated, stamped, written, indexed; beside it a plain write of the same bytes."""
    for record_bytes, goal in APPEND_GOALS.items():
        data = sent(record_bytes, MIB)
        count = LOG_BYTES // len(data)

        def ours(data: bytes = data, count: int = count) -> float:
            with emptied(folder / "log") as made:
                log = Log.open(PosixFileSystem(made), "orders-0", CONFIG, now_ms=NOW_MS)
                return timed(lambda: [log.append_as_leader([parse_batches(data)], 0, NOW_MS) for _ in range(count)])

        def write(data: bytes = data, count: int = count) -> float:
            with emptied(folder / "file") as made:
                descriptor = os.open(made / "file", os.O_CREAT | os.O_RDWR)
                try:
                    return timed(lambda: [os.write(descriptor, data) for _ in range(count)])
                finally:
                    os.close(descriptor)

        what = f"batches of 1 MiB, of records of {record_bytes} B, validated and appended to the page cache"
        yield share(what, "`write()`", count * len(data), in_turns(ours, write, rounds), goal)


@contextmanager
def filled(folder: Path, batch_bytes: int) -> Iterator[tuple[PosixFileSystem, Path]]:
    """A log that was closed, and its one file."""
    data = sent(1000, batch_bytes)
    with emptied(folder / "filled") as made:
        fs = PosixFileSystem(made)
        log = Log.open(fs, "orders-0", CONFIG, now_ms=NOW_MS)
        for batch in stamped(data, LOG_BYTES // len(data)):
            log.append_as_follower([batch], NOW_MS, verify=False)
        log.close()
        yield fs, made / "orders-0" / f"{0:020d}.log"


def read_through(log: Log) -> None:
    offset = 0
    while offset < log.end_offset:
        found = log.read(offset, MIB)
        for chunk in found.chunks:
            assert isinstance(chunk, FileSlice)
            chunk.read(0, chunk.nbytes)
        offset = found.next_offset


def read(folder: Path, rounds: int) -> Iterator[Row]:
    """From one end to the other, a mebibyte at a time, out of the page cache."""
    with filled(folder, 16 * KIB) as (fs, path):
        size = path.stat().st_size
        log = Log.open(fs, "orders-0", CONFIG, now_ms=NOW_MS, clean=True)

        def pread() -> float:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                return timed(lambda: [os.pread(descriptor, MIB, at) for at in range(0, size, MIB)])
            finally:
                os.close(descriptor)

        def anew() -> float:
            fresh = Log.open(fs, "orders-0", CONFIG, now_ms=NOW_MS, clean=True)
            return timed(lambda: read_through(fresh))

        again = in_turns(lambda: timed(lambda: read_through(log)), pread, rounds)
        yield share("a log read through, batches of 16 KiB", "`pread`", size, again, 0.8)
        first = in_turns(anew, pread, rounds)
        yield share("the same for the first time since it was opened, checksums tested", "`pread`", size, first, None)


def recover(folder: Path, rounds: int) -> Iterator[Row]:
    """Opened after an unclean stop: every batch looked at, the indexes made anew."""
    with filled(folder, 16 * KIB) as (fs, path):
        size = path.stat().st_size

        def ours() -> float:
            for each in path.parent.glob("*index"):
                each.unlink()
            return timed(lambda: Log.open(fs, "orders-0", CONFIG, now_ms=NOW_MS))

        def summed() -> float:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                return timed(lambda: [crc32c(os.pread(descriptor, MIB, at)) for at in range(0, size, MIB)])
            finally:
                os.close(descriptor)

        seconds = in_turns(ours, summed, rounds)
        yield share("recovery of a log, indexes made anew", "read and CRC32C", size, seconds, 0.8)


def look_up(_: Path, rounds: int) -> Iterator[Row]:
    """In an index of 10,000 entries that is in its file, for offsets at random."""
    index = OffsetIndex(MemoryFileSystem(), "i", 0)
    for number in range(ENTRIES):
        index.append(10 * number + 9, 4096 * number)
    index.save()
    random = Random(1)
    offsets = [random.randrange(10 * ENTRIES) for _ in range(MANY)]

    def look() -> None:
        find = index.position_before
        for offset in offsets:
            find(offset)

    seconds = statistics.median(timed(look) for _ in range(max(1, rounds // 3)))
    one = f"{seconds / MANY * 1e6:.2f} us"
    yield Row("one look-up in an index of 10,000 entries", one, "-", seconds / MANY * 1e6, " us", 1.0, True)
    yield Row("a million look-ups, one after the other", f"{seconds:.2f} s", "-", seconds, " s", 0.1, True)


def idle(folder: Path, _: int) -> Iterator[Row]:
    """Logs with a record each, after a clean stop, in memory and descriptors of this process."""
    with emptied(folder / "idle") as made:
        fs = PosixFileSystem(made)
        (batch,) = stamped(sent(100, 200), 1)
        for number in range(IDLE_LOGS):
            log = Log.open(fs, f"orders-{number}", CONFIG, now_ms=NOW_MS)
            log.append_as_follower([batch], NOW_MS)
            log.close()
        fs.close()
        before = len(os.listdir("/proc/self/fd"))
        gc.collect()
        tracemalloc.start()
        logs = [Log.open(fs, f"orders-{number}", CONFIG, now_ms=NOW_MS, clean=True) for number in range(IDLE_LOGS)]
        gc.collect()
        held_kib = tracemalloc.get_traced_memory()[0] / IDLE_LOGS / KIB
        tracemalloc.stop()
        descriptors = (len(os.listdir("/proc/self/fd")) - before) / len(logs)
        yield Row("an open log that nobody uses, in memory", f"{held_kib:.2f} KiB", "-", held_kib, " KiB", 3.0, True)
        text = f"{descriptors:.2f}"
        yield Row("its descriptors, while others need none", text, "-", descriptors, "", None, True)
        fs.give_descriptors_back(len(logs) * 3)
        left = (len(os.listdir("/proc/self/fd")) - before) / len(logs)
        yield Row("its descriptors, once others needed them", f"{left:.3f}", "-", left, "", 0.1, True)
        for log in logs:
            log.shut()
