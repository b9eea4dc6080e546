"""What a program sees of its group, whichever protocol its members speak; the same on every target."""

from __future__ import annotations

from typing import Any

import pytest
from clients.consuming import OF_CONSUMER_PROTOCOL, QUICK, Seen, fill, numbers, poll_until, shared
from clients.targets import Target

from kstore import NewPartitions, TopicPartition

PROTOCOLS = {"classic": QUICK, "consumer": OF_CONSUMER_PROTOCOL}
KINDS = {
    **{each: QUICK | {"partition_assignment_strategy": [each]} for each in ("range", "roundrobin", "sticky")},
    "cooperative-sticky": QUICK | {"partition_assignment_strategy": ["cooperative-sticky"]},
    "the broker's": OF_CONSUMER_PROTOCOL,
    **{f"the broker's {each}": OF_CONSUMER_PROTOCOL | {"group_remote_assignor": each} for each in ("uniform", "range")},
}


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The keywords of a member of a group of this protocol."""
    return PROTOCOLS[request.param]


@pytest.mark.parametrize("kind", KINDS)
def test_members_share_the_partitions_and_take_over_when_one_leaves(target: Target, kind: str) -> None:
    topic, group = target.topic(partitions=4), target.group()
    how = KINDS[kind] | {"group_id": group}
    first = target.consumer(topic, **how)
    poll_until(lambda: numbers(first) == {0, 1, 2, 3}, first)
    second = target.consumer(topic, **how)
    poll_until(lambda: shared(4, first, second), first, second)
    assert len(numbers(first)) == 2
    third = target.consumer(topic, **how)
    poll_until(lambda: shared(4, first, second, third), first, second, third)
    first.close()
    poll_until(lambda: shared(4, second, third), second, third)
    second.close()
    poll_until(lambda: numbers(third) == {0, 1, 2, 3}, third)


def test_unsubscribing_leaves_the_group(target: Target, protocol: dict[str, Any]) -> None:
    topic, other, group = target.topic(partitions=2), target.topic(), target.group()
    how = protocol | {"group_id": group}
    first, seen = target.consumer(**how), Seen()
    first.subscribe([topic], listener=seen)
    second = target.consumer(topic, **how)
    poll_until(lambda: shared(2, first, second), first, second)
    held = numbers(first)
    first.unsubscribe()
    assert seen.told[-1] == ("revoked", held)
    assert first.assignment() == first.subscription() == set()
    poll_until(lambda: numbers(second) == {0, 1}, second)
    first.subscribe([other])
    poll_until(lambda: first.assignment() == {TopicPartition(other, 0)}, first, second)
    first.subscribe([])
    assert first.subscription() == set()


def test_a_new_subscription_replaces_the_old_one(target: Target, protocol: dict[str, Any]) -> None:
    before, after = target.topic(), target.topic()
    consumer = target.consumer(before, group_id=target.group(), **protocol)
    poll_until(lambda: consumer.assignment() == {TopicPartition(before, 0)}, consumer)
    consumer.subscribe([after])
    assert consumer.subscription() == {after}
    poll_until(lambda: consumer.assignment() == {TopicPartition(after, 0)}, consumer)
    consumer.subscribe([before, after])
    poll_until(lambda: len(consumer.assignment()) == 2, consumer)


def test_a_static_member_comes_back_to_its_partitions_and_nobody_else_moves(
    target: Target, protocol: dict[str, Any]
) -> None:
    topic, group = target.topic(partitions=4), target.group()
    how = protocol | {"group_id": group}
    other, seen = target.consumer(group_instance_id="two", **how), Seen()
    other.subscribe([topic], listener=seen)
    fixed = target.consumer(topic, group_instance_id="one", **how)
    poll_until(lambda: shared(4, other, fixed), other, fixed)
    poll_until(lambda: other.group_metadata().generation_id == fixed.group_metadata().generation_id, other, fixed)
    had, told, before = numbers(fixed), list(seen.told), other.group_metadata()
    fixed.close()
    again = target.consumer(topic, group_instance_id="one", **how)
    poll_until(lambda: numbers(again) == had, other, again)
    assert [each for each in seen.told[len(told) :] if each[1]] == []
    assert other.group_metadata() == before
    assert again.group_metadata().generation_id == before.generation_id
    assert again.group_metadata().group_instance_id == "one"


def test_a_pattern_takes_in_topics_that_are_made_later(target: Target, protocol: dict[str, Any]) -> None:
    prefix = target.fresh("pattern")
    admin = target.admin()
    admin.create_topics([f"{prefix}-a"])
    consumer = target.consumer(group_id=target.group(), metadata_max_age_ms=100, **protocol)
    consumer.subscribe(pattern=f"{prefix}-.*")
    poll_until(lambda: consumer.assignment() == {TopicPartition(f"{prefix}-a", 0)}, consumer)
    assert consumer.subscription() == {f"{prefix}-a"}
    admin.create_topics([f"{prefix}-b"])
    poll_until(lambda: {each.topic for each in consumer.assignment()} == {f"{prefix}-a", f"{prefix}-b"}, consumer)


def test_partitions_that_are_added_are_shared_out(target: Target, protocol: dict[str, Any]) -> None:
    topic = target.topic()
    consumer = target.consumer(topic, group_id=target.group(), metadata_max_age_ms=100, **protocol)
    poll_until(lambda: numbers(consumer) == {0}, consumer)
    target.admin().create_partitions({topic: NewPartitions(3)})
    poll_until(lambda: numbers(consumer) == {0, 1, 2}, consumer)


def test_a_consumer_whose_topic_is_deleted_goes_on_with_its_others(target: Target, protocol: dict[str, Any]) -> None:
    stays, goes = target.topic(), target.topic()
    fill(target, goes, b"read")
    how = protocol | {"metadata_max_age_ms": 100, "allow_auto_create_topics": False}
    consumer = target.consumer(group_id=target.group(), **how)
    consumer.subscribe(pattern=f"{stays}|{goes}")
    while not poll_until(lambda: len(consumer.assignment()) == 2, consumer):
        pass
    target.admin().delete_topics([goes])
    poll_until(lambda: consumer.assignment() == {TopicPartition(stays, 0)}, consumer)
    fill(target, stays, b"more")
    records: list[Any] = []
    while not records:
        records = poll_until(lambda: True, consumer)
    assert records[0].value == b"more"
