"""The range assignor: each topic's partitions in order, cut into as many runs as there are members who read it.

Members who come first get one partition more when it doesn't come out even. Topics with the same number of partitions
and the same readers are cut alike, so a member gets the same partitions of each (which joins of topics count on).
Racks are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.clients.consumer.assignors.interface import Assignments, Assignor, MemberSubscription, by_name_in_group
from actors.clients.structs import TopicPartition


class RangeAssignor(Assignor):
    """Kafka's ``RangeAssignor``.

    >>> a, b = MemberSubscription(("orders",)), MemberSubscription(("orders",))
    >>> {m: [p.partition for p in got] for m, got in RangeAssignor().assign({"orders": 3}, {"a": a, "b": b}).items()}
    {'a': [0, 1], 'b': [2]}
    """

    name = "range"

    def assign(self, partitions: Mapping[str, int], members: Mapping[str, MemberSubscription]) -> Assignments:
        """See ``Assignor.assign``."""
        assigned: Assignments = {member: [] for member in members}
        lined_up = by_name_in_group(members)
        for topic, count in partitions.items():
            readers = [member for member in lined_up if topic in members[member].topics]
            if not readers:
                continue
            each, extra = divmod(count, len(readers))
            start = 0
            for index, member in enumerate(readers):
                end = start + each + (index < extra)
                assigned[member] += [TopicPartition(topic, number) for number in range(start, end)]
                start = end
        return assigned
