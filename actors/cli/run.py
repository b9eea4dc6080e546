"""``kstore run``: runs a command with a cluster, which is ready before the command starts and stops when it ends.

Three processes: this one, which starts the other two, passes signals on and ends with the command's exit code; the
host, which has the cluster, in a session of its own, so that no Ctrl-C ends it before the command; the command. Pipes
between this process and the host bring the cluster's address here, and tell the host when all is over. If this process
is killed, the host sees the pipe's end, kills the command and goes; if the host is, the command is ended.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING

from actors.cli.arguments import BOOTSTRAP_VARIABLE, UsageError, checked
from actors.cli.brokers import add_brokers, prepared, running, settle_memory
from actors.cli.parsers import new_parser

if TYPE_CHECKING:
    from actors.cli.parsers import Verbs

NOT_FOUND, NOT_EXECUTABLE, LOST = 127, 126, 125
"""Exit codes of ``kstore run`` itself, as those of shells, env, timeout and nohup."""
DONE = b"done\n"
STARTING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT) if os.name == "posix" else ()

DESCRIPTION = f"""
Start a cluster, run a command with its address in {BOOTSTRAP_VARIABLE}, and end with the command's exit code: 128 + n
when signal n killed it, 127 when it wasn't found, 126 when it can't be executed, 125 when the cluster ended before it,
2 when the cluster couldn't be started. Signals are passed on to the command, and what it leaves running is ended. Its
stdin, stdout and stderr are those of kstore run, which says on stderr what goes wrong. Without --data-dir everything is
kept in memory.
"""

EXAMPLES = """
kstore run -- sh -c 'echo the brokers are at $KSTORE_BOOTSTRAP'
kstore run --brokers 3 --env KAFKA -- sh -c 'kstore topics list -b $KAFKA'
"""


def add_to(verbs: Verbs) -> None:
    """Add the verb to the command's parser."""
    verb = new_parser(verbs, "run", "run a command with a cluster of its own beside it", DESCRIPTION, EXAMPLES)
    add_brokers(verb, listen="127.0.0.1:0")
    verb.add_argument(
        "--env",
        action="append",
        default=[],
        type=checked(variable),
        metavar="NAME",
        help=f"set this environment variable to the address as well as {BOOTSTRAP_VARIABLE}; repeatable",
    )
    verb.add_argument(
        "words", nargs=argparse.REMAINDER, metavar="COMMAND", help="the command to run, with its own options"
    )
    verb.usage = "kstore run [options] -- COMMAND [ARGUMENT ...]"
    verb.set_defaults(run=run)


def variable(text: str) -> str:
    """The name of an environment variable."""
    if not text or "=" in text or "\0" in text:
        raise ValueError(f"{text!r} is not the name of an environment variable")
    return text


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code. In the process that becomes the host, that one's."""
    words = options.words = options.words[1:] if options.words[:1] == ["--"] else options.words
    if not words:
        raise UsageError("run takes a command after --, as in kstore run -- npm test")
    if not hasattr(os, "fork"):
        raise UsageError("run needs the processes of Linux or macOS: use kstore serve here")
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # it may be ignored by what started this: then none is waited for
    heard, told = os.pipe()
    hears, tells = os.pipe()
    host = os.fork()
    if host == 0:
        os.close(heard)
        os.close(tells)
        return be_host(options, hears, told)
    os.close(hears)
    os.close(told)
    return supervise(options, host, heard, tells)


def be_host(options: argparse.Namespace, hears: int, told: int) -> int:
    """Run the cluster until the command, or the process that started both, has ended."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    cluster = prepared(options)
    with running(cluster):
        os.write(told, f"{cluster.bootstrap_servers}\n".encode())
        settle_memory()
        if not is_over_in_order(hears):
            print("kstore: run was killed: its command is ended, too", file=sys.stderr, flush=True)
    return 0


def is_over_in_order(hears: int) -> bool:
    """Wait for the end; False if it was one of the other process alone. Then the command is killed."""
    from actors.cli.command import kill_tree

    lines: list[str] = []
    with open(hears) as messages:
        lines += messages
    if lines and lines[-1].encode() == DONE:
        return True
    for line in lines:
        pid, leads_group = map(int, line.split())
        kill_tree(pid, leads_group=bool(leads_group))
    return not lines


def supervise(options: argparse.Namespace, host: int, heard: int, tells: int) -> int:
    """Run the command when the cluster is there, and end everything when it is over; its exit code."""
    from actors.cli.command import Command, HostLost, adopt_orphans, exit_code

    end_on_signals(host)
    adopt_orphans()
    address = read_line(heard)
    if not address:
        code = exit_code(os.waitpid(host, 0)[1])
        if code > 2:
            print(f"kstore: the cluster's process ended while it started, with exit code {code}", file=sys.stderr)
        return code
    environment = {**os.environ, **dict.fromkeys([BOOTSTRAP_VARIABLE, *options.env], address)}

    def announce(pid: int, leads_group: bool) -> None:
        os.write(tells, f"{pid} {leads_group:d}\n".encode())

    try:
        command = Command(options.words, environment, host, announce)
    except OSError as error:
        end_host(options, host, tells)
        return not_started(options.words[0], error)
    try:
        code = command.wait()
    except HostLost as lost:
        print(f"kstore: the cluster's process ended, with exit code {lost.code}: the command is ended", file=sys.stderr)
        code = LOST
    command.end()
    if command.host is not None:
        end_host(options, host, tells)
    return code


def end_host(options: argparse.Namespace, host: int, tells: int) -> None:
    """End the host. A cluster on disk is stopped cleanly; one in memory just ends."""
    if options.data_dir is None and options.trace_file is None:
        os.kill(host, signal.SIGKILL)
    else:
        os.write(tells, DONE)
        os.close(tells)
    os.waitpid(host, 0)


def end_on_signals(host: int) -> None:
    """While the cluster starts, a signal ends that, and this process as it would end any."""

    def end(number: int, _: object) -> None:
        os.kill(host, signal.SIGKILL)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    for number in STARTING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


def read_line(descriptor: int) -> str:
    """What comes before the first newline, or the end."""
    with open(descriptor) as messages:
        return messages.readline().rstrip("\n")


def not_started(word: str, error: OSError) -> int:
    """Say why a command can't be started; the exit code that shells give."""
    if isinstance(error, FileNotFoundError):
        print(f"kstore: {word}: command not found", file=sys.stderr)
        return NOT_FOUND
    print(f"kstore: {word}: {error.strerror}", file=sys.stderr)
    return NOT_EXECUTABLE
