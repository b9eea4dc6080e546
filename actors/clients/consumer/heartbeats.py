"""Heartbeats: a member tells its coordinator that it lives, every ``heartbeat_interval_ms``, whatever its user does.

With them goes the look at the user, who must poll every ``max_poll_interval_ms``; being inside of a poll() counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.clients.consumer.offsets import GROUP
from actors.clients.conversation import SendTo
from actors.runtime.conversation import Eventually, Pause
from kstore.errors import KafkaError, for_code
from kstore.schema.messages.heartbeat import HeartbeatRequest

if TYPE_CHECKING:
    from actors.clients.consumer.membership import Membership

LEAST_PAUSE_US = 1000


def beat(membership: Membership) -> Eventually[None]:
    """Heartbeats until the membership ends."""
    actor = membership.actor
    config = actor.config
    interval_us = config.heartbeat_interval_ms * 1000
    next_us = actor.now_us() + interval_us
    while True:
        now_us = actor.now_us()
        idle_in_us = membership.polled_us + config.max_poll_interval_ms * 1000 - now_us
        if membership.polling:
            idle_in_us = config.max_poll_interval_ms * 1000
        if idle_in_us <= 0:
            membership.expire()
            return
        if now_us < next_us:
            yield Pause(max(min(next_us - now_us, idle_in_us), LEAST_PAUSE_US) / 1000)
            continue
        actor.look_at_home()
        node = yield from actor.coordinator(membership.group)
        answer = yield SendTo(node, request_of(membership), purpose=GROUP)
        error: KafkaError | None = None
        if isinstance(answer, KafkaError):
            error = answer
        elif answer.error_code:
            error = for_code(answer.error_code)
        if error is None:
            membership.heard_us = actor.now_us()
        elif not membership.survives(error):
            return
        elif actor.now_us() - membership.heard_us > config.session_timeout_ms * 1000:
            actor.forget_coordinator(membership.group)
        next_us = now_us + (interval_us if error is None else min(config.retry_backoff_ms * 1000, interval_us))


def request_of(membership: Membership) -> HeartbeatRequest:
    return HeartbeatRequest(
        group_id=membership.group,
        generation_id=membership.generation,
        member_id=membership.member_id,
        group_instance_id=membership.instance,
    )
