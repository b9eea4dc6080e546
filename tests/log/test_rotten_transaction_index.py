"""A transaction index that the disk gives back otherwise: aborted records are never given out as committed ones."""

import pytest
from log.batching import NOW_MS
from log.compacted import PATH, begin, compact, config, end_transaction, kept, opened, put, roll
from log.rot import flip

from kstore.fs import FileSystem
from kstore.log import Log
from kstore.log.answers import AbortedTransaction
from kstore.log.names import CLEANED, DAMAGED, TIME_INDEX, TRANSACTION_INDEX
from kstore.log.transaction_index import TransactionIndex

PATHS = [f"{PATH}/{base:020}{TRANSACTION_INDEX}" for base in (0, 4)]
ENTRY_BYTES = 34
ABORTED = [AbortedTransaction(7, 0, 2, 1), AbortedTransaction(9, 1, 5, 3), AbortedTransaction(8, 3, 6, 7)]


def written(fs: FileSystem) -> Log:
    """Three aborted transactions; two began in one segment and ended in the next one."""
    log = opened(fs)
    put(log, (b"k", b"v"), producer=7, transactional=True)
    put(log, (b"l", b"v"), producer=9, transactional=True)
    end_transaction(log, 7, commits=False)
    put(log, (b"m", b"v"), producer=8, transactional=True)
    roll(log)
    put(log, (b"n", b"v"), producer=8, sequence=1, transactional=True)
    end_transaction(log, 9, commits=False)
    end_transaction(log, 8, commits=False)
    put(log, (b"k", b"w"))
    roll(log)
    log.flush()
    assert aborted(log) == ABORTED
    return log


def aborted(log: Log) -> list[AbortedTransaction]:
    return log.segments.aborted(0, log.end_offset)


def opened_again(log: Log) -> Log:
    """As after a crash."""
    point, watermark = log.recovery_point, log.high_watermark
    log.shut()
    return Log.open(log.fs, PATH, config(), now_ms=NOW_MS, recovery_point=point, high_watermark=watermark)


@pytest.mark.parametrize("path", PATHS)
def test_a_compaction_that_meets_one_closes_the_log_and_sets_it_aside(fs: FileSystem, path: str) -> None:
    log = written(fs)
    flip(fs, path, 9)
    cleaning = begin(log)
    while cleaning.step(NOW_MS):
        pass
    assert cleaning.failure is not None
    assert log.failure is not None
    assert log.damage is None
    assert fs.exists(path + DAMAGED)
    assert not fs.exists(path)
    again = opened_again(log)
    assert aborted(again) == ABORTED
    compact(again)
    assert [key for _, key, _ in kept(again)] == [b"k"]


@pytest.mark.parametrize("slices", range(0, 12, 2))
def test_one_that_rots_while_the_log_is_compacted_or_after_that_is_made_anew(fs: FileSystem, slices: int) -> None:
    log = written(fs)
    cleaning = begin(log)
    for _ in range(slices):
        cleaning.step(NOW_MS)
    for path in PATHS:
        if fs.exists(path):
            flip(fs, path, 9)
    while cleaning.step(NOW_MS):
        pass
    again = opened_again(log)
    assert {each.producer_id for each in aborted(again)} <= {7, 8, 9}
    compact(again)
    assert [key for _, key, _ in kept(again)] == [b"k"]


def test_an_index_of_the_compacted_segment_that_is_gone_wrong_closes_the_log(fs: FileSystem) -> None:
    log = written(fs)
    cleaning = begin(log)
    path = f"{PATH}/{0:020}{TIME_INDEX}{CLEANED}"
    while cleaning.step(NOW_MS):
        if fs.exists(path) and fs.size(path):
            flip(fs, path, 0, 7)
    assert log.failure is not None
    assert cleaning.failure is not None
    assert aborted(opened_again(log)) == ABORTED


@pytest.mark.parametrize("number", range(3))
def test_any_bit_of_an_entry_that_is_other_as_the_log_is_opened_again_has_the_index_made_anew(
    fs: FileSystem, number: int
) -> None:
    log = written(fs)
    path, first = (PATHS[0], 0) if number == 0 else (PATHS[1], (number - 1) * ENTRY_BYTES)
    for at in range(first, first + ENTRY_BYTES):
        for bit in range(8) if fs.in_memory else (at % 8,):
            flip(fs, path, at, bit)
            log = opened_again(log)
            assert log.recovery.rebuilt_indexes == 1
            assert aborted(log) == ABORTED
    assert opened_again(log).recovery.rebuilt_indexes == 0


@pytest.mark.parametrize("base", [0, 4])
def test_one_that_lacks_an_entry_or_has_one_too_many_is_made_anew(fs: FileSystem, base: int) -> None:
    log = written(fs)
    for entries in (ABORTED[:0], ABORTED[1:2], ABORTED[2:], [*ABORTED[:1], AbortedTransaction(7, 3, 3, 4)]):
        index = TransactionIndex(fs, PATHS[base == 4], base)
        for each in entries:
            if (each.last_offset < 4) == (base == 0):
                index.append(each)
        index.replace()
        log = opened_again(log)
        assert aborted(log) == ABORTED


@pytest.mark.parametrize("snapshot_at", [4, 8])
def test_without_the_snapshot_of_producers_the_index_is_made_anew(fs: FileSystem, snapshot_at: int) -> None:
    log = written(fs)
    fs.unlink(log.segments.snapshot_path(snapshot_at))
    flip(fs, PATHS[1], 9)
    assert aborted(opened_again(log)) == ABORTED
