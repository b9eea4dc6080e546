"""Makes the shards of a node's group coordinators: they obey its config and share one bound of memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from actors.config.group import consumer_values
from actors.config.resource_type import ResourceType
from actors.groups.consumer.topic_hash import topic_hash
from actors.groups.memory_use import MemoryUse
from actors.groups.settings import GroupConfigs, settings_of
from actors.groups.shard import GroupShard
from actors.groups.topics import TopicInfo

if TYPE_CHECKING:
    from actors.node.node import BrokerNode


HASHES_MAX = 10_000


class NodeTopics:
    """The topics of a node's image of the cluster."""

    def __init__(self, node: BrokerNode) -> None:
        self._node = node
        self._hashes: dict[str, tuple[object, object, int]] = {}
        """By topic, with what each rests on."""
        self._version: tuple[object, object] = (None, None)

    @property
    def version(self) -> object:
        """The image's topics and brokers, who have racks: each is another mapping after a change."""
        image = self._node.view.image
        if self._version[0] is not image.topics or self._version[1] is not image.brokers:
            self._version = image.topics, image.brokers
        return self._version

    def get(self, name: str) -> TopicInfo | None:
        found = self._node.view.image.topic(name)
        return None if found is None else TopicInfo(found.id, len(found.partitions))

    def name_of(self, topic_id: bytes) -> str | None:
        found = self._node.view.image.topic_by_id(topic_id)
        return None if found is None else found.name

    def names(self) -> Iterable[str]:
        return self._node.view.image.topics

    @property
    def offset(self) -> int:
        return self._node.view.image.offset

    def hash_of(self, name: str) -> int | None:
        image = self._node.view.image
        topic = image.topic(name)
        if topic is None:
            self._hashes.pop(name, None)
            return None
        known = self._hashes.get(name)
        if known is not None and known[0] is topic and known[1] is image.brokers:
            return known[2]
        if len(self._hashes) >= HASHES_MAX:
            self._hashes.clear()
        racks = [self._racks(topic.partitions[number].replicas) for number in range(len(topic.partitions))]
        found = topic_hash(topic.id, name, racks)
        self._hashes[name] = topic, image.brokers, found
        return found

    def _racks(self, node_ids: Iterable[int]) -> list[str]:
        """The racks of those of the brokers that have one."""
        brokers = [self._node.view.image.brokers.get(each) for each in node_ids]
        return [each.rack for each in brokers if each is not None and each.rack is not None]


class GroupShards:
    """Makes the shards of a node's group coordinators, which share one bound of memory."""

    def __init__(self, node: BrokerNode) -> None:
        self._node = node
        self._memory_use = MemoryUse()
        self._topics = NodeTopics(node)

    def make(self, leader_epoch: int) -> GroupShard:
        """The shard of one more coordinator; its records say nothing of the epoch in which it leads."""
        return GroupShard(
            settings_of(self._node.config),
            self._new_id,
            MemoryUse(self._memory_use),
            self._topics,
            self._configs_of,
        )

    def _configs_of(self, group_id: str) -> GroupConfigs:
        """As the node's image of the cluster and its broker's configs have them now."""
        own = self._node.view.image.config(ResourceType.GROUP, group_id)
        return GroupConfigs(*consumer_values(own, self._node.config))

    def _new_id(self) -> str:
        return str(UUID(bytes=self._node.world.uuid()))
