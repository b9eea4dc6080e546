"""The moves of partitions between members while an assignment is balanced, so that none are swapped for nothing.

When one partition of a topic has moved from A to B and another is about to move from B to A, the first one goes back
instead.
"""

from __future__ import annotations

from actors.clients.consumer.assignors.hash_order import hash_of_partition, in_hash_order
from actors.clients.structs import TopicPartition

Pair = tuple[str, str]


class Movements:
    """Moves by topic and by pair of old and new owner; a partition's moves in a row count as one."""

    def __init__(self) -> None:
        self._by_topic: dict[str, dict[Pair, dict[TopicPartition, None]]] = {}
        self._by_partition: dict[TopicPartition, Pair] = {}

    def add(self, partition: TopicPartition, old: str, new: str) -> None:
        """A partition moves."""
        before = self._by_partition.pop(partition, None)
        if before is not None:
            self._forget(partition, before)
            old = before[0]
            if old == new:
                return
        self._by_partition[partition] = (old, new)
        self._by_topic.setdefault(partition.topic, {}).setdefault((old, new), {})[partition] = None

    def _forget(self, partition: TopicPartition, pair: Pair) -> None:
        pairs = self._by_topic[partition.topic]
        del pairs[pair][partition]
        if not pairs[pair]:
            del pairs[pair]
        if not pairs:
            del self._by_topic[partition.topic]

    def to_be_moved(self, partition: TopicPartition, old: str, new: str) -> TopicPartition:
        """The partition to move instead of this one, or this one."""
        pairs = self._by_topic.get(partition.topic)
        if pairs is None:
            return partition
        if partition in self._by_partition:
            old = self._by_partition[partition][0]
        back = pairs.get((new, old))
        return partition if not back else in_hash_order(back, hash_of_partition)[0]
