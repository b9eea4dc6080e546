"""What configs do to consumer groups in a shard: a group's own intervals, and the assignors and the room of the
broker.
"""

from __future__ import annotations

import pytest
from groups.driving import Driven
from groups.standing import Stand
from groups.test_consumer_group_heartbeats import beat, group, join, numbers, owned, started, topics

from actors.config import BrokerConfig
from actors.groups.settings import GroupConfigs
from kstore import errors
from kstore.schema.messages.consumer_group_describe import ConsumerGroupDescribeRequest


def test_a_target_assignment_waits_for_the_assignment_interval() -> None:
    driven = started()
    driven.configs["g"] = GroupConfigs(assignment_interval_ms=1_000)
    join(driven, "A")
    answer = join(driven, "B")
    assert (answer.member_epoch, numbers(answer)) == (2, [])
    assert group(driven).shown_state == "Assigning"
    driven.pass_ms(1_000)
    assert beat(driven, "B", 2, topic_partitions=owned()).member_epoch == 3


def test_a_group_follows_its_configs_as_they_are_now() -> None:
    driven = started()
    join(driven, "A")
    driven.configs["g"] = GroupConfigs(session_timeout_ms=60_000, heartbeat_interval_ms=9_000)
    assert beat(driven, "A", 2).heartbeat_interval_ms == 9_000
    driven.pass_ms(59_999)
    assert list(group(driven).members) == ["A"]
    driven.configs["g"] = GroupConfigs(session_timeout_ms=50_000)
    driven.pass_ms(1)
    assert not group(driven).members, "a session that has begun ends when it was to end"
    assert any("sent no heartbeat in 60000 ms" in str(each) for each in driven.notes)


def test_the_first_configured_assignor_is_the_default_and_others_are_refused() -> None:
    driven = started(group_consumer_assignors=("range",))
    join(driven, "A", "orders", "users")
    request = ConsumerGroupDescribeRequest(group_ids=["g"])
    driven.ask(request, "described", 1)
    assert driven.answer("described").groups[0].assignor_name == "range"
    with pytest.raises(errors.UnsupportedAssignor, match=r"uniform is not supported\. Supported assignors: range\."):
        join(driven, "B", server_assignor="uniform")


def test_an_assignor_that_is_no_longer_configured_gets_no_vote() -> None:
    driven = started()
    join(driven, "A", server_assignor="range")
    again = Driven(log=driven.log, group_consumer_assignors=("uniform",))
    again.topics.set(topics())
    again.ask(ConsumerGroupDescribeRequest(group_ids=["g"]), "described", 1)
    assert again.answer("described").groups[0].assignor_name == "uniform"


def test_a_subscription_that_grows_beyond_the_room_is_refused_and_the_member_stays() -> None:
    driven = started(group_metadata_max_bytes=20_000)
    epoch = join(driven, "A").member_epoch
    many = ["orders", *(f"{number:0200}" for number in range(100))]
    for wanted in ({"subscribed_topic_names": many}, {"subscribed_topic_regex": "o" * 20_000}):
        with pytest.raises(errors.CoordinatorNotAvailable):
            beat(driven, "A", epoch, **wanted)
    assert beat(driven, "A", epoch, subscribed_topic_names=["orders"]).error_code == 0
    assert group(driven).members["A"].topics == ("orders",)


def test_groups_without_configs_of_their_own_have_their_brokers_as_it_has_them_now() -> None:
    stand = Stand()
    configs_of = stand.shards._configs_of
    assert configs_of("g") is configs_of("h")
    stand.node.config = BrokerConfig({"group.consumer.heartbeat.interval.ms": "7000"})
    assert configs_of("g").heartbeat_interval_ms == 7_000
