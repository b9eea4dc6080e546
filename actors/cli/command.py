"""The command of ``kstore run``: a child process, the signals that are passed on to it, and the end of what it leaves.

A signal to ``kstore run`` is passed on to the command, and to no other process. Whether the command gets a signal of
the terminal (Ctrl-C, Ctrl-Z, a new size) from there depends on the process group. With a controlling terminal the
command stays in the group of ``kstore run``, as everything in a pipeline does: the terminal tells both, so such a
signal isn't passed on, and comes once. Without one (a service, a CI job) it has a group of its own: a signal for the
whole group of ``kstore run`` comes once, too.

All signals are blocked here and taken one after the other, so that none comes at a wrong time. Those that were ignored
when ``kstore run`` was started (``nohup``, ``&`` in a script) stay ignored, by the command as well.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

GRACE_S = 3.0
"""How long a process may take to end before it is killed."""
LOOK_AGAIN_S = 0.02
PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
KILLED = 128
"""A command that was killed by signal n has exit code 128 + n, as in shells."""

NOT_PASSED_ON = {"SIGKILL", "SIGSTOP", "SIGFPE", "SIGILL", "SIGSEGV", "SIGBUS", "SIGABRT", "SIGTRAP", "SIGSYS"}
"""The first two can't be caught; the others report an error of the process that gets them."""
OF_OWN_TERMINAL_USE = {"SIGTTIN", "SIGTTOU"}
FROM_TERMINAL = {"SIGINT", "SIGQUIT", "SIGTSTP", "SIGWINCH"}
"""Assumed to come from the terminal if the system doesn't say who sent a signal."""
IGNORED_BY_PYTHON = {"SIGPIPE", "SIGXFSZ"}


def passed_on() -> set[int]:
    """The signals that are taken here: those that are passed on, and what tells of children."""
    kept = NOT_PASSED_ON | OF_OWN_TERMINAL_USE
    return {
        int(number)
        for number in signal.valid_signals()
        if getattr(number, "name", "") not in kept and signal.getsignal(number) is not signal.SIG_IGN
    }


def has_terminal() -> bool:
    """Whether this process has a controlling terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def adopt_orphans() -> None:
    """Have processes whose parents have ended become children of this one (Linux), so that it can end them."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def parents() -> dict[int, int]:
    """The parent of each process, where ``/proc`` tells (Linux)."""
    found = {}
    for name in os.listdir("/proc") if sys.platform == "linux" else ():
        if name.isdecimal():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # it may have ended meanwhile
                found[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
    return found


def children() -> set[int]:
    """The children of this process, where ``/proc`` tells."""
    me = os.getpid()
    return {pid for pid, parent in parents().items() if parent == me}


def kill_tree(pid: int, *, leads_group: bool) -> None:
    """Kill a process that isn't a child of this one, with all that it has started."""
    table = parents()
    doomed = [pid]
    for each in doomed:
        doomed += [child for child, parent in table.items() if parent == each]
    for each in doomed:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    if leads_group:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def exit_code(status: int) -> int:
    """The exit code that shells give a status of ``waitpid``."""
    return KILLED + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


class HostLost(Exception):
    """The process with the cluster has ended while the command ran; ``code`` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Command:
    """A command that has been started, with ``host``, the other child of this process, beside it."""

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], host: int, announce: Callable[[int, bool], None]
    ) -> None:
        """Start it. Raises ``OSError`` if it can't be.

        ``announce(pid, leads_group)`` is called in the new process before it becomes the command: from its first
        instruction on the command is known to who has to end it.
        """
        self.host: int | None = host
        self._not_its = children()
        self.leads_group = not has_terminal()
        self._stopped = False
        self._signals = passed_on()
        for number in self._signals:
            signal.signal(number, lambda *_: None)  # else some would be lost while they are blocked, on macOS
        before = signal.pthread_sigmask(signal.SIG_BLOCK, self._signals)

        def become() -> None:
            with suppress(BrokenPipeError):  # the host has ended, which is seen later
                announce(os.getpid(), self.leads_group)
            for name in IGNORED_BY_PYTHON:
                signal.signal(getattr(signal, name), signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

        group = 0 if self.leads_group else None
        # This process has one thread, so that code may run between fork and exec.
        self._process = subprocess.Popen(
            words, env=environment, process_group=group, close_fds=False, restore_signals=False, preexec_fn=become
        )
        self._process.returncode = 0  # its end is waited for here, with that of all others
        self.group = self._process.pid
        self.pid: int | None = self.group

    def wait(self) -> int:
        """Pass signals on until it ends; its exit code. Raises ``HostLost``."""
        while True:
            for pid, status in self._news():
                if pid == self.pid:
                    self._stopped = os.WIFSTOPPED(status)
                    if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                        self.pid = None
                        return exit_code(status)
                    if self._stopped and not self.leads_group:
                        os.kill(os.getpid(), signal.SIGSTOP)  # so that the shell sees it
                elif pid == self.host and (os.WIFEXITED(status) or os.WIFSIGNALED(status)):
                    self.host = None
                    raise HostLost(exit_code(status))
            number, is_for_both = self._next_signal()
            if number == signal.SIGCONT and not self.leads_group:
                is_for_both = not self._is_stopped_still()
            if number != signal.SIGCHLD and not is_for_both and self.pid is not None:
                os.kill(self.pid, number)

    def _news(self) -> Iterator[tuple[int, int]]:
        """Children that have ended, stopped or gone on, with their status; those that were adopted, too."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            except ChildProcessError:
                return
            if not pid:
                return
            yield pid, status

    def _next_signal(self) -> tuple[int, bool]:
        """The next signal, and whether the terminal has sent it, to the command as well."""
        if hasattr(signal, "sigwaitinfo"):  # not on macOS
            info = signal.sigwaitinfo(self._signals)
            return info.si_signo, not self.leads_group and info.si_code > 0
        number = signal.sigwait(self._signals)
        return number, not self.leads_group and signal.Signals(number).name in FROM_TERMINAL

    def _is_stopped_still(self) -> bool:
        """Whether the command hasn't been told to go on together with this process, as a shell does it."""
        with suppress(ChildProcessError):
            if self.pid is not None and os.waitpid(self.pid, os.WNOHANG | os.WCONTINUED)[0]:
                self._stopped = False
        return self._stopped

    def end(self) -> None:
        """End what is there of it: itself, and what it has started and left. It may take ``GRACE_S`` for that.

        What another user owns can't be ended; it is told.
        """
        told: set[int] = set()
        kill_at = time.monotonic() + GRACE_S
        while rest := self._rest():
            number = signal.SIGTERM if time.monotonic() < kill_at else signal.SIGKILL
            if time.monotonic() > kill_at + GRACE_S:
                left = ", ".join(map(str, sorted(map(abs, rest))))
                print(f"kstore: a process that the command left running can't be ended: {left}", file=sys.stderr)
                return
            for pid in rest if number == signal.SIGKILL else rest - told:
                with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of what has just ended
                    os.kill(pid, number)
                    os.kill(pid, signal.SIGCONT)
            told |= rest
            select.select([], [], [], LOOK_AGAIN_S)

    def _rest(self) -> set[int]:
        """What is there of it, after those that have ended were let go of; a negative number is a process group."""
        for pid, status in self._news():
            if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                self.pid = None if pid == self.pid else self.pid
                self.host = None if pid == self.host else self.host
        found = children() - self._not_its
        if self.pid is not None:
            found.add(self.pid)
        if self.leads_group:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.group, 0)
                found.add(-self.group)
        return found
