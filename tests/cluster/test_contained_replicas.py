"""A defect where a replica begins or ends, or in what it is told: that replica alone, and never its node."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster.defects import PARTITIONS, TOPIC, Defect, containing, everything_is_well, poke, work
from cluster.test_contained_failures import fail_answer

from actors.cluster import Cluster
from actors.partition.checkpoints import HighWatermarks
from actors.partition.follower.follower import Follower
from actors.partition.follower.replica_fetcher import TAKEN_IN_A_TURN_MAX, DeliverMore
from actors.partition.replica import log_owner
from actors.partition.replica.ending import Closing, Removal
from actors.partition.replica.replica import Replica
from actors.runtime.failures import Failures
from kstore.errors import KafkaStorageError
from kstore.log.answers import DiskWork
from kstore.log.checkpoints import HIGH_WATERMARKS, read_offsets


@pytest.fixture
def cluster(seed: int) -> Iterator[Cluster]:
    yield from containing(seed)


def all_in_sync(cluster: Cluster, topic: str) -> bool:
    return len(cluster.isr(topic, 0)) == 3


def test_a_defect_in_opening_a_log_keeps_that_replica_offline_and_ends_no_node(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(cluster, b"before")
    incarnations = dict(cluster.incarnations)
    opened = log_owner.open_log

    def fail(fs: Any, label: str, *about: Any) -> Any:
        if label == "bills-0" and fs is cluster.nodes[1].fs:
            raise Defect(f"put into {label}")
        return opened(fs, label, *about)

    with warnings.catch_warnings(), monkeypatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setattr(log_owner, "open_log", fail)
        cluster.create_topic("bills", 1, 3)
        cluster.run_for(60)
        work(cluster, b"during")
        assert set(cluster.isr("bills", 0)) == {2, 3}
    cluster.wait_for(lambda: all_in_sync(cluster, "bills"), 60)
    assert cluster.incarnations == incarnations
    assert {failure.where for failure in cluster.failures} == {f"{cluster.nodes[1].name}/replica/bills-0"}
    assert 2 < len(cluster.failures) < 20, "it is tried again, ever more seldom"
    Failures.recent.clear()


def test_a_defect_in_what_a_follower_takes_ends_its_replica_and_not_the_fetcher_in_whose_turn_it_is(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(cluster, b"before")
    incarnations = dict(cluster.incarnations)
    append = Follower._append
    failed: list[str] = []

    def fail_once(self: Follower, records: Any) -> None:
        if self.replica.label == f"{TOPIC}-0" and not failed:
            failed.append(self.replica.actor_urn)
            raise Defect("put into an append")
        append(self, records)

    monkeypatch.setattr(Follower, "_append", fail_once)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        work(cluster, b"during")
        cluster.wait_for(lambda: everything_is_well(cluster), 60)
    assert [failure.where for failure in cluster.failures] == failed
    assert cluster.incarnations == incarnations
    work(cluster, b"after")
    Failures.recent.clear()


def test_a_response_for_many_partitions_is_taken_in_several_turns(cluster: Cluster) -> None:
    partitions = 3 * (2 * TAKEN_IN_A_TURN_MAX + 1)
    cluster.create_topic("many", partitions, 3)
    cluster.wait_for(lambda: all(len(cluster.isr("many", number)) == 3 for number in range(partitions)), 60)
    cluster.faults.pause(3)
    with cluster.producer(acks="all") as producer:
        led = [number for number in range(partitions) if cluster.leader("many", number) != 3]
        sent = [producer.send("many", b"a", partition=number) for number in led]
        cluster.run_for(1)
        cluster.faults.resume(3)
        assert {one.get(timeout=60).offset for one in sent} == {0}
    assert cluster.world.recorder.count(DeliverMore)


@pytest.mark.parametrize("name", ["_remove", "_removed", "over"])
def test_a_defect_in_the_removal_of_a_replica_leaves_its_place_to_the_next_one(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    incarnations = dict(cluster.incarnations)
    cluster.create_topic("bills", 1, 3)
    with warnings.catch_warnings(), cluster.admin() as admin:
        warnings.simplefilter("ignore")
        failed = fail_answer(monkeypatch, Removal, name)
        admin.delete_topics(["bills"])
        cluster.run_for(2)
        assert failed
    cluster.create_topic("bills", 1, 3)
    cluster.wait_for(lambda: all_in_sync(cluster, "bills"), 60)
    work(cluster, b"after")
    (failure,) = cluster.failures
    assert "the removal of a replica" in failure.ended
    assert cluster.incarnations == incarnations
    Failures.recent.clear()


def test_a_replica_that_can_not_be_let_go_of_ends_no_node(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    incarnations = dict(cluster.incarnations)
    cluster.create_topic("bills", 1, 3)

    def fail(removal: Any) -> None:
        raise Defect(f"put into {removal.replica.actor_urn}")

    with warnings.catch_warnings(), cluster.admin() as admin, monkeypatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setattr(Removal, "over", fail)
        admin.delete_topics(["bills"])
        cluster.run_for(2)
    cluster.create_topic("bills", 1, 3)
    cluster.wait_for(lambda: all_in_sync(cluster, "bills"), 60)
    assert cluster.incarnations == incarnations
    Failures.recent.clear()


@pytest.mark.parametrize("name", ["_close", "_closed", "over"])
@pytest.mark.parametrize("times", [1, 99])
def test_a_defect_in_the_closing_of_a_log_hangs_no_stop_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seed: int, name: str, times: int
) -> None:
    failed: list[Any] = []
    callback = getattr(Closing, name)

    def fail(closing: Any) -> None:
        failed.append(closing)
        if len(failed) <= times:
            raise Defect(f"put into {closing.replica.actor_urn}")
        callback(closing)

    with warnings.catch_warnings(), monkeypatch.context() as patch, Cluster(1, seed=seed, data_dir=tmp_path) as cluster:
        warnings.simplefilter("ignore")
        cluster.world.strict = False
        cluster.create_topic(TOPIC, PARTITIONS)
        work(cluster, b"before")
        patch.setattr(Closing, name, fail)
        cluster.close()
        assert failed
        assert {one.where for one in cluster.failures} <= {closing.replica.actor_urn for closing in failed}
    with Cluster(1, seed=seed, data_dir=tmp_path) as cluster:
        assert [record.value for record in cluster.records(TOPIC, PARTITIONS)] == [b"before"] * PARTITIONS
    Failures.recent.clear()


def test_a_checkpoint_made_anew_keeps_the_high_watermark_of_a_replica_that_is_offline(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(cluster, b"before")
    folder = cluster.folders[1]
    cluster.wait_for(lambda: len(read_offsets(folder.fs, HIGH_WATERMARKS)) >= PARTITIONS, 60)
    replica = cluster.nodes[1].actors[f"{cluster.nodes[1].name}/replica/{TOPIC}-0"]
    assert isinstance(replica, Replica)

    def fail(fs: Any, label: str, *about: Any) -> Any:
        raise KafkaStorageError(f"put into {label}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        monkeypatch.setattr(log_owner, "open_log", fail)
        cluster.world.driver.call(replica.go_offline, KafkaStorageError("put in"))
        cluster.run_for(10)
        assert replica.offline is not None
        before = read_offsets(folder.fs, HIGH_WATERMARKS)
        assert before[TOPIC, 0] > 0
        poke(cluster, monkeypatch, HighWatermarks)
        cluster.run_for(10)
    assert {key: offset for key, offset in read_offsets(folder.fs, HIGH_WATERMARKS).items() if offset} == {
        key: offset for key, offset in before.items() if offset
    }
    Failures.recent.clear()


def test_a_defect_in_the_disk_work_of_a_log_is_healed_by_opening_it_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(cluster, b"before")
    replica = cluster.nodes[1].actors[f"{cluster.nodes[1].name}/replica/{TOPIC}-0"]
    assert isinstance(replica, Replica)

    def fail() -> None:
        raise Defect("put into disk work")

    outcomes: list[BaseException | None] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster.world.driver.call(replica.disk_queue.add, [DiskWork("fail", fail, outcomes.append)])
        cluster.run_for(1)
    cluster.wait_for(lambda: replica.offline is None and everything_is_well(cluster), 60)
    work(cluster, b"after")
    (failure,) = cluster.failures
    assert (failure.where, outcomes) == (replica.actor_urn, [failure.error])
    Failures.recent.clear()
