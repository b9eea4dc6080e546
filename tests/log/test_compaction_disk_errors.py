"""An error of the disk at any operation while a log is compacted: nothing that is kept is lost.

Crashes are tried by ``test_crash_points.py``.
"""

from __future__ import annotations

from random import Random

import pytest
from log.batching import NOW_MS
from log.compacted import (
    DAY_MS,
    PATH,
    batches,
    begin,
    compact,
    config,
    end_transaction,
    kept,
    last_values,
    opened,
    put,
    roll,
)

from kstore.fs import FileSystem, MemoryFileSystem
from kstore.fs.faulty import OPERATIONS, Fault, FaultyFileSystem
from kstore.log import Log

COMPACTED_BY = NOW_MS + 2 * DAY_MS


class Failing(Fault):
    """The operation after so many doesn't happen."""

    def __init__(self, operations_left: int) -> None:
        super().__init__(frozenset(OPERATIONS) - {"exists"}, "*", 5, times=None, chance=1.0, torn=False)
        self.operations_left = operations_left

    def meets(self, operation: str, path: str, random: Random) -> bool:
        if operation not in self.operations:
            return False
        self.operations_left -= 1
        return self.operations_left == -1


def filled(fs: FileSystem) -> Log:
    """Values, tombstones, an aborted and a committed transaction, in many segments."""
    log = opened(fs, segment_bytes=300, delete_retention_ms=0)
    for number in range(12):
        put(log, (b"%d" % (number % 5), b"v%d" % number), producer=7, sequence=number)
    put(log, (b"3", None), (b"t", b"gone"), producer=8, sequence=0, transactional=True)
    end_transaction(log, 8, commits=False)
    put(log, (b"4", None), (b"u", b"here"), producer=8, sequence=2, transactional=True)
    end_transaction(log, 8, commits=True)
    roll(log)
    compact(log, first_dirty=0)  # once, so that horizons are set and tombstones may go
    for number in range(8):
        put(log, (b"%d" % (number % 3), b"w%d" % number), producer=7, sequence=12 + number)
    roll(log)
    log.flush()
    return log


def reopened(fs: FileSystem) -> Log:
    log = Log.open(fs, PATH, config(), now_ms=NOW_MS)
    log.advance_high_watermark(log.end_offset)
    return log


def state(log: Log) -> tuple[object, ...]:
    """What must be the same before a cleaning, after it, and in the middle."""
    sequences = {each.producer_id: (each.epoch, each.window[-1].last_sequence) for each in log.producers if each.window}
    return last_values(kept(log)), sequences, log.end_offset, log.last_stable_offset


def assert_is_sound(log: Log, expected: tuple[object, ...]) -> None:
    assert state(log) == expected
    names = [name for name in log.fs.listdir(PATH) if not name.endswith(".snapshot")]
    assert all(name.endswith((".log", ".index", ".timeindex", ".txnindex", "checkpoint")) for name in names)
    for each in batches(log):
        if each.last_offset >= log.start_offset:
            assert next(iter(log.batches(each.base_offset))).base_offset == each.base_offset
    log.check()


def test_an_error_of_any_one_operation_ends_the_cleaning_and_the_log_is_what_it_was() -> None:
    failed = closed = 0
    for operation in range(1000):
        memory = MemoryFileSystem()
        faulty = FaultyFileSystem(memory)
        log = filled(faulty)
        expected = state(log)
        fault = Failing(operation)
        faulty.faults.append(fault)
        cleaning = begin(log, now_ms=COMPACTED_BY)
        while cleaning.step(COMPACTED_BY):
            pass
        faulty.heal()
        if log.failure is None:
            assert state(log) == expected
            compact(log, now_ms=COMPACTED_BY)
            put(log, (b"z", b"new"))
            log.truncate_to(log.end_offset - 1)
            assert state(log) == expected
        closed += log.failure is not None
        log.shut()
        assert_is_sound(reopened(memory), expected)
        if fault.operations_left >= 0:
            break
        failed += cleaning.failure is not None
    assert failed > 60
    assert closed > 10, "a disk that can't be read, or a replacement that stopped half way, closes the log"


@pytest.mark.parametrize("slices", range(0, 40, 3))
def test_a_log_that_is_closed_and_opened_again_in_the_middle_is_cleaned_from_where_it_was(slices: int) -> None:
    fs = MemoryFileSystem()
    log = filled(fs)
    expected = state(log)
    cleaning = begin(log, now_ms=COMPACTED_BY)
    for _ in range(slices):
        cleaning.step(COMPACTED_BY)
    log.close()
    again = Log.open(fs, PATH, config(), now_ms=NOW_MS, clean=True, high_watermark=log.high_watermark)
    assert_is_sound(again, expected)
    compact(again, now_ms=COMPACTED_BY)
    assert_is_sound(again, expected)
