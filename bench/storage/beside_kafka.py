"""Rows about many logs at a start, and about compaction, beside Apache Kafka's own classes on the same folders."""

from __future__ import annotations

import os
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path
from random import Random

from bench.peers.kafka import missing, tool
from bench.storage.batches import NOW_MS, sent, stamped
from bench.storage.logs import CONFIG, emptied
from bench.storage.pairs import Row, timed
from kstore.fs.posix import PosixFileSystem
from kstore.log import Log, LogConfig
from kstore.log.cleanable import cleanable
from kstore.log.cleaning import Cleaning
from kstore.log.offset_map import OffsetMap
from kstore.records import BatchBuilder, parse_batches

LOGS = Path(__file__).parent / "Logs.java"
PARTITIONS = 10_000
MAP_BYTES = 128 << 20
COMPACTED_BYTES = 64 << 20
SEGMENT_BYTES = 16 << 20
RECORD_BYTES = 100
RECORDS_A_BATCH = 150
KEYS_SHARE = 10


def partitions(folder: Path, _: int) -> Iterator[Row]:
    """Opened after a clean stop, one after the other, a record in each."""
    with emptied(folder / "many") as made:
        fs = PosixFileSystem(made)
        (batch,) = stamped(sent(100, 200), 1)
        for number in range(PARTITIONS):
            log = Log.open(fs, f"orders-{number}", CONFIG, now_ms=NOW_MS)
            log.append_as_follower([batch], NOW_MS)
            log.closing_work()  # without its syncs, which no start reads
            log.shut()
        os.sync()
        logs: list[Log] = []
        each = (Log.open(fs, f"orders-{number}", CONFIG, now_ms=NOW_MS, clean=True) for number in range(PARTITIONS))
        seconds = timed(lambda: logs.extend(each))
        for log in logs:
            log.shut()
        beside = "-"
        if not missing():
            folders = [made / f"orders-{number}" for number in range(PARTITIONS)]
            theirs = float(tool(str(LOGS), "open", *folders, timeout_s=600).split()[-1])
            beside = f"{theirs:.2f} s Kafka's classes"
        yield Row("10,000 cleanly closed partitions opened", f"{seconds:.2f} s", beside, seconds, " s", 3.0, True)


def fill(fs: PosixFileSystem, path: str) -> int:
    """A log of records of 100 B whose keys come again about ten times; its bytes."""
    config = LogConfig(segment_bytes=SEGMENT_BYTES, compacted=True, hot_tail_bytes=0)
    random, count = Random(1), COMPACTED_BYTES // RECORD_BYTES
    log = Log.open(fs, path, config, now_ms=NOW_MS)
    for first in range(0, count, RECORDS_A_BATCH):
        builder = BatchBuilder()
        for number in range(first, first + RECORDS_A_BATCH):
            builder.append(NOW_MS + number, b"key-%010d" % random.randrange(count // KEYS_SHARE), b"v" * 80)
        log.append_as_follower([parse_batches(builder.build())[0].stamped(log.end_offset, 0)], NOW_MS, verify=False)
    log.roll(NOW_MS)
    size = log.size_bytes
    log.close()
    return size


def clean(fs: PosixFileSystem, path: str) -> float:
    """The seconds that our cleaner takes."""
    config = LogConfig(segment_bytes=SEGMENT_BYTES, compacted=True, hot_tail_bytes=0)
    log = Log.open(fs, path, config, now_ms=NOW_MS, clean=True)
    log.advance_high_watermark(log.end_offset)
    cleaning = Cleaning(log, cleanable(log, None, NOW_MS), OffsetMap(MAP_BYTES), NOW_MS)

    def run() -> None:
        while cleaning.step(NOW_MS):
            pass

    seconds = timed(run)
    assert cleaning.failure is None, cleaning.failure
    log.shut()
    return seconds


def compaction(folder: Path, rounds: int) -> Iterator[Row]:
    """Each cleans copies of one log, in one process: Kafka's compiler has seen the code by the last ones."""
    with emptied(folder / "compacted") as made:
        size = fill(PosixFileSystem(made / "filled"), "orders-0")
        for number in range(rounds):
            for whose in ("ours", "theirs"):
                shutil.copytree(made / "filled" / "orders-0", made / f"{whose}-{number}" / "orders-0")
        os.sync()
        ours = [clean(PosixFileSystem(made / f"ours-{number}"), "orders-0") for number in range(rounds)]
        rate = size / 1e6 / statistics.median(ours)
        text = f"{rate:,.0f} MB/s"
        yield Row("compaction of records of 100 B, of its input", text, "-", rate, " MB/s", 200.0)
        if missing():
            return
        folders = [made / f"theirs-{number}" / "orders-0" for number in range(rounds)]
        printed = tool(str(LOGS), "clean", str(MAP_BYTES), str(SEGMENT_BYTES), *folders, timeout_s=600)
        best = min(map(float, printed.split()))
        figure = best / statistics.median(ours)
        beside = f"{size / 1e6 / best:,.0f} MB/s Kafka's cleaner, its best"
        yield Row("the same beside Kafka's cleaner on the same folder", text, beside, figure, "x", 2.0)
