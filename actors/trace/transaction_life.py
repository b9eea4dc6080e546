"""The life of a transaction: beginning, partitions, offsets, decision, markers, and when readers could see it.

Two threads are followed: the transactional id, through the rows of its coordinators (``transactions.py``), and the
producer id, through the rows of the logs (``transaction_rows.py``). What may have held it up is told in its place:
faults, and elections of its partitions' leaders.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from actors.image.topic_names import OFFSETS_TOPIC
from actors.runtime.recorder import TraceRow
from actors.trace.printing import Step, TraceAnswer, lines_of, milliseconds, overwritten
from actors.trace.recording import Recording
from actors.trace.root_causes import FAULTS, Root, node_of, root_of, words_of_fault
from actors.trace.transaction_rows import READ_UNCOMMITTED, LogRows, OffsetInTransaction, TransactionInPartition
from actors.trace.transactions import ABORTED, ABORTING, OPEN, TracedTransaction, parts_of, ways_out

NONE = "none"
FOUND_AS = {"Ongoing": "open", "PrepareCommit": "decided: commit", "PrepareAbort": "decided: abort"}


class TransactionLife(TraceAnswer):
    """The last transaction of a transactional id.

    ``state``: "open", "committing", "aborting", "committed", "aborted", or "none" when the trace has none.
    ``ended_by``: "producer" (it asked for it), "timeout", "fenced" (by another producer with the same id), or empty.
    ``reason``: the coordinator's words for that, with the name of the client; ``root``: what led to it. ``client``: who
    its producer is. ``partitions``: where it wrote. ``offsets``: what it commits for groups. ``ends``: what would end
    it, if it is open. ``earlier``: the transactions before it, a step each.
    """

    def __init__(self, transactional_id: str) -> None:
        self.transactional_id = transactional_id
        self.state = NONE
        self.producer_id = -1
        self.producer_epoch = -1
        self.client = ""
        self.coordinator = ""
        self.ended_by = ""
        self.reason = ""
        self.root: Root | None = None
        self.began_us = -1
        self.took_us = -1
        self.partitions: list[TransactionInPartition] = []
        self.offsets: list[OffsetInTransaction] = []
        self.ends: list[str] = []
        self.steps: list[Step] = []
        self.earlier: list[Step] = []
        self.missing = ""

    @property
    def found(self) -> bool:
        """Whether the trace tells of a transaction of this id."""
        return self.state != NONE

    def to_dict(self) -> dict[str, Any]:
        """For JSON; times in microseconds, ``took_us`` from its beginning to its last marker, -1 if it isn't over."""
        return {
            "transactional_id": self.transactional_id,
            "state": self.state,
            "producer_id": self.producer_id,
            "producer_epoch": self.producer_epoch,
            "client": self.client,
            "coordinator": self.coordinator,
            "ended_by": self.ended_by,
            "reason": self.reason,
            "root": self.root.to_dict() if self.root else None,
            "began_us": self.began_us,
            "took_us": self.took_us,
            "partitions": [partition.to_dict() for partition in self.partitions],
            "offsets": [each.to_dict() for each in self.offsets],
            "ends": self.ends,
            "steps": [step.to_dict() for step in self.steps],
            "earlier": [step.to_dict() for step in self.earlier],
            "overwritten": self.missing,
        }

    def __str__(self) -> str:
        if not self.found:
            return f"{self.transactional_id}: {self.missing or 'the trace has no transaction of this id'}"
        of = f", of {self.client}" if self.client else ""
        lines = [
            f"{self.transactional_id}: {self._outcome()}",
            f"  producer {self.producer_id} in epoch {self.producer_epoch}{of}; coordinated by {self.coordinator}",
        ]
        if self.root is not None:
            lines.append(f"  its end was caused by {self.root}")
        lines += lines_of_ways(self.ends)
        if self.earlier:
            lines.append(f"  before it, in this trace: {_counted(self.earlier)}")
        lines += lines_of(self.steps)
        return "\n".join([*lines, *([f"  {self.missing}"] if self.missing else [])])

    def _outcome(self) -> str:
        if self.state == OPEN:
            return f"a transaction has been open for {milliseconds(self.steps[-1].time_us - self.began_us)}"
        verb = "was" if self.took_us >= 0 else "is"
        took = (
            f", {milliseconds(self.took_us)} after it began"
            if self.took_us >= 0
            else ", and not all markers are written"
        )
        return f"the last transaction {verb} {self.state}{took}: {_plain(self.reason)}"


def lines_of_ways(ways: list[str]) -> list[str]:
    """What would end a transaction, a line each."""
    return [f"  {'or' if number else 'it ends'} when {way}" for number, way in enumerate(ways)]


def _counted(earlier: list[Step]) -> str:
    counts: dict[str, int] = {}
    for step in earlier:
        word = step.what.partition(":")[0]
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(f"{count:,} {word}" for word, count in counts.items())


def transaction_life(recording: Recording, transactional_id: str) -> TransactionLife:
    """See ``TransactionLife``."""
    found = TransactionLife(transactional_id)
    parts = parts_of(recording, transactional_id)
    if not parts:
        found.missing = overwritten(recording)
        return found
    part = parts[-1]
    named = part.last("TransactionBegun", "TransactionPartitionAdded", "TransactionEnding") or part.rows[0]
    found.producer_id, found.producer_epoch = named.offset1, named.offset2
    found.state, found.ended_by, found.reason = part.state, part.ended_by, part.reason
    found.client, found.coordinator = part.client, node_of(part.rows[-1].actor)
    found.began_us = part.began_us
    completed, ending = part.last("TransactionCompleted"), part.last("TransactionEnding")
    if completed is not None:
        found.took_us = completed.time_us - part.began_us
    if ending is not None:
        found.root = _root(recording, transactional_id, ending)
    if not part.has_begun_in_trace:
        found.missing = overwritten(recording) or "it began before this trace"
    rows = LogRows(recording, part)
    found.partitions, found.offsets = list(rows.partitions.values()), rows.offsets
    found.steps = list(_steps(recording, part, rows))
    found.earlier = [_summary(each) for each in parts[:-1]]
    if part.state == OPEN:
        (last,) = recording.last(1)
        found.steps.append(Step(last.time_us, "-", "the trace ends, and it is open", last.sequence))
        found.ends = ways_out(part, transactional_id, last.time_us)
    return found


def _root(recording: Recording, transactional_id: str, ending: TraceRow) -> Root:
    """The call with which its producer ended it, if that is in this trace; it may have waited for records before."""
    for row in recording.find("TransactionState", before=ending.sequence, newest=True):
        if row.offset1 == ending.offset1 and row.subject in (
            f"{transactional_id} is committing",
            f"{transactional_id} is aborting",
        ):
            return root_of(recording, row.sequence)
        if row.offset1 == ending.offset1:
            break
    return root_of(recording, ending.sequence)


def _plain(reason: str) -> str:
    return reason.removeprefix("abort: ") or "the trace doesn't say why"


def _summary(part: TracedTransaction) -> Step:
    row = part.rows[-1]
    return Step(row.time_us, row.actor, f"{part.state}: {_plain(part.reason)}", row.sequence)


def _steps(recording: Recording, part: TracedTransaction, rows: LogRows) -> list[Step]:
    """All of it, each row once, in the order of the rows."""
    told = [*_of_coordinators(part, rows), *_of_logs(part, rows), *_of_offsets(rows)]
    begin, end = min(step.sequence for step in told), max(step.sequence for step in told)
    told += _around(recording, rows, begin, end)
    return sorted({step.sequence: step for step in told}.values(), key=lambda step: step.sequence)


def _step(row: TraceRow, what: str) -> Step:
    return Step(row.time_us, row.actor, what, row.sequence)


def _of_coordinators(part: TracedTransaction, rows: LogRows) -> Iterator[Step]:
    for row in part.rows:
        partition = rows.partitions.get(row.subject)
        if row.kind != "TransactionMarked" or partition is None or partition.marker is None:
            yield _step(row, _words(row))
    for row in part.refused:
        yield _step(row, f"refused, as epoch {row.offset2} is fenced: {row.subject}")


def _words(row: TraceRow) -> str:
    subject = row.subject
    match row.kind:
        case "TransactionBegun":
            return f"it begins; {subject.rpartition('; ')[2]}"
        case "TransactionFound":
            state, _, rest = subject.partition(", ")
            return f"coordinates it now, and finds it {FOUND_AS.get(state, state)}, {rest}"
        case "TransactionPartitionAdded":
            return f"{subject} joins it"
        case "TransactionEnding":
            is_asked = subject.startswith(("commit by ", "abort by "))
            return f"asked to {subject}" if is_asked else f"it is to be aborted: {_plain(subject)}"
        case "TransactionDecided":
            return f"the decision is in the log: {subject.split(' ')[0].rstrip(':')}"
        case "TransactionMarked":
            return f"its marker is in {subject}"
        case "TransactionMarkerDropped":
            return f"needs no marker for {subject}, which doesn't exist any more"
        case "TransactionMarkerRefused":
            return f"a marker is refused: {subject}"
        case _:
            return f"it is {subject}: all markers are written"


def _of_logs(part: TracedTransaction, rows: LogRows) -> Iterator[Step]:
    for partition in rows.partitions.values():
        yield from _of_partition(part, partition)
    for row in rows.refused:
        yield _step(row, f"records for {row.partition} are refused, as epoch {row.offset1} is fenced")


def _of_partition(part: TracedTransaction, partition: TransactionInPartition) -> Iterator[Step]:
    label, opened, marker = partition.label, partition.opened, partition.marker
    if opened is not None and opened.kind == "TransactionOpened":
        yield _step(opened, f"its first record is in {label}, at offset {opened.offset1}")
    elif opened is not None:
        yield _step(opened, f"leads {label} now, where it is open from offset {opened.offset1} on")
    if marker is not None:
        yield _step(marker, f"its {marker.subject} marker is in {label}, at offset {marker.offset1}")
    if label.rpartition("-")[0] == OFFSETS_TOPIC:
        return
    if partition.replicated is not None:
        text = f"read_uncommitted readers can see it in {label}: the high watermark is {partition.replicated.offset1}"
        yield _step(partition.replicated, text)
    is_aborted = part.state in (ABORTING, ABORTED)
    if partition.stable is not None:
        what = "pass over" if is_aborted else "can see"
        it = f"read_committed readers {what} it in {label}: the last stable offset is {partition.stable.offset1}"
        yield _step(partition.stable, it)
    for row in partition.readers.values():
        leaves_out = ", which leaves out what was aborted" if is_aborted and row.subject else ""
        with_level = f"by a {row.subject or READ_UNCOMMITTED} consumer{leaves_out}"
        yield _step(row, f"offsets {row.offset1} to {row.offset2} of {label} are fetched {with_level}")


def _of_offsets(rows: LogRows) -> Iterator[Step]:
    for pending, committed in rows.offsets:
        what = f"offset {pending.offset1} of {pending.partition} for group {pending.subject}"
        yield _step(pending, f"{what} is in the log, and counts if it is committed")
        if committed is not None:
            yield _step(committed, f"{what} counts")


def _around(recording: Recording, rows: LogRows, begin: int, end: int) -> Iterator[Step]:
    """What happened to its partitions and to the cluster meanwhile."""
    for row in recording.find(*FAULTS, after=begin, before=end):
        yield Step(row.time_us, "-", words_of_fault(row), row.sequence)
    for row in recording.find("LeaderElected", "LeaderLost", after=begin, before=end):
        if row.partition in rows.partitions:
            who = f"broker {row.offset1}" if row.kind == "LeaderElected" else "no broker"
            yield _step(row, f"{who} is elected leader of {row.partition}: {row.subject}")
