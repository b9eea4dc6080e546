"""Every code block of the documentation does what the page says."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Commands
from docs.pages import RUN, SHOWN, TEST, Block, blocks, code_of, commands, difference
from processes import Server

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND_SECONDS_MAX = 60
COLUMNS = 90
"""A line of code as long as this is shown whole in a browser that is 820 pixels wide."""


def pages_with_code() -> list[Any]:
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES if blocks(page)]


@pytest.fixture
def address() -> Iterator[str]:
    """Where the server listens that the page calls localhost:9092."""
    server = Server("--brokers", "3", "--listen", "127.0.0.1:0")
    yield server.bootstrap.split(",")[0]
    server.kill()


@pytest.fixture(scope="module")
def kstore() -> Iterator[Path]:
    """The command, which needs no start."""
    prepared = Commands()
    yield prepared.program
    prepared.close()


class Page:
    """A page being run."""

    def __init__(self, path: Path, address: str, kstore: Path, folder: Path) -> None:
        self.path = path
        self.address = address
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.background: list[subprocess.Popen[str]] = []
        self.environment = {
            **os.environ,
            "PATH": f"{kstore.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "KSTORE_BOOTSTRAP": address,  # the verbs' default, as the page's reader has it at localhost:9092
            "COLUMNS": "120",
            "NO_COLOR": "1",
        }

    def run(self, block: Block) -> None:
        if block.file is not None:
            if (ROOT / block.file).read_text() != block.text:
                pytest.fail(f"{self.path.name}, line {block.line}: {block.file} is something else", pytrace=False)
            return
        text = block.text.replace("localhost:9092", self.address)
        if block.language == "pycon":
            self._session(text, block.line)
        elif block.language == "console":
            self._console(block._replace(text=text))
        elif TEST.search(text):
            self._tests(text, block.line)
        else:
            printed = self._python(text, block.line)
            if block.output is not None and (wrong := difference(block.output, printed)):
                pytest.fail(f"{self.path.name}, line {block.line}: {wrong}", pytrace=False)

    def _python(self, text: str, line: int) -> str:
        printed = io.StringIO()
        code = compile("\n" * line + text, str(self.path), "exec")
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of other libraries: not what the page is about
            exec(code, self.names)
        return printed.getvalue()

    def _session(self, text: str, line: int) -> None:
        test = doctest.DocTestParser().get_doctest(text, self.names, self.path.name, str(self.path), line)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
        report = io.StringIO()
        runner.run(test, out=report.write, clear_globs=False)
        self.names.update(test.globs)
        if runner.failures:
            pytest.fail(f"{self.path.name}, line {line}:\n{report.getvalue()}", pytrace=False)

    def _tests(self, text: str, line: int) -> None:
        file = self.folder / f"test_of_line_{line}.py"
        file.write_text(text)
        process = self._start(f"python -m pytest -q -p no:cacheprovider {file.name}")
        printed, _ = process.communicate(timeout=COMMAND_SECONDS_MAX)
        if process.returncode:
            pytest.fail(f"{self.path.name}, line {line}:\n{printed}", pytrace=False)

    def _console(self, block: Block) -> None:
        for command in commands(block):
            where = f"{self.path.name}, line {block.line}: $ {command.text}"
            if command.text.endswith("&"):
                self.background.append(self._start(command.text.rstrip("& ")))
                continue
            process = self._start(command.text)
            try:
                printed, _ = process.communicate(timeout=COMMAND_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._end(process)
                pytest.fail(f"{where} takes longer than {COMMAND_SECONDS_MAX} seconds", pytrace=False)
            if process.returncode:
                pytest.fail(f"{where} ended with {process.returncode}:\n{printed}", pytrace=False)
            said = "\n".join(command.output)
            if said.strip() and (wrong := difference(said, printed)):
                pytest.fail(f"{where}: {wrong}", pytrace=False)

    def _start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-eu", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def end(self) -> None:
        for process in self.background:
            self._end(process)


@pytest.mark.parametrize("path", pages_with_code())
def test_every_code_block_of_a_page_does_what_the_page_says(path: Path, kstore, request, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    asks_server = any(block.language == "console" or "localhost:9092" in block.text for block in blocks(path))
    address = request.getfixturevalue("address") if asks_server else "nowhere"
    page = Page(path, address, kstore, tmp_path)
    try:
        for block in blocks(path):
            if block.language in RUN or block.file is not None:
                page.run(block)
    finally:
        page.end()


@pytest.mark.parametrize("path", pages_with_code())
def test_every_block_has_a_language_that_is_run_or_is_nothing_to_run(path: Path) -> None:
    wrong = [f"line {block.line}: {block.language!r}" for block in blocks(path) if block.language not in RUN + SHOWN]
    assert wrong == []


@pytest.mark.parametrize("path", pages_with_code())
def test_no_line_of_code_is_too_long_for_the_page(path: Path) -> None:
    wide = [
        f"line {block.line}: {line}"
        for block in blocks(path)
        if block.language in RUN
        for line in code_of(block)
        if len(line) > COLUMNS
    ]
    assert wide == []


def test_an_output_is_compared_by_its_shape_where_it_differs_from_run_to_run() -> None:
    assert difference("sent in 1.2 ms\n...\nto 127.0.0.1:9092", "sent in 33 us\na\nb\nto 127.0.0.1:4711\n") is None
    assert difference("sent 3 records", "sent 4 records") is not None
    assert difference("a\n...\nb", "a\nb") is None


def test_a_block_with_a_title_shows_a_file(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text('```python title="tests/a.py"\nprint()\n```\n\n```python\nprint()\n```\n')
    assert [block.file for block in blocks(page)] == ["tests/a.py", None]
