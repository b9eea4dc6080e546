"""The cleaner of a node goes on, whatever the disk under one log or a setting does."""

from typing import Any

import pytest

from actors.partition.cleaning_messages import OfferLog
from actors.partition.log_cleaner import LogCleaner
from actors.runtime.failures import Failures
from kstore import Cluster, ConfigResource

SMALL = {"cleanup.policy": "compact", "internal.segment.bytes": "2000"}


def fill(cluster: Cluster, topic: str, records: int) -> None:
    with cluster.producer(acks="all") as producer:
        for number in range(records):
            producer.send(topic, b"%d" % number, key=b"key-%d" % (number % 7)).get()


def cleaned(cluster: Cluster) -> list[tuple[str, bool]]:
    """Each cleaning: of which log, and whether it came to its end."""
    rows = [row for row in cluster.trace.recording.rows() if row.kind == "LogCleaned"]
    return [(row.partition, "not to its end" not in row.subject) for row in rows]


def test_a_log_that_cannot_be_cleaned_holds_up_no_other(start: Any, disks: Any) -> None:
    cluster = start(brokers=1).cluster
    for topic in ("broken", "whole"):
        cluster.create_topic(topic, config=SMALL)
    fault = disks[1].fail("append", "broken-0/*.cleaned")
    fill(cluster, "broken", 400)
    fill(cluster, "whole", 200)
    cluster.run_for(20)
    assert ("whole-0", True) in cleaned(cluster)
    assert ("broken-0", False) in cleaned(cluster)
    assert fault.hits == cleaned(cluster).count(("broken-0", False))
    disks.heal()
    cluster.run_for(20)
    assert cleaned(cluster)[-1] == ("broken-0", True)


@pytest.mark.parametrize("load", ["0", "-1", "7", "NaN"])
def test_a_load_factor_that_makes_no_sense_stops_no_cleaner(load: str) -> None:
    with Cluster(seed=1, config={"log.cleaner.io.buffer.load.factor": load}) as cluster:
        cluster.create_topic("prices", config=SMALL)
        fill(cluster, "prices", 300)
        cluster.run_for(20)
        assert len(cluster.records("prices")) < 40
        assert not cluster.failures


def test_a_cleaner_that_fails_in_the_midst_of_a_cleaning_is_replaced_and_the_next_one_cleans(
    start: Any, disks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = start(brokers=1).cluster
    cluster.create_topic("prices", config=SMALL)
    fill(cluster, "prices", 300)
    (node,) = cluster.living()
    replica = node.actors[f"{node.name}/replica/prices-0"]
    cluster.wait_for(lambda: replica.compacting is not None, timeout=20)
    cleaner = node.actors[f"{node.name}/log-cleaner"]
    monkeypatch.setattr(cluster.world, "strict", False)
    monkeypatch.setattr(cleaner, "_arm", lambda: 1 / 0)
    cluster.world.driver.call(cleaner.actor_ref.tell, OfferLog("prices", 0, replica.actor_ref))
    cluster.run_for(40)
    assert len(Failures.recent) == 1
    assert len(cluster.records("prices")) < 40
    assert node.actors[f"{node.name}/log-cleaner"] is not cleaner
    fill(cluster, "prices", 300)
    cluster.run_for(20)
    assert len(cluster.records("prices")) < 40
    assert replica.offline is None
    Failures.recent.clear()


def cleaner_of(cluster: Cluster) -> LogCleaner:
    """The cleaner of the one node."""
    (node,) = cluster.living()
    found = node.actors[f"{node.name}/log-cleaner"]
    assert isinstance(found, LogCleaner)
    return found


def under_way(cluster: Cluster) -> int:
    """How many logs it cleans now."""
    return len(cleaner_of(cluster).under_way)


def most_at_once(cluster: Cluster, topics: int) -> int:
    """Until each of the topics was cleaned."""
    most = 0
    wanted = {(f"t{number}", 0) for number in range(topics)}

    def are_cleaned() -> bool:
        nonlocal most
        most = max(most, under_way(cluster))
        return cleaner_of(cluster).known.keys() >= wanted

    cluster.wait_for(are_cleaned, timeout=120)
    return most


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_as_many_logs_are_cleaned_at_once_as_there_are_threads(start: Any, threads: int) -> None:
    config = {"log.cleaner.threads": threads, "log.cleaner.io.max.bytes.per.second": 40_000.0}
    cluster = start(brokers=1, config=config).cluster
    for number in range(5):
        cluster.create_topic(f"t{number}", config=SMALL)
        fill(cluster, f"t{number}", 150)
    assert most_at_once(cluster, 5) == threads
    assert not cluster.failures
    for number in range(5):
        assert len(cluster.records(f"t{number}")) < 40


def test_a_log_that_is_offered_while_another_one_is_cleaned_has_a_thread_of_its_own(start: Any) -> None:
    config = {"log.cleaner.threads": 2, "log.cleaner.io.max.bytes.per.second": 2_000.0}
    cluster = start(brokers=1, config=config).cluster
    cluster.create_topic("t0", config=SMALL)
    fill(cluster, "t0", 400)
    cluster.wait_for(lambda: under_way(cluster) == 1, timeout=60)
    cluster.create_topic("t1", config=SMALL)
    fill(cluster, "t1", 30)
    cluster.wait_for(lambda: under_way(cluster) == 2, timeout=60)
    assert not cleaned(cluster)


def test_more_threads_take_effect_while_the_cluster_runs(start: Any) -> None:
    cluster = start(brokers=1, config={"log.cleaner.io.max.bytes.per.second": 40_000.0}).cluster
    with cluster.admin() as admin:
        admin.alter_configs([ConfigResource("broker", "", {"log.cleaner.threads": "2"})])
    for number in range(4):
        cluster.create_topic(f"t{number}", config=SMALL)
        fill(cluster, f"t{number}", 150)
    assert most_at_once(cluster, 4) == 2


def test_what_is_asked_for_at_once_waits_for_a_cleaning_of_the_same_log(start: Any) -> None:
    config = {"log.cleaner.threads": 3, "log.cleaner.io.max.bytes.per.second": 40_000.0}
    cluster = start(brokers=1, config=config).cluster
    cluster.create_topic("t0", config=SMALL)
    fill(cluster, "t0", 200)
    cluster.wait_for(lambda: under_way(cluster) == 1, timeout=60)
    cluster.compact("t0")
    assert under_way(cluster) == 0
    assert len(cluster.records("t0")) < 20


def cleaning_took_ms(cluster: Cluster, topic: str) -> tuple[float, int]:
    """How long a compaction on demand takes, and what it moved."""
    begun = cluster.world.clock.now_us()
    before = len(cleaned(cluster))
    cluster.compact(topic)
    rows = [row for row in cluster.trace.recording.rows() if row.kind == "LogCleaned"][before:]
    return (cluster.world.clock.now_us() - begun) / 1000, sum(2 * row.offset1 + row.offset2 for row in rows)


def test_a_cleaning_moves_no_more_bytes_in_a_second_than_it_may(start: Any) -> None:
    config = {"log.cleaner.enable": False, "log.cleaner.io.max.bytes.per.second": 10_000.0}
    cluster = start(brokers=1, config=config).cluster
    for topic in ("slow", "quick"):
        cluster.create_topic(topic, config=SMALL)
        fill(cluster, topic, 400)
    took_ms, moved_bytes = cleaning_took_ms(cluster, "slow")
    assert moved_bytes > 40_000
    assert 0.9 < took_ms / (moved_bytes / 10_000 * 1000) < 1.6
    with cluster.admin() as admin:
        admin.alter_configs([ConfigResource("broker", "", {"log.cleaner.io.max.bytes.per.second": "1e9"})])
    took_ms, _ = cleaning_took_ms(cluster, "quick")
    assert took_ms < 2_000


def test_a_rate_that_rises_is_heard_of_by_a_cleaning_that_waits(start: Any) -> None:
    cluster = start(brokers=1, config={"log.cleaner.io.max.bytes.per.second": 0.001}).cluster
    cluster.create_topic("t0", config=SMALL)
    fill(cluster, "t0", 300)
    cluster.wait_for(lambda: under_way(cluster) == 1, timeout=60)
    cluster.run_for(600)
    assert not cleaned(cluster)
    with cluster.admin() as admin:
        admin.alter_configs([ConfigResource("broker", "", {"log.cleaner.io.max.bytes.per.second": "1e9"})])
    assert most_at_once(cluster, 1) == 1


@pytest.mark.parametrize("buffer_bytes", [0, 9_000, 524_288])
def test_a_cleaning_reads_at_once_what_half_of_its_buffer_holds(
    start: Any, monkeypatch: pytest.MonkeyPatch, buffer_bytes: int
) -> None:
    from kstore.log.cleaning import Cleaning

    pieces: list[int] = []
    read = Cleaning._read

    def noted(self: Cleaning, *place: Any) -> bytes:
        pieces.append(len(piece := read(self, *place)))
        return piece

    monkeypatch.setattr(Cleaning, "_read", noted)
    cluster = start(brokers=1, config={"log.cleaner.io.buffer.size": buffer_bytes}).cluster
    cluster.create_topic("t0", config={**SMALL, "internal.segment.bytes": "20000"})
    fill(cluster, "t0", 600)
    cluster.compact("t0")
    assert max(pieces) == {0: 4096, 9_000: 4_500}.get(buffer_bytes, max(pieces))
    assert max(pieces) <= max(4096, buffer_bytes // 2)
    assert len(cluster.records("t0")) < 20
