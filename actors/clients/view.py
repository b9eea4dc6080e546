"""What a client knows of the cluster: brokers, topics and who leads their partitions. Immutable; replaced as a whole.

It is put together from Metadata answers. An answer may come from a broker that is behind: a partition's leader is never
replaced by one of an older epoch of the same topic (as in Kafka's Metadata class).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from kstore.errors import UnknownTopicId
from kstore.layered import Layered
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from kstore.schema.messages.metadata import MetadataResponse, MetadataResponseTopic

NO_ID = bytes(16)


class BrokerAddress(NamedTuple):
    """A broker, and where it is. A bootstrap server, whose id isn't known yet, has a negative one."""

    id: int
    host: str
    port: int
    rack: str | None = None


class PartitionView(NamedTuple):
    """One partition; ``leader`` is -1 while there is none."""

    leader: int
    leader_epoch: int
    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    offline: tuple[int, ...] = ()
    error_code: int = 0


class TopicView(NamedTuple):
    """One topic, or, with an ``error_code``, why nothing is known of it."""

    name: str
    id: bytes
    internal: bool
    error_code: int
    partitions: Mapping[int, PartitionView]


class View(NamedTuple):
    """The cluster. ``version`` counts the answers it was made of: 0, nothing is known."""

    brokers: Mapping[int, BrokerAddress] = {}
    controller_id: int = -1
    cluster_id: str | None = None
    topics: Mapping[str, TopicView] = {}
    version: int = 0

    def partition(self, topic: str, partition: int) -> PartitionView | None:
        """What is known of a partition; None if nothing is."""
        found = self.topics.get(topic)
        return None if found is None else found.partitions.get(partition)

    def ids_of(self, topics: Iterable[str]) -> dict[str, bytes]:
        """The ids of topics by name; empty unless all are known."""
        known = self.topics
        ids = {topic: known[topic].id for topic in topics if topic in known}
        is_any_unknown = NO_ID in ids.values() or any(topic not in ids for topic in topics)
        return {} if is_any_unknown else ids

    def count_partitions(self, topics: Iterable[str]) -> dict[str, int]:
        """How many partitions each has; 0 if it isn't there."""
        known = self.topics
        return {topic: len(known[topic].partitions) if topic in known else 0 for topic in topics}

    def updated(self, answer: MetadataResponse, *, whole: bool) -> View:
        """With what an answer says; ``whole`` if it was asked for every topic, so that others are gone."""
        topics: Layered[str, TopicView] = Layered() if whole else own(self.topics)
        gone: set[bytes] = set()
        for topic in answer.topics:
            if topic.name is not None:
                topics[topic.name] = _merged(self.topics.get(topic.name), topic)
            elif topic.error_code == UnknownTopicId.code:
                gone.add(topic.topic_id)
        for name in [name for name, topic in topics.items() if topic.id in gone] if gone else ():
            del topics[name]
        return View(
            {b.node_id: BrokerAddress(b.node_id, b.host, b.port, b.rack) for b in answer.brokers},
            answer.controller_id,
            answer.cluster_id,
            topics,
            self.version + 1,
        )

    def with_leaders(self, leaders: Mapping[tuple[str, int], tuple[int, int]]) -> View:
        """With leaders that brokers' answers named (KIP-951), each with its epoch, unless a newer one is known."""
        changed: dict[str, dict[int, PartitionView]] = {}
        for (topic, number), (leader, epoch) in leaders.items():
            known = self.partition(topic, number)
            if known is None or epoch <= known.leader_epoch:
                continue
            if topic not in changed:
                changed[topic] = dict(self.topics[topic].partitions)
            changed[topic][number] = known._replace(leader=leader, leader_epoch=epoch, error_code=0)
        if not changed:
            return self
        topics = own(self.topics)
        for name, partitions in changed.items():
            topics[name] = topics[name]._replace(partitions=partitions)
        return self._replace(topics=topics, version=self.version + 1)

    def without(self, names: Collection[str]) -> View:
        """Without these topics."""
        known = [name for name in names if name in self.topics]
        if not known:
            return self
        topics = own(self.topics)
        for name in known:
            del topics[name]
        return self._replace(topics=topics, version=self.version + 1)


def own(topics: Mapping[str, TopicView]) -> Layered[str, TopicView]:
    """Topics to be changed, which share with those before what stays."""
    return topics.copy() if isinstance(topics, Layered) else Layered(topics)


def _merged(known: TopicView | None, topic: MetadataResponseTopic) -> TopicView:
    assert topic.name is not None
    comparable = known is not None and (known.id == topic.topic_id or NO_ID in (known.id, topic.topic_id))
    partitions: dict[int, PartitionView] = {}
    shared: dict[tuple[int, ...], tuple[int, ...]] = {}  # most partitions have the same brokers as others
    for each in topic.partitions:
        replicas, isr = tuple(each.replica_nodes), tuple(each.isr_nodes)
        found = PartitionView(
            each.leader_id,
            each.leader_epoch,
            shared.setdefault(replicas, replicas),
            shared.setdefault(isr, isr),
            tuple(each.offline_replicas),
            each.error_code,
        )
        older = known.partitions.get(each.partition_index) if comparable and known is not None else None
        if older is not None and older.leader_epoch > found.leader_epoch:
            found = older
        partitions[each.partition_index] = found
    return TopicView(topic.name, topic.topic_id, topic.is_internal, topic.error_code, dict(sorted(partitions.items())))
