"""Servers and client programs as processes of their own; each is ended by the pid it was started with."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable

from present import present

PATIENCE_S = 60


def _hear_ctrl_c() -> None:
    """In the child: a shell that runs the tests in the background has them, and what they start, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Program:
    """A process whose lines are kept as they come; a waiting thread is woken by a line of any of them."""

    changed = threading.Condition()

    def __init__(self, *command: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            preexec_fn=_hear_ctrl_c,
        )
        self.errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.lines), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self.errors), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream, into: list[str]) -> None:
        for line in stream:
            with self.changed:
                into.append(line.rstrip("\n"))
                self.changed.notify_all()
        self.process.wait()
        with self.changed:
            self.changed.notify_all()

    def wait_for(self, condition: Callable[[list[str]], object], what: str) -> None:
        """Wait until the lines so far satisfy ``condition``."""
        with self.changed:
            if not self.changed.wait_for(lambda: condition(self.lines), PATIENCE_S):
                raise TimeoutError(f"no {what} from {self.process.args!r}: {self.lines[-5:]} {self.errors[-5:]}")

    def finish(self) -> int:
        """Wait for the process to end by itself; its exit code."""
        code = self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        present(self.process.stdout).close()
        present(self.process.stderr).close()
        return code

    def stop(self) -> int:
        """SIGTERM, then wait."""
        self.process.terminate()
        return self.finish()

    def kill(self) -> None:
        """SIGKILL."""
        if self.process.poll() is None:
            self.process.kill()
        self.finish()


class Server(Program):
    """``kstore serve`` in a process of its own."""

    def __init__(self, *options: str) -> None:
        super().__init__(sys.executable, "-m", "actors.cli.main", "serve", *options)
        self.wait_for(lambda lines: lines or self.process.poll() is not None, "ready line")
        assert self.process.poll() is None, f"the server ended: {self.errors}"
        self.bootstrap = self.lines[0].rsplit(" ", 1)[1]
