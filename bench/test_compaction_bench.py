"""What compaction does with a log in a second: megabytes of uncompressed records of 100 bytes, read and thinned out.

The whole of it counts: both passes, reads and writes of the page cache, syncs, indexes, the replacement. A log has
32 MB, in segments of 8 MB; its keys come at random, each about ten times, so a tenth of the records is left.
"""

from pathlib import Path
from random import Random

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from kstore.fs import FileSystem, MemoryFileSystem
from kstore.fs.posix import PosixFileSystem
from kstore.log import Log, LogConfig
from kstore.log.cleanable import cleanable
from kstore.log.cleaning import Cleaning
from kstore.log.offset_map import OffsetMap
from kstore.records import BatchBuilder, parse_batches

NOW_MS = 1_700_000_000_000
LOG_BYTES = 32 << 20
RECORD_BYTES = 100
CONFIG = LogConfig(segment_bytes=8 << 20, compacted=True, hot_tail_bytes=0)
GOAL_MB = 200.0


def filled(fs: FileSystem, path: str, records_a_batch: int) -> Log:
    random, count = Random(1), LOG_BYTES // RECORD_BYTES
    log = Log.open(fs, path, CONFIG, now_ms=NOW_MS)
    for first in range(0, count, records_a_batch):
        builder = BatchBuilder()
        for number in range(first, first + records_a_batch):
            builder.append(NOW_MS + number, b"key-%010d" % random.randrange(count // 10), b"v" * 80)
        log.append_as_follower([parse_batches(builder.build())[0].stamped(log.end_offset, 0)], NOW_MS, verify=False)
    log.roll(NOW_MS)
    log.advance_high_watermark(log.end_offset)
    log.flush()
    return log


def compacted(log: Log, offsets: OffsetMap) -> None:
    cleaning = Cleaning(log, cleanable(log, None, NOW_MS), offsets, NOW_MS)
    while cleaning.step(NOW_MS):
        pass
    assert cleaning.failure is None
    assert cleaning.stats.records_kept < cleaning.stats.records_read / 5


@pytest.mark.parametrize("where", ["memory", "posix"])
@pytest.mark.parametrize("records_a_batch", [1000, 100, 1])
def test_compact_records_of_100_bytes(
    benchmark: BenchmarkFixture, tmp_path: Path, where: str, records_a_batch: int
) -> None:
    fs: FileSystem = MemoryFileSystem() if where == "memory" else PosixFileSystem(tmp_path)
    offsets = OffsetMap(128 << 20)
    logs = (filled(fs, f"orders-{number}", records_a_batch) for number in range(10))
    benchmark.extra_info.update(count=LOG_BYTES / 1e6, unit="MB", goal=GOAL_MB if records_a_batch > 1 else None)
    benchmark.pedantic(compacted, setup=lambda: ((next(logs), offsets), {}), rounds=3, iterations=1, warmup_rounds=1)
