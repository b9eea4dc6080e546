"""The round-robin assignor: all partitions of all topics, dealt out one by one."""

from __future__ import annotations

from collections.abc import Mapping

from actors.clients.consumer.assignors.interface import Assignments, Assignor, MemberSubscription, by_name_in_group
from actors.clients.structs import TopicPartition


class RoundRobinAssignor(Assignor):
    """Kafka's ``RoundRobinAssignor``: a member that doesn't read a topic is passed over.

    >>> a, b = MemberSubscription(("orders",)), MemberSubscription(("orders",))
    >>> {m: [p.partition for p in p_] for m, p_ in RoundRobinAssignor().assign({"orders": 3}, {"a": a, "b": b}).items()}
    {'a': [0, 2], 'b': [1]}
    """

    name = "roundrobin"

    def assign(self, partitions: Mapping[str, int], members: Mapping[str, MemberSubscription]) -> Assignments:
        """See ``Assignor.assign``."""
        assigned: Assignments = {member: [] for member in members}
        lined_up = by_name_in_group(members)
        read = {topic for member in members.values() for topic in member.topics}
        index = 0
        for topic in sorted(read & partitions.keys()):
            for number in range(partitions[topic]):
                while topic not in members[lined_up[index]].topics:
                    index = (index + 1) % len(lined_up)
                assigned[lined_up[index]].append(TopicPartition(topic, number))
                index = (index + 1) % len(lined_up)
        return assigned
