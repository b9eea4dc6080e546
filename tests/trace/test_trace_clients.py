"""Traces of whole runs, with the producers and consumers that users have: every chain leads back to their calls."""

from collections.abc import Iterator
from typing import Any

import pytest

from actors.trace.rebalance import Rebalance
from actors.trace.root_causes import root_of
from kstore import Cluster, Producer

GROUP = "order-processors"
HOW = {
    "group_id": GROUP,
    "auto_offset_reset": "earliest",
    "session_timeout_ms": 10_000,
    "heartbeat_interval_ms": 3_000,
    "metadata_max_age_ms": 2_000,
}


@pytest.fixture
def cluster(seed: int) -> Iterator[Cluster]:
    with Cluster(brokers=3, seed=seed) as cluster:
        cluster.create_topic("orders", partitions=4, replication_factor=3)
        yield cluster


class Program:
    """A consumer's program beside the test: polls until told to stop, to hang, or to go without a word."""

    def __init__(self, cluster: Cluster, **how: Any) -> None:
        self.over = self.hangs = False
        self.consumer: Any = None
        self.spawned = cluster.spawn(self.run, cluster, HOW | how)

    def run(self, cluster: Cluster, how: dict[str, Any]) -> None:
        self.consumer = cluster.consumer("orders", **how)
        while not self.over:
            if self.hangs:
                cluster.run_for(1)
            else:
                self.consumer.poll(timeout_ms=100)
        self.consumer.close()


def members(cluster: Cluster, count: int) -> None:
    cluster.wait_for_group(GROUP, members=count, state="Stable")


def pair(cluster: Cluster, **how: Any) -> tuple[Program, Program]:
    """A stable group of two programs; ``how`` is for the second."""
    first = Program(cluster)
    members(cluster, 1)
    second = Program(cluster, **how)
    members(cluster, 2)
    return first, second


def why(cluster: Cluster) -> Rebalance:
    return cluster.trace.why_rebalance(GROUP)


def test_a_record_is_followed_from_send_to_commit(cluster: Cluster) -> None:
    with cluster.producer(acks="all", linger_ms=20) as producer:
        futures = [producer.send("orders", value=b"%d" % number, partition=1) for number in range(3)]
        placed = futures[1].get(timeout=30)
    with cluster.consumer("orders", group_id=GROUP, auto_offset_reset="earliest") as consumer:
        for _ in range(3):
            next(consumer)
        consumer.commit()
    life = cluster.trace.record("orders", placed.partition, placed.offset)
    assert life.root is not None
    assert (life.root.sort, life.root.what) == ("call", "Producer.send at producer-1/sender")
    whats = [step.what for step in life.steps]
    expected = [
        "Producer.send",
        " is opened",
        " is sent with 3 records",
        "the request reaches the leader's node",
        "its turn at the replica (Append)",
        "appended by the leader at offsets 0 to 2",
        "committed: the high watermark is 3",
        "acknowledged to the producer",
        "fetched by a consumer with offsets 0 to 2",
        "delivered to the consumer's program",
        "the consumer commits offset 3",
        f"group {GROUP} has committed offset 3",
    ]
    found = [what for what in whats if what != "appended by a follower"]
    assert len(found) == len(expected)
    assert all(part in what for part, what in zip(expected, found, strict=True)), found
    assert whats.count("appended by a follower") == 2


def test_a_consumer_that_joins_is_led_to_by_its_poll(cluster: Cluster) -> None:
    pair(cluster)
    found = why(cluster)
    assert (found.kind, found.members, found.state) == ("join", 2, "Stable")
    assert str(found.root) in [f"Consumer.{call} at consumer-2/consumer" for call in ("subscribe", "poll")]


def test_a_consumer_that_is_closed_is_why(cluster: Cluster) -> None:
    _, second = pair(cluster)
    second.over = True
    members(cluster, 1)
    found = why(cluster)
    assert (found.kind, found.members) == ("leave", 1)
    assert "the consumer is being closed" in found.reason
    assert str(found.root) == "Consumer.close at consumer-2/consumer"


def test_a_consumer_that_is_cut_off_loses_its_session_and_the_cut_is_told(cluster: Cluster) -> None:
    _, second = pair(cluster)
    cluster.faults.partition(second.consumer, [1, 2, 3])
    members(cluster, 1)
    found = why(cluster)
    assert found.kind == "session expired"
    assert any("links between" in step.what for step in found.steps)


def test_a_program_that_hangs_is_out_by_its_poll_interval(cluster: Cluster) -> None:
    _, second = pair(cluster, max_poll_interval_ms=15_000)
    second.hangs = True
    members(cluster, 1)
    found = why(cluster)
    assert found.kind == "poll interval expired"
    assert found.root is not None
    assert found.root.sort == "timer"
    assert "consumer-2/consumer" in found.root.what
    assert (found.steps[0].place, found.steps[0].what) == (
        "consumer-2/consumer",
        "its program hasn't polled for 15.000 s",
    )


def test_a_program_that_polls_in_vain_is_seen_to_poll(cluster: Cluster) -> None:
    with cluster.consumer("orders", group_id="g", enable_auto_commit=False) as consumer:
        end = cluster.now + 20
        while cluster.now < end:
            consumer.poll(timeout_ms=100)
        polls = [row for row in cluster.trace.recording.find("Consumer.poll") if row.time_us > 10_000_000]
        assert 5 < len(polls) < 20


def test_a_topic_that_grows_is_why_its_readers_share_anew(cluster: Cluster) -> None:
    pair(cluster)
    before = why(cluster).generation
    with cluster.admin() as admin:
        admin.create_partitions({"orders": 6})
        admin.create_topics({"others": {"num_partitions": 1}})
        admin.create_partitions({"others": 2})
        cluster.wait_for(lambda: why(cluster).generation > before and why(cluster).state == "Stable", 60)
    found = why(cluster)
    assert found.kind == "partitions changed"
    (told,) = [step.what for step in found.steps if "grows from" in step.what]
    assert told.startswith("topic orders grows from 4 to 6")
    assert "caused by Admin.create_partitions at admin-" in told
    assert found.root is not None
    assert found.root.what.startswith("Admin.create_partitions at admin-")


def test_a_static_member_that_is_started_anew_in_time_causes_no_rebalance(cluster: Cluster) -> None:
    _, second = pair(cluster, group_instance_id="worker-2")
    before = why(cluster).generation
    second.over = True
    cluster.run_for(2)
    Program(cluster, group_instance_id="worker-2")
    cluster.run_for(4)
    found = why(cluster)
    assert found.generation == before
    assert any("join of static worker-2 as " in step.what for step in found.since)


def test_a_coordinator_that_moves_while_all_is_well_is_told_without_a_rebalance(cluster: Cluster) -> None:
    pair(cluster)
    cluster.run_for(5)
    before = why(cluster)
    cluster.faults.kill(int(before.coordinator.split("-")[1].split("#")[0]))
    cluster.wait_for(lambda: why(cluster).coordinator != before.coordinator, 60)
    cluster.run_for(5)
    found = why(cluster)
    assert (found.kind, found.generation, found.state) == ("join", before.generation, "Stable")
    told = found.since[-1]
    assert told.place.startswith(found.coordinator)
    assert told.what.startswith("coordinates the group now: broker ")
    assert "was fenced: its process ended" in told.what


def test_a_coordinator_that_dies_before_all_have_joined_is_why_they_begin_again(cluster: Cluster) -> None:
    first, _ = pair(cluster)
    first.hangs = True
    third = Program(cluster)
    cluster.wait_for(lambda: why(cluster).awaited, 60)
    cluster.faults.kill(int(why(cluster).coordinator.split("-")[1].split("#")[0]))
    cluster.run_for(1)
    for broker in cluster.brokers.values():
        if not broker.alive:
            cluster.faults.restart(broker.id)
    first.hangs = False
    members(cluster, 3)
    found = why(cluster)
    assert third.consumer is not None
    assert found.root is not None
    assert (found.kind, "was killed" in found.root.what) == ("coordinator moved", True)


def test_a_partition_that_was_made_by_the_cluster_leads_back_to_that_call(cluster: Cluster) -> None:
    cluster.create_topic("audit")
    found = cluster.trace.why_leader("audit", 0)
    assert found.root is not None
    assert (found.root.sort, found.root.what) == ("call", "Cluster.create_topic")


def test_what_comes_of_a_client_that_leaves_ends_in_its_call(cluster: Cluster) -> None:
    cluster.run_for(1)
    with cluster.producer() as producer:
        producer.send("orders", b"x").get(timeout=30)
        last = len(cluster.trace.recording)
    cluster.run_for(1)
    ends = [root_of(cluster.trace.recording, row.sequence) for row in cluster.trace.recording.rows(last + 1)]
    assert "Producer.close at producer-1/sender" in {end.what for end in ends}
    assert {end.sort for end in ends} <= {"call", "timer"}


def test_a_link_that_breaks_under_a_record_is_told(cluster: Cluster) -> None:
    leader = cluster.leader("orders", 0)
    with cluster.producer(acks="all", request_timeout_ms=2_000, delivery_timeout_ms=60_000) as producer:
        producer.send("orders", b"a", partition=0).get(timeout=30)
        cluster.faults.drop("Produce", answer=True)
        placed = producer.send("orders", b"b", partition=0).get(timeout=60)
    whats = [step.what for step in cluster.trace.record("orders", 0, placed.offset).steps]
    broken = f"the link between producer-1 and broker-{leader}#1 breaks, with 1 request unanswered"
    assert broken in whats
    assert whats.index(broken) < whats.index("acknowledged to the producer")


def test_over_tcp_a_chain_ends_at_a_socket_and_names_the_client() -> None:
    with Cluster(brokers=1, listen="127.0.0.1:0") as cluster:
        cluster.create_topic("orders")
        servers = cluster.bootstrap_servers
        with Producer(bootstrap_servers=servers, client_id="till-4") as producer:
            placed = producer.send("orders", b"x").get(timeout=30)
        cluster.wait_for(lambda: cluster.trace.recording.last_of("ChannelClosed"))
        closed = cluster.trace.recording.last_of("ChannelClosed")
        assert closed is not None
        assert root_of(cluster.trace.recording, closed.sequence).sort == "socket"
        life = cluster.trace.record("orders", 0, placed.offset)
    assert life.root is not None
    assert life.root.sort == "socket"
    assert life.root.what.startswith("a request of till-4 at 127.0.0.1 (broker-1#1/connection/")
