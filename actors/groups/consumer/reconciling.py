"""The next step of a member toward its target assignment: a pure function.

A member gives up what it has to give up first, and says that it has by naming what it owns in a heartbeat. Then it gets
its new epoch, with those of its partitions that nobody else holds any more; for the others it waits. So a partition has
one owner at a time, and every member moves on its own: nobody waits for the whole group. The rules are those of Kafka's
``CurrentAssignmentBuilder``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from actors.groups.consumer.member import ConsumerMember, MemberState
from kstore.errors import FencedMemberEpoch
from kstore.log.names import TopicIdAndPartition
from kstore.named import NamedTuple

Owned: TypeAlias = frozenset[TopicIdAndPartition] | None
"""The partitions that a member says it owns; None if it doesn't say."""


class Target(NamedTuple):
    """What a member is to have, from which assignment epoch on, and what it subscribes to."""

    epoch: int
    partitions: frozenset[TopicIdAndPartition]
    topic_ids: frozenset[bytes]


def reconciled(
    member: ConsumerMember,
    target: Target,
    owner_of: Callable[[TopicIdAndPartition], str | None],
    owned: Owned,
    *,
    is_subscription_new: bool,
) -> ConsumerMember:
    """The member after its heartbeat; the same one if nothing changes.

    Raises:
        FencedMemberEpoch: its state is one that only later versions of Kafka know, and it still owns partitions.
    """
    match member.state:
        case MemberState.STABLE if member.epoch == target.epoch:
            return _unsubscribed(member, target, owned) if is_subscription_new else member
        case MemberState.UNREVOKED_PARTITIONS if _owns(owned, member.revoking):
            return _unsubscribed(member, target, owned) if is_subscription_new else member
        case MemberState.UNKNOWN:
            if owned is None or owned:
                raise FencedMemberEpoch("The member is in an unknown state. It must give up its partitions and rejoin.")
    return _next(member, target, owner_of, owned)


def _owns(owned: Owned, partitions: Mapping[TopicIdAndPartition, int]) -> bool:
    """Whether the member may still own one of these: one that says nothing does."""
    return owned is None or not owned.isdisjoint(partitions)


def _unsubscribed(member: ConsumerMember, target: Target, owned: Owned) -> ConsumerMember:
    """A member gives up partitions of topics that it doesn't subscribe to any more, without waiting for a target."""
    kept = {each: epoch for each, epoch in member.assigned.items() if each[0] in target.topic_ids}
    if len(kept) == len(member.assigned):
        return member
    lost = {each: epoch for each, epoch in member.assigned.items() if each not in kept}
    revoking = {**member.revoking, **lost}
    if _owns(owned, revoking):
        return member.at_epoch(member.epoch)._replace(
            state=MemberState.UNREVOKED_PARTITIONS, assigned=kept, revoking=revoking
        )
    return member.at_epoch(member.epoch)._replace(assigned=kept)


def _next(
    member: ConsumerMember, target: Target, owner_of: Callable[[TopicIdAndPartition], str | None], owned: Owned
) -> ConsumerMember:
    wanted = {each for each in target.partitions if each[0] in target.topic_ids}
    kept = {each: epoch for each, epoch in member.assigned.items() if each in wanted}
    revoking = {each: epoch for each, epoch in member.assigned.items() if each not in wanted}
    if revoking and _owns(owned, revoking):
        return member.at_epoch(member.epoch)._replace(
            state=MemberState.UNREVOKED_PARTITIONS, assigned=kept, revoking=revoking
        )
    missing = sorted(wanted.difference(kept))
    free = [each for each in missing if owner_of(each) in (None, member.member_id)]
    return member.at_epoch(target.epoch)._replace(
        state=MemberState.STABLE if len(free) == len(missing) else MemberState.UNRELEASED_PARTITIONS,
        assigned={**kept, **dict.fromkeys(free, target.epoch)},
        revoking={},
    )
