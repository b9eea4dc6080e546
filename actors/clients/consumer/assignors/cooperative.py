"""The cooperative-sticky assignor: the sticky one, for members who keep reading while the group rebalances (KIP-429).

A partition that is to move is given to nobody at first: its owner sees that it is gone from what it was assigned,
revokes it, and joins again; the rebalance that follows gives it away. Members say what they own in their subscription
itself; the user data has only ``generation: int32``, for leaders that don't know the subscription's own field for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from actors.clients.consumer.assignors.claims import Claim
from actors.clients.consumer.assignors.interface import (
    COOPERATIVE,
    EAGER,
    NO_GENERATION,
    Assignments,
    MemberSubscription,
)
from actors.clients.consumer.assignors.sticky import INT32, StickyAssignor


class CooperativeStickyAssignor(StickyAssignor):
    """Kafka's ``CooperativeStickyAssignor``; it serves eager groups as well."""

    name = "cooperative-sticky"
    protocols = (COOPERATIVE, EAGER)

    def user_data(self, topics: Collection[str]) -> bytes | None:
        """The generation of this member's last assignment."""
        return INT32.pack(self.generation)

    def claim(self, member: MemberSubscription) -> Claim:
        """What a member says it owns, in its subscription."""
        if member.generation != NO_GENERATION:
            return Claim(member.owned, member.generation)
        data = member.user_data
        return Claim(member.owned, INT32.unpack_from(data)[0] if data and len(data) >= INT32.size else None)

    def assign(self, partitions: Mapping[str, int], members: Mapping[str, MemberSubscription]) -> Assignments:
        """As the sticky assignor, less what others must give up first."""
        assigned, moving = self.assign_and_tell(partitions, members)
        for partition, member in moving.items():
            assigned[member].remove(partition)
        return assigned
