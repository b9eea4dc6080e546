"""``verify`` finds what is wrong in a log's folder, says where, and finds nothing in one that is sound."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log import compacted
from log.batching import NOW_MS, append, batch, content, small_config
from log.rot import PAGE_BYTES, flip, overwrite, tear

from kstore.fs import FileSystem, MemoryFileSystem
from kstore.log import Log
from kstore.log.names import INDEX, LOG, TIME_INDEX, TRANSACTION_INDEX, segment_file
from kstore.log.verify import LogCheck, verify
from kstore.records import parse_batches
from kstore.records.control import ControlType, EndTransactionMarker, control_batch, end_transaction_batch

PATH = "orders-0"
CONFIG = small_config(segment_bytes=3000, index_interval_bytes=300)


def stopped(fs: FileSystem, *, size: int = 20, config=CONFIG, batches: int = 40) -> Log:
    """A log of several segments and leader epochs, closed."""
    log = Log.open(fs, PATH, config, now_ms=NOW_MS)
    for number in range(batches):
        one = batch(3, size=size, producer=7, sequence=number * 3, timestamp=NOW_MS + number * 10)
        if not number % 10:
            log.assign_epoch(number // 10, log.end_offset)
        append(log, one, leader_epoch=number // 10)
    log.close()
    assert len(log.segments) > 2
    return log


def path_of(log: Log, number: int, suffix: str = LOG) -> str:
    return f"{PATH}/{segment_file(log.segments.base_offsets[number], suffix)}"


def answers(fs: FileSystem) -> list[object]:
    """What a log that is opened anew says of each of its offsets and timestamps."""
    log = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS, clean=True)
    reads = [content(log.read(offset, 1)) for offset in range(log.end_offset)]
    found: list[object] = [*reads, *(log.offset_for_timestamp(NOW_MS + number) for number in range(420))]
    log.shut()
    return found


def test_a_sound_log_has_nothing_wrong(fs: FileSystem) -> None:
    log = stopped(fs)
    assert verify(fs, PATH) == []
    check = LogCheck(fs, PATH, epochs=log.epochs.entries, is_dense=True)
    while check.step():
        pass
    assert (check.wrong, check.first_unsound, check.end_offset) == ([], None, log.end_offset)


def test_gaps_between_segments_are_a_loss_but_in_a_log_that_was_once_compacted(fs: FileSystem) -> None:
    log = compacted.opened(fs)
    for key in (b"x", b"x", b"b", b"a"):
        compacted.put(log, (key, b"v" * 30))
    compacted.roll(log)
    compacted.put(log, (b"a", b"v" * 300))
    compacted.roll(log)
    compacted.compact(log)
    log.close()
    assert [(each.base_offset, each.end_offset()) for each in log.segments] == [(0, 3), (4, 5), (5, 5)]
    check = LogCheck(fs, PATH, is_dense=True)
    while check.step():
        pass
    assert (check.wrong, check.first_unsound, check.end_offset) == ([], None, 5)


def test_a_segment_that_is_gone_is_a_loss_in_a_log_that_was_never_compacted(fs: FileSystem) -> None:
    log = stopped(fs)
    for path in list(log.segments)[1].paths():
        if fs.exists(path):
            fs.unlink(path)
    gone, after = log.segments.base_offsets[1:3]
    check = LogCheck(fs, PATH, is_dense=True)
    while check.step():
        pass
    assert [each.offset for each in check.wrong] == [gone]
    assert (check.first_unsound, check.end_offset) == (after, gone)


def test_a_log_that_is_open_and_written_to_has_nothing_wrong(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS)
    check = LogCheck(fs, PATH)
    for number in range(60):
        append(log, batch(3, timestamp=NOW_MS + number))
        if number > 20:
            check.step()
    while check.step():
        pass
    assert check.wrong == []


@given(st.data())
def test_each_flipped_bit_of_the_batches_is_found_in_its_batch(data: st.DataObject) -> None:
    fs = MemoryFileSystem()
    log = stopped(fs, batches=50)
    number = data.draw(st.integers(0, len(log.segments) - 1))
    segment = list(log.segments)[number]
    found = list(segment.batches(0))
    at = data.draw(st.integers(0, segment.size_bytes - 1))
    flip(fs, path_of(log, number), at, data.draw(st.integers(0, 7)))
    check = LogCheck(fs, PATH, epochs=log.epochs.entries, is_dense=True)
    while check.step():
        pass
    wrong = [each for each in check.wrong if each.path == path_of(log, number)]
    position = 0
    for each in found:
        if position <= at < position + each.size_bytes:
            break
        position += each.size_bytes
    in_header = at - position < 27  # a wrong length hides its neighbours, a wrong offset looks like theirs
    assert wrong, (at - position, check.wrong)
    near = each.size_bytes * 2 if in_header else 0
    assert any(position - near <= one.start <= position + near and one.end > at - near for one in wrong)
    assert check.first_unsound == segment.base_offset


@given(st.integers(0, 12), st.integers(0, 3))
def test_each_torn_page_is_found_and_what_lies_before_and_behind_it_is_not_wrong(page: int, number: int) -> None:
    fs = MemoryFileSystem()
    log = stopped(fs, size=600, config=small_config(segment_bytes=60_000, index_interval_bytes=4096), batches=90)
    number = min(number, len(log.segments) - 1)
    path = path_of(log, number)
    page = min(page, (fs.size(path) - 1) // PAGE_BYTES)
    tear(fs, path, page)
    wrong = [each for each in verify(fs, PATH) if each.path == path]
    assert len(wrong) == 1
    assert wrong[0].start <= page * PAGE_BYTES < wrong[0].end
    assert wrong[0].end - wrong[0].start <= 4 * PAGE_BYTES or wrong[0].end == fs.size(path)


@pytest.mark.parametrize("suffix", [INDEX, TIME_INDEX])
def test_each_flipped_bit_of_an_index_is_found_or_changes_no_answer(fs: FileSystem, suffix: str) -> None:
    log = stopped(fs)
    before = answers(fs)
    path = path_of(log, 1, suffix)
    whole = fs.read_bytes(path)
    for at in range(len(whole)):
        flip(fs, path, at, 0)
        wrong = verify(fs, PATH)
        assert all(each.path == path for each in wrong)
        if not wrong:
            assert answers(fs) == before  # a later offset or timestamp only has a look-up begin sooner
        fs.replace(path, whole)
    assert verify(fs, PATH) == []


def test_a_missing_index_and_one_that_is_not_whole_are_found(fs: FileSystem) -> None:
    log = stopped(fs)
    fs.unlink(path_of(log, 0, INDEX))
    path = path_of(log, 1, TIME_INDEX)
    fs.replace(path, fs.read_bytes(path)[:-5])
    assert {(each.path, each.reason) for each in verify(fs, PATH)} >= {
        (path_of(log, 0, INDEX), "the file is gone"),
        (path, "the last entry isn't whole"),
    }


def test_a_flipped_bit_of_a_snapshot_and_of_the_leader_epochs_is_found(fs: FileSystem) -> None:
    log = stopped(fs)
    snapshot = log.segments.snapshot_path(log.segments.snapshot_offsets()[0])
    flip(fs, snapshot, -1)
    overwrite(fs, log.epochs.path, fs.read_bytes(log.epochs.path).replace(b"\n2 60", b"\n2 70"))
    wrong = {each.path: each.reason for each in verify(fs, PATH)}
    assert wrong == {
        snapshot: "the checksum doesn't match",
        log.epochs.path: "by it the leader epoch of offset 60 is 1, not 2",
    }


def test_an_aborted_transaction_without_its_marker_is_found(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS)
    append(log, batch(3, producer=7, transactional=True))
    marker = parse_batches(end_transaction_batch(EndTransactionMarker(False, 1), NOW_MS, 7, 0))
    log.append_as_leader([marker], 0, NOW_MS, from_client=False)
    log.close()
    assert verify(fs, PATH) == []
    path = path_of(log, 0, TRANSACTION_INDEX)
    version, producer_id, first, last, stable = struct.unpack(">hqqqq", fs.read_bytes(path))
    overwrite(fs, path, struct.pack(">hqqqq", version, producer_id + 1, first, last, stable))
    assert [(each.path, each.offset) for each in verify(fs, PATH)] == [(path, 3)]


@given(st.data())
def test_whatever_the_files_hold_it_ends_and_reads_each_byte_a_few_times_at_most(data: st.DataObject) -> None:
    fs = MemoryFileSystem()
    log = stopped(fs)
    names = fs.listdir(PATH)
    for name in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True)):
        whole = fs.read_bytes(f"{PATH}/{name}")
        start = data.draw(st.integers(0, len(whole)))
        fs.replace(f"{PATH}/{name}", whole[:start] + data.draw(st.binary(max_size=200)) + whole[start + 7 :])
    check, steps = LogCheck(fs, PATH, epochs=log.epochs.entries), 0
    while check.step():
        steps += 1
        assert steps < 400
    assert all(0 <= each.start <= each.end for each in check.wrong)


def test_control_batches_that_end_no_transaction_are_sound(fs: FileSystem) -> None:
    log = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS)
    leader_change = control_batch(ControlType.LEADER_CHANGE, b"", NOW_MS, leader_epoch=0)
    log.append_as_follower(parse_batches(leader_change), NOW_MS)
    log.close()
    assert verify(fs, PATH) == []
