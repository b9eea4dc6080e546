"""Two logs that Apache Kafka 4.4.0 compacted: they are opened as they are, and answer what Kafka's own consumer asked.

``golden/make_compacted.py`` made them. Their first segment was emptied but for transactions; in one the tombstones and
markers are gone, in the other they stay for a day.
"""

from pathlib import Path

import pytest
from log.asked import answers, by_topic
from log.compacted import compact, kept, last_values

from kstore.fs import FileSystem
from kstore.log import Log, LogConfig, checkpoints

KAFKA = Path(__file__).parent / "golden" / "kafka-4.4.0-compacted"
ASKED = by_topic((KAFKA / "answers.txt").read_text().splitlines())
NOW_MS = 1_800_000_000_000
DAY_MS = 24 * 3600 * 1000


@pytest.fixture(params=["compacted", "compacted-later"])
def topic(request: pytest.FixtureRequest, fs: FileSystem) -> str:
    """A topic whose log's folder is there."""
    name = str(request.param)
    fs.mkdir(f"{name}-0")
    for path in sorted((KAFKA / f"{name}-0").iterdir()):
        fs.replace(f"{name}-0/{path.name}", path.read_bytes())
    fs.replace(checkpoints.CLEANER_OFFSETS, (KAFKA / checkpoints.CLEANER_OFFSETS).read_bytes())
    return name


def opened(fs: FileSystem, topic: str, *, clean: bool = True, compacted: bool = True) -> Log:
    config = LogConfig(
        segment_bytes=1000,
        index_interval_bytes=100,
        compacted=compacted,
        delete_retention_ms=DAY_MS,
        producer_id_expiration_ms=1 << 60,
    )
    return Log.open(fs, f"{topic}-0", config, now_ms=NOW_MS, clean=clean)


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("compacted", [True, False])
def test_the_log_answers_as_kafka_has_answered(fs: FileSystem, topic: str, clean: bool, compacted: bool) -> None:
    """Also when the topic isn't compacted any more."""
    log = opened(fs, topic, clean=clean, compacted=compacted)
    assert log.recovery.cut_bytes == log.recovery.rebuilt_indexes == 0
    assert answers(log, ASKED[topic]) == ASKED[topic]
    for batch in log.batches(log.start_offset):
        batch.verify_crc()


def test_indexes_that_are_gone_are_made_anew(fs: FileSystem, topic: str) -> None:
    for name in fs.listdir(f"{topic}-0"):
        if name.endswith("index"):
            fs.unlink(f"{topic}-0/{name}")
    log = opened(fs, topic, clean=False)
    assert answers(log, ASKED[topic]) == ASKED[topic]


def test_our_cleaner_goes_on_where_kafkas_has_stopped(fs: FileSystem, topic: str) -> None:
    """What a reader has at the end stays the same, and with it where the log ends."""
    log = opened(fs, topic)
    log.advance_high_watermark(log.end_offset)
    before, end_offset = last_values(kept(log)), log.end_offset
    cleaned_to = checkpoints.read_offsets(fs, checkpoints.CLEANER_OFFSETS)[topic, 0]
    assert cleaned_to == log.segments.active.base_offset
    log.roll(NOW_MS)
    compact(log, first_dirty=cleaned_to, now_ms=NOW_MS)
    for _ in range(2):  # the second time what stayed for a day goes
        compact(log, first_dirty=0, now_ms=NOW_MS + 2 * DAY_MS)
    assert last_values(kept(log)) == before
    assert log.end_offset == end_offset
    log.close()
    log = opened(fs, topic)
    log.advance_high_watermark(log.end_offset)
    assert last_values(kept(log)) == before
