"""What takes long for one group is done in slices, between which others get turns; its own members wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from groups.driving import Driven
from groups.lives import Step
from groups.test_consumer_group_heartbeats import beat, group, join, owned, send
from groups.test_consumer_group_migration_recovery import STEPS as MIGRATING_STEPS
from groups.test_consumer_group_migration_recovery import MigratingLife
from groups.test_consumer_group_recovery import STEPS, ConsumerLife
from hypothesis import given
from hypothesis import strategies as st

from actors.groups.timers import TimerKey
from actors.groups.topics import TopicInfo
from kstore import errors

REGEX = "t.*7"
SLICE = "actors.groups.consumer.slices.SLICE_COST"


def many_topics(count: int) -> dict[str, TopicInfo]:
    return {f"t{number}": TopicInfo(number.to_bytes(16), 1) for number in range(count)}


@pytest.fixture
def driven() -> Iterator[Driven]:
    found = Driven()
    found.topics.set(many_topics(5_000))
    with patch(SLICE, 1_000):
        yield found


def ask_to_join(driven: Driven, member: str, reply: str, regex: str = REGEX, name: str = "g") -> None:
    send(
        driven, member, 0, reply, group=name, rebalance_timeout_ms=9, topic_partitions=[], subscribed_topic_regex=regex
    )


def next_slice(driven: Driven) -> None:
    key = next(each for each, at_ms in driven.timers.items() if at_ms <= driven.now_ms)
    del driven.timers[key]
    driven.carry_out(driven.shard.timer_fired(key, driven.now_ms))


def test_another_group_gets_its_turns_while_an_expression_is_matched(driven: Driven) -> None:
    join(driven, "other", "t1", group="other")
    before = len(driven.log)
    ask_to_join(driven, "A", "join")
    assert driven.is_parked("join")
    turns = 1
    while driven.is_parked("join"):
        assert beat(driven, "other", 2, group="other").member_epoch == 2
        next_slice(driven)
        turns += 1
    answer = driven.answer("join")
    assert turns > 5
    assert len(answer.assignment.topic_partitions) == 500
    with patch(SLICE, 10**9):
        at_once = Driven()
        at_once.topics.set(many_topics(5_000))
        ask_to_join(at_once, "A", "join")
        assert at_once.answer("join") == answer
    assert at_once.log == driven.log[before:]


def test_what_concerns_the_group_itself_waits_in_order(driven: Driven) -> None:
    ask_to_join(driven, "A", "first")
    ask_to_join(driven, "B", "second")
    send(driven, "A", 2, "too early?")
    assert all(driven.is_parked(each) for each in ("first", "second", "too early?"))
    assert driven.delete("g") == {"g": errors.GroupIdNotFound.code}
    driven.pass_ms(0)
    assert [driven.answer(each).member_epoch for each in ("first", "second", "too early?")] == [2, 3, 2]
    assert list(group(driven).members) == ["A", "B"]


def test_topics_that_come_while_an_expression_is_matched_are_matched_next(driven: Driven) -> None:
    ask_to_join(driven, "A", "join")
    driven.topics.set({**many_topics(5_000), "t-new-7": TopicInfo(b"n" * 16, 1)})
    driven.pass_ms(0)
    assert len(driven.answer("join").assignment.topic_partitions) == 500
    assert "t-new-7" not in group(driven).regexes[REGEX]
    send(driven, "A", 2, "beat", topic_partitions=owned())
    driven.pass_ms(0)
    assert driven.answer("beat").member_epoch == 3
    assert "t-new-7" in group(driven).regexes[REGEX]


def test_what_is_refused_in_the_end_leaves_the_group_free() -> None:
    driven = Driven(group_metadata_max_bytes=10_000)
    driven.topics.set(many_topics(5_000))
    ask_to_join(driven, "A", "join", "t.*")
    driven.pass_ms(0)
    assert isinstance(driven.answer("join"), errors.CoordinatorNotAvailable)
    assert not driven.shard.groups
    ask_to_join(driven, "A", "again", "t77.")
    driven.pass_ms(0)
    assert driven.answer("again").member_epoch == 2


def test_members_are_told_to_look_for_the_coordinator_that_moves_meanwhile(driven: Driven) -> None:
    ask_to_join(driven, "A", "first")
    ask_to_join(driven, "B", "second")
    driven.carry_out(driven.shard.unloaded(driven.now_ms))
    assert all(isinstance(driven.answer(each), errors.NotCoordinator) for each in ("first", "second"))


@pytest.mark.parametrize("is_stored", [True, False])
def test_offsets_that_are_committed_meanwhile_stay_whatever_becomes_of_the_group(
    driven: Driven, is_stored: bool
) -> None:
    ask_to_join(driven, "A", "join")
    driven.send_commit("commit", {("t1", 0): 5})
    assert driven.commit_code("commit") == errors.NONE
    driven.is_held = True
    driven.pass_ms(0)
    if is_stored:
        driven.commit()
    else:
        driven.refuse(errors.NotEnoughReplicas())
    assert driven.listed(types=["consumer" if is_stored else "classic"]) == ["g"]
    assert driven.fetch("t1") == {("t1", 0): 5}
    driven.shard.check()


@given(st.lists(STEPS, min_size=20, max_size=60), st.sampled_from([1, 20]))
def test_in_small_slices_a_shard_is_what_another_makes_of_its_log(life: list[Step], cost: int) -> None:
    with patch(SLICE, cost):
        ConsumerLife().live(life)


@given(st.lists(MIGRATING_STEPS, min_size=20, max_size=60), st.sampled_from([1, 20]))
def test_in_small_slices_groups_of_both_protocols_settle(steps: list[Step], cost: int) -> None:
    with patch(SLICE, cost):
        life = MigratingLife()
        life.live(steps)
        life.settle()
        life.check()


def test_a_member_whose_heartbeat_waits_as_its_session_ends_has_shown_that_it_lives(driven: Driven) -> None:
    join(driven, "A", "t1")
    driven.pass_ms(44_999)
    ask_to_join(driven, "B", "join")
    send(driven, "A", 2, "beat")
    for key in [
        each for each in driven.timers if isinstance(each, TimerKey) and each.subject == "A"
    ]:  # they come due while B's expression is matched
        del driven.timers[key]
        driven.carry_out(driven.shard.timer_fired(key, driven.now_ms))
    assert driven.is_parked("beat")
    driven.pass_ms(0)
    assert driven.answer("beat").member_epoch == 3
    assert list(group(driven).members) == ["A", "B"]
    driven.pass_ms(45_000)
    assert not group(driven).members
