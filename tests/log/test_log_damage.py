"""Files that changed while nobody looked: indexes are built anew, batches that were on the disk are never let go of."""

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log.batching import NOW_MS, append, batch, content, everything, small_config

from kstore.errors import KafkaStorageError
from kstore.fs import FileSystem, MemoryFileSystem
from kstore.log import Log, LogConfig, LogDamaged
from kstore.log.names import INDEX, LOG, TIME_INDEX, segment_file

PATH = "orders-0"
CONFIG = small_config()


def stopped(fs: FileSystem, batches: int = 12) -> Log:
    """A log of several segments after a clean stop."""
    log = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS)
    for number in range(batches):
        append(log, batch(3, producer=7, sequence=number * 3, timestamp=NOW_MS + number), leader_epoch=number // 5)
    log.close()
    assert len(log.segments) > 3
    return log


def reopen(fs: FileSystem, config: LogConfig = CONFIG, *, clean: bool = True, point: int = 0, start: int = 0) -> Log:
    return Log.open(fs, PATH, config, now_ms=NOW_MS, clean=clean, recovery_point=point, start_offset=start)


def path_of(log: Log, number: int, suffix: str = LOG) -> str:
    return f"{PATH}/{segment_file(log.segments.base_offsets[number], suffix)}"


def flip(fs: FileSystem, path: str, at: int) -> None:
    data = bytearray(fs.read_bytes(path))
    data[at] ^= 1
    fs.replace(path, bytes(data))


def batches_of(fs: FileSystem) -> dict[str, bytes]:
    return {name: fs.read_bytes(f"{PATH}/{name}") for name in fs.listdir(PATH) if name.endswith(LOG)}


def is_whole(log: Log, expected: list[bytes]) -> None:
    """Every batch is there, is found by its offset, and the log goes on behind the last one."""
    assert everything(log) == expected
    for offset in range(log.end_offset):
        assert content(log.read(offset, 1)) == expected[offset // 3]
    assert append(log, batch(3, producer=7, sequence=log.end_offset), leader_epoch=3).first_offset == len(expected) * 3


def grow(fs: FileSystem, path: str, entry: bytes) -> None:
    fs.replace(path, fs.read_bytes(path) + entry)


def beyond_the_end(fs: FileSystem, log: Log) -> None:
    grow(fs, path_of(log, -1, INDEX), struct.pack(">ii", 90, 9_000))


def beyond_the_last_offset(fs: FileSystem, log: Log) -> None:
    position = list(log.segments)[-1].tail()[0]
    grow(fs, path_of(log, -1, INDEX), struct.pack(">ii", 90, max(position, 1)))


def beyond_a_closed_segment(fs: FileSystem, log: Log) -> None:
    grow(fs, path_of(log, 1, INDEX), struct.pack(">ii", 90, 9_000))


def between_two_batches(fs: FileSystem, log: Log) -> None:
    fs.replace(path_of(log, 1, INDEX), struct.pack(">ii", 5, 7))


def too_soon(fs: FileSystem, log: Log) -> None:
    """The place of the third batch, as if it were the second one's."""
    second = list(list(log.segments)[1].batches(0))
    fs.replace(path_of(log, 1, INDEX), struct.pack(">ii", 3, second[0].size_bytes + second[1].size_bytes))


def out_of_order(fs: FileSystem, log: Log) -> None:
    second = list(list(log.segments)[1].batches(0))
    entry = struct.pack(">ii", 5, second[0].size_bytes)
    fs.replace(path_of(log, 1, INDEX), entry + entry)


def later_than_the_last_record(fs: FileSystem, log: Log) -> None:
    grow(fs, path_of(log, -1, TIME_INDEX), struct.pack(">qi", NOW_MS + 900, 900))


def times_out_of_order(fs: FileSystem, log: Log) -> None:
    fs.replace(path_of(log, 1, TIME_INDEX), struct.pack(">qiqi", NOW_MS + 9, 2, NOW_MS, 3))


@pytest.mark.parametrize(
    "damage",
    [
        beyond_the_end,
        beyond_the_last_offset,
        beyond_a_closed_segment,
        between_two_batches,
        too_soon,
        out_of_order,
        later_than_the_last_record,
        times_out_of_order,
    ],
)
def test_an_index_that_its_segment_does_not_bear_out_is_built_anew(
    fs: FileSystem, damage: Callable[[FileSystem, Log], None]
) -> None:
    log = stopped(fs)
    expected, before = everything(log), batches_of(fs)
    indexes = {name: fs.read_bytes(f"{PATH}/{name}") for name in fs.listdir(PATH) if name.endswith(INDEX)}
    damage(fs, log)
    after = reopen(fs)
    assert after.recovery.rebuilt_indexes == 1
    assert {name: fs.read_bytes(f"{PATH}/{name}") for name in indexes} == indexes
    assert batches_of(fs) == before
    is_whole(after, expected)


@pytest.mark.parametrize("suffix", [INDEX, TIME_INDEX])
def test_an_empty_last_segment_with_a_full_index_takes_appends(fs: FileSystem, suffix: str) -> None:
    log = stopped(fs)
    expected = everything(log)
    log.roll(NOW_MS)
    log.close()
    grow(fs, path_of(log, -1, suffix), struct.pack(">ii" if suffix == INDEX else ">qi", 1, 1) * 10)
    after = reopen(fs)
    assert after.recovery.rebuilt_indexes == 1
    assert fs.size(path_of(log, -1, suffix)) == 0
    is_whole(after, expected)


@given(st.integers(1, 60), st.integers(0, 700), st.booleans())
def test_whatever_an_index_says_every_batch_is_found(offset: int, position: int, known: bool) -> None:
    """Also one that was believed, as it came to be wrong only while the log was in use."""
    fs = MemoryFileSystem()
    log = stopped(fs)
    expected = everything(log)
    first = log.segments.first
    if known:
        fs.replace(path_of(log, 0, INDEX), struct.pack(">ii", offset, position))
        log = reopen(fs)
    else:
        log = reopen(fs)
        index = log.segments.first.offset_index
        index.reset()
        index.append(offset, min(position, first.size_bytes - 1))
    is_whole(log, expected)


def middle_gone(fs: FileSystem, log: Log) -> None:
    fs.unlink(path_of(log, 1))


def middle_cut(fs: FileSystem, log: Log) -> None:
    fs.replace(path_of(log, 1), fs.read_bytes(path_of(log, 1))[:-9])


def middle_cut_between_batches(fs: FileSystem, log: Log) -> None:
    position = list(log.segments)[1].tail()[0]
    fs.replace(path_of(log, 1), fs.read_bytes(path_of(log, 1))[:position])


def middle_empty(fs: FileSystem, log: Log) -> None:
    fs.replace(path_of(log, 1), b"")


def middle_zeros(fs: FileSystem, log: Log) -> None:
    fs.replace(path_of(log, 1), bytes(fs.size(path_of(log, 1))))
    for offset in log.segments.snapshot_offsets():
        fs.unlink(log.segments.snapshot_path(offset))
    fs.unlink(log.epochs.path)


def end_torn(fs: FileSystem, log: Log) -> None:
    fs.replace(path_of(log, -1), fs.read_bytes(path_of(log, -1))[:-9])


def segments_swapped(fs: FileSystem, log: Log) -> None:
    one, other = fs.read_bytes(path_of(log, 0)), fs.read_bytes(path_of(log, 1))
    fs.replace(path_of(log, 0), other)
    fs.replace(path_of(log, 1), one)


def a_segment_twice(fs: FileSystem, log: Log) -> None:
    """Offsets that the one before has as well."""
    base = log.segments.base_offsets[1]
    fs.replace(f"{PATH}/{segment_file(base - 3, LOG)}", fs.read_bytes(path_of(log, 1)))


def a_foreign_segment(fs: FileSystem, log: Log) -> None:
    fs.replace(f"{PATH}/{segment_file(900, LOG)}", b"whatever it is")


DAMAGES = [
    middle_gone,
    middle_cut,
    middle_cut_between_batches,
    middle_empty,
    middle_zeros,
    end_torn,
    segments_swapped,
    a_segment_twice,
    a_foreign_segment,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_log_that_lost_what_was_on_the_disk_is_not_opened_and_stays_as_it_is(
    fs: FileSystem, damage: Callable[[FileSystem, Log], None]
) -> None:
    log = stopped(fs)
    damage(fs, log)
    before = batches_of(fs)
    for clean in (True, False) if damage is not a_foreign_segment else (True,):
        with pytest.raises(LogDamaged) as refusal:
            reopen(fs, clean=clean, point=log.end_offset if damage is not end_torn else 34)
        assert PATH in str(refusal.value)
        assert batches_of(fs) == before


@pytest.mark.parametrize("damage", [middle_gone, middle_empty, middle_cut_between_batches, a_segment_twice])
def test_after_a_crash_what_may_not_have_been_on_the_disk_is_cut(
    fs: FileSystem, damage: Callable[[FileSystem, Log], None]
) -> None:
    log = stopped(fs)
    expected = everything(log)
    damage(fs, log)
    after = reopen(fs, clean=False, point=3)
    assert after.end_offset <= log.segments.base_offsets[2]
    assert everything(after) == expected[: after.end_offset // 3]


def test_a_wrong_byte_below_the_recovery_point_is_no_torn_tail(fs: FileSystem) -> None:
    log = stopped(fs)
    flip(fs, path_of(log, 1), 80)
    base = log.segments.base_offsets[1]
    before = batches_of(fs)
    with pytest.raises(LogDamaged, match=f"{PATH} is damaged at offset {base}, though it was on the disk up to"):
        reopen(fs, clean=False, point=base + 1)
    assert batches_of(fs) == before
    assert reopen(fs, clean=False, point=base).end_offset == base


@pytest.mark.parametrize("at", [0, 4, 6, 7, 12, 14])
@pytest.mark.parametrize("durable", [True, False])
def test_a_wrong_offset_or_epoch_is_found_by_recovery(fs: FileSystem, at: int, durable: bool) -> None:
    """They aren't under the checksum."""
    log = stopped(fs)
    expected = everything(log)
    segment = list(log.segments)[1]
    first = next(segment.batches(0))
    flip(fs, segment.file.path, first.size_bytes + at)
    wrong = first.last_offset + 1
    if durable:
        with pytest.raises(LogDamaged):
            reopen(fs, clean=False, point=wrong + 1)
    else:
        after = reopen(fs, clean=False, point=wrong)
        assert after.end_offset == wrong
        assert everything(after) == expected[: wrong // 3]


def test_segments_that_a_cleaner_thinned_out_may_have_gaps_between_them(fs: FileSystem) -> None:
    log = stopped(fs)
    fs.unlink(path_of(log, 1))
    assert reopen(fs, small_config(compacted=True)).end_offset == log.end_offset


def test_a_topic_that_is_no_longer_compacted_may_have_gaps_between_its_segments(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS)
    offset = 0
    while len(log.segments) < 4:
        log.append_as_follower([batch(2).stamped(offset, 0)], NOW_MS)
        offset += 5
    log.close()
    fs.unlink(path_of(log, 1))
    assert reopen(fs).end_offset == log.end_offset


def test_a_recovery_point_beyond_the_end_means_that_everything_is_walked(fs: FileSystem) -> None:
    log = stopped(fs)
    expected = everything(log)
    after = reopen(fs, clean=False, point=1 << 40)
    assert after.recovery.walked_segments >= len(log.segments)
    assert after.recovery_point <= log.end_offset
    is_whole(after, expected)


def test_a_start_offset_beyond_the_end_after_a_clean_stop_is_not_believed(fs: FileSystem) -> None:
    log = stopped(fs)
    expected = everything(log)
    after = reopen(fs, start=1 << 40)
    assert (after.start_offset, after.end_offset) == (0, log.end_offset)
    is_whole(after, expected)


def test_a_high_watermark_beyond_the_end_ends_with_the_log(fs: FileSystem) -> None:
    log = stopped(fs)
    after = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS, clean=True, high_watermark=1 << 40)
    assert after.high_watermark == log.end_offset


def test_an_epoch_file_that_lacks_the_latest_epoch_is_built_anew(fs: FileSystem) -> None:
    log = stopped(fs)
    fs.replace(log.epochs.path, b"0\n1\n0 0\n")
    assert reopen(fs).epochs.entries == log.epochs.entries


@pytest.mark.parametrize("suffix", [LOG, INDEX, TIME_INDEX])
def test_a_folder_where_a_file_should_be_is_named(fs: FileSystem, suffix: str) -> None:
    log = stopped(fs)
    path = path_of(log, 1, suffix)
    fs.unlink(path)
    fs.mkdir(path)
    with pytest.raises(KafkaStorageError, match=PATH):
        reopen(fs)
