"""Bytes that a disk gave back otherwise than it took them: found when they are read from the file, never given out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log.batching import NOW_MS, append, batch, content, everything, small_config

from kstore.fs import FileSystem, MemoryFileSystem
from kstore.log import Log, LogDamaged
from kstore.log.extents import EXTENTS_MAX, Extents

PATH = "orders-0"
CONFIG = small_config(segment_bytes=2000)


def reopened(fs: FileSystem, batches: int = 40) -> tuple[Log, list[bytes]]:
    """A log after a clean stop and a start: nothing of it is in memory."""
    log = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS)
    for number in range(batches):
        append(log, batch(3, timestamp=NOW_MS + number))
    expected = everything(log)
    log.close()
    return Log.open(fs, PATH, CONFIG, now_ms=NOW_MS, clean=True), expected


def flip(fs: FileSystem, log: Log, offset: int, at: int = 70) -> None:
    """A wrong bit in the batch with an offset, in the file that the log has open."""
    segment = log.segments.from_offset(offset)[0]
    place = segment.find(offset)
    assert place is not None
    data = bytearray(fs.read_bytes(segment.file.path))
    data[place[0] + at] ^= 4
    file = fs.open(segment.file.path)
    file.truncate(0)
    file.append([bytes(data)], len(data))


def test_a_flipped_byte_is_never_given_out_and_what_lies_before_it_is(fs: FileSystem) -> None:
    log, expected = reopened(fs)
    flip(fs, log, 60)
    assert content(log.read(57, 1)) == expected[19]
    with pytest.raises(
        LogDamaged, match=f"{PATH} is damaged: the checksum or place of the batch at offset 60 is wrong"
    ):
        log.read(60, 1)
    assert content(log.read(54, 100_000)) == expected[18] + expected[19]
    with pytest.raises(LogDamaged):
        everything(log)
    with pytest.raises(LogDamaged):
        log.offset_for_timestamp(NOW_MS + 22)


def test_what_lies_between_two_wrong_batches_of_a_segment_is_given_out(fs: FileSystem) -> None:
    config = small_config(segment_bytes=1 << 20, hot_tail_bytes=0)
    log = Log.open(fs, PATH, config, now_ms=NOW_MS)
    for number in range(40):
        append(log, batch(3, timestamp=NOW_MS + number))
    expected = everything(log)
    log.close()
    log = Log.open(fs, PATH, config, now_ms=NOW_MS, clean=True)
    flip(fs, log, 15)
    flip(fs, log, 90)
    for _ in range(2):
        for offset in (15, 90):
            with pytest.raises(LogDamaged, match=f"the batch at offset {offset} is wrong"):
                log.read(offset, 1 << 20)
        for offset, end in ((0, 15), (18, 90), (60, 90), (87, 90), (93, 120)):
            assert content(log.read(offset, 1 << 20)) == b"".join(expected[offset // 3 : end // 3])


@pytest.mark.parametrize("at", [21, 26, 34, 57, 61, 100])
def test_any_byte_under_the_checksum_is_looked_at(fs: FileSystem, at: int) -> None:
    log, _ = reopened(fs)
    flip(fs, log, 60, at)
    with pytest.raises(LogDamaged):
        content(log.read(60, 1))


@pytest.mark.parametrize("at", [0, 4, 7, 12, 15])
@pytest.mark.parametrize("asked", [48, 57, 60, 61, 62])
def test_offsets_and_epochs_that_fall_are_damage(fs: FileSystem, at: int, asked: int) -> None:
    """They aren't under the checksum."""
    log, expected = reopened(fs)
    flip(fs, log, 60, at)
    if asked < 60:
        try:
            found = content(log.read(asked, 2000))
        except LogDamaged:
            assert asked == 57  # which of two neighbours is wrong can't always be told
        else:
            assert b"".join(expected[asked // 3 : 20]).startswith(found)
    else:
        with pytest.raises(LogDamaged):
            log.read(asked, 2000)


@pytest.mark.parametrize("at", [8, 16])
def test_a_header_that_cannot_be_is_damage(fs: FileSystem, at: int) -> None:
    log, _ = reopened(fs)
    flip(fs, log, 60, at)
    with pytest.raises(LogDamaged):
        content(log.read(60, 1))


def test_a_region_is_looked_at_once(fs: FileSystem) -> None:
    """What was right as it was first read is in the page cache; looking again would find nothing new."""
    log, expected = reopened(fs)
    assert everything(log) == expected
    flip(fs, log, 60)
    assert content(log.read(57, 1)) == expected[19]
    assert content(log.read(60, 1)) != expected[20]


def test_what_was_cut_and_appended_anew_is_looked_at_again(fs: FileSystem) -> None:
    log, _ = reopened(fs)
    everything(log)
    log.truncate_to(90)
    for number in range(10):
        append(log, batch(3, timestamp=NOW_MS + number, fill=b"w"))
    log.hot.clear()
    flip(fs, log, 96)
    content(log.read(93, 1))
    if fs.in_memory:  # it went to no disk
        assert log.read(96, 1).size_bytes
        return
    with pytest.raises(LogDamaged):
        log.read(96, 1)


def test_what_was_appended_to_memory_is_looked_at_when_that_is_opened_again_as_a_disk_is() -> None:
    fs = MemoryFileSystem()
    log = Log.open(fs, PATH, small_config(segment_bytes=2000, hot_tail_bytes=0), now_ms=NOW_MS)
    for number in range(40):
        append(log, batch(3, timestamp=NOW_MS + number))
    flip(fs, log, 60)
    assert log.read(60, 1).size_bytes
    log.close()
    with pytest.raises(LogDamaged):
        Log.open(fs, PATH, CONFIG, now_ms=NOW_MS, clean=True).read(60, 1)


def test_the_hot_tail_is_not_looked_at(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS)
    info = append(log, batch(3))
    flip(fs, log, info.first_offset)
    assert content(log.read(0, 1)) == info.batches[0].to_bytes()


def test_a_batch_larger_than_what_is_read_at_once_is_looked_at(fs: FileSystem) -> None:
    large = small_config(segment_bytes=20 << 20, max_message_bytes=10 << 20)
    log = Log.open(fs, PATH, large, now_ms=NOW_MS)
    append(log, batch(1, size=9 << 20))
    append(log, batch(1))
    log.close()
    log = Log.open(fs, PATH, large, now_ms=NOW_MS, clean=True)
    assert log.read(0, 1).size_bytes > 9 << 20
    log = Log.open(fs, PATH, large, now_ms=NOW_MS, clean=True)
    flip(fs, log, 0, 8 << 20)
    with pytest.raises(LogDamaged):
        log.read(0, 1)


RANGES = st.lists(st.tuples(st.sampled_from(["add", "cut", "missing"]), st.integers(0, 60), st.integers(1, 20)))


@given(RANGES)
def test_extents_know_what_a_set_would(steps: list[tuple[str, int, int]]) -> None:
    known, model = Extents(), set[int]()
    for step, start, length in steps:
        if step == "add":
            known.add(start, start + length)
            model |= set(range(start, start + length))
        elif step == "cut":
            known.cut(start)
            model = {each for each in model if each < start}
        missing = [place for begin, end in known.missing(start, start + length) for place in range(begin, end)]
        assert missing == [place for place in range(start, start + length) if place not in model]


def test_extents_far_apart_are_forgotten_instead_of_kept_without_end() -> None:
    known = Extents()
    for number in range(1000):
        known.add(number * 10, number * 10 + 5)
    assert len(known) == EXTENTS_MAX
    assert known.missing(9990, 9995) == []
    known.add(0, 5)
    assert len(known) == EXTENTS_MAX
    assert known.missing(0, 5) == []
