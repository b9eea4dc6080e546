"""The transactions of a transactional id, one after the other, from the rows that its coordinators wrote.

A transaction begins with its first partition and is over when its markers are written. Each row has the id, its
producer id and the epoch. A coordinator that takes over says what it found (``TransactionFound``): so a transaction is
known although the rows of its beginning are gone, or stand in the trace of an earlier process.
"""

from __future__ import annotations

import re

from actors.runtime.recorder import TraceRow
from actors.trace.printing import milliseconds
from actors.trace.recording import Recording

BEGINS = ("TransactionBegun", "TransactionFound")
GOES_ON = ("TransactionPartitionAdded", "TransactionEnding", "TransactionDecided")
ENDS = ("TransactionMarked", "TransactionMarkerDropped", "TransactionMarkerRefused", "TransactionCompleted")
OTHERS = ("ProducerInitialized", "FencedProducerRefused", "TransactionalIdExpired")
KINDS = (*BEGINS, *GOES_ON, *ENDS, *OTHERS)

NAME_LENGTH_MAX = 249
"""Longer transactional ids are cut in rows."""

OPEN, COMMITTING, ABORTING, COMMITTED, ABORTED = "open", "committing", "aborting", "committed", "aborted"
BY_PRODUCER, BY_TIMEOUT, BY_FENCING = "producer", "timeout", "fenced"

TIME_LIMIT = re.compile(r"; times out after (\d+) ms, which is looked at every (\d+) ms$")
FOUND = re.compile(r"^(\w+), begun (-?\d+) ms before; ")


class TracedTransaction:
    """One transaction, as far as the trace tells. ``rows`` are the coordinators', ``initialized`` that of its producer;
    the log's rows about it lie between the rows ``after`` and ``before``.
    """

    def __init__(self, initialized: TraceRow | None, after: int) -> None:
        self.initialized = initialized
        self.after = after
        self.before: int | None = None
        self.rows: list[TraceRow] = []
        self.refused: list[TraceRow] = []

    def last(self, *kinds: str) -> TraceRow | None:
        """Its last row of some kinds."""
        return next((row for row in reversed(self.rows) if row.kind in kinds), None)

    @property
    def begun(self) -> TraceRow | None:
        """The row of its beginning; None if the trace doesn't have it."""
        return self.rows[0] if self.rows[0].kind == "TransactionBegun" else None

    @property
    def has_begun_in_trace(self) -> bool:
        """Whether the trace has its beginning: without partitions there is none, only an abort."""
        return self.begun is not None or (self.rows[0].kind == "TransactionEnding" and not self.labels)

    @property
    def producer_ids(self) -> set[int]:
        """Those of its rows: one, or two when the epochs of the first are used up."""
        return {row.offset1 for row in self.rows}

    @property
    def labels(self) -> list[str]:
        """The partitions that joined it, in their order."""
        added = (row.subject for row in self.rows if row.kind == "TransactionPartitionAdded")
        marked = (row.subject for row in self.rows if row.kind in ("TransactionMarked", "TransactionMarkerDropped"))
        return list(dict.fromkeys((*added, *marked)))

    @property
    def decided(self) -> TraceRow | None:
        """The row of its decision, once that is in the log."""
        return self.last("TransactionDecided")

    @property
    def reason(self) -> str:
        """The coordinator's words for its end; empty while it is open."""
        row = self.decided or self.last("TransactionEnding")
        return row.subject if row is not None else ""

    @property
    def state(self) -> str:
        """``open``, ``committing``, ``aborting``, ``committed`` or ``aborted``."""
        completed = self.last("TransactionCompleted")
        if completed is not None:
            return completed.subject
        found = self.last("TransactionFound")
        state = FOUND.match(found.subject) if found is not None else None
        is_decided = self.decided is not None or (state is not None and state[1] != "Ongoing")
        if not is_decided:
            return OPEN
        is_commit = self.reason.startswith("commit") or (state is not None and state[1] == "PrepareCommit")
        return COMMITTING if is_commit else ABORTING

    @property
    def ended_by(self) -> str:
        """``producer``, ``timeout`` or ``fenced`` by another producer; empty while it is open, or if it isn't known."""
        if self.state == OPEN or not self.reason:
            return ""
        if self.reason.startswith("abort: timed out"):
            return BY_TIMEOUT
        return BY_FENCING if self.reason.startswith("abort: fenced") else BY_PRODUCER

    @property
    def began_us(self) -> int:
        """When it began, maybe before the first row of the trace."""
        first = self.rows[0]
        found = FOUND.match(first.subject) if first.kind == "TransactionFound" else None
        return first.time_us - 1_000 * int(found[2]) if found is not None else first.time_us

    @property
    def time_limit_us(self) -> tuple[int, int] | None:
        """When it is aborted if nobody ends it: at the earliest, and at the latest; None if that isn't known."""
        row = self.last(*BEGINS)
        found = TIME_LIMIT.search(row.subject) if row is not None else None
        if found is None:
            return None
        due_us = self.began_us + 1_000 * int(found[1])
        return due_us, due_us + 1_000 * int(found[2])

    @property
    def client(self) -> str:
        """Who its producer is, in the words of the coordinator; empty if the trace doesn't say."""
        row = self.initialized
        return row.subject if row is not None and row.offset1 in self.producer_ids else ""


def parts_of(recording: Recording, transactional_id: str) -> list[TracedTransaction]:
    """The transactions of a transactional id, oldest first."""
    parts: list[TracedTransaction] = []
    initialized: TraceRow | None = None
    after, is_over = 0, True
    for row in recording.find(*KINDS, partition=transactional_id[:NAME_LENGTH_MAX]):
        if row.kind == "ProducerInitialized":
            initialized, is_over = row, True
        elif row.kind == "FencedProducerRefused":
            if parts:
                parts[-1].refused.append(row)
        elif row.kind != "TransactionalIdExpired":
            begins = row.kind == "TransactionBegun" or (is_over and row.kind in (*BEGINS, *GOES_ON)) or not parts
            if begins:
                if parts:
                    parts[-1].before = row.sequence
                parts.append(TracedTransaction(initialized, after))
                is_over = False
            parts[-1].rows.append(row)
            is_over = is_over or row.kind == "TransactionCompleted"
        after = row.sequence
    return parts


def transactional_ids(recording: Recording) -> list[str]:
    """Those that the trace has rows of, sorted."""
    return sorted({row.partition for row in recording.find("ProducerInitialized", *BEGINS, "TransactionDecided")})


def ids_of_producers(recording: Recording) -> dict[int, str]:
    """The transactional id of each producer id that a coordinator's row has."""
    rows = recording.find("ProducerInitialized", *BEGINS, *GOES_ON, "TransactionCompleted")
    return {row.offset1: row.partition for row in rows}


def ways_out(part: TracedTransaction, transactional_id: str, now_us: int) -> list[str]:
    """What would end a transaction that is open, in words."""
    ways = ["its producer commits or aborts it"]
    limit = part.time_limit_us
    if limit is not None:
        earliest, latest = (max(each - now_us, 0) for each in limit)
        ways.append(f"its time is over, in {milliseconds(earliest)} to {milliseconds(latest)}")
    ways.append(f"another producer with transactional_id={transactional_id!r} calls init_transactions()")
    ways.append(f"an administrator ends it: kstore transactions force-terminate {transactional_id}")
    return ways
