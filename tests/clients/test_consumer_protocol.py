"""Members of groups of the consumer protocol (KIP-848): joining, moving, leaving, fencing, commits."""

from __future__ import annotations

from typing import Any

import pytest
from clients.consuming import (
    OF_CONSUMER_PROTOCOL,
    Seen,
    fill,
    leave_behind_its_back,
    member_of,
    numbers,
    poll_until,
    shared,
    stable,
)
from clients.targets import Target

from actors.broker import registry
from actors.clients.errors import CommitFailed
from actors.clients.structs import GroupMetadata
from kstore import Cluster, Consumer, TopicPartition
from kstore.errors import UnreleasedInstanceId, UnsupportedAssignor, UnsupportedVersion
from kstore.schema.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest


def test_members_are_told_of_what_changes_and_keep_the_rest(target: Target) -> None:
    topic, group = target.topic(partitions=4), target.group()
    first, seen = target.consumer(group_id=group, **OF_CONSUMER_PROTOCOL), Seen()
    first.subscribe([topic], listener=seen)
    poll_until(lambda: len(numbers(first)) == 4, first)
    told = len(seen.told)
    second, second_seen = target.consumer(group_id=group, **OF_CONSUMER_PROTOCOL), Seen()
    second.subscribe([topic], listener=second_seen)
    poll_until(lambda: shared(4, first, second) and stable(first, second), first, second)
    kept = numbers(first)
    assert len(kept) == 2
    assert seen.told[told:] == [("revoked", {0, 1, 2, 3} - kept), ("assigned", set())]  # as the Java client tells it
    assert second_seen.of("assigned") == [numbers(second)]
    second.close()
    assert second_seen.of("revoked") == [{0, 1, 2, 3} - kept]
    poll_until(lambda: len(numbers(first)) == 4, first)
    assert seen.of("assigned")[-1] == {0, 1, 2, 3} - kept
    assert seen.of("lost") == second_seen.of("lost") == []


def test_what_was_read_is_committed_before_others_go_on(target: Target) -> None:
    topic, group = target.topic(partitions=2), target.group()
    for partition in (0, 1):
        fill(target, topic, b"a", b"b", partition=partition)
    first = target.consumer(topic, group_id=group, **OF_CONSUMER_PROTOCOL)
    read: list[Any] = []
    while len(read) < 4:
        read += poll_until(lambda: True, first)
    second = target.consumer(topic, group_id=group, **OF_CONSUMER_PROTOCOL)
    again = poll_until(lambda: shared(2, first, second) and stable(first, second), first, second)
    fill(target, topic, b"c", partition=numbers(second).pop())
    while not any(record.value == b"c" for record in again):
        again += poll_until(lambda: True, first, second)
    assert [record.value for record in again] == [b"c"]  # nobody reads anything twice


def test_a_member_that_was_removed_loses_its_partitions_and_joins_anew(target: Target) -> None:
    topic, group = target.topic(partitions=2), target.group()
    consumer, seen = target.consumer(group_id=group, **OF_CONSUMER_PROTOCOL), Seen()
    consumer.subscribe([topic], listener=seen)
    poll_until(lambda: stable(consumer) and len(numbers(consumer)) == 2, consumer)
    before = consumer.group_metadata()
    leave_behind_its_back(consumer)
    poll_until(lambda: len(seen.of("assigned")) == 2 and stable(consumer), consumer)
    assert [each for each in seen.told if each[1]] == [("assigned", {0, 1}), ("lost", {0, 1}), ("assigned", {0, 1})]
    assert consumer.group_metadata().member_id == before.member_id
    consumer.commit({TopicPartition(topic, 0): 7})
    assert consumer.committed(TopicPartition(topic, 0)) == 7


def test_a_member_in_an_epoch_that_never_was_is_fenced_and_joins_anew(target: Target) -> None:
    topic = target.topic(partitions=2)
    consumer, seen = target.consumer(group_id=target.group(), **OF_CONSUMER_PROTOCOL), Seen()
    consumer.subscribe([topic], listener=seen)
    poll_until(lambda: stable(consumer) and len(numbers(consumer)) == 2, consumer)
    member_of(consumer).membership.epoch += 7
    poll_until(lambda: len(seen.of("assigned")) == 2 and stable(consumer), consumer)
    assert [each for each in seen.told if each[1]] == [("assigned", {0, 1}), ("lost", {0, 1}), ("assigned", {0, 1})]


def test_a_commit_of_a_member_that_was_removed_fails(target: Target) -> None:
    topic = target.topic(partitions=1)
    consumer = target.consumer(topic, group_id=target.group(), **OF_CONSUMER_PROTOCOL)
    poll_until(lambda: stable(consumer) and numbers(consumer), consumer)
    member_of(consumer)._alarm.stop()  # no heartbeat tells it before
    leave_behind_its_back(consumer)
    with pytest.raises(CommitFailed):
        consumer.commit({TopicPartition(topic, 0): 7})


def test_a_commit_in_an_old_epoch_says_so(target: Target) -> None:
    topic = target.topic(partitions=1)
    consumer = target.consumer(topic, group_id=target.group(), **OF_CONSUMER_PROTOCOL)
    poll_until(lambda: stable(consumer) and numbers(consumer), consumer)
    member_of(consumer)._alarm.stop()
    member_of(consumer).membership.epoch += 7
    with pytest.raises(CommitFailed, match="stale member epoch"):
        consumer.commit({TopicPartition(topic, 0): 7})


def test_an_instance_id_that_is_taken_is_refused_at_each_poll(target: Target) -> None:
    topic = target.topic()
    how = OF_CONSUMER_PROTOCOL | {"group_id": target.group(), "group_instance_id": "worker-1"}
    first = target.consumer(topic, **how)
    poll_until(lambda: numbers(first) and stable(first), first)
    second = target.consumer(topic, **how)
    for _ in range(2):
        with pytest.raises(UnreleasedInstanceId):
            poll_until(lambda: False, second)
    first.poll()
    assert numbers(first) == {0}


def test_an_assignor_that_the_broker_lacks_is_refused(target: Target) -> None:
    consumer = target.consumer(
        target.topic(), group_id=target.group(), group_remote_assignor="mine", **OF_CONSUMER_PROTOCOL
    )
    with pytest.raises(UnsupportedAssignor):
        poll_until(lambda: False, consumer)


def test_a_consumer_that_polls_too_seldom_leaves_and_joins_anew_with_its_next_poll(target: Target) -> None:
    topic, group = target.topic(partitions=2), target.group()
    slow, seen = target.consumer(group_id=group, max_poll_interval_ms=1_000, **OF_CONSUMER_PROTOCOL), Seen()
    slow.subscribe([topic], listener=seen)
    poll_until(lambda: len(numbers(slow)) == 2 and stable(slow), slow)
    other = target.consumer(topic, group_id=group, **OF_CONSUMER_PROTOCOL)
    poll_until(lambda: len(numbers(other)) == 2, other)  # the slow one doesn't give up its own in time
    assert slow._actor.membership.state == "stale"
    poll_until(lambda: shared(2, slow, other), slow, other)
    assert ("lost", {0, 1}) in seen.told


def test_a_consumer_that_has_unsubscribed_is_nobody_in_its_group(target: Target) -> None:
    group = target.group()
    consumer = target.consumer(target.topic(), group_id=group, **OF_CONSUMER_PROTOCOL)
    poll_until(lambda: consumer.group_metadata().generation_id > 0, consumer)
    consumer.unsubscribe()
    assert consumer.group_metadata() == GroupMetadata(group)


def test_a_listener_that_fails_is_asked_again_and_what_it_failed_to_give_up_stays(target: Target) -> None:
    topic, group = target.topic(partitions=2), target.group()
    failures = [ValueError("not yet")]

    def fail(what: str, _: object) -> None:
        if what == "revoked" and failures:
            raise failures.pop()

    first, seen = target.consumer(group_id=group, **OF_CONSUMER_PROTOCOL), Seen(fail)
    first.subscribe([topic], listener=seen)
    poll_until(lambda: len(numbers(first)) == 2, first)
    second = target.consumer(topic, group_id=group, **OF_CONSUMER_PROTOCOL)
    with pytest.raises(ValueError, match="not yet"):
        poll_until(lambda: False, second, first)
    poll_until(lambda: shared(2, first, second), first, second)


def test_a_broker_that_lacks_the_protocol_is_an_error_of_the_first_poll_that_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(registry.CLIENT_APIS, ConsumerGroupHeartbeatRequest.API_KEY)
    with Cluster(listen="127.0.0.1:0") as cluster:
        cluster.create_topic("orders")
        consumer: Consumer = Consumer(
            "orders", bootstrap_servers=cluster.bootstrap_servers, group_id="shipping", **OF_CONSUMER_PROTOCOL
        )
        for _ in range(2):
            with pytest.raises(UnsupportedVersion, match=r'ConsumerGroupHeartbeat.*give group_protocol="classic"'):
                consumer.poll(10_000)
        consumer.unsubscribe()
        consumer.close()


def test_members_of_the_consumer_protocol_are_moved_by_the_coordinator_alone() -> None:
    consumer: Consumer
    with (
        Cluster() as cluster,
        cluster.consumer("orders", group_id="shipping", **OF_CONSUMER_PROTOCOL) as consumer,
        pytest.raises(ValueError, match="the coordinator alone decides"),
    ):
        consumer.enforce_rebalance()


def test_without_a_group_all_partitions_are_read_by_either_protocol() -> None:
    with Cluster() as cluster:
        with cluster.producer() as producer:
            producer.send("orders", b"shipped").get(timeout=10)
        consumer: Consumer
        with cluster.consumer("orders", **OF_CONSUMER_PROTOCOL) as consumer:
            assert next(consumer).value == b"shipped"
