"""Which part of a log may be compacted, and when."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from log.batching import NOW_MS
from log.compacted import begin, compact, config, end_transaction, kept, keyed, opened, put, roll

from kstore.errors import KafkaStorageError
from kstore.fs import MemoryFileSystem
from kstore.fs.faulty import FaultyFileSystem
from kstore.log import Log, LogConfig
from kstore.log.checkpoints import CLEANER_OFFSETS, read_offsets, write_offsets
from kstore.log.cleanable import GROUP_SEGMENTS_MAX, cleanable, grouped


@pytest.fixture
def log() -> Iterator[Log]:
    """Four records a segment, of which the last is active."""
    log = opened(MemoryFileSystem(), segment_bytes=10_000)
    for number in range(16):
        put(log, (b"k", b"%d" % number), timestamp=NOW_MS + 1000 * number)
        if number % 4 == 3 and number < 15:
            log.roll(NOW_MS)
    log.advance_high_watermark(log.end_offset)
    yield log
    log.close()


def up_to(log: Log, now_ms: int = NOW_MS + 10**9) -> int:
    return cleanable(log, 0, now_ms).first_uncleanable_offset


def test_the_active_segment_is_never_cleaned(log: Log) -> None:
    assert log.segments.base_offsets == [0, 4, 8, 12]
    assert up_to(log) == 12
    assert compact(log).cleaned_to == 12
    assert [offset for offset, _, _ in kept(log)] == [11, 12, 13, 14, 15]


@pytest.mark.parametrize(("high_watermark", "expected"), [(0, 0), (7, 4), (8, 8), (11, 8), (16, 12)])
def test_nothing_at_the_high_watermark_or_beyond_is_cleaned(log: Log, high_watermark: int, expected: int) -> None:
    log.advance_high_watermark(high_watermark)
    assert up_to(log) == expected
    assert compact(log).cleaned_to == expected
    assert {offset for offset, _, _ in kept(log)} >= set(range(expected, 16))


def test_nothing_at_the_last_stable_offset_or_beyond_is_cleaned() -> None:
    log = opened(MemoryFileSystem(), segment_bytes=10_000)
    put(log, (b"k", b"1"))
    put(log, (b"k", b"2"))
    log.roll(NOW_MS)
    put(log, (b"k", b"3"), producer=5, transactional=True)
    put(log, (b"k", b"4"))
    roll(log)
    assert log.last_stable_offset == 2
    assert compact(log).cleaned_to == 2
    assert [value for _, _, value in kept(log)] == [b"2", b"3", b"4"]
    end_transaction(log, 5, commits=False)
    roll(log)
    assert compact(log, first_dirty=2).cleaned_to == 5
    assert [value for _, _, value in kept(log)] == [b"4"]


def test_records_younger_than_the_least_lag_are_left_alone_and_all_behind_them(log: Log) -> None:
    log.config = LogConfig(min_compaction_lag_ms=10_000, compacted=True)
    newest = [NOW_MS + 3000, NOW_MS + 7000, NOW_MS + 11_000]
    for number, timestamp in enumerate(newest):
        assert up_to(log, timestamp + 9_999) == 4 * number
        assert up_to(log, timestamp + 10_000) == 4 * number + 4


def test_a_log_is_due_once_more_of_it_is_dirty_than_the_least_ratio(log: Log) -> None:
    segment_bytes = [each.size_bytes for each in log.segments]
    found = cleanable(log, 8, NOW_MS)
    assert (found.clean_bytes, found.cleanable_bytes) == (sum(segment_bytes[:2]), segment_bytes[2])
    assert found.dirty_ratio == segment_bytes[2] / sum(segment_bytes[:3])
    assert not found.is_due(config())
    assert found.is_due(config(min_cleanable_dirty_ratio=0.2))
    assert not cleanable(log, 4, NOW_MS).is_due(config(min_cleanable_dirty_ratio=0.9))
    assert cleanable(log, 0, NOW_MS).is_due(config(min_cleanable_dirty_ratio=0.9))
    assert not cleanable(log, 12, NOW_MS).is_due(config(min_cleanable_dirty_ratio=0.0)), "nothing is dirty"


def test_a_log_is_overdue_once_its_oldest_dirty_record_has_waited_longest(log: Log) -> None:
    log.config = LogConfig(max_compaction_lag_ms=50_000, compacted=True)
    oldest = NOW_MS + 8000  # the first of the third segment
    assert not cleanable(log, 8, oldest + 50_000).is_overdue
    overdue = cleanable(log, 8, oldest + 50_001)
    assert overdue.is_overdue
    assert overdue.is_due(config(min_cleanable_dirty_ratio=1.0))
    assert not cleanable(log, 12, oldest + 10**9).is_due(config(min_cleanable_dirty_ratio=1.0)), "nothing is dirty"


@pytest.mark.parametrize(("checkpoint", "expected"), [(None, 4), (3, 4), (4, 4), (9, 9), (16, 16), (17, 4)])
def test_a_checkpoint_that_can_t_be_is_reset_to_the_log_s_start(
    log: Log, checkpoint: int | None, expected: int
) -> None:
    log.advance_start_offset(4)
    found = cleanable(log, checkpoint, NOW_MS)
    assert found.first_dirty_offset == expected


def test_a_checkpoint_behind_the_last_stable_offset_leaves_all_beyond_it_alone(log: Log) -> None:
    log.advance_high_watermark(6)
    before = kept(log)
    cleaning = compact(log, first_dirty=10)
    assert kept(log)[-12:] == before[-12:]
    assert cleaning.stats.records_read == 4


def test_the_first_dirty_offset_stands_in_kafka_s_checkpoint(log: Log) -> None:
    cleaned_to = compact(log).cleaned_to
    assert cleaned_to is not None
    write_offsets(log.fs, CLEANER_OFFSETS, {("orders", 0): cleaned_to})
    assert log.fs.read_bytes("cleaner-offset-checkpoint") == b"0\n1\norders 0 12\n"
    assert read_offsets(log.fs, CLEANER_OFFSETS) == {("orders", 0): 12}


def test_a_log_whose_disk_fails_can_t_say_what_is_overdue() -> None:
    faulty = FaultyFileSystem(MemoryFileSystem())
    log = opened(faulty, max_compaction_lag_ms=1)
    put(log, (b"k", b"1"))
    roll(log)
    faulty.fail("read", "*.log")
    with pytest.raises(KafkaStorageError):
        cleanable(log, None, NOW_MS)


def test_segments_are_grouped_up_to_the_size_of_one(log: Log) -> None:
    segments = list(log.segments)[:3]
    sizes = [each.size_bytes for each in segments]

    def found(**changes: int) -> list[list[int]]:
        return [[each.base_offset for each in group] for group in grouped(segments, config(**changes), 12)]

    assert found(segment_bytes=sum(sizes)) == [[0, 4, 8]]
    assert found(segment_bytes=sum(sizes) - 1) == [[0, 4], [8]]
    assert found(segment_bytes=sizes[0] - 1) == [[0], [4], [8]]
    for index in ("offset_index", "time_index"):
        pair, whole = (sum(getattr(each, index).size_bytes for each in segments[:count]) for count in (2, 3))
        assert pair < whole
    assert found(segment_bytes=10**6, segment_index_bytes=pair) == [[0, 4], [8]]
    assert found(segment_bytes=10**6, segment_index_bytes=whole) == [[0, 4, 8]]


def test_a_group_has_no_more_offsets_than_an_index_can_count() -> None:
    log = opened(MemoryFileSystem(), segment_bytes=10_000)
    for offset in (0, 2**31 - 1, 2**31 + 5):
        log.append_as_follower([keyed((b"%d" % offset, b"v")).stamped(offset, 0)], NOW_MS)
        log.roll(NOW_MS)
    bases = [[each.base_offset for each in group] for group in grouped(list(log.segments)[:3], log.config, 2**31 + 6)]
    assert bases == [[0, 1], [2**31]]


def test_so_many_segments_become_one_at_most() -> None:
    log = opened(MemoryFileSystem(), segment_bytes=100_000)
    for number in range(GROUP_SEGMENTS_MAX + 5):
        put(log, (b"%d" % number, b"v"))
        roll(log)
    cleaning = compact(log)
    assert (cleaning.stats.segments_before, cleaning.stats.segments_after) == (GROUP_SEGMENTS_MAX + 5, 2)


def test_a_cleaning_takes_a_topic_s_settings_by_kafka_s_names() -> None:
    found = LogConfig.from_topic(
        {
            "cleanup.policy": "compact",
            "delete.retention.ms": "5",
            "min.compaction.lag.ms": "6",
            "max.compaction.lag.ms": "7",
            "min.cleanable.dirty.ratio": "0.25",
        }
    )
    assert found.compacted
    assert (found.delete_retention_ms, found.min_compaction_lag_ms, found.max_compaction_lag_ms) == (5, 6, 7)
    assert found.min_cleanable_dirty_ratio == 0.25
    assert begin(opened(MemoryFileSystem())).stats.keys == 0
