"""Reads a cluster's state directly: from the nodes' images, the leaders' logs and the groups' coordinators.

Nothing here uses the network or waits: these functions run on the driving thread, between turns. What doesn't exist at
the moment (a leader, a coordinator that has loaded its log) is None, and the caller decides whether to wait.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import merge
from typing import TYPE_CHECKING, Any

from actors.clients.structs import TopicPartition
from actors.coordinator.coordinator import Coordinator
from actors.coordinator.routing import partition_for
from actors.image.image import PartitionImage, TopicImage
from actors.image.topic_names import OFFSETS_TOPIC
from kstore.errors import UnknownTopicOrPartition
from kstore.errors.arguments import shown
from kstore.errors.config import ConfigError, nearest

if TYPE_CHECKING:
    from actors.clients.consumer.records import ConsumerRecord
    from actors.cluster.nodes import Nodes
    from actors.groups.group_interface import Group
    from actors.groups.shard import GroupShard


def topic_of(nodes: Nodes, topic: str) -> TopicImage:
    """A topic in the newest image of the nodes; raises UnknownTopicOrPartition."""
    found = nodes.image().topic(topic)
    if found is None:
        raise UnknownTopicOrPartition(f"there is no topic {topic}")
    return found


def partition_of(nodes: Nodes, topic: str, partition: int) -> PartitionImage:
    """A partition; raises UnknownTopicOrPartition."""
    found = topic_of(nodes, topic).partitions.get(partition)
    if found is None:
        raise UnknownTopicOrPartition(f"there is no partition {topic}-{partition}")
    return found


def leading_replica(nodes: Nodes, topic: str, partition: int) -> Any | None:
    """The replica that leads a partition, once it knows that it leads."""
    found = nodes.image().partition(topic, partition)
    node = None if found is None else nodes.nodes.get(found.leader)
    if node is None or node not in nodes.living():
        return None
    replica: Any = node.actors.get(f"{node.name}/replica/{topic}-{partition}")
    return None if replica is None or replica.leader is None else replica


def _logs_of(nodes: Nodes, topic: str, partition: int | None) -> dict[TopicPartition, Any]:
    """The leaders' logs of one partition, or of all (None); None for one that has no leader."""
    numbers = [partition] if partition is not None else sorted(topic_of(nodes, topic).partitions)
    replicas = {number: leading_replica(nodes, topic, number) for number in numbers}
    return {TopicPartition(topic, number): each and each.log for number, each in replicas.items()}


def is_settled(nodes: Nodes, topic: str, partition: int | None) -> bool:
    """Whether each leader knows what is committed: its replicas have fetched since it leads, as in KIP-207."""
    numbers = [partition] if partition is not None else sorted(topic_of(nodes, topic).partitions)
    replicas = [leading_replica(nodes, topic, number) for number in numbers]
    return all(each is not None and _has_settled(each) for each in replicas)


def _has_settled(replica: Any) -> bool:
    return bool(replica.leader.in_sync.epoch_start_offset <= replica.log.high_watermark)


def are_led(nodes: Nodes, partitions: Iterable[TopicPartition]) -> bool:
    """Whether each partition's elected leader already leads, and knows what is committed."""
    alive = {node.node_id for node in nodes.living() if not node.is_paused}
    for each in partitions:
        known = nodes.image().partition(*each)
        replica = leading_replica(nodes, *each)
        if known is not None and known.leader in alive and (replica is None or not _has_settled(replica)):
            return False
    return True


def offsets_in(nodes: Nodes, topic: str, partition: int | None) -> int:
    """How many offsets are committed in a topic, or in one partition of it."""
    logs = _logs_of(nodes, topic, partition).values()
    return sum(log.high_watermark - log.start_offset for log in logs if log is not None)


def committed_records(nodes: Nodes, topic: str, partition: int | None) -> list[ConsumerRecord] | None:
    """What consumers could read of a topic, or of one partition of it: by timestamp, each partition's in the order of
    its offsets. None while a partition has no leader.
    """
    logs = _logs_of(nodes, topic, partition)
    if None in logs.values():
        return None
    streams = [_records_of(log, partition) for partition, log in logs.items()]
    return streams[0] if len(streams) == 1 else list(merge(*streams, key=_timestamp_of))


def _timestamp_of(record: ConsumerRecord) -> int:
    return record.timestamp


def _records_of(log: Any, partition: TopicPartition) -> list[ConsumerRecord]:
    from actors.clients.consumer.records import PartitionRecords

    batches = list(log.batches(log.start_offset, log.high_watermark))
    count = sum(batch.count for batch in batches)
    return PartitionRecords(partition, batches, log.start_offset, check_crcs=False).take(count) if count else []


def high_watermark(nodes: Nodes, partition: TopicPartition) -> int | None:
    """A partition's high watermark; None while it has no leader, or doesn't exist."""
    replica = leading_replica(nodes, *partition)
    return None if replica is None else int(replica.log.high_watermark)


def _shard_of(nodes: Nodes, group_id: str) -> GroupShard | None:
    """The shard of a group's coordinator, if there is one that has loaded its log; None otherwise."""
    topic = nodes.image().topic(OFFSETS_TOPIC)
    if topic is None:
        return None
    number = partition_for(group_id, len(topic.partitions))
    node = nodes.nodes.get(topic.partitions[number].leader)
    if node is None or node not in nodes.living():
        return None
    ref = node.view.coordinators.get((OFFSETS_TOPIC, number))
    if ref is None:
        return None
    from actors.groups.shard import GroupShard  # imported with its first coordinator

    shard = ref.actor_as(Coordinator).loaded_shard
    assert shard is None or isinstance(shard, GroupShard)
    return shard


def check_state(state: str) -> None:
    """Raise ``ConfigError`` if it isn't a group state.

    >>> check_state("stable")
    Traceback (most recent call last):
    kstore.errors.config.ConfigError: a group has no state 'stable' (did you mean Stable?)
    """
    from actors.groups.classic.states import GroupState

    states = [each.value for each in GroupState]
    if not isinstance(state, str):
        raise ConfigError(f"a group's state is one of {', '.join(states)}; got {shown(state)}")
    if state not in states:
        raise ConfigError(f"a group has no state {shown(state)}{nearest(state, states)}")


def group_of(nodes: Nodes, group_id: str) -> Group | None:
    """A group in its coordinator's state; None if there is no such group, or no coordinator."""
    shard = _shard_of(nodes, group_id)
    return None if shard is None else shard.groups.get(group_id)


def committed_offsets(nodes: Nodes, group_id: str) -> dict[TopicPartition, int] | None:
    """What a group has committed; None while its coordinator is loading or moving."""
    if nodes.image().topic(OFFSETS_TOPIC) is None:
        return {}
    shard = _shard_of(nodes, group_id)
    if shard is None:
        return None
    return {
        TopicPartition(topic, partition): committed.offset
        for topic, partitions in sorted(shard.offsets.of_group(group_id).items())
        for partition, committed in sorted(partitions.items())
    }
