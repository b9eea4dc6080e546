"""The offsets that groups have committed, as the committed part of the log has them.

A commit counts once its record is committed in the log: until then nobody is shown it, and when the append fails
nothing has changed. Records are appended in the order of the requests, so of two commits under way the later one
stays. Where commits are under way is known as well: what deletes offsets must not overlook them.

Invariants: a group has a timeline while it has offsets, or some are under way; ``_groups_of`` counts, for each topic,
the offsets that are committed in each group.
"""

from collections.abc import Iterable, Iterator

from actors.coordinator.timeline import READ, Timeline
from actors.groups.open_offsets import OpenOffsets
from actors.groups.records import CommittedOffset, OffsetRecord
from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple


class OffsetKey(NamedTuple):
    """Which offset it is: one a group, topic and partition."""

    group_id: str
    topic: str
    partition: int


class OffsetStore:
    """Committed offsets by group, topic and partition, each in the order of first commit."""

    def __init__(self) -> None:
        self.open = OpenOffsets()
        self._groups: dict[str, Timeline[TopicAndPartition, CommittedOffset]] = {}
        self._groups_of: dict[str, dict[str, int]] = {}

    def of_group(self, group_id: str) -> dict[str, dict[int, CommittedOffset]]:
        """By topic and partition."""
        found: dict[str, dict[int, CommittedOffset]] = {}
        timeline = self._groups.get(group_id)
        if timeline is not None:
            for (topic, partition), committed in timeline.items():
                found.setdefault(topic, {})[partition] = committed
        return found

    def count_of(self, group_id: str) -> int:
        """How many are committed in a group."""
        return len(self._groups.get(group_id, ()))

    def get(self, key: OffsetKey) -> CommittedOffset | None:
        """The committed offset of a group's partition; None if there is none."""
        timeline = self._groups.get(key.group_id)
        return None if timeline is None else timeline.get((key.topic, key.partition))

    def is_under_way(self, key: OffsetKey) -> bool:
        """Whether it is being committed: its record is on its way, or its transaction is open."""
        partition = key.topic, key.partition
        timeline = self._groups.get(key.group_id)
        return (timeline is not None and timeline.is_under_way(partition)) or self.open.has(key.group_id, partition)

    def has_any(self, group_id: str) -> bool:
        """Whether a group has offsets, or some are under way."""
        return group_id in self._groups or bool(self.open.partitions_of(group_id))

    def keys_of(self, group_id: str) -> list[OffsetKey]:
        """All of a group's, those under way included."""
        timeline = self._groups.get(group_id)
        partitions = () if timeline is None else (*timeline, *timeline.coming())
        all_of_them = dict.fromkeys((*partitions, *self.open.partitions_of(group_id)))
        return [OffsetKey(group_id, topic, partition) for topic, partition in all_of_them]

    def keys_in(self, topics: Iterable[str]) -> list[OffsetKey]:
        """All that were committed, or are being, for these topics."""
        wanted = dict.fromkeys(topics)
        groups = dict.fromkeys(group_id for topic in wanted for group_id in self._groups_of.get(topic, ()))
        committed = [
            OffsetKey(group_id, topic, partition)
            for group_id in groups
            for topic, partition in self._groups[group_id]
            if topic in wanted
        ]
        coming = [
            OffsetKey(group_id, topic, partition)
            for group_id, timeline in self._groups.items()
            for topic, partition in timeline.coming()
            if topic in wanted
        ]
        in_transactions = [
            OffsetKey(group_id, topic, partition)
            for group_id in self.open.groups()
            for topic, partition in self.open.partitions_of(group_id)
            if topic in wanted
        ]
        return list(dict.fromkeys(committed + coming + in_transactions))

    def __iter__(self) -> Iterator[OffsetKey]:
        """All of them, those under way included."""
        for group_id in dict.fromkeys((*self._groups, *self.open.groups())):
            yield from self.keys_of(group_id)

    def put(self, record: OffsetRecord, token: int) -> None:
        """A commit or its tombstone is on its way to the log."""
        timeline = self._groups.get(record.group_id)
        if timeline is None:
            timeline = self._groups[record.group_id] = Timeline()
        timeline.put((record.topic, record.partition), token)

    def apply(self, record: OffsetRecord, token: int) -> None:
        """Take one record from the log, a commit outside of transactions or its tombstone."""
        self.open.supersede(record, token)
        self._apply(record, token)

    def materialize(self, record: OffsetRecord) -> None:
        """A transaction has been committed: this offset of it counts."""
        self._apply(record, READ)

    def _apply(self, record: OffsetRecord, token: int) -> None:
        timeline = self._groups.get(record.group_id)
        if timeline is None:
            if record.committed is None or token != READ:
                return
            timeline = self._groups[record.group_id] = Timeline()
        change = timeline.apply((record.topic, record.partition), record.committed, token)
        if change:
            self._count(record.topic, record.group_id, change)
        if record.committed is None:
            self._drop_if_void(record.group_id, timeline)

    def revert(self, record: OffsetRecord, token: int) -> None:
        """A record that was on its way to the log isn't any more."""
        timeline = self._groups.get(record.group_id)
        if timeline is not None:
            timeline.revert((record.topic, record.partition), token)
            self._drop_if_void(record.group_id, timeline)

    def _count(self, topic: str, group_id: str, change: int) -> None:
        groups = self._groups_of.setdefault(topic, {})
        groups[group_id] = groups.get(group_id, 0) + change
        if not groups[group_id]:
            del groups[group_id]
            if not groups:
                del self._groups_of[topic]

    def _drop_if_void(self, group_id: str, timeline: Timeline[TopicAndPartition, CommittedOffset]) -> None:
        if timeline.is_void:
            del self._groups[group_id]

    def check(self) -> None:
        """Assert what the file promises."""
        self.open.check()
        counts: dict[str, dict[str, int]] = {}
        for group_id, timeline in self._groups.items():
            assert not timeline.is_void, f"{group_id} has no offsets"
            for topic, _ in timeline:
                groups = counts.setdefault(topic, {})
                groups[group_id] = groups.get(group_id, 0) + 1
        assert counts == self._groups_of
