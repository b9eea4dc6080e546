"""What groups know of the cluster's topics: ids and numbers of partitions, by name.

It is data of the node that the shard's maker passes in. Groups don't know where it comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Protocol

from actors.groups.consumer.topic_hash import topic_hash
from kstore.named import NamedTuple


class TopicInfo(NamedTuple):
    """A topic's id, and how many partitions it has."""

    topic_id: bytes
    partitions: int


class SeenTopics(NamedTuple):
    """What a group has last seen of its topics: the ``version`` of all topics and of their names, and a hash of its own
    topics without their racks.
    """

    version: int = 0
    """0: none, by this coordinator."""
    names_version: int = 0
    shape: int = 0


class Topics(Protocol):
    """The topics that there are now."""

    def now(self) -> Topics:
        """These, which stay as they are while others come and go."""

    @property
    def version(self) -> int:
        """Another number, at least 1, whenever something may have changed."""

    @property
    def names_version(self) -> int:
        """Another number, at least 1, whenever there may be topics of other names."""

    def get(self, name: str) -> TopicInfo | None:
        """A topic, or None if there is none of this name."""

    def name_of(self, topic_id: bytes) -> str | None:
        """The name of a topic, or None if there is none with this id."""

    def names(self) -> Iterable[str]:
        """All of them."""

    @property
    def offset(self) -> int:
        """Up to where in the metadata log they are known."""

    def hash_of(self, name: str) -> int | None:
        """Kafka's hash of a topic, or None if there is none of this name."""


class FixedTopics:
    """Topics that don't change unless they are set: for a shard without a cluster around it.

    >>> topics = FixedTopics({"orders": TopicInfo(bytes(16), 3)})
    >>> topics.get("orders").partitions, topics.name_of(bytes(16)), topics.get("other")
    (3, 'orders', None)
    """

    def __init__(self, topics: dict[str, TopicInfo] | None = None) -> None:
        self._offset = 0
        self.set(topics or {})

    def now(self) -> FixedTopics:
        return copy(self)

    def set(self, topics: dict[str, TopicInfo], racks: Mapping[str, Sequence[Sequence[str]]] | None = None) -> None:
        """Other topics from now on; ``racks`` has, by topic, those of each partition's replicas."""
        self._offset += 1
        self._racks = racks or {}
        self._topics = dict(topics)
        self._names = {info.topic_id: name for name, info in topics.items()}

    @property
    def version(self) -> int:
        return self._offset

    @property
    def names_version(self) -> int:
        return self._offset

    def get(self, name: str) -> TopicInfo | None:
        return self._topics.get(name)

    def name_of(self, topic_id: bytes) -> str | None:
        return self._names.get(topic_id)

    def names(self) -> Iterable[str]:
        return self._topics

    @property
    def offset(self) -> int:
        return self._offset

    def hash_of(self, name: str) -> int | None:
        found = self._topics.get(name)
        if found is None:
            return None
        return topic_hash(found.topic_id, name, self._racks.get(name) or [()] * found.partitions)
