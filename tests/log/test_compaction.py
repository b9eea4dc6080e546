"""What a compacted log keeps of its records, its transactions and its producers."""

from __future__ import annotations

import pytest
from log.batching import NOW_MS, append, batch
from log.compacted import (
    DAY_MS,
    PATH,
    batches,
    begin,
    compact,
    end_transaction,
    kept,
    keyed,
    marker,
    opened,
    put,
    roll,
)

from kstore.fs import FileSystem, MemoryFileSystem
from kstore.log import Log
from kstore.log.names import TRANSACTION_INDEX
from kstore.records import BatchBuilder, parse_batches

HORIZON = 1 << 6
DAY_LATER = NOW_MS + DAY_MS


def values(log: Log) -> list[bytes | None]:
    return [value for _, _, value in kept(log)]


def test_of_each_key_the_last_value_is_kept_at_its_offset(fs: FileSystem) -> None:
    log = opened(fs)
    put(log, (b"a", b"1"), (b"b", b"2"), (b"a", b"3"))
    put(log, (b"c", b"4"), (b"b", b"5"))
    roll(log)
    put(log, (b"c", b"6"))  # in the active segment: of no weight yet
    compact(log)
    assert kept(log) == [(2, b"a", b"3"), (3, b"c", b"4"), (4, b"b", b"5"), (5, b"c", b"6")]
    log.close()
    assert kept(opened(fs)) == [(2, b"a", b"3"), (3, b"c", b"4"), (4, b"b", b"5"), (5, b"c", b"6")]


def test_a_value_in_the_clean_part_goes_when_a_dirty_one_replaces_it() -> None:
    log = opened(MemoryFileSystem())
    put(log, (b"a", b"1"), (b"b", b"2"))
    roll(log)
    first_dirty = compact(log).cleaned_to
    put(log, (b"a", b"3"))
    roll(log)
    cleaning = compact(log, first_dirty=first_dirty)
    assert values(log) == [b"2", b"3"]
    assert cleaning.stats.map_records_read == 1


def test_a_batch_of_which_all_is_kept_stays_byte_for_byte() -> None:
    log = opened(MemoryFileSystem())
    for codec in range(5):
        put(log, (b"%d" % codec, b"v" * 50), (b"%d'" % codec, b"w"), compression=codec)
    roll(log)
    before = [each.to_bytes() for each in batches(log)]
    compact(log)
    assert [each.to_bytes() for each in batches(log)] == before


@pytest.mark.parametrize("codec", range(5))
def test_a_batch_that_is_written_anew_keeps_its_codec_offsets_and_producer(codec: int) -> None:
    log = opened(MemoryFileSystem())
    put(log, (b"a", b"1"), (b"b", b"2"), (b"a", b"3"), producer=9, sequence=0, compression=codec)
    put(log, (b"b", b"4"), producer=9, sequence=3)
    roll(log)
    compact(log)
    (first, second) = batches(log)
    first.verify_crc()
    assert (first.base_offset, first.last_offset, first.count, first.compression) == (0, 2, 1, codec)
    assert (first.producer_id, first.producer_epoch, first.base_sequence, first.last_sequence) == (9, 0, 0, 2)
    (record,) = first.records()
    assert (record.offset, record.timestamp, record.value) == (2, NOW_MS + 2, b"3")
    assert (first.base_timestamp, first.max_timestamp) == (NOW_MS + 2, NOW_MS + 2)
    assert second.base_offset == 3


def test_headers_of_records_come_through(fs: FileSystem) -> None:
    log = opened(fs)
    builder = BatchBuilder()
    builder.append(NOW_MS, b"a", b"1", [("h", b"1")])
    builder.append(NOW_MS + 5, b"b", b"2", [("h", None), ("é", b"x" * 300)])
    append(log, parse_batches(builder.build())[0])
    put(log, (b"a", b"3"))
    roll(log)
    compact(log)
    (record,) = batches(log)[0].records()
    assert (record.timestamp, record.headers) == (NOW_MS + 5, (("h", None), ("é", b"x" * 300)))


def test_a_tombstone_stays_until_its_batch_s_delete_horizon() -> None:
    log = opened(MemoryFileSystem(), delete_retention_ms=DAY_MS)
    put(log, (b"a", b"1"), (b"b", b"2"))
    put(log, (b"a", None), (b"b", b"3"))
    roll(log)
    compact(log)
    (found,) = batches(log)
    assert found.attributes & HORIZON
    assert found.base_timestamp == DAY_LATER
    assert found.max_timestamp == NOW_MS + 1
    assert [record.timestamp for record in found.records()] == [NOW_MS, NOW_MS + 1]
    assert values(log) == [None, b"3"]
    compact(log, first_dirty=log.end_offset, now_ms=DAY_LATER - 1)
    assert values(log) == [None, b"3"], "and the horizon isn't set anew"
    compact(log, first_dirty=log.end_offset, now_ms=DAY_LATER)
    assert values(log) == [b"3"]


def test_a_tombstone_that_has_come_after_the_clean_part_removes_what_is_there() -> None:
    log = opened(MemoryFileSystem(), delete_retention_ms=0)
    put(log, (b"a", b"1"))
    roll(log)
    first_dirty = compact(log).cleaned_to
    put(log, (b"a", None))
    roll(log)
    first_dirty = compact(log, first_dirty=first_dirty).cleaned_to
    assert values(log) == [None], "the horizon is set by the first cleaning, and counts from the second"
    compact(log, first_dirty=first_dirty)
    assert values(log) == []


def test_records_without_a_key_go() -> None:
    log = opened(MemoryFileSystem())
    for offset, pairs in enumerate([((None, b"1"),), ((b"a", b"2"),)]):
        log.append_as_follower([keyed(*pairs).stamped(offset, 0)], NOW_MS)
    roll(log)
    cleaning = compact(log)
    assert kept(log) == [(1, b"a", b"2")]
    assert cleaning.stats.records_without_key == 1


def test_records_with_the_log_s_time_keep_it() -> None:
    log = opened(MemoryFileSystem(), message_timestamp_type=1)
    put(log, (b"a", b"1"), (b"b", b"2"), timestamp=NOW_MS + 7)
    put(log, (b"a", None), timestamp=NOW_MS + 9)
    roll(log)
    compact(log)
    assert [record.timestamp for each in batches(log) for record in each.records()] == [NOW_MS + 7, NOW_MS + 9]
    assert [each.timestamp_type for each in batches(log)] == [1, 1]


def test_a_map_that_is_full_cleans_up_to_where_it_went_and_goes_on_the_next_time() -> None:
    log = opened(MemoryFileSystem())
    for number in range(10):
        put(log, (b"%d" % (number % 5), b"%d" % number))
    roll(log)
    first_dirty, rounds = 0, 0
    while first_dirty < log.end_offset:
        found = compact(log, first_dirty=first_dirty, room=2)
        assert found.stats.keys == 2
        assert found.cleaned_to is not None
        assert found.cleaned_to > first_dirty
        first_dirty, rounds = found.cleaned_to, rounds + 1
    assert rounds == 5
    assert values(log) == [b"%d" % number for number in range(5, 10)]


def test_a_segment_of_which_nothing_is_left_is_clean_to_its_end() -> None:
    log = opened(MemoryFileSystem(), segment_bytes=100)
    for number in range(3):
        put(log, (b"a", b"%d" % number * 20))
        roll(log)
        compact(log, first_dirty=number)
    assert [(each.base_offset, each.size_bytes > 0) for each in log.segments] == [(0, False), (2, True), (3, False)]
    log.advance_high_watermark(2)
    assert compact(log).cleaned_to == 2
    assert log.read(0, 1000).next_offset == 3


def test_a_segment_of_which_nothing_is_left_doesn_t_keep_retention_from_those_behind_it() -> None:
    log = opened(MemoryFileSystem(), segment_bytes=100, retention_ms=1000)
    for number in range(4):
        put(log, (b"a", b"%d" % number * 20))
        roll(log)
    compact(log)
    assert [each.size_bytes > 0 for each in log.segments] == [False, False, False, True, False]
    assert log.expire(NOW_MS) is None
    expired = log.expire(NOW_MS + 1001)
    assert expired is not None
    assert (expired.new_start_offset, expired.segments, expired.reason) == (4, 4, "age")


class TestTransactions:
    def test_the_records_of_one_that_was_aborted_go_and_replace_nothing(self) -> None:
        log = opened(MemoryFileSystem())
        put(log, (b"a", b"1"))
        put(log, (b"a", b"2"), (b"b", b"3"), producer=5, transactional=True)
        end_transaction(log, 5, commits=False)
        put(log, (b"c", b"4"), producer=5, sequence=2)
        roll(log)
        compact(log)
        assert values(log) == [b"1", b"4"]

    @pytest.mark.parametrize("commits", [True, False])
    def test_a_marker_stays_while_a_record_is_there_and_then_until_its_horizon(self, commits: bool) -> None:
        log = opened(MemoryFileSystem(), delete_retention_ms=DAY_MS)
        put(log, (b"a", b"1"), producer=5, transactional=True)
        end_transaction(log, 5, commits=commits)
        put(log, (b"a", b"2"), producer=5, sequence=1)
        put(log, (b"z", b"end"))
        roll(log)
        compact(log)
        assert [each.is_control for each in batches(log)] == [True, False, False], "records went in this very cleaning"
        assert not batches(log)[0].attributes & HORIZON
        compact(log)
        assert batches(log)[0].attributes & HORIZON
        assert batches(log)[0].base_timestamp == DAY_LATER
        compact(log, now_ms=DAY_LATER - 1)
        assert batches(log)[0].is_control
        compact(log, now_ms=DAY_LATER)
        assert not any(each.is_control for each in batches(log))

    def test_the_index_of_aborted_ones_is_written_anew(self, fs: FileSystem) -> None:
        log = opened(fs, segment_bytes=10_000, delete_retention_ms=0)
        for sequence in range(3):
            put(log, (b"%d" % sequence, b"v"), producer=5, sequence=sequence, transactional=True)
            end_transaction(log, 5, commits=False)
            log.roll(NOW_MS)
        roll(log)
        compact(log)
        assert [each.first_offset for each in log.segments.aborted(0, 100)] == [0, 2, 4]
        assert sum(name.endswith(TRANSACTION_INDEX) for name in fs.listdir(PATH)) == 1
        log.close()
        log = opened(fs, delete_retention_ms=0)
        log.advance_high_watermark(log.end_offset)
        for _ in range(2):
            compact(log)
        assert [each.first_offset for each in log.segments.aborted(0, 100)] == [4], "its producer's last stands there"
        assert [(each.base_offset, each.is_control, each.count) for each in batches(log)] == [
            (4, False, 0),
            (5, True, 1),
        ]

    def test_one_that_begins_in_one_group_and_ends_in_the_next_is_known_in_both(self) -> None:
        log = opened(MemoryFileSystem(), segment_bytes=200)
        put(log, (b"a", b"0"))
        put(log, (b"a", b"1"), producer=5, transactional=True)
        put(log, (b"x" * 60, b"y" * 60))
        put(log, (b"a", b"2"), producer=5, sequence=1, transactional=True)
        end_transaction(log, 5, commits=False)
        put(log, (b"b", b"3"), producer=5, sequence=2)
        roll(log)
        assert compact(log).stats.segments_after > 1
        assert values(log) == [b"0", b"y" * 60, b"3"]
        assert log.read_committed(0, 10_000).size_bytes > 0


class TestProducers:
    def test_the_last_batch_of_each_stays_as_its_header(self, fs: FileSystem) -> None:
        log = opened(fs)
        put(log, (b"a", b"1"), (b"b", b"2"), producer=7, sequence=0)
        put(log, (b"a", b"3"), (b"b", b"4"), producer=8, sequence=0)
        put(log, (b"a", b"5"), (b"b", b"6"))
        roll(log)
        compact(log)
        heads = [(each.base_offset, each.last_offset, each.count, each.last_sequence) for each in batches(log)]
        assert heads == [(0, 1, 0, 1), (2, 3, 0, 1), (4, 5, 2, -1)]
        for name in fs.listdir(PATH):
            if name.endswith(".snapshot"):
                fs.unlink(f"{PATH}/{name}")
        log.shut()
        again = opened(fs)
        put(again, (b"c", b"7"), producer=7, sequence=2)
        assert append(again, keyed((b"c", b"7"), producer=7, sequence=2)).duplicate

    def test_a_batch_that_isn_t_a_producer_s_last_goes(self) -> None:
        log = opened(MemoryFileSystem())
        for sequence in range(3):
            put(log, (b"a", b"%d" % sequence), producer=7, sequence=sequence)
        put(log, (b"a", b"end"))
        roll(log)
        compact(log)
        assert [each.base_offset for each in batches(log)] == [2, 3]

    def test_a_marker_stays_that_alone_tells_of_its_producer_s_epoch(self) -> None:
        log = opened(MemoryFileSystem(), delete_retention_ms=0)
        put(log, (b"a", b"1"), producer=5, transactional=True)
        end_transaction_of_newer_epoch(log)
        put(log, (b"a", b"2"))
        roll(log)
        for _ in range(4):
            compact(log)
        assert [(each.is_control, each.producer_epoch) for each in batches(log)] == [(True, 1), (False, -1)]

    def test_the_last_batch_below_the_high_watermark_stays_so_that_no_offset_is_lost(self) -> None:
        log = opened(MemoryFileSystem())
        put(log, (b"a", b"1"))
        end_offset = log.end_offset
        log.append_as_follower([keyed((None, b"2")).stamped(end_offset, 0)], NOW_MS)
        roll(log)
        compact(log)
        assert [(each.base_offset, each.count) for each in batches(log)] == [(0, 1), (1, 0)]
        assert next(iter(log.segments)).end_offset() == 2


def end_transaction_of_newer_epoch(log: Log) -> None:
    log.append_as_leader([[marker(5, commits=True, epoch=1)]], 0, NOW_MS, from_client=False)
    assert [(each.epoch, each.window) for each in log.producers] == [(1, [])]


def test_what_it_did_is_counted() -> None:
    log = opened(MemoryFileSystem(), segment_bytes=1000)
    for number in range(20):
        append(log, batch(1, size=30, timestamp=NOW_MS + number))
        if number % 2:
            log.roll(NOW_MS)
    roll(log)
    size = log.size_bytes
    cleaning = begin(log, now_ms=NOW_MS)
    while cleaning.step(NOW_MS + 1234):
        pass
    stats = cleaning.stats
    assert (stats.started_ms, stats.ended_ms) == (NOW_MS, NOW_MS + 1234)
    assert (stats.map_bytes_read, stats.map_records_read, stats.keys) == (size, 20, 1)
    assert (stats.bytes_read, stats.records_read, stats.records_kept) == (size, 20, 1)
    assert stats.bytes_kept == log.size_bytes
    assert (stats.segments_before, stats.segments_after) == (10, 3)
