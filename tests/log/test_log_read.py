"""Reading: from the hot tail and from the files alike, whole batches, within the limits given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log.batching import NOW_MS, append, batch, content, everything, small_config, stamped
from model.batch_model import ModelBatch, ModelRecord

from kstore.errors import OffsetOutOfRange
from kstore.fs import FileSystem, MemoryFileSystem
from kstore.log import Log, LogConfig
from kstore.records import parse_batches

PATH = "orders-0"


def filled(fs: FileSystem, batches: int = 40, **changes: int) -> Log:
    log = Log.open(fs, PATH, small_config(**changes), now_ms=NOW_MS)
    for number in range(batches):
        append(log, batch(1 + number % 4, size=number * 7 % 90, timestamp=NOW_MS + number * 10))
    return log


def test_a_read_at_the_tail_touches_no_file(fs: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    log = filled(fs)

    def touched(*_: object) -> bytes:
        raise AssertionError("a file was read")

    monkeypatch.setattr(type(log.segments.active.file), "read", touched)
    monkeypatch.setattr(type(log.segments.active.file), "chunks", touched)
    read = log.read(log.end_offset - 1, 1000)
    assert read.batches is not None
    assert content(read) == read.batches[0].to_bytes()
    assert log.read(0, 1 << 20).next_offset == log.end_offset


def test_the_hot_tail_and_the_files_hold_the_same(fs: FileSystem) -> None:
    log = filled(fs)
    for offset in range(log.end_offset):
        hot = log.read(offset, 1)
        cold = log.reading.read(offset, 1, log.end_offset, True)
        assert (hot.next_offset, hot.size_bytes, content(hot)) == (cold.next_offset, cold.size_bytes, content(cold))
        assert hot.batches is not None
        assert cold.batches is None


@given(st.data())
def test_a_read_is_the_whole_batches_that_fit_from_an_offset_up_to_another(data: st.DataObject) -> None:
    fs = MemoryFileSystem()
    log = filled(fs, batches=30, segment_bytes=data.draw(st.sampled_from([500, 1000, 1 << 20])))
    model = list(log.batches(0))
    if data.draw(st.booleans()):
        log.hot.clear()
    for _ in range(6):
        offset = data.draw(st.integers(0, log.end_offset))
        max_bytes = data.draw(st.integers(0, 1500))
        up_to = data.draw(st.integers(0, log.end_offset + 3))
        min_one = data.draw(st.booleans())
        read = log.read(offset, max_bytes, up_to=up_to, min_one=min_one)
        found = parse_batches(content(read))
        assert read.size_bytes == sum(each.size_bytes for each in found)
        wanted = [each for each in model if each.last_offset >= offset and each.last_offset < up_to]
        assert [each.header for each in found] == [each.header for each in wanted[: len(found)]]
        assert read.next_offset == (found[-1].last_offset + 1 if found else offset)
        if wanted and (min_one or wanted[0].size_bytes <= max_bytes):
            assert found
        if found and len(found) > 1:
            assert read.size_bytes <= max_bytes
        if not min_one:
            assert read.size_bytes <= max_bytes


def test_reading_on_and_on_gives_the_whole_log(fs: FileSystem) -> None:
    log = filled(fs)
    for hot in (True, False):
        if not hot:
            log.hot.clear()
        for max_bytes in (1, 150, 400, 1 << 20):
            offset = 0
            parts = []
            while offset < log.end_offset:
                read = log.read(offset, max_bytes)
                parts.append(content(read))
                offset = read.next_offset
            assert b"".join(parts) == b"".join(everything(log))


def test_offsets_outside_of_the_log_are_refused_and_its_end_is_empty(fs: FileSystem) -> None:
    log = filled(fs)
    log.advance_high_watermark(log.end_offset)
    log.advance_start_offset(5)
    for offset in (-1, 4, log.end_offset + 1):
        with pytest.raises(OffsetOutOfRange):
            log.read(offset, 100)
    at_end = log.read(log.end_offset, 100)
    assert (at_end.size_bytes, at_end.chunks, at_end.next_offset) == (0, [], log.end_offset)
    assert log.read(7, 100, up_to=6).size_bytes == 0


def test_gaps_between_batches_are_read_over(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, small_config(), now_ms=NOW_MS)
    for offset in range(0, 1000, 25):
        log.append_as_follower([stamped(offset, 3)], NOW_MS)
    for offset in range(975):
        (found, *_) = parse_batches(content(log.read(offset, 1)))
        assert found.last_offset >= offset
        assert found.base_offset <= offset + 25


def test_the_hot_tail_is_bounded_and_can_be_let_go(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, LogConfig(hot_tail_bytes=1000), now_ms=NOW_MS)
    for _ in range(300):
        append(log, batch(2))
    assert log.hot.size_bytes <= 1000
    assert log.hot.start_offset > 580
    assert content(log.read(0, 1 << 20)) == b"".join(everything(log))
    log.hot.clear()
    assert (len(log.hot), log.hot.size_bytes) == (0, 0)


def test_a_log_that_is_deleted_lets_its_hot_tail_go_at_once(fs: FileSystem) -> None:
    log = filled(fs)
    assert len(log.hot)
    log.abandon()
    assert len(log.hot) == log.hot.size_bytes == 0


def test_an_idle_log_lets_its_hot_tail_go(fs: FileSystem) -> None:
    log = filled(fs)
    log.tick(NOW_MS)
    assert len(log.hot)
    log.tick(NOW_MS + 1000)
    assert len(log.hot) == 0


def test_a_batch_larger_than_the_hot_tail_is_read_from_the_file(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, LogConfig(hot_tail_bytes=1000), now_ms=NOW_MS)
    append(log, batch(size=5000))
    read = log.read(0, 1)
    assert read.batches is None
    assert read.size_bytes == log.size_bytes


@given(st.lists(st.integers(0, 60), min_size=1, max_size=25), st.integers(-5, 70))
def test_the_first_record_at_a_time_or_later_is_found(times: list[int], wanted: int) -> None:
    log = Log.open(MemoryFileSystem(), PATH, small_config(), now_ms=NOW_MS)
    for time in times:
        append(log, batch(2, timestamp=NOW_MS + time, size=30))
    records = [record for each in log.batches(0) for record in each.records()]
    expected = next((r.offset for r in records if r.timestamp >= NOW_MS + wanted), None)
    found = log.offset_for_timestamp(NOW_MS + wanted)
    assert (None if found is None else found.offset) == expected
    newest = log.max_timestamp()
    assert newest is not None
    assert newest.timestamp == max(record.timestamp for record in records)
    assert newest.offset == next(r.offset for r in records if r.timestamp == newest.timestamp)


@pytest.mark.parametrize(
    ("times", "start", "expected"),
    [
        ([-1, -1], 0, 0),
        ([-1, -1], 1, 1),
        ([-5, -1], 0, 1),
        ([-5, -5], 0, None),
        ([-5, -5, -1], 0, None),
        ([-1, -1, -1], 3, None),
    ],
)
def test_the_newest_of_records_without_a_time_is_the_first(
    fs: FileSystem, times: list[int], start: int, expected: int | None
) -> None:
    """As Apache Kafka: it looks no further than the first batch, of two records here."""
    log = Log.open(fs, PATH, small_config(), now_ms=NOW_MS)
    for at in range(0, len(times), 2):
        records = [ModelRecord(i, time, None, b"v") for i, time in enumerate(times[at : at + 2])]
        append(log, *parse_batches(ModelBatch(records).to_bytes()))
    log.advance_high_watermark(log.end_offset)
    log.advance_start_offset(start)
    found = log.max_timestamp()
    assert (None if found is None else (found.timestamp, found.offset)) == (
        None if expected is None else (-1, expected)
    )


def test_an_empty_log_has_no_time(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, small_config(), now_ms=NOW_MS)
    assert log.max_timestamp() is None
    assert log.offset_for_timestamp(0) is None


def test_the_high_watermark_stays_within_the_log(fs: FileSystem) -> None:
    log = filled(fs)
    assert log.advance_high_watermark(10_000) == log.end_offset
    log.advance_start_offset(12)
    assert log.advance_high_watermark(3) == 12
    with pytest.raises(OffsetOutOfRange):
        log.advance_start_offset(13)
