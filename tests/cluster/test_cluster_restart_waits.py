"""Brokers that were restarted know nothing for a moment: what is asked of the cluster at once waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kstore import Cluster, ConfigResource, TopicPartition
from kstore.errors import UnknownTopicOrPartition

WAYS = ["real", "seed", "listen", "disk"]
PLACE = TopicPartition("t", 0)


@pytest.fixture(params=[(way, brokers) for way in WAYS for brokers in (1, 3)], ids=lambda each: f"{each[0]}-{each[1]}")
def cluster(request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> Iterator[Cluster]:
    """A cluster with five records in a topic, three of which a group has committed."""
    way, brokers = request.param
    how: Any = {
        "real": {},
        "seed": {"seed": seed},
        "listen": {"listen": "127.0.0.1:0"},
        "disk": {"data_dir": tmp_path},
    }[way]
    with Cluster(brokers, **how) as found:
        found.create_topic("t")
        with found.producer() as producer:
            producer.send_many("t", [b"v"] * 5).get(timeout=30)
        with found.admin() as admin:
            admin.alter_group_offsets("g", {PLACE: 3})
        yield found


def restart_all(cluster: Cluster, *, killed: bool) -> None:
    if killed:
        for broker in cluster.node_ids:
            cluster.faults.kill(broker)
    for broker in cluster.node_ids:
        cluster.faults.restart(broker)


def topics_of_an_admin(cluster: Cluster) -> object:
    with cluster.admin() as admin:
        return "t" in admin.list_topics() and admin.describe_topics(["t"])[0].name


def topics_of_a_consumer(cluster: Cluster) -> object:
    with cluster.consumer() as consumer:
        return sorted(consumer.topics()), consumer.partitions_for_topic("t"), consumer.end_offsets([PLACE])


def configs(cluster: Cluster) -> object:
    with cluster.admin() as admin:
        return "segment.ms" in admin.describe_configs([ConfigResource("topic", "t")])["topic"]["t"]


QUESTIONS: dict[str, tuple[Callable[[Cluster], object], object]] = {
    "leader": (lambda cluster: cluster.leader("t") in (-1, *cluster.node_ids), True),
    "isr": (lambda cluster: len(cluster.isr("t")) > 0, True),
    "records": (lambda cluster: len(cluster.records("t")), 5),
    "records of a partition": (lambda cluster: len(cluster.records("t", 5, partition=0)), 5),
    "committed": (lambda cluster: cluster.committed("g"), {PLACE: 3}),
    "lag": (lambda cluster: cluster.lag("g"), {PLACE: 2}),
    "create_topic": (lambda cluster: cluster.create_topic("new"), None),
    "wait_for": (lambda cluster: cluster.wait_for(lambda: len(cluster.records("t")) == 5), None),
    "wait_for_group": (lambda cluster: cluster.wait_for_group("g", 0, "Empty"), None),
    "topics of an admin": (topics_of_an_admin, "t"),
    "topics of a consumer": (topics_of_a_consumer, (["t"], {0}, {PLACE: 5})),
    "configs": (configs, True),
}


@pytest.mark.parametrize("killed", [False, True], ids=["restart", "kill and restart"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_what_is_asked_at_once_after_a_restart_of_all_is_answered_as_before(
    cluster: Cluster, question: str, killed: bool
) -> None:
    ask, answer = QUESTIONS[question]
    restart_all(cluster, killed=killed)
    assert ask(cluster) == answer


def test_what_is_not_there_is_still_said_not_to_be(cluster: Cluster) -> None:
    restart_all(cluster, killed=False)
    with pytest.raises(UnknownTopicOrPartition):
        cluster.leader("nothing")
    assert cluster.committed("nobody") == {}


def test_who_waits_for_a_broker_that_does_not_come_is_told_in_time(seed: int) -> None:
    with Cluster(2, seed=seed) as cluster:
        cluster.create_topic("t", replication_factor=1)
        cluster.faults.partition(1, 2)
        cluster.faults.restart(2)
        cluster.faults.kill(1)
        before = cluster.now
        with pytest.raises(TimeoutError, match="no broker has read the cluster's metadata after 2 seconds"):
            cluster.leader("t", timeout=2)
        with pytest.raises(TimeoutError, match=r"metadata after 0\.5 seconds"):
            cluster.records("t", timeout=0.5)
        assert cluster.now - before == pytest.approx(2.5, abs=0.1)
        cluster.faults.heal()
