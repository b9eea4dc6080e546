"""What an assignor is: a pure function of subscriptions and partitions, which may take several turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from actors.groups.consumer.slices import Effort, Work
from kstore.log.names import TopicIdAndPartition
from kstore.named import NamedTuple


class Subscriber(NamedTuple):
    """A member as assignors see it: the ids of its topics, and what it was assigned last."""

    topic_ids: frozenset[bytes]
    instance_id: str | None = None
    previous: frozenset[TopicIdAndPartition] = frozenset()


Targets: TypeAlias = dict[str, frozenset[TopicIdAndPartition]]
"""What each member is to have, by its id."""

Assignor: TypeAlias = Callable[[Mapping[str, Subscriber], Mapping[bytes, int], Effort], Work[Targets]]
"""Assigns the partitions of topics (how many, by topic id) to members (by id)."""
