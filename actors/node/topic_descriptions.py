"""A cache of topics as Metadata responses describe them. An entry is valid until the topic's image or the set of living
brokers changes, so a Metadata request costs a look-up for each topic and the bytes on the wire.

Responses share these topics and lists: they must not be changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.image import topic_names
from actors.image.image import NO_LEADER
from actors.node.authorizer import NOT_ASKED
from kstore import errors
from kstore.schema.messages.metadata import MetadataResponsePartition, MetadataResponseTopic

if TYPE_CHECKING:
    from actors.image.image import PartitionImage, TopicImage


class TopicDescriptions:
    """A node's cache. ``made`` counts the partitions that were described."""

    def __init__(self) -> None:
        self.made = 0
        self._alive: frozenset[int] = frozenset()
        self._topics: dict[str, tuple[TopicImage, MetadataResponseTopic]] = {}

    def of(self, topic: TopicImage, alive: frozenset[int]) -> MetadataResponseTopic:
        """A topic's description, while these brokers can be reached."""
        if alive != self._alive:
            self._alive = alive
            self._topics = {}
        known = self._topics.get(topic.name)
        if known is None or known[0] is not topic:
            known = self._topics[topic.name] = (topic, described(topic, alive))
            self.made += len(topic.partitions)
        return known[1]

    def forget(self, names: tuple[str, ...]) -> None:
        """Remove topics that are gone."""
        for name in names:
            self._topics.pop(name, None)


def described(topic: TopicImage, alive: frozenset[int]) -> MetadataResponseTopic:
    """The description of an existing topic."""
    lists: dict[tuple[int, ...], list[int]] = {}
    return MetadataResponseTopic(
        name=topic.name,
        topic_id=topic.id,
        is_internal=topic.name in topic_names.INTERNAL_TOPICS,
        partitions=[partition(number, found, alive, lists) for number, found in topic.partitions.items()],
        topic_authorized_operations=NOT_ASKED,
    )


def partition(
    number: int, found: PartitionImage, alive: frozenset[int], lists: dict[tuple[int, ...], list[int]]
) -> MetadataResponsePartition:
    """One partition; ``lists`` are the broker lists that other partitions of its topic already use."""
    leader, replicas, isr = found.leader, found.replicas, found.isr
    led = leader in alive
    replica_nodes = lists.get(replicas)
    if replica_nodes is None:
        replica_nodes = lists[replicas] = list(replicas)
    isr_nodes = lists.get(isr)
    if isr_nodes is None:
        isr_nodes = lists[isr] = list(isr)
    return MetadataResponsePartition(
        error_code=0 if led else errors.LeaderNotAvailable.code,
        partition_index=number,
        leader_id=leader if led else NO_LEADER,
        leader_epoch=found.leader_epoch,
        replica_nodes=replica_nodes,
        isr_nodes=isr_nodes,
        offline_replicas=found.offline_replicas(alive),
    )
