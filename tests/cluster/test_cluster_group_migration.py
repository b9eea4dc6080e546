"""A group of kstore's own consumers, of both protocols, that goes on when its coordinator is lost while it migrates."""

from __future__ import annotations

from typing import Any

import pytest

from kstore import Cluster, Consumer

GROUP = "migrating"
COUNT = 40


def produce(cluster: Cluster, numbers: range) -> None:
    producer = cluster.producer()
    for number in numbers:
        producer.send("orders", b"%d" % number, partition=number % 4)
    producer.flush()


class Readers:
    """Consumers that are polled in turn, and what they have read."""

    def __init__(self) -> None:
        self.consumers: list[Consumer] = []
        self.values: list[int] = []

    def read(self) -> None:
        for consumer in self.consumers:
            for records in consumer.poll(timeout_ms=0).values():
                self.values += [int(record.value) for record in records]
            consumer.commit()

    def share(self) -> bool:
        """Whether each has some of the partitions, and all of them are had."""
        self.read()
        shares = [consumer.assignment() for consumer in self.consumers]
        return all(shares) and sorted(each.partition for share in shares for each in share) == [0, 1, 2, 3]


@pytest.mark.parametrize("seed", range(3))
def test_a_group_goes_on_at_another_broker_in_the_middle_of_its_migration(seed: int) -> None:
    with Cluster(brokers=3, seed=seed) as cluster:
        cluster.create_topic("orders", partitions=4, replication_factor=3)
        produce(cluster, range(COUNT))
        readers = Readers()

        def start(protocol: str) -> None:
            more: dict[str, Any] = {} if protocol == "consumer" else {"session_timeout_ms": 10_000}
            readers.consumers.append(
                cluster.consumer(
                    "orders",
                    group_id=GROUP,
                    group_protocol=protocol,
                    auto_offset_reset="earliest",
                    enable_auto_commit=False,
                    **more,
                )
            )

        start("classic")
        cluster.wait_for(lambda: readers.share() and len(readers.values) == COUNT)
        start("consumer")
        readers.read()
        admin = cluster.admin()
        cluster.wait_for(lambda: [each.type for each in admin.list_groups()] == ["consumer"])
        cluster.faults.kill(admin.list_groups()[0].coordinator)
        cluster.wait_for(readers.share)
        produce(cluster, range(COUNT, 2 * COUNT))
        cluster.wait_for(lambda: readers.share() and len(set(readers.values)) == 2 * COUNT)
        readers.consumers.pop().close()
        cluster.wait_for(readers.share)
        assert [each.type for each in admin.list_groups()] == ["classic"]
        produce(cluster, range(2 * COUNT, 3 * COUNT))
        cluster.wait_for(lambda: readers.share() and len(set(readers.values)) == 3 * COUNT)
