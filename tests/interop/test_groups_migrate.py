"""A group of three client libraries moves from the classic protocol to the consumer protocol and back while it is read
from: nothing is lost, owned twice, or read twice without reason.
"""

from __future__ import annotations

import threading

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from interop.migrating_members import Aiokafka, KafkaPython, Ledger, Librdkafka, Member
from waiting import wait_until

from kstore import Cluster

QUICK = {
    "group.initial.rebalance.delay.ms": "0",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.heartbeat.interval.ms": "100",
    "group.consumer.assignment.interval.ms": "0",
}
PARTITIONS, TOPIC, GROUP = 6, "orders", "migrating"


class Load:
    """Numbers that are produced one after the other, until it is stopped."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
        self._stops = threading.Event()
        self.count = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stops.wait(0.002):
            self._producer.produce(TOPIC, str(self.count), partition=self.count % PARTITIONS)
            self._producer.poll(0)
            self.count += 1

    def stop(self) -> int:
        """How many were produced."""
        self._stops.set()
        self._thread.join()
        assert self._producer.flush(60) == 0
        return self.count


class Group:
    """The members of the group."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        self.ledger = Ledger()
        self.members: dict[str, Member] = {}

    def start(self, name: str, kind: type[Member]) -> None:
        self.members[name] = kind(name, self._bootstrap, TOPIC, GROUP, self.ledger)

    def leave(self, name: str) -> None:
        self.members.pop(name).leave()

    def settles(self, group_type: str) -> None:
        """Wait until each member has some of the partitions, and all of them reads on."""

        def is_settled() -> bool:
            failed = [member.error for member in self.members.values() if member.error is not None]
            assert not failed, failed
            owners = self.ledger.owners()
            return len(owners) == PARTITIONS and set(owners.values()) == set(self.members)

        wait_until(is_settled, what=f"a share for each of {', '.join(self.members)}", timeout_s=60)
        listed = {each.group_id: each.type.name for each in self._admin.list_consumer_groups().result(30).valid}
        assert listed[GROUP] == group_type


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of kafka-python, which reads its definitions so
def test_a_group_migrates_both_ways_under_load() -> None:
    with Cluster(listen="127.0.0.1:0", config=QUICK) as cluster:
        migrate(cluster.bootstrap_servers)


def migrate(bootstrap: str) -> None:
    """Move a group up and down again, member by member, and look at what they have read."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(60)
    group, load = Group(bootstrap), Load(bootstrap)
    group.start("A, of kafka-python", KafkaPython)
    group.start("B, of aiokafka", Aiokafka)
    group.settles("CLASSIC")
    group.start("C, of librdkafka", Librdkafka)
    group.settles("CONSUMER")
    group.leave("A, of kafka-python")
    group.start("D, of librdkafka", Librdkafka)
    group.settles("CONSUMER")
    group.leave("B, of aiokafka")
    group.settles("CONSUMER")
    group.start("E, of kafka-python", KafkaPython)
    group.start("F, of aiokafka", Aiokafka)
    group.settles("CONSUMER")
    group.leave("C, of librdkafka")
    group.settles("CONSUMER")
    group.leave("D, of librdkafka")
    group.settles("CLASSIC")
    count = load.stop()
    wait_until(lambda: len(group.ledger.values()) == count, what="all records", timeout_s=60)
    for name in list(group.members):
        group.leave(name)
    assert group.ledger.doubled == []
    assert group.ledger.values() == set(range(count)), "nothing is lost"
    assert group.ledger.read_twice_without_reason() == []
