"""A consumer's membership in a classic group: its states, and what moves it from one to the next. Pure.

The rules are those of the Java client's ``AbstractCoordinator`` and ``ConsumerCoordinator``::

    UNJOINED    not a member. The user's poll() prepares (commits, calls its listener), then joining begins
    PREPARED    not a member, but joining had begun and is begun again by poll(), which has nothing to prepare
    JOINING     JoinGroup is under way; no heartbeats, as the coordinator waits for nobody's
    SYNCING     SyncGroup is under way
    COMPLETING  the assignment is here. The user's poll() takes it and calls its listener
    STABLE      a member that reads; heartbeats tell when the group rebalances, and the user's poll() prepares again

What a member reads is only changed inside of its user's poll(), which asks ``duty()`` for what is to be done there.
``member.py`` sends what the states ask for: joining while it ``is_joining``, heartbeats while it ``is_member``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from actors.clients.consumer.assignors import EAGER
from actors.clients.consumer.assignors.interface import NO_GENERATION
from actors.clients.consumer.assignors.strategy import kind_of
from actors.clients.structs import GroupMetadata, TopicPartition
from kstore import checked
from kstore.errors import (
    CoordinatorLoadInProgress,
    CoordinatorNotAvailable,
    FencedInstanceId,
    GroupAuthorizationFailed,
    IllegalGeneration,
    KafkaError,
    MemberIdRequired,
    NotCoordinator,
    RebalanceInProgress,
    UnknownMemberId,
)
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.clients.consumer.assignors import Assignor
    from actors.clients.consumer.subscription import Subscription

UNJOINED = "unjoined"
PREPARED = "prepared"
JOINING = "joining"
SYNCING = "syncing"
COMPLETING = "completing"
STABLE = "stable"
STATES = (UNJOINED, PREPARED, JOINING, SYNCING, COMPLETING, STABLE)

TRANSITIONS: dict[str, dict[str, str]] = {
    "begins to join": {UNJOINED: JOINING, PREPARED: JOINING, STABLE: JOINING},
    "is welcomed": {JOINING: SYNCING},
    "is assigned": {SYNCING: COMPLETING},
    "accepts": {COMPLETING: STABLE},
    "joins again": {JOINING: JOINING, SYNCING: JOINING},
    "is refused": {JOINING: PREPARED, SYNCING: PREPARED},
    "is out": dict.fromkeys(STATES, UNJOINED) | dict.fromkeys((JOINING, SYNCING, COMPLETING), PREPARED),
    "leaves": dict.fromkeys(STATES, UNJOINED),
}
"""By what happens: the states in which it may, and which one follows."""

NO_MEMBER = ""
POLL_TIMEOUT = "consumer poll timeout has expired."
CLOSED = "the consumer is being closed"
UNSUBSCRIBED = "the consumer unsubscribed from all topics"

# What is to be done about an error.
AT_ONCE = "ask again at once"
LATER = "ask again after a backoff"
ELSEWHERE = "find the coordinator anew, then ask again"
OUT = "not a member any more"
FATAL = "the user must know"

JOIN_ERRORS: tuple[tuple[type[KafkaError], str], ...] = (
    (MemberIdRequired, AT_ONCE),
    (UnknownMemberId, AT_ONCE),
    (IllegalGeneration, AT_ONCE),
    (RebalanceInProgress, AT_ONCE),
    (CoordinatorLoadInProgress, LATER),
)
HEARTBEAT_ERRORS: tuple[tuple[type[KafkaError], str], ...] = (
    (IllegalGeneration, OUT),
    (UnknownMemberId, OUT),
    (FencedInstanceId, FATAL),
    (GroupAuthorizationFailed, FATAL),
    (NotCoordinator, ELSEWHERE),
    (CoordinatorNotAvailable, ELSEWHERE),
)


class Prepare(NamedTuple):
    """To be done in poll(): give these up, ``lost`` if another member has them already; the rest stays."""

    gone: list[TopicPartition]
    lost: bool
    eager: bool


class Complete(NamedTuple):
    """To be done in poll(): take this assignment."""

    assigned: tuple[TopicPartition, ...]
    generation: int


class Membership:
    """One consumer's place in its group, or a place to commit to when it reads partitions by hand.

    ``rejoins``: it is to join at the next poll(), for this ``reason``; always so while it is no member. While the
    commit before a rebalance is under way (``commits_first``) joining doesn't begin. An eager member that joins holds
    nothing. ``joined_topics`` are those that it last joined with, ``counted`` the numbers of partitions that it shared
    out as the group's leader. ``metadata`` says who it was when it last took an assignment, of which its user's records
    are, and keeps saying it when the group has lost it: without a generation a transaction with these records would be
    let through (KIP-447). All of it is changed by methods alone.
    """

    holds_back = False
    acknowledges = False

    def __init__(
        self, group: str, instance: str | None, assignors: dict[str, Assignor], subscription: Subscription
    ) -> None:
        self.group = group
        self.instance = instance
        self.assignors = assignors
        self.kind = kind_of(assignors)
        self.subscription = subscription
        self.state = UNJOINED
        self.member_id = NO_MEMBER
        self.generation = NO_GENERATION
        self.metadata = GroupMetadata(group, NO_GENERATION, NO_MEMBER, instance)
        self.protocol = ""
        self.rejoins = True
        self.reason = ""
        self.commits_first = False
        self.joined_topics: frozenset[str] | None = None
        self.counted: dict[str, int] | None = None
        self.assigned: tuple[TopicPartition, ...] = ()
        self.rebalances = 0

    def _move(self, event: str) -> None:
        assert self.state in TRANSITIONS[event], f"a member that is {self.state} {event}"
        self.state = TRANSITIONS[event][self.state]
        if not self.is_member and not self.is_joining:
            self.rejoins = True
        if checked.on:
            self.check()

    def check(self) -> None:
        """Assert what the class promises."""
        assert self.rejoins or self.is_member or self.is_joining, "a consumer that is no member is to join"
        assert not (self.commits_first and self.is_rebalancing), "it joins while the commit before that is under way"
        given_up = self.kind != EAGER or not self.is_rebalancing or not self.subscription.partitions
        assert given_up, "an eager member joins, and holds partitions"

    @property
    def is_member(self) -> bool:
        """Whether the group counts on it, in its generation."""
        return self.state in (SYNCING, COMPLETING, STABLE)

    @property
    def has_generation(self) -> bool:
        """Whether it is in a generation that it hasn't lost."""
        return self.generation != NO_GENERATION

    @property
    def shares(self) -> bool:
        """Whether the group decides what this consumer reads."""
        return bool(self.group) and self.subscription.is_by_group

    @property
    def is_stable(self) -> bool:
        """Whether it may commit as a member."""
        return self.state == STABLE

    @property
    def is_joining(self) -> bool:
        """Whether JoinGroup or SyncGroup is under way."""
        return self.state in (JOINING, SYNCING)

    @property
    def is_rebalancing(self) -> bool:
        """Whether it is between two generations."""
        return self.state in (JOINING, SYNCING, COMPLETING)

    @property
    def leaves(self) -> bool:
        """Whether it tells the group that it leaves: a static member stays one until its session ends."""
        return self.instance is None and self.member_id != NO_MEMBER and (self.is_member or self.is_joining)

    @property
    def wants_user(self) -> bool:
        """Whether something is to be done inside of the user's poll()."""
        if self.state == COMPLETING:
            return True
        return self.rejoins and not self.is_joining and not self.commits_first and self.shares

    def ask_rejoin(self, reason: str) -> None:
        """Join anew at the next poll(); the first reason counts."""
        if not self.rejoins:
            self.rejoins = True
            self.reason = reason

    def topics_changed(self) -> None:
        """What is subscribed to may have changed."""
        if self.joined_topics is not None and self.joined_topics != self.subscription.topics:
            self.ask_rejoin("subscription has changed")

    def partitions_changed(self, now: Mapping[str, int]) -> None:
        """The topics that it shared out as leader have so many partitions now; others than before are shared out."""
        if self.counted is not None and self.counted != now:
            self.ask_rejoin(
                f"cached metadata has changed from {counts_in_words(self.counted)} at the beginning of the rebalance "
                f"to {counts_in_words(now)}"
            )

    def duty(self) -> Prepare | Complete | None:
        """What the user's thread is to do next, if anything; begins to join when all is prepared."""
        if self.state == COMPLETING:
            return Complete(self.assigned, self.generation)
        if not self.wants_user:
            return None
        if self.state == PREPARED:
            self._begin_to_join()
            return None
        lost = not self.has_generation or self.member_id == NO_MEMBER
        held = self.subscription.partitions
        if lost or self.kind == EAGER:
            return Prepare(list(held), lost, self.kind == EAGER)
        return Prepare([each for each in held if each.topic not in self.subscription.topics], False, False)

    def gave_up(self, gone: list[TopicPartition]) -> None:
        """The listener knows that these are gone: the group may be joined, unless the listener itself has polled and
        there is more to prepare now.
        """
        if gone:
            given_up = set(gone)
            held = self.subscription.partitions
            self.subscription.become_assigned([each for each in held if each not in given_up])
        ready = not self.commits_first and not (self.kind == EAGER and self.subscription.partitions)
        if ready and self.shares and self.state in TRANSITIONS["begins to join"]:
            self._begin_to_join()

    def _begin_to_join(self) -> None:
        self._move("begins to join")
        self.rejoins = False

    def commit_begins(self) -> None:
        """The commit before a rebalance is under way; nothing is asked of the user until it has ended."""
        assert not self.is_rebalancing, f"a member that is {self.state} commits before it joins"
        self.commits_first = True

    def commit_ended(self) -> None:
        """It was committed, or it failed, which doesn't stop the rebalance."""
        self.commits_first = False

    def asks_to_join(self) -> None:
        """JoinGroup is sent, with the topics of now."""
        self.joined_topics = self.subscription.topics
        self.counted = None

    def was_named(self, member_id: str) -> None:
        """JoinGroup was refused for now, with the id to join under (KIP-394)."""
        assert self.state == JOINING, f"a member that is {self.state} gets its id"
        self.member_id = member_id

    def shares_out(self, counts: dict[str, int]) -> None:
        """As the group's leader it decides who reads these topics, of so many partitions each."""
        self.counted = counts

    def welcomed(self, member_id: str, generation: int, protocol: str) -> None:
        """JoinGroup was answered: a member from now on, if not one with an assignment yet."""
        self._move("is welcomed")
        self.reason = ""
        self.member_id, self.generation, self.protocol = member_id, generation, protocol

    def was_assigned(self, assigned: tuple[TopicPartition, ...]) -> None:
        """SyncGroup was answered."""
        self._move("is assigned")
        self.assigned = assigned
        self.rebalances += 1

    def failed_to_join(self, error: KafkaError) -> str:
        """JoinGroup, SyncGroup or finding the coordinator failed; what is to be done. ``FATAL`` ends it, until the next
        poll() joins anew, for which nothing has to be prepared again.
        """
        verdict = verdict_on(error, JOIN_ERRORS, ELSEWHERE if error.retriable else FATAL)
        if isinstance(error, (UnknownMemberId, IllegalGeneration)):
            self.generation = NO_GENERATION
            if isinstance(error, UnknownMemberId):
                self.member_id = NO_MEMBER
        if verdict == FATAL:
            self._move("is refused")
        else:
            self._move("joins again")
            self.reason = f"rebalance failed due to {type(error).__name__}Exception"  # as the Java client calls it
        return verdict

    def accept(self, complete: Complete) -> bool:
        """The user's thread begins to take an assignment: from now on it commits in the new generation. False when the
        assignment is void meanwhile.
        """
        if self.state != COMPLETING or self.generation != complete.generation:
            return False
        self._move("accepts")
        self.metadata = GroupMetadata(self.group, self.generation, self.member_id, self.instance)
        if not self.subscription.fits(complete.assigned):
            self.ask_rejoin("received assignments do not match the current subscription")
            return False
        return True

    def take(self, complete: Complete, revoked: bool) -> bool:
        """The assignment counts from now on; cooperatively, what was ``revoked`` makes the group rebalance again. False
        when it was lost while the listener was called, which is told so next.
        """
        if self.generation != complete.generation:
            return False
        assignor = self.assignors.get(self.protocol)
        if assignor is not None:
            assignor.on_assignment(complete.assigned, self.generation)
        self.subscription.become_assigned(complete.assigned)
        if revoked:
            self.ask_rejoin("need to revoke partitions and re-join")
        self.topics_changed()
        return True

    def heartbeat_failed(self, error: KafkaError) -> str:
        """What an error in answer to a heartbeat means."""
        verdict = verdict_on(error, HEARTBEAT_ERRORS, ELSEWHERE if error.code < 0 else LATER)
        if isinstance(error, RebalanceInProgress) and self.state == STABLE:
            self.ask_rejoin("group is already rebalancing")
        elif verdict in (OUT, FATAL):
            self.lost("HEARTBEAT", error)
        return verdict

    def lost(self, api: str, error: KafkaError) -> None:
        """The coordinator doesn't know this member, or not in this generation, or doesn't let it in."""
        self.reset(f"encountered {error.name} from {api} response", keep_id=isinstance(error, IllegalGeneration))

    def reset(self, reason: str, *, keep_id: bool = False) -> None:
        """Be no member any more; the next poll() tells the listener that all is lost, unless it was joining and the
        listener knows, and joins anew.
        """
        self._move("is out")
        self._forget_generation(reason, keep_id=keep_id)

    def _forget_generation(self, reason: str, *, keep_id: bool = False) -> None:
        self.generation = NO_GENERATION
        self.protocol = ""
        if not keep_id:
            self.member_id = NO_MEMBER
        self.reason = reason

    def left(self, reason: str) -> None:
        """The user has had enough: be no member any more, of which the listener knows."""
        self._move("leaves")
        self._forget_generation(reason)
        self.joined_topics = None
        self.counted = None


def verdict_on(error: KafkaError, verdicts: tuple[tuple[type[KafkaError], str], ...], otherwise: str) -> str:
    """What a table says of an error."""
    return next((verdict for kind, verdict in verdicts if isinstance(error, kind)), otherwise)


def counts_in_words(counts: Mapping[str, int]) -> str:
    """How many partitions topics have, as the Java client says it.

    >>> counts_in_words({"orders": 3, "audit": 1})
    '{audit=1, orders=3}'
    """
    return "{" + ", ".join(f"{topic}={count}" for topic, count in sorted(counts.items())) + "}"
