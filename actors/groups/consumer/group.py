"""A consumer group: its epochs, its members, their target assignments, and who holds which partition.

The group is what its records say, and nothing else changes it: a heartbeat makes records of what is to change
(``Draft``), and the group takes them when they are committed. One append of a group is under way at a time, so that
each decision rests on what is in the log. Nothing needs to be undone when an append is refused.

The group epoch grows with each change of members, subscriptions or topics. A target assignment is made for an epoch,
the assignment epoch, and each member follows it in its own time until its epoch is that one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from sys import intern
from typing import cast

from actors.coordinator.event import Event
from actors.groups.consumer.member import ConsumerMember
from actors.groups.consumer.records import (
    group_tombstones,
    member_tombstones,
    target_of,
    with_assignment,
    with_metadata,
)
from actors.groups.group_interface import Expiry
from actors.groups.memory_use import MemoryUse
from actors.groups.notes import note
from actors.groups.records import ConsumerGroupRecord, Record
from actors.groups.topics import SeenTopics
from kstore import errors
from kstore.errors import KafkaError
from kstore.log.names import TopicIdAndPartition
from kstore.schema.messages.consumer_group_records import (
    ConsumerGroupCurrentMemberAssignmentKey,
    ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataKey,
    ConsumerGroupMemberMetadataValue,
    ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue,
    ConsumerGroupRegularExpressionKey,
    ConsumerGroupRegularExpressionValue,
    ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue,
)
from kstore.schema.messages.describe_groups import DescribedGroup
from kstore.schema.messages.offset_commit import OffsetCommitRequest
from kstore.schema.messages.txn_offset_commit import TxnOffsetCommitRequest

GROUP_BYTES = 1_000

EXPRESSION_BYTES, MATCH_BYTES = 500, 10
"""What a regular expression takes beside its text, and each topic that it matches, whose name is everybody's."""

FOUNDING_EPOCH = 1
"""Of a group before its first member, as in Kafka 4.4: that one begins epoch 2."""

KNOWS_MEMBER_EPOCHS = 9
"""The version of OffsetCommit from which on members of the consumer protocol may commit."""

EMPTY, ASSIGNING, RECONCILING, STABLE = "Empty", "Assigning", "Reconciling", "Stable"
"""The states of a group, by Kafka's names."""


def expression_bytes(regex: str, topics: Sequence[str] | None) -> int:
    """What a regular expression takes in memory, roughly, with the topics that it matches; None: it isn't there."""
    return 0 if topics is None else EXPRESSION_BYTES + len(regex) + MATCH_BYTES * len(topics)


def stale(member: ConsumerMember, words: str) -> KafkaError:
    """What a member is told that comes with an epoch that isn't its own: to one of the classic protocol it is a
    generation.
    """
    return errors.StaleMemberEpoch(words) if member.classic is None else errors.IllegalGeneration(words)


class ConsumerGroup:
    """A group of the consumer protocol, as its records have it."""

    group_type = "consumer"
    protocol_type = "consumer"

    def __init__(self, group_id: str) -> None:
        self.group_id = group_id
        self.session_timeout_ms = 0
        """Of the session that began last: the group's config may have changed since."""
        self.epoch = FOUNDING_EPOCH
        self.metadata_hash = 0
        self.assignment_epoch = 0
        self.assigned_at_ms = 0
        """When the target assignment was made."""
        self.members: dict[str, ConsumerMember] = {}
        self.static_members: dict[str, str] = {}
        """Member ids by instance id."""
        self.targets: dict[str, frozenset[TopicIdAndPartition]] = {}
        self.owners: dict[TopicIdAndPartition, str] = {}
        """Who holds a partition, assigned or still to be given up."""
        self.regexes: dict[str, tuple[str, ...]] = {}
        """The topics that a regular expression matches."""
        self.rejoining: set[str] = set()
        """Members of the classic protocol that were told to join again."""
        self.syncing: set[str] = set()
        """Members of the classic protocol that have joined, and are to ask for their assignment."""
        self.seen = SeenTopics()
        """The topics for which ``metadata_hash`` is right."""
        self.is_deleting = False
        self.is_committed = False
        self.nbytes = GROUP_BYTES + len(group_id)
        self._memory_use: MemoryUse | None = None

    def apply(self, record: ConsumerGroupRecord) -> None:
        """Take a record, unless it is the group's own tombstone, which is its shard's business."""
        match record.key:
            case ConsumerGroupMetadataKey():
                group = cast(ConsumerGroupMetadataValue, record.value)
                self.epoch, self.metadata_hash = group.epoch, group.metadata_hash
            case ConsumerGroupTargetAssignmentMetadataKey():
                made = cast("ConsumerGroupTargetAssignmentMetadataValue | None", record.value)
                self.assignment_epoch = 0 if made is None else made.assignment_epoch
                self.assigned_at_ms = 0 if made is None else made.assignment_timestamp
            case ConsumerGroupMemberMetadataKey(member_id=member_id):
                metadata = cast("ConsumerGroupMemberMetadataValue | None", record.value)
                old = self._member(member_id)
                self._put(old.member_id, None if metadata is None else with_metadata(old, metadata))
            case ConsumerGroupCurrentMemberAssignmentKey(member_id=member_id):
                current = cast("ConsumerGroupCurrentMemberAssignmentValue | None", record.value)
                if current is not None:
                    old = self._member(member_id)
                    self._put(old.member_id, with_assignment(old, current, self.target(member_id)))
                elif member_id in self.members:
                    gone = ConsumerGroupCurrentMemberAssignmentValue()
                    self._put(member_id, with_assignment(self.members[member_id], gone))
            case ConsumerGroupTargetAssignmentMemberKey(member_id=member_id):
                target = cast("ConsumerGroupTargetAssignmentMemberValue | None", record.value)
                self.targets.pop(member_id, None)
                if target is not None:
                    self.targets[self._member(member_id).member_id] = target_of(target)
            case ConsumerGroupRegularExpressionKey(regular_expression=regex):
                resolved = cast("ConsumerGroupRegularExpressionValue | None", record.value)
                old_topics = self.regexes.pop(regex, None)
                if resolved is not None:
                    self.regexes[regex] = tuple(map(intern, resolved.topics))
                self._grow(expression_bytes(regex, self.regexes.get(regex)) - expression_bytes(regex, old_topics))

    def _member(self, member_id: str) -> ConsumerMember:
        """A member, or a new one; each record has an id of its own, of which one is kept."""
        return self.members.get(member_id) or ConsumerMember(member_id)

    def _put(self, member_id: str, member: ConsumerMember | None) -> None:
        """A member is new, or has changed, or is gone."""
        old = self.members.pop(member_id, None) if member is None else self.members.get(member_id)
        if old is not None:
            if old.instance_id is not None and self.static_members.get(old.instance_id) == member_id:
                del self.static_members[old.instance_id]
            for each in (*old.assigned, *old.revoking):
                if self.owners.get(each) == member_id:
                    del self.owners[each]
        if member is not None:
            self.members[member_id] = member
            if member.instance_id is not None:
                self.static_members[member.instance_id] = member_id
            self.owners.update(dict.fromkeys((*member.assigned, *member.revoking), member_id))
        if member is None or member.classic is None:
            self.rejoining.discard(member_id)
            self.syncing.discard(member_id)
        self._grow((0 if member is None else member.nbytes) - (0 if old is None else old.nbytes))

    def _grow(self, change: int) -> None:
        self.nbytes += change
        if self._memory_use is not None:
            self._memory_use.add(change)

    def target(self, member_id: str) -> frozenset[TopicIdAndPartition]:
        """What a member is to have."""
        return self.targets.get(member_id, frozenset())

    @property
    def shown_state(self) -> str:
        if not self.members:
            return EMPTY
        if self.epoch > self.assignment_epoch:
            return ASSIGNING
        is_stable = all(member.is_reconciled_to(self.assignment_epoch) for member in self.members.values())
        return STABLE if is_stable else RECONCILING

    @property
    def member_count(self) -> int:
        return len(self.members)

    @property
    def is_vacant(self) -> bool:
        return not (self.members or self.is_deleting)

    def described(self) -> DescribedGroup | None:
        """DescribeGroups is for classic groups: to it there is none of this name."""
        return None

    def member(self, member_id: str) -> ConsumerMember:
        """A member by its id; raises UnknownMemberId."""
        member = self.members.get(member_id)
        if member is None:
            raise errors.UnknownMemberId(f"Member {member_id} is not a member of group {self.group_id}.")
        return member

    def member_of_instance(self, instance_id: str, member_id: str) -> ConsumerMember:
        """The member with an instance id, which must be the one with the member id.

        Raises:
            UnknownMemberId: no member has the instance id.
            FencedInstanceId: another one has it.
        """
        present_id = self.static_members.get(instance_id)
        if present_id is None:
            raise errors.UnknownMemberId(f"Instance id {instance_id} is unknown.")
        if present_id != member_id:
            raise errors.FencedInstanceId(
                f"Static member {member_id} with instance id {instance_id} was fenced by member {present_id}."
            )
        return self.members[present_id]

    def check_member_epoch(self, member_id: str, epoch: int) -> None:
        """Raise UnknownMemberId, or StaleMemberEpoch (to a member of the classic protocol IllegalGeneration), unless a
        member is here, at exactly this epoch.
        """
        member = self.member(member_id)
        if epoch != member.epoch:
            raise stale(member, f"The epoch {epoch} of {member_id} does not match the expected {member.epoch}.")

    def check_commit(self, request: OffsetCommitRequest, version: int) -> None:
        """Commits without an epoch are taken while the group is empty. Members have their present epoch, or the
        one at which they got each of the partitions, or one since (KIP-1251).
        """
        epoch = request.generation_id_or_member_epoch
        if self.is_deleting:
            raise errors.CoordinatorNotAvailable()
        if epoch < 0 and not self.members:
            return
        member = self.member(request.member_id)
        if member.classic is None and version < KNOWS_MEMBER_EPOCHS:
            raise errors.UnsupportedVersion(
                f"OffsetCommit version {KNOWS_MEMBER_EPOCHS} or above must be used by members using the consumer group "
                "protocol"
            )
        self._check_epoch_of_commit(member, request)

    def _check_epoch_of_commit(
        self, member: ConsumerMember, request: OffsetCommitRequest | TxnOffsetCommitRequest
    ) -> None:
        epoch = request.generation_id_or_member_epoch
        if epoch == member.epoch:
            return
        if epoch > member.epoch:
            raise stale(member, f"The epoch {epoch} is newer than the member's, {member.epoch}.")
        partitions = [
            (bytes(topic.topic_id), partition.partition_index)
            for topic in request.topics
            for partition in topic.partitions
        ]
        self._check_assignment_epochs(member, epoch, partitions)

    def _check_assignment_epochs(
        self, member: ConsumerMember, epoch: int, partitions: list[TopicIdAndPartition]
    ) -> None:
        for each in partitions:
            assigned_at = member.assigned.get(each, member.revoking.get(each))
            if assigned_at is None or epoch < assigned_at:
                raise stale(member, f"The epoch {epoch} is older than the assignment of partition {each[1]}.")

    def check_commit_in_transaction(self, request: TxnOffsetCommitRequest) -> None:
        """Producers that don't say of which member the offsets are may commit; those that do must be right, as members
        must be.
        """
        epoch = request.generation_id_or_member_epoch
        if self.is_deleting:
            raise errors.CoordinatorNotAvailable()
        if epoch < 0 and (not self.members or (not request.member_id and request.group_instance_id is None)):
            return
        self._check_epoch_of_commit(self.member(request.member_id), request)

    def check_fetch(self, member_id: str | None, member_epoch: int) -> None:
        """A client that names a member must have its present epoch; others aren't asked."""
        if member_id is not None or member_epoch >= 0:
            self.check_member_epoch(member_id or "", member_epoch)

    def check_offset_delete(self) -> None:
        if self.is_deleting:
            raise errors.GroupIdNotFound()

    def check_delete(self) -> None:
        if self.is_deleting:
            raise errors.GroupIdNotFound()
        if not self.is_vacant:
            raise errors.NonEmptyGroup()

    def member_committed(self, member_id: str, event: Event) -> None:
        """Only heartbeats keep a session."""

    def topics_read(self, topics: Iterable[str]) -> frozenset[str]:
        return self._subscribed().intersection(topics)

    def _subscribed(self) -> frozenset[str]:
        return frozenset(topic for member in self.members.values() for topic in member.topics_by(self.regexes))

    def expiry(self) -> Expiry | None:
        """Offsets of topics that members read are kept; the time of others counts from their commit, as in Kafka."""
        return Expiry(self._subscribed(), None)

    def tombstones(self) -> list[Record]:
        gone = [record for member_id in self.members for record in member_tombstones(self.group_id, member_id)]
        return [*gone, *group_tombstones(self.group_id, self.regexes)]

    def mark_deleted(self, event: Event) -> None:
        self.is_deleting = True

    def undo_deletion(self) -> None:
        self.is_deleting = False

    def note_deleted(self, because: str, event: Event) -> None:
        note(event, "GroupDeleted", self.group_id, self.epoch, len(self.members), because)

    def count_in(self, memory_use: MemoryUse) -> None:
        self._memory_use = memory_use
        memory_use.add(self.nbytes)

    def count_out(self) -> None:
        if self._memory_use is not None:
            self._memory_use.add(-self.nbytes)
            self._memory_use = None

    def check(self) -> None:
        members = self.members.values()
        held = [each for member in members for each in (*member.assigned, *member.revoking)]
        assert len(held) == len(self.owners), f"group {self.group_id}: a partition has one owner"
        assert all(self.owners[each] == member.member_id for member in members for each in member.assigned)
        expressions = sum(expression_bytes(regex, found) for regex, found in self.regexes.items())
        assert self.nbytes == GROUP_BYTES + len(self.group_id) + sum(each.nbytes for each in members) + expressions
        assert self.assignment_epoch <= self.epoch, f"group {self.group_id}: an assignment is made for an epoch"
