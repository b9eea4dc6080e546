"""What a consumer says on a terminal when it waits, and that it says nothing elsewhere."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess

import pytest
from cli.conftest import COMMAND
from present import present
from waiting import wait_until

END = re.compile(rb"waiting|to read from the beginning")  # what the last line has


@pytest.fixture
def said(environment, tmp_path):
    """What ``kstore consume`` has said on a terminal by the time at which it says that it waits; then it is ended.

    With ``then``, that is called at that time, and it is ended when it says so once more.
    """

    def run(*words: str, then=None) -> str:
        master, slave = pty.openpty()
        consumer = subprocess.Popen(
            [COMMAND, "consume", *words], stdout=subprocess.DEVNULL, stderr=slave, env=environment, cwd=tmp_path
        )
        os.close(slave)
        seen = b""
        for number, do in enumerate([None] if then is None else [None, then], 1):
            if do is not None:
                do()
            while sum(line.endswith(b"\n") and END.search(line) is not None for line in seen.splitlines(True)) < number:
                seen += os.read(master, 10_000)
        consumer.send_signal(signal.SIGINT)
        assert consumer.wait(60) == 0
        os.close(master)
        return " ".join(seen.decode().split())

    return run


def test_a_group_at_the_end_says_how_it_reads_from_the_beginning_and_so_it_does(said, ok, topic, group) -> None:
    ok("produce", topic, stdin=b"a\nb\n")
    told = said("-G", group, topic)
    assert told.startswith(f"kstore: group {group} waits at the end of {topic} for new records (Ctrl-C ends)")
    command = told.partition("to read from the beginning: kstore ")[2]
    assert command == f"consume -G {group} -o beginning {topic}"
    assert ok(*command.split(), "-c", "2") == b"a\nb\n"


def test_a_group_that_has_read_it_all_is_told_to_move_its_offsets(said, ok, topic, group) -> None:
    ok("produce", topic, stdin=b"a\nb\n")
    ok("consume", "-G", group, topic, "-o", "beginning", "-c", "2")
    command = said("-G", group, topic, "-o", "beginning").partition("to read from the beginning again: kstore ")[2]
    assert ok(*command.split()).decode().splitlines()[-1] == "done: 1 offset moved"
    assert ok("consume", "-G", group, topic, "-c", "2") == b"a\nb\n"


def test_alone_at_the_end_it_says_how_it_would_end_by_itself(said, ok, topic) -> None:
    ok("produce", topic, stdin=b"a\n")
    assert "with -e it ends here by itself" in said(topic)


def test_a_topic_without_records_is_called_so(said, topic) -> None:
    assert said(topic).startswith(f"kstore: {topic} has no records; waiting for some")


def test_a_topic_that_a_group_waits_for_is_named_with_the_one_that_may_be_meant(said, topic, group) -> None:
    told = said("-G", group, f"{topic}x")
    assert f"there is no topic {topic}x (did you mean cli-" in told
    assert told.endswith("waiting until there is")


def test_of_a_topic_that_is_not_there_nobody_is_said_to_read_it(said, ok, topic, group) -> None:
    name = f"{topic}x"

    def come() -> None:
        wait_until(lambda: group in ok("groups", "list", "--state", "Stable").decode(), what="a member")
        ok("topics", "create", name, "-p", "1")

    told = said("-G", group, "-X", "metadata_max_age_ms=500", name, then=come)
    assert "other members" not in told
    assert f"waiting until there is kstore: {name} has no records; waiting for some" in told


def test_without_a_terminal_a_group_that_waits_says_nothing(environment, ok, topic, group) -> None:
    consumer = subprocess.Popen(
        [COMMAND, "consume", "-G", group, topic], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    wait_until(lambda: group in ok("groups", "list", "--state", "Stable").decode(), what="a member")
    ok("produce", topic, stdin=b"a\n")
    assert present(consumer.stdout).readline() == b"a\n"
    consumer.send_signal(signal.SIGINT)
    assert consumer.communicate(timeout=60) == (b"", b"")
