"""``kstore run``: a command beside a cluster, its exit code, its signals, and nothing that stays."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from processes import Program
from waiting import wait_until

from actors.cli import command

COMMAND = str(Path(sys.executable).with_name("kstore"))
PATIENCE_S = 60

COUNTS_SIGNALS = """
import os, signal, sys
names = "SIGHUP SIGINT SIGQUIT SIGTERM SIGUSR1 SIGUSR2 SIGWINCH SIGCONT".split()
signal.pthread_sigmask(signal.SIG_BLOCK, [getattr(signal, name) for name in names])
print("pid", os.getpid(), flush=True)
while True:
    number = signal.sigwait([getattr(signal, name) for name in names])
    print(signal.Signals(number).name, flush=True)
    if number == signal.SIGUSR2:
        sys.exit(5)
"""


def run(*words: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **settings}
    return subprocess.run(
        [COMMAND, "run", *words], input=stdin, capture_output=True, text=True, env=environment, timeout=PATIENCE_S
    )


def is_there(pid: int) -> bool:
    """Whether a process is, and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for_end(*pids: int) -> None:
    wait_until(lambda: not any(map(is_there, pids)), what=f"the end of {pids}")


@pytest.fixture
def started():
    """Start ``kstore run`` with a command that prints its process id first; all are killed in the end."""
    programs: list[Program] = []

    def start(*words: str) -> tuple[Program, int]:
        program = Program(COMMAND, "run", *words)
        programs.append(program)
        program.wait_for(lambda lines: lines or program.process.poll() is not None, "process id")
        assert program.lines, program.errors
        return program, int(program.lines[0].split()[1])

    yield start
    for program in programs:
        program.kill()


def host_of(program: Program) -> int:
    """The process that has the cluster."""
    table = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children").read_text().split()
    return next(int(pid) for pid in table if os.getsid(int(pid)) == int(pid))


def test_the_command_finds_the_cluster_in_its_environment():
    show = "import os; print(os.environ['KSTORE_BOOTSTRAP'], os.environ['KAFKA'], os.environ['OTHER'], sep='\\n')"
    done = run("--brokers", "2", "--env", "KAFKA", "--env", "OTHER", "--", sys.executable, "-c", show, KAFKA="before")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(set(lines)) == 1
    assert len(lines) == 3
    assert [address.split(":")[0] for address in lines[0].split(",")] == ["127.0.0.1"] * 2


def test_the_cluster_is_ready_before_the_command_starts():
    program = """
import os
from kstore import Producer
with Producer(bootstrap_servers=os.environ["KSTORE_BOOTSTRAP"]) as producer:
    print(producer.send("orders", b"a").get(timeout=30).offset)
"""
    done = run("--set", "num.partitions=4", "--", sys.executable, "-c", program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


def test_the_streams_are_the_commands_own():
    program = "import sys; sys.stderr.write('to stderr'); print(sys.stdin.read().upper(), end='')"
    done = run("--", sys.executable, "-c", program, stdin="a book\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "A BOOK\n", "to stderr")


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("kill -INT $$", 130)],
)
def test_the_exit_code_is_the_commands_or_128_and_the_signal_that_killed_it(script, code):
    done = run("--", "sh", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_a_command_that_is_not_there_or_cannot_be_executed_is_told_as_shells_do(tmp_path):
    done = run("--", "no-such-command")
    assert (done.returncode, done.stderr) == (127, "kstore: no-such-command: command not found\n")
    (tmp_path / "text").write_text("no program")
    done = run("--", str(tmp_path / "text"))
    assert (done.returncode, done.stderr) == (126, f"kstore: {tmp_path / 'text'}: Permission denied\n")


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (["--", "echo", "--brokers", "-h"], "--brokers -h\n"),
        (["echo", "--brokers", "-h"], "--brokers -h\n"),
        (["--brokers", "1", "--", "echo", "a", "--", "b"], "a -- b\n"),
        (["--brokers", "1", "echo", "--", "b"], "-- b\n"),
    ],
)
def test_options_after_the_command_belong_to_it(words, printed):
    done = run(*words)
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "run takes a command after --, as in kstore run -- npm test"),
        (["--"], "run takes a command after --, as in kstore run -- npm test"),
        (["--env", "A=B", "--", "true"], "'A=B' is not the name of an environment variable"),
        (["--brokers", "0", "--", "true"], "must be a number, at least 1"),
        (["--listen", "nowhere", "--", "true"], "--listen takes host:port"),
        (["--set", "num.partition=3", "--", "true"], "num.partitions"),
    ],
)
def test_what_cannot_be_is_one_line_and_the_command_does_not_start(words, said, tmp_path):
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_a_taken_port_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("--listen", f"127.0.0.1:{taken.getsockname()[1]}", "--", "echo", "started")
    assert (done.returncode, done.stdout) == (2, "")
    assert "can't be listened on: Address already in use: choose another --listen" in done.stderr


def test_a_folder_keeps_the_data_and_is_left_clean(tmp_path):
    send = "from kstore import Producer; import os; p = Producer(bootstrap_servers=os.environ['KSTORE_BOOTSTRAP']); "
    send += "print(p.send('orders', b'a').get(timeout=30).offset); p.close()"
    folder = str(tmp_path / "data")
    offsets = [run("--data-dir", folder, "--", sys.executable, "-c", send).stdout for _ in range(2)]
    assert offsets == ["0\n", "1\n"]
    assert (tmp_path / "data" / "node-1" / ".kafka_cleanshutdown").exists()


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGWINCH", "SIGCONT"])
def test_a_signal_is_passed_on_once(started, name):
    program, _ = started("--", sys.executable, "-c", COUNTS_SIGNALS)
    program.process.send_signal(getattr(signal, name))
    program.wait_for(lambda lines: name in lines, name)
    program.process.send_signal(signal.SIGUSR2)
    assert program.finish() == 5
    assert program.lines[1:] == [name, "SIGUSR2"]
    assert program.errors == []


def test_a_signal_to_the_whole_group_comes_once(started):
    """As from a CI job or a service manager, which has no terminal."""
    words = [COMMAND, "run", "--", sys.executable, "-c", COUNTS_SIGNALS]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("pid")
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.readline() == "SIGINT\n"
        os.killpg(process.pid, signal.SIGUSR2)
        assert process.stdout.read() == "SIGUSR2\n"
        assert process.wait(PATIENCE_S) == 5


def test_a_command_that_a_signal_kills_takes_its_exit_code_along(started):
    program, _ = started("--", "sh", "-c", "echo pid $$; exec sleep 1000")
    program.process.terminate()
    assert program.finish() == 143


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_signals_that_were_ignored_stay_ignored(name):
    ignore = f"trap '' {name[3:]}; exec {COMMAND} run -- sh -c 'kill -{name[3:]} $$; echo alive'"
    done = subprocess.run(["sh", "-c", ignore], capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")


LEAVES = (
    "sleep 1000 & echo pid $!; setsid sleep 1000 & echo pid $!; (trap '' TERM; sleep 1000; sleep 1000) & echo pid $!"
)


def test_what_the_command_leaves_running_is_ended(tmp_path):
    (tmp_path / "leaves.sh").write_text(LEAVES.replace("; ", "\n"))
    done = run("--", "sh", str(tmp_path / "leaves.sh"))
    assert (done.returncode, done.stderr) == (0, "")
    pids = [int(line.split()[1]) for line in done.stdout.splitlines()]
    assert len(pids) == 3
    assert not any(map(is_there, pids))


def test_what_was_there_before_the_command_is_left_alone():
    script = f"sleep 1000 >/dev/null & echo $!; exec {COMMAND} run -- true"
    done = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S)
    pid = int(done.stdout)
    assert is_there(pid)
    os.kill(pid, signal.SIGKILL)


def test_what_cannot_be_ended_is_told_and_not_waited_for(monkeypatch, capfd):
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    left = command.Command.__new__(command.Command)
    monkeypatch.setattr(command, "GRACE_S", 0.05)
    monkeypatch.setattr(command.Command, "_rest", lambda _: {4711})
    monkeypatch.setattr(os, "kill", refuse)
    left.end()
    assert capfd.readouterr().err == "kstore: a process that the command left running can't be ended: 4711\n"


def test_a_kill_of_run_ends_the_command_and_the_cluster(started):
    program, pid = started("--", "sh", "-c", "sleep 1000 & echo pid $$; echo pid $!; wait")
    program.wait_for(lambda lines: len(lines) == 2, "second process id")
    others = [pid, int(program.lines[1].split()[1]), host_of(program)]
    program.process.kill()
    wait_for_end(*others)
    assert program.finish() == -signal.SIGKILL
    assert program.errors == ["kstore: run was killed: its command is ended, too"]


KILLED_AT_ONCE = """
import os, signal, subprocess, sys
from actors.cli.main import main
def start(*given, **named):
    process = before(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)
before, subprocess.Popen = subprocess.Popen, start
sys.exit(main(["run", "--", "sh", "-c", "echo pid $$; exec sleep 1000"]))
"""


def test_a_kill_of_run_right_after_the_start_of_the_command_ends_it(started):
    program = Program(sys.executable, "-c", KILLED_AT_ONCE)
    assert program.finish() == -signal.SIGKILL  # when nobody has its outputs open any more
    assert program.errors == ["kstore: run was killed: its command is ended, too"]
    assert all(not is_there(int(line.split()[1])) for line in program.lines)


def test_a_cluster_that_ends_before_the_command_is_told_and_ends_it(started):
    program, pid = started("--", "sh", "-c", "echo pid $$; exec sleep 1000")
    os.kill(host_of(program), signal.SIGKILL)
    assert program.finish() == 125
    assert program.errors == ["kstore: the cluster's process ended, with exit code 137: the command is ended"]
    assert not is_there(pid)


def test_nothing_is_left_after_the_command(started):
    program, pid = started("--", sys.executable, "-c", COUNTS_SIGNALS)
    host = host_of(program)
    program.process.send_signal(signal.SIGUSR2)
    assert program.finish() == 5
    assert not is_there(pid)
    assert not is_there(host)


STUCK_START = """
import sys, threading
from actors.cli.main import main
from actors.cluster import Cluster
Cluster.start = lambda self: print("starting", file=sys.stderr) or threading.Event().wait()
sys.exit(main(["run", "--", "echo", "started"]))
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_before_the_cluster_is_there_ends_it_all(name):
    stuck = Program(sys.executable, "-c", STUCK_START)
    wait_until(lambda: stuck.errors == ["starting"], what="the start")
    host = host_of(stuck)
    number = getattr(signal, name)
    stuck.process.send_signal(number)
    assert stuck.finish() == -number
    assert stuck.lines == []
    wait_for_end(host)
