"""The disk in trouble fails where it is told to, and nowhere else."""

import errno
from pathlib import Path

import pytest

from kstore.fs import FileSlice, FileSystem, MemoryFileSystem, TornWriteError
from kstore.fs.faulty import OPERATIONS, FaultyFileSystem
from kstore.fs.posix import PosixFileSystem


def prepared(inner: FileSystem) -> FaultyFileSystem:
    fs = FaultyFileSystem(inner)
    fs.mkdir("a")
    fs.open("a/log", create=True).append([b"0123456789"], 10)
    return fs


def carry_out(fs: FaultyFileSystem, operation: str) -> None:
    file = fs.inner.open("a/log") if operation == "open" else fs.open("a/log")
    calls = {
        "open": lambda: fs.open("a/log"),
        "create": lambda: fs.open("a/new", create=True),
        "append": lambda: file.append([b"x"], 1),
        "read": lambda: file.read(0, 1),
        "truncate": lambda: file.truncate(5),
        "sync": lambda: file.sync(),
        "size": lambda: fs.size("a/log"),
        "read_bytes": lambda: fs.read_bytes("a/log"),
        "listdir": lambda: fs.listdir("a"),
        "replace": lambda: fs.replace("a/small", b"x"),
        "rename": lambda: fs.rename("a/log", "a/other"),
        "unlink": lambda: fs.unlink("a/log"),
        "remove_tree": lambda: fs.remove_tree("a"),
        "mkdir": lambda: fs.mkdir("a/b"),
        "sync_dir": lambda: fs.sync_dir("a"),
        "disk_space": lambda: fs.disk_space("a"),
        "lock": lambda: fs.lock("a/.lock"),
    }
    calls[operation]()


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each != "exists"])
def test_every_operation_fails_as_it_is_told_and_has_not_happened(operation: str) -> None:
    fs = prepared(MemoryFileSystem())
    fault = fs.fail(operation, "a*", errno.ENOSPC)
    with pytest.raises(OSError, match="No space left") as caught:
        carry_out(fs, operation)
    assert (caught.value.errno, fault.hits) == (errno.ENOSPC, 1)
    assert caught.value.filename.startswith("a")
    assert fs.inner.listdir("a") == ["log"]
    assert fs.inner.read_bytes("a/log") == b"0123456789"
    fs.heal()
    carry_out(fs, operation)


def test_what_cannot_be_looked_at_is_not_there() -> None:
    fs = prepared(MemoryFileSystem())
    fs.fail("exists", "a/*", times=1)
    assert [fs.exists("a/log"), fs.exists("a/log")] == [False, True]


def test_other_paths_and_operations_are_spared_and_a_count_is_kept() -> None:
    fs = prepared(MemoryFileSystem())
    fs.fail("append", "b/*")
    fs.fail("append", "a/log", times=2)
    file = fs.open("a/log")
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output error"):
            file.append([b"x"], 1)
    file.append([b"x"], 1)
    assert file.read(0, 20) == b"0123456789x"


def test_a_torn_append_leaves_half_of_it() -> None:
    fs = prepared(MemoryFileSystem())
    fs.fail("append", torn=True, times=1)
    with pytest.raises(TornWriteError):
        fs.open("a/log").append([b"ab", b"cd"], 4)
    assert fs.read_bytes("a/log") == b"0123456789ab"


def test_a_sync_that_is_done_later_fails_when_it_is_done() -> None:
    fs = prepared(MemoryFileSystem())
    first, second = fs.open("a/log").sync_later(), fs.sync_path_later("a")
    fs.fail("sync")
    for sync in (first, second):
        with pytest.raises(OSError, match="Input/output error"):
            sync()


def test_slices_of_a_real_file_are_read_through_the_trouble(tmp_path: Path) -> None:
    fs = prepared(PosixFileSystem(tmp_path))
    (part,) = fs.open("a/log").chunks(2, 3)
    assert isinstance(part, FileSlice)
    assert part.read(0, 3) == b"234"
    fs.fail("read")
    with pytest.raises(OSError, match="Input/output error"):
        part.read(0, 3)


def test_a_fault_by_chance_hits_now_and_then_and_the_same_way_each_time() -> None:
    hits = []
    for _ in range(2):
        fs = prepared(MemoryFileSystem())
        fs.fail("size", chance=0.3)
        failed = 0
        for _ in range(1000):
            try:
                fs.size("a/log")
            except OSError:
                failed += 1
        hits.append(failed)
    assert hits[0] == hits[1]
    assert 200 < hits[0] < 400


def test_an_operation_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="no operation is called write"):
        FaultyFileSystem(MemoryFileSystem()).fail("write")
