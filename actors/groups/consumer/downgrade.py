"""A consumer group's way out of its protocol, as the group's own kind needs to know it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from actors.groups.consumer.group import ConsumerGroup
from actors.groups.consumer.member import ClassicClient, ConsumerMember
from actors.groups.records import Record
from kstore.named import NamedTuple


class Downgrade(NamedTuple):
    """The group becomes a classic group: ``records`` end it, and make the classic group in its place.

    It is also what their append is for. The members' own ways are kept, since a record has one protocol of each.
    """

    group_id: str
    records: tuple[Record, ...]
    members: tuple[tuple[str, ClassicClient], ...]
    because: str
    is_rebalancing: bool = True
    """Whether the members are to join again."""
    gone: tuple[ConsumerMember, ...] = ()
    """Members that it removes."""


DowngradeWithout: TypeAlias = Callable[[ConsumerGroup, Sequence[ConsumerMember], str, int], "Downgrade | None"]
"""The downgrade of a group when members leave it, because of something, at a time; None: it stays as it is."""
