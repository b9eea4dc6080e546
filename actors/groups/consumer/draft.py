"""A group as a change would leave it, and the records that make it so. The group itself stays as it is until they are
committed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.groups.consumer.assignors.assignor import Assignor, Subscriber
from actors.groups.consumer.member import ConsumerMember
from actors.groups.consumer.records import (
    assignment_epoch_record,
    current_record,
    group_record,
    member_record,
    member_tombstones,
    regex_record,
    regex_tombstone,
    target_record,
)
from actors.groups.consumer.regexes import matching
from actors.groups.consumer.slices import Effort, Work
from actors.groups.consumer.topic_hash import group_hash, shape_hash
from actors.groups.topics import SeenTopics, Topics

if TYPE_CHECKING:
    from actors.groups.consumer.group import ConsumerGroup
    from actors.groups.records import Record


class Draft:
    """What a group is about to become, as far as follows from the topics that there are at first."""

    def __init__(self, group: ConsumerGroup, topics: Topics, now_ms: int) -> None:
        self._group = group
        self._id = group.group_id
        self.topics = topics.now()
        self._effort = Effort()
        self._now_ms = now_ms
        self.members = dict(group.members)
        self.targets = dict(group.targets)
        self.regexes = dict(group.regexes)
        self.epoch = group.epoch
        self.metadata_hash = group.metadata_hash
        self.seen = group.seen
        self.assignment_epoch = group.assignment_epoch
        self.records: list[Record] = []

    def put(self, member: ConsumerMember) -> None:
        """A member is new, or asks for something else."""
        self.members[member.member_id] = member
        self.records.append(member_record(self._id, member))

    def move(self, member: ConsumerMember) -> None:
        """A member's epoch, state or partitions are others."""
        self.members[member.member_id] = member
        self.records.append(current_record(self._id, member))

    def remove(self, member_id: str) -> None:
        """A member is gone."""
        del self.members[member_id]
        self.targets.pop(member_id, None)
        self.records += member_tombstones(self._id, member_id)

    def replace(self, old: ConsumerMember, new: ConsumerMember) -> None:
        """A static member is back under another member id: it takes over everything."""
        target = self.targets.get(old.member_id, frozenset())
        self.remove(old.member_id)
        self.put(new)
        self.targets[new.member_id] = target
        self.records.append(target_record(self._id, new.member_id, target))
        self.move(new)

    def topic_ids_of(self, member: ConsumerMember) -> frozenset[bytes]:
        """The ids of those of them that exist."""
        found = [self.topics.get(name) for name in member.topics_by(self.regexes)]
        return frozenset(topic.topic_id for topic in found if topic is not None)

    def _names(self) -> Work[list[str]]:
        """Of all topics that members subscribe to, in order."""
        subscriptions = {(member.topics, member.regex): member for member in self.members.values()}
        names: set[str] = set()
        for member in subscriptions.values():
            subscribed = member.topics_by(self.regexes)
            if self._effort.is_spent(2 + len(subscribed) // 10):
                yield
            names |= subscribed
        return sorted(names)

    def forget_expressions(self) -> dict[str, None]:
        """Forget the regular expressions of nobody; the others, those not matched yet included."""
        wanted = dict.fromkeys(member.regex for member in self.members.values() if member.regex)
        for regex in [each for each in self.regexes if each not in wanted]:
            del self.regexes[regex]
            self.records.append(regex_tombstone(self._id, regex))
        return wanted

    def resolve(self) -> Work[None]:
        """Match the members' regular expressions with the topics that there are; forget those of nobody."""
        wanted = self.forget_expressions()
        is_old = self._group.seen.names_version != self.topics.names_version
        for regex in wanted:
            if regex in self.regexes and not is_old:
                continue
            found = yield from matching(regex, self.topics.names(), self._effort)
            if self.regexes.get(regex) != found:
                self.regexes[regex] = found
                self.records.append(regex_record(self._id, regex, found, self.topics.offset, self._now_ms))

    def hash_topics(self) -> Work[int]:
        """Kafka's hash of the topics that members subscribe to, which have been seen then."""
        topics = self.topics
        names = yield from self._names()
        hashes: dict[str, int] = {}
        for name in names:
            if self._effort.is_spent(3):
                yield
            if (found := topics.hash_of(name)) is not None:
                hashes[name] = found
        self.seen = SeenTopics(topics.version, topics.names_version, shape_hash(map(topics.get, hashes)))
        return group_hash(hashes)

    def what_changed(self) -> Work[str]:
        """What has changed about the topics since the group saw them; nothing if that is empty."""
        if self._group.seen.version == self.topics.version:
            return ""
        metadata_hash = yield from self.hash_topics()
        if metadata_hash == self._group.metadata_hash:
            return ""
        seen = self._group.seen
        if not seen.version:  # by another coordinator, which kept no more than a hash
            return "topics, their partitions or the racks of their replicas have changed"
        is_shape_new = seen.shape != self.seen.shape
        return "topics or their partitions have changed" if is_shape_new else "the racks of replicas have changed"

    def begin_epoch(self) -> Work[None]:
        """Begin the next group epoch: the target assignment is to be made again."""
        self.epoch += 1
        self.metadata_hash = yield from self.hash_topics()
        self.records.append(group_record(self._id, self.epoch, self.metadata_hash))

    def assign(self, assignor: Assignor) -> Work[None]:
        """Make the target assignment of the group's epoch."""
        names = yield from self._names()
        topics = {name: found for name in names if (found := self.topics.get(name)) is not None}
        ids = {name: topic.topic_id for name, topic in topics.items()}
        subscribers: dict[str, Subscriber] = {}
        of_subscription: dict[tuple[tuple[str, ...], str], frozenset[bytes]] = {}
        for member_id, member in self.members.items():
            subscription = member.topics, member.regex
            topic_ids = of_subscription.get(subscription)
            if topic_ids is None:
                subscribed = member.topics_by(self.regexes)
                topic_ids = of_subscription[subscription] = frozenset(ids[name] for name in subscribed if name in ids)
            if self._effort.is_spent(2 + len(topic_ids) // 5):
                yield
            subscribers[member_id] = Subscriber(topic_ids, member.instance_id, self.targets.get(member_id, frozenset()))
        partitions = {topic.topic_id: topic.partitions for topic in topics.values()}
        targets = yield from assignor(subscribers, partitions, self._effort)
        for member_id, target in targets.items():
            if self._effort.is_spent(2 + len(target)):
                yield
            if member_id not in self.targets or target != self.targets[member_id]:
                self.targets[member_id] = target
                self.records.append(target_record(self._id, member_id, target))
        self.assignment_epoch = self.epoch
        self.records.append(assignment_epoch_record(self._id, self.epoch, self._now_ms))
