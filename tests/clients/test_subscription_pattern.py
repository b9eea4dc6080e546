"""Subscriptions by a pattern that the broker matches (``SubscriptionPattern``, KIP-848)."""

from __future__ import annotations

from typing import Any

import pytest
from clients.consuming import OF_CONSUMER_PROTOCOL, QUICK, Seen, fill, poll_until, stable
from clients.targets import Target

from actors.broker import registry
from kstore import Cluster, Consumer, NewTopic, SubscriptionPattern, TopicPartition
from kstore.errors import InvalidGroupId, InvalidRegularExpression, UnsupportedVersion
from kstore.schema.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest


def create(target: Target, *topics: str, partitions: int = 1) -> None:
    with target.admin() as admin:
        admin.create_topics([NewTopic(topic, partitions, 1) for topic in topics])


def of(*topics: str) -> set[TopicPartition]:
    return {TopicPartition(topic, 0) for topic in topics}


def test_the_broker_finds_the_topics_whose_whole_name_matches_and_those_that_come_later(target: Target) -> None:
    family, group = target.fresh("family"), target.group()
    create(target, f"{family}-a", f"{family}-b", f"not-{family}-a", f"{family}-b-not")
    consumer, seen = target.consumer(group_id=group, **OF_CONSUMER_PROTOCOL), Seen()
    consumer.subscribe(SubscriptionPattern(f"{family}-[a-d]"), listener=seen)
    poll_until(lambda: consumer.assignment() == of(f"{family}-a", f"{family}-b"), consumer)
    assert consumer.subscription() == set()  # as in Java: only the broker knows
    create(target, f"{family}-c")
    poll_until(lambda: consumer.assignment() == of(f"{family}-a", f"{family}-b", f"{family}-c"), consumer)
    assert seen.of("revoked") == []
    fill(target, f"{family}-c", b"new")
    records: list[Any] = []
    while not records:
        records = poll_until(lambda: True, consumer)
    assert records[0].value == b"new"


def test_members_by_pattern_and_by_name_share_the_partitions(target: Target) -> None:
    family, group = target.fresh("family"), target.group()
    create(target, f"{family}-a", f"{family}-b", partitions=2)
    by_pattern = target.consumer(group_id=group, **OF_CONSUMER_PROTOCOL)
    by_pattern.subscribe(SubscriptionPattern(f"{family}-.*"))
    poll_until(lambda: len(by_pattern.assignment()) == 4, by_pattern)
    by_name = target.consumer(f"{family}-b", group_id=group, **OF_CONSUMER_PROTOCOL)

    def is_shared() -> bool:
        one, other = by_pattern.assignment(), by_name.assignment()
        return bool(other) and not one & other and len(one | other) == 4

    poll_until(is_shared, by_pattern, by_name)
    by_name.close()
    poll_until(lambda: len(by_pattern.assignment()) == 4, by_pattern)


def test_another_pattern_takes_the_place_of_the_first_one(target: Target) -> None:
    family = target.fresh("family")
    create(target, f"{family}-a", f"{family}-b")
    consumer = target.consumer(group_id=target.group(), **OF_CONSUMER_PROTOCOL)
    consumer.subscribe(SubscriptionPattern(f"{family}-a"))
    poll_until(lambda: consumer.assignment() == of(f"{family}-a"), consumer)
    consumer.subscribe(SubscriptionPattern(f"{family}-b"))
    poll_until(lambda: consumer.assignment() == of(f"{family}-b"), consumer)
    with pytest.raises(ValueError, match="exclude each other"):
        consumer.subscribe([f"{family}-a"])
    consumer.unsubscribe()
    consumer.subscribe([f"{family}-a"])
    poll_until(lambda: consumer.assignment() == of(f"{family}-a"), consumer)


@pytest.mark.parametrize("wrong", ["(", "orders-(?!eu).*"])
def test_an_expression_that_the_broker_cannot_read_is_an_error_of_each_poll(target: Target, wrong: str) -> None:
    consumer = target.consumer(group_id=target.group(), **OF_CONSUMER_PROTOCOL)
    consumer.subscribe(SubscriptionPattern(wrong))
    for _ in range(2):
        with pytest.raises(InvalidRegularExpression):
            poll_until(lambda: False, consumer)


def test_internal_topics_that_match_are_read_as_by_the_java_client(target: Target) -> None:
    consumer = target.consumer(group_id=target.group(), **OF_CONSUMER_PROTOCOL)
    consumer.subscribe(SubscriptionPattern("__consumer_offsets"))
    poll_until(lambda: TopicPartition("__consumer_offsets", 0) in consumer.assignment(), consumer)


def test_a_topic_that_is_deleted_goes_and_one_of_its_name_is_another(target: Target) -> None:
    family = target.fresh("family")
    create(target, f"{family}-a", f"{family}-b")
    consumer, seen = target.consumer(group_id=target.group(), metadata_max_age_ms=100, **OF_CONSUMER_PROTOCOL), Seen()
    consumer.subscribe(SubscriptionPattern(f"{family}-.*"), listener=seen)
    poll_until(lambda: len(consumer.assignment()) == 2 and stable(consumer), consumer)
    with target.admin() as admin:
        admin.delete_topics([f"{family}-a"])
    poll_until(lambda: consumer.assignment() == of(f"{family}-b"), consumer)
    with target.admin() as admin:
        assert f"{family}-a" not in admin.list_topics()
    create(target, f"{family}-a")
    poll_until(lambda: len(consumer.assignment()) == 2, consumer)
    fill(target, f"{family}-a", b"another")
    records: list[Any] = []
    while not records:
        records = poll_until(lambda: True, consumer)
    assert records[0].value == b"another"


def test_it_needs_a_group_of_the_consumer_protocol() -> None:
    with Cluster() as cluster:
        consumer: Consumer
        needs = pytest.raises(ValueError, match='group_protocol="consumer"')
        with cluster.consumer(group_id="shipping", **QUICK) as consumer, needs:
            consumer.subscribe(SubscriptionPattern("orders"))
        with cluster.consumer(**OF_CONSUMER_PROTOCOL) as consumer, pytest.raises(InvalidGroupId):
            consumer.subscribe(SubscriptionPattern("orders"))


@pytest.mark.parametrize(
    ("topics", "pattern", "error", "words"),
    [
        (SubscriptionPattern(""), None, ValueError, "can't be empty"),
        (SubscriptionPattern("orders"), "orders", ValueError, "not to both"),
        ((), SubscriptionPattern("orders"), TypeError, r"subscribe\(SubscriptionPattern"),
    ],
)
def test_a_pattern_is_a_text_and_stands_alone(topics: Any, pattern: Any, error: type[Exception], words: str) -> None:
    consumer: Consumer
    with Cluster() as cluster, cluster.consumer(group_id="shipping", **OF_CONSUMER_PROTOCOL) as consumer:
        with pytest.raises(error, match=words):
            consumer.subscribe(topics, pattern=pattern)
        assert consumer.subscription() == set()


def test_a_broker_that_matches_no_patterns_is_an_error_of_the_first_poll_that_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = ConsumerGroupHeartbeatRequest.API_KEY
    first_only = registry.CLIENT_APIS[key]._replace(last=0)
    monkeypatch.setitem(registry.CLIENT_APIS, key, first_only)
    with Cluster(listen="127.0.0.1:0") as cluster:
        cluster.create_topic("orders")
        consumer: Consumer = Consumer(
            bootstrap_servers=cluster.bootstrap_servers, group_id="shipping", **OF_CONSUMER_PROTOCOL
        )
        consumer.subscribe(SubscriptionPattern("orders"))
        for _ in range(2):
            with pytest.raises(UnsupportedVersion, match=r"SubscriptionPattern needs.*subscribe to topics, or"):
                consumer.poll(10_000)
        consumer.close()
