"""The ``uniform`` assignor: as many partitions for each member as for any other, and as few moves as possible.

As Kafka's ``UniformAssignor`` it has two ways. Members that subscribe to the same topics differ by at most one
partition. With different subscriptions the partitions that nobody has go to the member with the fewest, and then single
ones move until no move makes the group more even.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.groups.consumer.assignors.assignor import Subscriber, Targets
from actors.groups.consumer.slices import Effort, Work
from kstore.log.names import TopicIdAndPartition


def assign_uniformly(
    members: Mapping[str, Subscriber], partitions: Mapping[bytes, int], effort: Effort
) -> Work[Targets]:
    """Assign all partitions of subscribed topics, each to one member that subscribes to it.

    >>> from actors.groups.consumer.slices import whole
    >>> topic = b"t" * 16
    >>> had = frozenset((topic, number) for number in range(3))
    >>> members = {"a": Subscriber(frozenset((topic,)), None, had), "b": Subscriber(frozenset((topic,)))}
    >>> targets = whole(assign_uniformly(members, {topic: 3}, Effort()))
    >>> {member: sorted(number for _, number in target) for member, target in targets.items()}
    {'a': [0, 1], 'b': [2]}
    """
    first = next(iter(members.values())).topic_ids if members else frozenset()
    is_alike = all(member.topic_ids == first for member in members.values())
    targets = yield from (_alike if is_alike else _different)(members, partitions, effort)
    return targets


def _alike(members: Mapping[str, Subscriber], partitions: Mapping[bytes, int], effort: Effort) -> Work[Targets]:
    """All members subscribe to the same topics: each keeps what it had up to its share."""
    if not members:
        return {}
    topic_ids = next(iter(members.values())).topic_ids
    everything = [
        (topic_id, number) for topic_id, count in partitions.items() if topic_id in topic_ids for number in range(count)
    ]
    exists = set(everything)
    least, longer = divmod(len(everything), len(members))
    taken: set[TopicIdAndPartition] = set()
    kept: dict[str, list[TopicIdAndPartition]] = {}
    for member_id in sorted(members):
        if effort.is_spent(2 + len(members[member_id].previous)):
            yield
        kept[member_id] = [each for each in sorted(members[member_id].previous) if each in exists and each not in taken]
        taken.update(kept[member_id])
    order = sorted(kept, key=lambda member_id: (-len(kept[member_id]), member_id))  # who had more keeps the odd ones
    shares = {member_id: least + (index < longer) for index, member_id in enumerate(order)}
    held = {each for member_id in order for each in kept[member_id][: shares[member_id]]}
    free = iter([each for each in everything if each not in held])
    targets: Targets = {}
    for member_id in members:
        share = shares[member_id]
        if effort.is_spent(2 + share // 5):
            yield
        own = kept[member_id][:share]
        targets[member_id] = frozenset(own + [next(free) for _ in range(share - len(own))])
    return targets


def _different(members: Mapping[str, Subscriber], partitions: Mapping[bytes, int], effort: Effort) -> Work[Targets]:
    """Members subscribe to different topics."""
    order = sorted(members)
    subscribers: dict[bytes, list[str]] = {each: [] for each in partitions}
    for member_id in order:
        if effort.is_spent(2 + len(members[member_id].topic_ids) // 5):
            yield
        for topic_id in members[member_id].topic_ids:
            if topic_id in subscribers:
                subscribers[topic_id].append(member_id)
    owners: dict[TopicIdAndPartition, str] = {}
    counts = dict.fromkeys(order, 0)
    for member_id in order:
        if effort.is_spent(2 + len(members[member_id].previous)):
            yield
        for each in sorted(members[member_id].previous):
            is_there = each[1] < partitions.get(each[0], 0) and each[0] in members[member_id].topic_ids
            if is_there and each not in owners:
                owners[each] = member_id
                counts[member_id] += 1
    everything = [
        (topic_id, number)
        for topic_id in sorted(partitions, key=lambda each: (len(subscribers[each]), each))
        if subscribers[topic_id]
        for number in range(partitions[topic_id])
    ]
    for each in everything:
        if effort.is_spent(1 + len(subscribers[each[0]]) // 15):
            yield
        if each not in owners:
            owners[each] = min(subscribers[each[0]], key=counts.__getitem__)
            counts[owners[each]] += 1
    yield from _even_out(everything, subscribers, owners, counts, effort)
    targets: dict[str, list[TopicIdAndPartition]] = {member_id: [] for member_id in members}
    for each, member_id in owners.items():
        targets[member_id].append(each)
    return {member_id: frozenset(target) for member_id, target in targets.items()}


def _even_out(
    everything: list[TopicIdAndPartition],
    subscribers: Mapping[bytes, list[str]],
    owners: dict[TopicIdAndPartition, str],
    counts: dict[str, int],
    effort: Effort,
) -> Work[None]:
    """Move single partitions while a move makes two members more even; the sum of squares falls with each, so this
    ends.
    """
    has_moved = True
    while has_moved:
        has_moved = False
        for each in everything:
            if effort.is_spent(1 + len(subscribers[each[0]]) // 15):
                yield
            least = min(subscribers[each[0]], key=counts.__getitem__)
            owner = owners[each]
            if counts[owner] > counts[least] + 1:
                owners[each] = least
                counts[owner] -= 1
                counts[least] += 1
                has_moved = True
