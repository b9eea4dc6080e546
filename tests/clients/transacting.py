"""What the tests of transactions share: what a reader gets of a topic, and a cluster on either protocol."""

from __future__ import annotations

from typing import Any

from clients.targets import Target

from kstore import Admin, Cluster, TopicPartition

CLASSIC, LATER = 1, 2
"""Levels of transaction.version: AddPartitionsToTxn, and KIP-890's second part."""


def partitions_of(topic: str, partitions: int) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(partitions)]


def read(maker: Target | Cluster, topic: str, partitions: int = 1, *, committed: bool = True) -> list[bytes]:
    """All values that a reader gets of a topic in which no transaction is open, sorted.

    A commit is over when it is decided; its markers are written a moment later, and are waited for here.
    """
    level = "read_committed" if committed else "read_uncommitted"
    wanted = partitions_of(topic, partitions)
    found: list[bytes] = []
    with (
        maker.consumer(isolation_level=level, auto_offset_reset="earliest", fetch_max_wait_ms=20) as consumer,
        maker.consumer() as other,
    ):
        consumer.assign(wanted)
        ends = other.end_offsets(wanted)
        while any(consumer.position(each) < ends[each] for each in wanted):
            found += [record.value for records in consumer.poll(1000).values() for record in records]
    return sorted(found)


def set_level(cluster: Any, level: int) -> None:
    """Have a cluster agree on a level of transaction.version."""
    with cluster.admin() as admin:
        assert isinstance(admin, Admin)
        if admin.describe_features().finalized_features.get("transaction.version", (0, 0))[1] != level:
            admin.update_features({"transaction.version": ("SAFE_DOWNGRADE", level)})
