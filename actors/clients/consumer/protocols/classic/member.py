"""A consumer as a member of a classic group: it joins, sends heartbeats and leaves, as its membership's state asks for.

Transient errors of joining are tried again here, with all that was prepared kept: the listener isn't called again. What
isn't transient is raised, and the user's poll() tells.

A member sends its coordinator a heartbeat every ``heartbeat_interval_ms``, whatever its user does. It also looks at its
user, who must poll every ``max_poll_interval_ms``, or the member leaves the group. Being inside of a poll() counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.clients.actor import GROUP
from actors.clients.consumer.assignors.strategy import assignors_of
from actors.clients.consumer.protocols.classic.membership import (
    AT_ONCE,
    ELSEWHERE,
    FATAL,
    OUT,
    POLL_TIMEOUT,
    Complete,
    Membership,
    Prepare,
)
from actors.clients.coroutine import COORDINATOR, SendTo
from actors.clients.structs import TopicPartition
from actors.runtime.coroutine import Pause
from kstore.errors import InconsistentGroupProtocol, KafkaError, MemberIdRequired, RebalanceInProgress, for_code

if TYPE_CHECKING:
    from actors.clients.actor import ClientActor
    from actors.clients.consumer.assignors import Assignments
    from actors.clients.consumer.subscription import Subscription
    from actors.clients.keywords.table import ConsumerConfig
    from actors.clients.view import View
    from actors.runtime.coroutine import Eventually, Task
    from kstore.schema.messages.heartbeat import HeartbeatResponse
    from kstore.schema.messages.join_group import JoinGroupResponse
    from kstore.schema.messages.leave_group import LeaveGroupRequest
    from kstore.schema.messages.sync_group import SyncGroupResponse

SLACK_MS = 5_000  # what an answer may take beyond the time that others have to join
LEAST_PAUSE_US = 1000


class GroupMember:
    """What one consumer says to its group's coordinator. ``polled_us``: when its user's last poll() began or ended;
    ``polling``: the user is inside of poll().
    """

    def __init__(self, actor: ClientActor, config: ConsumerConfig, subscription: Subscription) -> None:
        self.actor = actor
        self.config = config
        assignors = assignors_of(config.partition_assignment_strategy)
        self.membership = Membership(config.group_id or "", config.group_instance_id, assignors, subscription)
        self.polled_us = 0
        self.polling = False
        self._heard_us = 0  # when the coordinator last answered
        self._joining: Task | None = None
        self._beating: Task | None = None

    def _follow(self) -> None:
        """Do what the state asks for, and nothing else any longer."""
        self._beat_or_not()
        if self._joining is not None and not self.membership.is_joining:
            self._joining.cancel()
            self._joining = None
        elif self._joining is None and self.membership.is_joining:
            self._joining = self.actor.task(self._join(), self._joined)
            self._joining.step()

    def _beat_or_not(self) -> None:
        if self._beating is not None and not self.membership.is_member:
            self._beating.cancel()
            self._beating = None
        elif self._beating is None and self.membership.is_member:
            self._beating = self.actor.task(self._beat(), self._beaten)
            self._beating.step()

    def duty(self) -> Prepare | Complete | None:
        """As ``Membership.duty``; begins what needs no user."""
        duty = self.membership.duty()
        self._follow()
        return duty

    def gave_up(self, gone: list[TopicPartition]) -> None:
        """As ``Membership.gave_up``."""
        self.membership.gave_up(gone)
        self._follow()

    def acknowledge(self) -> None:
        """A classic member that has joined has said all there is to say."""

    def ask_rejoin(self, reason: str) -> None:
        """As ``Membership.ask_rejoin``."""
        self.membership.ask_rejoin(reason)

    def topics_changed(self) -> None:
        """As ``Membership.topics_changed``."""
        self.membership.topics_changed()

    def view_changed(self, view: View) -> None:
        """What is subscribed to, or what it shared out as leader, may be others."""
        membership = self.membership
        membership.topics_changed()
        if membership.counted is not None:
            membership.partitions_changed(view.count_partitions(membership.counted))

    def lost(self, api: str, error: KafkaError) -> None:
        """As ``Membership.lost``."""
        self.membership.lost(api, error)
        self._follow()

    def _join(self) -> Eventually[tuple[TopicPartition, ...]]:
        """Become a member with an assignment; the assignment. Raises what isn't transient."""
        attempt = 0
        while True:
            try:
                return (yield from self._join_once())
            except KafkaError as error:
                verdict = self.membership.failed_to_join(error)
                self._beat_or_not()
                if verdict == FATAL:
                    raise
                if verdict == AT_ONCE:
                    attempt = 0
                    continue
                if verdict == ELSEWHERE:
                    self.actor.forget_coordinator(self.membership.group)
            yield self.actor.backoff(attempt)
            attempt += 1

    def _join_once(self) -> Eventually[tuple[TopicPartition, ...]]:
        """One JoinGroup and one SyncGroup."""
        from actors.clients.consumer.assignors.wire import decode_assignment
        from actors.clients.consumer.protocols.classic import requests

        config, membership = self.config, self.membership
        node = yield from self.actor.coordinator(membership.group)
        membership.asks_to_join()
        request = requests.join_request(
            membership,
            session_timeout_ms=config.session_timeout_ms,
            rebalance_timeout_ms=config.max_poll_interval_ms,
            rack=config.client_rack or None,
        )
        timeout_ms = max(config.request_timeout_ms, config.max_poll_interval_ms + SLACK_MS)
        joined = yield SendTo(node, request, timeout_ms, COORDINATOR)
        if (error := error_of(joined)) is not None:
            if isinstance(error, MemberIdRequired):
                membership.was_named(joined.member_id)
            raise error
        membership.welcomed(joined.member_id, joined.generation_id, joined.protocol_name or "")
        self._heard_us = self.actor.now_us()
        self._beat_or_not()
        shares: Assignments = {}
        if joined.leader == joined.member_id:
            shares = yield from self._share_out(joined)
        synced = yield SendTo(node, requests.sync_request(membership, shares), purpose=COORDINATOR)
        if (error := error_of(synced)) is not None:
            raise error
        if synced.protocol_name is not None and synced.protocol_name not in ("", membership.protocol):
            raise InconsistentGroupProtocol(
                f"the group agreed on {membership.protocol}, then on {synced.protocol_name}"
            )
        return decode_assignment(bytes(synced.assignment))

    def _share_out(self, joined: JoinGroupResponse) -> Eventually[Assignments]:
        """As the group's leader, decide who reads what. A static leader that is back shares out nothing (KIP-814)."""
        from actors.clients.consumer.protocols.classic import requests

        actor, membership = self.actor, self.membership
        requests.assignor_of(membership, membership.protocol)
        members = requests.members_of(joined)
        topics = sorted({topic for member in members.values() for topic in member.topics})
        if any(topic not in actor.view.topics for topic in topics):
            yield from actor.metadata.refresh(topics)
        actor.metadata.take_interest(topics)
        counts = actor.view.count_partitions(topics)
        membership.shares_out(counts)
        return {} if joined.skip_assignment else requests.shares_of(membership, members, counts)

    def _joined(self, assigned: tuple[TopicPartition, ...] | None, error: KafkaError | None) -> None:
        self._joining = None
        if error is not None:
            self.actor.fail(error)
            return
        assert assigned is not None
        self.membership.was_assigned(assigned)

    def _beat(self) -> Eventually[None]:
        """Heartbeats until the membership ends."""
        from actors.clients.consumer.protocols.classic import requests

        actor, config = self.actor, self.config
        interval_us = config.heartbeat_interval_ms * 1000
        next_us = actor.now_us() + interval_us
        while True:
            now_us = actor.now_us()
            idle_in_us = self.polled_us + config.max_poll_interval_ms * 1000 - now_us
            if self.polling:
                idle_in_us = config.max_poll_interval_ms * 1000
            if idle_in_us <= 0:
                self._expire()
                return
            if now_us < next_us:
                yield Pause(max(min(next_us - now_us, idle_in_us), LEAST_PAUSE_US) / 1000)
                continue
            actor.check_metadata_offset()
            node = yield from actor.coordinator(self.membership.group)
            answer = yield SendTo(node, requests.heartbeat_request(self.membership), purpose=COORDINATOR)
            error = error_of(answer)
            if not self._heard(error):
                return
            next_us = now_us + (interval_us if error is None else min(config.retry_backoff_ms * 1000, interval_us))

    def _heard(self, error: KafkaError | None) -> bool:
        """A heartbeat was answered, with an error or none; whether this is still a member."""
        actor, group = self.actor, self.membership.group
        if error is None:
            self._heard_us = actor.now_us()
            return True
        verdict = self.membership.heartbeat_failed(error)
        if verdict in (OUT, FATAL):
            self._beating = None  # it is what calls
            self._follow()
            if verdict == FATAL:
                actor.fail(error)
            return False
        if isinstance(error, RebalanceInProgress):
            self._heard_us = actor.now_us()
        if verdict == ELSEWHERE or actor.now_us() - self._heard_us > self.config.session_timeout_ms * 1000:
            actor.forget_coordinator(group)
        return True

    def _beaten(self, _: object, error: KafkaError | None) -> None:
        self._beating = None
        if error is not None:
            self.actor.fail(error)

    def _expire(self) -> None:
        """The user hasn't polled for too long: others get its partitions."""
        self._beating = None  # it is what calls
        actor, membership = self.actor, self.membership
        leaving = self._leave_request(POLL_TIMEOUT)
        idle_ms = (actor.now_us() - self.polled_us) // 1000
        actor.note("PollIntervalExpired", membership.group, membership.generation, idle_ms)
        membership.reset(POLL_TIMEOUT)
        self._follow()
        if leaving is not None:
            actor.begin(self._send_leave(leaving))

    def leave(self, reason: str) -> Eventually[None]:
        """Be no member any more, and say so; nobody waits for the answer of a coordinator that isn't known."""
        actor, membership = self.actor, self.membership
        request = self._leave_request(reason)
        known = (GROUP, membership.group) in actor.coordinators
        if self._joining is not None:  # the coordinator takes nothing from a link on which it holds a JoinGroup back
            actor.hang_up(COORDINATOR)
        membership.left(reason)
        self._follow()
        if request is not None and known:
            yield from self._send_leave(request)

    def _leave_request(self, reason: str) -> LeaveGroupRequest | None:
        from actors.clients.consumer.protocols.classic import requests

        return requests.leave_request(self.membership, reason) if self.membership.leaves else None

    def _send_leave(self, request: LeaveGroupRequest) -> Eventually[None]:
        node = yield from self.actor.coordinator(self.membership.group)
        yield SendTo(node, request, purpose=COORDINATOR)

    def stop(self) -> None:
        """The consumer is closing: nothing goes on by itself."""
        for task in (self._beating, self._joining):
            if task is not None:
                task.cancel()


def error_of(answer: JoinGroupResponse | SyncGroupResponse | HeartbeatResponse | KafkaError) -> KafkaError | None:
    """What went wrong, if anything."""
    if isinstance(answer, KafkaError):
        return answer
    return for_code(answer.error_code) if answer.error_code else None
