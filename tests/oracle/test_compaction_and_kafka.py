"""Apache Kafka's own cleaner keeps of the same folder the same batches, and its tool accepts what ours has left."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from random import Random

import pytest
from log.batching import NOW_MS
from log.compacted import DAY_MS, PATH, batches, compact, config
from log.test_compaction_model import Writer
from model.compaction_model import Kept

from bench.peers.kafka import tool
from kstore.fs.posix import PosixFileSystem
from kstore.log import Log
from kstore.log.cleanable import cleanable

CLEAN = Path(__file__).parent / "cleaner" / "Clean.java"
DUMP = "org.apache.kafka.tools.DumpLogSegments"
LOGS = 25
BUFFER_BYTES = 1 << 20
SETTINGS = {
    "cleanup.policy": "compact",
    "segment.bytes": str(1 << 20),
    "index.interval.bytes": "100",
    "delete.retention.ms": str(DAY_MS),
}
CONFIG = config(segment_bytes=1 << 20, delete_retention_ms=DAY_MS)


class Compacted:
    """One log, in two folders: ours cleans one, Kafka's cleaner the other."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.ours, self.theirs = folder / "ours", folder / "theirs"
        self.fs = PosixFileSystem(self.ours)
        self.log = Log.open(self.fs, PATH, CONFIG, now_ms=NOW_MS)
        self.writer = Writer(self.log, Random(seed))
        self.first_dirty: int | None = None
        self.cleaned_to = 0
        self.high_watermark = 0

    def write(self) -> list[str]:
        """Write on; what Kafka's cleaner is to be told of the copy."""
        self.writer.write_some()
        self.high_watermark = self.log.high_watermark
        self.log.close()
        shutil.rmtree(self.theirs, ignore_errors=True)
        shutil.copytree(self.ours, self.theirs)
        self.log = self.opened(self.ours)
        return [str(self.theirs / PATH), str(self.first_dirty or 0), str(self.high_watermark)]

    def opened(self, folder: Path) -> Log:
        fs = PosixFileSystem(folder)
        return Log.open(fs, PATH, CONFIG, now_ms=NOW_MS, clean=True, high_watermark=self.high_watermark)

    def compact(self, now_ms: int) -> None:
        self.log.producers.expire(now_ms, CONFIG.producer_id_expiration_ms)  # as Kafka's does as it opens the log
        if cleanable(self.log, self.first_dirty, now_ms).cleanable_bytes:  # as Kafka's: else there is nothing new
            self.first_dirty = compact(self.log, first_dirty=self.first_dirty, now_ms=now_ms).cleaned_to
        self.writer.log = self.log

    def go_on_with_theirs(self) -> None:
        """From here on both clean what Kafka's cleaner has left; before, what ours has."""
        shutil.rmtree(self.ours)
        shutil.copytree(self.theirs, self.ours)
        self.log = self.writer.log = self.opened(self.ours)


def indexes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / PATH).glob("*.txnindex")) if path.stat().st_size}


@pytest.mark.parametrize("days", [0, 1])
def test_kafkas_cleaner_keeps_the_same_batches_of_random_logs(
    kafka_jars: Path, tmp_path: Path, seed: int, days: int
) -> None:
    logs = [Compacted(tmp_path / str(number), seed + number) for number in range(LOGS)]
    settings = ",".join(f"{name}={value}" for name, value in SETTINGS.items())
    compared = 0
    for turn in range(4):
        now_ms = max(each.writer.now_ms for each in logs) + days * turn * DAY_MS
        told = [argument for each in logs for argument in each.write()]
        now_ms = max(now_ms, *(each.writer.now_ms for each in logs))
        cleaned_to = tool(str(CLEAN), str(now_ms), str(BUFFER_BYTES), settings, *told).split()
        for each, offset in zip(logs, cleaned_to, strict=True):
            each.compact(now_ms)
            theirs = each.opened(each.theirs)
            found, expected = batches(each.log), batches(theirs)
            assert [Kept.of(batch) for batch in found] == [Kept.of(batch) for batch in expected]
            plain = [(a, b) for a, b in zip(found, expected, strict=True) if not a.compression]
            assert [a.to_bytes() for a, _ in plain] == [b.to_bytes() for _, b in plain]
            assert each.log.segments.base_offsets == theirs.segments.base_offsets
            assert int(offset) == (each.first_dirty or 0)
            for segment in each.log.segments:
                segment.close()
            assert indexes(each.ours) == indexes(each.theirs)
            compared += len(found)
            if turn % 2:
                each.go_on_with_theirs()
    assert compared > 500


def test_kafkas_tool_accepts_what_compaction_has_left(kafka_jars: Path, tmp_path: Path, seed: int) -> None:
    each = Compacted(tmp_path, seed)
    for turn in range(4):
        each.write()
        each.compact(each.writer.now_ms + turn * DAY_MS)
    each.log.close()
    files = sorted((tmp_path / "ours" / PATH).glob("*.log"))
    assert files
    for path in files:
        for file in (path, path.with_suffix(".index"), path.with_suffix(".timeindex")):
            dump = tool(DUMP, "--deep-iteration", "--print-data-log", "--files", str(file))
            assert not re.search(r"(?i)isvalid: false|mismatch|non-consecutive|corrupt|exception", dump), dump
