"""Compaction in a cluster: by its clock, on demand, in every replica, and what must outlive it."""

from pathlib import Path
from typing import Any

import pytest

from actors.partition.cleaning_messages import Clean, FindCleanable, LogTruncated
from actors.partition.messages import StartAt
from actors.runtime.future import ask
from kstore import Cluster, ConfigResource, TopicPartition
from kstore.errors import UnknownTopicOrPartition
from kstore.errors.config import ConfigError
from kstore.log.offset_map import OffsetMap

SMALL = {"cleanup.policy": "compact", "internal.segment.bytes": "2000"}
KEYS = 7
OFFSETS = TopicPartition("prices", 0)


def fill(cluster: Cluster, records: int = 300, first: int = 0) -> None:
    with cluster.producer(acks="all") as producer:
        for number in range(first, first + records):
            producer.send("prices", b"%d" % number, key=b"key-%d" % (number % KEYS)).get()


def table(cluster: Cluster) -> dict[bytes, bytes | None]:
    """What a reader from the beginning ends up with."""
    return {record.key or b"": record.value for record in cluster.records("prices")}


def logs(cluster: Cluster) -> list[list[bytes]]:
    """The batches that each replica has in its closed segments."""
    found = []
    for node in cluster.living():
        replica: Any = node.actors[f"{node.name}/replica/prices-0"]
        log = replica.log
        found.append([each.to_bytes() for each in log.batches(log.start_offset, log.segments.active.base_offset)])
    return found


def cleanings(cluster: Cluster) -> list[str]:
    return [row.subject for row in cluster.trace.recording.rows() if row.kind == "LogCleaned"]


def test_a_log_that_is_dirty_enough_is_compacted_in_every_replica() -> None:
    with Cluster(brokers=3, seed=1) as cluster:
        cluster.create_topic("prices", replication_factor=3, config=SMALL)
        fill(cluster)
        whole = table(cluster)
        cluster.run_for(20)
        assert len(cluster.records("prices")) < 40
        assert table(cluster) == whole
        one, two, three = logs(cluster)
        assert one == two == three
        assert len(cleanings(cluster)) == 3


def test_nothing_is_cleaned_again_while_nothing_is_written() -> None:
    with Cluster(seed=1) as cluster:
        cluster.create_topic("prices", config=SMALL)
        fill(cluster)
        cluster.run_for(20)
        before = len(cleanings(cluster))
        cluster.run_for(600)
        assert (before, len(cleanings(cluster))) == (1, 1)


def test_a_log_that_is_not_dirty_enough_waits() -> None:
    with Cluster(seed=1) as cluster:
        cluster.create_topic("prices", config={**SMALL, "min.cleanable.dirty.ratio": "1"})
        fill(cluster)
        cluster.run_for(60)
        assert not cleanings(cluster)
        with cluster.admin() as admin:
            admin.alter_configs([ConfigResource("topic", "prices", {"min.cleanable.dirty.ratio": "0.5"})])
        fill(cluster, 30)  # a segment more
        cluster.run_for(20)
        assert len(cleanings(cluster)) == 1


def test_a_log_that_changed_settings_make_dirty_enough_is_cleaned_without_a_new_segment() -> None:
    with Cluster(seed=1) as cluster:
        cluster.create_topic("prices", config={**SMALL, "min.cleanable.dirty.ratio": "1"})
        fill(cluster)
        cluster.run_for(60)
        with cluster.admin() as admin:
            admin.alter_configs([ConfigResource("topic", "prices", {"min.cleanable.dirty.ratio": "0.5"})])
        cluster.run_for(20)
        assert len(cleanings(cluster)) == 1


def test_a_log_that_is_dirty_enough_once_its_start_is_deleted_is_cleaned_without_a_new_segment() -> None:
    with Cluster(seed=1) as cluster:
        policy = {"cleanup.policy": "compact,delete", "min.cleanable.dirty.ratio": "0.7"}
        cluster.create_topic("prices", config={**SMALL, **policy})
        with cluster.producer(acks="all") as producer:
            for number in range(300):
                producer.send("prices", b"x", key=b"once-%d" % number).get()
        cluster.run_for(20)
        fill(cluster, 100)
        cluster.run_for(20)
        assert len(cleanings(cluster)) == 1
        with cluster.admin() as admin:
            admin.delete_records({OFFSETS: 270})
        cluster.run_for(20)
        assert len(cleanings(cluster)) == 2


def test_compact_leaves_out_a_replica_whose_disk_has_failed() -> None:
    with Cluster(brokers=3, seed=1) as cluster:
        cluster.create_topic("prices", replication_factor=3, config={"cleanup.policy": "compact"})
        fill(cluster)
        follower = next(node for node in cluster.living() if node.node_id != cluster.leader("prices"))
        replica: Any = follower.actors[f"{follower.name}/replica/prices-0"]
        cluster.world.driver.call(replica.log.failed, "the disk is broken")
        assert cluster.compact("prices") == 300 - KEYS


def test_a_follower_that_cuts_its_log_before_it_is_told_to_clean_it_does_not() -> None:
    with Cluster(brokers=3, seed=1) as cluster:
        cluster.create_topic("prices", replication_factor=3, config={**SMALL, "min.cleanable.dirty.ratio": "1"})
        fill(cluster)
        whole = table(cluster)
        follower = next(node for node in cluster.living() if node.node_id != cluster.leader("prices"))
        replica: Any = follower.actors[f"{follower.name}/replica/prices-0"]
        found = ask(cluster.world, replica.actor_ref, FindCleanable(None)).get(timeout=10)
        cut = StartAt(replica.leader_epoch, 0, 30, (replica.log.end_offset, replica.log.disk.generation))
        cluster.world.driver.call(replica.actor_ref.tell, cut)
        done = ask(cluster.world, replica.actor_ref, Clean(found.cleanable, OffsetMap(1 << 16))).get(timeout=10)
        assert (done.cleaned_to, "changed" in done.failure) == (None, True)
        cluster.wait_for(lambda: len(set(map(tuple, logs(cluster)))) == 1)
        assert table(cluster) == whole
        assert not cluster.failures


def test_what_a_leader_said_of_another_end_cuts_nothing() -> None:
    """A fetcher may ask twice, and the second answer may come when the log has been copied anew and has grown."""
    with Cluster(brokers=3, seed=1) as cluster:
        cluster.create_topic("prices", replication_factor=3)
        fill(cluster)
        follower = next(node for node in cluster.living() if node.node_id != cluster.leader("prices"))
        replica: Any = follower.actors[f"{follower.name}/replica/prices-0"]
        end_offset, generation = replica.log.end_offset, replica.log.disk.generation
        for asked_at in ((end_offset - 1, generation), (end_offset, generation - 1)):
            late = StartAt(replica.leader_epoch, 0, 30, asked_at)
            cluster.world.driver.call(replica.actor_ref.tell, late)
            cluster.run_for(1)
            assert (replica.log.end_offset, replica.log.disk.generation) == (end_offset, generation)


def test_compact_cleans_at_once_with_what_was_written_last() -> None:
    with Cluster(brokers=3, seed=1) as cluster:
        cluster.create_topic("prices", replication_factor=3, config={"cleanup.policy": "compact"})
        fill(cluster)
        assert cluster.compact("prices") == 300 - KEYS
        assert [record.offset for record in cluster.records("prices")] == list(range(300 - KEYS, 300))
        assert cluster.compact("prices") == 0
        fill(cluster, 1, 300)
        assert cluster.compact("prices") == 1


def test_compact_is_refused_where_the_policy_is_another_or_there_is_no_topic() -> None:
    with Cluster(seed=1) as cluster:
        cluster.create_topic("prices")
        with pytest.raises(ConfigError, match="topic prices isn't compacted"):
            cluster.compact("prices")
        with pytest.raises(UnknownTopicOrPartition):
            cluster.compact("orders")


def test_a_policy_that_is_changed_to_compact_holds_for_what_is_there() -> None:
    with Cluster(seed=1) as cluster:
        cluster.create_topic("prices", config={"internal.segment.bytes": "2000"})
        fill(cluster)
        cluster.run_for(60)
        assert not cleanings(cluster)
        with cluster.admin() as admin:
            admin.alter_configs([ConfigResource("topic", "prices", {"cleanup.policy": "compact"})])
        cluster.run_for(20)
        assert len(cleanings(cluster)) == 1


def test_the_brokers_cleaner_can_be_switched_off() -> None:
    with Cluster(seed=1, config={"log.cleaner.enable": "false"}) as cluster:
        cluster.create_topic("prices", config=SMALL)
        fill(cluster)
        cluster.run_for(60)
        assert not cleanings(cluster)


def test_min_compaction_lag_keeps_young_records_and_they_are_cleaned_once_they_are_old() -> None:
    with Cluster(seed=1) as cluster:
        cluster.create_topic("prices", config={**SMALL, "min.compaction.lag.ms": "100000"})
        fill(cluster)
        cluster.run_for(60)
        assert not cleanings(cluster)
        cluster.run_for(60)
        assert len(cleanings(cluster)) == 1


def test_max_compaction_lag_cleans_what_is_not_dirty_enough() -> None:
    with Cluster(seed=1) as cluster:
        config = {**SMALL, "min.cleanable.dirty.ratio": "1", "max.compaction.lag.ms": "100000"}
        cluster.create_topic("prices", config=config)
        fill(cluster)
        cluster.run_for(60)
        assert not cleanings(cluster)
        cluster.run_for(60)
        assert len(cleanings(cluster)) == 1


def test_a_tombstone_hides_its_key_and_goes_after_delete_retention_ms() -> None:
    with Cluster(seed=1) as cluster:
        cluster.create_topic("prices", config={"cleanup.policy": "compact", "delete.retention.ms": "60000"})
        fill(cluster, 20)
        with cluster.producer() as producer:
            producer.send("prices", None, key=b"key-3")
        cluster.compact("prices")
        assert table(cluster)[b"key-3"] is None
        cluster.run_for(61)
        fill(cluster, 1, 0)
        cluster.compact("prices")
        assert b"key-3" not in table(cluster)


def test_with_both_policies_old_segments_go_as_well() -> None:
    with Cluster(seed=1) as cluster:
        config = {**SMALL, "cleanup.policy": "compact,delete", "retention.ms": "60000"}
        cluster.create_topic("prices", config=config)
        fill(cluster)
        cluster.run_for(20)
        assert len(cleanings(cluster)) == 1
        cluster.run_for(61)
        cluster.expire("prices")
        assert cluster.records("prices") == []


def test_more_keys_than_the_map_holds_are_cleaned_in_several_rounds() -> None:
    keys = 60_000
    with Cluster(seed=1, config={"log.cleaner.dedupe.buffer.size": str(1_048_600)}) as cluster:  # 39,000 keys
        cluster.create_topic("prices", config={"cleanup.policy": "compact", "internal.segment.bytes": "1200000"})
        with cluster.producer(acks="all") as producer:
            for value in (b"old", b"new"):
                producer.send_many("prices", [value] * keys, keys=[b"%d" % number for number in range(keys)]).get()
        assert cluster.compact("prices") == keys
        assert len(cleanings(cluster)) > 2
        assert set(table(cluster).values()) == {b"new"}


def test_a_new_leader_serves_what_the_old_one_did() -> None:
    with Cluster(brokers=3, seed=1) as cluster:
        cluster.create_topic("prices", replication_factor=3, config=SMALL)
        fill(cluster)
        cluster.run_for(20)
        whole = table(cluster)
        old = cluster.leader("prices")
        cluster.faults.kill(old)
        cluster.wait_for(lambda: cluster.leader("prices") not in (old, -1))
        assert table(cluster) == whole
        fill(cluster, 30, 300)
        cluster.faults.restart(old)
        cluster.wait_for(lambda: len(cluster.isr("prices")) == 3)
        assert len({tuple(each) for each in logs(cluster)}) <= 3
        assert table(cluster).keys() == whole.keys()


def test_a_consumer_in_the_midst_of_what_is_cleaned_goes_on_at_the_next_record_there_is() -> None:
    with Cluster(seed=1) as cluster:
        cluster.create_topic("prices", config={"cleanup.policy": "compact"})
        fill(cluster)
        with cluster.consumer(group_id=None, auto_offset_reset="earliest") as consumer:
            consumer.assign([OFFSETS])
            cluster.compact("prices")
            consumer.seek(OFFSETS, 3)
            assert [next(consumer).offset for _ in range(KEYS)] == list(range(300 - KEYS, 300))


def test_up_to_where_a_log_is_clean_survives_a_restart(tmp_path: Path) -> None:
    with Cluster(seed=1, data_dir=tmp_path) as cluster:
        cluster.create_topic("prices", config=SMALL)
        fill(cluster)
        cluster.run_for(20)
        whole = table(cluster)
    checkpoint = next(tmp_path.rglob("cleaner-offset-checkpoint")).read_text().split("\n")
    assert checkpoint[:2] == ["0", "1"]
    assert checkpoint[2].startswith("prices 0 ")
    with Cluster(seed=2, data_dir=tmp_path) as cluster:
        cluster.run_for(60)
        assert table(cluster) == whole
        assert not cleanings(cluster)
        assert not list(tmp_path.rglob("*.cleaned"))


def test_the_offsets_of_groups_are_compacted_and_outlive_it() -> None:
    config = {"offsets.topic.segment.bytes": "1048576", "offsets.topic.num.partitions": "1"}
    with Cluster(seed=1, config=config) as cluster:
        cluster.create_topic("prices")
        fill(cluster, 50)
        with cluster.consumer("prices", group_id="g", auto_offset_reset="earliest", enable_auto_commit=False) as reader:
            for _ in range(50):
                next(reader)
                reader.commit()
        assert cluster.compact("__consumer_offsets") > 45
        cluster.faults.kill(1)
        cluster.faults.restart(1)
        assert cluster.committed("g") == {OFFSETS: 50}


def test_transactions_are_compacted_and_their_ids_outlive_it() -> None:
    with Cluster(seed=1, config={"transaction.state.log.num.partitions": "1"}) as cluster:
        cluster.create_topic("prices", config={"cleanup.policy": "compact"})
        with cluster.producer(transactional_id="t") as producer:
            producer.init_transactions()
            for number in range(30):
                producer.begin_transaction()
                producer.send("prices", b"%d" % number, key=b"k").get()
                if number % 3:
                    producer.commit_transaction()
                else:
                    producer.abort_transaction()
            cluster.run_for(1)  # until the last marker is written
            assert cluster.compact("prices") == 29
            assert cluster.compact("__transaction_state") > 25
            assert table(cluster) == {b"k": b"29"}
            with producer.transaction():
                producer.send("prices", b"30", key=b"k")
            cluster.faults.kill(1)
            cluster.faults.restart(1)
            with producer.transaction():
                producer.send("prices", b"31", key=b"k")
        with cluster.consumer(group_id=None, isolation_level="read_committed", auto_offset_reset="earliest") as reader:
            reader.assign([OFFSETS])
            assert [next(reader).value for _ in range(3)] == [b"29", b"30", b"31"]


def test_a_log_that_was_cut_is_clean_at_most_up_to_there(tmp_path: Path) -> None:
    with Cluster(seed=1, data_dir=tmp_path) as cluster:
        cluster.create_topic("prices", config=SMALL)
        fill(cluster)
        cluster.run_for(20)
        (node,) = cluster.living()
        cleaner: Any = node.actors["broker-1#1/log-cleaner"]
        cleaner.actor_ref.tell(LogTruncated("prices", 0, 1_000))
        cluster.run_for(1)
        assert 200 < cleaner.known["prices", 0] < 300
        cleaner.actor_ref.tell(LogTruncated("prices", 0, 100))
        cluster.run_for(1)
        assert next(tmp_path.rglob("cleaner-offset-checkpoint")).read_text() == "0\n1\nprices 0 100\n"


def test_a_topic_that_is_deleted_in_the_midst_of_a_cleaning_is_gone() -> None:
    with Cluster(seed=1) as cluster:
        cluster.create_topic("prices", config=SMALL)
        fill(cluster)
        replica: Any = next(iter(cluster.living())).actors["broker-1#1/replica/prices-0"]
        cluster.wait_for(lambda: replica.compacting is not None, timeout=20)
        with cluster.admin() as admin:
            admin.delete_topics(["prices"])
        cluster.create_topic("prices", config=SMALL)
        fill(cluster)
        cluster.run_for(20)
        assert len(table(cluster)) == KEYS
        assert not cluster.failures
