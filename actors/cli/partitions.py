"""The partitions that a command names as TOPIC[:PARTITIONS], each looked up in the cluster."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from actors.cli.for_each import unknown
from kstore.errors import UnknownTopicOrPartition

if TYPE_CHECKING:
    from actors.clients.admin import Admin
    from actors.clients.structs import TopicPartition

Named = tuple[str, tuple[int, ...] | None]
"""A topic, and the numbers of its partitions that are meant, if not all: as ``topic_and_partitions`` reads it."""


def partitions_of(admin: Admin, named: Iterable[Named], broker_id: int | None = None) -> list[TopicPartition]:
    """The partitions that are meant, in order; of topics, those that a broker has, if one is given. Raises
    ``UnknownTopicOrPartition`` for one that isn't there.
    """
    from actors.clients.structs import TopicPartition

    described = {topic.name: topic for topic in admin.describe_topics()}
    found: dict[TopicPartition, None] = {}
    for name, numbers in named:
        if name not in described:
            raise unknown(UnknownTopicOrPartition, "topic", name, described)
        partitions = described[name].partitions
        there = [each.partition for each in partitions]
        if missing := [number for number in numbers or () if number not in there]:
            raise UnknownTopicOrPartition(f"topic {name} has no partition {missing[0]}, but {len(there)}")
        here = [each.partition for each in partitions if broker_id is None or broker_id in each.replicas]
        found.update(dict.fromkeys(TopicPartition(name, number) for number in numbers or here))
    return sorted(found)
