"""Who leads when brokers die and return, and which in-sync sets the controller accepts."""

from typing import Any

import pytest
from controller.deciding import Driven
from hypothesis import given, settings
from hypothesis import strategies as st

from kstore import errors
from kstore.errors import KafkaError, StaleBrokerEpoch
from kstore.schema.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)


def test_the_next_in_sync_replica_of_the_assignment_leads() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 3, 2]])
    driven.lose(1)
    assert (driven.partition("orders").leader, driven.partition("orders").isr) == (3, (3, 2))
    assert (driven.partition("orders").leader_epoch, driven.partition("orders").partition_epoch) == (1, 1)


def test_a_follower_that_dies_costs_no_leader_epoch() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    driven.lose(2)
    assert (driven.partition("orders").leader, driven.partition("orders").isr) == (1, (1, 3))
    assert (driven.partition("orders").leader_epoch, driven.partition("orders").partition_epoch) == (0, 1)


def test_the_last_in_sync_replica_stays_in_the_set_and_leads_again_when_it_returns() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    assert driven.alter("orders", [1]).error_code == 0
    driven.lose(1)
    assert (driven.partition("orders").leader, driven.partition("orders").isr) == (-1, (1,))
    driven.start(1)
    assert (driven.partition("orders").leader, driven.partition("orders").leader_epoch) == (1, 2)


def test_nobody_out_of_sync_is_elected_when_the_topic_does_not_allow_it() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    driven.alter("orders", [1])
    driven.lose(1)
    driven.now_ms += 60_000
    assert not driven.machine.elect_uncleanly().records


def test_a_topic_that_allows_it_elects_a_live_replica_which_recovers() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]], unclean_leader_election_enable="true")
    driven.alter("orders", [1])
    driven.lose(1)
    found = driven.partition("orders")
    assert (found.leader, found.isr, found.leader_recovery_state) == (2, (2,), 1)
    assert driven.alter("orders", [2, 3]).error_code == errors.InvalidRequest.code
    assert driven.alter("orders", [2], recovery_state=0).leader_recovery_state == 0
    assert driven.alter("orders", [2, 3]).isr == [2, 3]


def test_unclean_election_may_be_allowed_for_all_topics_and_later() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    driven.alter("orders", [1])
    driven.lose(1)
    wish = AlterableConfig(name="unclean.leader.election.enable", config_operation=0, value="true")
    resource = AlterConfigsResource(resource_type=4, resource_name="", configs=[wish])
    driven.decide(IncrementalAlterConfigsRequest(resources=[resource]))
    driven.apply(driven.machine.elect_uncleanly())
    assert driven.partition("orders").leader == 2
    assert Driven(unclean_leader_election_enable="true").machine.state.may_elect_uncleanly("orders")


def test_leaderships_go_back_to_the_preferred_replica_when_it_is_in_sync() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    driven.lose(1)
    driven.start(1)
    assert not driven.machine.balance_leaders().records
    driven.alter("orders", [2, 3, 1])
    driven.apply(driven.machine.balance_leaders())
    assert (driven.partition("orders").leader, driven.partition("orders").leader_epoch) == (1, 2)
    assert not driven.machine.balance_leaders().records


def test_a_leader_grows_and_shrinks_its_in_sync_set() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    answer = driven.alter("orders", [1, 2])
    assert (answer.isr, answer.leader_id, answer.leader_epoch, answer.partition_epoch) == ([1, 2], 1, 0, 1)
    assert driven.alter("orders", [1, 2, 3]).partition_epoch == 2
    assert driven.alter("orders", [1, 2, 3]).partition_epoch == 2, "what changes nothing is no change"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"sender": 2}, errors.InvalidRequest),
        ({"leader_epoch": 7}, errors.NotController),
        ({"partition_epoch": 9}, errors.NotController),
        ({"leader_epoch": 0}, errors.FencedLeaderEpoch),
        ({"partition_epoch": 1}, errors.InvalidUpdateVersion),
        ({"isr": []}, errors.InvalidRequest),
        ({"isr": [3, 3]}, errors.InvalidRequest),
        ({"isr": [3, 4]}, errors.InvalidRequest),
        ({"isr": [2]}, errors.InvalidRequest),
        ({"isr": [3, 1]}, errors.IneligibleReplica),
        ({"epochs": {2: 1}}, errors.IneligibleReplica),
        ({"recovery_state": 1}, errors.InvalidRequest),
    ],
)
def test_a_proposal_that_is_late_or_wrong_is_refused(changes: dict[str, object], error: type[KafkaError]) -> None:
    driven = Driven(brokers=4)
    driven.create("orders", assignments=[[1, 2, 3]])
    driven.lose(1)
    driven.alter("orders", [2])
    driven.alter("orders", [2, 3])
    driven.beat(2, want_shut_down=True)
    assert driven.partition("orders").leader == 3
    driven.start(2)
    arguments: dict[str, Any] = {"isr": [3, 2], **changes}
    before = driven.image
    assert driven.alter("orders", **arguments).error_code == error.code
    assert driven.image is before


def test_a_broker_that_was_registered_anew_may_not_be_taken_for_the_one_before() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    old = dict(driven.epochs)
    driven.lose(2)
    driven.start(2)
    assert driven.alter("orders", [1, 3, 2], epochs=old).error_code == errors.IneligibleReplica.code
    assert driven.alter("orders", [1, 3, 2]).error_code == 0


def test_a_leader_of_a_former_registration_proposes_nothing() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    driven.epochs[1] -= 1
    with pytest.raises(StaleBrokerEpoch):
        driven.alter("orders", [1])


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4)), max_size=40))
def test_whatever_happens_leaders_are_alive_and_in_sync_and_epochs_rise(
    seed: int, steps: list[tuple[int, int]]
) -> None:
    driven = Driven(brokers=4, seed=seed, start=False)
    for step, broker in steps:
        driven.now_ms += 500
        if step == 0 and (broker not in driven.image.brokers or driven.image.brokers[broker].fenced):
            driven.start(broker)
        elif step == 1:
            driven.lose(broker)
        elif step == 2 and broker in driven.epochs:
            driven.beat(broker, want_shut_down=driven.random.random() < 0.5)
        elif step == 3:
            driven.create(
                f"topic-{broker}", broker, min(3, broker), unclean_leader_election_enable=("false", "true")[seed % 2]
            )
        elif step == 4:
            driven.apply(driven.machine.fence_silent(driven.now_ms))
        elif step == 5:
            driven.apply(driven.machine.balance_leaders())
        else:
            propose_something(driven)


def propose_something(driven: Driven) -> None:
    for name, topic in driven.image.topics.items():
        for number, partition in topic.partitions.items():
            if partition.leader != -1:
                others = [r for r in partition.replicas if r != partition.leader and driven.random.random() < 0.7]
                driven.alter(name, [partition.leader, *others], number=number)
