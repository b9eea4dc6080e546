"""What a decision means, in rows: who leads now and why."""

from typing import Any

from actors.controller.decision_rows import DecisionRow, asked_for, decision_rows
from actors.image.image import ClusterImage
from kstore.schema.messages.broker_heartbeat import BrokerHeartbeatRequest
from kstore.schema.messages.create_topics import CreateTopicsRequest
from kstore.schema.messages.metadata_records import (
    BrokerRegistrationChangeRecord,
    PartitionChangeRecord,
    PartitionRecord,
    RegisterBrokerRecord,
    RemoveTopicRecord,
    TopicRecord,
)

ID = bytes(15) + b"\1"


def after(image: ClusterImage, *records: Any, why: str = "a test") -> tuple[ClusterImage, list[DecisionRow]]:
    following, delta = image.apply(records, image.offset + len(records), 1)
    return following, decision_rows(records, delta, image, following, why)


def partition(number: int) -> PartitionRecord:
    return PartitionRecord(
        topic_id=ID, partition_id=number, replicas=[1, 2], isr=[1, 2], leader=1, leader_epoch=0, partition_epoch=0
    )


def begin() -> ClusterImage:
    brokers = [RegisterBrokerRecord(broker_id=number, broker_epoch=number, fenced=False) for number in (1, 2)]
    return after(ClusterImage(), *brokers, TopicRecord(name="t", topic_id=ID), partition(0))[0]


def test_a_broker_that_comes_is_told() -> None:
    record = RegisterBrokerRecord(broker_id=4, broker_epoch=7, fenced=True)
    assert after(ClusterImage(), record)[1] == [DecisionRow("BrokerRegistered", "", 4, 7, "a test")]


def test_a_fenced_broker_is_why_others_lead() -> None:
    fence = BrokerRegistrationChangeRecord(broker_id=1, broker_epoch=1, fenced=1)
    change = PartitionChangeRecord(topic_id=ID, partition_id=0, leader=2, isr=[2])
    assert after(begin(), change, fence, why="its process ended")[1] == [
        DecisionRow("BrokerFenced", "", 1, 1, "its process ended"),
        DecisionRow("LeaderElected", "t-0", 2, 1, "broker 1 was fenced: its process ended"),
    ]


def test_without_a_change_of_brokers_the_request_is_why() -> None:
    change = PartitionChangeRecord(topic_id=ID, partition_id=0, leader=2)
    assert after(begin(), change)[1] == [DecisionRow("LeaderElected", "t-0", 2, 1, "a test")]


def test_a_partition_that_nobody_leads_is_told_with_who_led_it() -> None:
    shutdown = BrokerRegistrationChangeRecord(broker_id=1, broker_epoch=1, in_controlled_shutdown=1)
    change = PartitionChangeRecord(topic_id=ID, partition_id=0, leader=-1)
    rows = after(begin(), shutdown, change)[1]
    assert [row[:4] for row in rows] == [("BrokerShuttingDown", "", 1, 1), ("LeaderLost", "t-0", 1, 1)]


def test_an_unclean_election_says_so() -> None:
    change = PartitionChangeRecord(topic_id=ID, partition_id=0, leader=2, isr=[2], leader_recovery_state=1)
    assert after(begin(), change)[1][0].why == "a test; uncleanly"


def test_a_change_of_an_in_sync_set_alone_is_the_leaders_to_tell() -> None:
    assert after(begin(), PartitionChangeRecord(topic_id=ID, partition_id=0, isr=[1]))[1] == []


def test_topics_that_are_made_grow_and_go_are_told() -> None:
    image, made = after(ClusterImage(), TopicRecord(name="t", topic_id=ID), partition(0))
    image, grown = after(image, partition(1), partition(2))
    _, gone = after(image, RemoveTopicRecord(topic_id=ID))
    assert [row[:4] for row in made + grown + gone] == [
        ("TopicCreated", "t", 1, -1),
        ("PartitionsAdded", "t", 1, 3),
        ("TopicDeleted", "t", 3, -1),
    ]


def test_what_was_asked_for_has_a_name() -> None:
    assert asked_for(CreateTopicsRequest()) == "CreateTopics"
    assert asked_for(BrokerHeartbeatRequest()) == "as its heartbeats say"
