"""The life of a record: from the producer's call to the commit of the group that read it, with the times between.

The thread through it is the partition and the offset, from the leader's append on; before that a record has no offset,
and the chain of causes leads from the append back to the batch that the producer drained, and by the batch's number to
the call that opened it. What came between and may have held it up (a smaller in-sync set, another leader, a fault) is
told in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from actors.runtime.recorder import ENTERED, TraceRow
from actors.trace.printing import Step, TraceAnswer, lines_of, milliseconds, overwritten, some
from actors.trace.recording import Recording
from actors.trace.root_causes import FAULTS, OVERWRITTEN, Root, in_force, node_of, root_of, words_of_fault

AROUND = ("IsrShrunk", "IsrGrown", "LeaderElected", "LeaderLost", "ReplicationFailed", "BecameLeader")
HOLDING = (
    ("Replicated", "appended by a follower"),
    ("BatchAcknowledged", "acknowledged to the producer"),
    ("RecordsFetched", "fetched by a consumer with offsets {row.offset1} to {row.offset2}"),
    ("RecordsDelivered", "delivered to the consumer's program"),
)
PASSING = (
    ("CommitSent", "the consumer commits offset {row.offset1}"),
    ("OffsetCommitted", "group {row.subject} has committed offset {row.offset1}"),
)
PASSING_KINDS = tuple(kind for kind, _ in PASSING)
RECEIVED = ("Requested", "FramesReceived", "SocketRead")


class Life(TraceAnswer):
    """What became of one record. ``root``: what led to it; ``in_force``: faults that had begun
    before and lasted; ``longest``: the step that was waited for longest.
    """

    def __init__(self, topic: str, partition: int, offset: int) -> None:
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.first = self.last = -1
        self.root: Root | None = None
        self.steps: list[Step] = []
        self.in_force: list[Step] = []
        self.missing = ""

    @property
    def longest(self) -> tuple[Step, int] | None:
        """The step with the longest wait before it, and that wait in microseconds."""
        waits = [
            (step, step.time_us - before.time_us) for before, step in zip(self.steps, self.steps[1:], strict=False)
        ]
        return max(waits, key=lambda wait: wait[1], default=None)

    @property
    def found(self) -> bool:
        """Whether the trace tells of the record."""
        return self.root is not None

    def to_dict(self) -> dict[str, Any]:
        """For JSON. ``first`` and ``last`` are the offsets of the batch that the record came in."""
        longest = self.longest
        return {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "first": self.first,
            "last": self.last,
            "root": self.root.to_dict() if self.root else None,
            "steps": [step.to_dict() for step in self.steps],
            "in_force": [step.to_dict() for step in self.in_force],
            "longest": {"before": longest[0].to_dict(), "us": longest[1]} if longest else None,
            "overwritten": self.missing,
        }

    def __str__(self) -> str:
        name = f"{self.topic}/{self.partition}/{self.offset}"
        if not self.found:
            return f"{name}: {self.missing}"
        batch = (
            "alone in its batch" if self.first == self.last else f"in a batch of offsets {self.first} to {self.last}"
        )
        lines = [f"{name}: caused by {self.root}, {batch}"]
        begun_us = self.steps[0].time_us
        lines += [f"  {step.what}, {milliseconds(begun_us - step.time_us)} before" for step in self.in_force]
        lines += lines_of(self.steps)
        if self.longest is not None and self.longest[1] > 0:
            lines.append(f"  longest wait: {milliseconds(self.longest[1])} before: {self.longest[0].what}")
        return "\n".join([*lines, *([self.missing] if self.missing else [])])


def life_of(recording: Recording, topic: str, partition: int, offset: int) -> Life:
    """See ``Life``."""
    life = Life(topic, partition, offset)
    label = f"{topic}-{partition}"
    appends = [row for row in recording.find("BatchAppended", partition=label) if _holds(row, offset)]
    if not appends:
        life.missing = overwritten(recording) or _never(recording, label, offset)
        return life
    appended = appends[-1]
    life.first, life.last = appended.offset1, appended.offset2
    rows = _Rows(recording, label, offset)
    steps = [_words(row, "appended, and lost with a leader that failed", row.actor) for row in appends[:-1]]
    steps += _before_append(recording, label, appended)
    steps.append(_words(appended, f"appended by the leader{_span(appended)}", appended.actor))
    steps += rows.after(appended)
    steps.sort(key=lambda step: step.sequence)
    life.root = root_of(recording, steps[0].sequence)
    if life.root.sort == OVERWRITTEN:
        life.missing = overwritten(recording)
    life.in_force = [_words(row, words_of_fault(row), "-") for row in in_force(recording, steps[0].sequence)]
    life.steps = [*steps, *rows.around(steps)]
    life.steps.sort(key=lambda step: step.sequence)
    return life


def _holds(row: TraceRow, offset: int) -> bool:
    return row.offset1 <= offset <= row.offset2


def _span(row: TraceRow) -> str:
    return f" at offset {row.offset1}" if row.offset1 == row.offset2 else f" at offsets {row.offset1} to {row.offset2}"


def _words(row: TraceRow, what: str, place: str) -> Step:
    return Step(row.time_us, place, what, row.sequence)


def _never(recording: Recording, label: str, offset: int) -> str:
    last = recording.last_of("BatchAppended", partition=label)
    known = f"the last offset appended is {last.offset2}" if last is not None else f"nothing was appended to {label}"
    return f"the trace has nothing about offset {offset}: {known}"


def _before_append(recording: Recording, label: str, appended: TraceRow) -> list[Step]:
    """The user's call, the batch, and the request on its way to the leader."""
    chain = recording.chain(appended.cause)
    steps: list[Step] = []
    for row in chain:
        if row.kind in RECEIVED and node_of(row.actor) == node_of(appended.actor):
            steps.append(_words(row, "the request reaches the leader's node", row.actor))
            break
    if chain:
        steps.append(_words(chain[0], f"its turn at the replica ({chain[0].kind})", chain[0].actor))
    drained = _drained(recording, label, chain)
    if drained is not None:
        steps.append(
            _words(drained, f"batch {drained.offset1} is sent with {some(drained.offset2, 'record')}", drained.actor)
        )
        steps += _opened(recording, drained)
    elif chain and chain[-1].depth == ENTERED and chain[-1].kind not in RECEIVED:
        steps.append(_words(chain[-1], _call(chain[-1]), chain[-1].actor or "-"))
    return steps


def _drained(recording: Recording, label: str, chain: list[TraceRow]) -> TraceRow | None:
    """The row with which a producer of this trace sent the batch."""
    for turn in chain:
        for row in recording.notes_in(turn.sequence):
            if row.kind == "BatchDrained" and row.partition == label:
                return row
    return None


def _opened(recording: Recording, drained: TraceRow) -> Iterator[Step]:
    rows = recording.find("BatchOpened", partition=drained.partition, before=drained.sequence, newest=True)
    opened = next((row for row in rows if row.offset1 == drained.offset1 and row.actor == drained.actor), None)
    if opened is None:
        return
    yield _words(opened, f"batch {opened.offset1} is opened", opened.actor)
    for row in recording.chain(opened.cause):
        if row.depth == ENTERED and row.cause == 0:
            yield _words(row, _call(row), row.actor or "-")


def _call(row: TraceRow) -> str:
    return "a request from outside the actors" if row.kind == "Arrived" else row.kind


class _Rows:
    """The rows of one partition that speak of one offset."""

    def __init__(self, recording: Recording, label: str, offset: int) -> None:
        self.recording = recording
        self.label = label
        self.offset = offset

    def after(self, appended: TraceRow) -> Iterator[Step]:
        """What followed the append, the first of each sort at each place."""
        for kind, words in HOLDING:
            yield from self._first_each(appended, kind, words)
        watermarks = self._rows("HighWatermarkAdvanced", appended)
        passed = next((row for row in watermarks if row.offset1 > self.offset), None)
        if passed is not None:
            yield _words(passed, f"committed: the high watermark is {passed.offset1}", passed.actor)
        for kind, words in PASSING:
            yield from self._first_each(appended, kind, words)

    def _rows(self, kind: str, appended: TraceRow) -> Iterator[TraceRow]:
        return self.recording.find(kind, partition=self.label, after=appended.sequence)

    def _first_each(self, appended: TraceRow, kind: str, words: str) -> Iterator[Step]:
        seen: set[tuple[str, str]] = set()
        for row in self._rows(kind, appended):
            holds = row.offset1 > self.offset if kind in PASSING_KINDS else _holds(row, self.offset)
            if holds and (row.actor, row.subject) not in seen:
                seen.add((row.actor, row.subject))
                yield _words(row, words.format(row=row), row.actor)

    def around(self, steps: list[Step]) -> Iterator[Step]:
        """What happened to the partition and the cluster meanwhile."""
        begin, end = steps[0].sequence, steps[-1].sequence
        for row in self.recording.find(*AROUND, partition=self.label, after=begin, before=end):
            yield _words(row, _around(row), row.actor)
        for row in self.recording.find("BrokerFenced", "BrokerUnfenced", after=begin, before=end):
            verb = "fenced" if row.kind == "BrokerFenced" else "unfenced"
            yield _words(row, f"broker {row.offset1} is {verb}: {row.subject}", row.actor)
        nodes = {node_of(step.place) for step in steps}
        for row in self.recording.find("LinkBroken", after=begin, before=end):
            if nodes.issuperset(row.partition.split(" ")):
                words = f"the link between {row.partition.replace(' ', ' and ')} breaks, with {{}} unanswered"
                yield _words(row, words.format(some(row.offset1, "request")), "-")
        for row in self.recording.find(*FAULTS, after=begin, before=end):
            yield _words(row, words_of_fault(row), "-")


def _around(row: TraceRow) -> str:
    match row.kind:
        case "IsrShrunk" | "IsrGrown":
            verb = "shrinks" if row.kind == "IsrShrunk" else "grows"
            return f"the in-sync set {verb} from {row.offset1} to {some(row.offset2, 'replica')}, {row.subject}"
        case "LeaderElected":
            return f"broker {row.offset1} is elected leader: {row.subject}"
        case "LeaderLost":
            return f"no leader can be elected: {row.subject}"
        case "BecameLeader":
            return f"leads in epoch {row.offset1}"
        case _:
            return "a follower could not append what it was sent"
