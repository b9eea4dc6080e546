"""Tab completion in a real bash: the script that ``kstore completion bash`` prints, and the words it comes to."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")

ASK = r"""
eval "$(kstore completion bash)"
COMP_LINE="$1" COMP_POINT=${#1} COMP_TYPE=9
COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_python_argcomplete kstore
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def complete(environment, tmp_path):
    """What bash would offer after this line."""

    def ask(line: str) -> list[str]:
        done = subprocess.run(
            ["bash", "--norc", "-c", ASK, "bash", line],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            timeout=60,
        )
        assert done.stderr == ""
        return [word.strip() for word in done.stdout.split("\n") if word.strip()]

    return ask


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("kstore comp", ["completion"]),
        ("kstore completion b", ["bash"]),
        ("kstore topics cr", ["create"]),
        ("kstore groups res", ["reset-offsets"]),
        ("kstore produce -z l", ["lz4"]),
        ("kstore topics create x --part", ["--partitions"]),
        ("kstore serve --brok", ["--brokers"]),
        ("kstore help conf", ["configs"]),
        ("kstore help topics cr", ["create"]),
    ],
)
def test_verbs_options_and_choices_are_completed(complete, line, expected) -> None:
    assert complete(line) == expected


def test_all_verbs_are_offered_after_the_command(complete) -> None:
    verbs = {"serve", "demo", "topics", "produce", "consume", "groups", "transactions", "trace", "help"}
    assert verbs <= set(complete("kstore "))


def test_topics_and_groups_of_the_kafka_in_reach_are_completed(complete, ok, topic, group) -> None:
    ok("produce", topic, stdin=b"a\n")
    ok("consume", "-G", group, "-o", "beginning", topic, "-c", "1")
    assert complete(f"kstore consume {topic[:-1]}").count(topic) == 1
    assert topic in complete(f"kstore topics describe {topic[:6]}")
    assert group in complete(f"kstore groups describe {group[:6]}")


def test_without_a_kafka_nothing_is_offered_and_nothing_is_said(complete) -> None:
    assert complete("kstore consume -b 127.0.0.1:1 zzz") == []


@pytest.mark.parametrize(("shell", "word"), [("zsh", "compdef"), ("fish", "complete --command kstore")])
def test_the_other_shells_get_scripts_of_their_own(ok, shell, word) -> None:
    assert word in ok("completion", shell).decode()


def test_a_tab_that_is_pressed_completes_the_word(environment) -> None:
    """All of it: an interactive bash on a terminal, and a key."""
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {**environment, "TERM": "dumb", "PS1": "$ "})
    os.write(terminal, b'eval "$(kstore completion bash)"; echo re""ady\n')
    read_until(terminal, b"ready")
    os.write(terminal, b"kstore topics desc\t")
    read_until(terminal, b"describe")
    os.write(terminal, b"\x15exit\n")  # the line is cleared, the shell ends
    os.waitpid(process, 0)
    os.close(terminal)


def read_until(terminal: int, words: bytes) -> None:
    """Read a terminal until it has said something."""
    seen = b""
    while words not in seen:
        seen += os.read(terminal, 1000)
