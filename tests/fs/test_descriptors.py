"""Descriptors of a process: the reserve stays free, files make room, an open that finds none left tries again."""

import errno
import os
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from kstore.fs import descriptors, posix_forks
from kstore.fs.posix import PosixFileSystem
from kstore.fs.posix_forks import OfThisProcess


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> int:
    """The process may have so many more descriptors before the reserve begins."""
    used = max(map(int, os.listdir("/dev/fd")))
    holes = used - len(os.listdir("/dev/fd")) + 2
    monkeypatch.setattr(descriptors, "ceiling", lambda: used + 6)
    return holes + 5


def test_files_stay_out_of_the_reserve_however_many_are_used(tmp_path: Path, free: int) -> None:
    fs = PosixFileSystem(tmp_path, max_open_files=500)
    files = [fs.open(f"file-{number}", create=True) for number in range(60 + free)]
    for turn in range(3):
        for number, file in enumerate(files):
            file.append([b"%d,%d;" % (turn, number)], len(b"%d,%d;" % (turn, number)))
            assert all(int(fd) < descriptors.ceiling() for fd in os.listdir("/dev/fd")[:-1])
    assert files[7].read(0, 100) == b"0,7;1,7;2,7;"
    assert 0 < len(fs.handles) <= free
    fs.close()


def test_an_open_that_finds_no_descriptor_left_closes_files_and_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs = PosixFileSystem(tmp_path)
    files = [fs.open(f"file-{number}", create=True) for number in range(40)]
    real, refusals = os.open, []

    def exhausted(path: str, *rest: int) -> int:
        if len(fs.handles) > 20:
            refusals.append(path)
            raise OSError(errno.EMFILE, "Too many open files", path)
        return real(path, *rest)

    monkeypatch.setattr(os, "open", exhausted)
    fs.open("one-more", create=True).append([b"x"], 1)
    assert len(refusals) == 2
    assert all(file.read(0, 1) == b"" for file in files)


def test_an_open_for_which_nothing_can_be_closed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fs = PosixFileSystem(tmp_path)

    def exhausted(path: str, *rest: int) -> int:
        raise OSError(errno.ENFILE, "Too many open files in system", path)

    monkeypatch.setattr(os, "open", exhausted)
    with pytest.raises(OSError, match="in system"):
        fs.open("data", create=True)


def test_several_file_systems_share_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "ceiling", lambda: 100_000)
    alone = PosixFileSystem(tmp_path / "a").handles.limit
    others = [PosixFileSystem(tmp_path / name) for name in "bcd"]
    assert others[0].handles.limit < alone
    assert others[0].handles.limit * len(others) <= 100_000


def test_a_few_files_stay_open_however_much_is_asked_back(tmp_path: Path) -> None:
    fs = PosixFileSystem(tmp_path)
    files = [fs.open(f"file-{number}", create=True) for number in range(descriptors.FILES_MIN + 5)]
    assert [fs.give_descriptors_back(3) for _ in range(3)] == [3, 2, 0]
    assert len(fs.handles) == descriptors.FILES_MIN
    assert len(files) > len(fs.handles)


def test_the_soft_limit_is_raised_to_the_hard_one_and_the_reserve_is_below_it() -> None:
    script = (
        "import resource\nfrom kstore.fs import descriptors\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 900))\nprint(descriptors.limit(), descriptors.ceiling())\n"
        "print(descriptors.raise_limit(), descriptors.ceiling(), resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["256 192", "900 836 (900, 900)"]


class Held:
    """Has no descriptor."""

    def descriptors(self) -> tuple[int, ...]:
        return ()


def test_threads_add_holders_side_by_side(monkeypatch):
    holders, others = OfThisProcess(), list[Held]()

    class Gone:
        """A weak reference to what is gone; while it is looked at, another thread adds something."""

        def __init__(self, _: Held) -> None: ...

        def __call__(self) -> None:
            others.append(Held())
            holders._holders[1_000_000 + len(others)] = weakref.ref(others[-1])

    monkeypatch.setattr(posix_forks, "ref", Gone)
    first = [Held() for _ in range(posix_forks.SWEEP_AT_LEAST)]
    for held in first:
        holders.add(held)
    monkeypatch.undo()
    kept = Held()
    holders.add(kept)
    assert {each() for each in holders._holders.values()} == {kept, *others}
