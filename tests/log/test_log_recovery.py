"""What a crash leaves behind, byte by byte, is made sound; doing it twice changes nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log.batching import NOW_MS, append, batch, everything, small_config, stamped
from present import present

from kstore.fs import FileSystem, MemoryFileSystem
from kstore.log import Log, LogConfig
from kstore.log.damage import LogDamaged
from kstore.log.names import INDEX, LOG, TIME_INDEX, segment_file

PATH = "orders-0"
CONFIG = small_config()


def crashed(fs: FileSystem, batches: int = 12, **changes: Any) -> Log:
    """A log that was never closed: what it wrote is there, what it only knew isn't."""
    log = Log.open(fs, PATH, small_config(**changes), now_ms=NOW_MS)
    for number in range(batches):
        append(log, batch(3, producer=7, sequence=number * 3, timestamp=NOW_MS + number), leader_epoch=number // 5)
    return log


def copy(fs: MemoryFileSystem) -> MemoryFileSystem:
    twin = MemoryFileSystem()
    for folder in fs.listdir():
        twin.mkdir(folder)
        for name in fs.listdir(folder):
            twin.replace(f"{folder}/{name}", fs.read_bytes(f"{folder}/{name}"))
    return twin


def files(fs: FileSystem) -> dict[str, bytes]:
    return {name: fs.read_bytes(f"{PATH}/{name}") for name in fs.listdir(PATH)}


def reopen(fs: FileSystem, config: LogConfig = CONFIG, **rest: Any) -> Log:
    return Log.open(fs, PATH, config, now_ms=NOW_MS, **rest)


def state(log: Log) -> tuple[Any, ...]:
    return (
        log.end_offset,
        log.epochs.entries,
        [(entry.producer_id, entry.epoch, entry.window) for entry in log.producers],
        everything(log),
    )


def last_file(fs: FileSystem) -> str:
    return f"{PATH}/{max(name for name in fs.listdir(PATH) if name.endswith(LOG))}"


def test_a_log_that_was_not_closed_is_found_as_it_was(fs: FileSystem) -> None:
    before = crashed(fs)
    after = reopen(fs)
    assert state(after) == state(before)
    assert after.recovery.cut_bytes == 0
    assert after.recovery.walked_segments == len(after.segments)
    assert append(after, batch(3, producer=7, sequence=36), leader_epoch=3).first_offset == 36


def test_a_torn_tail_is_cut_at_the_last_whole_batch_wherever_it_was_torn() -> None:
    whole = MemoryFileSystem()
    log = crashed(whole)
    last = log.segments.active
    complete = whole.size(last_file(whole))
    sizes = [each.size_bytes for each in last.batches(0)]
    before_last = complete - sizes[-1]
    for cut in range(before_last, complete):
        fs = copy(whole)
        fs.open(last_file(fs)).truncate(cut)
        after = reopen(fs)
        assert (after.end_offset, fs.size(last_file(fs))) == (33, before_last)
        assert after.recovery.cut_bytes == cut - before_last
        assert after.latest_epoch == 2
        assert present(after.producers.get(7)).window[-1].last_sequence == 32
        assert append(after, batch(3, producer=7, sequence=33), leader_epoch=3).first_offset == 33
        assert everything(after)[:-1] == everything(log)[:-1]


def test_a_torn_batch_behind_deleted_offsets_is_cut_where_nothing_durable_is_left() -> None:
    fs = MemoryFileSystem()
    log = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS)
    log.append_as_follower([stamped(5, 3)], NOW_MS)
    size = fs.size(last_file(fs))
    fs.open(last_file(fs)).truncate(size - 1)
    after = reopen(fs, recovery_point=5, start_offset=5)
    assert (after.start_offset, after.end_offset) == (5, 5)
    fs.replace(last_file(fs), b"short")
    with pytest.raises(LogDamaged, match="though it was on the disk up to 6"):
        reopen(fs, recovery_point=6, start_offset=5)


def test_a_flipped_byte_in_the_last_batch_that_its_checksum_covers_cuts_it_off() -> None:
    whole = MemoryFileSystem()
    log = crashed(whole)
    size = list(log.segments.active.batches(0))[-1].size_bytes
    complete = whole.size(last_file(whole))
    for at in range(16, size):
        fs = copy(whole)
        flipped = bytearray(fs.read_bytes(last_file(fs)))
        flipped[complete - size + at] ^= 0x10
        fs.replace(last_file(fs), bytes(flipped))
        after = reopen(fs)
        assert after.end_offset == 33
        assert after.recovery.cut_offset == 33
        assert everything(after) == everything(log)[:-1]


@given(st.integers(0, 4000), st.integers(0, 255), st.booleans())
def test_damage_anywhere_never_leaves_more_than_a_sound_beginning(place: int, value: int, clean: bool) -> None:
    fs = MemoryFileSystem()
    log = crashed(fs)
    expected = everything(log)
    if clean:
        log.close()
    names = sorted(name for name in fs.listdir(PATH) if name.endswith(LOG))
    name = f"{PATH}/{names[place % len(names)]}"
    damaged = bytearray(fs.read_bytes(name))
    damaged[place % len(damaged)] = value
    fs.replace(name, bytes(damaged))
    after = reopen(fs)
    found = [(each.header[16:], bytes(each.payload)) for each in after.batches(0)]
    assert found == [(each[16:61], each[61:]) for each in expected][: len(found)]
    again = state(reopen(fs))
    assert again == state(after)


def test_what_lies_behind_a_damaged_batch_goes_with_it(fs: FileSystem) -> None:
    log = crashed(fs)
    second = list(log.segments)[1]
    position = next(second.batches(0)).size_bytes
    flipped = bytearray(fs.read_bytes(second.file.path))
    flipped[position + 80] ^= 1
    cut_at = second.base_offset + 3
    fs.replace(second.file.path, bytes(flipped))
    after = reopen(fs)
    assert after.end_offset == cut_at
    assert after.recovery.removed_segments == len(log.segments) - 2
    assert not [name for name in fs.listdir(PATH) if name.endswith(".deleted")]
    assert max(offset for offset in after.segments.snapshot_offsets()) <= cut_at


def test_recovery_begins_at_the_recovery_point(fs: FileSystem) -> None:
    log = crashed(fs)
    bases = log.segments.base_offsets
    log.flush()
    after = reopen(fs, recovery_point=bases[2] + 1)
    assert after.recovery.walked_segments == len(bases) - 2
    assert after.recovery_point == bases[2] + 1
    assert state(after) == state(log)


def test_a_crash_at_any_step_of_recovery_changes_nothing_in_the_end() -> None:
    whole = MemoryFileSystem()
    log = crashed(whole)
    third = list(log.segments)[2]
    damaged = bytearray(whole.read_bytes(third.file.path))
    damaged[-1] ^= 1
    whole.replace(third.file.path, bytes(damaged))
    expected = state(reopen(copy(whole)))
    for steps in range(200):
        fs: Any = Stopping(copy(whole), steps)
        try:
            reopen(fs)
        except PowerCut:
            assert state(reopen(fs.disk)) == expected
        else:
            assert steps > 10
            break
    else:
        pytest.fail("recovery took more than 200 changes of the disk")


class PowerCut(BaseException):
    """The process is gone."""


class Stopping:
    """A file system that changes so many times, and then no more."""

    def __init__(self, disk: MemoryFileSystem, changes: int) -> None:
        self.disk = disk
        self.changes = changes

    def __getattr__(self, name: str) -> object:
        member = getattr(self.disk, name)
        if name not in {"open", "replace", "rename", "unlink", "remove_tree", "mkdir"}:
            return member

        def change(*args: object, **rest: Any) -> object:
            if name != "open":
                self.count()
            made = member(*args, **rest)
            return StoppingFile(self, made) if name == "open" else made

        return change

    def count(self) -> None:
        if not self.changes:
            raise PowerCut
        self.changes -= 1


class StoppingFile:
    def __init__(self, fs: Stopping, file: object) -> None:
        self.fs = fs
        self.file = file

    def __getattr__(self, name: str) -> object:
        if name in {"append", "truncate"}:
            self.fs.count()
        return getattr(self.file, name)


@pytest.mark.parametrize("suffix", [INDEX, TIME_INDEX])
@pytest.mark.parametrize("damage", ["missing", "torn", "zeros"])
@pytest.mark.parametrize("clean", [True, False])
def test_a_lost_or_wrong_index_is_built_anew(fs: FileSystem, suffix: str, damage: str, clean: bool) -> None:
    log = crashed(fs)
    log.close()
    expected = files(fs)
    path = f"{PATH}/{segment_file(log.segments.base_offsets[1], suffix)}"
    good = fs.read_bytes(path)
    assert good
    if damage == "missing":
        fs.unlink(path)
    else:
        fs.replace(path, good[:-1] if damage == "torn" else bytes(len(good) if suffix == INDEX else 12 * 5))
    after = reopen(fs, clean=clean)
    if clean and damage != "zeros":
        assert after.recovery.rebuilt_indexes == 1
    after.close()
    assert files(fs)[path.removeprefix(f"{PATH}/")] in (good, expected)


def test_a_lost_or_wrong_epoch_file_is_built_anew(fs: FileSystem) -> None:
    log = crashed(fs)
    log.close()
    expected = log.epochs.entries
    for broken in (None, b"", b"0\n9\n1 1\n", b"\xff\xfe", b"0\n1\nx y\n"):
        fs.unlink(log.epochs.path) if broken is None else fs.replace(log.epochs.path, broken)
        assert reopen(fs, clean=True).epochs.entries == expected
        assert fs.read_bytes(log.epochs.path).startswith(b"0\n3\n")


def test_epochs_beyond_the_end_of_the_log_are_forgotten(fs: FileSystem) -> None:
    log = crashed(fs)
    log.assign_epoch(9, log.end_offset)
    assert log.latest_epoch == 9
    assert reopen(fs).latest_epoch == 2


def test_a_broken_snapshot_is_passed_over_and_the_log_replayed_from_an_earlier_one(fs: FileSystem) -> None:
    log = crashed(fs)
    newest = max(log.segments.snapshot_offsets())
    path = log.segments.snapshot_path(newest)
    fs.replace(path, fs.read_bytes(path)[:-1])
    after = reopen(fs)
    assert after.recovery.replayed_from is not None
    assert after.recovery.replayed_from < newest
    assert state(after) == state(log)


def test_snapshots_beyond_the_end_of_the_log_are_removed(fs: FileSystem) -> None:
    log = crashed(fs)
    fs.replace(log.segments.snapshot_path(1000), b"whatever")
    assert max(reopen(fs).segments.snapshot_offsets()) < 1000


def test_what_a_deletion_or_a_replacement_left_over_is_swept(fs: FileSystem) -> None:
    crashed(fs)
    for name in ("00000000000000000000.log.deleted", "x.tmp", "00000000000000000900.index", "a.cleaned"):
        fs.replace(f"{PATH}/{name}", b"left over")
    reopen(fs)
    assert not [name for name in fs.listdir(PATH) if fs.read_bytes(f"{PATH}/{name}") == b"left over"]


def test_a_log_that_ends_before_its_start_offset_begins_there_anew(fs: FileSystem) -> None:
    crashed(fs)
    after = reopen(fs, start_offset=500)
    assert (after.start_offset, after.end_offset, after.latest_epoch) == (500, 500, -1)
    assert len(after.producers) == 0
    assert append(after, batch(2)).first_offset == 500


def test_after_a_clean_stop_nothing_is_walked(fs: FileSystem) -> None:
    log = crashed(fs)
    log.close()
    after = reopen(fs, clean=True)
    assert after.recovery.walked_segments == 0
    assert after.recovery_point == after.end_offset == 36
    assert state(after)[3] == state(log)[3]
    assert append(after, batch(3, producer=7, sequence=33), leader_epoch=3).duplicate
    assert append(after, batch(3, producer=7, sequence=36), leader_epoch=3).first_offset == 36
