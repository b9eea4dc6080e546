"""Which partition of ``__consumer_offsets`` a group belongs to, and where its coordinator is.

The partition is the absolute value of Java's ``String.hashCode`` of the group id, over its UTF-16 units, modulo the
number of partitions; the one value without a positive counterpart counts as 0. (Not the mask that partitioners use.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore.codec.partitioning import java_hash
from kstore.errors import NotCoordinator

if TYPE_CHECKING:
    from actors.broker.view import View
    from actors.runtime import Ref

OFFSETS_TOPIC = "__consumer_offsets"

_INT_MIN = -(2**31)


def partition_for(group_id: str, partition_count: int) -> int:
    value = java_hash(group_id)
    return 0 if value == _INT_MIN else abs(value) % partition_count


def group_partition(view: View, group_id: str) -> int:
    """The partition of a group as the cluster has it, or would have it if the topic were made now."""
    topic = view.image.topic(OFFSETS_TOPIC)
    count = view.config.integer("offsets.topic.num.partitions") if topic is None else len(topic.partitions)
    return partition_for(group_id, count)


def coordinator_here(view: View, group_id: str) -> Ref:
    """The coordinator of a group on this node; raises NotCoordinator when it is elsewhere or nowhere."""
    found = view.coordinators.get(group_partition(view, group_id))
    if found is None:
        raise NotCoordinator()
    return found
