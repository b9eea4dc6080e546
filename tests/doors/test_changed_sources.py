"""A compiled file that isn't of its source as it stands: an import doesn't take it, and only a build deletes it."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
PYTHON = "kstore/log/epochs"
EXTENSION = "kstore/codec/checksum"
SHOW_PYTHON = "from kstore.log import epochs; print(epochs.__file__)"


class Checkout:
    """A built checkout of its own: links to the same files, so that it costs no copy."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for house in ("kstore", "actors"):
            shutil.copytree(ROOT / house, root / house, ignore=self.ignored, copy_function=os.symlink)
        (root / "setup.py").symlink_to(ROOT / "setup.py")

    @staticmethod
    def ignored(_folder: str, names: list[str]) -> list[str]:
        leftovers = {f"{name.removesuffix('.py')}{SUFFIX}" for name in names if name.endswith(".py")}
        return [name for name in names if name in leftovers or name == "__pycache__"]

    def file(self, name: str) -> Path:
        return self.root / name

    def compile(self, source: str) -> None:
        """Have a compiled file beside a source; which one is all the same as long as nobody imports it."""
        compiled = self.file(source).with_suffix(SUFFIX)
        if not compiled.exists():
            os.symlink(ROOT / f"{EXTENSION}{SUFFIX}", compiled)

    def change(self, source: str, after_s: int = 1) -> None:
        """Have a source of the checkout's own, written some seconds after it was compiled or before."""
        file = self.file(source)
        text = file.read_text()
        file.unlink()
        file.write_text(text)
        seconds = file.with_suffix(SUFFIX).stat().st_mtime + after_s
        os.utime(file, (seconds, seconds))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-B", *arguments]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, timeout=60, check=False)

    def prints(self, program: str) -> list[str]:
        done = self.run("-c", program)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def compiled_files(self) -> list[tuple[Path, int]]:
        return [(file, file.stat().st_ino) for file in sorted(self.root.rglob(f"*{SUFFIX}"))]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize("after_s", [-1, 1])
def test_python_is_imported_whatever_an_older_build_left_beside_it(checkout, after_s):
    checkout.compile(f"{PYTHON}.py")
    checkout.change(f"{PYTHON}.py", after_s)
    before = checkout.compiled_files()
    assert checkout.prints(SHOW_PYTHON) == [str(checkout.file(f"{PYTHON}.py"))]
    assert checkout.compiled_files() == before


def test_an_extension_that_was_changed_since_is_refused_and_stays(checkout):
    checkout.change(f"{EXTENSION}.pyx")
    before = checkout.compiled_files()
    done = checkout.run("-c", "import kstore.codec.checksum")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"kstore.errors.uncompiled.UncompiledError: {checkout.file(EXTENSION)}.pyx was changed since it was compiled: "
        "run `make build` in the checkout"
    )
    assert checkout.compiled_files() == before


def test_the_command_says_it_in_one_line(checkout):
    checkout.change("actors/runtime/queue.pyx")
    done = checkout.run("-m", "actors.cli.main", "demo")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.endswith("queue.pyx was changed since it was compiled: run `make build` in the checkout\n")


def test_what_an_older_build_left_behind_is_no_module(checkout):
    checkout.compile("kstore/codec/renamed.pyx")
    done = checkout.run("-c", "import kstore.codec.renamed")
    assert done.returncode == 1
    assert "ModuleNotFoundError: No module named 'kstore.codec.renamed'" in done.stderr.splitlines()[-1]
    assert checkout.file(f"kstore/codec/renamed{SUFFIX}").exists()


def test_an_installation_takes_what_was_compiled_whatever_the_times_of_its_files(checkout):
    checkout.change(f"{EXTENSION}.pyx")
    checkout.file("setup.py").unlink()
    program = "from kstore.codec import checksum; print(checksum.__file__)"
    assert checkout.prints(program) == [str(checkout.file(f"{EXTENSION}{SUFFIX}"))]


def test_a_build_in_place_removes_what_older_builds_left_behind_and_nothing_else(checkout):
    leftovers = runpy.run_path(str(ROOT / "setup.py"))["leftovers"]
    older = ("kstore/codec/renamed", PYTHON)
    for source in older:
        checkout.compile(f"{source}.py")
    named = {
        ".".join(source.relative_to(checkout.root).with_suffix("").parts) for source in checkout.root.rglob("*.pyx")
    }
    found = {str(file.relative_to(checkout.root)) for file in leftovers(checkout.root, named)}
    assert found == {f"{source}{SUFFIX}" for source in older}
