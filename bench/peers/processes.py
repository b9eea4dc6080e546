"""The processes that a measurement starts: where their output goes, when they listen, how much memory they hold.

A process is stopped by its own id, first politely; nothing here looks for processes by name. One that takes too long
to stop is killed, and those who measure go on: how a peer ends is not what they are after. Everything is bound to
loopback.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

HOST = "127.0.0.1"
STOP_TIMEOUT_S = 30.0


class ServerFailed(Exception):
    """A server did not come up, or went down; the message ends with the last lines that it printed."""


def _end_with_parent() -> None:
    """In the child: be told to end when its parent is killed, and can't do so any more (Linux)."""
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


class Process:
    """One child process whose output goes to a file."""

    def __init__(self, arguments: Sequence[str | Path], log: Path, env: dict[str, str] | None = None) -> None:
        self.log = log
        with log.open("wb") as output:
            self._child = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    def check(self) -> None:
        """Raise when it has ended on its own."""
        if self._child.poll() is not None:
            raise ServerFailed(f"{self._child.args!r} ended with {self._child.returncode}:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def terminate(self) -> None:
        """Ask it to stop, without waiting."""
        if self._child.poll() is None:
            self._child.terminate()

    def stop(self, grace_s: float | None = None) -> bool:
        """Ask it to stop, and kill it when it hasn't after ``grace_s`` (``STOP_TIMEOUT_S``); whether it stopped by
        itself. It has ended in any case, also when the user interrupts again.
        """
        self.terminate()
        try:
            self._child.wait(STOP_TIMEOUT_S if grace_s is None else grace_s)
        except subprocess.TimeoutExpired as late:
            self._kill()
            name = Path(str(self._child.args[0])).name  # type: ignore[index]
            print(
                f"{name} (process {self.pid}) had not stopped after {late.timeout:g} s and was killed", file=sys.stderr
            )
            return False
        except BaseException:
            self._kill()
            raise
        return True

    def _kill(self) -> None:
        self._child.kill()
        self._child.wait()

    def resident_bytes(self) -> int:
        return sum(_resident_bytes(pid) for pid in (self.pid, *_descendants(self.pid)))

    def processor_s(self) -> float:
        """The seconds of processor time that it and its children have used so far (Linux)."""
        return sum(_processor_s(pid) for pid in (self.pid, *_descendants(self.pid)))


def stop_all(processes: list[Process]) -> None:
    """Stop processes that end together; each is gone afterwards, and from the list."""
    with contextlib.ExitStack() as stopping:
        while processes:
            process = processes.pop()
            process.terminate()
            stopping.callback(process.stop)


def _descendants(pid: int) -> Iterator[int]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        for child, its_parent in pairs:
            if its_parent == parent:
                waiting.append(child)
                yield child


def _resident_bytes(pid: int) -> int:
    listed = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return int(listed.stdout or 0) * 1024


def _processor_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0  # it has ended
    user_time, system_time = fields[11:13]
    return (int(user_time) + int(system_time)) / os.sysconf("SC_CLK_TCK")


def free_ports(count: int) -> int:
    """The first of ``count`` ports in a row that nobody listens on.

    They lie below those that systems give to outgoing connections: a server that stops and starts again finds its own
    still free.
    """
    while True:
        first = random.SystemRandom().randrange(20_000, 32_768 - count)
        with contextlib.ExitStack() as held:
            try:
                for port in range(first, first + count):
                    held.enter_context(socket.socket()).bind((HOST, port))
            except OSError:
                continue
            return first


def listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until_listening(processes: Sequence[Process], ports: Sequence[int], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    for port in ports:
        while not listens(port):
            for process in processes:
                process.check()
            if time.monotonic() > deadline:
                raise ServerFailed(f"nobody listens on port {port} after {timeout_s:g} s:\n{processes[0].tail()}")
            time.sleep(0.01)


def stop_on_termination() -> None:
    """Make SIGTERM unwind the stack, so that every ``with`` stops what it has started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
