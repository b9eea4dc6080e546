"""Members of groups: joining, leaving, listeners, static members, all assignors; the same on every target."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytest
from clients.consuming import QUICK, Seen, fill, numbers, poll_until, shared
from clients.targets import Target

from actors.clients.consumer.assignors import Assignor, MemberSubscription
from actors.clients.errors import ClientError, CommitFailed
from kstore import TopicPartition
from kstore.errors import FencedInstanceId, InvalidGroupId
from kstore.errors.config import ConfigError

STRATEGIES = ["range", "roundrobin", "sticky", "cooperative-sticky"]


def test_a_listener_commits_what_it_is_about_to_lose(target: Target) -> None:
    topic, group = target.topic(partitions=2), target.group()
    for partition in (0, 1):
        fill(target, topic, b"a", b"b", partition=partition)
    how = QUICK | {"group_id": group, "enable_auto_commit": False}
    first = target.consumer(**how)
    first_seen = Seen(lambda what, _: first.commit() if what == "revoked" else None)
    first.subscribe([topic], listener=first_seen)
    records = poll_until(lambda: first_seen.told and len(numbers(first)) == 2, first)
    records += poll_until(lambda: all(first.position(each) == 2 for each in first.assignment()), first)
    second_seen = Seen()
    second = target.consumer(**how)
    second.subscribe([topic], listener=second_seen)
    again = poll_until(lambda: shared(2, first, second), first, second)
    assert again == []  # nobody reads anything twice
    assert first_seen.of("assigned")[0] == {0, 1}
    assert first_seen.of("revoked") == [{0, 1}]  # range is eager: all is given up, some of it comes back
    assert second_seen.of("assigned") == [numbers(second)]
    assert all(second.position(each) == 2 for each in second.assignment())


def test_cooperative_members_are_told_of_what_changes_and_keep_the_rest(target: Target) -> None:
    topic, group = target.topic(partitions=4), target.group()
    how = QUICK | {"group_id": group, "partition_assignment_strategy": "cooperative-sticky"}
    first, seen = target.consumer(**how), Seen()
    first.subscribe([topic], listener=seen)
    poll_until(lambda: len(numbers(first)) == 4, first)
    assert seen.told == [("assigned", {0, 1, 2, 3})]
    second, second_seen = target.consumer(**how), Seen()
    second.subscribe([topic], listener=second_seen)
    poll_until(lambda: shared(4, first, second), first, second)
    kept = numbers(first)
    assert len(kept) == 2
    assert seen.of("revoked") == [{0, 1, 2, 3} - kept]
    assert seen.of("assigned") == [{0, 1, 2, 3}]
    assert second_seen.of("assigned") == [numbers(second)]
    second.close()
    assert second_seen.of("revoked") == [{0, 1, 2, 3} - kept]
    poll_until(lambda: len(numbers(first)) == 4, first)
    assert seen.of("assigned")[-1] == {0, 1, 2, 3} - kept


def test_a_seek_in_a_listener_decides_where_to_begin(target: Target) -> None:
    topic, group = target.topic(), target.group()
    fill(target, topic, b"a", b"b", b"c")
    consumer = target.consumer(group_id=group, **QUICK)

    def seek(what: str, which: Collection[TopicPartition]) -> None:
        for partition in which if what == "assigned" else ():
            consumer.seek(partition, 2)

    consumer.subscribe([topic], listener=Seen(seek))
    assert next(consumer).value == b"c"


def test_a_listener_asks_where_its_partitions_begin(target: Target) -> None:
    topic, group = target.topic(partitions=2), target.group()
    fill(target, topic, b"a", b"b", b"c")
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    with target.consumer(group_id=group, enable_auto_commit=False, **QUICK) as before:
        before.assign([first])
        before.commit({first: 2})
    told: list[Any] = []
    consumer = target.consumer(group_id=group, **QUICK)

    def ask(what: str, which: Collection[TopicPartition]) -> None:
        if what == "assigned":
            told.append({partition: consumer.position(partition) for partition in which})
            told.append(consumer.committed(first))

    consumer.subscribe([topic], listener=Seen(ask))
    poll_until(lambda: told, consumer)
    assert told == [{first: 2, second: 0}, 2]


def test_what_a_listener_raises_comes_out_of_poll_and_the_rebalance_is_done(target: Target) -> None:
    topic, group = target.topic(), target.group()
    fill(target, topic, b"a")

    def fail(what: str, which: Collection[TopicPartition]) -> None:
        raise ZeroDivisionError(what)

    consumer = target.consumer(group_id=group, **QUICK)
    seen = Seen(fail)
    consumer.subscribe([topic], listener=seen)
    with pytest.raises(ZeroDivisionError, match="assigned"):
        poll_until(lambda: False, consumer)
    seen.then = lambda *_: None
    assert next(consumer).value == b"a"


def test_an_instance_id_that_somebody_else_takes_is_fenced(target: Target) -> None:
    topic, group = target.topic(), target.group()
    how = QUICK | {"group_id": group, "group_instance_id": "one"}
    first = target.consumer(topic, **how)
    poll_until(lambda: numbers(first), first)
    second = target.consumer(topic, **how)
    poll_until(lambda: numbers(second), second)
    with pytest.raises(FencedInstanceId):
        poll_until(lambda: False, first)


def test_who_does_not_poll_in_time_is_out_and_comes_back_when_polling(target: Target) -> None:
    topic, group = target.topic(partitions=2), target.group()
    how = QUICK | {"group_id": group, "session_timeout_ms": 6_000}
    idle, seen = target.consumer(max_poll_interval_ms=700, **how), Seen()
    idle.subscribe([topic], listener=seen)
    other = target.consumer(topic, **how)
    poll_until(lambda: shared(2, idle, other), idle, other)
    mine = numbers(idle)
    poll_until(lambda: numbers(other) == {0, 1}, other)
    with pytest.raises(CommitFailed):
        idle.commit({TopicPartition(topic, min(mine)): 0})
    poll_until(lambda: shared(2, idle, other), idle, other)
    assert seen.of("lost") == [mine]


def test_a_topic_that_is_not_there_yet_is_waited_for(target: Target) -> None:
    topic, group = target.fresh("topic"), target.group()
    consumer = target.consumer(topic, group_id=group, allow_auto_create_topics=False, **QUICK)
    assert consumer.poll(100) == {}
    target.admin().create_topics([topic])
    fill(target, topic, b"a")
    assert next(consumer).value == b"a"


def test_a_user_may_have_the_group_rebalance(target: Target) -> None:
    topic, group = target.topic(), target.group()
    consumer = target.consumer(topic, group_id=group, **QUICK)
    poll_until(lambda: numbers(consumer), consumer)
    before = consumer.group_metadata().generation_id
    consumer.enforce_rebalance("because")
    poll_until(lambda: consumer.group_metadata().generation_id > before and numbers(consumer), consumer)


class Reversed(Assignor):
    """A user's own: the last member gets everything."""

    name = "reversed"

    def assign(
        self, partitions: Mapping[str, int], members: Mapping[str, MemberSubscription]
    ) -> dict[str, list[TopicPartition]]:
        everything = [TopicPartition(topic, number) for topic, count in partitions.items() for number in range(count)]
        return {member: everything if member == max(members) else [] for member in members}


class Broken(Reversed):
    """One that fails."""

    name = "broken"

    def assign(
        self, partitions: Mapping[str, int], members: Mapping[str, MemberSubscription]
    ) -> dict[str, list[TopicPartition]]:
        raise ZeroDivisionError("no members")


def test_users_assignors_are_asked_and_their_failures_told(target: Target) -> None:
    topic, group = target.topic(partitions=2), target.group()
    how = QUICK | {"group_id": group, "partition_assignment_strategy": [Reversed]}
    first, second = target.consumer(topic, **how), target.consumer(topic, **how)
    poll_until(lambda: {len(numbers(first)), len(numbers(second))} == {0, 2}, first, second)
    broken = target.consumer(topic, **(how | {"group_id": target.group(), "partition_assignment_strategy": Broken()}))
    with pytest.raises(ClientError, match="the assignor broken failed"):
        poll_until(lambda: False, broken)


def test_members_agree_on_an_assignor_that_all_of_them_know(target: Target) -> None:
    topic, group = target.topic(partitions=2), target.group()
    how = QUICK | {"group_id": group}
    first = target.consumer(topic, partition_assignment_strategy=["range", "roundrobin"], **how)
    second = target.consumer(topic, partition_assignment_strategy=["sticky", "roundrobin"], **how)
    poll_until(lambda: shared(2, first, second), first, second)


def test_what_needs_a_group_says_so(target: Target) -> None:
    topic = target.topic()
    consumer = target.consumer(**QUICK | {"heartbeat_interval_ms": 3_000})
    with pytest.raises(InvalidGroupId, match="needs a group_id"):
        consumer.subscribe([topic], listener=Seen())
    consumer.assign([TopicPartition(topic, 0)])
    with pytest.raises(InvalidGroupId, match="needs a group_id"):
        consumer.commit()
    with pytest.raises(TypeError, match="collection of names"):
        consumer.subscribe(topic)
    with pytest.raises(ValueError, match="exclude each other"):
        consumer.subscribe([topic])
    with pytest.raises(ConfigError, match="in common"):
        target.consumer(group_id="g", partition_assignment_strategy=[Reversed, OnlyCooperative])


class OnlyCooperative(Reversed):
    """One that no eager group may use."""

    name = "only-cooperative"
    protocols = ("cooperative",)


def test_a_pattern_matches_internal_topics_only_when_that_is_wanted(target: Target) -> None:
    group = target.group()
    with target.consumer(target.topic(), group_id=group, **QUICK) as consumer:
        poll_until(lambda: numbers(consumer), consumer)
    usual = target.consumer(group_id=target.group(), **QUICK)
    usual.subscribe(pattern="__consumer_offsets")
    assert usual.poll(200) == {}
    assert usual.subscription() == set()
    curious = target.consumer(group_id=target.group(), exclude_internal_topics=False, **QUICK)
    curious.subscribe(pattern="__consumer_offsets")
    poll_until(lambda: curious.assignment(), curious)
    assert curious.subscription() == {"__consumer_offsets"}
