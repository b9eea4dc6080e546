"""A scrub finds what the disk gives back otherwise, while the log is in use, and puts right what can be made anew."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log.batching import NOW_MS, append, batch, content, everything, small_config
from log.rot import flip, overwrite, tear

from kstore.errors import KafkaStorageError
from kstore.fs import FileSystem, MemoryFileSystem
from kstore.fs.faulty import FaultyFileSystem
from kstore.log import Log, LogDamaged
from kstore.log.names import DAMAGED, INDEX, LOG, TIME_INDEX, TRANSACTION_INDEX
from kstore.log.scrub import OTHER_BYTES, Scrub
from kstore.log.segment_check import PIECE_BYTES
from kstore.log.verify import verify
from kstore.records import parse_batches
from kstore.records.control import EndTransactionMarker, end_transaction_batch

PATH = "orders-0"
CONFIG = small_config(segment_bytes=3000, index_interval_bytes=300, hot_tail_bytes=0)


def opened(fs: FileSystem, batches: int = 50) -> Log:
    """A log of several segments, in use."""
    log = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS)
    log.assign_epoch(0, 0)
    for number in range(batches):
        append(log, batch(3, producer=7, sequence=number * 3, timestamp=NOW_MS + number * 10))
    log.flush()
    assert len(log.segments) > 2
    return log


def scrubbed(log: Log) -> Scrub:
    """One pass."""
    scrub = Scrub(log)
    while (work := scrub.next_work()) is not None:
        try:
            work.run()
        except OSError as error:
            work.done(error)
        else:
            work.done(None)
    return scrub


def path_of(log: Log, number: int, suffix: str = LOG) -> str:
    return list(log.segments)[number].file_path(suffix)


def test_a_sound_log_is_read_whole_and_nothing_is_found(fs: FileSystem) -> None:
    log = opened(fs)
    scrub = scrubbed(log)
    assert scrub.wrong == []
    assert scrub.bytes_read >= log.size_bytes
    assert log.damage is log.failure is None


@given(st.data())
def test_a_bit_flipped_after_it_was_read_is_found_and_never_given_out_again(data: st.DataObject) -> None:
    fs = MemoryFileSystem()
    log = opened(fs)
    expected = everything(log)
    number = data.draw(st.integers(0, len(log.segments) - 1))
    segment = list(log.segments)[number]
    at = data.draw(st.integers(0, segment.size_bytes - 1))
    flip(fs, path_of(log, number), at, data.draw(st.integers(0, 7)))
    wrong = scrubbed(log).wrong
    assert {each.path for each in wrong} == {path_of(log, number)}
    assert log.damage is not None
    assert log.failure is None
    for offset in range(log.end_offset):
        try:
            found = content(log.read(offset, 100_000))
        except LogDamaged:
            assert segment.base_offset <= offset
        else:
            assert b"".join(expected[offset // 3 :]).startswith(found)
    info = append(log, batch(1))
    assert content(log.read(info.first_offset, 1)) == info.batches[0].to_bytes()


def test_no_file_is_read_but_past_the_page_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    fs = MemoryFileSystem()
    log = opened(fs)
    pieces: set[str] = set()
    read_piece = fs.read_piece

    def noted(path: str, position: int, nbytes: int) -> bytes:
        pieces.add(path)
        return read_piece(path, position, nbytes)

    monkeypatch.setattr(fs, "read_piece", noted)
    assert scrubbed(log).wrong == []
    names = {f"{PATH}/{name}" for name in fs.listdir(PATH)}
    active = {f"{PATH}/{log.segments.active.base_offset:020}{suffix}" for suffix in (INDEX, TIME_INDEX)}
    assert names - active <= pieces


def test_timestamps_of_zero_are_sound_and_their_index_survives_a_crash(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, CONFIG, now_ms=0)
    log.assign_epoch(0, 0)
    append(log, batch(1, timestamp=0), now_ms=0)
    log.roll(0)
    append(log, batch(1, timestamp=0), now_ms=0)
    log.flush()
    assert fs.read_bytes(path_of(log, 0, TIME_INDEX)) == bytes(12)
    assert scrubbed(log).wrong == []
    point = log.recovery_point
    log.shut()
    assert verify(fs, PATH) == []
    assert Log.open(fs, PATH, CONFIG, now_ms=0, recovery_point=point).recovery.rebuilt_indexes == 0


def test_zeros_in_the_place_of_a_time_index_are_found(fs: FileSystem) -> None:
    log = opened(fs)
    path = path_of(log, 1, TIME_INDEX)
    whole = fs.read_bytes(path)
    overwrite(fs, path, bytes(len(whole)))
    assert path in {each.path for each in scrubbed(log).wrong}
    assert fs.read_bytes(path) == whole


@pytest.mark.parametrize("past", [40_000, 150_000, 1])
def test_a_wrong_length_has_no_more_read_at_once_and_what_lies_behind_it_is_checked(fs: FileSystem, past: int) -> None:
    log = Log.open(fs, PATH, small_config(segment_bytes=1 << 20, index_interval_bytes=4096), now_ms=NOW_MS)
    for number in range(200):
        append(log, batch(1, size=1000, timestamp=NOW_MS + number))
    path = path_of(log, 0)
    data = bytearray(fs.read_bytes(path))
    nbytes = len(data) // 200
    start = 10 * nbytes
    struct.pack_into(">i", data, start + 8, past + nbytes)
    data[150 * nbytes + 100] ^= 4
    overwrite(fs, path, bytes(data))
    scrub = Scrub(log)
    before = 0
    while (work := scrub.next_work()) is not None:
        work.run()
        work.done(None)
        assert scrub.bytes_read - before <= PIECE_BYTES
        before = scrub.bytes_read
    first, second = scrub.wrong
    assert (first.start, first.offset) == (start, 10)
    assert first.end == start + nbytes
    assert (second.start, second.end, second.offset) == (150 * nbytes, 151 * nbytes, 150)


def test_a_torn_page_is_found(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, small_config(segment_bytes=1 << 20, index_interval_bytes=4096), now_ms=NOW_MS)
    for _ in range(40):
        append(log, batch(1, size=1000))
    log.hot.clear()
    everything(log)
    tear(fs, path_of(log, 0), 3)
    (wrong,) = scrubbed(log).wrong
    assert wrong.start <= 3 * 4096 < wrong.end
    with pytest.raises(LogDamaged):
        log.read(wrong.offset, 1)
    assert log.read(0, 1 << 20).next_offset == wrong.offset


def test_a_wrong_leader_epoch_and_a_wrong_last_offset_that_fit_between_their_neighbours_are_found(
    fs: FileSystem,
) -> None:
    log = opened(fs)
    last = list(log.segments)[1].tail()[0]
    flip(fs, path_of(log, 1), last + 15, 0)  # no later batch of the segment contradicts it
    flip(fs, path_of(log, 2), 7, 3)
    reasons = {each.path: each.reason for each in scrubbed(log).wrong}
    assert reasons[path_of(log, 1)] == "its leader epoch is 1, not 0"
    assert path_of(log, 2) in reasons


@pytest.mark.parametrize("suffix", [INDEX, TIME_INDEX])
def test_each_flipped_byte_of_an_index_is_found_and_the_index_is_made_anew(fs: FileSystem, suffix: str) -> None:
    log = opened(fs)
    path = path_of(log, 1, suffix)
    whole = fs.read_bytes(path)
    for at in range(len(whole)):
        flip(fs, path, at)
        assert {each.path for each in scrubbed(log).wrong} == {path}
        assert fs.read_bytes(path) == whole
    assert scrubbed(log).wrong == []
    assert log.damage is log.failure is None
    for number in range(0, 500, 7):
        found = log.offset_for_timestamp(NOW_MS + number)
        assert found is None or found.timestamp >= NOW_MS + number


def test_a_wrong_index_of_the_segment_that_is_appended_to_is_made_anew(fs: FileSystem) -> None:
    log = opened(fs)
    active = log.segments.active
    active.offset_index.save()
    flip(fs, active.offset_index.path, 7)
    assert {each.path for each in scrubbed(log).wrong} == {active.offset_index.path}
    info = append(log, batch(3, timestamp=NOW_MS + 900))
    assert scrubbed(log).wrong == []
    assert content(log.read(info.first_offset, 1)) == info.batches[0].to_bytes()


@pytest.mark.parametrize("suffix", [INDEX, TIME_INDEX])
def test_a_wrong_index_keeps_the_entries_that_are_made_while_it_is_checked(fs: FileSystem, suffix: str) -> None:
    config = small_config(segment_bytes=1 << 20, index_interval_bytes=300, hot_tail_bytes=0)
    log = Log.open(fs, PATH, config, now_ms=NOW_MS)
    for number in range(40):
        append(log, batch(3, timestamp=NOW_MS + number * 10))
    active = log.segments.active
    active.seal()
    flip(fs, path_of(log, 0, suffix), 5)
    scrub, number = Scrub(log), 40
    while (work := scrub.next_work()) is not None:
        work.run()
        for _ in range(5):
            append(log, batch(3, timestamp=NOW_MS + number * 10))
            number += 1
        if number % 2:
            active.offset_index.save()
        work.done(None)
    assert {each.path for each in scrub.wrong} == {path_of(log, 0, suffix)}
    active.seal()
    assert scrubbed(log).wrong == []
    expected = everything(log)
    for offset in range(log.end_offset):
        assert content(log.read(offset, 1)) == expected[offset // 3]
    found = log.offset_for_timestamp(NOW_MS + (number - 1) * 10 + 2)
    assert found is not None
    assert found.offset == log.end_offset - 1


def test_a_wrong_snapshot_is_set_aside_and_wrong_leader_epochs_are_written_anew(fs: FileSystem) -> None:
    log = opened(fs)
    snapshot = log.segments.snapshot_path(log.segments.snapshot_offsets()[0])
    flip(fs, snapshot, -1)
    epochs = fs.read_bytes(log.epochs.path)
    overwrite(fs, log.epochs.path, epochs.replace(b"\n0 0", b"\n0 9"))
    assert [(each.path, each.reason) for each in scrubbed(log).wrong] == [
        (snapshot, "the checksum doesn't match"),
        (log.epochs.path, OTHER_BYTES),
    ]
    assert not fs.exists(snapshot)
    assert fs.exists(snapshot + DAMAGED)
    assert fs.read_bytes(log.epochs.path) == epochs
    assert scrubbed(log).wrong == []


@pytest.mark.parametrize("at", range(34))
def test_a_wrong_transaction_index_closes_the_log_and_is_made_anew_as_it_is_opened(fs: FileSystem, at: int) -> None:
    log = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS)
    append(log, batch(3, producer=7, transactional=True))
    marker = parse_batches(end_transaction_batch(EndTransactionMarker(False, 1), NOW_MS, 7, 0))
    log.append_as_leader([marker], 0, NOW_MS, from_client=False)
    log.advance_high_watermark(4)
    log.roll(NOW_MS)
    log.flush()
    path = path_of(log, 0, TRANSACTION_INDEX)
    whole = fs.read_bytes(path)
    aborted = log.read_committed(0, 1000).aborted
    assert len(aborted) == 1
    flip(fs, path, at)
    (wrong,) = scrubbed(log).wrong
    assert wrong.path == path
    assert str(log.failure) == f"{path} is damaged: it is made anew from the markers"
    assert fs.exists(path + DAMAGED)
    log.shut()
    after = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS, recovery_point=log.recovery_point, high_watermark=4)
    assert after.read_committed(0, 1000).aborted == aborted
    assert fs.read_bytes(path) == whole
    assert struct.calcsize(">hqqqq") == len(whole)


def test_a_wrong_transaction_index_is_found_as_it_is_read_and_made_anew_as_the_log_is_opened(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS)
    append(log, batch(3, producer=7, transactional=True))
    marker = parse_batches(end_transaction_batch(EndTransactionMarker(False, 1), NOW_MS, 7, 0))
    log.append_as_leader([marker], 0, NOW_MS, from_client=False)
    log.advance_high_watermark(4)
    log.roll(NOW_MS)
    log.flush()
    aborted = log.read_committed(0, 1000).aborted
    path = path_of(log, 0, TRANSACTION_INDEX)
    flip(fs, path, 9)  # another producer's
    with pytest.raises(KafkaStorageError, match="isn't as it was written: it is made anew"):
        log.read_committed(0, 1000)
    log.shut()
    after = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS, recovery_point=log.recovery_point, high_watermark=4)
    assert after.read_committed(0, 1000).aborted == aborted


def test_what_is_cut_or_appended_while_a_scrub_is_under_way_is_not_taken_for_rot(fs: FileSystem) -> None:
    log = opened(fs)
    scrub = Scrub(log)
    steps = 0
    while (work := scrub.next_work()) is not None:
        steps += 1
        if steps == 3:
            log.truncate_to(90)
            for _ in range(30):
                append(log, batch(3, timestamp=NOW_MS + 2000), leader_epoch=1)
        elif steps == 6:
            log.advance_high_watermark(log.end_offset)
            log.advance_start_offset(80)
        work.run()
        work.done(None)
    assert scrub.wrong == []
    assert scrubbed(log).wrong == []


def test_a_disk_that_cannot_be_read_closes_the_log() -> None:
    faulty = FaultyFileSystem(MemoryFileSystem())
    log = opened(faulty)
    faulty.fail("read", "*.log")
    scrubbed(log)
    assert log.failure is not None
    assert "couldn't read orders-0" in log.failure
