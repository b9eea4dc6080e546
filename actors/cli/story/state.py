"""What the order-events story knows at a moment: what its processes said and what the cluster looks like. Pure.

Events go in through ``note`` (a client's words), ``see`` (the cluster), ``started``, ``killed`` and ``say`` (the
story's own); screens and counts only read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from actors.cli.story.scene import Scene

PRODUCER = "producer"


@dataclass
class Partition:
    """A partition as its leader's cluster and its readers see it. Offsets are those of the next record."""

    leader: int = -1
    replicas: tuple[int, ...] = ()
    in_sync: tuple[int, ...] = ()
    acknowledged: int = 0
    received: int = 0
    committed: int = 0
    owner: str | None = None

    @property
    def lag(self) -> int:
        """How many acknowledged records the group has not committed yet."""
        return max(0, self.acknowledged - self.committed)


@dataclass
class ConsumerProcess:
    """A consumer process. ``state``: joining, reading, waiting (a member without partitions), killed, left."""

    pid: int
    state: str = "joining"
    partitions: tuple[int, ...] = ()
    received: int = 0


class Seen(Protocol):
    """A partition as the cluster has it."""

    @property
    def leader(self) -> int:
        """The id of the broker that leads it; -1 without one."""

    @property
    def replicas(self) -> Sequence[int]:
        """The ids of the brokers that have a replica."""

    @property
    def isr(self) -> Sequence[int]:
        """The ids of the brokers whose replicas are in sync."""


@dataclass
class State(Scene):
    """The whole stage. ``receivers`` has, by order, who received it, in turn; ``acks`` where it was acknowledged."""

    partitions: dict[int, Partition] = field(default_factory=dict)
    members: dict[str, ConsumerProcess] = field(default_factory=dict)
    acks: dict[int, tuple[int, int]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    receivers: dict[int, list[str]] = field(default_factory=dict)
    produced: bool = False

    def started(self, name: str, pid: int) -> None:
        """A consumer's process runs; the producer's isn't shown."""
        if name == PRODUCER:
            return
        self.members[name] = ConsumerProcess(pid)
        self.mark(f"member {name}")

    def killed(self, name: str) -> None:
        """A consumer's process is dead, and nobody but the story knows."""
        self.members[name].state = "killed"
        self.mark(f"member {name}")

    def see(self, brokers: Mapping[int, str], controller: int, partitions: Mapping[int, Seen]) -> None:
        """Look at the cluster: what each broker is doing, each partition's leader, replicas and in-sync ones."""
        self.see_brokers(brokers, controller)
        for number, seen in partitions.items():
            partition = self._partition(number)
            if partition.leader not in (-1, seen.leader):
                self.mark(f"leader {number}")
            if partition.in_sync and set(partition.in_sync) != set(seen.isr):
                self.mark(f"in sync {number}")
            partition.leader, partition.replicas, partition.in_sync = seen.leader, tuple(seen.replicas), tuple(seen.isr)

    def note(self, event: Mapping[str, Any]) -> None:
        """A client said something."""
        match event["event"]:
            case "acknowledged":
                self.acks[event["order"]] = (event["partition"], event["offset"])
                partition = self._partition(event["partition"])
                partition.acknowledged = max(partition.acknowledged, event["offset"] + 1)
            case "failed":
                self.failures.append(event["error"])
            case "produced":
                self.produced = True
            case "received":
                self._received(event["member"], event)
            case "committed":
                for number, offset in event["offsets"].items():
                    self._partition(int(number)).committed = offset
            case "assigned" | "revoked" | "closed":
                self._owns(event["member"], event["event"], event.get("partitions", ()))

    def _received(self, name: str, event: Mapping[str, Any]) -> None:
        self.receivers.setdefault(event["order"], []).append(name)
        self.members[name].received += 1
        self._partition(event["partition"]).received = event["offset"] + 1

    def _owns(self, name: str, happened: str, numbers: Sequence[int]) -> None:
        member = self.members[name]
        if member.state == "killed":
            return  # said before it died, read after
        held = set(member.partitions)
        held = held | set(numbers) if happened == "assigned" else held - set(numbers)
        member.partitions = tuple(sorted(held)) if happened != "closed" else ()
        member.state = "left" if happened == "closed" else "reading" if member.partitions else "waiting"
        for number in numbers:
            partition = self._partition(number)
            if happened == "assigned":
                partition.owner = name
                self.mark(f"owner {number}")
            elif partition.owner == name:
                partition.owner = None
        self.mark(f"member {name}")

    def _partition(self, number: int) -> Partition:
        return self.partitions.setdefault(number, Partition())

    def living(self) -> dict[str, ConsumerProcess]:
        """The consumers that the story has not killed and that have not left."""
        return {name: member for name, member in self.members.items() if member.state not in ("killed", "left")}

    def shared_out(self, members: int) -> bool:
        """Whether every partition is read by exactly one living consumer, and so many consumers have some."""
        held = [number for member in self.living().values() for number in member.partitions]
        readers = sum(1 for member in self.living().values() if member.partitions)
        return sorted(held) == sorted(self.partitions) and readers == members

    def all_received(self) -> bool:
        """Whether every acknowledged order has reached the group."""
        return self.acks.keys() <= self.receivers.keys()

    def all_committed(self) -> bool:
        """Whether the group has committed everything that was acknowledged."""
        return all(partition.lag == 0 for partition in self.partitions.values())

    def assignment_text(self) -> str:
        """Who reads what.

        >>> state = State(lambda: 0.0)
        >>> state.started("A", 1), state.note({"event": "assigned", "member": "A", "partitions": [2, 0]})
        (None, None)
        >>> state.assignment_text()
        'A reads 0 and 2'
        """
        return ", ".join(
            f"{name} reads {' and '.join(map(str, member.partitions)) or 'nothing'}"
            for name, member in sorted(self.living().items())
        )
