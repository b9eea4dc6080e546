"""``kstore help``: the help of verbs and actions, and the pages of the documentation, which are installed with it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from cli.conftest import COMMAND
from rich.console import Console

from actors.cli import help as helping
from actors.cli.help import pages
from actors.cli.main import VERBS, main
from actors.cli.page_layout import Page

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("words", [["topics"], ["topics", "create"], ["serve"]], ids=" ".join)
def test_it_is_the_verb_s_own(words: list[str], capsys: pytest.CaptureFixture) -> None:
    assert main(["help", *words]) == 0
    told = capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    assert told == capsys.readouterr().out


def test_alone_it_lists_every_verb_and_every_page_with_its_title(capsys: pytest.CaptureFixture) -> None:
    assert main(["help"]) == 0
    told = capsys.readouterr().out
    assert "    topics " in told
    expected = sorted(page.stem for page in (ROOT / "docs").glob("*.md"))
    assert "command" in expected
    lines = told.partition("pages of the documentation")[2].splitlines()[1:]
    assert [line.split()[0].removesuffix(".md") for line in lines] == expected
    assert all(len(line.split()) > 1 for line in lines)


def test_a_page_is_markdown_without_a_terminal(capsys: pytest.CaptureFixture) -> None:
    assert main(["help", "configs"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("# Config keys")
    assert "| `num.partitions` |" in told


def test_on_a_terminal_a_page_is_laid_out_and_goes_through_the_pager() -> None:
    master, slave = pty.openpty()
    done = subprocess.Popen(
        [COMMAND, "help", "command"], stdout=slave, env={**os.environ, "PAGER": "cat", "TERM": "xterm"}
    )
    os.close(slave)
    seen = b""
    while chunk := read(master):
        seen += chunk
    os.close(master)
    assert done.wait(60) == 0
    assert b"The command" in seen
    assert b"```" not in seen
    assert b"|---|" not in seen


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # what Linux says when the other side is closed
        return b""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["confgs"], "kstore help: there is no verb and no page confgs (did you mean configs?)"),
        (["topics", "crate"], "kstore help: kstore topics has no action crate (did you mean create?)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_there_is_no_help_about_is_told_with_what_there_is(
    words: list[str], said: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["help", *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_an_installation_has_the_pages_beside_the_command(tmp_path: Path) -> None:
    """What a build puts into a wheel, without the extensions."""
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(tmp_path)],
        check=True,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "KSTORE_ONLY": "nothing"},
        timeout=120,
    )
    installed = tmp_path / helping.INSTALLED.relative_to(ROOT)
    assert {page.name: page.read_text() for page in installed.iterdir()} == {
        page.name: page.read_text() for page in (ROOT / "docs").glob("*.md")
    }


def test_a_key_that_is_longer_than_its_column_is_never_cut_off() -> None:
    console = Console(width=40, force_terminal=False)
    with console.capture() as captured:
        console.print(Page("| key | what |\n|---|---|\n| `a.key.that.is.long.as.some.are` | some words beside it |\n"))
    printed = captured.get()
    assert "…" not in printed
    left = "".join(line.split("  ")[0].strip() for line in printed.splitlines())
    assert "a.key.that.is.long.as.some.are" in left


def test_a_page_that_is_called_as_a_verb_is_asked_for_by_its_file(capsys: pytest.CaptureFixture) -> None:
    assert main(["help", "transactions"]) == 0
    assert capsys.readouterr().out.startswith("usage: kstore transactions")
    assert main(["help", "transactions.md"]) == 0
    assert capsys.readouterr().out.startswith("# Transactions\n")
    assert set(VERBS).isdisjoint(pages())
