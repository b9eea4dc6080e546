"""The cleaner of a node goes on, whatever the disk under one log or a setting does."""

from typing import Any

import pytest

from actors.partition.cleaning_messages import OfferLog
from actors.runtime.failures import Failures
from kstore import Cluster

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
