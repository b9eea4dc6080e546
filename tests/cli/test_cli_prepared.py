"""Most tests of the command run forks of one that has started (``prepared.py``): they do what one does that starts."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from cli.conftest import COMMAND
from commands import Commands


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (["--version"], b""),
        (["topics", "--help"], b""),
        (["topicz"], b""),
        (["topics", "describe", "nowhere"], b""),
        (["produce", "nowhere", "--no-such-option"], b"a\n"),
        (["help", "configs"], b""),
        (["consume", "nowhere", "-e", "-b", "127.0.0.1:1", "--timeout", "1"], b""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_that_needs_no_start_does_what_one_does_that_starts(
    words: list[str], stdin: bytes, kstore, environment: dict[str, str], tmp_path: Path
) -> None:
    started = subprocess.run([COMMAND, *words], input=stdin, capture_output=True, env=environment, cwd=tmp_path)
    prepared = kstore(*words, stdin=stdin)
    assert (prepared.returncode, prepared.stdout, prepared.stderr) == (
        started.returncode,
        started.stdout,
        started.stderr,
    )


def test_it_reads_and_writes_where_it_is_told_to(ok, topic: str, tmp_path: Path) -> None:
    many = b"".join(b"%d\n" % number for number in range(50_000))
    (tmp_path / "records").write_bytes(b"from a file of this folder\n")
    ok("produce", topic, "records")
    ok("produce", topic, stdin=many)
    assert ok("consume", topic, "-e") == b"from a file of this folder\n\n" + many  # a file is one record


def test_it_does_not_outlive_the_shell_that_asked_for_it(
    ok, topic: str, commands: Commands, environment: dict[str, str], tmp_path: Path
) -> None:
    ok("produce", topic, stdin=b"a\n")
    asked = subprocess.Popen([commands.program, "consume", topic], stdout=subprocess.PIPE, env=environment)
    assert asked.stdout is not None
    assert asked.stdout.readline() == b"a\n"
    os.kill(asked.pid, signal.SIGKILL)
    assert asked.communicate(timeout=60) == (b"", None)  # nobody has its end of the pipe any more


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_reaches_it_and_its_end_the_shell(
    ok, topic: str, commands: Commands, environment: dict[str, str], number: int
) -> None:
    ok("produce", topic, stdin=b"a\n")
    asked = subprocess.Popen([commands.program, "consume", topic], stdout=subprocess.PIPE, env=environment)
    assert asked.stdout is not None
    assert asked.stdout.readline() == b"a\n"
    asked.send_signal(number)
    assert asked.communicate(timeout=60) == (b"", None)
    assert asked.returncode == 0
