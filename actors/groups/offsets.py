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
        self._under_way: dict[OffsetKey, int] = {}

    def of_group(self, group_id: str) -> GroupOffsets:
        return self._groups.get(group_id, {})

    def get(self, key: OffsetKey) -> CommittedOffset | None:
        return self.of_group(key.group_id).get(key.topic, {}).get(key.partition)

    def apply(self, key: OffsetKey, committed: CommittedOffset | None) -> None:
        """Take one record from the log, a commit or its tombstone."""
        if committed is not None:
            self._groups.setdefault(key.group_id, {}).setdefault(key.topic, {})[key.partition] = committed
            return
        topics = self._groups.get(key.group_id, {})
        topics.get(key.topic, {}).pop(key.partition, None)
        if not topics.get(key.topic):
            topics.pop(key.topic, None)
        if not topics:
            self._groups.pop(key.group_id, None)

    def begin(self, key: OffsetKey) -> None:
        """A record for this key is on its way to the log."""
        self._under_way[key] = self._under_way.get(key, 0) + 1

    def end(self, key: OffsetKey) -> None:
        self._under_way[key] -= 1
        if not self._under_way[key]:
            del self._under_way[key]

    def is_under_way(self, key: OffsetKey) -> bool:
        return key in self._under_way

    def keys_of(self, group_id: str) -> list[OffsetKey]:
        """All of a group's, those under way included."""
        committed = [
            OffsetKey(group_id, topic, partition)
            for topic, partitions in self.of_group(group_id).items()
            for partition in partitions
        ]
        return committed + [key for key in self._under_way if key.group_id == group_id and self.get(key) is None]

    def keys_in(self, topics: Iterable[str]) -> list[OffsetKey]:
        """All that were committed, or are being, for these topics."""
        wanted = frozenset(topics)
        return [key for key in self.keys() if key.topic in wanted]

    def keys(self) -> Iterator[OffsetKey]:
        for group_id, topics in self._groups.items():
            for topic, partitions in topics.items():
                for partition in partitions:
                    yield OffsetKey(group_id, topic, partition)
        for key in self._under_way:
            if self.get(key) is None:
                yield key
