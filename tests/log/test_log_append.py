"""Appending as a leader and as a follower: what is accepted, what is refused, and that a failure leaves no trace."""

from typing import Any

import pytest
from log.batching import NOW_MS, append, batch, content, everything, small_config, stamped
from present import present

from kstore.errors import (
    CorruptMessage,
    FencedLeaderEpoch,
    InvalidProducerEpoch,
    InvalidRecord,
    InvalidTxnState,
    KafkaError,
    KafkaStorageError,
    MessageTooLarge,
    OutOfOrderSequenceNumber,
    RecordListTooLarge,
)
from kstore.fs import FileSystem, MemoryFileSystem, TornWriteError
from kstore.log import AppendInfo, Log, LogConfig
from kstore.records import BatchBuilder, EndTransactionMarker, end_transaction_batch, parse_batches

PATH = "orders-0"


def opened(fs: FileSystem, config: LogConfig | None = None) -> Log:
    return Log.open(fs, PATH, config or LogConfig(), now_ms=NOW_MS)


def test_offsets_and_the_leader_epoch_are_written_into_the_batches(fs: FileSystem) -> None:
    log = opened(fs)
    first = append(log, batch(3), leader_epoch=4)
    second = append(log, batch(2), batch(1), leader_epoch=4)
    assert (first.first_offset, first.last_offset, first.duplicate) == (0, 2, False)
    assert (second.first_offset, second.last_offset, len(second.batches)) == (3, 5, 2)
    assert [(b.base_offset, b.last_offset, b.leader_epoch) for b in log.batches(0)] == [(0, 2, 4), (3, 4, 4), (5, 5, 4)]
    for each in log.batches(0):
        each.verify_crc()
    assert log.end_offset == 6
    assert log.epochs.entries == [(4, 0)]


def test_groups_stand_and_fall_by_themselves(fs: FileSystem) -> None:
    log = opened(fs)
    wrong = parse_batches(batch().to_bytes()[:-1] + b"x")
    answers = log.append_as_leader([[batch(2)], wrong, [], [batch(1), *wrong], [batch(1)]], 0, NOW_MS)
    assert [type(each) for each in answers] == [AppendInfo, CorruptMessage, InvalidRecord, CorruptMessage, AppendInfo]
    assert [each.first_offset for each in answers if isinstance(each, AppendInfo)] == [0, 2]
    assert log.end_offset == 3


def test_a_group_of_appends_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    log = opened(MemoryFileSystem())
    writes = []
    real = type(log.segments.active.file).append

    def noted(*args: Any) -> None:
        writes.append(args[2])
        real(*args)

    monkeypatch.setattr(type(log.segments.active.file), "append", noted)
    log.append_as_leader([[batch(size=5000)] for _ in range(20)], 0, NOW_MS)
    assert writes == [log.size_bytes]


def test_log_append_time_is_the_topics_choice(fs: FileSystem) -> None:
    log = opened(fs, LogConfig(message_timestamp_type=1))
    info = append(log, batch(2, timestamp=5), now_ms=NOW_MS + 7)
    assert (info.log_append_time, info.max_timestamp) == (NOW_MS + 7, NOW_MS + 7)
    (written,) = log.batches(0)
    written.verify_crc()
    assert [(r.timestamp, r.timestamp_type) for r in written.records()] == [(NOW_MS + 7, 1)] * 2


def test_a_batch_must_fit_the_topic_and_the_segment(fs: FileSystem) -> None:
    with pytest.raises(MessageTooLarge):
        append(opened(fs, LogConfig(max_message_bytes=100)), batch(size=50))
    with pytest.raises(RecordListTooLarge):
        append(opened(fs, LogConfig(segment_bytes=100)), batch(size=50))


def test_a_compacted_topic_wants_keys(fs: FileSystem) -> None:
    log = opened(fs, LogConfig(compacted=True))
    builder = BatchBuilder()
    builder.append(NOW_MS, None, b"value")
    with pytest.raises(InvalidRecord):
        append(log, *parse_batches(builder.build()))
    append(log, batch())


def test_an_older_leader_epoch_is_fenced(fs: FileSystem) -> None:
    log = opened(fs)
    append(log, batch(), leader_epoch=3)
    with pytest.raises(FencedLeaderEpoch):
        append(log, batch(), leader_epoch=2)


def test_a_retry_of_one_of_the_last_five_batches_is_answered_with_its_first_offsets(fs: FileSystem) -> None:
    log = opened(fs)
    for number in range(7):
        append(log, batch(2, producer=9, sequence=number * 2))
    for number in range(2, 7):
        again = append(log, batch(2, producer=9, sequence=number * 2))
        assert again == AppendInfo(number * 2, number * 2 + 1, NOW_MS + 1, -1, True, [])
    with pytest.raises(OutOfOrderSequenceNumber):
        append(log, batch(2, producer=9, sequence=2))
    assert log.end_offset == 14


def test_a_gap_in_the_sequence_is_refused(fs: FileSystem) -> None:
    log = opened(fs)
    append(log, batch(2, producer=9, sequence=0))
    with pytest.raises(OutOfOrderSequenceNumber):
        append(log, batch(2, producer=9, sequence=3))
    append(log, batch(2, producer=9, sequence=2))


def test_a_producer_the_log_does_not_know_may_begin_anywhere(fs: FileSystem) -> None:
    append(opened(fs), batch(producer=9, sequence=1000))


def test_sequence_numbers_wrap_after_the_largest(fs: FileSystem) -> None:
    log = opened(fs)
    largest = (1 << 31) - 1
    append(log, batch(3, producer=9, sequence=largest - 4))
    crossing = append(log, batch(4, producer=9, sequence=largest - 1))
    assert append(log, batch(4, producer=9, sequence=largest - 1)).first_offset == crossing.first_offset
    append(log, batch(1, producer=9, sequence=2))
    log = opened(fs)
    assert append(log, batch(4, producer=9, sequence=largest - 1)).duplicate
    append(log, batch(producer=8, sequence=largest))
    append(log, batch(producer=8, sequence=0))


def test_a_new_producer_epoch_begins_at_zero_and_fences_the_old_one(fs: FileSystem) -> None:
    log = opened(fs)
    append(log, batch(2, producer=9, sequence=0))
    with pytest.raises(OutOfOrderSequenceNumber):
        append(log, batch(producer=9, epoch=1, sequence=2))
    append(log, batch(producer=9, epoch=1, sequence=0))
    with pytest.raises(InvalidProducerEpoch):
        append(log, batch(producer=9, epoch=0, sequence=2))


def test_batches_of_one_producer_follow_on_each_other_within_a_write(fs: FileSystem) -> None:
    log = opened(fs)
    groups = [[batch(2, producer=9, sequence=s)] for s in (0, 2, 2, 5, 4)]
    answers = log.append_as_leader(groups, 0, NOW_MS)
    kinds = [type(each) for each in answers]
    assert kinds == [AppendInfo, AppendInfo, AppendInfo, OutOfOrderSequenceNumber, AppendInfo]
    assert [each.duplicate for each in answers if isinstance(each, AppendInfo)] == [False, False, True, False]
    assert [each.first_offset for each in answers if isinstance(each, AppendInfo)] == [0, 2, 2, 4]


def test_a_refused_group_leaves_its_producers_as_they_were(fs: FileSystem) -> None:
    log = opened(fs)
    broken = parse_batches(batch(producer=9, sequence=1).to_bytes()[:-1] + b"x")
    answers = log.append_as_leader(
        [[batch(producer=9, sequence=0), *broken], [batch(producer=9, sequence=1)]], 0, NOW_MS
    )
    assert isinstance(answers[0], CorruptMessage)
    assert isinstance(answers[1], AppendInfo)
    assert present(log.producers.get(9)).window[0].first_sequence == 1


def test_the_last_stable_offset_waits_for_open_transactions(fs: FileSystem) -> None:
    log = opened(fs)
    append(log, batch())
    append(log, batch(2, producer=9, transactional=True))
    append(log, batch())
    log.advance_high_watermark(4)
    assert (log.high_watermark, log.last_stable_offset, log.producers.transactions.first_unstable_offset) == (4, 1, 1)
    with pytest.raises(InvalidTxnState):
        append(log, batch(producer=9, sequence=2))
    assert opened(fs).producers.transactions.first_unstable_offset == 1
    marker = parse_batches(end_transaction_batch(EndTransactionMarker(True, 1), NOW_MS, 9, 0))
    (info,) = log.append_as_leader([marker], 0, NOW_MS, from_client=False)
    assert isinstance(info, AppendInfo)
    assert log.last_stable_offset == 1
    log.advance_high_watermark(5)
    assert (log.last_stable_offset, log.producers.transactions.first_unstable_offset) == (5, -1)


def test_a_follower_takes_what_a_leader_has_stamped_byte_for_byte(fs: FileSystem) -> None:
    leader = Log.open(fs, "leader-0", small_config(), now_ms=NOW_MS)
    follower = opened(fs, small_config())
    for number in range(20):
        append(leader, batch(3, producer=5, sequence=number * 3), leader_epoch=number // 7)
    read = leader.read(0, 1 << 20)
    assert read.batches is not None
    follower.append_as_follower(read.batches, NOW_MS)
    assert everything(follower) == everything(leader)
    assert follower.epochs.entries == leader.epochs.entries
    assert present(follower.producers.get(5)).window == present(leader.producers.get(5)).window
    for log in (leader, follower):
        log.close()
    for name in fs.listdir("leader-0"):
        assert fs.read_bytes(f"leader-0/{name}") == fs.read_bytes(f"{PATH}/{name}")


def test_a_follower_refuses_what_does_not_continue_its_log(fs: FileSystem) -> None:
    log = opened(fs)
    log.append_as_follower([stamped(0, 3), stamped(3), stamped(10)], NOW_MS)
    before = everything(log)
    for wrong in (stamped(10), stamped(9, 5), stamped(0)):
        with pytest.raises(CorruptMessage):
            log.append_as_follower([stamped(11), wrong], NOW_MS)
    broken = parse_batches(stamped(11).to_bytes()[:-1] + b"x")
    with pytest.raises(CorruptMessage):
        log.append_as_follower(broken, NOW_MS)
    assert everything(log) == before
    assert log.end_offset == 11


@pytest.mark.parametrize("groups", [1, 3])
def test_a_failed_write_leaves_the_log_and_its_producers_as_they_were_and_closes_it_for_appends(
    monkeypatch: pytest.MonkeyPatch, groups: int
) -> None:
    fs = MemoryFileSystem()
    log = opened(fs)
    told: list[str | None] = []
    log.on_failure = lambda: told.append(log.failure)
    append(log, batch(producer=9, sequence=0))
    file_type = type(log.segments.active.file)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(file_type, "append", full)
        work = [[batch(producer=9, sequence=1 + n)] for n in range(groups)] + [[batch(producer=9, sequence=1)]]
        answers = log.append_as_leader(work, 0, NOW_MS)
        assert {type(each) for each in answers} == {KafkaStorageError}
        with pytest.raises(KafkaStorageError):
            log.append_as_follower([stamped(1)], NOW_MS)
    assert (log.end_offset, len(log.hot), told) == (
        1,
        1,
        ["couldn't append to orders-0: [Errno 28] No space left on device"],
    )
    with pytest.raises(KafkaStorageError):
        append(log, batch(producer=9, sequence=1))
    again = Log.open(fs, PATH, LogConfig(), now_ms=NOW_MS, floor=1)
    assert append(again, batch(producer=9, sequence=1)).first_offset == 1


def test_a_torn_write_closes_the_log_for_appends_but_not_for_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    log = opened(MemoryFileSystem())
    append(log, batch())

    def torn(*_: object) -> None:
        raise TornWriteError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(type(log.segments.active.file), "append", torn)
        with pytest.raises(KafkaStorageError):
            append(log, batch())
    with pytest.raises(KafkaStorageError):
        append(log, batch())
    with pytest.raises(KafkaStorageError):
        log.append_as_follower([stamped(1)], NOW_MS)
    assert content(log.read(0, 1000)) == everything(log)[0]


def test_a_torn_write_before_a_roll_fails_every_group_of_the_append(monkeypatch: pytest.MonkeyPatch) -> None:
    log = opened(MemoryFileSystem(), small_config())
    writes = []

    def torn(*_: object) -> None:
        writes.append(1)
        raise TornWriteError(5, "Input/output error")

    monkeypatch.setattr(type(log.segments.active.file), "append", torn)
    answers = log.append_as_leader([[batch(3, producer=9, sequence=n * 3)] for n in range(8)], 0, NOW_MS)
    assert {type(each) for each in answers} == {KafkaStorageError}
    assert (len(writes), log.end_offset, len(log.producers), len(log.hot)) == (1, 0, 0, 0)


def test_groups_that_were_written_before_a_failed_roll_stay_written(monkeypatch: pytest.MonkeyPatch) -> None:
    log = opened(MemoryFileSystem(), small_config())
    append(log, batch())

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MemoryFileSystem, "replace", full)
    answers = log.append_as_leader([[batch(3)] for _ in range(6)], 0, NOW_MS)
    written = [each for each in answers if isinstance(each, AppendInfo)]
    assert 0 < len(written) < 6
    assert log.end_offset == written[-1].last_offset + 1 == sum(each.count for each in log.batches(0))


def test_an_epoch_that_cannot_be_written_down_appends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fs = MemoryFileSystem()
    log = opened(fs)
    append(log, batch())

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "replace", full)
        with pytest.raises(KafkaStorageError):
            append(log, batch(), leader_epoch=1)
    assert (log.latest_epoch, log.end_offset) == (0, 1)
    log = opened(fs)
    append(log, batch(), leader_epoch=1)
    assert log.epochs.entries == [(0, 0), (1, 1)]


def test_every_error_of_a_group_is_a_kafka_error(fs: FileSystem) -> None:
    assert all(isinstance(each, KafkaError) for each in opened(fs).append_as_leader([[], []], 0, NOW_MS))


@pytest.mark.parametrize("codec", [1, 3, 4])
def test_a_compressed_batch_may_come_to_so_much_and_no_more(codec: int) -> None:
    log = opened(MemoryFileSystem(), LogConfig(max_message_bytes=200_000))
    for too_large, size in ((False, (16 << 20) - 100), (True, (16 << 20) + 1)):
        builder = BatchBuilder(compression=codec)
        builder.append(NOW_MS, None, bytes(size))
        bomb = parse_batches(builder.build())[0]
        assert bomb.size_bytes < 200_000
        if too_large:
            with pytest.raises(MessageTooLarge):
                append(log, bomb)
        else:
            append(log, bomb)
    assert log.end_offset == 1


@pytest.mark.parametrize(
    ("message_bytes", "mebibytes"), [(1000, 16), (1 << 20, 32), (8 << 20, 64), (100 << 20, 100), (0, 16)]
)
def test_what_records_may_come_to_follows_from_the_largest_message(message_bytes: int, mebibytes: int) -> None:
    assert LogConfig(max_message_bytes=message_bytes).max_decompressed_bytes == mebibytes << 20
