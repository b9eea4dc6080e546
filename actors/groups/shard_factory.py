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
    from actors.config import BrokerConfig
    from actors.node.node import BrokerNode


HASHES_MAX = 10_000


class ImageTopics:
    """The topics of the image of the cluster that a node has now. ``hashes`` are those that are known, with what each
    rests on.
    """

    def __init__(
        self, node: BrokerNode, version: int, names_version: int, hashes: dict[str, tuple[object, object, int]]
    ) -> None:
        self.image = node.view.image
        self.version = version
        self.names_version = names_version
        self._hashes = hashes

    def now(self) -> ImageTopics:
        return self

    def get(self, name: str) -> TopicInfo | None:
        found = self.image.topic(name)
        return None if found is None else TopicInfo(found.id, len(found.partitions))

    def name_of(self, topic_id: bytes) -> str | None:
        found = self.image.topic_by_id(topic_id)
        return None if found is None else found.name

    def names(self) -> Iterable[str]:
        return self.image.topics

    @property
    def offset(self) -> int:
        return self.image.offset

    def hash_of(self, name: str) -> int | None:
        topic = self.image.topic(name)
        if topic is None:
            self._hashes.pop(name, None)
            return None
        known = self._hashes.get(name)
        if known is not None and known[0] is topic and known[1] is self.image.brokers:
            return known[2]
        if len(self._hashes) >= HASHES_MAX:
            self._hashes.clear()
        racks = [self._racks(topic.partitions[number].replicas) for number in range(len(topic.partitions))]
        found = topic_hash(topic.id, name, racks)
        self._hashes[name] = topic, self.image.brokers, found
        return found

    def _racks(self, node_ids: Iterable[int]) -> list[str]:
        """The racks of those of the brokers that have one."""
        brokers = [self.image.brokers.get(each) for each in node_ids]
        return [each.rack for each in brokers if each is not None and each.rack is not None]


class NodeTopics:
    """The topics of a node's present image of the cluster."""

    def __init__(self, node: BrokerNode) -> None:
        self._node = node
        self._hashes: dict[str, tuple[object, object, int]] = {}
        self._now = ImageTopics(node, 1, 1, self._hashes)

    def now(self) -> ImageTopics:
        image, then = self._node.view.image, self._now
        if image is not then.image:
            is_old = image.topics is then.image.topics and image.brokers is then.image.brokers  # these have racks
            are_names_old = image.topic_names_by_id is then.image.topic_names_by_id
            self._now = ImageTopics(
                self._node, then.version + (not is_old), then.names_version + (not are_names_old), self._hashes
            )
        return self._now

    @property
    def version(self) -> int:
        return self.now().version

    @property
    def names_version(self) -> int:
        return self.now().names_version

    def get(self, name: str) -> TopicInfo | None:
        return self.now().get(name)

    def name_of(self, topic_id: bytes) -> str | None:
        return self.now().name_of(topic_id)

    def names(self) -> Iterable[str]:
        return self.now().names()

    @property
    def offset(self) -> int:
        return self.now().offset

    def hash_of(self, name: str) -> int | None:
        return self.now().hash_of(name)


class GroupShards:
    """Makes the shards of a node's group coordinators, which share one bound of memory."""

    def __init__(self, node: BrokerNode) -> None:
        self._node = node
        self._memory_use = MemoryUse()
        self._topics = NodeTopics(node)
        self._usual: tuple[BrokerConfig, GroupConfigs] | None = None  # of groups without configs of their own

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
        node, usual = self._node, self._usual
        own = node.view.image.config(ResourceType.GROUP, group_id)
        if own or usual is None or usual[0] is not node.config:
            found = GroupConfigs(*consumer_values(own, node.config))
            if not own:
                self._usual = node.config, found
            return found
        return usual[1]

    def _new_id(self) -> str:
        return str(UUID(bytes=self._node.world.uuid()))
