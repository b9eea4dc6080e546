"""The demo's client processes: started, read line by line, killed by their pid, and what they have said so far."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

PRODUCER = "producer"


class Clients:
    """All clients of the story and everything that they said. Events come in on one thread a process."""

    def __init__(self) -> None:
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.readers: list[threading.Thread] = []
        self.changed = threading.Condition()
        self.acks: dict[int, dict[str, Any]] = {}
        self.failures: list[dict[str, Any]] = []
        self.received: list[dict[str, Any]] = []
        self.receivers: dict[int, list[str]] = {}
        self.assigned: dict[str, list[int]] = {}
        self.killed: set[str] = set()
        self.produced = False

    # -- processes -----------------------------------------------------------------------------------------------

    def produce(self, bootstrap: str, topic: str, orders: int, users: list[str]) -> None:
        """Start the producer."""
        self._start(PRODUCER, "produce", bootstrap, topic, str(orders), ",".join(users))

    def consume(self, bootstrap: str, topic: str, name: str) -> None:
        """Start a consumer."""
        self._start(name, "consume", bootstrap, topic, name)

    def _start(self, name: str, *arguments: str) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "actors.cli.demo_clients", *arguments],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        self.processes[name] = process
        reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        reader.start()
        self.readers.append(reader)

    def kill(self, name: str) -> None:
        """SIGKILL one client."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with self.changed:
            self.killed.add(name)
            self.assigned.pop(name, None)

    def stop_all(self) -> None:
        """Stop every client in order and read what they say last."""
        for name, process in self.processes.items():
            if name != PRODUCER:  # which has said that it is done, and ends by itself
                process.terminate()
        for name, process in self.processes.items():
            if process.wait(timeout=30) != 0:
                raise RuntimeError(f"the client process {name} ended with {process.returncode}")
        for reader in self.readers:
            reader.join(timeout=30)
        self.processes.clear()

    def end_all(self) -> None:
        """Leave none behind, however the story went."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()

    # -- what they say -------------------------------------------------------------------------------------------

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.endswith("\n"):
                return  # the last words of a killed process
            event = json.loads(line)
            with self.changed:
                self._note(event)
                self.changed.notify_all()

    def _note(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "acknowledged":
            self.acks[event["order"]] = event
        elif kind == "failed":
            self.failures.append(event)
        elif kind == "received":
            self.received.append(event)
            self.receivers.setdefault(event["order"], []).append(event["member"])
        elif kind == "assigned" and event["member"] not in self.killed:
            self.assigned[event["member"]] = event["partitions"]
        elif kind == "revoked":
            self.assigned.pop(event["member"], None)
        elif kind == "produced":
            self.produced = True

    def wait_for(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Wait until what was said makes ``condition`` true; ``TimeoutError`` names what was waited for."""
        with self.changed:
            if not self.changed.wait_for(condition, timeout_s):
                raise TimeoutError(f"waited {timeout_s} s for {what}")

    def acknowledged(self) -> int:
        """How many orders were acknowledged."""
        return len(self.acks)

    def received_by(self, name: str) -> int:
        """How many orders a consumer has received."""
        return sum(1 for event in self.received if event["member"] == name)

    def all_received(self) -> bool:
        """Whether every acknowledged order has reached the group."""
        return self.acks.keys() <= self.receivers.keys()

    def owners(self) -> set[int]:
        """The partitions that somebody living owns."""
        return {partition for partitions in self.assigned.values() for partition in partitions}

    def members(self) -> int:
        """How many consumers own at least one partition."""
        return sum(1 for partitions in self.assigned.values() if partitions)

    def assignment_text(self) -> str:
        """Who owns what."""
        return ", ".join(f"{name}: {partitions}" for name, partitions in sorted(self.assigned.items()))
