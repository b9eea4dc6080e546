"""What a consumer reads and where it is: the pure state behind subscribe, assign, seek and pause."""

import re

import pytest

from actors.clients.consumer.subscription import EARLIEST, PATTERN, TOPICS, Position, Subscription
from actors.clients.structs import TopicPartition

A0, A1, B0 = TopicPartition("a", 0), TopicPartition("a", 1), TopicPartition("b", 0)


def test_topics_patterns_and_partitions_exclude_each_other() -> None:
    subscription = Subscription()
    subscription.subscribe_topics(["a"], None)
    with pytest.raises(ValueError, match="exclude each other"):
        subscription.assign_by_hand([A0])
    with pytest.raises(ValueError, match="exclude each other"):
        subscription.subscribe_pattern("a.*", None)
    subscription.unsubscribe()
    assert subscription.assign_by_hand([A0])
    with pytest.raises(ValueError, match="exclude each other"):
        subscription.subscribe_topics(["a"], None)


def test_a_pattern_matches_whole_names() -> None:
    subscription = Subscription()
    subscription.subscribe_pattern(re.compile("order.*"), None)
    assert subscription.kind == PATTERN
    assert subscription.match(["orders", "reorders", "order-events"])
    assert subscription.topics == {"orders", "order-events"}
    assert not subscription.match(["order-events", "orders"])
    assert subscription.match([])


def test_partitions_that_stay_keep_their_place() -> None:
    subscription = Subscription()
    subscription.subscribe_topics(["a", "b"], None)
    assert subscription.kind == TOPICS
    subscription.become_assigned([A0, A1])
    subscription.partitions[A0].put(Position(7, 1))
    gone = subscription.partitions[A1]
    version = gone.version
    subscription.become_assigned([A0, B0])
    assert subscription.consumed() == {A0: Position(7, 1)}
    assert not gone.assigned
    assert gone.version != version
    assert [state.partition for state in subscription.without_position()] == [B0]


def test_every_seek_makes_earlier_fetches_worthless() -> None:
    subscription = Subscription()
    subscription.assign_by_hand([A0])
    state = subscription.partitions[A0]
    versions = [state.version]
    state.put(Position(5))
    versions.append(state.version)
    state.buffered = 2
    state.ask_reset(EARLIEST)
    versions.append(state.version)
    assert (state.position, state.buffered, state.needs_position) == (None, 0, False)
    assert subscription.to_reset() == [state]
    state.put(Position(0, 3))
    versions.append(state.version)
    assert (state.fetch_offset, state.fetch_epoch, state.reset) == (0, 3, None)
    assert len(set(versions)) == len(versions)


def test_an_assignment_of_topics_nobody_reads_is_told() -> None:
    subscription = Subscription()
    subscription.subscribe_topics(["a"], None)
    assert subscription.fits([A0, A1])
    assert not subscription.fits([A0, B0])
