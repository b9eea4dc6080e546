"""What an append changes in a consumer group, for the trace: who is to have what, who has to give up and has, who gets.

The rows are made from the records alone, with the group as it was before them. Their words begin with a member's id;
partitions follow as ``orders-0``. What doesn't fit into a row is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from actors.groups.consumer.records import by_topic, target_of, with_assignment
from actors.groups.notes import REASON_LENGTH_MAX
from actors.groups.records import ConsumerGroupRecord
from kstore.log.names import TopicIdAndPartition
from kstore.named import NamedTuple
from kstore.schema.messages.consumer_group_records import (
    ConsumerGroupCurrentMemberAssignmentKey,
    ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataKey,
    ConsumerGroupMemberMetadataValue,
    ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue,
)

if TYPE_CHECKING:
    from actors.groups.consumer.group import ConsumerGroup
    from actors.groups.records import Record
    from actors.groups.topics import Topics

PARTITIONS_MAX = 20
"""That are told by name of a member."""

LENGTH_MAX = REASON_LENGTH_MAX - 40


class GroupRow(NamedTuple):
    """A row: its kind, an epoch, how many partitions it is about, and its words."""

    kind: str
    epoch: int
    partitions: int
    words: str


def rows_of(group: ConsumerGroup, records: Sequence[Record], topics: Topics) -> list[GroupRow]:
    """The rows about records that are to be written, in the order in which it is read best."""
    reading = _Reading(group, topics)
    for record in records:
        if isinstance(record, ConsumerGroupRecord):
            reading.take(record)
    return reading.rows()


class _Reading:
    """Records that are being read; the group stays as it is."""

    def __init__(self, group: ConsumerGroup, topics: Topics) -> None:
        self._group = group
        self._topics = topics
        self._epoch: int | None = None
        self._targets: dict[str, frozenset[TopicIdAndPartition]] = {}
        self._moved: list[GroupRow] = []
        self._gone: list[str] = []
        self._come: list[tuple[str, str | None]] = []

    def take(self, record: ConsumerGroupRecord) -> None:
        """One record more."""
        match record.key:
            case ConsumerGroupTargetAssignmentMetadataKey() if record.value is not None:
                self._epoch = cast(ConsumerGroupTargetAssignmentMetadataValue, record.value).assignment_epoch
            case ConsumerGroupTargetAssignmentMemberKey(member_id=member_id):
                target = cast("ConsumerGroupTargetAssignmentMemberValue | None", record.value)
                self._targets[member_id] = frozenset() if target is None else target_of(target)
            case ConsumerGroupCurrentMemberAssignmentKey(member_id=member_id):
                self._move(member_id, cast("ConsumerGroupCurrentMemberAssignmentValue | None", record.value))
            case ConsumerGroupMemberMetadataKey(member_id=member_id):
                member = cast("ConsumerGroupMemberMetadataValue | None", record.value)
                if member is None:
                    self._gone.append(member_id)
                else:
                    self._come.append((member_id, member.instance_id))

    def _move(self, member_id: str, value: ConsumerGroupCurrentMemberAssignmentValue | None) -> None:
        before = self._group.members.get(member_id)
        assigned, revoking = (before.assigned, before.revoking) if before is not None else ({}, {})
        gets: Iterable[TopicIdAndPartition] = ()
        loses: Iterable[TopicIdAndPartition] = ()
        keeps: set[TopicIdAndPartition] = set()
        epoch = self._group.epoch
        if value is not None and before is not None:
            after = with_assignment(before, value)
            epoch, keeps = after.epoch, {*after.assigned, *after.revoking}
            gets = after.assigned.keys() - assigned.keys()
            loses = after.revoking.keys() - revoking.keys()
        elif value is not None:
            gets = {
                (bytes(topic.topic_id), number) for topic in value.assigned_partitions for number in topic.partitions
            }
            epoch = value.member_epoch
        released = {*assigned, *revoking} - keeps
        for kind, partitions in (
            ("RevocationBegun", set(loses)),
            ("PartitionsReleased", released),
            ("PartitionsAssigned", set(gets)),
        ):
            if partitions:
                words = f"{member_id}: {self._names(partitions)}"
                self._moved.append(GroupRow(kind, epoch, len(partitions), words))

    def _names(self, partitions: Iterable[TopicIdAndPartition]) -> str:
        names = [
            f"{self._topics.name_of(topic_id) or '?'}-{number}"
            for topic_id, numbers in by_topic(partitions).items()
            for number in numbers
        ]
        more = len(names) - PARTITIONS_MAX
        return " ".join(names[:PARTITIONS_MAX]) + (f" and {more} more" if more > 0 else "")

    def rows(self) -> list[GroupRow]:
        """The rows about all that was read."""
        rows = [
            GroupRow("MemberReplaced", self._group.epoch, 1, f"{new} in place of {old}, as {instance}")
            for old in self._gone
            for new, instance in self._come
            if instance is not None and self._group.static_members.get(instance) == old
        ]
        is_emptied = not self._come and self._group.members.keys() <= set(self._gone)
        if self._epoch is not None and not is_emptied:
            rows.append(self._made(self._epoch))
        return rows + self._moved

    def _made(self, epoch: int) -> GroupRow:
        """A target assignment: who loses what, then who gets what, as far as there is room."""
        loses: list[str] = []
        gets: list[str] = []
        count = 0
        for member_id, target in self._targets.items():
            before = self._group.target(member_id)
            if lost := before - target:
                loses.append(f"{member_id} loses {self._names(lost)}")
            if gained := target - before:
                gets.append(f"{member_id} gets {self._names(gained)}")
                count += len(gained)
        parts: list[str] = []
        left = LENGTH_MAX
        for part in (*loses, *gets):
            left -= len(part) + 2
            if left < 0:
                parts.append(f"and {len(loses) + len(gets) - len(parts)} more")
                break
            parts.append(part)
        return GroupRow("AssignmentMade", epoch, count, "; ".join(parts) or "nothing moves")
