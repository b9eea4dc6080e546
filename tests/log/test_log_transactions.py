"""Transactions in a log: what is stable, what a leader refuses, and what a stop, a crash and a cut leave of them."""

from random import Random
from typing import Any

import pytest
from log.batching import NOW_MS, append, batch, small_config

from kstore.errors import (
    InvalidProducerEpoch,
    InvalidTxnState,
    KafkaError,
    OutOfOrderSequenceNumber,
    TransactionCoordinatorFenced,
)
from kstore.fs import FileSystem
from kstore.log import AppendInfo, Log, LogConfig
from kstore.log.verification import NO_GUARD, AppendOptions
from kstore.records import EndTransactionMarker, RecordBatch, end_transaction_batch, parse_batches

PATH = "orders-0"
VERIFYING = LogConfig(transaction_partition_verification_enable=True)


def opened(fs: FileSystem, config: LogConfig | None = None, *, clean: bool = False, recovery_point: int = 0) -> Log:
    config = config or small_config()
    return Log.open(fs, PATH, config, now_ms=NOW_MS, clean=clean, recovery_point=recovery_point)


def write(
    log: Log, producer: int, sequence: int, *, epoch: int = 0, options: AppendOptions | None = None
) -> AppendInfo:
    """One record in a producer's transaction."""
    return of_one(log, batch(producer=producer, sequence=sequence, epoch=epoch, transactional=True), options)


def of_one(log: Log, of: RecordBatch, options: AppendOptions | None = None, *, from_client: bool = True) -> AppendInfo:
    (answer,) = log.append_as_leader([[of]], 0, NOW_MS, from_client=from_client, options=[options])
    if not isinstance(answer, AppendInfo):
        raise answer
    return answer


def marker(producer: int, *, epoch: int = 0, commit: bool = True, coordinator_epoch: int = 0) -> RecordBatch:
    made = end_transaction_batch(EndTransactionMarker(commit, coordinator_epoch), NOW_MS, producer, epoch)
    return parse_batches(made)[0]


def end(log: Log, producer: int, version: int = 0, **how: Any) -> AppendInfo:
    return of_one(log, marker(producer, **how), AppendOptions(transaction_version=version), from_client=False)


def guard(log: Log, producer: int, sequence: int = 0, *, epoch: int = 0, bumps_epochs: bool = False) -> AppendOptions:
    return AppendOptions(log.producers.start_verification(producer, epoch, sequence, NOW_MS, bumps_epochs=bumps_epochs))


def test_the_last_stable_offset_waits_for_the_marker_and_for_its_replication(fs: FileSystem) -> None:
    log = opened(fs)
    append(log, batch())
    write(log, 1, 0)
    log.advance_high_watermark(2)
    assert log.last_stable_offset == 1
    end(log, 1)
    assert log.last_stable_offset == 1
    log.advance_high_watermark(3)
    assert log.last_stable_offset == 3


def test_the_oldest_open_transaction_counts(fs: FileSystem) -> None:
    log = opened(fs)
    for producer in (3, 1, 2):
        write(log, producer, 0)
    log.advance_high_watermark(log.end_offset)
    for producer, stable in ((1, 0), (3, 2), (2, 6)):
        end(log, producer)
        log.advance_high_watermark(log.end_offset)
        assert log.last_stable_offset == stable


def test_records_that_are_deleted_from_an_open_transaction_are_below_what_is_stable(fs: FileSystem) -> None:
    log = opened(fs)
    write(log, 1, 0)
    for sequence in range(1, 20):
        write(log, 1, sequence)
    log.advance_high_watermark(log.end_offset)
    log.advance_start_offset(7)
    assert (log.start_offset, log.last_stable_offset) == (7, 7)


def test_what_is_stable_only_rises_and_is_what_a_slow_reader_would_say(fs: FileSystem, seed: int) -> None:
    random, log = Random(seed), opened(fs)
    began: dict[int, int] = {}
    ended: list[tuple[int, int]] = []
    sequences = [0] * 5
    stable = 0
    for _ in range(400):
        producer = random.randrange(5)
        if producer in began and random.random() < 0.4:
            ended.append((began.pop(producer), end(log, producer, commit=random.random() < 0.5).last_offset))
        else:
            began.setdefault(producer, write(log, producer, sequences[producer]).first_offset)
            sequences[producer] += 1
        if random.random() < 0.3:
            log.advance_high_watermark(random.randint(log.high_watermark, log.end_offset))
        unstable = [*began.values(), *(first for first, last in ended if last >= log.high_watermark)]
        assert log.last_stable_offset == min([log.high_watermark, *unstable])
        assert log.last_stable_offset >= stable
        stable = log.last_stable_offset
        log.check()


def test_a_batch_outside_of_the_open_transaction_of_its_producer_is_refused_after_its_sequence(fs: FileSystem) -> None:
    log = opened(fs)
    write(log, 1, 0)
    with pytest.raises(InvalidTxnState):
        append(log, batch(producer=1, sequence=1))
    with pytest.raises(InvalidTxnState):
        append(log, batch(producer=1, sequence=0, epoch=1))
    with pytest.raises(OutOfOrderSequenceNumber):
        append(log, batch(producer=1, sequence=5))
    with pytest.raises(InvalidTxnState):
        of_one(log, batch(producer=1, sequence=-1), from_client=False)
    assert log.end_offset == 1


def test_an_epoch_that_a_marker_has_ended_never_appends(fs: FileSystem) -> None:
    log = opened(fs)
    write(log, 1, 0, epoch=3)
    end(log, 1, epoch=4, commit=False)
    for transactional in (True, False):
        with pytest.raises(InvalidProducerEpoch):
            append(log, batch(producer=1, sequence=1, epoch=3, transactional=transactional))
    with pytest.raises(InvalidProducerEpoch):
        end(log, 1, epoch=3)
    write(log, 1, 0, epoch=4)
    assert log.producers.is_open(1, 4)


def test_a_marker_of_an_earlier_coordinator_is_fenced(fs: FileSystem) -> None:
    log = opened(fs)
    write(log, 1, 0)
    end(log, 1, coordinator_epoch=5)
    with pytest.raises(TransactionCoordinatorFenced):
        end(log, 1, coordinator_epoch=4)
    end(log, 1, coordinator_epoch=5)


@pytest.mark.parametrize("version", [0, 1])
def test_by_the_first_protocol_a_marker_has_the_epoch_of_its_transaction(fs: FileSystem, version: int) -> None:
    log = opened(fs)
    write(log, 1, 0, epoch=2)
    end(log, 1, version, epoch=2)
    assert not log.producers.is_open(1, 2)


def test_by_the_second_protocol_a_marker_has_a_newer_epoch_or_repeats_one(fs: FileSystem) -> None:
    log = opened(fs)
    write(log, 1, 0, epoch=2)
    with pytest.raises(InvalidProducerEpoch):
        end(log, 1, 2, epoch=2)
    end(log, 1, 2, epoch=3)
    end(log, 1, 2, epoch=3)  # its answer was lost
    write(log, 1, 0, epoch=3)
    with pytest.raises(InvalidProducerEpoch):
        end(log, 1, 2, epoch=3)  # late, in the next transaction
    write(log, 2, 0, epoch=2**15 - 1)
    end(log, 2, 2, epoch=2**15 - 1)  # no epoch is newer


def test_a_marker_that_waits_in_the_same_write_counts_for_what_comes_behind_it(fs: FileSystem) -> None:
    log = opened(fs)
    write(log, 1, 0)
    groups = [[marker(1, epoch=1, coordinator_epoch=3)], [marker(1, epoch=1, coordinator_epoch=2)], [marker(1)]]
    answers = log.append_as_leader(groups, 0, NOW_MS, from_client=False)
    assert [type(each) for each in answers] == [AppendInfo, TransactionCoordinatorFenced, InvalidProducerEpoch]


def test_a_first_batch_needs_the_guard_that_was_given_out(fs: FileSystem) -> None:
    log = opened(fs, VERIFYING)
    for options in (None, AppendOptions(), AppendOptions(1 << 40)):
        with pytest.raises(InvalidTxnState):
            write(log, 1, 0, options=options)
    other, mine = guard(log, 2), guard(log, 1)
    assert NO_GUARD not in (other.guard, mine.guard)
    with pytest.raises(InvalidTxnState):
        write(log, 1, 0, options=other)
    write(log, 1, 0, options=mine)
    write(log, 1, 1)
    with pytest.raises(InvalidTxnState):
        write(log, 1, 0, epoch=1)  # the transaction of a newer epoch needs one of its own
    assert append(log, batch(producer=3)).first_offset == 2


def test_a_marker_takes_the_guard_away(fs: FileSystem) -> None:
    log = opened(fs, VERIFYING)
    late = guard(log, 1)
    end(log, 1, commit=False)
    with pytest.raises(InvalidTxnState):
        write(log, 1, 0, options=late)
    assert guard(log, 1) != late


def test_a_marker_of_the_transaction_before_leaves_the_guard_of_the_next_epoch(fs: FileSystem) -> None:
    log = opened(fs, VERIFYING)
    write(log, 1, 0, options=guard(log, 1, bumps_epochs=True))
    following = guard(log, 1, epoch=1, bumps_epochs=True)
    end(log, 1, 2, epoch=1)
    write(log, 1, 0, epoch=1, options=following)


def test_a_batch_that_overtakes_one_which_waits_is_refused(fs: FileSystem) -> None:
    log = opened(fs, VERIFYING)
    guard(log, 1, 4)
    options = guard(log, 1, 5)
    with pytest.raises(OutOfOrderSequenceNumber):
        write(log, 1, 5, options=options)
    write(log, 1, 4, options=options)
    write(log, 1, 5, options=options)


def test_a_producer_with_an_epoch_a_transaction_begins_each_with_sequence_number_0(fs: FileSystem) -> None:
    log = opened(fs, VERIFYING)
    with pytest.raises(OutOfOrderSequenceNumber):
        write(log, 1, 3, options=guard(log, 1, 3, bumps_epochs=True))


def test_offsets_in_a_transaction_need_the_guard_and_no_sequence_number(fs: FileSystem) -> None:
    log = opened(fs, VERIFYING)
    of = batch(producer=1, sequence=-1, transactional=True)
    with pytest.raises(InvalidTxnState):
        of_one(log, of, from_client=False)
    of_one(log, of, guard(log, 1, -1), from_client=False)
    of_one(log, of, from_client=False)
    assert log.producers.is_open(1, 0)


def test_an_old_epoch_is_refused_before_anybody_is_asked(fs: FileSystem) -> None:
    log = opened(fs, VERIFYING)
    end(log, 1, epoch=7)
    with pytest.raises(InvalidProducerEpoch):
        guard(log, 1, epoch=6)
    with pytest.raises(InvalidProducerEpoch):
        write(log, 1, 0, epoch=6)


def states(log: Log) -> dict[int, tuple[int, int, int]]:
    return {
        each.producer_id: (each.epoch, each.coordinator_epoch, each.transaction_first_offset) for each in log.producers
    }


@pytest.mark.parametrize("clean", [True, False], ids=["stop", "crash"])
def test_open_transactions_outlive_a_stop_and_a_crash(fs: FileSystem, clean: bool) -> None:
    log = opened(fs)
    write(log, 9, 0)
    write(log, 2, 0)
    end(log, 9, coordinator_epoch=3)
    for sequence in range(30):  # over several segments
        write(log, 5, sequence)
    write(log, 9, 1)
    assert len(log.segments) > 3
    known = states(log)
    log.close() if clean else log.flush()
    again = opened(fs, clean=clean, recovery_point=0 if clean else log.recovery_point)
    assert states(again) == known
    again.advance_high_watermark(again.end_offset)
    assert again.last_stable_offset == 1
    again.check()
    for producer in (2, 5, 9):
        end(again, producer, coordinator_epoch=3)
    again.advance_high_watermark(again.end_offset)
    assert again.last_stable_offset == again.end_offset


def test_a_truncation_opens_a_transaction_again_whose_marker_it_cut(fs: FileSystem) -> None:
    log = opened(fs)
    write(log, 1, 0)
    write(log, 2, 0)
    end(log, 1)
    log.truncate_to(2)
    assert states(log) == {1: (0, -1, 0), 2: (0, -1, 1)}
    log.advance_high_watermark(2)
    assert log.last_stable_offset == 0
    log.check()


def test_a_producer_with_an_open_transaction_does_not_expire(fs: FileSystem) -> None:
    log = opened(fs, VERIFYING)
    write(log, 1, 0, options=guard(log, 1))
    append(log, batch(producer=2))
    waits = guard(log, 3)
    later = NOW_MS + 2 * log.config.producer_id_expiration_ms
    log.tick(later)
    assert list(states(log)) == [1]
    with pytest.raises(InvalidTxnState):
        write(log, 3, 0, options=waits)
    end(log, 1)
    log.tick(2 * later)
    assert states(log) == {}


def test_each_refusal_is_a_kafka_error_that_leaves_the_log_as_it_was(fs: FileSystem) -> None:
    log = opened(fs, VERIFYING)
    before = states(log)
    for producer in range(3):
        with pytest.raises(KafkaError):
            write(log, producer, 0)
    assert (states(log), log.end_offset) == (before, 0)
