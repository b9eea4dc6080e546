"""The offsets that groups have committed, as the committed part of the log has them.

A commit counts once its record is committed in the log: until then nobody is shown it, and when the append fails
nothing has changed. Records are appended in the order of the requests, so of two commits under way the later one
stays. Where commits are under way is known as well: what deletes offsets must not overlook them.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from actors.groups.records import CommittedOffset
from kstore.named import NamedTuple

GroupOffsets: TypeAlias = dict[str, dict[int, CommittedOffset]]


class OffsetKey(NamedTuple):
    group_id: str
    topic: str
    partition: int


class OffsetStore:
    """Committed offsets by group, topic and partition, each in the order of first commit."""

    def __init__(self) -> None:
        self._groups: dict[str, GroupOffsets] = {}
        self._under_way: dict[str, dict[OffsetKey, int]] = {}  # by group
        self._groups_of: dict[str, dict[str, None]] = {}  # those that have committed for a topic

    def of_group(self, group_id: str) -> GroupOffsets:
        return self._groups.get(group_id, {})

    def count_of(self, group_id: str) -> int:
        """How many are committed in a group."""
        return sum(map(len, self.of_group(group_id).values()))

    def get(self, key: OffsetKey) -> CommittedOffset | None:
        return self.of_group(key.group_id).get(key.topic, {}).get(key.partition)

    def apply(self, key: OffsetKey, committed: CommittedOffset | None) -> None:
        """Take one record from the log, a commit or its tombstone."""
        if committed is not None:
            topics = self._groups.setdefault(key.group_id, {})
            partitions = topics.get(key.topic)
            if partitions is None:
                partitions = topics[key.topic] = {}
                self._groups_of.setdefault(key.topic, {})[key.group_id] = None
            partitions[key.partition] = committed
            return
        topics = self._groups.get(key.group_id, {})
        topics.get(key.topic, {}).pop(key.partition, None)
        if key.topic in topics and not topics[key.topic]:
            del topics[key.topic]
            groups = self._groups_of[key.topic]
            del groups[key.group_id]
            if not groups:
                del self._groups_of[key.topic]
        if not topics:
            self._groups.pop(key.group_id, None)

    def begin(self, key: OffsetKey) -> None:
        """A record for this key is on its way to the log."""
        under_way = self._under_way.setdefault(key.group_id, {})
        under_way[key] = under_way.get(key, 0) + 1

    def end(self, key: OffsetKey) -> None:
        under_way = self._under_way[key.group_id]
        under_way[key] -= 1
        if not under_way[key]:
            del under_way[key]
            if not under_way:
                del self._under_way[key.group_id]

    def is_under_way(self, key: OffsetKey) -> bool:
        return key in self._under_way.get(key.group_id, ())

    def keys_of(self, group_id: str) -> list[OffsetKey]:
        """All of a group's, those under way included."""
        committed = [
            OffsetKey(group_id, topic, partition)
            for topic, partitions in self.of_group(group_id).items()
            for partition in partitions
        ]
        return committed + [key for key in self._under_way.get(group_id, ()) if self.get(key) is None]

    def keys_in(self, topics: Iterable[str]) -> list[OffsetKey]:
        """All that were committed, or are being, for these topics."""
        wanted = dict.fromkeys(topics)
        committed = [
            OffsetKey(group_id, topic, partition)
            for topic in wanted
            for group_id in self._groups_of.get(topic, ())
            for partition in self._groups[group_id][topic]
        ]
        under_way = [key for keys in self._under_way.values() for key in keys if key.topic in wanted]
        return committed + [key for key in under_way if self.get(key) is None]

    def keys(self) -> Iterator[OffsetKey]:
        for group_id, topics in self._groups.items():
            for topic, partitions in topics.items():
                for partition in partitions:
                    yield OffsetKey(group_id, topic, partition)
        for keys in self._under_way.values():
            for key in keys:
                if self.get(key) is None:
                    yield key
