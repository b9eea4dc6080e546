"""The coordinators of a node: made and ended as the cluster image says.

Not an actor: the broker actor's own part for them. There is one for each partition that is led here of a topic of the
table ``KINDS``; a new leader epoch is a new coordinator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from actors.coordinator.messages import Resign, TopicsDeleted
from actors.image.image import ClusterImage, ImageDelta, PartitionImage
from actors.image.topic_names import OFFSETS_TOPIC, TRANSACTIONS_TOPIC
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.broker.broker import Broker
    from actors.coordinator.shard import Shard
    from actors.runtime import Ref

Key = tuple[str, int]
MakeShard = Callable[[int], "Shard"]
"""Makes the shard of a partition that is led in this epoch."""


def _of_groups(broker: Broker) -> MakeShard:
    """Groups and their offsets. Those of a node share one bound of what they may take in memory."""
    from actors.groups.shard_factory import GroupShards  # 10 ms that a cluster without groups saves

    return GroupShards(broker.node).make


def _of_transactions(broker: Broker) -> MakeShard:
    """Transactional ids. Those of a node share what brings markers to other nodes."""
    from actors.partition.to_controller.producer_ids import NextProducerId
    from actors.transactions.marker_sender import MarkerSender
    from actors.transactions.shard_factory import TransactionShards

    sender: Ref

    def make_sender() -> None:
        nonlocal sender
        sender = broker.supervision.keep(broker.spawn(MarkerSender), make_sender)

    make_sender()
    return TransactionShards(broker.node, NextProducerId(), lambda: sender).make


class Kind(NamedTuple):
    """What is coordinated by the leaders of one topic's partitions."""

    partitions: str
    """The config key with the number of partitions that the topic is made with."""
    shards: Callable[[Broker], MakeShard]
    """Gives, once a node, what makes the shard of each of its coordinators."""


KINDS: Mapping[str, Kind] = {
    OFFSETS_TOPIC: Kind("offsets.topic.num.partitions", _of_groups),
    TRANSACTIONS_TOPIC: Kind("transaction.state.log.num.partitions", _of_transactions),
}


class Coordinators:
    """Who coordinates what on this node."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.running: dict[Key, tuple[int, Ref]] = {}  # leader epoch, coordinator
        self._make_shard: dict[str, MakeShard] = {}  # by topic

    def follow(self, image: ClusterImage, delta: ImageDelta) -> None:
        """Make and end coordinators, and publish who they are."""
        gone = TopicsDeleted(tuple(topic.name for topic in delta.removed_topics))
        if gone.topics:
            for (topic, number), (_, coordinator) in list(self.running.items()):
                coordinator.tell(gone)
                if topic in gone.topics:  # its log goes with it, even if the topic was made anew at once
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

    def _follow(self, key: Key, found: PartitionImage | None) -> None:
        led_epoch = found.leader_epoch if found is not None and found.leader == self.broker.node.node_id else -1
        present = self.running.get(key)
        if present is not None:
            if present[0] == led_epoch:
                return
            self._end(key)
        replica = self.broker.replicas.refs.get(key)
        if led_epoch >= 0 and replica is not None:  # else it comes with the replica
            from actors.coordinator.coordinator import Coordinator  # with what the shards import

            coordinator = self.broker.spawn(Coordinator, *key, led_epoch, replica, self._shard_of(key[0], led_epoch))
            self.running[key] = (led_epoch, coordinator)
            self.broker.supervision.keep(coordinator, partial(self._remake, key, coordinator))

    def _shard_of(self, topic: str, leader_epoch: int) -> Shard:
        make = self._make_shard.get(topic)
        if make is None:
            make = self._make_shard[topic] = KINDS[topic].shards(self.broker)
        return make(leader_epoch)

    def _remake(self, key: Key, failed: Ref) -> None:
        """A coordinator has failed: another one loads the log, unless a newer epoch has one already."""
        present = self.running.get(key)
        if present is not None and present[1] is failed:
            del self.running[key]
            topic, number = key
            changed = ImageDelta(changed_topics={topic: frozenset((number,))})
            self.follow(self.broker.node.view.image, changed)

    def _end(self, key: Key) -> None:
        _, coordinator = self.running.pop(key)
        self.broker.supervision.release(coordinator)
        coordinator.tell(Resign())

    def resign(self) -> None:
        """The node stops: all of them do."""
        for _, coordinator in self.running.values():
            coordinator.tell(Resign())
