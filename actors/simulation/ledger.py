"""What the checks know of one partition: the content of every replica's log, and what was committed.

A ``Book`` has a shadow of each node's log, which outlives the node as its disk does, and the committed log: the
batches below the highest high watermark that a leader ever had. Pure: what is observed comes in, a ``Violation`` is
raised when it breaks an invariant.

An entry is a batch as far as its bytes matter: two entries are equal if and only if offsets, leader epoch, checksum
(which covers everything that the producer sent) and producer fields are. Logs here begin at offset 0 and are only
ever cut at their ends, so entry *i* of one log stands where entry *i* of another does, as long as all before are equal.
Offsets rise, and need not follow on each other: a leader may have a log with gaps, as compaction leaves, and then every
log that copies it has the same ones. A gap that one log has alone is a lost record.
"""

from __future__ import annotations

from collections.abc import Iterable

from kstore.named import NamedTuple
from kstore.records import RecordBatch, read_end_transaction_marker


class Violation(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant: str, detail: str) -> None:
        super().__init__(f"{invariant}: {detail}")
        self.invariant = invariant
        self.detail = detail


class BatchEntry(NamedTuple):
    """One batch in a log."""

    base_offset: int
    last_offset: int
    epoch: int
    crc: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    is_transactional: bool = False
    is_control: bool = False
    commits: bool | None = None
    """What a marker says of its transaction."""


def entry_of(batch: RecordBatch) -> BatchEntry:
    return BatchEntry(
        batch.base_offset,
        batch.last_offset,
        batch.leader_epoch,
        batch.crc,
        batch.producer_id,
        batch.producer_epoch,
        batch.base_sequence,
        batch.is_transactional,
        batch.is_control,
        _commits(batch) if batch.is_control else None,
    )


def _commits(batch: RecordBatch) -> bool | None:
    markers = [read_end_transaction_marker(record) for record in batch.records()]
    return None if markers[0] is None else markers[0].is_commit


class KnownProducers:
    """What is known of transactional producers, over all partitions.

    ``fenced`` has the first epoch of a producer id that isn't fenced. ``ended`` has how a producer's transaction ended,
    by the epoch of its markers, where each transaction has an epoch of its own (``bumps_epochs``).
    """

    def __init__(self) -> None:
        self.fenced: dict[int, int] = {}
        self.ended: dict[tuple[int, int], bool | None] = {}
        self.bumps_epochs = True

    def fences(self, entry: BatchEntry) -> bool:
        """Whether it is a producer's record of an epoch that is fenced."""
        is_record = entry.is_transactional and not entry.is_control
        return is_record and entry.producer_epoch < self.fenced.get(entry.producer_id, 0)

    def agrees(self, marker: BatchEntry) -> bool:
        """Whether a marker says what those of the same transaction say in other places."""
        there = self.ended.setdefault((marker.producer_id, marker.producer_epoch), marker.commits)
        return there == marker.commits or not self.bumps_epochs


class Shadow:
    """What one node's log holds. ``agreed`` counts the entries that are known to equal the committed ones; ``began``
    has where the open transactions began, by producer; ``floor`` is where a cut was to end that failed half way;
    ``log`` is the object that was opened last; ``stable`` is the leader epoch in which the node last led, and what was
    stable then.
    """

    __slots__ = (
        "agreed",
        "began",
        "end_offset",
        "entries",
        "floor",
        "high_watermark",
        "incarnation",
        "log",
        "producer_epochs",
        "stable",
    )

    def __init__(self) -> None:
        self.entries: list[BatchEntry] = []
        self.end_offset = 0
        self.high_watermark = 0
        self.incarnation = ""
        self.log: object = None
        self.agreed = 0
        self.floor: int | None = None
        self.producer_epochs: dict[int, int] = {}
        self.began: dict[int, int] = {}
        self.stable = (-1, 0)

    def given_up(self, end_offset: int) -> None:
        """The log was damaged and the node isn't in sync: it has given up all from an offset on, and copies it anew."""
        while self.entries and self.entries[-1].last_offset >= end_offset:
            self.entries.pop()
        self.end_offset, self.high_watermark = end_offset, min(self.high_watermark, end_offset)
        self.agreed = min(self.agreed, len(self.entries))
        self.forget_producers()

    def follow_producer(self, entry: BatchEntry) -> None:
        """Take what an entry at the end says of its producer."""
        if entry.producer_id < 0:
            return
        self.producer_epochs[entry.producer_id] = entry.producer_epoch
        if entry.is_control:
            self.began.pop(entry.producer_id, None)
        elif entry.is_transactional:
            self.began.setdefault(entry.producer_id, entry.base_offset)

    def forget_producers(self) -> None:
        """Begin anew with what the entries say of producers."""
        self.producer_epochs, self.began = {}, {}
        for entry in self.entries:
            self.follow_producer(entry)


class Book:
    """The books of one partition."""

    def __init__(self, label: str, producers: KnownProducers | None = None) -> None:
        self.label = label
        self.producers = KnownProducers() if producers is None else producers
        self.shadows: dict[int, Shadow] = {}
        self.leaders: dict[int, str] = {}  # leader epoch: the node that led in it
        self.known: dict[
            tuple[int, int], tuple[BatchEntry, BatchEntry | None]
        ] = {}  # by offset and epoch: it and the one before
        self.committed: list[BatchEntry] = []
        self.committed_end = 0
        self.open: dict[int, int] = {}  # the epochs of open transactions, by producer, as far as they are committed

    def shadow(self, node_id: int) -> Shadow:
        """What is known of the replica on a node."""
        found = self.shadows.get(node_id)
        if found is None:
            found = self.shadows[node_id] = Shadow()
        return found

    def _fail(self, invariant: str, detail: str) -> None:
        raise Violation(invariant, f"{self.label}: {detail}")

    def appended(self, node_id: int, entries: Iterable[BatchEntry]) -> None:
        """A node's log has grown."""
        shadow = self.shadow(node_id)
        last = shadow.entries[-1] if shadow.entries else None
        for entry in entries:
            if not shadow.end_offset <= entry.base_offset <= entry.last_offset:
                self._fail("offsets rise along a log", f"node {node_id} has {entry} at its end {shadow.end_offset}")
            if last is not None and entry.epoch < last.epoch:
                self._fail("leader epochs never fall along a log", f"node {node_id} has {entry} after {last}")
            epoch = shadow.producer_epochs.get(entry.producer_id, -1)
            if entry.producer_epoch < epoch:
                self._fail("a fenced epoch never appends", f"node {node_id} has {entry} after producer epoch {epoch}")
            if entry.producer_id in shadow.began and not (entry.is_transactional or entry.is_control):
                self._fail("a producer with an open transaction writes in it", f"node {node_id} has {entry}")
            if entry.is_control and not self.producers.agrees(entry):
                self._fail("a transaction ends one way", f"node {node_id} has {entry}, other markers say otherwise")
            shadow.follow_producer(entry)
            self._match(node_id, entry, last)
            shadow.entries.append(entry)
            shadow.end_offset = entry.last_offset + 1
            last = entry

    def _match(self, node_id: int, entry: BatchEntry, before: BatchEntry | None) -> None:
        there, there_before = self.known.setdefault((entry.base_offset, entry.epoch), (entry, before))
        if there != entry or there_before != before:
            self._fail(
                "logs that share offset and epoch share all before",
                f"node {node_id} has {entry} after {before}, another log {there} after {there_before}",
            )

    def truncated(self, node_id: int, end_offset: int) -> None:
        """A node's log was cut."""
        shadow = self.shadow(node_id)
        entries = shadow.entries
        while entries and entries[-1].last_offset >= end_offset:
            gone = entries.pop()
            index = len(entries)
            if index < len(self.committed) and self.committed[index] == gone:
                self._fail(
                    "a committed record stays",
                    f"node {node_id} cut {gone} off, with {self.committed_end} committed",
                )
        shadow.end_offset = entries[-1].last_offset + 1 if entries else 0
        if shadow.end_offset != end_offset:
            self._fail("logs are cut between batches", f"node {node_id} ends at {end_offset}, in {entries[-1:]}")
        shadow.agreed = min(shadow.agreed, len(entries))
        shadow.forget_producers()

    def recovered(self, node_id: int, incarnation: str, entries: list[BatchEntry]) -> None:
        """A node has opened the log that it had before; of what a cut that failed was to remove, some may be gone."""
        shadow = self.shadow(node_id)
        end_offset = entries[-1].last_offset + 1 if entries else 0
        if shadow.floor is not None and shadow.floor <= end_offset < shadow.end_offset:
            self.truncated(node_id, end_offset)
        shadow.floor = None
        if shadow.incarnation and entries != shadow.entries:
            self._fail(
                "a restart finds what was written",
                f"node {node_id} had {len(shadow.entries)} batches up to {shadow.end_offset}, and found {len(entries)}",
            )
        shadow.incarnation = incarnation
        shadow.high_watermark = 0

    def leads(self, node_name: str, epoch: int) -> None:
        """A node plays leader in an epoch."""
        other = self.leaders.setdefault(epoch, node_name)
        if other != node_name:
            self._fail("no two leaders in one epoch", f"{node_name} and {other} lead in epoch {epoch}")

    def commits(self, node_id: int, high_watermark: int, in_sync: Iterable[int]) -> None:
        """A leader has moved its high watermark; ``in_sync`` is the in-sync set as the controller has it."""
        shadow = self.shadow(node_id)
        self.agrees(node_id, high_watermark)
        if high_watermark > shadow.end_offset:
            self._fail("high watermarks stand within the log", f"node {node_id} has {high_watermark}")
        first = len(self.committed)
        for entry in shadow.entries[first:]:
            if entry.base_offset >= high_watermark:
                break
            if entry.last_offset >= high_watermark:
                self._fail("high watermarks stand between batches", f"node {node_id} has {high_watermark} in {entry}")
            if self.producers.fences(entry):
                self._fail("a fenced epoch never appends", f"{entry}, of {self.producers.fenced[entry.producer_id]} on")
            self._follow_transaction(entry)
            self.committed.append(entry)
        self.committed_end = max(self.committed_end, high_watermark)
        if len(self.committed) > first:
            for member in in_sync:
                self.holds_all(member, "is in sync")

    def _follow_transaction(self, entry: BatchEntry) -> None:
        """Check that what is committed of a transaction is of one epoch: the next one begins when it is over."""
        if entry.is_control:
            self.open.pop(entry.producer_id, None)
        elif entry.is_transactional:
            epoch = self.open.setdefault(entry.producer_id, entry.producer_epoch)
            if epoch != entry.producer_epoch:
                self._fail("a transaction has one epoch", f"{entry} was written in one of epoch {epoch}")

    def agrees(self, node_id: int, high_watermark: int) -> None:
        """What a node believes committed below its high watermark is what was committed there."""
        shadow = self.shadow(node_id)
        committed, entries = self.committed, shadow.entries
        index = shadow.agreed
        while index < len(committed) and committed[index].last_offset < high_watermark:
            if index >= len(entries) or entries[index] != committed[index]:
                self._fail(
                    "committed records are the same everywhere",
                    f"node {node_id} has {entries[index : index + 1]} where {committed[index]} was committed",
                )
            index += 1
        shadow.agreed = index

    def believes(self, node_id: int, high_watermark: int) -> None:
        """A follower has moved its high watermark."""
        if high_watermark > self.committed_end:
            self._fail(
                "nobody is ahead of what is committed",
                f"follower {node_id} has the high watermark {high_watermark}, committed is {self.committed_end}",
            )
        self.agrees(node_id, high_watermark)

    def holds_all(self, node_id: int, why: str) -> None:
        """A node's log has all that was ever committed, at the same offsets, with the same bytes."""
        shadow = self.shadow(node_id)
        if shadow.end_offset < self.committed_end:
            self._fail(
                "committed records are on every in-sync member",
                f"node {node_id} {why} and ends at {shadow.end_offset}, committed is {self.committed_end}",
            )
        self.agrees(node_id, self.committed_end)
