"""What a log promises is asserted in checked mode: each broken promise is noticed where the log changes next."""

from collections.abc import Callable, Iterator

import pytest
from log.batching import NOW_MS, append, batch, small_config

from kstore import checked
from kstore.fs import MemoryFileSystem
from kstore.log import Log
from kstore.log.epochs import LeaderEpochs
from kstore.log.extents import Extents


@pytest.fixture(autouse=True)
def _checked() -> Iterator[None]:
    with checked.turned_on():
        yield


def filled() -> Log:
    log = Log.open(MemoryFileSystem(), "orders-0", small_config(), now_ms=NOW_MS)
    for number in range(20):
        append(log, batch(2, producer=7, sequence=2 * number))
    log.advance_high_watermark(30)
    return log


def start_beyond(log: Log) -> None:
    log.start_offset = log.high_watermark + 1


def durable_beyond(log: Log) -> None:
    log.disk.recovery_point = log.end_offset + 10


def other_active(log: Log) -> None:
    log.segments.active = log.segments.first


def open_transaction_of_nobody(log: Log) -> None:
    twin = filled()
    append(twin, batch(transactional=True, producer=9))
    log.producers = twin.producers


def hot_beyond(log: Log) -> None:
    log.hot.append(batch().stamped(100, 0))


BROKEN = [start_beyond, durable_beyond, other_active, open_transaction_of_nobody, hot_beyond]


@pytest.mark.parametrize("break_it", BROKEN)
def test_a_broken_promise_is_noticed(break_it: Callable[[Log], None]) -> None:
    log = filled()
    log.check()
    break_it(log)
    with pytest.raises(AssertionError):
        log.check()


CHANGES: list[Callable[[Log], object]] = [
    lambda log: append(log, batch()),
    lambda log: log.truncate_to(10),
    lambda log: log.truncate_fully_and_start_at(100),
    lambda log: log.advance_start_offset(5),
    lambda log: log.roll(NOW_MS),
]


@pytest.mark.parametrize("change", CHANGES)
def test_appends_cuts_and_rolls_look_at_the_log(
    change: Callable[[Log], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = filled()
    looks: list[int] = []
    monkeypatch.setattr(Log, "check", lambda log: looks.append(log.end_offset))
    change(log)
    assert looks[-1] == log.end_offset


def test_epochs_and_extents_look_at_themselves() -> None:
    epochs = LeaderEpochs(MemoryFileSystem(), "leader-epoch-checkpoint")
    epochs.note(3, 5)
    epochs._starts.append(4)
    epochs._epochs.append(4)
    with pytest.raises(AssertionError):
        epochs.write()
    extents = Extents()
    extents.add(10, 20)
    extents._ends[0] = 5
    with pytest.raises(AssertionError):
        extents.add(30, 40)
