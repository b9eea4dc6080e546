"""What docs/testing.md shows is true: its code runs, and its example is the one that lies beside it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "invoices"
BLOCKS = re.findall(r"^```(?:python|text)\n(.*?)^```", (DOCS / "testing.md").read_text(), re.DOTALL | re.MULTILINE)


def test_the_fixtures_that_are_shown_are_those_of_the_example():
    shown = {match[1]: block for block in BLOCKS if (match := re.match(r"# (\w+/conftest.py)\n", block))}
    assert set(shown) == {"before/conftest.py", "after/conftest.py"}
    for name, block in shown.items():
        assert block == f"# {name}\n" + (EXAMPLE / name).read_text()


def test_every_test_that_is_shown_passes(pytester):
    tests = [block for block in BLOCKS if re.search(r"^ *def test_", block, re.MULTILINE)]
    for number, block in enumerate(tests):
        pytester.makepyfile(**{f"test_shown_{number}": block})
    warnings = ["-W", "error"]
    for of_kafka_python in ("read_text is deprecated", "open_text is deprecated"):
        warnings += ["-W", f"ignore:{of_kafka_python}"]
    result = pytester.runpytest_subprocess(*warnings, "--strict-markers", "--kstore-seeds", "3")
    count = sum(len(re.findall(r"^ *def test_", block, re.MULTILINE)) for block in tests)
    simulated = sum(len(re.findall(r"def test_\w+\(kstore_sim\)", block)) for block in tests)
    result.assert_outcomes(passed=count + 2 * simulated)


@pytest.mark.interop
def test_the_example_runs_where_it_lies_as_the_docs_say():
    command = re.search(r"`python (-m pytest -p after\.conftest)`", (DOCS / "testing.md").read_text())
    assert command is not None
    words = [sys.executable, *command[1].split(), "-q", "-k", "an_order_becomes"]
    done = subprocess.run(words, cwd=EXAMPLE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.interop
@pytest.mark.parametrize("tests", ["an_order_becomes", pytest.param("test", marks=pytest.mark.full)])
def test_the_example_passes_with_kstore_in_place_of_a_container(pytester, tests):
    for source in (EXAMPLE / "invoices.py", EXAMPLE / "test_invoices.py", EXAMPLE / "after" / "conftest.py"):
        shutil.copy(source, pytester.path)
    result = pytester.runpytest_subprocess("-k", tests)
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] == (1 if tests == "an_order_becomes" else 8)
    assert {"failed", "errors"} & outcomes.keys() == set()
