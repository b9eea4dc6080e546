"""A consumer's membership in its group: the classic protocol's member, as the Java client's ``AbstractCoordinator`` and
``ConsumerCoordinator`` play it.

The states, and who moves them on::

    UNJOINED    not a member. The user's poll() prepares (commits, calls its listener), then joining begins
    JOINING     JoinGroup or SyncGroup is under way; no heartbeats, as the coordinator waits for nobody's
    COMPLETING  the assignment is here. The user's poll() takes it and calls its listener
    STABLE      a member that reads; heartbeats tell when the group rebalances, and the user's poll() prepares again

Heartbeats go on by themselves. A user who doesn't poll for ``max_poll_interval_ms`` is taken out of the group. What a
member reads is only changed inside of its user's poll(), which asks ``duty()`` for what is to be done there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.clients.consumer.assignors import EAGER
from actors.clients.consumer.assignors.strategy import assignors_of, kind_of
from actors.clients.consumer.heartbeats import beat
from actors.clients.consumer.offsets import GROUP
from actors.clients.conversation import SendTo
from actors.clients.structs import TopicPartition
from actors.runtime.conversation import Eventually
from kstore.errors import (
    CoordinatorNotAvailable,
    FencedInstanceId,
    GroupAuthorizationFailed,
    IllegalGeneration,
    KafkaError,
    NotCoordinator,
    RebalanceInProgress,
    UnknownMemberId,
)
from kstore.named import NamedTuple
from kstore.schema.messages.leave_group import LeaveGroupRequest, MemberIdentity

if TYPE_CHECKING:
    from actors.clients.consumer.actor import ConsumerActor
    from actors.runtime.conversation import Task

UNJOINED = "unjoined"
JOINING = "joining"
COMPLETING = "completing"
STABLE = "stable"

NO_GENERATION = -1
NO_MEMBER = ""
POLL_TIMEOUT = "consumer poll timeout has expired."
CLOSED = "the consumer is being closed"
UNSUBSCRIBED = "the consumer unsubscribed from all topics"


class Prepare(NamedTuple):
    """To be done in poll(): give these up, ``lost`` if they are somebody else's already; the rest stays."""

    gone: list[TopicPartition]
    lost: bool
    eager: bool


class Complete(NamedTuple):
    """To be done in poll(): take this assignment."""

    assigned: tuple[TopicPartition, ...]
    generation: int


class GroupMetadata(NamedTuple):
    """Who a consumer is in its group."""

    group_id: str
    generation_id: int = NO_GENERATION
    member_id: str = NO_MEMBER
    group_instance_id: str | None = None


class Membership:
    """One consumer's place in its group, or a place to commit to when it reads partitions by hand."""

    def __init__(self, actor: ConsumerActor) -> None:
        config = actor.config
        self.actor = actor
        self.group: str = config.group_id or ""
        self.instance: str | None = config.group_instance_id
        self.assignors = assignors_of(config.partition_assignment_strategy)
        self.kind = kind_of(self.assignors)
        self.state = UNJOINED
        self.member_id = NO_MEMBER
        self.generation = NO_GENERATION
        self.protocol = ""
        self.rejoins = True  # at the next poll()
        self.reason = ""
        self.prepared = False
        self.preparing = False  # the commit before a rebalance is under way
        self.joined_topics: frozenset[str] | None = None
        self.counted: dict[str, int] | None = None  # as leader: the partitions that were shared out
        self.assigned: tuple[TopicPartition, ...] = ()
        self.polled_us = 0
        self.polling = False  # the user is inside of poll()
        self.rebalances = 0
        self.heard_us = 0
        self._joining: Task | None = None
        self._beating: Task | None = None

    @property
    def shares(self) -> bool:
        """Whether the group decides what this consumer reads."""
        return bool(self.group) and self.actor.subscription.is_by_group

    @property
    def is_stable(self) -> bool:
        """Whether it may commit as a member."""
        return self.state == STABLE

    @property
    def is_rebalancing(self) -> bool:
        """Whether it is between two generations."""
        return self.state in (JOINING, COMPLETING)

    @property
    def wants_user(self) -> bool:
        """Whether something is to be done inside of the user's poll()."""
        if self.state == COMPLETING:
            return True
        return self.rejoins and self._joining is None and not self.preparing and self.shares

    def metadata(self) -> GroupMetadata:
        """Who it is."""
        return GroupMetadata(self.group, self.generation, self.member_id, self.instance)

    def ask_rejoin(self, reason: str) -> None:
        """Join anew at the next poll(); the first reason counts."""
        if not self.rejoins:
            self.rejoins = True
            self.reason = reason

    def topics_changed(self) -> None:
        """What is subscribed to may have changed."""
        if self.joined_topics is not None and self.joined_topics != self.actor.subscription.topics:
            self.ask_rejoin("subscription has changed")

    def view_changed(self) -> None:
        """The leader shares out anew when there are other partitions than it shared out."""
        before = self.counted
        now = None if before is None else self.actor.count_partitions(before)
        if before is not None and now is not None and before != now:
            self.ask_rejoin(
                f"cached metadata has changed from {counts_in_words(before)} at the beginning of the rebalance to "
                f"{counts_in_words(now)}"
            )

    def lose_membership(self, api: str, error: KafkaError) -> None:
        """The coordinator doesn't know this member, or not in this generation."""
        self.reset(f"encountered {error.name} from {api} response", keep_id=isinstance(error, IllegalGeneration))

    def reset(self, reason: str, *, keep_id: bool = False) -> None:
        """Be no member any more; the next poll() tells the listener that all is lost, and joins anew."""
        self._stop_beating()
        if self._joining is not None:
            self._joining.cancel()
            self._joining = None
        self.prepared = self.prepared and self.is_rebalancing  # then the listener knows already
        self.state = UNJOINED
        self.generation = NO_GENERATION
        self.protocol = ""
        if not keep_id:
            self.member_id = NO_MEMBER
        self.rejoins = True
        self.reason = reason

    def duty(self) -> Prepare | Complete | None:
        """What the user's thread is to do next, if anything; begins what needs no user."""
        if self.state == COMPLETING:
            return Complete(self.assigned, self.generation)
        if not self.wants_user:
            return None
        if self.prepared:
            self._begin_joining()
            return None
        lost = self.generation == NO_GENERATION or self.member_id == NO_MEMBER
        held = self.actor.subscription.partitions
        if lost or self.kind == EAGER:
            return Prepare(list(held), lost, self.kind == EAGER)
        return Prepare([each for each in held if each.topic not in self.actor.subscription.topics], False, False)

    def begin_commit(self) -> bool:
        """Before a rebalance: begin to commit what was consumed; whether there is something to wait for."""
        actor = self.actor
        if not actor.config.enable_auto_commit or self.generation == NO_GENERATION:
            return False
        self.preparing = True
        deadline_us = actor.now_us() + actor.config.max_poll_interval_ms * 1000
        actor.begin(actor.committing.before_rebalance(deadline_us), self._committed)
        return True

    def _committed(self, _: object, error: KafkaError | None) -> None:
        self.preparing = False
        if error is not None:  # no coordinator, say: joining meets the same and tells
            self.actor.forget_coordinator(self.group)

    def gave_up(self, gone: list[TopicPartition]) -> None:
        """The listener knows that these are gone: the group may be joined."""
        subscription = self.actor.subscription
        if gone:
            given_up = set(gone)
            subscription.become_assigned([each for each in subscription.partitions if each not in given_up])
        self.prepared = True
        if self.shares:
            self._begin_joining()

    def accept(self, complete: Complete) -> bool:
        """The user's thread begins to take an assignment: from now on it commits in the new generation. False when the
        assignment is void meanwhile.
        """
        if self.state != COMPLETING or self.generation != complete.generation:
            return False
        self.state = STABLE
        self.prepared = False
        if not self.actor.subscription.fits(complete.assigned):
            self.ask_rejoin("received assignments do not match the current subscription")
            return False
        return True

    def take(self, complete: Complete, revoked: bool) -> None:
        """The assignment counts from now on; cooperatively, what was ``revoked`` makes the group rebalance again."""
        if self.generation != complete.generation:
            return  # lost while the listener was called: it is told so next
        actor = self.actor
        assignor = self.assignors.get(self.protocol)
        if assignor is not None:
            assignor.on_assignment(complete.assigned, self.generation)
        actor.subscription.become_assigned(complete.assigned)
        actor.committing.wind_up()
        if revoked:
            self.ask_rejoin("need to revoke partitions and re-join")
        self.topics_changed()

    def _begin_joining(self) -> None:
        from actors.clients.consumer.joining import join

        self.rejoins = False
        self.state = JOINING
        self._stop_beating()
        self._joining = self.actor.task(join(self), self._joined)
        self._joining.step()

    def _joined(self, assigned: tuple[TopicPartition, ...] | None, error: KafkaError | None) -> None:
        self._joining = None
        if error is None:
            assert assigned is not None
            self.assigned = assigned
            self.state = COMPLETING
            self.rebalances += 1
            return
        self.state = UNJOINED
        self.rejoins = True
        self.actor.fail(error)

    def was_welcomed(self, member_id: str, generation: int, protocol: str) -> None:
        """JoinGroup was answered: a member from now on, if not one with an assignment yet."""
        self.member_id, self.generation, self.protocol = member_id, generation, protocol
        self.heard_us = self.actor.now_us()
        if self._beating is None:
            self._beating = self.actor.task(beat(self), self._beaten)
            self._beating.step()

    def lost_while_joining(self, error: KafkaError) -> None:
        """The coordinator doesn't know this member: the next attempt is a new one's, or a new generation's."""
        self._stop_beating()
        self.generation = NO_GENERATION
        if not isinstance(error, IllegalGeneration):
            self.member_id = NO_MEMBER

    def _stop_beating(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None

    def _beaten(self, _: object, error: KafkaError | None) -> None:
        self._beating = None
        if error is not None:
            self.actor.fail(error)

    def expire(self) -> None:
        """The user hasn't polled for too long: others get its partitions."""
        self._beating = None  # it is what calls
        leaving = self.leave_request(POLL_TIMEOUT)
        idle_ms = (self.actor.now_us() - self.polled_us) // 1000
        self.actor.note("PollIntervalExpired", self.group, self.generation, idle_ms)
        self.reset(POLL_TIMEOUT)
        if leaving is not None:
            self.actor.begin(self._send_leave(leaving))

    def survives(self, error: KafkaError) -> bool:
        """What an error in answer to a heartbeat means; whether this is still a member."""
        if isinstance(error, RebalanceInProgress):
            if self.state == STABLE:
                self.ask_rejoin("group is already rebalancing")
            self.heard_us = self.actor.now_us()
            return True
        if isinstance(error, (IllegalGeneration, UnknownMemberId)):
            self._beating = None
            self.lose_membership("HEARTBEAT", error)
            return False
        if isinstance(error, (FencedInstanceId, GroupAuthorizationFailed)):
            self._beating = None
            self.reset(f"encountered {error.name} from HEARTBEAT response")
            self.actor.fail(error)
            return False
        if isinstance(error, (NotCoordinator, CoordinatorNotAvailable)) or error.code < 0:
            self.actor.forget_coordinator(self.group)
        return True

    def leave_request(self, reason: str) -> LeaveGroupRequest | None:
        """The request that ends this membership; None for a static member, which stays one until its session ends."""
        if self.instance is not None or self.member_id == NO_MEMBER or self.state == UNJOINED:
            return None
        member = MemberIdentity(member_id=self.member_id, group_instance_id=None, reason=reason)
        return LeaveGroupRequest(group_id=self.group, members=[member])

    def _send_leave(self, request: LeaveGroupRequest) -> Eventually[None]:
        node = yield from self.actor.coordinator(self.group)
        yield SendTo(node, request, purpose=GROUP)

    def leave(self, reason: str) -> Eventually[None]:
        """Be no member any more, and say so; nobody waits for the answer of a coordinator that isn't known."""
        request = self.leave_request(reason)
        known = self.group in self.actor.coordinators
        if self._joining is not None:  # the coordinator takes nothing from a link on which it holds a JoinGroup back
            self.actor.hang_up(GROUP)
        self.reset(reason)
        self.prepared = False
        self.joined_topics = None
        self.counted = None
        if request is not None and known:
            yield from self._send_leave(request)

    def stop(self) -> None:
        """The consumer is closing: nothing goes on by itself."""
        self._stop_beating()
        if self._joining is not None:
            self._joining.cancel()


def counts_in_words(counts: dict[str, int]) -> str:
    """How many partitions topics have, as the Java client says it.

    >>> counts_in_words({"orders": 3, "audit": 1})
    '{audit=1, orders=3}'
    """
    return "{" + ", ".join(f"{topic}={count}" for topic, count in sorted(counts.items())) + "}"
