"""What only the real file system has: descriptors, short writes, locks of the kernel."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kstore.fs import FileSlice, LockedError, TornWriteError
from kstore.fs.posix import PosixFileSystem


def test_no_more_files_stay_open_than_the_limit_allows(tmp_path: Path) -> None:
    fs = PosixFileSystem(tmp_path, max_open_files=8)
    before = len(os.listdir("/dev/fd"))
    files = [fs.open(f"file-{number}", create=True) for number in range(50)]
    for turn in range(3):
        for number, file in enumerate(files):
            file.append([b"%d,%d;" % (turn, number)], len(b"%d,%d;" % (turn, number)))
    assert len(fs.handles) == 8
    assert len(os.listdir("/dev/fd")) - before == 8
    assert files[7].read(0, 100) == b"0,7;1,7;2,7;"
    fs.close()
    assert len(os.listdir("/dev/fd")) == before


def test_the_file_in_use_is_spared_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fs = PosixFileSystem(tmp_path, max_open_files=4)
    busy = fs.open("busy", create=True)
    opened: list[str] = []
    real = os.open

    def noted(path: str, *rest: int) -> int:
        opened.append(Path(path).name)
        return real(path, *rest)

    monkeypatch.setattr(os, "open", noted)
    for number in range(20):
        fs.open(f"file-{number}", create=True)
        busy.append([b"x"], 1)
    assert "busy" not in opened
    assert len(fs.handles) == 4
    assert busy.read(0, 50) == b"x" * 20


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwritev
    monkeypatch.setattr(os, "pwritev", lambda fd, chunks, at: real(fd, [bytes(chunks[0])[:3] or b""], at))
    file = PosixFileSystem(tmp_path).open("data", create=True)
    file.append([b"", b"abcdefgh", b"ij", b"", memoryview(b"klmnop")], 16)
    assert file.read(0, 99) == b"abcdefghijklmnop"
    assert file.size == 16


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = PosixFileSystem(tmp_path).open("data", create=True)
    file.append([b"abc"], 3)
    real = os.pwritev
    calls = []

    def full_disk(fd: int, chunks: list[bytes], at: int) -> int:
        calls.append(at)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real(fd, [chunks[0]], at)

    monkeypatch.setattr(os, "pwritev", full_disk)
    with pytest.raises(OSError, match="No space"):
        file.append([b"def", b"ghi"], 6)
    assert (file.size, os.stat(tmp_path / "data").st_size) == (3, 3)


def test_a_failed_write_that_cannot_be_cut_back_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise OSError(5, "Input/output error")

    file = PosixFileSystem(tmp_path).open("data", create=True)
    monkeypatch.setattr(os, "pwritev", broken)
    monkeypatch.setattr(os, "ftruncate", broken)
    with pytest.raises(TornWriteError):
        file.append([b"def"], 3)


def test_another_process_cannot_take_the_lock(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom kstore.fs.posix import PosixFileSystem\nfrom kstore.fs import FileSlice, LockedError\n"
        "try: PosixFileSystem(sys.argv[1]).lock('.lock')\nexcept LockedError: print('locked')\nelse: print('free')\n"
    )

    def other() -> str:
        return subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout.strip()

    lock = PosixFileSystem(tmp_path).lock(".lock")
    with pytest.raises(LockedError):
        PosixFileSystem(tmp_path).lock(".lock")
    assert other() == "locked"
    lock.release()
    assert other() == "free"


def test_a_sync_that_waits_holds_no_descriptor_and_one_of_a_file_that_is_gone_has_nothing_to_do(tmp_path: Path) -> None:
    fs = PosixFileSystem(tmp_path)
    file = fs.open("data", create=True)
    gc.collect()  # what other tests left may hold descriptors
    before = len(os.listdir("/dev/fd"))
    pending = [file.sync_later() for _ in range(50)]
    assert len(os.listdir("/dev/fd")) == before
    pending[0]()
    fs.rename("data", "data.deleted")
    pending[1]()
    assert len(os.listdir("/dev/fd")) == before


def test_a_slice_of_a_file_that_was_cut_since_is_void(tmp_path: Path) -> None:
    file = PosixFileSystem(tmp_path).open("data", create=True)
    file.append([b"abcdef"], 6)
    (piece,) = file.chunks(1, 4)
    assert isinstance(piece, FileSlice)
    assert (piece.read(0, 2), piece.read(2, 9)) == (b"bc", b"de")
    with pytest.raises(ValueError, match="outside"):
        piece.read(5, 1)
    file.truncate(3)
    file.append([b"xyz"], 3)
    with pytest.raises(EOFError):
        piece.read(0, 2)


def test_a_retired_file_is_not_taken_for_the_next_one_of_its_name(tmp_path: Path) -> None:
    fs = PosixFileSystem(tmp_path)
    file = fs.open("data", create=True)
    file.append([b"old"], 3)
    (piece,) = file.chunks(0, 3)
    assert isinstance(piece, FileSlice)
    file.retire()
    fs.rename("data", "data.deleted")
    fs.open("data", create=True).append([b"new"], 3)
    with pytest.raises(EOFError):
        piece.read(0, 3)
    with pytest.raises(FileNotFoundError):
        file.read(0, 3)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems can't be told to forget what is cached")
def test_each_page_of_a_piece_is_let_go_of_before_it_is_read_also_those_at_its_borders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system ignores the parts of pages: a piece that begins in one would leave that cached."""
    page = os.sysconf("SC_PAGE_SIZE")
    data = os.urandom(5 * page + 17)
    (tmp_path / "data").write_bytes(data)
    let_go: list[tuple[int, int]] = []

    def noted(_descriptor: int, start: int, nbytes: int, advice: int) -> None:
        assert advice == os.POSIX_FADV_DONTNEED
        let_go.append((-(-start // page), (start + nbytes) // page if nbytes else sys.maxsize))

    monkeypatch.setattr(os, "posix_fadvise", noted)
    fs = PosixFileSystem(tmp_path)
    for position in range(0, len(data), page - 302):
        let_go.clear()
        assert fs.read_piece("data", position, page - 302) == data[position : position + page - 302]
        ((first, after),) = let_go
        assert position - page < first * page <= position
        if first:
            assert min(position + page - 302, len(data)) <= after * page < position + 2 * page
        else:
            assert after == sys.maxsize, "the whole file, as the system keeps blocks of which a part is named"
    assert fs.read_piece("data", 0, sys.maxsize) == data
    let_go.clear()
    assert fs.read_piece("data", len(data), 10) == fs.read_piece("data", 10 * page, 10) == b""
    assert not let_go
