"""Any operation of the disk fails under anything that is asked of a log: that is a KafkaError, and loses nothing."""

import contextlib
import errno
from collections.abc import Callable

import pytest
from log.batching import NOW_MS, append, batch, everything, small_config, stamped

from kstore.errors import KafkaError
from kstore.fs import MemoryFileSystem
from kstore.fs.faulty import OPERATIONS, FaultyFileSystem
from kstore.log import Log
from kstore.log.durability import run_all

PATH = "orders-0"
AGE_MS = 10**12

ASKED: dict[str, Callable[[Log], object]] = {
    "append": lambda log: append(log, batch(3, producer=9, sequence=60)),
    "append in a new epoch": lambda log: append(log, batch(3), leader_epoch=5),
    "append and roll": lambda log: log.append_as_leader([[batch(3)] for _ in range(9)], 0, NOW_MS),
    "append as a follower": lambda log: log.append_as_follower([stamped(log.end_offset, 3)], NOW_MS),
    "note an epoch": lambda log: log.assign_epoch(7, log.end_offset),
    "read at the beginning": lambda log: log.read(0, 1 << 20),
    "read all": lambda log: list(log.batches(0)),
    "find a time": lambda log: log.offset_for_timestamp(NOW_MS + 1),
    "find the newest": lambda log: log.max_timestamp(),
    "begin later": lambda log: log.advance_start_offset(9),
    "cut": lambda log: log.truncate_to(log.end_offset - 3),
    "cut everything": lambda log: log.truncate_fully_and_start_at(500),
    "look at its age": lambda log: log.tick(NOW_MS + 1),
    "roll by age": lambda log: log.tick(NOW_MS + AGE_MS),
    "take work": lambda log: log.take_work(),
    "close": lambda log: log.closing_work(),
}


def filled(fs: FaultyFileSystem) -> Log:
    """A log of several segments, opened anew so that nothing of it is in memory."""
    log = Log.open(fs, PATH, small_config(), now_ms=NOW_MS)
    for number in range(20):
        append(log, batch(3, producer=9, sequence=3 * number))
    log.advance_high_watermark(30)
    run_all(log.take_work())
    log.close()
    opened = Log.open(fs, PATH, small_config(), now_ms=NOW_MS, clean=True)
    opened.advance_high_watermark(30)
    return opened


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each not in ("lock", "exists")])
def test_whatever_fails_is_a_kafka_error_and_a_log_that_is_opened_again_has_all_it_had(
    operation: str, asked: str
) -> None:
    fs = FaultyFileSystem(MemoryFileSystem())
    log = filled(fs)
    before = everything(log)
    log.shut()
    log = Log.open(fs, PATH, small_config(), now_ms=NOW_MS, clean=True)
    log.advance_high_watermark(30)
    told: list[str | None] = []
    log.on_failure = lambda: told.append(log.failure)
    fault = fs.fail(operation, "*", errno.EIO)
    with contextlib.suppress(KafkaError):
        ASKED[asked](log)
    assert len(told) <= 1
    if log.failure is not None:
        assert told == [log.failure]
        assert fault.hits
        with pytest.raises(KafkaError):
            append(log, batch())
    start, end = log.start_offset, log.end_offset
    fs.heal()
    again = Log.open(fs, PATH, small_config(), now_ms=NOW_MS, recovery_point=log.recovery_point, start_offset=start)
    if asked.startswith(("cut", "begin")):
        assert all(each in before for each in everything(again))
    else:
        assert everything(again)[: len(before)] == before
        assert again.end_offset >= end
