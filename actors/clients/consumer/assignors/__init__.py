"""Assignors: how the partitions of a group's topics are shared among its members, with Kafka's own results.

``range``, ``roundrobin``, ``sticky`` and ``cooperative-sticky`` by name; anything else of the shape of ``Assignor``
as an object.
"""

from __future__ import annotations

from actors.clients.consumer.assignors.cooperative import CooperativeStickyAssignor
from actors.clients.consumer.assignors.interface import COOPERATIVE, EAGER, Assignments, Assignor, MemberSubscription
from actors.clients.consumer.assignors.ranges import RangeAssignor
from actors.clients.consumer.assignors.round_robin import RoundRobinAssignor
from actors.clients.consumer.assignors.sticky import StickyAssignor

BY_NAME: dict[str, type[Assignor]] = {
    assignor.name: assignor
    for assignor in (RangeAssignor, RoundRobinAssignor, StickyAssignor, CooperativeStickyAssignor)
}

__all__ = [
    "BY_NAME",
    "COOPERATIVE",
    "EAGER",
    "Assignments",
    "Assignor",
    "CooperativeStickyAssignor",
    "MemberSubscription",
    "RangeAssignor",
    "RoundRobinAssignor",
    "StickyAssignor",
]
