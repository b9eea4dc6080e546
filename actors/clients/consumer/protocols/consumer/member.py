"""A consumer as a member of a group of the consumer protocol: it sends heartbeats, as its membership's state asks for.

One heartbeat is under way at a time. The coordinator says how often they are wanted. The member also looks at its user,
who must poll every ``max_poll_interval_ms``, or it leaves the group. Being inside of a poll() counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.clients.actor import GROUP
from actors.clients.consumer.protocols.consumer.membership import ELSEWHERE, LATER, Membership
from actors.clients.coroutine import COORDINATOR, SendTo
from kstore.errors import KafkaError, for_code
from kstore.schema.uuids import to_string

if TYPE_CHECKING:
    from actors.clients.actor import ClientActor
    from actors.clients.consumer.protocols.classic.membership import Complete, Prepare
    from actors.clients.consumer.subscription import Subscription
    from actors.clients.keywords.table import ConsumerConfig
    from actors.clients.structs import TopicPartition
    from actors.clients.view import View
    from actors.runtime.coroutine import Eventually, Task
    from kstore.schema.messages.consumer_group_heartbeat import (
        ConsumerGroupHeartbeatRequest,
        ConsumerGroupHeartbeatResponse,
    )

WITH_REGEX = 1, 1
"""The versions of ConsumerGroupHeartbeat that say a regular expression."""


class GroupMember:
    """What one consumer says to its group's coordinator. ``polled_us``: when its user's last poll() began or ended;
    ``polling``: the user is inside of poll().
    """

    def __init__(self, actor: ClientActor, config: ConsumerConfig, subscription: Subscription) -> None:
        self.actor = actor
        self.config = config
        member_id = to_string(actor.uuid())  # of this consumer, for as long as it lives
        self.membership = Membership(config.group_id or "", config.group_instance_id, member_id, subscription)
        self.polled_us = 0
        self.polling = False
        self._beating: Task | None = None
        self._next_us = 0  # when the next heartbeat is due
        self._not_before_us = 0  # after an error
        self._failures = 0
        self._alarm = actor.alarm_for(self._rang)

    def _follow(self) -> None:
        """Do what the state asks for, and nothing else any longer."""
        if not self.membership.is_member:
            self._stop_beating()
            self._alarm.stop()
            return
        now_us = self.actor.now_us()
        if self._beating is None:
            due_us = max(self._not_before_us, now_us if self.membership.has_to_tell else self._next_us)
            if due_us <= now_us:
                self._beating = self.actor.task(self._beat(), self._beaten)
                self._beating.step()
                return
            self._alarm.at(min(due_us, self._idle_at_us()), now_us)
        else:
            self._alarm.at(self._idle_at_us(), now_us)

    def _idle_at_us(self) -> int:
        """When the user will have been away for too long."""
        return (self.actor.now_us() if self.polling else self.polled_us) + self.config.max_poll_interval_ms * 1000

    def _rang(self) -> None:
        if self._alarm.is_over(self.actor.now_us()):
            if self.membership.is_member and self._idle_at_us() <= self.actor.now_us():
                self._expire()
            else:
                self._follow()

    def _stop_beating(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None

    def duty(self) -> Prepare | Complete | None:
        """As ``Membership.duty``; begins what needs no user, and has the user's poll() raise what was refused."""
        membership = self.membership
        duty = membership.duty()
        if isinstance(duty, KafkaError):
            self.actor.fail(duty)
            return None
        self._follow()
        return duty

    def gave_up(self, gone: list[TopicPartition]) -> None:
        """As ``Membership.gave_up``."""
        self.membership.gave_up(gone)
        self._follow()

    def acknowledge(self) -> None:
        """As ``Membership.acknowledge``."""
        self.membership.acknowledge()
        self._follow()

    def ask_rejoin(self, reason: str) -> None:
        """When members move is the coordinator's to decide."""

    def topics_changed(self) -> None:
        """As ``Membership.topics_changed``."""
        self.membership.topics_changed()
        self._follow()

    def view_changed(self, view: View) -> None:
        """The topics that are subscribed to may be others, and the names of those that are assigned be known."""
        if self._look_up(view):
            self.actor.refresh_soon()
        self.topics_changed()

    def _look_up(self, view: View) -> bool:
        """Name the topics that are assigned; whether some aren't known yet."""
        if self.membership.subscription.regex is not None:
            self.actor.metadata.interest_by_id = self.membership.topic_ids
        return self.membership.learn_names(view)

    def lost(self, api: str, error: KafkaError) -> None:
        """A commit was refused for who sent it. The next heartbeat tells what that means, as in the Java client."""

    def _beat(self) -> Eventually[ConsumerGroupHeartbeatResponse | KafkaError]:
        from actors.clients.consumer.protocols.consumer.requests import heartbeat_request

        self._alarm.at(self._idle_at_us(), self.actor.now_us())
        self.actor.check_metadata_offset()
        node = yield from self.actor.coordinator(self.membership.group)
        request = heartbeat_request(self.membership, self.config)
        self.membership.heartbeat_begins()
        self._next_us = self.actor.now_us()
        versions = None if request.subscribed_topic_regex is None else WITH_REGEX
        answer: ConsumerGroupHeartbeatResponse | KafkaError = yield SendTo(
            node, request, purpose=COORDINATOR, versions=versions
        )
        return answer

    def _beaten(self, answer: ConsumerGroupHeartbeatResponse | KafkaError | None, failed: KafkaError | None) -> None:
        from actors.clients.consumer.protocols.consumer.requests import share_in

        self._beating = None
        if failed is None and answer is not None and not isinstance(answer, KafkaError):
            if answer.error_code:
                failed = for_code(answer.error_code, answer.error_message)
            else:
                self._failures = 0
                self._next_us += answer.heartbeat_interval_ms * 1000
                self.membership.heartbeat_answered(answer.member_epoch, share_in(answer))
                if self._look_up(self.actor.view):
                    self.actor.mistrust_view()
        elif isinstance(answer, KafkaError):
            failed = answer
        if failed is not None:
            self._failed(failed)
        self._follow()

    def _failed(self, error: KafkaError) -> None:
        verdict = self.membership.heartbeat_failed(error)
        if verdict == ELSEWHERE:
            self.actor.forget_coordinator(self.membership.group)
        if verdict in (ELSEWHERE, LATER):
            self._not_before_us = self.actor.now_us() + round(self.actor.backoff(self._failures).delay_ms * 1000)
            self._failures += 1

    def _expire(self) -> None:
        """The user hasn't polled for too long: others get its partitions."""
        from actors.clients.consumer.protocols.consumer.requests import leave_request

        actor, membership = self.actor, self.membership
        idle_ms = (actor.now_us() - self.polled_us) // 1000
        actor.note("PollIntervalExpired", membership.group, membership.generation, idle_ms)
        request = leave_request(membership)
        membership.expire()
        self._follow()
        actor.begin(self._send_leave(request))

    def leave(self, reason: str) -> Eventually[None]:
        """Be no member any more, and say so; nobody waits for the answer of a coordinator that isn't known."""
        from actors.clients.consumer.protocols.consumer.requests import leave_request

        membership = self.membership
        request = leave_request(membership) if membership.is_member else None
        known = (GROUP, membership.group) in self.actor.coordinators
        membership.left()
        self._follow()
        if request is not None and known:
            yield from self._send_leave(request)

    def _send_leave(self, request: ConsumerGroupHeartbeatRequest) -> Eventually[None]:
        node = yield from self.actor.coordinator(self.membership.group)
        yield SendTo(node, request, purpose=COORDINATOR)

    def stop(self) -> None:
        """The consumer is closing: nothing goes on by itself."""
        self._stop_beating()
        self._alarm.stop()
