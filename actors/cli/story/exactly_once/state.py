"""What the exactly-once story knows at a moment: orders, workers with their transactions, and two readers. Pure.

Events go in through ``note`` (a client's words), ``see`` (the cluster), ``started``, ``killed``, ``frozen`` and ``say``
(the story's own); screens and counts only read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from actors.cli.story.scene import Scene
from actors.cli.story.state import PRODUCER, Seen

LEVELS = ("read_uncommitted", "read_committed")


@dataclass
class WorkerProcess:
    """A worker. ``state``: starting, working, uncommitted (it stands in the middle of a transaction), killed, frozen,
    fenced, or left.
    """

    pid: int
    state: str = "starting"
    partitions: tuple[int, ...] = ()
    transactions: int = 0
    invoices: int = 0
    uncommitted: int = 0


@dataclass
class Reader:
    """A reader of one isolation level: the invoices that it saw, as (order, user), and where it reads on."""

    invoices: list[tuple[int, str]] = field(default_factory=list)
    next: dict[int, int] = field(default_factory=dict)


@dataclass
class Partition:
    """A partition of the topic of invoices, as the cluster has it."""

    leader: int = -1
    replicas: tuple[int, ...] = ()
    in_sync: tuple[int, ...] = ()


@dataclass
class InvoicingState(Scene):
    """The whole stage. ``acks``: the orders that were acknowledged to the shop."""

    partitions: dict[int, Partition] = field(default_factory=dict)
    workers: dict[str, WorkerProcess] = field(default_factory=dict)
    readers: dict[str, Reader] = field(default_factory=lambda: {level: Reader() for level in LEVELS})
    acks: set[int] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    aborts: list[str] = field(default_factory=list)
    fenced: list[str] = field(default_factory=list)
    produced: bool = False

    def started(self, name: str, pid: int) -> None:
        """A process runs; of the clients, workers are shown."""
        if name not in (PRODUCER, *LEVELS):
            self.workers[name] = WorkerProcess(pid)
            self.mark(f"worker {name}")

    def killed(self, name: str) -> None:
        """A worker's process is dead, and nobody but the story knows."""
        self._enter(name, "killed")

    def frozen(self, name: str) -> None:
        """A worker's process was stopped."""
        self._enter(name, "frozen")

    def see(self, brokers: Mapping[int, str], controller: int, partitions: Mapping[int, Seen]) -> None:
        """Look at the cluster: what each broker is doing, and each partition's leader and in-sync replicas."""
        self.see_brokers(brokers, controller)
        for number, seen in partitions.items():
            self.partitions[number] = Partition(seen.leader, tuple(seen.replicas), tuple(seen.isr))

    def note(self, event: Mapping[str, Any]) -> None:
        """A client said something."""
        match event["event"]:
            case "acknowledged":
                self.acks.add(event["order"])
            case "failed":
                self.failures.append(event["error"])
            case "produced":
                self.produced = True
            case "seen":
                reader = self.readers[event["reader"]]
                reader.invoices += [(order, user) for order, user in event["invoices"]]
                reader.next = {int(number): offset for number, offset in event["next"].items()}
            case said:
                self._note_worker(event["worker"], said, event)

    def _note_worker(self, name: str, said: str, event: Mapping[str, Any]) -> None:
        worker = self.workers[name]
        if worker.state == "killed":
            return  # said before it died, read after
        match said:
            case "ready":
                self._enter(name, "working")
            case "assigned" | "revoked":
                self._owns(name, said, event["partitions"])
            case "committed":
                worker.transactions += 1
                worker.invoices += event["invoices"]
                self._enter(name, "working")
            case "uncommitted":
                worker.uncommitted = event["invoices"]
                self._enter(name, "uncommitted")
            case "aborted":
                self.aborts.append(event["error"])
            case "fenced":
                self.fenced.append(event["error"])
                self._enter(name, "fenced")
            case "closed" if worker.state != "fenced":
                worker.partitions = ()
                self._enter(name, "left")

    def _owns(self, name: str, said: str, numbers: Sequence[int]) -> None:
        worker = self.workers[name]
        held = set(worker.partitions)
        worker.partitions = tuple(sorted(held | set(numbers) if said == "assigned" else held - set(numbers)))
        self.mark(f"worker {name}")

    def _enter(self, name: str, state: str) -> None:
        worker = self.workers[name]
        if worker.state != state:
            worker.state = state
            self.mark(f"worker {name}")

    def living(self) -> dict[str, WorkerProcess]:
        """The workers that do their work."""
        return {name: worker for name, worker in self.workers.items() if worker.state in ("starting", "working")}

    def shared_out(self) -> bool:
        """Whether every partition of orders is read by exactly one worker, and each worker has some."""
        held = [number for worker in self.living().values() for number in worker.partitions]
        return sorted(held) == sorted(self.partitions) and all(worker.partitions for worker in self.living().values())

    def assignment_text(self) -> str:
        """Who reads which partitions of orders."""
        return ", ".join(
            f"{name} reads {' and '.join(map(str, worker.partitions)) or 'nothing'}"
            for name, worker in sorted(self.living().items())
        )

    def seen_by(self, level: str) -> int:
        """How many invoices the reader of an isolation level saw."""
        return len(self.readers[level].invoices)

    @property
    def transactions(self) -> int:
        """How many the workers have committed."""
        return sum(worker.transactions for worker in self.workers.values())

    def all_invoiced(self) -> bool:
        """Whether the read_committed reader has an invoice of each order, and both readers have come equally far."""
        uncommitted, committed = (self.readers[level] for level in LEVELS)
        return self.acks <= {order for order, _ in committed.invoices} and uncommitted.next == committed.next
