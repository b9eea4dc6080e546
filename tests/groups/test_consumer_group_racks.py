"""Racks in consumer groups: those of replicas count, as in Apache Kafka 4.4; a member's own moves nobody."""

from __future__ import annotations

import pytest
from groups.driving import Driven
from groups.test_consumer_group_heartbeats import beat, group, join, started, topics

BEFORE = {"orders": [["east"], ["west"], ["east"], ["west"]]}
AFTER = {"orders": [["east"], ["west"], ["east"], ["north"]]}


@pytest.fixture
def driven() -> Driven:
    return started()


def reasons(driven: Driven) -> list[str]:
    return [each.because for each in driven.notes if each.kind == "EpochBegun"]


def test_replicas_in_another_rack_begin_an_epoch_that_moves_nothing(driven: Driven) -> None:
    driven.topics.set(topics(), BEFORE)
    join(driven, "A")
    driven.topics.set(topics(), dict(BEFORE))
    assert beat(driven, "A", 2).member_epoch == 2, "they are the same"
    driven.topics.set(topics(), AFTER)
    told = beat(driven, "A", 2)
    assert (told.member_epoch, told.assignment) == (3, None)
    assert reasons(driven)[-1] == "the racks of replicas have changed"


def test_a_topic_that_grows_is_told_from_racks_that_change(driven: Driven) -> None:
    driven.topics.set(topics(), BEFORE)
    join(driven, "A")
    driven.topics.set(topics(5), {"orders": [*BEFORE["orders"], ["east"]]})
    assert beat(driven, "A", 2).member_epoch == 3
    assert reasons(driven)[-1] == "topics or their partitions have changed"


def test_racks_of_topics_that_nobody_subscribes_to_are_nothing_to_a_group(driven: Driven) -> None:
    join(driven, "A", "users")
    driven.topics.set(topics(), BEFORE)
    assert beat(driven, "A", 2).member_epoch == 2


def test_after_a_member_has_left_racks_are_still_told_from_topics(driven: Driven) -> None:
    driven.topics.set(topics(), BEFORE)
    join(driven, "A")
    join(driven, "B", "users")
    beat(driven, "B", -1)
    driven.topics.set(topics(), AFTER)
    beat(driven, "A", 2)
    assert reasons(driven)[-1] == "the racks of replicas have changed"


def test_another_coordinator_sees_that_they_have_changed_but_not_what(driven: Driven) -> None:
    driven.topics.set(topics(), BEFORE)
    join(driven, "A")
    other = started(log=driven.log)
    other.topics.set(topics(), BEFORE)
    assert beat(other, "A", 2).member_epoch == 2
    again = started(log=driven.log)
    again.topics.set(topics(), AFTER)
    assert beat(again, "A", 2).member_epoch == 3
    assert reasons(again) == ["topics, their partitions or the racks of their replicas have changed"]


def test_a_member_in_another_rack_is_noted_and_begins_no_epoch(driven: Driven) -> None:
    join(driven, "A", rack_id="east")
    assert beat(driven, "A", 2, rack_id="west").member_epoch == 2
    assert group(driven).members["A"].rack_id == "west"
    assert group(started(log=driven.log)).members["A"].rack_id == "west"
    assert len(reasons(driven)) == 1
