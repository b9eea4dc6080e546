"""The disk that forgets keeps what was synced, and of the rest whatever a real one might."""

from __future__ import annotations

import errno
from random import Random

import pytest

from kstore.fs import FileSystem
from kstore.fs.forgetful import SECTOR_BYTES, ForgetfulFileSystem

TRIES = 400


def held(fs: FileSystem, path: str = "") -> dict[str, bytes | None]:
    """All files and folders, by path; folders have no content."""
    found: dict[str, bytes | None] = {}
    for name in fs.listdir(path):
        below = f"{path}/{name}" if path else name
        try:
            found[below] = fs.read_bytes(below)
        except FileNotFoundError:
            found[below] = None
            found |= held(fs, below)
    return found


def put(fs: FileSystem, path: str, *pieces: bytes) -> None:
    file = fs.open(path, create=True)
    for piece in pieces:
        file.append([piece], len(piece))


def outcomes(fs: ForgetfulFileSystem, path: str) -> list[bytes | None]:
    """What a file may be after a power loss, None if it isn't there."""
    return [held(fs.power_loss(Random(number))).get(path) for number in range(TRIES)]


@pytest.fixture
def fs() -> ForgetfulFileSystem:
    """A folder with a file, both durable."""
    fs = ForgetfulFileSystem()
    fs.mkdir("a")
    put(fs, "a/log", b"x" * 700)
    fs.open("a/log").sync()
    fs.sync_dir("a")
    fs.sync_dir()
    return fs


def test_what_was_synced_is_there_after_every_power_loss(fs: ForgetfulFileSystem) -> None:
    put(fs, "a/log", b"y" * 3000)
    put(fs, "a/other", b"z")
    assert all(each is not None and each[:700] == b"x" * 700 for each in outcomes(fs, "a/log"))


def test_of_what_was_not_synced_all_or_nothing_or_any_part_is_there(fs: ForgetfulFileSystem) -> None:
    put(fs, "a/log", b"y" * 1000, b"z" * 1000)
    found = outcomes(fs, "a/log")
    whole = b"x" * 700 + b"y" * 1000 + b"z" * 1000
    assert whole in found
    assert whole[:700] in found
    assert any(each and each == whole[: len(each)] and 700 < len(each) < 1700 for each in found), "torn in the first"
    assert any(each and each == whole[: len(each)] and 1700 < len(each) < 2700 for each in found), "in the second"
    assert any(each and len(each) == 2700 and each != whole and each.endswith(b"z") for each in found), "out of order"
    assert any(each and len(each) == 2700 and each.endswith(b"\0") for each in found), "longer than its content"
    for each in found:
        assert each is not None
        for position in range(700, len(each)):
            assert each[position] in (whole[position], 0)
            if position % SECTOR_BYTES and position > 700:
                assert bool(each[position]) == bool(each[position - 1]), "a sector is written whole, or not"


def test_a_cut_that_was_not_synced_may_be_undone_and_its_bytes_mixed_with_newer_ones(fs: ForgetfulFileSystem) -> None:
    file = fs.open("a/log")
    file.truncate(100)
    file.append([b"n" * 2000], 2000)
    found = outcomes(fs, "a/log")
    assert b"x" * 700 in found
    assert b"x" * 100 + b"n" * 2000 in found
    assert b"x" * 100 in found
    assert any(each and b"n" in each and each.endswith(b"x") for each in found)
    assert all(each is not None and each.startswith(b"x" * 100) and len(each) >= 100 for each in found)
    file.sync()
    assert set(outcomes(fs, "a/log")) == {b"x" * 100 + b"n" * 2000}


def test_a_name_is_there_for_certain_once_its_folder_is_synced(fs: ForgetfulFileSystem) -> None:
    put(fs, "a/new", b"n")
    fs.open("a/new").sync()
    assert set(outcomes(fs, "a/new")) == {None, b"n"}
    fs.sync_dir()
    assert set(outcomes(fs, "a/new")) == {None, b"n"}, "the folder above has another's names"
    fs.sync_path_later("a")()
    assert set(outcomes(fs, "a/new")) == {b"n"}


def test_a_folder_that_was_not_synced_above_is_gone_with_all_that_is_synced_in_it() -> None:
    fs = ForgetfulFileSystem()
    fs.mkdir("a/b")
    fs.replace("a/b/note", b"n")
    assert set(outcomes(fs, "a/b/note")) == {None, b"n"}
    fs.sync_dir("a")
    fs.sync_dir()
    assert set(outcomes(fs, "a/b/note")) == {b"n"}


def test_a_replacement_is_the_old_content_or_the_new_and_without_a_sync_it_may_be_empty() -> None:
    fs = ForgetfulFileSystem()
    fs.replace("note", b"old")
    fs.replace("note", b"newer", sync=False)
    found = outcomes(fs, "note")
    assert {b"old", b"newer", b""} <= set(found)
    assert any("note.tmp" in fs.power_loss(Random(number)).listdir() for number in range(TRIES))
    fs.replace("note", b"newest")
    assert set(outcomes(fs, "note")) == {b"newest"}
    assert fs.power_loss(Random(0)).listdir() == ["note"]


def test_names_of_one_folder_change_in_order_and_each_at_once(fs: ForgetfulFileSystem) -> None:
    fs.rename("a/log", "a/log.deleted")
    put(fs, "a/second", b"2")
    fs.unlink("a/log.deleted")
    seen = {tuple(fs.power_loss(Random(number)).listdir("a")) for number in range(TRIES)}
    assert seen == {("log",), ("log.deleted",), ("log.deleted", "second"), ("second",)}


def test_folders_forget_independently_of_each_other(fs: ForgetfulFileSystem) -> None:
    fs.mkdir("b")
    fs.sync_dir()
    put(fs, "a/first", b"1")
    put(fs, "b/second", b"2")
    found = [held(fs.power_loss(Random(number))) for number in range(TRIES)]
    seen = {("a/first" in each, "b/second" in each) for each in found}
    assert seen == {(False, False), (False, True), (True, False), (True, True)}


def test_a_folder_that_was_removed_may_be_there_with_some_of_its_files(fs: ForgetfulFileSystem) -> None:
    put(fs, "a/more", b"m")
    fs.sync_dir("a")
    fs.remove_tree("a")
    seen = {tuple(held(fs.power_loss(Random(number)))) for number in range(TRIES)}
    assert {(), ("a",), ("a", "a/log", "a/more"), ("a", "a/more")} <= seen
    fs.sync_dir()
    assert fs.power_loss(Random(0)).listdir() == []


def test_a_file_in_another_folder_than_before_is_in_one_of_them(fs: ForgetfulFileSystem) -> None:
    fs.mkdir("b")
    fs.sync_dir()
    fs.rename("a/log", "b/log")
    for number in range(50):
        assert list(held(fs.power_loss(Random(number)))) == ["a", "b", "b/log"]


def test_a_sync_covers_what_is_there_when_it_runs(fs: ForgetfulFileSystem) -> None:
    file = fs.open("a/log")
    for number, sync in enumerate((file.sync_later(), fs.sync_path_later("a/log"), file.sync)):
        file.append([b"late"], 4)
        sync()
        assert set(outcomes(fs, "a/log")) == {b"x" * 700 + b"late" * (number + 1)}


def test_a_sync_by_a_name_that_leads_elsewhere_syncs_what_is_there_now(fs: ForgetfulFileSystem) -> None:
    file = fs.open("a/log")
    file.append([b"more"], 4)
    later = file.sync_later()
    fs.rename("a/log", "a/log.deleted")
    fs.sync_dir("a")
    later()
    assert b"x" * 700 in outcomes(fs, "a/log.deleted")
    file.retire()
    with pytest.raises(FileNotFoundError):
        file.sync_later()


def test_a_power_loss_changes_nothing_on_the_disk_that_goes_on_and_frees_the_locks(fs: ForgetfulFileSystem) -> None:
    fs.lock(".lock")
    put(fs, "a/log", b"more")
    before = held(fs)
    left = fs.power_loss(Random(3))
    put(left, "a/log", b"elsewhere")
    left.lock(".lock")
    assert held(fs) == before


def test_what_is_left_is_durable(fs: ForgetfulFileSystem) -> None:
    put(fs, "a/log", b"more" * 500)
    put(fs, "a/new", b"n")
    for number in range(50):
        left = fs.power_loss(Random(number))
        assert held(left.power_loss(Random(number + 1))) == held(left)


def test_the_same_random_numbers_lose_the_same(fs: ForgetfulFileSystem) -> None:
    put(fs, "a/log", b"more" * 500)
    put(fs, "a/new", b"n" * 5000)
    lost = [[held(fs.power_loss(Random(number))) for number in range(50)] for _ in range(2)]
    assert lost[0] == lost[1]
    assert len({repr(each) for each in lost[0]}) > 10


def test_a_full_disk_refuses_what_does_not_fit_and_takes_it_once_there_is_room() -> None:
    fs = ForgetfulFileSystem(capacity_bytes=1000)
    put(fs, "log", b"x" * 900)
    file = fs.open("log")
    for refused in (
        lambda: file.append([b"y" * 101], 101),
        lambda: fs.replace("note", b"n" * 101),
        lambda: put(fs, "other", b"z" * 101),
    ):
        with pytest.raises(OSError, match="No space left") as caught:
            refused()
        assert caught.value.errno == errno.ENOSPC
    assert (fs.read_bytes("log"), fs.exists("note")) == (b"x" * 900, False)
    assert fs.disk_space() == (1000, 100)
    file.append([b"y" * 100], 100)
    with pytest.raises(OSError, match="No space left"):
        fs.mkdir("folder")
    file.truncate(500)
    fs.replace("note", b"n" * 400)
    fs.unlink("log")
    put(fs, "other", b"z" * 600)
    fs.capacity_bytes = 5000
    put(fs, "other", b"z" * 600)
    assert fs.power_loss(Random(1)).capacity_bytes == 5000
