"""Somebody else's admin clients against ``kstore serve``: records deleted, configs replaced, leaders elected."""

from __future__ import annotations

import pytest

from kstore import Admin, Producer, TopicPartition


@pytest.mark.parametrize(
    ("client", "configs", "committed"),
    [
        ("kafka-python", "configs flush.ms=1000 segment.ms=70000", "committed 1"),
        ("confluent-kafka", "configs segment.ms=70000", "committed 0 1"),
    ],
)
def test_an_admin_of_another_client_finds_what_it_needs(client, configs, committed, serve, programs) -> None:
    bootstrap, topic = serve().bootstrap, "orders"
    with Admin(bootstrap_servers=bootstrap) as admin, Producer(bootstrap_servers=bootstrap) as producer:
        admin.create_topics({topic: {"num_partitions": 2, "replication_factor": 3, "configs": {"flush.ms": "1000"}}})
        for number in range(20):
            producer.send(topic, b"%d" % number, partition=number % 2)
        producer.flush()
        admin.alter_group_offsets("admins", {TopicPartition(topic, number): 3 for number in (0, 1)})
        program = programs("administer.py", client, bootstrap, topic)
        assert program.finish() == 0, program.errors
        assert list(program.lines) == ["low watermarks 7 10", configs, "partitions 2", "elected", committed]
        begin = admin.list_partition_offsets({TopicPartition(topic, number): -2 for number in (0, 1)})
        assert [each.offset for each in begin.values()] == [7, 10]
