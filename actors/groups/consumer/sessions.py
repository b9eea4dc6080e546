"""The timers of members of consumer groups: the session, and how long a member may take to give up partitions. Those of
the classic protocol have so long to join again when they are told to, and then to sync.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.coordinator.event import Event
from actors.groups.consumer.member import ConsumerMember, MemberState
from actors.groups.timers import TimerKey

if TYPE_CHECKING:
    from actors.groups.consumer.group import ConsumerGroup

SESSION, REVOCATION = "consumer-session", "consumer-revocation"
REJOIN, SYNC = "consumer-rejoin", "consumer-sync"
KINDS = (SESSION, REVOCATION, REJOIN, SYNC)


def session_timeout_ms(group: ConsumerGroup, member: ConsumerMember) -> int:
    """The group's, or what a member of the classic protocol asks for."""
    return group.session_timeout_ms if member.classic is None else member.classic.session_timeout_ms


def start_session(group: ConsumerGroup, member: ConsumerMember, event: Event) -> None:
    """A member has shown that it lives: its session begins again."""
    event.set_timer(TimerKey(SESSION, group.group_id, member.member_id), session_timeout_ms(group, member))


def await_revocation(group: ConsumerGroup, member: ConsumerMember, event: Event) -> None:
    """Give a member the time it asked for to give up partitions, if it has to give up any. One of the classic protocol
    has that time to join again.
    """
    key = TimerKey(REVOCATION, group.group_id, member.member_id)
    if member.state is MemberState.UNREVOKED_PARTITIONS and member.classic is None:
        event.set_timer(key, member.rebalance_timeout_ms)
    else:
        event.cancel_timer(key)


def await_rejoin(group: ConsumerGroup, member: ConsumerMember, event: Event) -> None:
    """A member of the classic protocol has been told to join again: its time runs from the first time it is told."""
    if member.member_id not in group.rejoining:
        group.rejoining.add(member.member_id)
        event.set_timer(TimerKey(REJOIN, group.group_id, member.member_id), member.rebalance_timeout_ms)


def await_sync(group: ConsumerGroup, member: ConsumerMember, event: Event) -> None:
    """A member of the classic protocol has joined: it is to ask for its assignment."""
    group.rejoining.discard(member.member_id)
    event.cancel_timer(TimerKey(REJOIN, group.group_id, member.member_id))
    group.syncing.add(member.member_id)
    event.set_timer(TimerKey(SYNC, group.group_id, member.member_id), member.rebalance_timeout_ms)


def note_synced(group: ConsumerGroup, member: ConsumerMember, event: Event) -> None:
    """A member of the classic protocol has its assignment."""
    group.syncing.discard(member.member_id)
    event.cancel_timer(TimerKey(SYNC, group.group_id, member.member_id))


def why_expired(group: ConsumerGroup, member: ConsumerMember, kind: str) -> str | None:
    """Why a member is removed as a timer of its fires; None if it isn't."""
    member_id, timeout_ms = member.member_id, member.rebalance_timeout_ms
    if kind == SESSION:
        return f"{member_id} sent no heartbeat in {session_timeout_ms(group, member)} ms"
    if kind == REVOCATION and member.state is MemberState.UNREVOKED_PARTITIONS and member.classic is None:
        return f"{member_id} didn't give up its partitions in {timeout_ms} ms"
    if kind == REJOIN and member_id in group.rejoining:
        return f"{member_id} didn't join again in {timeout_ms} ms"
    if kind == SYNC and member_id in group.syncing:
        return f"{member_id} didn't sync in {timeout_ms} ms"
    return None


def cancel_timers(group_id: str, member_id: str, event: Event) -> None:
    """A member is gone."""
    for kind in KINDS:
        event.cancel_timer(TimerKey(kind, group_id, member_id))
