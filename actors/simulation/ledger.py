"""What the checks know of one partition: the content of every replica's log, and what was committed.

A ``Book`` has a shadow of each node's log, which outlives the node as its disk does, and the committed log: the
batches below the highest high watermark that a leader ever had. Pure: what is observed comes in, a ``Violation`` is
raised when it breaks an invariant.

Logs are cut at their ends, and at their starts where records were deleted or their time is over; a shadow keeps what
it had there, as a start that isn't on the disk yet may come back. Offsets rise, and need not follow on each other: a
leader may have a log with gaps, and then every log that copies it has the same ones. A gap that one log has alone is a
lost record, unless the log is compacted and ``CommittedRecords`` says that all that was there may be gone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from actors.simulation.batch_entry import BatchEntry
from actors.simulation.committed_records import CommittedRecord, CommittedRecords
from actors.simulation.shadow import Shadow
from kstore.named import NamedTuple


class Violation(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant: str, detail: str) -> None:
        super().__init__(f"{invariant}: {detail}")
        self.invariant = invariant
        self.detail = detail


class Retention(NamedTuple):
    """What a topic's retention allows now: batches older than ``oldest_ms`` may go, and any while ``is_excess``."""

    oldest_ms: float
    is_excess: bool


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


def _base_offset(entry: BatchEntry) -> int:
    return entry.base_offset


def _last_offset(entry: BatchEntry) -> int:
    return entry.last_offset


class Book:
    """The books of one partition. ``deleted_to`` is up to where clients have asked to delete records."""

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
        self.records = CommittedRecords()
        self.appended_records: dict[tuple[int, int], list[CommittedRecord]] = {}  # by offset and epoch of the batch
        self.deleted_to: float = 0
        self.tombstones_until_ms: float = 0
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
            if entry.commits is not None and not self.producers.agrees(entry):
                self._fail("a transaction ends one way", f"node {node_id} has {entry}, other markers say otherwise")
            shadow.follow_producer(entry)
            self._match(node_id, entry, last)
            shadow.entries.append(entry)
            shadow.end_offset = entry.last_offset + 1
            last = entry

    def _match(self, node_id: int, entry: BatchEntry, before: BatchEntry | None) -> None:
        there, there_before = self.known.setdefault((entry.base_offset, entry.epoch), (entry, before))
        if self.records.compacts:
            is_same = there == entry or entry.stands_for(there)  # and before it there may be less
        else:
            # Where the leader's log begins, a follower may have had others before, as Kafka's may: they are gone, too.
            begins = before is None or there_before is None or entry.base_offset <= self.records.start
            is_same = there == entry and (there_before == before or begins)
        if not is_same:
            self._fail(
                "logs that share offset and epoch share all before",
                f"node {node_id} has {entry} after {before}, another log {there} after {there_before}",
            )

    def original(self, base_offset: int, epoch: int) -> BatchEntry | None:
        """The entry of a batch as it was appended, where logs are compacted; None otherwise, and if it is new."""
        return self.known.get((base_offset, epoch), (None, None))[0] if self.records.compacts else None

    def truncated(self, node_id: int, end_offset: int) -> None:
        """A node's log was cut."""
        shadow = self.shadow(node_id)
        entries = shadow.entries
        while entries and entries[-1].last_offset >= end_offset:
            gone = entries.pop()
            if gone.base_offset < self.committed_end and self._is_committed(gone):
                self._fail(
                    "a committed record stays",
                    f"node {node_id} cut {gone} off, with {self.committed_end} committed",
                )
        shadow.start_offset = min(shadow.start_offset, end_offset)
        shadow.end_offset = max(entries[-1].last_offset + 1 if entries else 0, shadow.start_offset)
        if shadow.end_offset != end_offset:
            self._fail("logs are cut between batches", f"node {node_id} ends at {end_offset}, in {entries[-1:]}")
        shadow.agreed = min(shadow.agreed, self._index(end_offset))
        shadow.forget_producers()

    def _index(self, offset: int) -> int:
        """How many committed entries begin before an offset."""
        return bisect_left(self.committed, offset, key=_base_offset)

    def _is_committed(self, entry: BatchEntry) -> bool:
        found = self.committed[self._index(entry.base_offset) :][:1]
        return found == [entry] or any(entry.stands_for(each) for each in found)

    def recovered(self, node_id: int, incarnation: str, entries: list[BatchEntry], start_offset: int = 0) -> None:
        """A node has opened the log that it had before, which begins at an offset; of what a cut that failed was to
        remove, some may be gone.
        """
        shadow = self.shadow(node_id)
        end_offset = entries[-1].last_offset + 1 if entries else start_offset
        if shadow.floor is not None and shadow.floor <= end_offset < shadow.end_offset:
            self.truncated(node_id, end_offset)
        shadow.floor = None
        present = shadow.present(start_offset)
        if shadow.incarnation and entries != present and not self.records.compacts:
            self._fail(
                "a restart finds what was written",
                f"node {node_id} had {len(present)} batches up to {shadow.end_offset}, and found {len(entries)}",
            )
        if shadow.incarnation and self.records.compacts:
            self.compacted(node_id, entries, start_offset)
        shadow.incarnation = incarnation
        shadow.start_offset = start_offset
        shadow.high_watermark = 0

    def lost_power(
        self, node_id: int, incarnation: str, entries: list[BatchEntry], start_offset: int, *, is_member: bool
    ) -> None:
        """A node has opened a log of which a power loss may have taken what wasn't durable; ``is_member``: it counts as
        in sync. What was cut off before and not synced may be there again.
        """
        shadow = self.shadow(node_id)
        found = {entry.base_offset: entry for entry in entries}
        for entry in shadow.present(start_offset):
            there = found.get(entry.base_offset)
            if entry.last_offset >= shadow.durable_to:
                break
            if there != entry and self.records.compacts:
                self._may_lack(node_id, self.original(entry.base_offset, entry.epoch) or entry, there, entries)
            elif there != entry:
                self._fail("what was synced survives", f"node {node_id} has {there} where {entry} was durable")
        shadow.begins_anew(entries[0].base_offset if entries else start_offset)
        shadow.floor, shadow.has_lost_power, shadow.incarnation = None, False, incarnation
        self.appended(node_id, entries)
        shadow.start_offset = start_offset
        shadow.end_offset = max(shadow.end_offset, start_offset)
        if is_member:
            self.holds_all(node_id, "lost its power, is in sync")

    def compacted(self, node_id: int, entries: list[BatchEntry], start_offset: int) -> None:
        """A node's log may have been compacted, and has these batches now: no other ones, and all records that must be
        there.
        """
        shadow = self.shadow(node_id)
        present = shadow.present(start_offset)
        found = {entry.base_offset: entry for entry in entries}
        for entry in present:
            there = found.pop(entry.base_offset, None)
            if there == entry:
                continue
            original = self.original(entry.base_offset, entry.epoch) or entry
            if there is not None and not there.stands_for(original):
                self._fail("compaction only removes", f"node {node_id} has {there} where {original} was")
            self._may_lack(node_id, original, there, entries)
        if found:
            self._fail("compaction only removes", f"node {node_id} has {list(found.values())}, which it hadn't before")
        shadow.entries[len(shadow.entries) - len(present) :] = entries
        shadow.end_offset = max(shadow.end_offset, start_offset)

    def _may_lack(
        self, node_id: int, original: BatchEntry, there: BatchEntry | None, entries: list[BatchEntry]
    ) -> None:
        """Check what a node has of a batch, if it has it, against what it must have."""
        if there is not None and there.kept is None:
            return  # all of it
        kept = there.kept if there is not None and there.kept is not None else ()
        is_lost_marker = original.is_control and not kept
        if is_lost_marker and self.records.needs_marker(original, entries, self.tombstones_until_ms):
            self._fail("a marker stays as long as its transaction", f"node {node_id} has no {original}")
        lost = self.records.must_be_there(original, kept, self.tombstones_until_ms)
        if lost is not None or original.last_offset >= self.records.stable_end:
            self._fail("the last value of a key stays", f"node {node_id} has {there} where {original} was: no {lost}")

    def starts(self, node_id: int, start_offset: int, retention: Retention) -> None:
        """A node's log begins at another offset than before: after what may be deleted."""
        shadow, records = self.shadow(node_id), self.records
        if start_offset > self.committed_end:
            self._fail("nothing is deleted that isn't committed", f"node {node_id} begins at {start_offset}")
        if start_offset > max(records.start, self.deleted_to) and not retention.is_excess:
            known = max(records.start, self.deleted_to, shadow.start_offset)
            for entry in self.committed[bisect_left(self.committed, known, key=_last_offset) :]:
                if entry.base_offset >= start_offset:
                    break
                if entry.max_timestamp >= retention.oldest_ms and records.must_be_there(entry, (), 0) is not None:
                    self._fail(
                        "records stay as long as retention says",
                        f"node {node_id} begins at {start_offset}, after {entry}, older than {retention.oldest_ms} go",
                    )
        records.begins_at(start_offset)
        shadow.start_offset = start_offset

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
        before = len(self.committed)
        for entry in shadow.entries[bisect_left(shadow.entries, self._next_offset, key=_base_offset) :]:
            if entry.base_offset >= high_watermark:
                break
            if entry.last_offset >= high_watermark:
                self._fail("high watermarks stand between batches", f"node {node_id} has {high_watermark} in {entry}")
            if self.producers.fences(entry):
                self._fail("a fenced epoch never appends", f"{entry}, of {self.producers.fenced[entry.producer_id]} on")
            self._follow_transaction(entry)
            self.committed.append(entry)
            self.records.add(entry, self.appended_records.pop((entry.base_offset, entry.epoch), []))
        self.committed_end = max(self.committed_end, high_watermark)
        if len(self.committed) > before:
            for member in in_sync:
                self.holds_all(member, "is in sync")

    @property
    def _next_offset(self) -> int:
        return self.committed[-1].last_offset + 1 if self.committed else 0

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
        if index == len(committed) or committed[index].last_offset >= high_watermark:
            return
        if committed[index].last_offset < shadow.start_offset:
            index = bisect_left(committed, shadow.start_offset, key=_last_offset)
        at = bisect_left(entries, committed[index].base_offset, key=_base_offset) if index < len(committed) else 0
        while index < len(committed) and committed[index].last_offset < high_watermark:
            wanted, found = committed[index], entries[at] if at < len(entries) else None
            if found != wanted:
                if self.records.compacts and (found is None or found.base_offset > wanted.base_offset):
                    self._may_lack(node_id, wanted, None, entries)
                    at -= 1
                elif found is not None and found.stands_for(wanted):
                    self._may_lack(node_id, wanted, found, entries)
                else:
                    self._fail(
                        "committed records are the same everywhere",
                        f"node {node_id} has {entries[at : at + 1]} where {wanted} was committed",
                    )
            index, at = index + 1, at + 1
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
