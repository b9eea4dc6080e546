"""The history of a run: what its clients did and saw, and the checks on it. Every value is unique.

The terms are Jepsen's for Kafka. At once: *inconsistent offsets* (two values at one offset), *duplicate* (one value
at two offsets), *non-monotonic poll*, *high watermark went back* (ListOffsets), *offset lost* (a position once read
is out of range, though it wasn't deleted), *refused* (an error that the protocol has no reason for), *served before it
was committed*, *committed offset lost*, and what ``Ownership`` has of groups. At the end, over all that was committed:
*lost write*, *unseen*, *order of a producer*; over what a last reader finds of it: *unread*.

Fair to Kafka's contract: a write without an acknowledgement may be there or not, but not twice; a commit without an
answer may count or not; what acks=1 acknowledged may be lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import inf

from actors.simulation.committed_records import Contents
from actors.simulation.ownership import Ownership
from kstore.named import NamedTuple

CommitOrder = tuple[int, int, int]  # how many groups of this name have ended, generation, number of the commit


class Finding(NamedTuple):
    """Something that must not be, by the name of the invariant that it breaks."""

    invariant: str
    detail: str


class Commit(NamedTuple):
    """One commit of one partition's offset."""

    order: CommitOrder
    offset: int


class PartitionCommits:
    """The commits of one partition by one group."""

    __slots__ = ("acknowledged", "begun", "uncertain")

    def __init__(self) -> None:
        self.begun: list[Commit] = []
        self.acknowledged: Commit | None = None  # the last one, in the order of the group
        self.uncertain: set[int] = set()  # offsets of commits that were never answered


class History:
    """One run's history. ``findings`` fills as things go wrong."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.sent_values: dict[bytes, int] = {}  # value: partition
        self.acked_values: dict[bytes, tuple[int, int]] = {}  # value: partition, offset
        self.at_offset: dict[tuple[int, int], bytes] = {}
        self.offset_of: dict[bytes, tuple[int, int]] = {}
        self.positions: dict[tuple[str, int], int] = {}
        self.latest: dict[int, int] = {}
        self.producer_ids: dict[tuple[int, int], str] = {}
        self.ownership = Ownership(self.find)
        self.commits: dict[tuple[str, int], PartitionCommits] = {}
        self.ended_groups: Counter[str] = Counter()
        self.reads = 0
        self.commits_begun = 0
        self.committed_end: Callable[[int], float] = lambda _: inf
        """By partition: the offset before which everything is committed."""
        self.log_start: Callable[[int], int] = lambda _: 0
        """By partition: the highest offset at which a log has begun."""
        self.newest_epoch: Callable[[int], int] = lambda _: 0
        """By partition: the newest leader epoch."""

    def find(self, invariant: str, detail: str) -> None:
        """Note that an invariant was broken, and how."""
        self.findings.append(Finding(invariant, detail))

    def producer_id_given(self, label: str, producer_id: int, epoch: int) -> None:
        """Note a producer id; nobody else may have got it in this epoch."""
        other = self.producer_ids.setdefault((producer_id, epoch), label)
        if other != label:
            self.find("one producer an id", f"{label} and {other} were both given {producer_id} epoch {epoch}")

    def sent(self, label: str, partition: int, values: list[bytes], *, certain: bool) -> None:
        """Note values that are about to be sent to a partition."""
        for value in values:
            assert value not in self.sent_values, "every value is one of a kind"
            self.sent_values[value] = partition

    def acknowledged(self, partition: int, values: list[bytes], base_offset: int) -> None:
        """Note the offsets that a broker acknowledged for values."""
        for offset, value in enumerate(values, base_offset):
            before = self.acked_values.setdefault(value, (partition, offset))
            if before != (partition, offset):
                self.find("duplicate", f"{value!r} was acknowledged at {before} and at {(partition, offset)}")
            self._place(partition, offset, value, "acknowledged")

    def refused(self, label: str, partition: int, value: bytes, code: int) -> None:
        """Note that a value was refused for good: a finding."""
        self.find("refused", f"{label} sending {value!r} to {partition} got error {code}")

    def _place(self, partition: int, offset: int, value: bytes, how: str) -> None:
        there = self.at_offset.setdefault((partition, offset), value)
        if there != value:
            self.find("inconsistent offsets", f"{value!r} {how} at {offset} of {partition}, where {there!r} was")
        position = self.offset_of.setdefault(value, (partition, offset))
        if position != (partition, offset):
            self.find("duplicate", f"{value!r} {how} at {(partition, offset)} and at {position}")

    def read(self, reader: str, partition: int, values: list[tuple[int, bytes]]) -> None:
        """What one fetch brought a reader, from its position on."""
        for offset, value in values:
            self.reads += 1
            last = self.positions.get((reader, partition), -1)
            if offset <= last:
                self.find("non-monotonic poll", f"{reader} read {offset} of {partition} after {last}")
            self.positions[reader, partition] = offset
            if self.sent_values.get(value) != partition:
                self.find("unsent", f"{reader} read {value!r} in {partition}, which nobody sent there")
            if offset >= (end := self.committed_end(partition)):
                self.find("served before it was committed", f"{reader} read {offset} of {partition}, committed: {end}")
            self._place(partition, offset, value, f"read by {reader}")

    def sought(self, reader: str, partition: int, offset: int) -> None:
        """A reader goes on from another offset, as a group member does from the committed offset."""
        self.positions[reader, partition] = offset - 1

    def offset_lost(self, reader: str, partition: int, offset: int, leader_epoch: float = inf) -> None:
        """Note that a reader's offset is out of range: a finding, unless it was deleted, or the answer is that of a
        leader which was replaced; one that speaks old versions doesn't notice that.
        """
        if offset < self.log_start(partition) or leader_epoch < self.newest_epoch(partition):
            return
        self.find("offset lost", f"{reader} was at {offset} of {partition}, which is out of range now")

    def listed(self, partition: int, floor: int, offset: int) -> None:
        """ListOffsets said ``offset``; when it was asked, ``floor`` had been said already."""
        if offset < floor:
            self.find("high watermark went back", f"partition {partition}: {offset} after {floor}")
        self.latest[partition] = max(self.latest.get(partition, 0), offset)

    def _commits(self, group: str, partition: int) -> PartitionCommits:
        return self.commits.setdefault((group, partition), PartitionCommits())

    def group_ended(self, group: str) -> None:
        """A group has ended without members. One of the same name begins anew with its epochs; it may have the offsets
        of the old one.
        """
        self.ownership.forget(group)
        self.ended_groups[group] += 1

    def next_commit(self, group: str, generation: int) -> CommitOrder:
        """The position of a commit that is about to be sent in the order of its group."""
        self.commits_begun += 1
        return self.ended_groups[group], generation, self.commits_begun

    def commit_begun(self, group: str, partition: int, order: CommitOrder, offset: int) -> None:
        """Note that a commit was sent."""
        self._commits(group, partition).begun.append(Commit(order, offset))

    def commit_acknowledged(self, group: str, partition: int, order: CommitOrder, offset: int) -> None:
        """Note that a commit was acknowledged."""
        commits = self._commits(group, partition)
        if commits.acknowledged is None or commits.acknowledged.order <= order:
            commits.acknowledged = Commit(order, offset)

    def commit_uncertain(self, group: str, partition: int, offset: int) -> None:
        """Note a commit whose outcome isn't known."""
        self._commits(group, partition).uncertain.add(offset)

    def last_commit(self, group: str, partition: int) -> Commit | None:
        """What was acknowledged so far: to be asked before an OffsetFetch is sent."""
        return self._commits(group, partition).acknowledged

    def commit_found(self, group: str, partition: int, known: Commit | None, offset: int) -> None:
        """OffsetFetch said ``offset`` (-1: none); when it was asked, ``known`` had been acknowledged."""
        commits = self._commits(group, partition)
        if offset in commits.uncertain or (known is None and offset == -1):
            return
        if known is not None and offset == known.offset:
            return
        if any(commit.offset == offset and (known is None or commit.order > known.order) for commit in commits.begun):
            return
        self.find("committed offset lost", f"{group} found {offset} of {partition}, after {known} was acknowledged")

    def judge_last_reading(
        self, reader: str, partition: object, values: list[tuple[int, bytes]], log: Contents
    ) -> None:
        """Judge what a reader has found that has read a whole partition: all that must be there, and nothing else."""
        missing, wrong = set(log.kept).difference(values), set(values).difference(log.ever)
        if missing or wrong:
            self.find("unread", f"{reader} lacks {sorted(missing)} of {partition} and has {sorted(wrong)}")

    def judge_the_whole(self, log: dict[int, list[tuple[int, bytes]]], idempotent: set[str]) -> None:
        """Judge all writes by all that was ever committed in each partition."""
        found = {value: (partition, offset) for partition, values in log.items() for offset, value in values}
        for value, position in self.acked_values.items():
            if value not in found:
                self.find("lost write", f"{value!r}, acknowledged at {position}, isn't in the log")
        for value, position in self.offset_of.items():
            if value not in found:
                self.find("unseen", f"{value!r}, seen at {position}, was not found there again")
        for partition, values in log.items():
            last: dict[str, int] = {}
            # A leader that was copied from a later start may not know a producer, and takes any number from it then.
            is_known = self.log_start(partition) == 0
            for offset, value in values:
                label, _, number = value.decode().split("/")
                if label in idempotent and is_known:
                    if int(number) != last.get(label, -1) + 1:
                        self.find(
                            "order of a producer",
                            f"{value!r} at {offset} of {partition} follows number {last.get(label, -1)}",
                        )
                    last[label] = int(number)
