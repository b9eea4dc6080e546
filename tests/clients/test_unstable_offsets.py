"""Offsets that a transaction has open: what is committed is told, or the transaction is waited for (KIP-447)."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from clients.targets import Target
from waiting import wait_until

from actors.clients.errors import KafkaTimeout
from kstore import GroupMetadata, Producer, TopicPartition

QUICK: dict[str, Any] = {"fetch_max_wait_ms": 20, "auto_offset_reset": "earliest", "heartbeat_interval_ms": 100}


def with_open_offset(target: Target, group: str) -> tuple[Producer, TopicPartition]:
    """A transaction that has offset 3 of the group open, which has committed 1 before."""
    place = TopicPartition(target.topic(), 0)
    outside = target.producer()
    for number in range(5):
        outside.send(place.topic, b"%d" % number).get(30)
    target.admin().alter_group_offsets(group, {place: 1})
    producer = target.producer(transactional_id=target.fresh("tx"))
    producer.init_transactions()
    producer.begin_transaction()
    producer.send_offsets_to_transaction({place: 3}, GroupMetadata(group))
    return producer, place


def test_an_admin_tells_what_is_committed_unless_it_is_to_wait(target: Target) -> None:
    admin, group = target.admin(default_api_timeout_ms=700, request_timeout_ms=500), target.group()
    producer, place = with_open_offset(target, group)
    assert admin.list_group_offsets(group)[group][place].offset == 1
    with pytest.raises(KafkaTimeout):
        admin.list_group_offsets(group, require_stable=True)
    producer.commit_transaction()
    assert target.admin().list_group_offsets(group, require_stable=True)[group][place].offset == 3


@pytest.mark.parametrize(("commits", "offset"), [(True, 3), (False, 1)])
def test_a_consumer_that_asks_what_is_committed_waits_for_the_transaction(
    target: Target, commits: bool, offset: int
) -> None:
    group = target.group()
    producer, place = with_open_offset(target, group)
    consumer = target.consumer(group_id=group)
    with pytest.raises(KafkaTimeout):
        consumer.committed(place, timeout_ms=300)
    found: list[int] = []
    asking = threading.Thread(target=lambda: found.append(consumer.committed(place)))
    asking.start()
    producer.commit_transaction() if commits else producer.abort_transaction()
    asking.join(30)
    assert found == [offset]


@pytest.mark.parametrize(("commits", "first"), [(True, b"3"), (False, b"1")])
def test_a_member_of_the_group_begins_when_the_transaction_is_over(target: Target, commits: bool, first: bytes) -> None:
    group = target.group()
    producer, place = with_open_offset(target, group)
    consumer = target.consumer(place.topic, group_id=group, **QUICK)

    def has_partition() -> bool:
        assert consumer.poll(50) == {}
        return consumer.assignment() == {place}

    wait_until(has_partition, what="the partition")
    assert consumer.poll(300) == {}
    producer.commit_transaction() if commits else producer.abort_transaction()
    assert next(consumer).value == first


def test_what_a_broker_says_of_an_unstable_offset_is_asked_again(cluster) -> None:
    cluster.create_topic("t")
    place = TopicPartition("t", 0)
    cluster.admin().alter_group_offsets("g", {place: 0})
    cluster.faults.error("OffsetFetch", "UNSTABLE_OFFSET_COMMIT", times=3)
    assert cluster.consumer(group_id="g").committed(place) == 0
