"""Commits: by hand, by themselves, with and without waiting; the same on every target."""

from __future__ import annotations

from typing import Any

import pytest
from clients.consuming import QUICK, fill, numbers, poll_until
from clients.targets import Target
from waiting import wait_until

from actors.coordinator.effects import Effect
from actors.coordinator.shard import Caller
from actors.groups.shard import GroupShard
from kstore import Cluster, NewTopic, OffsetAndMetadata, TopicPartition
from kstore.schema.struct import Message


def test_a_group_goes_on_where_it_committed(target: Target) -> None:
    topic, group = target.topic(), target.group()
    partition = TopicPartition(topic, 0)
    fill(target, topic, b"a", b"b", b"c")
    with target.consumer(topic, group_id=group, enable_auto_commit=False, **QUICK) as first:
        assert next(first).value == b"a"
        assert next(first).value == b"b"
        first.commit()
        assert first.committed(partition) == 2
        assert first.committed(partition, metadata=True).leader_epoch == next(first).leader_epoch >= 0
    with target.consumer(topic, group_id=group, enable_auto_commit=False, **QUICK) as second:
        assert next(second).value == b"c"


def test_offsets_are_committed_by_partition_with_metadata_and_looked_up(target: Target) -> None:
    topic, group = target.topic(partitions=2), target.group()
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    consumer = target.consumer(group_id=group, enable_auto_commit=False, **QUICK)
    consumer.assign([first, second])
    assert consumer.committed(first) is None
    consumer.commit({first: OffsetAndMetadata(7, "seven"), second: 3})
    assert consumer.committed(first) == 7
    at = consumer.committed(first, metadata=True)
    assert (at.offset, at.metadata) == (7, "seven")
    found = consumer.committed([first, second])
    assert {partition: at.offset for partition, at in found.items()} == {first: 7, second: 3}
    with pytest.raises(ValueError, match="at least 0"):
        consumer.commit({first: -1})


def test_an_asynchronous_commit_tells_its_future_and_its_callback(target: Target) -> None:
    topic, group = target.topic(), target.group()
    partition = TopicPartition(topic, 0)
    consumer = target.consumer(group_id=group, enable_auto_commit=False, **QUICK)
    consumer.assign([partition])
    told: list[Any] = []
    future = consumer.commit_async({partition: 5}, lambda offsets, error: told.append((offsets, error)))
    assert future.get(timeout=20) == {partition: OffsetAndMetadata(5)}
    assert (future.done(), future.succeeded(), future.failed()) == (True, True, False)
    poll_until(lambda: told, consumer)
    assert told == [({partition: OffsetAndMetadata(5)}, None)]
    late: list[Any] = []
    future.add_callback(late.append).add_errback(late.append)
    poll_until(lambda: late, consumer)
    assert late == [{partition: OffsetAndMetadata(5)}]


def test_what_was_read_is_committed_at_the_end_without_asking(target: Target) -> None:
    topic, group = target.topic(), target.group()
    fill(target, topic, b"a", b"b", b"c")
    with target.consumer(topic, group_id=group, **QUICK) as consumer:
        assert next(consumer).value == b"a"
        assert next(consumer).value == b"b"
    with target.consumer(topic, group_id=group, **QUICK) as consumer:
        assert next(consumer).value == b"c"
        consumer.close(autocommit=False)
    with target.consumer(topic, group_id=group, **QUICK) as consumer:
        assert next(consumer).value == b"c"


def test_a_block_that_is_left_by_an_exception_commits_nothing_more(target: Target) -> None:
    topic, group = target.topic(), target.group()
    fill(target, topic, b"a", b"b")
    consumer = target.consumer(topic, group_id=group, **QUICK)

    def work() -> None:
        with consumer:
            assert next(consumer).value == b"a"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    again = target.consumer(topic, group_id=group, **QUICK)
    assert next(again).value == b"a"


def test_what_was_read_is_committed_at_intervals(target: Target) -> None:
    topic, group = target.topic(), target.group()
    partition = TopicPartition(topic, 0)
    fill(target, topic, b"a", b"b")
    consumer = target.consumer(topic, group_id=group, auto_commit_interval_ms=50, **QUICK)
    poll_until(lambda: numbers(consumer) and consumer.position(partition) == 2, consumer)
    poll_until(lambda: consumer.committed(partition) == 2, consumer)


def test_every_asynchronous_commit_tells_the_callback_of_the_consumer(target: Target) -> None:
    topic, group = target.topic(), target.group()
    partition = TopicPartition(topic, 0)
    told: list[Any] = []
    consumer = target.consumer(
        group_id=group,
        enable_auto_commit=False,
        default_offset_commit_callback=lambda offsets, error: told.append((offsets, error)),
        **QUICK,
    )
    consumer.assign([partition])
    consumer.commit_async({partition: 3})
    poll_until(lambda: told, consumer)
    assert told == [({partition: OffsetAndMetadata(3)}, None)]


def test_what_was_committed_for_a_topic_isnt_that_of_another_one_with_its_name(target: Target) -> None:
    topic, group = target.topic(), target.group()
    partition = TopicPartition(topic, 0)
    settings = {"enable_auto_commit": False, "allow_auto_create_topics": False, **QUICK}
    consumer = target.consumer(group_id=group, **settings)
    consumer.assign([partition])
    consumer.commit({partition: 5})
    assert consumer.committed(partition) == 5
    admin = target.admin()
    admin.delete_topics([topic])
    wait_until(lambda: topic not in admin.list_topics(), what="the topic is gone")
    admin.create_topics([NewTopic(topic, 1, 1)])
    assert consumer.committed(partition) is None
    consumer.commit({partition: 1})  # its client knows the id of the old topic at first
    assert consumer.committed(partition) == 1


def test_topics_are_named_by_their_ids_once_the_client_knows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, int] = {}
    submit = GroupShard.submit

    def noting(shard: GroupShard, request: Message, caller: Caller, now_ms: int) -> list[Effect]:
        seen[type(request).__name__] = caller.version
        return submit(shard, request, caller, now_ms)

    monkeypatch.setattr(GroupShard, "submit", noting)
    with Cluster(seed=1) as cluster:
        cluster.create_topic("t")
        with cluster.consumer("t", group_id="g", enable_auto_commit=False) as consumer:
            consumer.poll(timeout_ms=5_000)
            consumer.commit({TopicPartition("t", 0): 1})
    assert (seen["OffsetFetchRequest"], seen["OffsetCommitRequest"]) == (10, 10)
