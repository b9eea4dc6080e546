"""Static members of consumer groups: they leave for now, and come back to what they had."""

import pytest
from groups.driving import Driven
from groups.test_consumer_group_heartbeats import beat, group, join, numbers, started

from kstore import errors
from kstore.schema.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
)


@pytest.fixture
def driven() -> Driven:
    return started()


def test_a_static_member_that_is_there_keeps_its_instance_id(driven: Driven) -> None:
    join(driven, "A", instance_id="i")
    with pytest.raises(errors.UnreleasedInstanceId):
        join(driven, "B", instance_id="i")
    with pytest.raises(errors.FencedInstanceId):
        beat(driven, "B", 2, instance_id="i")
    with pytest.raises(errors.UnknownMemberId):
        beat(driven, "A", 2, instance_id="other")


def test_a_static_member_that_left_for_now_comes_back_to_its_partitions(driven: Driven) -> None:
    join(driven, "A", instance_id="i")
    assert beat(driven, "A", -2, instance_id="i").member_epoch == -2
    back = join(driven, "A2", instance_id="i")
    assert (back.member_epoch, numbers(back)) == (2, [0, 1, 2, 3])
    assert list(group(driven).members) == ["A2"]
    assert group(driven).epoch == 2, "nobody else has to move"


def test_a_static_member_that_comes_back_without_a_member_id_is_given_one(driven: Driven) -> None:
    join(driven, "A", instance_id="i")
    beat(driven, "A", -2, instance_id="i")
    request = ConsumerGroupHeartbeatRequest(group_id="g", instance_id="i", member_epoch=0)
    request.subscribed_topic_names, request.topic_partitions, request.rebalance_timeout_ms = ["orders"], [], 30_000
    driven.ask(request, "beat", 0)
    back = driven.answer("beat")
    assert isinstance(back, ConsumerGroupHeartbeatResponse)
    assert back.member_id is not None
    assert back.member_id not in ("", "A")
    assert list(group(driven).members) == [back.member_id]
    assert beat(driven, back.member_id, 2, instance_id="i").member_epoch == 2
