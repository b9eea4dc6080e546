"""The offsets of a group in a producer's transaction, as ``docs/delivery.md`` has it: when they count, and whose do."""

from __future__ import annotations

import pytest
from clients.consuming import QUICK
from clients.delivery import functions
from clients.targets import Target

from actors.clients.errors import CommitFailed
from kstore import Cluster, TopicPartition


def test_offsets_count_when_their_transaction_commits_and_not_when_it_aborts(target: Target) -> None:
    topic, group = target.topic(), target.group()
    place = TopicPartition(topic, 0)
    consumer = target.consumer(group_id=group, enable_auto_commit=False)
    consumer.assign([place])
    producer = target.producer(transactional_id=target.fresh("tx"))
    producer.init_transactions()
    producer.begin_transaction()
    producer.send_offsets_to_transaction({place: 3}, consumer.group_metadata())
    producer.abort_transaction()
    assert consumer.committed(place) is None
    with producer.transaction():
        producer.send(topic, b"beside")
        producer.send_offsets_to_transaction({place: 5}, consumer.group_metadata())
    assert consumer.committed(place) == 5


def test_after_an_abort_the_records_are_read_again_by_a_worker_that_seeks_as_the_page_says(target: Target) -> None:
    topic, group = target.topic(2), target.group()
    with target.producer() as producer:
        for partition in (0, 1):
            for number in range(2):
                producer.send(topic, b"%d-%d" % (partition, number), partition=partition)
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    consumer = target.consumer(group_id=group, enable_auto_commit=False, auto_offset_reset="earliest")
    consumer.assign([first, second])
    consumer.commit({first: 1})
    consumer.seek_to_end()
    assert [consumer.position(each) for each in (first, second)] == [2, 2]
    functions()["seek_to_committed"](consumer)
    assert [consumer.position(each) for each in (first, second)] == [1, 0]


def test_a_member_that_its_group_has_lost_commits_nothing(target: Target) -> None:
    topic, group = target.topic(), target.group()
    place = TopicPartition(topic, 0)
    consumer = target.consumer(topic, group_id=group, enable_auto_commit=False, **QUICK)
    while not consumer.assignment():
        consumer.poll(100)
    left = consumer.group_metadata()
    consumer.close()
    producer = target.producer(transactional_id=target.fresh("tx"))
    producer.init_transactions()
    with pytest.raises(CommitFailed, match=r"abort_transaction\(\), .*and poll\(\)"), producer.transaction():
        producer.send_offsets_to_transaction({place: 5}, left)
    with producer.transaction():
        producer.send(topic, b"the next one is whole")


def test_a_member_that_was_cut_off_commits_nothing_although_nobody_else_is_in_its_group() -> None:
    with Cluster(1, seed=1) as cluster:
        cluster.create_topic("orders")
        consumer = cluster.consumer("orders", group_id="g", session_timeout_ms=6_000, heartbeat_interval_ms=1_000)
        cluster.producer().send("orders", b"one").get()
        place = TopicPartition("orders", 0)
        consumer.poll(10_000)
        cluster.faults.partition(consumer, 1)
        cluster.run_for(20)
        cluster.faults.heal()
        cluster.run_for(5)  # a heartbeat is answered: the member isn't known any more
        assert cluster.committed("g") == {}
        producer = cluster.producer(transactional_id="tx")
        producer.init_transactions()
        with pytest.raises(CommitFailed), producer.transaction():
            producer.send_offsets_to_transaction({place: 1}, consumer.group_metadata())
        assert cluster.committed("g") == {}
