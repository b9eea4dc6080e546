"""Cutting a log, and rolling its segments."""

import pytest
from log.batching import NOW_MS, append, batch, everything, small_config, stamped

from kstore.errors import KafkaStorageError
from kstore.fs import FileSystem, MemoryFileSystem
from kstore.log import Log, LogConfig

PATH = "orders-0"


def filled(fs: FileSystem, batches: int = 20, **changes: int) -> Log:
    log = Log.open(fs, PATH, small_config(**changes), now_ms=NOW_MS)
    for number in range(batches):
        append(log, batch(3, producer=7, sequence=number * 3, timestamp=NOW_MS + number), leader_epoch=number // 5)
    return log


@pytest.mark.parametrize("offset", [0, 1, 3, 8, 9, 30, 45, 57, 59, 60, 90])
def test_a_cut_log_is_as_if_the_rest_had_never_been(fs: FileSystem, offset: int) -> None:
    log = filled(fs)
    kept = min(offset, 60) // 3 * 3
    log.advance_high_watermark(60)
    assert log.truncate_to(offset) == log.end_offset == kept
    short = Log.open(MemoryFileSystem(), PATH, small_config(), now_ms=NOW_MS)
    for number in range(kept // 3):
        append(short, batch(3, producer=7, sequence=number * 3, timestamp=NOW_MS + number), leader_epoch=number // 5)
    assert everything(log) == everything(short)
    assert log.epochs.entries == short.epochs.entries
    assert [entry.window for entry in log.producers] == [entry.window for entry in short.producers]
    assert log.high_watermark == kept
    assert log.max_timestamp() == short.max_timestamp()
    assert log.read(kept, 100).size_bytes == 0
    again = append(log, batch(3, producer=7, sequence=kept), leader_epoch=4)
    assert (again.first_offset, again.duplicate) == (kept, False)
    assert log.read(kept, 100).next_offset == kept + 3


def test_a_cut_at_the_end_takes_an_epoch_away_that_began_there_without_a_record(fs: FileSystem) -> None:
    log = filled(fs)
    log.assign_epoch(9, log.end_offset)
    assert log.latest_epoch == 9
    assert log.truncate_to(log.end_offset) == 60
    assert log.latest_epoch == 3
    assert len(everything(log)) == len(everything(filled(MemoryFileSystem())))


def test_what_was_cut_is_unlinked_by_the_work_handed_out(fs: FileSystem) -> None:
    log = filled(fs)
    log.flush()
    log.truncate_to(3)
    deleted = [name for name in fs.listdir(PATH) if name.endswith(".deleted")]
    assert len(deleted) >= 9
    append(log, batch())
    for work in log.take_work():
        work.run()
        work.done(None)
    assert not [name for name in fs.listdir(PATH) if name.endswith(".deleted")]
    assert Log.open(fs, PATH, small_config(), now_ms=NOW_MS).end_offset == 4


def test_a_cut_lowers_the_recovery_point_and_voids_syncs_under_way(fs: FileSystem) -> None:
    log = filled(fs)
    under_way = log.flush_work()
    assert under_way is not None
    under_way.run()
    log.truncate_to(30)
    append(log, batch(3), leader_epoch=4)
    under_way.done(None)
    assert log.recovery_point <= 30
    log.flush()
    assert log.recovery_point == 33


def test_everything_can_be_thrown_away_to_begin_elsewhere(fs: FileSystem) -> None:
    log = filled(fs)
    log.truncate_fully_and_start_at(1000)
    assert (log.start_offset, log.high_watermark, log.end_offset) == (1000, 1000, 1000)
    assert (log.latest_epoch, len(log.producers), len(log.hot), log.size_bytes) == (-1, 0, 0, 0)
    append(log, batch(2, producer=7, sequence=40), leader_epoch=9)
    again = Log.open(fs, PATH, small_config(), now_ms=NOW_MS)
    assert (again.start_offset, again.end_offset, again.epochs.entries) == (1000, 1002, [(9, 1000)])


def test_a_cut_before_the_first_segment_begins_anew_there(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, small_config(), now_ms=NOW_MS, start_offset=100)
    append(log, batch())
    assert log.truncate_to(40) == 40
    assert (log.start_offset, log.end_offset) == (40, 40)


def test_a_cut_that_fails_half_way_closes_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    fs = MemoryFileSystem()
    log = filled(fs)

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(type(log.segments.active.file), "truncate", broken)
        with pytest.raises(KafkaStorageError):
            log.truncate_to(4)
    with pytest.raises(KafkaStorageError):
        append(log, batch())
    assert Log.open(fs, PATH, small_config(), now_ms=NOW_MS).end_offset >= 4


def test_segments_roll_when_the_next_group_would_not_fit(fs: FileSystem) -> None:
    log = filled(fs)
    sizes = [segment.size_bytes for segment in log.segments]
    assert len(sizes) > 5
    assert max(sizes) <= 500
    assert all(left + right > 500 for left, right in zip(sizes, [batch(3).size_bytes] * 4, strict=False))


def test_segments_roll_by_the_age_of_their_records(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, LogConfig(segment_ms=1000), now_ms=NOW_MS)
    for time in (0, 500, 1000, 1001, 1500, 2600):
        append(log, batch(timestamp=NOW_MS + time))
    assert log.segments.base_offsets == [0, 3, 5]


def test_time_alone_rolls_an_aged_segment_once(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, LogConfig(segment_ms=1000), now_ms=NOW_MS)
    append(log, batch(timestamp=NOW_MS - 1_000_000))
    log.tick(NOW_MS + 1000)
    assert len(log.segments) == 1
    log.tick(NOW_MS + 1001)
    log.tick(NOW_MS + 9000)
    assert log.segments.base_offsets == [0, 1]


def test_segments_roll_when_their_index_is_full(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, LogConfig(segment_index_bytes=24, index_interval_bytes=0), now_ms=NOW_MS)
    for number in range(12):
        append(log, batch(timestamp=NOW_MS + number))
    assert len(log.segments) > 3
    assert max(len(segment.time_index) for segment in log.segments) <= 3


def test_segments_roll_before_an_offset_no_longer_fits_the_index(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, LogConfig(), now_ms=NOW_MS)
    log.append_as_follower([stamped(0)], NOW_MS)
    log.append_as_follower([stamped((1 << 31) - 1)], NOW_MS)
    log.append_as_follower([stamped((1 << 31) + 5)], NOW_MS)
    assert log.segments.base_offsets == [0, 1 << 31]
    log.close()
    assert Log.open(fs, PATH, LogConfig(), now_ms=NOW_MS, clean=True).end_offset == (1 << 31) + 6


def test_a_roll_of_an_empty_segment_is_nothing(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, LogConfig(), now_ms=NOW_MS)
    log.roll(NOW_MS)
    append(log, batch())
    log.roll(NOW_MS)
    log.roll(NOW_MS)
    assert log.segments.base_offsets == [0, 1]


def test_a_roll_that_fails_fails_the_append_and_one_after_a_recovery_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    fs = MemoryFileSystem()
    log = filled(fs, batches=3)
    before = log.end_offset

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "replace", full)
        answers = log.append_as_leader([[batch(3)] for _ in range(4)], 4, NOW_MS)
        assert {type(each) for each in answers} == {KafkaStorageError}
    assert log.end_offset == before
    log = Log.open(fs, log.path, log.config, now_ms=NOW_MS, floor=before)
    append(log, batch(3), leader_epoch=4)
    assert log.end_offset == before + 3


def test_a_failed_sync_closes_the_log_for_good(fs: FileSystem) -> None:
    log = filled(fs)
    work = log.flush_work()
    assert work is not None
    work.run()
    work.done(OSError(5, "Input/output error"))
    assert log.recovery_point == 0
    with pytest.raises(KafkaStorageError):
        append(log, batch())


def test_syncs_come_due_by_count_and_by_time(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, LogConfig(flush_messages=3, flush_ms=1000), now_ms=NOW_MS)
    append(log, batch(2))
    assert log.tick(NOW_MS + 999) == []
    append(log, batch(1))
    (work,) = log.tick(NOW_MS + 1000)
    work.run()
    work.done(None)
    assert log.recovery_point == 3
    append(log, batch(1))
    assert log.tick(NOW_MS + 1500) == []
    assert len(log.tick(NOW_MS + 2000)) == 1


def test_producers_that_are_silent_for_long_are_forgotten(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, LogConfig(producer_id_expiration_ms=1000), now_ms=NOW_MS)
    append(log, batch(producer=7))
    append(log, batch(producer=8, transactional=True))
    log.tick(NOW_MS + 599_999)
    assert len(log.producers) == 2
    log.tick(NOW_MS + 600_000)
    assert [entry.producer_id for entry in log.producers] == [8]
