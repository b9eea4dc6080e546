"""Leader election: which replica leads a partition, and the record of the change.

The rules of Kafka's PartitionChangeBuilder with eligible leader replicas switched off: a leader stays if it may. A new
one is the first replica, in the order of the assignment, that is in the in-sync set and alive. If there is none, the
partition has no leader (-1) and keeps its last in-sync set, so that the member that left last leads again when it
returns. An unclean election, if the topic allows it, takes any live replica, makes it the whole in-sync set and marks
the partition as recovering.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from actors.image.image import NO_LEADER, PartitionImage
from kstore.schema.messages.metadata_records import PartitionChangeRecord

RECOVERED = 0
RECOVERING = 1


class Election(Enum):
    """The kinds of elections: which replicas may be chosen, and whether a working leader is replaced."""

    ONLINE = "a live member of the in-sync set, the present leader first"
    PREFERRED = "as online, but the first replica of the assignment before the present leader"
    UNCLEAN = "as online, or else any live replica"


def elect(
    partition: PartitionImage, isr: Sequence[int], may_lead: Callable[[int], bool], election: Election
) -> tuple[int, bool]:
    """The leader that the partition gets with in-sync set ``isr``, and whether it was elected uncleanly."""

    def valid(replica: int) -> bool:
        return replica in isr and may_lead(replica)

    if election is Election.PREFERRED and valid(partition.replicas[0]):
        return partition.replicas[0], False
    if valid(partition.leader):
        return partition.leader, False
    for replica in partition.replicas:
        if valid(replica):
            return replica, False
    if election is Election.UNCLEAN:
        for replica in partition.replicas:
            if may_lead(replica):
                return replica, True
    return NO_LEADER, False


def change(
    topic_id: bytes,
    number: int,
    partition: PartitionImage,
    *,
    isr: Sequence[int],
    may_lead: Callable[[int], bool],
    election: Election = Election.ONLINE,
    recovery_state: int | None = None,
) -> PartitionChangeRecord | None:
    """The record that gives partition ``number`` the in-sync set ``isr`` and the leader elected from it; None if
    nothing changes. ``recovery_state`` is the leader's own, if given.
    """
    record = PartitionChangeRecord(partition_id=number, topic_id=topic_id)
    target, state = list(isr), partition.leader_recovery_state
    if recovery_state is not None:
        state = recovery_state
    leader, unclean = elect(partition, target, may_lead, election)
    if leader != partition.leader:
        record.leader = leader
        if unclean:
            target, state = [leader], RECOVERING
    if target and target != list(partition.isr):
        record.isr = target
    if state != partition.leader_recovery_state:
        record.leader_recovery_state = state
    changed = record.isr is not None or leader != partition.leader or state != partition.leader_recovery_state
    return record if changed else None
