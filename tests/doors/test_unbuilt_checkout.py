"""A checkout whose extensions aren't built says what to do, and a start that goes well isn't slower for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from doors.test_import_cost import loaded_by

ROOT = Path(__file__).parents[2]
WHAT_TO_DO = "run `make build` in the checkout, or install kstore with `pip install .`"

IMPORT_ALL = """
import importlib, pathlib
for source in sorted((*pathlib.Path("kstore").rglob("*.py*"), *pathlib.Path("actors").rglob("*.py*"))):
    if source.suffix in (".py", ".pyx"):
        name = ".".join(source.with_suffix("").parts).removesuffix(".__init__")
        try:
            importlib.import_module(name)
        except ImportError as error:
            print(name, error)
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources alone, as git has them."""
    folder = tmp_path_factory.mktemp("checkout")
    for package in ("kstore", "actors"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("*.so", "__pycache__", "*.c"))
    return folder


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "program",
    ["from kstore import Cluster", "import kstore; kstore.Producer", "import actors.cluster", "import kstore.log"],
)
def test_a_program_that_imports_ends_with_what_to_do(checkout, program):
    done = run(checkout, "-c", program)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("kstore.errors.uncompiled.UncompiledError: the extensions aren't built for this Python (3.")
    assert last.endswith(WHAT_TO_DO)


def test_it_is_an_import_error_that_names_the_module(checkout):
    program = "try: import kstore.log\nexcept ImportError as error: print(error.name)"
    assert run(checkout, "-c", program).stdout.startswith("kstore.")


@pytest.mark.parametrize("verb", ["serve", "topics list", "consume orders", "groups list", "demo"])
def test_the_command_says_it_in_one_line(checkout, verb):
    done = run(checkout, "-m", "actors.cli.main", *verb.split())
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.endswith(f"{WHAT_TO_DO}\n")


def test_a_test_that_uses_a_fixture_fails_with_it(checkout):
    (checkout / "test_project.py").write_text("def test_one(kstore_cluster): pass\n")
    done = run(checkout, "-m", "pytest", "-p", "no:cacheprovider", "test_project.py")
    assert done.returncode == 1
    assert WHAT_TO_DO in done.stdout


def test_a_run_whose_clusters_are_to_listen_somewhere_ends_with_it(checkout):
    options = ("-p", "no:cacheprovider", "--kstore-listen", "127.0.0.1:9092")
    done = run(checkout, "-m", "pytest", *options, "--collect-only")
    assert done.returncode == 4
    assert done.stderr.startswith("ERROR: the extensions aren't built")
    assert done.stderr.strip().endswith(WHAT_TO_DO)


def test_no_module_fails_in_another_way(checkout):
    done = run(checkout, "-c", IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    failed = done.stdout.splitlines()
    assert len(failed) > 100
    assert [line for line in failed if not line.endswith(WHAT_TO_DO)] == []


def test_a_module_that_is_nowhere_is_not_found_as_ever():
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'kstore\.nowhere'"):
        __import__("kstore.nowhere")


def test_a_built_one_does_not_load_what_says_so():
    assert "kstore.errors.uncompiled" not in loaded_by("import kstore\nkstore.Cluster(); kstore.Consumer; kstore.Admin")
