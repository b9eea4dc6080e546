"""Retention in a cluster: on its clock, on demand, in every replica, and by what each key says."""

from pathlib import Path
from typing import Any

import pytest

from actors.image.image import ImageDelta
from actors.partition.messages import EnforceRetention
from kstore import Cluster, ConfigResource, TopicPartition
from kstore.errors import UnknownTopicOrPartition

DAY_S = 24 * 3600
SMALL = {"internal.segment.bytes": "1000"}


def fill(cluster: Cluster, records: int = 20) -> None:
    with cluster.producer(acks="all") as producer:
        for number in range(records):
            producer.send("orders", b"%d" % number * 100).get()


def offsets(cluster: Cluster) -> list[int]:
    return [record.offset for record in cluster.records("orders")]


def starts(cluster: Cluster) -> list[int]:
    """Where the log of each replica begins."""
    found = []
    for node in cluster.living():
        replica: Any = node.actors[f"{node.name}/replica/orders-0"]
        found.append(replica.log.start_offset)
    return found


def test_a_topic_keeps_its_records_for_a_week_unless_it_is_told_otherwise() -> None:
    with Cluster(brokers=3, seed=1) as cluster:
        cluster.create_topic("orders", replication_factor=3)
        with cluster.producer(acks="all") as producer:
            for age_s in (6.999 * DAY_S, 7 * DAY_S):
                producer.send("orders", b"old", timestamp_ms=round((cluster.now - age_s) * 1000)).get()
        cluster.run_for(40)  # the first check is after 30 seconds, the second 5 minutes later
        assert offsets(cluster) == [0, 1]  # in one segment
        cluster.run_for(320)
        assert offsets(cluster) == []
        assert starts(cluster) == [2, 2, 2]
        with cluster.producer() as producer:
            assert producer.send("orders", b"new").get().offset == 2


def test_expire_removes_at_once_what_is_too_old_in_every_replica() -> None:
    with Cluster(brokers=3, seed=1) as cluster:
        cluster.create_topic("orders", replication_factor=3, config={"retention.ms": "60000", **SMALL})
        fill(cluster)
        assert cluster.expire("orders") == 0
        cluster.run_for(61)
        assert cluster.expire("orders") == 20
        assert starts(cluster) == [20, 20, 20]
        assert cluster.expire("orders") == 0


def test_retention_bytes_counts_whole_segments_of_each_partition() -> None:
    with Cluster(seed=1) as cluster:
        cluster.create_topic("orders", config={"retention.bytes": "3000", **SMALL})
        fill(cluster, 40)
        removed = cluster.expire("orders")
        assert 0 < removed < 40
        assert offsets(cluster) == list(range(removed, 40))


@pytest.mark.parametrize(
    "config",
    [{"log.retention.ms": "60000"}, {"log.retention.minutes": "1"}],
)
def test_the_brokers_keys_hold_where_the_topic_sets_none(config: dict[str, str]) -> None:
    with Cluster(seed=1, config=config) as cluster:
        cluster.create_topic("orders")
        cluster.create_topic("kept", config={"retention.ms": "-1"})
        fill(cluster)
        with cluster.producer() as producer:
            producer.send("kept", b"x")
        cluster.run_for(400)
        assert offsets(cluster) == []
        assert len(cluster.records("kept")) == 1


def test_a_changed_retention_holds_from_the_next_check_on() -> None:
    with Cluster(seed=1, config={"log.retention.check.interval.ms": "10000"}) as cluster:
        cluster.create_topic("orders")
        fill(cluster)
        cluster.run_for(100)
        with cluster.admin() as admin:
            admin.alter_configs([ConfigResource("topic", "orders", {"retention.ms": "50000"})])
        cluster.run_for(10.5)
        assert offsets(cluster) == []


def test_a_compacted_topic_keeps_old_records_and_one_with_both_policies_does_not() -> None:
    with Cluster(seed=1) as cluster:
        for policy in ("compact", "compact,delete"):
            config = {"cleanup.policy": policy, "retention.ms": "1000"}
            cluster.create_topic(policy.replace(",", "."), config=config)
        with cluster.producer() as producer:
            producer.send("compact", b"x", key=b"k")
            producer.send("compact.delete", b"x", key=b"k")
        cluster.run_for(400)
        assert (len(cluster.records("compact")), len(cluster.records("compact.delete"))) == (1, 0)


def test_a_reader_whose_position_is_gone_begins_where_auto_offset_reset_says() -> None:
    with Cluster(seed=1) as cluster:
        cluster.create_topic("orders", config={"retention.ms": "60000"})
        fill(cluster)
        with cluster.consumer("orders", group_id="g", auto_offset_reset="earliest") as consumer:
            read = [next(consumer).offset for _ in range(5)]
            consumer.pause(*consumer.assignment())
            cluster.run_for(61)
            cluster.expire("orders")
            fill(cluster, 3)
            consumer.seek(TopicPartition("orders", 0), 5)
            consumer.resume(*consumer.assignment())
            assert (read, next(consumer).offset) == ([0, 1, 2, 3, 4], 20)


def test_a_broker_that_was_dead_when_all_expired_follows_from_where_its_leader_begins() -> None:
    with Cluster(brokers=3, seed=1) as cluster:
        cluster.create_topic("orders", replication_factor=3, config={"retention.ms": "60000"})
        follower = next(node for node in (1, 2, 3) if node != cluster.leader("orders"))
        cluster.faults.kill(follower)
        fill(cluster)
        cluster.run_for(61)
        assert cluster.expire("orders") == 20
        cluster.faults.restart(follower)
        cluster.wait_for(lambda: len(cluster.isr("orders")) == 3)
        assert starts(cluster) == [20, 20, 20]


def test_the_new_start_and_the_unlinked_files_survive_a_restart(tmp_path: Path) -> None:
    config = {"retention.ms": "60000", "file.delete.delay.ms": "5000", **SMALL}
    with Cluster(seed=1, data_dir=tmp_path) as cluster:
        cluster.create_topic("orders", config=config)
        fill(cluster)
        cluster.run_for(61)
        cluster.expire("orders")
        folder = next(tmp_path.rglob("orders-0"))
        assert list(folder.glob("*.deleted"))
        cluster.run_for(6)
        assert not list(folder.glob("*.deleted"))
        fill(cluster, 3)
    with Cluster(seed=2, data_dir=tmp_path) as cluster:
        assert offsets(cluster) == [20, 21, 22]


def test_what_a_replica_reports_as_it_is_deleted_is_not_kept_for_the_next_topic_of_its_name() -> None:
    with Cluster(seed=1) as cluster:
        cluster.create_topic("orders", config={"retention.ms": "60000"})
        fill(cluster)
        cluster.run_for(61)
        (node,) = cluster.living()
        broker: Any = node.actors[f"{node.name}/broker"]
        removed = ImageDelta(removed_topics=(cluster.image(node.node_id).topics["orders"],))

        def delete_as_it_expires() -> None:
            broker.replicas.refs["orders", 0].tell(EnforceRetention())
            for _ in broker.replicas.follow(broker.node.view.image, removed):
                pass

        cluster.world.driver.call(delete_as_it_expires)
        cluster.run_for(1)
        assert [row.kind for row in cluster.trace.recording.rows() if row.kind == "SegmentsExpired"]
        start_offsets: Any = node.actors[f"{node.name}/start-offsets"]
        assert start_offsets.known == {}


def test_the_first_check_is_when_the_brokers_key_says() -> None:
    with Cluster(seed=1, config={"log.initial.task.delay.ms": "5000"}) as cluster:
        cluster.create_topic("orders", config={"retention.ms": "1000"})
        fill(cluster)
        cluster.run_for(5)
        assert offsets(cluster) == []


def test_expire_of_a_topic_that_is_not_there_is_refused() -> None:
    with Cluster(seed=1) as cluster, pytest.raises(UnknownTopicOrPartition):
        cluster.expire("orders")
