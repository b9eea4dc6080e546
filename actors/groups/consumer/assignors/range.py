"""The ``range`` assignor: each topic's partitions in runs, in the order of the members.

As Kafka's ``RangeAssignor``: topics with the same number of partitions and the same subscribers are assigned alike, so
that a member has the same numbers of each and can join them. Static members are in the order of their instance ids.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.groups.consumer.assignors.assignor import Subscriber, Targets
from actors.groups.consumer.slices import Effort, Work
from kstore.log.names import TopicIdAndPartition


def assign_range(members: Mapping[str, Subscriber], partitions: Mapping[bytes, int], effort: Effort) -> Work[Targets]:
    """Assign each topic on its own: all have the same number of partitions, the first ones maybe one more.

    >>> from actors.groups.consumer.slices import whole
    >>> topic = b"t" * 16
    >>> members = {"a": Subscriber(frozenset((topic,))), "b": Subscriber(frozenset((topic,)))}
    >>> targets = whole(assign_range(members, {topic: 3}, Effort()))
    >>> {member: sorted(number for _, number in target) for member, target in targets.items()}
    {'a': [0, 1], 'b': [2]}
    """
    targets: dict[str, list[TopicIdAndPartition]] = {member_id: [] for member_id in members}
    order = sorted(members, key=lambda each: (members[each].instance_id is None, members[each].instance_id or "", each))
    for topic_id, count in partitions.items():
        if effort.is_spent(2 + len(order) // 15 + count // 5):
            yield
        subscribers = [member_id for member_id in order if topic_id in members[member_id].topic_ids]
        if not subscribers:
            continue
        least, longer = divmod(count, len(subscribers))
        start = 0
        for index, member_id in enumerate(subscribers):
            end = start + least + (index < longer)
            targets[member_id] += [(topic_id, number) for number in range(start, end)]
            start = end
    return {member_id: frozenset(target) for member_id, target in targets.items()}
