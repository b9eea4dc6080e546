"""One conformance suite over every file system."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from present import present

from kstore.fs import Chunk, FileSlice, FileSystem, LockedError, MemoryFileSystem
from kstore.fs.forgetful import ForgetfulFileSystem
from kstore.fs.posix import PosixFileSystem

ROOTS = itertools.count()


@pytest.fixture(params=["memory", "forgetful", "posix", "posix-two-handles"])
def fs(request: pytest.FixtureRequest, tmp_path: Path) -> FileSystem:
    if request.param == "memory":
        return MemoryFileSystem()
    if request.param == "forgetful":
        return ForgetfulFileSystem(capacity_bytes=1 << 20)
    return PosixFileSystem(tmp_path / "root", max_open_files=2 if "two" in request.param else 512)


def joined(chunks: Sequence[Chunk]) -> bytes:
    return b"".join(c.read(0, c.nbytes) if isinstance(c, FileSlice) else bytes(c) for c in chunks)


def test_what_is_appended_is_read_back_from_any_place(fs: FileSystem) -> None:
    file = fs.open("data", create=True)
    file.append([b"abc", memoryview(b"defg")], 7)
    file.append([b"h" * 5000], 5000)
    whole = b"abcdefg" + b"h" * 5000
    assert file.size == 5007
    for position, nbytes in [(0, 5007), (0, 9999), (2, 3), (6, 2), (5006, 1), (5006, 10), (5007, 3), (6000, 1)]:
        assert file.read(position, nbytes) == whole[position : position + nbytes]
        nbytes = min(nbytes, max(0, 5007 - position))
        assert joined(file.chunks(position, nbytes)) == whole[position : position + nbytes]


def test_an_append_of_more_chunks_than_one_call_takes_is_whole(fs: FileSystem) -> None:
    chunks = [bytes([i % 251]) * (i % 7) for i in range(5000)]
    file = fs.open("data", create=True)
    file.append(chunks, sum(map(len, chunks)))
    assert file.read(0, file.size) == b"".join(chunks)


def test_a_wrong_announcement_of_the_size_is_refused_and_nothing_is_kept(fs: FileSystem) -> None:
    file = fs.open("data", create=True)
    file.append([b"abc"], 3)
    with pytest.raises(ValueError):
        file.append([b"abc", b"de"], 4)
    assert fs.read_bytes("data") == b"abc"


def test_a_file_that_is_not_there_is_not_opened(fs: FileSystem) -> None:
    with pytest.raises(FileNotFoundError):
        fs.open("missing")
    with pytest.raises(FileNotFoundError):
        fs.open("no-folder/missing", create=True)
    with pytest.raises(FileNotFoundError):
        fs.read_bytes("missing")
    with pytest.raises(FileNotFoundError):
        fs.listdir("no-folder")


def test_a_piece_of_a_file_is_read_by_its_name_and_is_short_only_at_the_end(fs: FileSystem) -> None:
    fs.open("data", create=True).append([b"abc", b"d" * 10_000], 10_003)
    assert fs.read_piece("data", 2, 3) == b"cdd"
    assert fs.read_piece("data", 10_000, 10) == b"ddd"
    assert fs.read_piece("data", 10_003, 10) == b""
    with pytest.raises(FileNotFoundError):
        fs.read_piece("missing", 0, 1)


def test_a_cut_file_grows_again_from_the_cut(fs: FileSystem) -> None:
    file = fs.open("data", create=True)
    file.append([b"a" * 3000, b"bcd"], 3003)
    file.truncate(3001)
    file.append([b"xyz"], 3)
    file.truncate(3002)
    assert fs.read_bytes("data") == b"a" * 3000 + b"bx"
    with pytest.raises(ValueError):
        file.truncate(3003)


def test_a_second_handle_finds_what_the_first_wrote(fs: FileSystem) -> None:
    fs.open("data", create=True).append([b"abc"], 3)
    again = fs.open("data")
    again.append([b"def"], 3)
    assert again.read(0, 10) == b"abcdef"
    assert fs.size("data") == 6


def test_replace_is_seen_whole_and_leaves_no_scraps(fs: FileSystem) -> None:
    fs.mkdir("folder")
    fs.replace("folder/checkpoint", b"one")
    fs.replace("folder/checkpoint", b"", sync=False)
    assert fs.read_bytes("folder/checkpoint") == b""
    fs.replace("folder/checkpoint", b"two")
    assert fs.read_bytes("folder/checkpoint") == b"two"
    assert fs.listdir("folder") == ["checkpoint"]


def test_folders_are_made_renamed_listed_and_removed(fs: FileSystem) -> None:
    fs.mkdir("a/b")
    fs.mkdir("a/b")
    fs.open("a/b/one", create=True).append([b"1"], 1)
    fs.replace("a/two", b"2")
    assert fs.listdir() == ["a"]
    assert fs.listdir("a") == ["b", "two"]
    fs.rename("a", "z")
    assert not fs.exists("a")
    assert fs.read_bytes("z/b/one") == b"1"
    fs.rename("z/two", "z/three")
    fs.sync_dir("z")
    assert fs.listdir("z") == ["b", "three"]
    fs.unlink("z/three")
    with pytest.raises(FileNotFoundError):
        fs.unlink("z/three")
    fs.remove_tree("z")
    fs.remove_tree("z")
    assert fs.listdir() == []


def test_room_is_told_of_folders_that_are_there(fs: FileSystem) -> None:
    fs.mkdir("a/b")
    for path in ("", "a/b"):
        space = fs.disk_space(path)
        if fs.in_memory:
            assert space is None
        else:
            assert present(space).total_bytes >= present(space).usable_bytes > 0
    with pytest.raises(FileNotFoundError):
        fs.disk_space("a/c")
    fs.remove_tree("")
    if isinstance(fs, PosixFileSystem):
        with pytest.raises(FileNotFoundError):
            fs.disk_space()


def test_a_folder_is_named_as_the_machine_names_it(fs: FileSystem) -> None:
    fs.mkdir("orders-0")
    assert "orders-0" in os.listdir(fs.root) if isinstance(fs, PosixFileSystem) else fs.root is None


def test_a_lock_has_one_holder(fs: FileSystem) -> None:
    lock = fs.lock(".lock")
    with pytest.raises(LockedError):
        fs.lock(".lock")
    with pytest.raises(LockedError):
        fs.lock(".lock")
    lock.release()
    lock.release()
    fs.lock(".lock").release()


def test_syncs_for_another_thread_outlive_the_handle_and_the_name(fs: FileSystem) -> None:
    file = fs.open("data", create=True)
    file.append([b"abc"], 3)
    first, second = file.sync_later(), fs.sync_path_later("data")
    file.sync()
    file.close()
    fs.unlink("data")
    first()
    second()


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.lists(st.integers(0, 3000), max_size=5).map(lambda sizes: ("append", sizes)),
            st.floats(0, 1).map(lambda part: ("truncate", part)),
        ),
        max_size=8,
    ),
    st.sampled_from(["memory", "forgetful", "posix"]),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_a_file_is_the_bytes_it_was_given(
    tmp_path_factory: pytest.TempPathFactory, steps: list, kind: str, window: tuple[float, float]
) -> None:
    fs: FileSystem
    if kind == "posix":
        fs = PosixFileSystem(tmp_path_factory.mktemp("fs"), max_open_files=1)
    else:
        fs = MemoryFileSystem() if kind == "memory" else ForgetfulFileSystem()
    other = fs.open("other", create=True)
    file = fs.open("data", create=True)
    model = b""
    for number, (step, value) in enumerate(steps):
        if step == "append":
            chunks = [bytes([33 + number + i]) * size for i, size in enumerate(value)]
            file.append(chunks, sum(value))
            model += b"".join(chunks)
        else:
            file.truncate(int(value * len(model)))
            model = model[: int(value * len(model))]
        other.append([b"x"], 1)
        assert file.size == len(model)
    begin, end = sorted(int(edge * len(model)) for edge in window)
    assert file.read(begin, end - begin) == model[begin:end]
    assert joined(file.chunks(begin, end - begin)) == model[begin:end]
    assert fs.read_bytes("data") == model


def test_a_memory_file_of_crumbs_is_read_in_larger_pieces_and_old_views_stay_good() -> None:
    file = MemoryFileSystem().open("data", create=True)
    file.append([b"first"], 5)
    view = file.chunks(0, 5)[0]
    for number in range(2000):
        file.append([b"%4d" % number], 4)
    assert view == b"first"
    assert file.read(5, 8000) == b"".join(b"%4d" % number for number in range(2000))
    assert len(file.chunks(0, file.size)) < 20


def test_a_memory_file_keeps_a_large_payload_without_copying_it() -> None:
    file = MemoryFileSystem().open("data", create=True)
    payload = memoryview(b"p" * 10_000)
    file.append([b"h" * 61, payload], 10_061)
    assert file.chunks(61, 10_000)[0] is payload
