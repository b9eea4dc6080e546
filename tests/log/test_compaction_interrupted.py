"""A compaction that is cut short, by its owner, the log or the disk, harms nothing."""

from __future__ import annotations

import pytest
from log.batching import NOW_MS
from log.compacted import PATH, begin, compact, config, kept, last_values, opened, put, roll
from model.batch_model import ModelBatch, ModelRecord

from kstore.fs import MemoryFileSystem
from kstore.fs.faulty import FaultyFileSystem
from kstore.log import Log
from kstore.log.cleanable import cleanable
from kstore.log.cleaning import PRODUCERS_A_SLICE, Cleaning
from kstore.log.offset_map import OffsetMap
from kstore.records import parse_batches


def filled() -> tuple[Log, FaultyFileSystem]:
    faulty = FaultyFileSystem(MemoryFileSystem())
    log = opened(faulty, segment_bytes=300)
    for number in range(30):
        put(log, (b"%d" % (number % 7), b"v%d" % number), producer=number % 2, sequence=number // 2)
    roll(log)
    return log, faulty


def names(log: Log) -> list[str]:
    return [name for name in log.fs.listdir(PATH) if not name.endswith(".snapshot")]


@pytest.mark.parametrize("slices", range(12))
def test_it_is_abandoned_at_any_slice_without_harm(slices: int) -> None:
    log, _ = filled()
    before, cleaning = kept(log), begin(log)
    for _ in range(slices):
        cleaning.step(NOW_MS)
    cleaning.abandon()
    assert not any(".cleaned" in name for name in names(log))
    assert set(kept(log)) <= set(before)
    assert cleaning.step(NOW_MS) is False
    compact(log)
    assert [value for _, _, value in kept(log)][-7:] == [b"v%d" % number for number in range(23, 30)]


@pytest.mark.parametrize("slices", range(1, 12))
def test_a_log_that_is_cut_meanwhile_ends_it(slices: int) -> None:
    log, _ = filled()
    cleaning = begin(log)
    for _ in range(slices):
        cleaning.step(NOW_MS)
    log.truncate_to(25)
    assert cleaning.step(NOW_MS) is False
    assert "changed while it was compacted" in str(cleaning.failure)
    assert cleaning.cleaned_to is None
    assert not any(".cleaned" in name for name in names(log))


def test_segments_that_are_deleted_meanwhile_end_it() -> None:
    log, _ = filled()
    cleaning = begin(log)
    while ".cleaned" not in "".join(names(log)):
        cleaning.step(NOW_MS)
    log.advance_start_offset(15)
    assert cleaning.step(NOW_MS) is False
    assert "changed" in str(cleaning.failure)
    assert kept(log)[0][0] <= 15


def test_work_that_is_done_after_it_was_abandoned_changes_nothing() -> None:
    log, _ = filled()
    cleaning = begin(log)
    work = cleaning.next_work(NOW_MS)
    assert work is not None
    cleaning.abandon()
    work.run()
    work.done(None)
    assert cleaning.next_work(NOW_MS) is None


@pytest.mark.parametrize("operation", ["create", "append", "sync"])
def test_a_disk_that_can_t_take_the_new_segment_ends_it_and_nothing_else(operation: str) -> None:
    log, faulty = filled()
    before = kept(log)
    faulty.fail(operation, "*.cleaned")
    cleaning = begin(log)
    while cleaning.step(NOW_MS):
        pass
    assert "couldn't compact orders-0" in str(cleaning.failure)
    assert log.failure is None
    assert set(kept(log)) <= set(before), "groups of which nothing was left may be replaced"
    assert last_values(kept(log)) == last_values(before)
    assert not any(".cleaned" in name for name in names(log))
    faulty.heal()
    compact(log)
    put(log, (b"a", b"b"))


def test_what_one_has_left_because_it_couldn_t_be_removed_isn_t_in_the_next() -> None:
    log, faulty = filled()
    before = last_values(kept(log))
    cleaning = begin(log)
    while not any(name.endswith(".cleaned") and log.fs.size(f"{PATH}/{name}") for name in names(log)):
        assert cleaning.step(NOW_MS)
    faulty.fail("unlink", "*.cleaned")
    cleaning.abandon()
    assert "was abandoned; then" in str(cleaning.failure)
    faulty.heal()
    compact(log)
    assert last_values(kept(log)) == before
    assert len(kept(log)) == len(before)


def test_a_disk_that_can_t_be_read_closes_the_log() -> None:
    log, faulty = filled()
    faulty.fail("read", "*.log")
    cleaning = begin(log)
    while cleaning.step(NOW_MS):
        pass
    assert "couldn't read orders-0" in str(cleaning.failure)
    assert log.failure is not None


def test_a_flipped_bit_ends_it_and_the_log_is_known_as_damaged() -> None:
    faulty = FaultyFileSystem(MemoryFileSystem())
    log = opened(faulty)
    put(log, (b"a", b"1" * 100))
    roll(log)
    log.close()
    path = log.segments.first.file.path
    data = bytearray(faulty.read_bytes(path))
    data[70] ^= 1
    faulty.replace(path, bytes(data))
    log = Log.open(faulty, PATH, config(), now_ms=NOW_MS, clean=True, high_watermark=1)
    cleaning = begin(log)
    while cleaning.step(NOW_MS):
        pass
    assert log.damage is not None
    assert log.failure is None
    assert "checksum" in str(cleaning.failure)


def test_records_that_aren_t_what_their_header_says_end_it_and_leave_the_log_as_it_is() -> None:
    log = opened(MemoryFileSystem())
    lying = ModelBatch([ModelRecord(0, NOW_MS, b"a", b"1")], record_count=2).to_bytes()
    log.append_as_follower([parse_batches(lying)[0].stamped(0, 0)], NOW_MS)
    put(log, (b"a", b"2"))
    roll(log)
    before = [segment.size_bytes for segment in log.segments]
    cleaning = begin(log)
    while cleaning.step(NOW_MS):
        pass
    assert "the batch at offset 0: " in str(cleaning.failure)
    assert log.failure is None
    assert [segment.size_bytes for segment in log.segments] == before


def test_two_can_t_be_in_work_at_once_on_one_slice() -> None:
    log, _ = filled()
    cleaning = begin(log)
    cleaning.next_work(NOW_MS)
    with pytest.raises(AssertionError, match="done first"):
        cleaning.next_work(NOW_MS)


def test_a_log_that_was_cut_since_it_was_looked_at_is_not_cleaned() -> None:
    log, _ = filled()
    found = cleanable(log, None, NOW_MS)
    log.truncate_to(15)  # in the midst of what was closed: the active segment is one that could be cleaned before
    assert found.first_uncleanable_offset > log.segments.active.base_offset
    before, cleaning = kept(log), Cleaning(log, found, OffsetMap(1 << 16), NOW_MS)
    while cleaning.step(NOW_MS):
        pass
    assert "changed while it was compacted" in str(cleaning.failure)
    assert kept(log) == before


def test_the_producers_of_a_log_are_looked_at_in_several_slices() -> None:
    log = opened(FaultyFileSystem(MemoryFileSystem()), segment_bytes=1_000_000)
    for number in range(2 * PRODUCERS_A_SLICE + 1):
        put(log, (b"k", b"v%d" % number), producer=number)
    roll(log)
    cleaning, works = begin(log), []
    while (work := cleaning.next_work(NOW_MS)) is not None:
        works.append(work.name)
        work.run()
        work.done(None)
    assert works.count(f"look at more producers of {log.path}") == 2
    assert cleaning.failure is None
    left = list(log.batches(0, log.segments.active.base_offset))
    assert [batch.producer_id for batch in left] == list(range(2 * PRODUCERS_A_SLICE + 1))
    assert [batch.count for batch in left if batch.count] == [1]
