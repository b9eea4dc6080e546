"""The states of a member of a classic group, without a group: what happens, and what follows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from clients.memberships import FIRST, OTHER, SECOND, completing, joining, member, stable, syncing

from actors.clients.consumer.assignors import CooperativeStickyAssignor
from actors.clients.consumer.assignors.interface import NO_GENERATION
from actors.clients.consumer.protocols.classic.membership import (
    AT_ONCE,
    COMPLETING,
    ELSEWHERE,
    FATAL,
    JOINING,
    LATER,
    NO_MEMBER,
    OUT,
    PREPARED,
    STABLE,
    SYNCING,
    UNJOINED,
    Complete,
    GroupMetadata,
    Membership,
    Prepare,
)
from kstore.errors import (
    CoordinatorLoadInProgress,
    CoordinatorNotAvailable,
    FencedInstanceId,
    GroupAuthorizationFailed,
    IllegalGeneration,
    InconsistentGroupProtocol,
    KafkaError,
    MemberIdRequired,
    NetworkException,
    NotCoordinator,
    RebalanceInProgress,
    UnknownMemberId,
)


def test_a_new_member_prepares_with_nothing_to_give_up_and_then_joins() -> None:
    found = member()
    assert (found.state, found.wants_user, found.duty()) == (UNJOINED, True, Prepare([], True, True))
    found.gave_up([])
    assert (found.state, found.is_joining, found.is_member) == (JOINING, True, False)
    assert not found.wants_user


def test_a_consumer_without_a_subscription_to_topics_never_joins() -> None:
    found = member()
    found.subscription.unsubscribe()
    found.subscription.assign_by_hand([FIRST])
    assert (found.shares, found.wants_user, found.duty()) == (False, False, None)


def test_a_member_that_is_welcomed_sends_heartbeats_while_it_waits_for_its_share() -> None:
    found = syncing()
    assert (found.state, found.is_joining, found.is_member) == (SYNCING, True, True)


def test_who_it_is_changes_when_it_takes_an_assignment_and_stays_when_its_group_has_lost_it() -> None:
    found = completing()
    assert found.metadata == GroupMetadata("shipping", NO_GENERATION, NO_MEMBER, None)
    duty = found.duty()
    assert isinstance(duty, Complete)
    assert found.accept(duty)
    assert found.metadata == GroupMetadata("shipping", 3, "m-1", None)
    found.lost("HEARTBEAT", UnknownMemberId())
    assert (found.generation, found.metadata) == (NO_GENERATION, GroupMetadata("shipping", 3, "m-1", None))
    found.gave_up([])
    found.welcomed("m-2", 5, "range")
    assert found.metadata == GroupMetadata("shipping", 3, "m-1", None)


def test_an_assignment_waits_for_the_user_and_counts_once_it_was_taken() -> None:
    found = completing()
    assert (found.state, found.wants_user, list(found.subscription.partitions)) == (COMPLETING, True, [])
    duty = found.duty()
    assert duty == Complete((FIRST, SECOND), 3)
    assert found.accept(duty)
    assert (found.state, list(found.subscription.partitions)) == (STABLE, [])
    assert found.take(duty, False)
    assert list(found.subscription.partitions) == [FIRST, SECOND]
    assert (found.rejoins, found.rebalances) == (False, 1)


def test_an_assignment_of_topics_that_are_not_read_any_more_is_not_taken_and_the_group_rebalances() -> None:
    found = completing(OTHER)
    duty = found.duty()
    assert isinstance(duty, Complete)
    assert not found.accept(duty)
    assert (found.state, found.rejoins) == (STABLE, True)
    assert found.reason == "received assignments do not match the current subscription"


def test_an_assignment_is_void_when_the_membership_was_lost_before_it_is_accepted() -> None:
    found = completing()
    duty = found.duty()
    assert isinstance(duty, Complete)
    found.lost("HEARTBEAT", UnknownMemberId())
    assert not found.accept(duty)
    assert found.state == PREPARED


def test_an_assignment_is_void_when_the_membership_was_lost_while_the_listener_was_called() -> None:
    found = completing()
    duty = found.duty()
    assert isinstance(duty, Complete)
    assert found.accept(duty)
    found.lost("HEARTBEAT", UnknownMemberId())
    assert not found.take(duty, False)
    assert list(found.subscription.partitions) == []


def test_what_a_cooperative_member_had_to_revoke_makes_the_group_rebalance_again() -> None:
    found = completing()
    duty = found.duty()
    assert isinstance(duty, Complete)
    assert found.accept(duty)
    assert found.take(duty, True)
    assert (found.rejoins, found.reason) == (True, "need to revoke partitions and re-join")


def test_an_eager_member_gives_up_everything_before_it_joins_again() -> None:
    found = stable()
    found.ask_rejoin("group is already rebalancing")
    assert found.duty() == Prepare([FIRST, SECOND], False, True)
    found.gave_up([FIRST, SECOND])
    assert (found.state, list(found.subscription.partitions)) == (JOINING, [])


def test_a_cooperative_member_keeps_what_it_still_reads() -> None:
    found = stable(CooperativeStickyAssignor)
    found.ask_rejoin("group is already rebalancing")
    assert found.duty() == Prepare([], False, False)
    found.subscription.subscribe_topics(["audit"], None)
    assert found.duty() == Prepare([FIRST, SECOND], False, False)


def test_nothing_is_asked_of_the_user_while_the_commit_before_a_rebalance_is_under_way() -> None:
    found = stable()
    found.ask_rejoin("group is already rebalancing")
    found.commit_begins()
    assert (found.wants_user, found.duty()) == (False, None)
    found.commit_ended()
    assert (found.wants_user, found.duty()) == (True, Prepare([FIRST, SECOND], False, True))


def test_joining_waits_for_a_commit_that_a_poll_inside_of_the_listener_has_begun() -> None:
    found = stable()
    found.ask_rejoin("group is already rebalancing")
    found.commit_begins()
    found.gave_up([FIRST, SECOND])
    assert (found.state, found.duty()) == (STABLE, None)
    found.commit_ended()
    assert found.duty() == Prepare([], False, True)


def test_an_eager_member_that_got_partitions_while_its_listener_was_called_gives_them_up_before_it_joins() -> None:
    found = stable()
    found.ask_rejoin("group is already rebalancing")
    found.gave_up([FIRST])
    assert found.state == STABLE
    assert found.duty() == Prepare([SECOND], False, True)


def test_the_first_reason_to_rejoin_counts() -> None:
    found = stable()
    found.ask_rejoin("first")
    found.ask_rejoin("second")
    assert found.reason == "first"


def test_a_member_whose_topics_have_changed_since_it_joined_joins_again() -> None:
    found = stable()
    found.topics_changed()
    assert not found.rejoins
    found.subscription.subscribe_topics(["orders", "audit"], None)
    found.topics_changed()
    assert found.reason == "subscription has changed"


def test_a_leader_joins_again_when_there_are_other_partitions_than_it_shared_out() -> None:
    found = stable()
    found.partitions_changed({"orders": 5})
    assert not found.rejoins  # it isn't the leader
    found.shares_out({"orders": 2})
    found.partitions_changed({"orders": 2})
    assert not found.rejoins
    found.partitions_changed({"orders": 3})
    assert "from {orders=2} at the beginning of the rebalance to {orders=3}" in found.reason


@pytest.mark.parametrize("begin", [joining, syncing])
@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (MemberIdRequired(), AT_ONCE),
        (UnknownMemberId(), AT_ONCE),
        (IllegalGeneration(), AT_ONCE),
        (RebalanceInProgress(), AT_ONCE),
        (CoordinatorLoadInProgress(), LATER),
        (NotCoordinator(), ELSEWHERE),
        (NetworkException(), ELSEWHERE),
    ],
)
def test_a_transient_error_of_joining_begins_to_join_again(
    begin: Callable[[], Membership], error: KafkaError, verdict: str
) -> None:
    found = begin()
    assert found.failed_to_join(error) == verdict
    assert (found.state, found.rejoins) == (JOINING, False)
    assert found.reason == f"rebalance failed due to {type(error).__name__}Exception"


def test_a_member_that_the_coordinator_does_not_know_joins_as_a_new_one() -> None:
    found = syncing()
    found.failed_to_join(UnknownMemberId())
    assert (found.member_id, found.generation) == (NO_MEMBER, NO_GENERATION)


def test_a_member_of_another_generation_joins_under_its_own_id() -> None:
    found = syncing()
    found.failed_to_join(IllegalGeneration())
    assert (found.member_id, found.generation) == ("m-1", NO_GENERATION)


@pytest.mark.parametrize("begin", [joining, syncing])
def test_a_lasting_error_of_joining_ends_it_until_the_next_poll_which_prepares_nothing(
    begin: Callable[[], Membership],
) -> None:
    found = begin()
    assert found.failed_to_join(InconsistentGroupProtocol()) == FATAL
    assert (found.state, found.rejoins, found.wants_user) == (PREPARED, True, True)
    assert found.duty() is None
    assert found.state == JOINING


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (IllegalGeneration(), OUT),
        (UnknownMemberId(), OUT),
        (FencedInstanceId(), FATAL),
        (GroupAuthorizationFailed(), FATAL),
    ],
)
def test_an_error_of_a_heartbeat_that_means_so_ends_the_membership(error: KafkaError, verdict: str) -> None:
    found = stable()
    assert found.heartbeat_failed(error) == verdict
    assert (found.state, found.generation, found.is_member) == (UNJOINED, NO_GENERATION, False)
    assert found.reason == f"encountered {error.name} from HEARTBEAT response"
    assert found.member_id == ("m-1" if isinstance(error, IllegalGeneration) else NO_MEMBER)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (NotCoordinator(), ELSEWHERE),
        (CoordinatorNotAvailable(), ELSEWHERE),
        (KafkaError(), ELSEWHERE),
        (CoordinatorLoadInProgress(), LATER),
    ],
)
def test_a_transient_error_of_a_heartbeat_changes_nothing(error: KafkaError, verdict: str) -> None:
    found = stable()
    assert found.heartbeat_failed(error) == verdict
    assert (found.state, found.rejoins) == (STABLE, False)


def test_a_heartbeat_tells_a_stable_member_alone_that_the_group_rebalances() -> None:
    found = stable()
    found.heartbeat_failed(RebalanceInProgress())
    assert (found.state, found.rejoins, found.reason) == (STABLE, True, "group is already rebalancing")
    waiting = completing()
    waiting.heartbeat_failed(RebalanceInProgress())
    assert not waiting.rejoins


def test_what_a_member_held_that_is_out_is_lost() -> None:
    found = stable()
    found.lost("OFFSET_COMMIT", UnknownMemberId())
    assert found.duty() == Prepare([FIRST, SECOND], True, True)


def test_a_member_that_is_out_while_it_joins_has_prepared_already() -> None:
    found = syncing()
    found.lost("HEARTBEAT", UnknownMemberId())
    assert found.duty() is None
    assert found.state == JOINING


def test_a_member_leaves_but_a_static_one_stays_until_its_session_ends() -> None:
    assert stable().leaves
    assert not stable(instance="till-4").leaves
    assert not member().leaves


def test_a_member_that_left_prepares_anew_when_it_comes_back() -> None:
    found = syncing()
    found.left("the consumer unsubscribed from all topics")
    assert (found.state, found.joined_topics) == (UNJOINED, None)
    assert isinstance(found.duty(), Prepare)


def test_a_rebalance_that_is_prepared_twice_begins_to_join_once() -> None:
    found = joining()
    found.gave_up([])
    assert found.state == JOINING


def test_a_member_joins_under_the_id_that_it_is_told() -> None:
    found = joining()
    found.was_named("m-7")
    assert found.failed_to_join(MemberIdRequired()) == AT_ONCE
    assert (found.state, found.member_id) == (JOINING, "m-7")
