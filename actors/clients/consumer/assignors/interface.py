"""The interface of assignors: with one, the leader of a group decides which member reads which partition.

An assignor has no state of the group but what its members say of themselves, so any member can lead. One that
remembers something between rebalances gets it by ``on_assignment`` and puts it into ``user_data``, which every member
sends along. A user's own assignor is any object of this shape; ``Assignor`` fills in what needn't be said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from actors.clients.structs import TopicPartition
from kstore.named import NamedTuple

EAGER = "eager"
COOPERATIVE = "cooperative"
NO_GENERATION = -1

Assignments = dict[str, list[TopicPartition]]


class MemberSubscription(NamedTuple):
    """What a member said when it joined. ``owned`` and ``generation`` are what it says it has, and since when; -1 when
    it doesn't say.
    """

    topics: tuple[str, ...]
    user_data: bytes | None = None
    owned: tuple[TopicPartition, ...] = ()
    generation: int = NO_GENERATION
    rack: str | None = None
    instance: str | None = None


class Assignor:
    """One way to share partitions. ``name`` is what members agree on; ``protocols`` are the ways to rebalance that it
    is sound for: an eager one may count on members that own nothing when they join, a cooperative one must not give a
    partition to a member while another still has it (KIP-429).
    """

    name: str = ""
    protocols: tuple[str, ...] = (EAGER,)

    def assign(self, partitions: Mapping[str, int], members: Mapping[str, MemberSubscription]) -> Assignments:
        """The partitions of every member. ``partitions`` has the number of partitions of each topic that exists."""
        raise TypeError(f"{type(self).__name__} has no assign()")

    def user_data(self, topics: Collection[str]) -> bytes | None:
        """What to tell the leader beside the topics."""
        return None

    def on_assignment(self, assigned: Collection[TopicPartition], generation: int) -> None:
        """This member has got these, in this generation."""


def by_name_in_group(members: Mapping[str, MemberSubscription]) -> list[str]:
    """Members as Kafka lines them up: static ones by their instance id, then the others by their member id."""
    return sorted(members, key=lambda member: (members[member].instance is None, members[member].instance or member))
