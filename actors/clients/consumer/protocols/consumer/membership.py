"""A consumer's membership in a group of the consumer protocol: its states, and what moves it on. Pure.

The states are those of the Java client's ``AbstractMembershipManager``::

    UNSUBSCRIBED     not a member, and nothing is asked for
    JOINING          the heartbeat with epoch 0 is under way or about to be sent
    RECONCILING      the coordinator has assigned others than it has: the user's poll() gives up and takes
    ACKNOWLEDGING    it has what it was assigned; the next heartbeat says so
    STABLE           a member that reads
    FENCED           the coordinator doesn't know it, or not in its epoch: all is lost, then it joins anew
    PREPARE_LEAVING  it gives up what it has, to leave
    LEAVING          the heartbeat that says so is about to be sent
    FATAL            the coordinator won't have it: each poll() raises why
    STALE            it has left because its user hasn't polled: all is lost, then it joins anew

What a member reads is only changed inside of its user's poll(), which asks ``duty()`` for what is to be done there.
``member.py`` sends heartbeats while it ``is_member``, at once when it ``has_to_tell``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from actors.clients.consumer.protocols.classic.membership import Complete, Prepare
from actors.clients.structs import GroupMetadata, TopicPartition
from kstore.errors import (
    CoordinatorLoadInProgress,
    CoordinatorNotAvailable,
    FencedMemberEpoch,
    KafkaError,
    NotCoordinator,
    UnknownMemberId,
    UnsupportedVersion,
)

if TYPE_CHECKING:
    from actors.clients.consumer.subscription import Subscription
    from actors.clients.view import View

UNSUBSCRIBED = "unsubscribed"
JOINING = "joining"
RECONCILING = "reconciling"
ACKNOWLEDGING = "acknowledging"
STABLE = "stable"
FENCED = "fenced"
PREPARE_LEAVING = "prepare leaving"
LEAVING = "leaving"
FATAL = "fatal"
STALE = "stale"
MEMBERS = (JOINING, RECONCILING, ACKNOWLEDGING, STABLE)

TRANSITIONS: dict[str, dict[str, str]] = {
    "joins": dict.fromkeys((UNSUBSCRIBED, FENCED, STALE), JOINING),
    "is assigned": dict.fromkeys(MEMBERS, RECONCILING),
    "has what it should": {JOINING: STABLE, RECONCILING: STABLE},
    "takes": {RECONCILING: ACKNOWLEDGING},
    "acknowledges": {ACKNOWLEDGING: STABLE},
    "is fenced": dict.fromkeys(MEMBERS, FENCED),
    "is refused": dict.fromkeys(MEMBERS, FATAL),
    "begins to leave": dict.fromkeys(MEMBERS, PREPARE_LEAVING),
    "gave up": {PREPARE_LEAVING: LEAVING},
    "left": {LEAVING: UNSUBSCRIBED},
    "left for its user": {LEAVING: STALE},
    "is forgotten": {FENCED: UNSUBSCRIBED, STALE: UNSUBSCRIBED},
}
"""By what happens: the states in which it may, and which one follows."""

JOIN_EPOCH, LEAVE_EPOCH, STATIC_LEAVE_EPOCH = 0, -1, -2
NO_GENERATION = -1
NOTHING_TAKEN = -1
UNSUPPORTED = (
    "the cluster doesn't serve the consumer protocol of groups (ConsumerGroupHeartbeat, API key 68): give "
    'group_protocol="classic"'
)
NO_PATTERNS = (
    "the cluster doesn't serve what a SubscriptionPattern needs (ConsumerGroupHeartbeat, API key 68, from version 1): "
    'subscribe to topics, or give group_protocol="classic"'
)

# What is to be done about an error.
LATER = "ask again after a backoff"
ELSEWHERE = "find the coordinator anew, then ask again"
OUT = "not a member any more"
REFUSED = "the user must know"

VERDICTS: tuple[tuple[type[KafkaError], str], ...] = (
    (FencedMemberEpoch, OUT),
    (UnknownMemberId, OUT),
    (NotCoordinator, ELSEWHERE),
    (CoordinatorNotAvailable, ELSEWHERE),
    (CoordinatorLoadInProgress, LATER),
)

Share = Mapping[bytes, tuple[int, ...]]
"""Partitions by the ids of their topics."""


class Membership:
    """One consumer's place in its group. The interface is that of the classic protocol's, whose ``generation`` is the
    member's epoch here (-1: in none).

    ``target`` is what the coordinator assigned last, the ``target_number``-th time that it was another; ``taken`` what
    the user has been told of and the coordinator is, of ``taken_number`` (-1: of none, or only a part, as the names of
    some topics aren't known yet). ``names`` are those of the topics of both. ``joins`` counts how often it has joined:
    what was begun before is void. The next heartbeat ``tells_subscription`` and ``tells_taken`` when they have changed,
    and ``tells_all`` when nothing that was said before counts.
    """

    holds_back = True  # what is about to be given away isn't given out while it is being committed
    acknowledges = True

    def __init__(self, group: str, instance: str | None, member_id: str, subscription: Subscription) -> None:
        self.group = group
        self.instance = instance
        self.member_id = member_id
        self.subscription = subscription
        self.state = UNSUBSCRIBED
        self.epoch = JOIN_EPOCH
        self.metadata = GroupMetadata(group, NO_GENERATION, "", instance)
        self.target: Share | None = None
        self.target_number = 0
        self.taken: Share | None = None
        self.taken_number = NOTHING_TAKEN
        self.names: dict[bytes, str] = {}
        self.joins = 0
        self.tells_all = True
        self.tells_subscription = False
        self.tells_taken = False
        self.told_subscription: tuple[frozenset[str], str | None] | None = None
        self.commits_first = False
        self.why: KafkaError | None = None
        self.rebalances = 0
        self._taking: tuple[int, int, Share] = 0, NOTHING_TAKEN, {}

    def _move(self, event: str) -> None:
        assert self.state in TRANSITIONS[event], f"a member that is {self.state} {event}"
        self.state = TRANSITIONS[event][self.state]

    @property
    def generation(self) -> int:
        """The epoch that it commits in; -1 for none."""
        return self.epoch if self.epoch > 0 else NO_GENERATION

    @property
    def has_generation(self) -> bool:
        """Whether it is in an epoch that it hasn't lost."""
        return self.epoch > 0

    @property
    def shares(self) -> bool:
        """Whether the group decides what this consumer reads."""
        return bool(self.group) and self.subscription.is_by_group

    @property
    def is_member(self) -> bool:
        """Whether it sends heartbeats."""
        return self.state in MEMBERS

    @property
    def is_stable(self) -> bool:
        """Whether it may commit as a member: also while it reconciles."""
        return self.is_member and self.has_generation

    is_rebalancing = False  # there is no time between two generations

    @property
    def has_to_tell(self) -> bool:
        """Whether the next heartbeat is not to wait for the interval."""
        return self.state in (JOINING, ACKNOWLEDGING) or (self.is_member and self.tells_subscription)

    @property
    def wants_user(self) -> bool:
        """Whether something is to be done inside of the user's poll()."""
        if not self.shares or self.commits_first:
            return False
        if self.state == RECONCILING:
            return self._can_reconcile()
        return self.state in (UNSUBSCRIBED, FENCED, STALE, FATAL)

    def _can_reconcile(self) -> bool:
        """Whether all names are known, or those that are known make a difference."""
        known = self._known()
        return len(known) == len(self.target or {}) or known != (self.taken or {})

    def _known(self) -> Share:
        return {topic: numbers for topic, numbers in (self.target or {}).items() if topic in self.names}

    def topics_changed(self) -> None:
        """What is subscribed to may have changed."""
        told = self.told_subscription
        if self.is_member and told is not None and told != (self.subscription.topics, self.subscription.regex):
            self.tells_subscription = True

    @property
    def topic_ids(self) -> frozenset[bytes]:
        """Of the topics of which it has something, or is to have."""
        return frozenset((*(self.target or {}), *(self.taken or {})))

    def learn_names(self, view: View) -> bool:
        """Look up the topics of the target that have no name yet; whether some of them still have none."""
        missing = {topic for topic in self.target or {} if topic not in self.names}
        if missing:
            self.names |= {topic.id: name for name, topic in view.topics.items() if topic.id in missing}
        return any(topic not in self.names for topic in missing)

    def _partitions(self, share: Share) -> list[TopicPartition]:
        return [
            TopicPartition(self.names[topic], number) for topic, numbers in share.items() for number in sorted(numbers)
        ]

    def duty(self) -> Prepare | Complete | KafkaError | None:
        """What the user's thread is to do next, if anything: an error is to be raised. Begins to join when there is
        nothing to be given up before.
        """
        if not self.wants_user:
            return None
        held = self.subscription.partitions
        if self.state == RECONCILING:
            known = self._known()
            assigned = self._partitions(known)
            if gone := [each for each in held if each not in set(assigned)]:
                return Prepare(gone, lost=False, eager=False)
            whole = len(known) == len(self.target or {})
            self._taking = self.joins, self.target_number if whole else NOTHING_TAKEN, known
            return Complete(tuple(assigned), self.generation)
        if held:
            return Prepare(list(held), lost=True, eager=False)
        if self.state == FATAL:
            return self.why
        self._join()
        return None

    def gave_up(self, gone: list[TopicPartition]) -> None:
        """The listener knows that these are gone."""
        given_up = set(gone)
        self.subscription.become_assigned([each for each in self.subscription.partitions if each not in given_up])
        if self.shares and not self.subscription.partitions and self.state in (FENCED, STALE):
            self._join()

    def _join(self) -> None:
        self._move("joins")
        self.joins += 1
        self.epoch = JOIN_EPOCH
        self.target, self.taken = None, None
        self.target_number, self.taken_number = 0, NOTHING_TAKEN
        self.tells_all = True

    def commit_begins(self) -> None:
        """The commit before partitions are given up is under way; nothing is asked of the user until it has ended."""
        self.commits_first = True

    def commit_ended(self) -> None:
        """It was committed, or it failed, which doesn't stop the reconciliation."""
        self.commits_first = False

    def accept(self, complete: Complete) -> bool:
        """The user's thread begins to take an assignment. False when it is void meanwhile."""
        return self.state == RECONCILING and self.joins == self._taking[0]

    def take(self, complete: Complete, revoked: bool) -> bool:
        """These are read from now on."""
        if not self.accept(complete):
            return False
        self.subscription.become_assigned(complete.assigned)
        return True

    def acknowledge(self) -> None:
        """The listener knows what was taken: the next heartbeat says so. An assignment that has come meanwhile follows
        after that.
        """
        joins, number, share = self._taking
        if self.state == RECONCILING and joins == self.joins:
            self._move("takes")
            self.taken, self.taken_number = share, number
            self.tells_taken = True
            self.rebalances += 1

    def heartbeat_begins(self) -> None:
        """A heartbeat is made, which says all that there is to say."""
        self.tells_subscription = self.tells_taken = self.tells_all = False
        self.told_subscription = self.subscription.topics, self.subscription.regex
        if self.state == ACKNOWLEDGING:
            self._move("acknowledges" if self.taken_number == self.target_number else "is assigned")

    def heartbeat_answered(self, epoch: int, assigned: Share | None) -> None:
        """The coordinator counts on this member, in this epoch, and may have assigned something else."""
        if not self.is_member or epoch < 0:
            return
        self.epoch = epoch
        if epoch > 0:
            self.metadata = GroupMetadata(self.group, epoch, self.member_id, self.instance)
        if assigned is None:
            return
        if self.target is None or assigned != self.target:
            self.target = assigned
            self.target_number += 1
        keep = {*assigned, *(self.taken or {})}
        self.names = {topic: name for topic, name in self.names.items() if topic in keep}
        if self.taken_number != self.target_number:
            self._move("is assigned")
        elif self.state in (JOINING, RECONCILING):
            self._move("has what it should")

    def heartbeat_failed(self, error: KafkaError) -> str:
        """What an error in answer to a heartbeat, or instead of one, means."""
        self.tells_all = True
        verdict = next((said for kind, said in VERDICTS if isinstance(error, kind)), "")
        if not verdict:
            verdict = (ELSEWHERE if error.code < 0 else LATER) if error.retriable else REFUSED
        if verdict == OUT:
            self._move("is fenced")
            self.epoch = JOIN_EPOCH
        elif verdict == REFUSED:
            self._move("is refused")
            self.epoch = JOIN_EPOCH
            self.why = self._unsupported() if isinstance(error, UnsupportedVersion) else error
        return verdict

    def _unsupported(self) -> UnsupportedVersion:
        return UnsupportedVersion(UNSUPPORTED if self.subscription.regex is None else NO_PATTERNS)

    @property
    def leave_epoch(self) -> int:
        """What a heartbeat says that leaves: a static member's share is kept for it until its session ends."""
        return LEAVE_EPOCH if self.instance is None else STATIC_LEAVE_EPOCH

    def left(self) -> None:
        """The user has had enough, of which the listener knows."""
        if self.is_member:
            self._leave("left")
        elif self.state in (FENCED, STALE):
            self._move("is forgotten")
        self.metadata = GroupMetadata(self.group, NO_GENERATION, "", self.instance)

    def expire(self) -> None:
        """The user hasn't polled for too long: the next poll() tells the listener that all is lost, and joins anew."""
        self._leave("left for its user")

    def _leave(self, how: str) -> None:
        self._move("begins to leave")
        self._move("gave up")
        self._move(how)
        self.epoch = JOIN_EPOCH
        self.told_subscription = None
