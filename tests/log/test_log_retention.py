"""Which segments retention removes, and that nothing else changes."""

from typing import Any

import pytest
from log.batching import NOW_MS, append, batch, everything, small_config

from kstore.errors import KafkaStorageError, OffsetOutOfRange
from kstore.fs import FileSystem
from kstore.fs.faulty import FaultyFileSystem
from kstore.log import Log
from kstore.log.answers import DiskWork

PATH = "orders-0"
HOUR_MS = 3_600_000


def filled(fs: FileSystem, batches: int = 20, **changes: Any) -> Log:
    """Batches of three records, one each minute, a few in a segment; all of them committed."""
    log = Log.open(fs, PATH, small_config(**changes), now_ms=NOW_MS)
    for number in range(batches):
        append(log, batch(3, producer=7, sequence=number * 3, timestamp=NOW_MS + number * 60_000), now_ms=NOW_MS)
    log.advance_high_watermark(log.end_offset)
    return log


def run(works: list[DiskWork]) -> None:
    for work in works:
        work.run()
        work.done(None)


def test_segments_go_whose_newest_record_is_older_than_retention_ms(fs: FileSystem) -> None:
    log = filled(fs, retention_ms=HOUR_MS)
    newest = {segment.base_offset: segment.max_timestamp for segment in log.segments}
    now_ms = NOW_MS + HOUR_MS + 10 * 60_000
    kept = [base for base, timestamp in newest.items() if timestamp >= now_ms - HOUR_MS]
    expired = log.expire(now_ms)
    assert expired is not None
    assert (expired.start_offset, expired.new_start_offset, expired.reason) == (0, kept[0], "age")
    assert log.segments.base_offsets == kept
    assert (log.start_offset, log.end_offset) == (kept[0], 60)
    with pytest.raises(OffsetOutOfRange):
        log.read(kept[0] - 1, 1000)
    assert log.expire(now_ms) is None


def test_the_active_segment_goes_too_when_all_its_records_are_old(fs: FileSystem) -> None:
    log = filled(fs, retention_ms=HOUR_MS)
    expired = log.expire(NOW_MS + 10 * HOUR_MS)
    assert expired is not None
    assert (log.start_offset, log.end_offset, log.size_bytes) == (60, 60, 0)
    assert log.segments.base_offsets == [60]
    assert append(log, batch(3, producer=7, sequence=60)).first_offset == 60
    log.close()
    again = Log.open(fs, PATH, small_config(), now_ms=NOW_MS, clean=True, recovery_point=63, start_offset=60)
    assert (again.start_offset, again.end_offset) == (60, 63)


def test_an_empty_log_has_nothing_to_remove(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, small_config(retention_ms=0, retention_bytes=0), now_ms=NOW_MS)
    assert log.expire(NOW_MS + HOUR_MS) is None


@pytest.mark.parametrize("retention_bytes", [0, 1, 500, 1_000, 1_500, 10_000])
def test_the_oldest_segments_go_while_the_rest_is_as_much_as_retention_bytes(
    fs: FileSystem, retention_bytes: int
) -> None:
    log = filled(fs, retention_bytes=retention_bytes)
    sizes = [segment.size_bytes for segment in log.segments]
    kept = sizes
    while kept and sum(kept[1:]) >= retention_bytes:
        kept = kept[1:]
    expired = log.expire(NOW_MS)
    assert (expired is None) == (kept == sizes)
    assert [segment.size_bytes for segment in log.segments] == (kept or [0])
    assert log.size_bytes >= retention_bytes or kept == sizes or not kept


@pytest.mark.parametrize("changes", [{"deletes": False}, {"retention_ms": -1}])
def test_without_the_policy_or_a_limit_nothing_goes(fs: FileSystem, changes: dict[str, Any]) -> None:
    before = everything(filled(fs, **changes))
    log = Log.open(fs, PATH, small_config(**changes), now_ms=NOW_MS)
    log.advance_high_watermark(60)
    assert log.expire(NOW_MS + 10_000 * HOUR_MS) is None
    assert everything(log) == before


def test_nothing_beyond_the_high_watermark_goes_however_old_it_is(fs: FileSystem) -> None:
    log = filled(fs, retention_ms=0, retention_bytes=0)
    log.advance_high_watermark(31)
    log.expire(NOW_MS + 10 * HOUR_MS)
    assert log.start_offset <= 31 <= log.high_watermark
    assert log.segments.first.base_offset <= 31 < log.segments.base_offsets[1]
    assert log.end_offset == 60


def test_a_record_from_the_future_keeps_its_segment_and_those_after_it(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, small_config(retention_ms=HOUR_MS, message_timestamp_after_max_ms=2**62), now_ms=NOW_MS)
    for number in range(20):
        append(log, batch(3, timestamp=NOW_MS + (1000 * HOUR_MS if number == 8 else 0)))
    log.advance_high_watermark(60)
    log.expire(NOW_MS + 10 * HOUR_MS)
    assert 0 < log.start_offset <= 24
    assert log.max_timestamp() is not None


def test_segments_before_the_log_start_go_under_every_policy(fs: FileSystem) -> None:
    log = filled(fs, deletes=False)
    log.advance_start_offset(60)
    assert log.segments.base_offsets != [60]
    expired = log.expire(NOW_MS)
    assert expired is not None
    assert (expired.new_start_offset, expired.reason, log.segments.base_offsets) == (60, "start", [60])


def test_what_the_log_knows_of_producers_outlives_their_records(fs: FileSystem) -> None:
    log = filled(fs, retention_ms=HOUR_MS)
    log.expire(NOW_MS + 10 * HOUR_MS)
    assert append(log, batch(3, producer=7, sequence=57)).duplicate
    log.close()
    again = Log.open(fs, PATH, small_config(), now_ms=NOW_MS, clean=True, recovery_point=60, start_offset=60)
    assert append(again, batch(3, producer=7, sequence=57)).duplicate


def test_files_are_renamed_at_once_and_unlinked_after_file_delete_delay_ms(fs: FileSystem) -> None:
    log = filled(fs, retention_ms=HOUR_MS, file_delete_delay_ms=5_000)
    log.flush()
    log.expire(NOW_MS + 10 * HOUR_MS)
    works = log.take_work()
    assert {work.delay_ms for work in works if work.name.startswith("unlink")} == {0 if fs.in_memory else 5_000}
    assert [name for name in fs.listdir(PATH) if name.endswith(".deleted")]
    run(works)
    assert not [name for name in fs.listdir(PATH) if name.endswith(".deleted")]


def test_a_start_after_a_crash_before_the_files_were_unlinked_has_the_new_start(fs: FileSystem) -> None:
    log = filled(fs, retention_ms=HOUR_MS)
    log.flush()
    log.expire(NOW_MS + HOUR_MS + 10 * 60_000)
    kept = everything(log)
    log.shut()
    again = Log.open(fs, PATH, small_config(), now_ms=NOW_MS)
    assert (again.start_offset, everything(again)) == (log.start_offset, kept)
    assert not [name for name in fs.listdir(PATH) if name.endswith(".deleted")]


def test_a_disk_that_fails_as_the_active_segment_goes_closes_the_log(fs: FileSystem) -> None:
    disk = FaultyFileSystem(fs)
    log = filled(disk, retention_ms=HOUR_MS)
    disk.fail("create", "*.log")
    with pytest.raises(KafkaStorageError, match="couldn't roll orders-0"):
        log.expire(NOW_MS + 10 * HOUR_MS)
    assert log.failure is not None
    assert log.start_offset == 0
