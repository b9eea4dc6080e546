"""librdkafka's consumer with ``group.protocol=consumer`` (KIP-848) against kstore."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from present import present
from waiting import wait_until

from kstore import Cluster

QUICK = {
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.heartbeat.interval.ms": "100",
    "group.consumer.assignment.interval.ms": "0",
}
RECORDS = 60


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(listen="127.0.0.1:0", config=QUICK) as found:
        for topic in ("orders", "orders-eu", "orders-us", "static"):
            found.create_topic(topic, partitions=4)
        yield found


def member(cluster: Cluster, group: str, **config: object) -> Consumer:
    own = {each.replace("_", "."): value for each, value in config.items()}
    return Consumer(
        {
            "bootstrap.servers": cluster.bootstrap_servers,
            "group.id": group,
            "group.protocol": "consumer",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            **own,
        }
    )


def produce(cluster: Cluster, topic: str, numbers: range) -> None:
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
    for number in numbers:
        producer.produce(topic, str(number), partition=number % 4)
    assert producer.flush(60) == 0


class Readers:
    """Consumers that are polled in turn, and what they have read."""

    def __init__(self, *consumers: Consumer) -> None:
        self.consumers = list(consumers)
        self.values: list[int] = []

    def read(self) -> int:
        """How many records have been read, after one more poll of each."""
        for consumer in self.consumers:
            message = consumer.poll(0.02)
            if message is not None:
                assert message.error() is None
                self.values.append(int(present(message.value())))
        return len(self.values)

    def shares(self) -> list[list[tuple[str, int]]]:
        self.read()
        return [sorted((each.topic, each.partition) for each in consumer.assignment()) for consumer in self.consumers]


def test_two_consumers_share_a_topic_commit_and_hand_over(cluster: Cluster) -> None:
    produce(cluster, "orders", range(RECORDS))
    first = member(cluster, "g")
    readers = Readers(first)
    first.subscribe(["orders"])
    wait_until(lambda: readers.read() == RECORDS, what="all records", timeout_s=60)
    assert sorted(readers.values) == list(range(RECORDS))
    first.commit(asynchronous=False)

    second = member(cluster, "g")
    second.subscribe(["orders"])
    readers.consumers.append(second)
    wait_until(lambda: [len(share) for share in readers.shares()] == [2, 2], what="two partitions each", timeout_s=60)
    assert sorted(each for share in readers.shares() for each in share) == [("orders", number) for number in range(4)]

    produce(cluster, "orders", range(RECORDS, 2 * RECORDS))
    wait_until(lambda: readers.read() >= 2 * RECORDS, what="the others", timeout_s=60)
    assert sorted(readers.values) == list(range(2 * RECORDS)), "nothing is read twice: the second began at the commit"
    for consumer in readers.consumers:
        consumer.commit(asynchronous=False)

    readers.consumers.pop(0).close()
    wait_until(lambda: [len(share) for share in readers.shares()] == [4], what="all partitions", timeout_s=60)
    committed = second.committed(second.assignment(), timeout=30)
    assert [each.offset for each in committed] == [2 * RECORDS // 4] * 4
    second.close()


def test_a_regular_expression_is_matched_by_the_broker_with_new_topics_too(cluster: Cluster) -> None:
    consumer = member(cluster, "by-regex")
    readers = Readers(consumer)
    consumer.subscribe(["^orders-.*"])
    both = [(topic, number) for topic in ("orders-eu", "orders-us") for number in range(4)]
    wait_until(lambda: readers.shares() == [both], what="the topics that match", timeout_s=60)
    cluster.create_topic("orders-asia", partitions=1)
    wait_until(lambda: readers.shares() == [[("orders-asia", 0), *both]], what="a new topic", timeout_s=60)
    consumer.close()


def test_groups_are_listed_described_and_deleted(cluster: Cluster) -> None:
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    consumer = member(cluster, "described", group_instance_id="i1", client_id="reader")
    readers = Readers(consumer)
    consumer.subscribe(["static"])
    wait_until(lambda: [len(share) for share in readers.shares()] == [4], what="all partitions", timeout_s=60)
    consumer.poll(0.1)

    described = admin.describe_consumer_groups(["described"])["described"].result(30)
    assert (described.state.name, described.type.name, described.partition_assignor) == (
        "STABLE",
        "CONSUMER",
        "uniform",
    )
    (only,) = described.members
    assert (only.client_id, only.group_instance_id) == ("reader", "i1")
    assert sorted(each.partition for each in only.assignment.topic_partitions) == [0, 1, 2, 3]
    listed = {each.group_id: each.type.name for each in admin.list_consumer_groups().result(30).valid}
    assert listed["described"] == "CONSUMER"

    consumer.commit(offsets=[TopicPartition("static", 1, 7)], asynchronous=False)
    asked = [ConsumerGroupTopicPartitions("described")]
    found = admin.list_consumer_group_offsets(asked)["described"].result(30)
    assert [(each.partition, each.offset) for each in found.topic_partitions] == [(1, 7)]
    with pytest.raises(KafkaException, match="NON_EMPTY_GROUP"):
        admin.delete_consumer_groups(["described"])["described"].result(30)
    consumer.close()
