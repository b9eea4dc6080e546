"""The demo's client processes: started, read line by line, stopped, killed. What they say goes into the state."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from actors.cli.stopping import blocked, uninterrupted

PATIENCE_S = 60


class Cast(Protocol):
    """A state that hears of client processes."""

    def note(self, event: Mapping[str, Any]) -> None:
        """A client said something."""

    def started(self, name: str, pid: int) -> None:
        """A process runs."""

    def killed(self, name: str) -> None:
        """A process is dead, and nobody but the story knows."""


class Processes:
    """All clients of the story. Their words come in on one thread a process; ``changed`` guards the state."""

    def __init__(self, state: Cast) -> None:
        self.state = state
        self.changed = threading.Condition()
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.readers: list[threading.Thread] = []

    def start(self, name: str, module: str, *arguments: str) -> None:
        """Start a client: a module with arguments."""
        # Until the process is known, nothing interrupts, or nobody would end it. It is started with SIGINT blocked, and
        # so it stays there: Ctrl-C is for the demo, which then ends its clients, however far these have come.
        with uninterrupted(), blocked(signal.SIGINT):
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdout=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                text=True,
            )
            self.processes[name] = process
        with self.changed:
            self.state.started(name, process.pid)
        reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        reader.start()
        self.readers.append(reader)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                with self.changed:
                    if line.endswith("\n"):  # else they are the last words of a killed process
                        self.state.note(json.loads(line))
                    self.changed.notify_all()
        process.wait()
        with self.changed:
            self.changed.notify_all()

    def kill(self, name: str) -> None:
        """SIGKILL one client; its pid."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with self.changed:
            self.state.killed(name)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send one client a signal that it survives."""
        self.processes[name].send_signal(number)

    def finish(self, name: str, condition: Callable[[], bool], what: str) -> None:
        """Have one client end in order, and wait for what it says last."""
        self.processes[name].terminate()
        self.wait_for(condition, what)
        self.await_end(name)

    def await_end(self, name: str) -> None:
        """Wait until one client has ended in order; it gets no signal any more, which would end it otherwise."""
        code = self.processes[name].wait(timeout=PATIENCE_S)
        if code != 0:
            raise RuntimeError(f"the client process {name} ended with {code}")
        del self.processes[name]

    def stop_all(self) -> None:
        """Stop every client in order and read what they say last."""
        for process in self.processes.values():
            process.terminate()
        for name, process in self.processes.items():
            if process.wait(timeout=PATIENCE_S) != 0:
                raise RuntimeError(f"the client process {name} ended with {process.returncode}")
        for reader in self.readers:
            reader.join(timeout=PATIENCE_S)
        self.processes.clear()

    def end_all(self) -> None:
        """Leave none behind, however the story went."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until what was said makes ``condition`` true.

        Raises ``TimeoutError`` naming what was waited for, and ``RuntimeError`` when a client ended by itself.
        """

        def settled() -> bool:
            return condition() or any(process.poll() for process in self.processes.values())

        with self.changed:
            if not self.changed.wait_for(settled, PATIENCE_S):
                raise TimeoutError(f"waited {PATIENCE_S} s for {what}")
        for name, process in self.processes.items():
            if process.poll():
                raise RuntimeError(f"the client process {name} ended with {process.returncode}")
