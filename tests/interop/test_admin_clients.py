"""Third-party admin clients against ``kstore serve``: records deleted, configs set, leaders elected."""

from __future__ import annotations

import pytest

from actors.config.topic_table import TOPIC_KEYS
from kstore import Admin, Producer, TopicPartition

SIZES = [f"on disk {broker} 0 orders [0, 1] True" for broker in (1, 2, 3)]


@pytest.mark.parametrize(
    ("client", "configs", "sizes", "committed"),
    [
        ("kafka-python", "configs flush.ms=1000 segment.ms=70000", SIZES, "committed 1"),
        ("confluent-kafka", "configs segment.ms=70000", [], "committed 0 1"),  # it has no call for log directories
    ],
)
def test_an_admin_of_another_client_finds_what_it_needs(client, configs, sizes, committed, serve, programs) -> None:
    bootstrap, topic = serve().bootstrap, "orders"
    with Admin(bootstrap_servers=bootstrap) as admin, Producer(bootstrap_servers=bootstrap) as producer:
        admin.create_topics({topic: {"num_partitions": 2, "replication_factor": 3, "configs": {"flush.ms": "1000"}}})
        for number in range(20):
            producer.send(topic, b"%d" % number, partition=number % 2)
        producer.flush()
        admin.alter_group_offsets("admins", {TopicPartition(topic, number): 3 for number in (0, 1)})
        program = programs("administer.py", client, bootstrap, topic)
        assert program.finish() == 0, program.errors
        assert list(program.lines) == ["low watermarks 7 10", configs, "partitions 2", *sizes, "elected", committed]
        begin = admin.list_partition_offsets({TopicPartition(topic, number): -2 for number in (0, 1)})
        assert [each.offset for each in begin.values()] == [7, 10]


def test_another_client_administers_transactions(serve, programs) -> None:
    bootstrap = serve().bootstrap
    with (
        Admin(bootstrap_servers=bootstrap) as admin,
        Producer(bootstrap_servers=bootstrap, transactional_id="tx") as producer,
    ):
        admin.create_topics(["orders"])
        producer.init_transactions()
        producer.begin_transaction()
        producer.send("orders", b"open").get(30)
        program = programs("transactions.py", bootstrap, "orders", "tx")
        assert program.finish() == 0, program.errors
        assert list(program.lines) == ["listed tx Ongoing", "described Ongoing True", "producer True 0", "aborted -1"]


@pytest.mark.parametrize("client", ["kafka-python", "confluent-kafka", "aiokafka"])
def test_a_topic_takes_every_config_and_tells_it(client, serve, programs) -> None:
    server = serve("--listen", "127.0.0.1:0")
    program = programs("configure.py", client, server.bootstrap)
    assert program.finish() == 0, program.errors
    assert list(program.lines) == [
        f"keys {sum(not key.internal for key in TOPIC_KEYS)}",
        "cleanup.policy compact False",
        "retention.ms 3600000 False",
        "remote.log.copy.disable true False",
        "delete.retention.ms 86400000 True",
        "then 7200000",
    ]
    assert server.stop() == 0
    told = [line.partition(" WARNING kstore.configs: ")[2] for line in server.errors]
    assert [line for line in told if line] == [
        "topic orders: remote.log.copy.disable=true is kept, but has no effect in kstore yet",
    ]
