"""``kstore run`` on a terminal: its keys reach the command, once, and a shell stops and goes on with both."""

from __future__ import annotations

import signal
import sys

import pytest
from cli.terminals import CTRL_BACKSLASH, CTRL_C, CTRL_Z, Terminal
from cli.test_cli_run import COMMAND, COUNTS_SIGNALS


@pytest.fixture
def terminal():
    """Start programs on terminals of their own; all are ended."""
    started: list[Terminal] = []

    def start(*command: str) -> Terminal:
        started.append(Terminal(*command))
        return started[-1]

    yield start
    for each in started:
        each.close()


def signals(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if line.startswith("SIG")]


def test_keys_and_a_new_size_reach_the_command_once(terminal):
    counting = terminal(COMMAND, "run", "--", sys.executable, "-c", COUNTS_SIGNALS)
    counting.wait_for("pid")
    counting.type(CTRL_C)
    counting.wait_for("SIGINT")
    counting.resize(40, 100)
    counting.wait_for("SIGWINCH")
    counting.type(CTRL_C)
    counting.wait_for("SIGINT", 2)
    counting.type(CTRL_BACKSLASH)
    counting.wait_for("SIGQUIT")
    counting.process.send_signal(signal.SIGUSR2)
    assert counting.finish() == 5
    assert signals(counting.printed) == ["SIGINT", "SIGWINCH", "SIGINT", "SIGQUIT", "SIGUSR2"]


def test_what_another_process_sends_is_passed_on_there_too(terminal):
    counting = terminal(COMMAND, "run", "--", sys.executable, "-c", COUNTS_SIGNALS)
    counting.wait_for("pid")
    for name in ("SIGINT", "SIGTERM", "SIGWINCH", "SIGUSR2"):
        counting.process.send_signal(getattr(signal, name))
        counting.wait_for(name)
    assert counting.finish() == 5
    assert signals(counting.printed) == ["SIGINT", "SIGTERM", "SIGWINCH", "SIGUSR2"]


def test_a_shell_stops_it_and_goes_on_with_it_and_ctrl_c_ends_the_command(terminal):
    shell = terminal("bash", "--norc", "--noprofile", "-i")
    shell.type(f"{COMMAND} run -- sh -c 'echo here; while read line; do echo \"<$line>\"; done'; echo code $?\n")
    shell.wait_for("here\n")
    shell.type("one\n")
    shell.wait_for("<one>")
    shell.type(CTRL_Z)
    shell.wait_for("Stopped")
    shell.type("jobs; echo still $((6 * 7))\n")
    shell.wait_for("still 42")
    shell.type("fg; echo code $?\n")
    shell.type("two\n")
    shell.wait_for("<two>")
    shell.type(CTRL_C)
    shell.wait_for("code 130")
    shell.type("exit\n")
    shell.finish()


def test_a_pipeline_on_a_terminal_reads_the_terminal(terminal):
    shell = terminal("bash", "--norc", "--noprofile", "-i")
    shell.type(f'{COMMAND} run -- echo from the command | (cat; read answer </dev/tty; echo "<$answer>")\n')
    shell.wait_for("from the command\n")
    shell.type("typed\n")
    shell.wait_for("<typed>")
    shell.type("exit\n")
    shell.finish()
