"""Why a broker leads a partition: the controller's decision, its cause, and the leader before.

A decision is one turn of the controller. What it wrote of brokers in the same turn (fenced, unfenced, shutting down)
is what moved the leadership; without that it is the turn's own reason: the preferred replica's turn has come, or
an election was asked for. The chain of causes of that turn ends where it all began: with a broker that was killed, say.
"""

from __future__ import annotations

import re
from typing import Any

from actors.runtime.recorder import TraceRow
from actors.trace.printing import Step, TraceAnswer, lines_of, milliseconds, overwritten, some
from actors.trace.recording import Recording
from actors.trace.root_causes import FAULT, Root, faults_between, root_of, words_of_fault

DECISIONS = ("LeaderElected", "LeaderLost")
BROKERS = ("BrokerFenced", "BrokerUnfenced", "BrokerShuttingDown", "BrokerRegistered")
REASONS = {
    "BrokerFenced": "failover",
    "BrokerShuttingDown": "shutdown",
    "BrokerUnfenced": "return",
    "BrokerRegistered": "restart",
}
CREATED, PREFERRED, ASKED, UNKNOWN = "created", "preferred", "asked", "unknown"


class Leadership(TraceAnswer):
    """Who leads a partition (``leader``: a node id, -1 for nobody, None if the trace can't tell), since when and why.

    ``kind``: "failover" (the leader before was fenced), "shutdown" (it went in order), "return" (a replica that may
    lead came back to a partition without a leader), "restart", "preferred", "created", "asked" (by an administrator)
    or "unknown". ``root``: where the chain of causes ends. ``before``: who led before, if the trace tells.
    """

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.leader: int | None = None
        self.epoch = -1
        self.before: int | None = None
        self.kind = UNKNOWN
        self.unclean = False
        self.why = ""
        self.root: Root | None = None
        self.steps: list[Step] = []
        self.missing = ""

    @property
    def found(self) -> bool:
        """Whether the trace tells of the partition's leader."""
        return self.leader is not None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "topic": self.topic,
            "partition": self.partition,
            "leader": self.leader,
            "leader_epoch": self.epoch,
            "before": self.before,
            "kind": self.kind,
            "unclean": self.unclean,
            "why": self.why,
            "root": self.root.to_dict() if self.root else None,
            "steps": [step.to_dict() for step in self.steps],
            "overwritten": self.missing,
        }

    def __str__(self) -> str:
        name = f"{self.topic}-{self.partition}"
        if self.leader is None:
            return f"{name}: {self.missing or 'the trace has nothing about its leader'}"
        who = "no broker leads" if self.leader < 0 else f"broker {self.leader} leads"
        lines = [f"{who} {name} in epoch {self.epoch}: {self.why}"]
        if self.before is not None and self.before >= 0:
            lines.append(f"  the previous leader was broker {self.before}")
        if self.root is not None:
            lines.append(f"  root cause: {self.root}" if self.root.sort == FAULT else f"  caused by {self.root}")
        if self.unclean:
            lines.append("  the election was unclean: records that only other replicas had are lost")
        lines += lines_of(self.steps)
        return "\n".join([*lines, *([self.missing] if self.missing else [])])


def why_leader(recording: Recording, topic: str, partition: int) -> Leadership:
    """See ``Leadership``."""
    found = Leadership(topic, partition)
    label = f"{topic}-{partition}"
    decision = recording.last_of(*DECISIONS, partition=label)
    made = _made(recording, topic, partition)
    if decision is None or (made is not None and made.sequence > decision.sequence):
        _as_made(recording, found, label, made)
    else:
        _as_decided(recording, found, label, decision)
    return found


def _made(recording: Recording, topic: str, partition: int) -> TraceRow | None:
    """The row with which the partition came to be."""
    for row in recording.find("TopicCreated", "PartitionsAdded", partition=topic, newest=True):
        if row.kind == "TopicCreated" or row.offset1 <= partition < row.offset2:
            return row
    return None


def _as_made(recording: Recording, found: Leadership, label: str, made: TraceRow | None) -> None:
    """No decision since it was made; or none that is here, and then the brokers' own rows are all there is."""
    after = made.sequence if made is not None else 0
    rows = list(recording.find("BecameLeader", partition=label, after=after))
    if made is not None:
        found.kind = CREATED
        found.why = "it has led since the partition was created, as the first live replica of its assignment"
        found.root = root_of(recording, made.sequence)
        found.steps.append(Step(made.time_us, made.actor, _of_topic(made), made.sequence))
    elif rows:
        found.why = "the trace doesn't say when it was elected"
    if not rows or made is None:
        found.missing = overwritten(recording)
    if rows:
        found.leader, found.epoch = broker_of(rows[-1].actor), rows[-1].offset1
        found.steps += map(_became, rows[-1:])


def _as_decided(recording: Recording, found: Leadership, label: str, decision: TraceRow) -> None:
    found.leader = decision.offset1 if decision.kind == "LeaderElected" else -1
    found.epoch = decision.offset2
    found.why = decision.subject
    found.unclean = decision.subject.endswith("uncleanly")
    found.before = _before(recording, label, decision)
    brokers = _brokers_in(recording, decision)
    found.kind = _kind(recording, decision, brokers)
    found.root = _root(recording, decision, brokers)
    if found.root.sequence and found.root.sort == FAULT:
        fault = recording.row(found.root.sequence)
        assert fault is not None
        found.steps.append(Step(fault.time_us, "-", words_of_fault(fault), fault.sequence))
    found.steps += [_of_broker(row) for row in brokers]
    lost = recording.last_of("LeaderLost", partition=label, before=decision.sequence)
    if decision.kind == "LeaderElected" and lost is not None and lost.offset2 == decision.offset2 - 1:
        found.steps.insert(
            0, Step(lost.time_us, lost.actor, f"no leader could be elected: {lost.subject}", lost.sequence)
        )
        found.why += f"; there was no leader for {milliseconds(decision.time_us - lost.time_us)}"
    who = "no broker" if found.leader < 0 else f"broker {found.leader}"
    found.steps.append(Step(decision.time_us, decision.actor, f"{who} is elected leader of {label}", decision.sequence))
    for row in recording.find("BecameLeader", partition=label, after=decision.sequence):
        if row.offset1 == decision.offset2:
            found.steps.append(_became(row))
            break
    found.steps.sort(key=lambda step: step.sequence)


def _before(recording: Recording, label: str, decision: TraceRow) -> int | None:
    """Who led before a decision."""
    if decision.kind == "LeaderLost":
        return decision.offset1
    for row in recording.find(*DECISIONS, "BecameLeader", partition=label, before=decision.sequence, newest=True):
        if row.kind == "BecameLeader":
            return broker_of(row.actor)
        return row.offset1
    return None


def _brokers_in(recording: Recording, decision: TraceRow) -> list[TraceRow]:
    """What the same decision wrote of brokers."""
    return [
        row
        for row in recording.find(*BROKERS, after=decision.cause, before=decision.sequence)
        if row.cause == decision.cause
    ]


def _kind(recording: Recording, decision: TraceRow, brokers: list[TraceRow]) -> str:
    if brokers:
        return REASONS[brokers[-1].kind]
    turn = recording.row(decision.cause)
    if turn is None:
        return UNKNOWN
    return PREFERRED if turn.kind == "BalanceLeaders" else ASKED


def _root(recording: Recording, decision: TraceRow, brokers: list[TraceRow]) -> Root:
    """The end of the chain; of a session that ran out, the last fault that befell that broker or its links."""
    root = root_of(recording, decision.sequence)
    fenced = [row.offset1 for row in brokers if row.kind == "BrokerFenced"]
    if root.sort == FAULT or not fenced:
        return root
    for fault in reversed(faults_between(recording, 0, decision.sequence)):
        if fault.kind == "LinksHealed":
            break
        if _befell(fault, fenced):
            return Root(FAULT, words_of_fault(fault), fault.sequence, fault.time_us)
    return root


def _befell(fault: TraceRow, brokers: list[int]) -> bool:
    """Whether a fault silenced one of some brokers: itself, or the links to it."""
    if fault.kind in ("NodePaused", "NodeKilled"):
        return broker_of(fault.partition) in brokers
    named = {int(number) for number in re.findall(r"-?\d+", fault.partition)}
    return fault.kind == "LinksCut" and not named.isdisjoint(brokers)


def broker_of(actor: str) -> int | None:
    """The id of the broker that an actor lives on; None when it isn't a broker's."""
    node = actor.split("/", 1)[0].split("#", 1)[0]
    kind, _, number = node.partition("-")
    return int(number) if kind == "broker" and number.isdigit() else None


def _became(row: TraceRow) -> Step:
    return Step(row.time_us, row.actor, f"leads in epoch {row.offset1}, from offset {row.offset2} on", row.sequence)


def _of_broker(row: TraceRow) -> Step:
    words = {"BrokerFenced": "is fenced", "BrokerUnfenced": "is unfenced", "BrokerShuttingDown": "shuts down"}
    what = f"broker {row.offset1} {words.get(row.kind, 'is registered')}: {row.subject}"
    return Step(row.time_us, row.actor, what, row.sequence)


def _of_topic(row: TraceRow) -> str:
    if row.kind == "TopicCreated":
        return f"topic {row.partition} is created with {some(row.offset1, 'partition')}"
    if row.kind == "TopicDeleted":
        return f"topic {row.partition} is deleted"
    return f"topic {row.partition} grows from {row.offset1} to {some(row.offset2, 'partition')}"


def step_of_topic(row: TraceRow) -> Step:
    """A topic that was made, grew or went."""
    return Step(row.time_us, row.actor, _of_topic(row), row.sequence)
