"""A source that was changed since it was compiled: its compiled file isn't taken for it, and nothing deletes it."""

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
TWIN = "kstore/log/epochs"
EXTENSION = "kstore/codec/checksum"
SHOW_TWIN = "from kstore.log import epochs; print(epochs.__file__, getattr(epochs, 'CHANGED', False))"


class Checkout:
    """A built checkout of its own: links to the same files, so that it costs no copy."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for house in ("kstore", "actors"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / house, root / house, ignore=ignored, copy_function=os.symlink)
        (root / "compiled.txt").write_text(f"{TWIN}.py\n")
        self.compile(f"{TWIN}.py")
        self.write(f"{TWIN}.py", "", -1)

    def file(self, name: str) -> Path:
        return self.root / name

    def compile(self, source: str) -> None:
        """Have a compiled file beside a source; which one is all the same as long as nobody imports it."""
        compiled = self.file(source).with_suffix(SUFFIX)
        if not compiled.exists():
            os.symlink(ROOT / f"{EXTENSION}{SUFFIX}", compiled)

    def change(self, source: str) -> None:
        """Write a source anew, one second after it was compiled."""
        self.write(source, "CHANGED = True\n", 1)

    def write(self, source: str, addition: str, after_s: int) -> None:
        """Have a source of the checkout's own, some seconds after it was compiled or before."""
        file = self.file(source)
        text = file.read_text()
        file.unlink()
        file.write_text(f"{text}\n{addition}")
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


def test_python_that_was_changed_since_is_imported_as_it_stands(checkout):
    checkout.change(f"{TWIN}.py")
    before = checkout.compiled_files()
    assert checkout.prints(SHOW_TWIN) == [str(checkout.file(f"{TWIN}.py")), "True"]
    assert checkout.compiled_files() == before


def test_python_that_was_not_changed_is_taken_as_it_was_compiled(checkout):
    program = "import importlib.util; print(importlib.util.find_spec('kstore.log.epochs').origin)"
    assert checkout.prints(program) == [str(checkout.file(f"{TWIN}{SUFFIX}"))]


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
    checkout.file("compiled.txt").unlink()
    program = "from kstore.codec import checksum; print(checksum.__file__)"
    assert checkout.prints(program) == [str(checkout.file(f"{EXTENSION}{SUFFIX}"))]


def test_a_build_replaces_what_older_builds_left_behind_and_nothing_else(checkout):
    leftovers = runpy.run_path(str(ROOT / "setup.py"))["leftovers"]
    for source in ("kstore/codec/renamed.pyx", "actors/broker/call.py"):
        checkout.compile(source)
    named = {
        ".".join(source.relative_to(checkout.root).with_suffix("").parts)
        for source in (*checkout.root.rglob("*.pyx"), checkout.file(f"{TWIN}.py"))
    }
    found = {str(file.relative_to(checkout.root)) for file in leftovers(checkout.root, named)}
    lines = (ROOT / "compiled.txt").read_text().splitlines()
    listed = {line.split()[0].removesuffix(".py") for line in lines if not line.startswith("#")}
    assert {f"kstore/codec/renamed{SUFFIX}", f"actors/broker/call{SUFFIX}"} <= found
    assert found - {f"kstore/codec/renamed{SUFFIX}"} <= {f"{name}{SUFFIX}" for name in listed}
    assert f"{TWIN}{SUFFIX}" not in found
