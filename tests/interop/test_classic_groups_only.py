"""Brokers that coordinate classic groups only: who asks for the consumer protocol (KIP-848) is told so at once."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer as Librdkafka
from confluent_kafka import KafkaError as LibrdkafkaError
from waiting import wait_until

from bench.peers import kafka
from kstore import Admin, Cluster, Consumer, NewTopic, SubscriptionPattern
from kstore.errors import UnsupportedVersion

CLASSIC = {"group.coordinator.rebalance.protocols": "classic"}


@pytest.fixture(scope="module", params=["kstore", pytest.param("kafka", marks=pytest.mark.oracle)])
def bootstrap(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where brokers listen that lack the protocol, with a topic."""
    if request.param == "kafka":
        with kafka.running(tmp_path_factory.mktemp("kafka"), config=CLASSIC) as running:
            with Admin(bootstrap_servers=running.bootstrap) as admin:
                admin.create_topics([NewTopic("orders", 1, 1)])
            yield running.bootstrap
    else:
        with Cluster(listen="127.0.0.1:0", config=CLASSIC) as cluster:
            cluster.create_topic("orders")
            yield cluster.bootstrap_servers


@pytest.mark.parametrize("wanted", [["orders"], SubscriptionPattern("orders")], ids=["a topic", "a pattern"])
def test_our_consumer_raises_with_the_way_out(bootstrap: str, wanted: list[str] | SubscriptionPattern) -> None:
    consumer = Consumer(bootstrap_servers=bootstrap, group_id="g", group_protocol="consumer")
    consumer.subscribe(wanted)
    for _ in range(2):
        with pytest.raises(UnsupportedVersion, match='give group_protocol="classic"'):
            consumer.poll(30_000)
    consumer.close()


def test_librdkafka_ends_with_a_fatal_error(bootstrap: str) -> None:
    consumer = Librdkafka(
        {"bootstrap.servers": bootstrap, "group.id": "g", "group.protocol": "consumer", "log_level": 0}
    )
    consumer.subscribe(["orders"])
    errors: list[LibrdkafkaError] = []

    def has_failed() -> bool:
        message = consumer.poll(0.1)
        error = None if message is None else message.error()
        if error is not None:
            errors.append(error)
        return any(each.code() == LibrdkafkaError._FATAL for each in errors)

    wait_until(has_failed, what="the fatal error", timeout_s=30)
    assert "API version not supported" in errors[-1].str()
    consumer.close()


def test_classic_members_are_served(bootstrap: str) -> None:
    consumer = Consumer("orders", bootstrap_servers=bootstrap, group_id="classic")
    wait_until(lambda: consumer.poll(100) is not None and consumer.assignment(), what="an assignment", timeout_s=30)
    consumer.close()


def test_kafka_python_and_aiokafka_know_classic_groups_only() -> None:
    """When they learn the other protocol, their rows in ``consumer_group_clients.py`` and tests of it are due."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from aiokafka import AIOKafkaConsumer
        from kafka import KafkaConsumer
    assert "group_protocol" not in KafkaConsumer.DEFAULT_CONFIG
    assert "group_protocol" not in inspect.signature(AIOKafkaConsumer.__init__).parameters
