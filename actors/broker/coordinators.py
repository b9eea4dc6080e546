"""The coordinators of a node: started and stopped as the cluster image says.

Not an actor, but a part of the broker actor. There is one coordinator for each partition led here of the topics in
``KINDS``; a new leader epoch gets a new coordinator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from actors.coordinator.messages import Resign, TopicsDeleted
from actors.image.image import ClusterImage, ImageDelta, PartitionImage
from actors.image.topic_names import OFFSETS_TOPIC, TRANSACTIONS_TOPIC
from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.broker.broker import Broker
    from actors.coordinator.shard import Shard
    from actors.runtime import Ref

MakeShard = Callable[[int], "Shard"]
"""Makes the shard of a partition for a leader epoch."""


def _of_groups(broker: Broker) -> MakeShard:
    """The shards for groups and their offsets. Those of a node share one limit on their memory."""
    from actors.groups.shard_factory import GroupShards  # saves 10 ms in a cluster without groups

    return GroupShards(broker.node).make


def _of_transactions(broker: Broker) -> MakeShard:
    """The shards for transactional ids. Those of a node share the sender of markers to other nodes."""
    from actors.partition.to_controller.producer_ids import NextProducerId
    from actors.transactions.marker_sender import MarkerSender
    from actors.transactions.shard_factory import TransactionShards

    sender: Ref

    def make_sender() -> None:
        nonlocal sender
        sender = broker.supervision.keep(broker.spawn(MarkerSender), make_sender)

    make_sender()
    return TransactionShards(broker.node, NextProducerId(), lambda: sender).make


class CoordinatorKind(NamedTuple):
    """A kind of coordinator: the leaders of one topic's partitions."""

    partitions: str
    """The config key with the number of partitions that the topic is made with."""
    shards: Callable[[Broker], MakeShard]
    """Returns, once per node, the function that makes the shard of each coordinator."""


KINDS: Mapping[str, CoordinatorKind] = {
    OFFSETS_TOPIC: CoordinatorKind("offsets.topic.num.partitions", _of_groups),
    TRANSACTIONS_TOPIC: CoordinatorKind("transaction.state.log.num.partitions", _of_transactions),
}


class Coordinators:
    """The running coordinators of this node."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.running: dict[TopicAndPartition, tuple[int, Ref]] = {}  # leader epoch, coordinator
        self._make_shard: dict[str, MakeShard] = {}  # by topic

    def follow(self, image: ClusterImage, delta: ImageDelta) -> None:
        """Start and stop coordinators, and publish which there are."""
        gone = TopicsDeleted(tuple(topic.name for topic in delta.removed_topics))
        if gone.topics:
            for (topic, number), (_, coordinator) in list(self.running.items()):
                coordinator.tell(gone)
                if topic in gone.topics:  # its log is deleted with it, even if the topic was made again at once
                    self._end((topic, number))
        is_changed = False
        for topic in KINDS:
            found = image.topics.get(topic)
            partitions = {} if found is None else found.partitions
            changed = set(delta.changed_topics.get(topic, ()))
            changed.update(number for of, number in self.running if of == topic and number not in partitions)
            if topic in gone.topics:
                is_changed = True
            for number in sorted(changed):
                self._follow((topic, number), partitions.get(number))
                is_changed = True
        if is_changed:
            current = {key: coordinator for key, (_, coordinator) in self.running.items()}
            self.broker.node.view = self.broker.node.view._replace(coordinators=current)

    def _follow(self, key: TopicAndPartition, found: PartitionImage | None) -> None:
        led_epoch = found.leader_epoch if found is not None and found.leader == self.broker.node.node_id else -1
        present = self.running.get(key)
        if present is not None:
            if present[0] == led_epoch:
                return
            self._end(key)
        replica = self.broker.replicas.refs.get(key)
        if led_epoch >= 0 and replica is not None:  # else it is started with the replica
            from actors.coordinator.coordinator import Coordinator  # together with what the shards import

            coordinator = self.broker.spawn(Coordinator, *key, led_epoch, replica, self._shard_of(key[0], led_epoch))
            self.running[key] = (led_epoch, coordinator)
            self.broker.supervision.keep(coordinator, partial(self._remake, key, coordinator))

    def _shard_of(self, topic: str, leader_epoch: int) -> Shard:
        make = self._make_shard.get(topic)
        if make is None:
            make = self._make_shard[topic] = KINDS[topic].shards(self.broker)
        return make(leader_epoch)

    def _remake(self, key: TopicAndPartition, failed: Ref) -> None:
        """Replace a failed coordinator: a new one loads the log, unless a newer epoch already has one."""
        present = self.running.get(key)
        if present is not None and present[1] is failed:
            del self.running[key]
            topic, number = key
            changed = ImageDelta(changed_topics={topic: frozenset((number,))})
            self.follow(self.broker.node.view.image, changed)

    def _end(self, key: TopicAndPartition) -> None:
        _, coordinator = self.running.pop(key)
        self.broker.supervision.release(coordinator)
        coordinator.tell(Resign())

    def resign(self) -> None:
        """Stop all coordinators, as the node stops."""
        for _, coordinator in self.running.values():
            coordinator.tell(Resign())
