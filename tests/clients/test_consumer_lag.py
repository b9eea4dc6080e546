"""How far a consumer is from the end: the high watermark, or for a reader of committed records the last stable offset;
on every target.
"""

from __future__ import annotations

from typing import Any

import pytest
from clients.targets import Target
from waiting import wait_until

from kstore import Consumer, TopicPartition

QUICK: dict[str, Any] = {"fetch_max_wait_ms": 20, "auto_offset_reset": "earliest"}


def reading(target: Target, place: TopicPartition, **keywords: Any) -> Consumer:
    consumer = target.consumer(**{**QUICK, **keywords})
    consumer.assign([place])
    return consumer


def filled(target: Target, count: int) -> TopicPartition:
    topic = target.topic()
    with target.producer() as producer:
        for number in range(count):
            producer.send(topic, b"%d" % number)
        producer.flush()
    return TopicPartition(topic, 0)


def test_the_lag_falls_with_each_record_that_is_given_out(target: Target) -> None:
    place = filled(target, 5)
    consumer = reading(target, place)
    for left in (4, 3, 2):
        next(consumer)
        assert consumer.current_lag(place) == left
    consumer.seek(place, 1)
    assert consumer.current_lag(place) == 4
    consumer.seek_to_end(place)
    consumer.position(place)
    assert consumer.current_lag(place) == 0


def test_a_lag_that_is_not_known_is_asked_for_and_known_later(target: Target) -> None:
    place = filled(target, 3)
    consumer = reading(target, place)
    consumer.pause(place)
    consumer.seek(place, 1)
    assert consumer.current_lag(place) in (None, 2)  # a fetch from before the pause may have told it
    wait_until(lambda: consumer.poll(20) == {} and consumer.current_lag(place) == 2, what="the end")


def test_a_partition_that_is_not_assigned_has_no_lag(target: Target) -> None:
    with pytest.raises(ValueError, match=r"t-0 is not assigned to this consumer"):
        target.consumer().current_lag(TopicPartition("t", 0))


def test_to_a_reader_of_committed_records_the_lag_ends_before_an_open_transaction(target: Target) -> None:
    place = filled(target, 3)
    producer = target.producer(transactional_id=target.fresh("tx"))
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(place.topic, b"inside").get(30)
    committed = reading(target, place, isolation_level="read_committed")
    every = reading(target, place)
    for consumer in (committed, every):
        next(consumer)
        assert consumer.position(place) == 1
    assert (committed.current_lag(place), every.current_lag(place)) == (2, 3)
    assert (committed.end_offsets([place])[place], every.end_offsets([place])[place]) == (3, 4)
    producer.commit_transaction()

    def has_read_all() -> bool:
        committed.poll(20)
        return committed.position(place) == 5 and committed.current_lag(place) == 0

    wait_until(has_read_all, what="the record and the marker")


def test_a_lag_that_is_asked_for_ends_before_an_open_transaction_as_well(target: Target) -> None:
    place = filled(target, 3)
    producer = target.producer(transactional_id=target.fresh("tx"))
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(place.topic, b"inside").get(30)
    consumer = reading(target, place, isolation_level="read_committed")
    consumer.pause(place)
    consumer.seek(place, 1)
    assert consumer.current_lag(place) in (None, 2)  # a fetch from before the pause may have told it
    wait_until(lambda: consumer.poll(20) == {} and consumer.current_lag(place) == 2, what="the last stable offset")


def test_a_lag_is_asked_for_until_a_leader_answers(cluster) -> None:
    cluster.create_topic("t")
    cluster.producer().send("t", b"x").get(30)
    place = TopicPartition("t", 0)
    cluster.faults.error("ListOffsets", "NOT_LEADER_OR_FOLLOWER", times=2)
    consumer = cluster.consumer()
    consumer.assign([place])
    consumer.pause(place)
    consumer.seek(place, 0)
    wait_until(lambda: consumer.poll(20) == {} and consumer.current_lag(place) == 1, what="the end")
