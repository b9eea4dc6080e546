"""The timers of members of consumer groups: the session, and how long a member may take to give up partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.coordinator.event import Event
from actors.groups.consumer.member import ConsumerMember, MemberState
from actors.groups.timers import TimerKey

if TYPE_CHECKING:
    from actors.groups.consumer.group import ConsumerGroup

SESSION, REVOCATION = "consumer-session", "consumer-revocation"


def start_session(group: ConsumerGroup, member_id: str, event: Event) -> None:
    """A member has shown that it lives: its session begins again."""
    event.set_timer(TimerKey(SESSION, group.group_id, member_id), group.session_timeout_ms)


def await_revocation(group: ConsumerGroup, member: ConsumerMember, event: Event) -> None:
    """Give a member the time it asked for to give up partitions, if it has to give up any."""
    key = TimerKey(REVOCATION, group.group_id, member.member_id)
    if member.state is MemberState.UNREVOKED_PARTITIONS:
        event.set_timer(key, member.rebalance_timeout_ms)
    else:
        event.cancel_timer(key)


def cancel_timers(group_id: str, member_id: str, event: Event) -> None:
    """A member is gone."""
    event.cancel_timer(TimerKey(SESSION, group_id, member_id))
    event.cancel_timer(TimerKey(REVOCATION, group_id, member_id))
