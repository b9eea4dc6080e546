"""The exactly-once recipe of ``docs/delivery.md``: its worker is killed at each record, by both protocols, and each
result is there once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from clients.consuming import QUICK, crash
from clients.delivery import PAGE
from clients.targets import Target
from clients.transacting import CLASSIC, LATER, read, set_level

from actors.clients.errors import ClientClosed, CommitFailed, WokenUp
from kstore import Cluster, TopicPartition

COUNT = 12
PORTION = 4
ORDERS = [b"order-%02d" % number for number in range(COUNT)]


def recipe() -> Callable[[Any, Any, Any], None]:
    """The function of the page, as it stands there."""
    (block,) = re.findall(r"^```python\n(def exactly_once.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    found: dict[str, Any] = {}
    exec(compile(block, str(PAGE), "exec"), found)
    made: Callable[[Any, Any, Any], None] = found["exactly_once"]
    return made


class Worker:
    """One run of the recipe, which ends when the last order was handled; ``die_at`` says before which of them it is
    killed.
    """

    def __init__(self, cluster: Cluster, die_at: int) -> None:
        self.cluster = cluster
        self.die_at = die_at
        self.handled = 0
        how = QUICK | {"group_id": "g", "enable_auto_commit": False, "max_poll_records": PORTION}
        self.consumer = cluster.consumer("orders", session_timeout_ms=300, isolation_level="read_committed", **how)
        self.producer = cluster.producer(transactional_id="invoices-1")

    def transform(self, record: Any) -> bytes:
        self.handled += 1
        if self.handled == self.die_at:
            crash(self.cluster, self.consumer)
            crash(self.cluster, self.producer)
            raise ClientClosed("killed")
        if record.value == ORDERS[-1]:
            self.consumer.wakeup()
        return b"invoice of " + record.value

    def run(self) -> None:
        with pytest.raises((WokenUp, ClientClosed)):
            recipe()(self.consumer, self.producer, self.transform)
        self.consumer.close()
        self.producer.close()


@pytest.mark.parametrize("level", [CLASSIC, LATER])
@pytest.mark.parametrize("die_at", range(1, COUNT + 1))
def test_a_worker_that_is_killed_at_any_record_leaves_each_result_once(level: int, die_at: int) -> None:
    with Cluster(3, seed=die_at) as cluster:
        set_level(cluster, level)
        cluster.create_topic("orders", partitions=1, replication_factor=3)
        cluster.create_topic("invoices", partitions=2, replication_factor=3)
        with cluster.producer() as producer:
            for order in ORDERS:
                producer.send("orders", order)
        Worker(cluster, die_at).run()
        Worker(cluster, 0).run()
        assert read(cluster, "invoices", 2) == [b"invoice of " + order for order in ORDERS]


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
    with pytest.raises(CommitFailed, match=r"abort_transaction\(\) and poll\(\)"), producer.transaction():
        producer.send_offsets_to_transaction({place: 5}, left)
    with producer.transaction():
        producer.send(topic, b"the next one is whole")
