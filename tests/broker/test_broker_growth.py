"""What a broker does for a change grows with the change, not with all that it knows: counted, never timed."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from actors.broker.replicas import COORDINATED_TAIL_BYTES
from actors.partition.replica.replica import Replica
from kstore import Cluster


@pytest.fixture
def cluster():
    with Cluster(3, seed=11) as found:
        yield found


def made(cluster: Cluster, count: int, prefix: str = "t") -> list[str]:
    names = [f"{prefix}{number}" for number in range(count)]
    with cluster.admin() as admin:
        admin.create_topics(names)
    return names


def sizes_of_own_parts(layered: Any) -> list[int]:
    """The sizes of the dicts that a layered mapping consists of, the smallest first."""
    return sorted(len(each) for each in gc.get_referents(layered) if type(each) is dict)


def test_metadata_describes_a_topic_again_only_when_it_or_who_lives_has_changed(cluster: Cluster) -> None:
    names = made(cluster, 10)
    cluster.create_topic("wide", partitions=20, replication_factor=3)
    described: list[Any] = [cluster.nodes[number].view.descriptions for number in (1, 2, 3)]
    with cluster.admin() as admin:

        def ask() -> int:
            before = sum(each.made for each in described)
            assert len(admin.describe_topics([*names, "wide"])) == 11
            return sum(each.made for each in described) - before

        ask()
        assert ask() == 0
        admin.create_partitions({"t0": 2})
        while ask():
            """Until the broker that is asked has described the topic that has changed."""
        assert {len(topic.partitions) for topic in admin.describe_topics(["t0"])} == {2}
        cluster.faults.kill(3)
        cluster.run_for(30)
        ask()
        gone = [each for topic in admin.describe_topics(["wide"]) for each in topic.partitions if each.offline_replicas]
        assert len(gone) == 20
        admin.delete_topics(names)
        assert all(len(each._topics) <= 2 for each in described[:2])


def test_a_new_topic_copies_neither_the_other_topics_nor_their_replicas(cluster: Cluster) -> None:
    made(cluster, 300)
    node = cluster.nodes[1]
    replicas, held = node.view.replicas, len(node.view.replicas)
    for number in range(5):
        cluster.create_topic(f"more-{number}", partitions=1, replication_factor=3)
        image = node.view.image
        for mapping in (image.topics, image.topic_names_by_id):
            assert sizes_of_own_parts(mapping)[0] <= 20
    assert node.view.replicas is replicas
    assert len(replicas) == held + 5


def test_a_client_that_leaves_is_no_business_of_the_other_clients(cluster: Cluster) -> None:
    made(cluster, 1)
    clients = [cluster.producer() for _ in range(12)]
    for each in clients:
        each.send("t0", b"x").get(10)
    net = cluster.net
    looked_at: list[tuple[int, int]] = []
    reachable = type(net).reachable

    class Counting(type(net)):  # type: ignore[misc]  # of whatever class it is
        def reachable(self, from_id: int, to_id: int) -> bool:
            looked_at.append((from_id, to_id))
            return bool(reachable(self, from_id, to_id))

    net.__class__ = Counting
    leaving = clients[0]._transport.node.node_id
    clients[0].close()
    cluster.run_for(0.1)
    others = {each._transport.node.node_id for each in clients[1:]}
    assert not [pair for pair in looked_at if leaving in pair and others & set(pair)]
    before = len(net.sessions)
    for each in clients[1:]:
        each.close()
    cluster.run_for(1)
    assert len(net.sessions) < before
    assert set(net.sessions_of) <= set(net.servers.values())


def test_the_logs_of_coordinators_keep_little_of_their_newest_batches_in_memory(cluster: Cluster) -> None:
    names = made(cluster, 1)
    with cluster.consumer(*names, group_id="readers") as consumer:
        consumer.poll(timeout_ms=10_000)
        leading = cluster.nodes[cluster.leader(names[0], 0)].view.replicas[names[0], 0].actor_as(Replica)
        coordinated = [
            ref.actor_as(Replica).log
            for node in cluster.nodes.values()
            for (topic, _), ref in node.view.replicas.items()
            if topic == "__consumer_offsets"
        ]
    assert coordinated
    assert all(log.hot.max_bytes == COORDINATED_TAIL_BYTES < leading.log.hot.max_bytes for log in coordinated)
