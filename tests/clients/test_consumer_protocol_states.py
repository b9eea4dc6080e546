"""The states of a member of the consumer protocol as a table, and what its heartbeats say; without a group."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from actors.clients.consumer.protocols.classic.membership import Complete, Prepare
from actors.clients.consumer.protocols.consumer.membership import (
    ACKNOWLEDGING,
    FATAL,
    FENCED,
    JOINING,
    LEAVING,
    PREPARE_LEAVING,
    RECONCILING,
    STABLE,
    STALE,
    TRANSITIONS,
    UNSUBSCRIBED,
    Membership,
)
from actors.clients.consumer.protocols.consumer.requests import heartbeat_request, leave_request, share_in
from actors.clients.consumer.subscription import Subscription
from actors.clients.keywords.table import ConsumerConfig
from actors.clients.structs import SubscriptionPattern, TopicPartition
from actors.clients.view import TopicView, View
from kstore.errors import (
    CoordinatorLoadInProgress,
    FencedMemberEpoch,
    GroupAuthorizationFailed,
    NotCoordinator,
    UnknownMemberId,
    UnreleasedInstanceId,
    UnsupportedVersion,
)
from kstore.schema.messages.consumer_group_heartbeat import (
    Assignment,
    ConsumerGroupHeartbeatResponse,
    ConsumerGroupHeartbeatResponseTopicPartitions,
)

ORDERS, AUDIT = b"o" * 16, b"a" * 16
FIRST, SECOND, OTHER = TopicPartition("orders", 0), TopicPartition("orders", 1), TopicPartition("audit", 0)
VIEW = View(topics={"orders": TopicView("orders", ORDERS, False, 0, {})})
CONFIG = ConsumerConfig.parse({"group_protocol": "consumer", "client_rack": "west", "group_remote_assignor": "range"})
STATES = (UNSUBSCRIBED, JOINING, RECONCILING, ACKNOWLEDGING, STABLE, FENCED, PREPARE_LEAVING, LEAVING, FATAL, STALE)


def unsubscribed(instance: str | None = None) -> Membership:
    subscription = Subscription()
    subscription.subscribe_topics(["orders"], None)
    return Membership("shipping", instance, "m-1", subscription)


def joining() -> Membership:
    found = unsubscribed()
    assert found.duty() is None
    return found


def told(found: Membership) -> Membership:
    found.heartbeat_begins()
    return found


def assigned(found: Membership, epoch: int, *numbers: int) -> Membership:
    found.heartbeat_answered(epoch, {ORDERS: numbers} if numbers else {})
    found.learn_names(VIEW)
    return found


def reconciling() -> Membership:
    return assigned(told(joining()), 3, 0, 1)


def taken(found: Membership) -> Membership:
    duty = found.duty()
    assert isinstance(duty, Complete)
    assert found.accept(duty)
    assert found.take(duty, False)
    found.acknowledge()
    return found


def acknowledging() -> Membership:
    return taken(reconciling())


def stable() -> Membership:
    return told(acknowledging())


def fenced() -> Membership:
    found = stable()
    found.heartbeat_failed(FencedMemberEpoch())
    return found


def refused() -> Membership:
    found = stable()
    found.heartbeat_failed(GroupAuthorizationFailed())
    return found


def stale() -> Membership:
    found = stable()
    found.expire()
    return found


IN: dict[str, Callable[[], Membership]] = {
    UNSUBSCRIBED: unsubscribed,
    JOINING: joining,
    RECONCILING: reconciling,
    ACKNOWLEDGING: acknowledging,
    STABLE: stable,
    FENCED: fenced,
    FATAL: refused,
    STALE: stale,
}

HAPPENS: dict[str, Callable[[Membership], object]] = {
    "poll() finds nothing to give up": lambda it: it.subscription.partitions or it.duty(),
    "the listener has given up": lambda it: it.gave_up(list(it.subscription.partitions)),
    "others are assigned": lambda it: it.heartbeat_answered(4, {ORDERS: (0,)}),
    "the same is assigned": lambda it: it.heartbeat_answered(4, {ORDERS: (0, 1)}),
    "nothing new is assigned": lambda it: it.heartbeat_answered(4, None),
    "a heartbeat begins": lambda it: it.heartbeat_begins(),
    "the coordinator is elsewhere": lambda it: it.heartbeat_failed(NotCoordinator()),
    "it is fenced": lambda it: it.heartbeat_failed(FencedMemberEpoch()),
    "it isn't known": lambda it: it.heartbeat_failed(UnknownMemberId()),
    "its instance id is taken": lambda it: it.heartbeat_failed(UnreleasedInstanceId()),
    "the user is away": lambda it: it.expire(),
    "the user leaves": lambda it: it.left(),
}
DEFECT = "a defect"
LEADS: dict[str, tuple[str, ...]] = {
    "in": (UNSUBSCRIBED, JOINING, RECONCILING, ACKNOWLEDGING, STABLE, FENCED, FATAL, STALE),
    "poll() finds nothing to give up": (
        JOINING,
        JOINING,
        RECONCILING,
        ACKNOWLEDGING,
        STABLE,
        FENCED,
        FATAL,
        STALE,
    ),
    "the listener has given up": (
        UNSUBSCRIBED,
        JOINING,
        RECONCILING,
        ACKNOWLEDGING,
        STABLE,
        JOINING,
        FATAL,
        JOINING,
    ),
    "others are assigned": (
        UNSUBSCRIBED,
        RECONCILING,
        RECONCILING,
        RECONCILING,
        RECONCILING,
        FENCED,
        FATAL,
        STALE,
    ),
    "the same is assigned": (
        UNSUBSCRIBED,
        RECONCILING,
        RECONCILING,
        ACKNOWLEDGING,
        STABLE,
        FENCED,
        FATAL,
        STALE,
    ),
    "nothing new is assigned": (
        UNSUBSCRIBED,
        JOINING,
        RECONCILING,
        ACKNOWLEDGING,
        STABLE,
        FENCED,
        FATAL,
        STALE,
    ),
    "a heartbeat begins": (UNSUBSCRIBED, JOINING, RECONCILING, STABLE, STABLE, FENCED, FATAL, STALE),
    "the coordinator is elsewhere": (
        UNSUBSCRIBED,
        JOINING,
        RECONCILING,
        ACKNOWLEDGING,
        STABLE,
        FENCED,
        FATAL,
        STALE,
    ),
    "it is fenced": (DEFECT, FENCED, FENCED, FENCED, FENCED, DEFECT, DEFECT, DEFECT),
    "it isn't known": (DEFECT, FENCED, FENCED, FENCED, FENCED, DEFECT, DEFECT, DEFECT),
    "its instance id is taken": (DEFECT, FATAL, FATAL, FATAL, FATAL, DEFECT, DEFECT, DEFECT),
    "the user is away": (DEFECT, STALE, STALE, STALE, STALE, DEFECT, DEFECT, DEFECT),
    "the user leaves": (
        UNSUBSCRIBED,
        UNSUBSCRIBED,
        UNSUBSCRIBED,
        UNSUBSCRIBED,
        UNSUBSCRIBED,
        UNSUBSCRIBED,
        FATAL,
        UNSUBSCRIBED,
    ),
}


@pytest.mark.parametrize("state", IN)
@pytest.mark.parametrize("event", HAPPENS)
def test_what_happens_leads_from_each_state_to_another_or_is_a_defect(state: str, event: str) -> None:
    found = IN[state]()
    assert found.state == state
    leads_to = LEADS[event][LEADS["in"].index(state)]
    if leads_to == DEFECT:
        with pytest.raises(AssertionError, match=f"a member that is {state} "):
            HAPPENS[event](found)
    else:
        HAPPENS[event](found)
        assert found.state == leads_to


def test_the_table_names_each_state_and_leads_to_each() -> None:
    assert {state for table in TRANSITIONS.values() for state in table} == set(STATES) - {FATAL}
    assert {state for table in TRANSITIONS.values() for state in table.values()} == set(STATES)


def test_a_first_heartbeat_says_everything_and_the_next_only_who_it_is_of() -> None:
    found = joining()
    first = heartbeat_request(found, CONFIG)
    assert (first.member_id, first.member_epoch, first.rebalance_timeout_ms) == ("m-1", 0, 300_000)
    assert (first.subscribed_topic_names, first.server_assignor, first.rack_id) == (["orders"], "range", "west")
    assert first.topic_partitions == []
    found = assigned(told(found), 3, 0)
    second = heartbeat_request(found, CONFIG)
    assert (second.member_id, second.member_epoch, second.rebalance_timeout_ms) == ("m-1", 3, -1)
    assert (second.subscribed_topic_names, second.server_assignor, second.rack_id) == (None, None, None)
    assert second.topic_partitions is None


def test_what_was_taken_is_told_once_and_everything_after_an_error() -> None:
    found = acknowledging()
    (share,) = heartbeat_request(found, CONFIG).topic_partitions or []
    assert (share.topic_id, share.partitions) == (ORDERS, [0, 1])
    told(found)
    assert heartbeat_request(found, CONFIG).topic_partitions is None
    found.heartbeat_failed(CoordinatorLoadInProgress())
    again = heartbeat_request(found, CONFIG)
    assert (again.member_epoch, again.subscribed_topic_names) == (3, ["orders"])
    assert [each.partitions for each in again.topic_partitions or []] == [[0, 1]]


def test_what_was_taken_is_told_though_something_else_was_assigned_before_that() -> None:
    found = assigned(acknowledging(), 4, 0)
    assert found.state == RECONCILING
    assert [each.partitions for each in heartbeat_request(found, CONFIG).topic_partitions or []] == [[0, 1]]


def test_a_changed_subscription_is_told_with_the_next_heartbeat() -> None:
    found = stable()
    found.subscription.subscribe_topics(["orders", "audit"], None)
    assert not found.has_to_tell
    found.topics_changed()
    assert found.has_to_tell
    request = heartbeat_request(found, CONFIG)
    assert (request.subscribed_topic_names, request.topic_partitions) == (["audit", "orders"], None)
    assert not told(found).has_to_tell


def test_a_pattern_that_the_broker_matches_is_told_by_a_member_that_joins_and_when_it_is_another() -> None:
    subscription = Subscription()
    subscription.subscribe_at_broker(SubscriptionPattern("orders-.*"), None)
    found = Membership("shipping", None, "m-1", subscription)
    assert found.duty() is None
    request = heartbeat_request(found, CONFIG)
    assert (request.subscribed_topic_regex, request.subscribed_topic_names) == ("orders-.*", [])
    taken(assigned(told(found), 3, 0))
    assert heartbeat_request(told(found), CONFIG).subscribed_topic_regex is None
    subscription.subscribe_at_broker(SubscriptionPattern("audit-.*"), None)
    found.topics_changed()
    assert found.has_to_tell
    assert heartbeat_request(found, CONFIG).subscribed_topic_regex == "audit-.*"
    assert heartbeat_request(told(found), CONFIG).subscribed_topic_regex is None


def test_a_member_leaves_for_good_and_a_static_one_for_now() -> None:
    assert leave_request(unsubscribed()).member_epoch == -1
    assert leave_request(unsubscribed("worker-1")).member_epoch == -2


def test_partitions_are_given_up_before_others_are_taken() -> None:
    found = assigned(stable(), 4, 1, 2)
    duty = found.duty()
    assert duty == Prepare([FIRST], lost=False, eager=False)
    found.gave_up([FIRST])
    assert found.state == RECONCILING
    assert found.duty() == Complete((SECOND, TopicPartition("orders", 2)), 4)


def test_all_is_lost_when_it_is_fenced_and_it_joins_in_epoch_0() -> None:
    found = fenced()
    assert found.duty() == Prepare([FIRST, SECOND], lost=True, eager=False)
    found.gave_up([FIRST, SECOND])
    request = heartbeat_request(found, CONFIG)
    assert (found.state, request.member_id, request.member_epoch, request.topic_partitions) == (JOINING, "m-1", 0, [])
    assert found.metadata.generation_id == 3  # a transaction with what was read before is refused by it


def test_what_was_begun_before_it_joined_anew_is_void() -> None:
    found = reconciling()
    duty = found.duty()
    assert isinstance(duty, Complete)
    found.heartbeat_failed(UnknownMemberId())
    found.duty()
    assigned(told(found), 5, 0)
    assert not found.accept(duty)
    found.acknowledge()
    assert found.state == RECONCILING


def test_a_topic_without_a_known_name_is_taken_when_its_name_is_known() -> None:
    found = told(joining())
    found.heartbeat_answered(3, {AUDIT: (0,), ORDERS: (0,)})
    assert found.learn_names(View())
    assert not found.wants_user
    assert found.learn_names(VIEW)
    assert found.duty() == Complete((FIRST,), 3)
    taken(found)
    told(found)
    assert (found.state, found.wants_user) == (RECONCILING, False)
    assert not found.learn_names(View(topics={"audit": TopicView("audit", AUDIT, False, 0, {})}))
    assert found.duty() == Complete((OTHER, FIRST), 3)
    taken(found)
    assert told(found).state == STABLE


def test_an_assignment_that_comes_back_while_it_reconciles_is_told_again() -> None:
    found = assigned(assigned(stable(), 4, 0), 5, 0, 1)
    assert found.duty() == Complete((FIRST, SECOND), 5)
    assert taken(found).state == ACKNOWLEDGING


def test_an_answer_after_it_has_left_changes_nothing() -> None:
    found = stable()
    found.left()
    found.heartbeat_answered(4, {ORDERS: (0,)})
    assert (found.state, found.epoch, found.generation) == (UNSUBSCRIBED, 0, -1)


def test_a_broker_without_the_protocol_is_told_so_in_words() -> None:
    found = joining()
    found.heartbeat_failed(UnsupportedVersion("broker-1 doesn't serve API key 68"))
    why = found.duty()
    assert isinstance(why, UnsupportedVersion)
    assert 'give group_protocol="classic"' in why.message


def test_nothing_is_asked_of_the_user_while_it_commits_what_it_gives_up() -> None:
    found = assigned(stable(), 4, 0)
    found.commit_begins()
    assert (found.wants_user, found.duty()) == (False, None)
    found.commit_ended()
    assert found.wants_user


def test_an_answer_without_an_assignment_is_another_than_an_empty_one() -> None:
    assert share_in(ConsumerGroupHeartbeatResponse()) is None
    assert share_in(ConsumerGroupHeartbeatResponse(assignment=Assignment())) == {}
    share = ConsumerGroupHeartbeatResponseTopicPartitions(topic_id=ORDERS, partitions=[1, 0])
    assert share_in(ConsumerGroupHeartbeatResponse(assignment=Assignment(topic_partitions=[share]))) == {ORDERS: (0, 1)}
