"""What clients want and kstore doesn't have yet: the log tells why librdkafka is silent."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer
from waiting import wait_until

from kstore import Cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(listen="127.0.0.1:0") as found:
        found.create_topic("t")
        yield found


def test_a_consumer_of_the_new_groups_says_nothing_and_the_log_says_why(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": cluster.bootstrap_servers,
            "client.id": "readers",
            "group.id": "g",
            "group.protocol": "consumer",
        }
    )
    with caplog.at_level(logging.WARNING, "kstore.requests"):
        consumer.subscribe(["t"])
        wait_until(lambda: (consumer.poll(0.1), caplog.records)[1], what="a line of the log", timeout_s=60)
        consumer.close()
    (line,) = [record.getMessage() for record in caplog.records if record.name == "kstore.requests"]
    assert "client 'readers' at 127.0.0.1 asked 3 times who coordinates group 'g', and nothing of that" in line
    assert "give group.protocol=classic" in line


def test_a_classic_consumer_is_not_complained_of(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap_servers, "group.id": "h"})
    with caplog.at_level(logging.WARNING, "kstore.requests"):
        consumer.subscribe(["t"])
        wait_until(lambda: (consumer.poll(0.1), consumer.assignment())[1], what="partitions", timeout_s=60)
        consumer.close()
    assert [record for record in caplog.records if record.name == "kstore.requests"] == []
