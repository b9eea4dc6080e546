"""A cluster as its user has it: what it is made of, what it tells of itself, and what it waits for."""

from __future__ import annotations

import pytest
from cluster import group_requests as requests
from cluster.speaking import Speaker

from actors.cluster import Cluster
from actors.runtime.driver import DriverClosed
from kstore import TopicPartition
from kstore.errors import TopicAlreadyExists, UnknownTopicOrPartition
from kstore.errors.config import ConfigError
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest


@pytest.fixture(params=["real", "seed", "listen", "disk"])
def cluster(request, tmp_path, seed):
    """Three brokers, in each kind of world."""
    how = {
        "real": {},
        "seed": {"seed": seed},
        "listen": {"listen": "127.0.0.1:0"},
        "disk": {"data_dir": str(tmp_path)},
    }
    with Cluster(3, **how[request.param]) as made:
        yield made


def test_a_cluster_is_ready_when_it_is_made(cluster):
    assert cluster.is_ready()
    assert list(cluster.brokers) == [1, 2, 3]
    assert all(broker.alive and not broker.paused for broker in cluster.brokers.values())
    assert [broker.incarnation for broker in cluster.brokers.values()] == [1, 1, 1]
    assert cluster.brokers[1].is_controller


def test_a_topic_can_be_used_when_it_is_made(cluster):
    cluster.create_topic("orders", partitions=4, config={"min.insync.replicas": "2"})
    speaker = Speaker(cluster)
    for partition in range(4):
        assert cluster.leader("orders", partition) in cluster.brokers
        assert sorted(cluster.isr("orders", partition)) == [1, 2, 3]
        assert speaker.say("orders", b"a", index=partition) == 0


def test_records_waits_for_so_many_and_gives_all_that_are_committed(cluster):
    cluster.create_topic("orders", partitions=2)
    speaker = Speaker(cluster)
    assert cluster.records("orders") == []
    speaker.put_later("orders", speaker.producer().batch(b"a", b"b"), index=0)
    speaker.put_later("orders", speaker.producer().batch(b"c"), index=1)
    found = cluster.records("orders", 3)
    assert sorted(record.value for record in found) == [b"a", b"b", b"c"]
    assert [(record.value, record.offset) for record in cluster.records("orders", partition=0)] == [
        (b"a", 0),
        (b"b", 1),
    ]
    assert found == cluster.records("orders", 2)


def test_records_that_do_not_come_are_a_timeout_that_tells_what_came(cluster):
    cluster.create_topic("orders")
    Speaker(cluster).say("orders", b"only")
    with pytest.raises(TimeoutError, match=r"not 2 records in orders after 0.1 seconds: there are 1 .*only"):
        cluster.records("orders", 2, timeout=0.1)


def test_what_is_not_there_is_named(cluster):
    cluster.create_topic("orders")
    with pytest.raises(TopicAlreadyExists):
        cluster.create_topic("orders")
    for look in (cluster.leader, cluster.isr, cluster.records):
        with pytest.raises(UnknownTopicOrPartition, match="no topic nothing"):
            look("nothing")
        with pytest.raises(UnknownTopicOrPartition, match="no partition orders-1"):
            look("orders", partition=1)


def test_a_group_that_never_was_has_committed_nothing_and_lags_nowhere(cluster):
    assert cluster.committed("workers") == {}
    assert cluster.lag("workers") == {}
    with pytest.raises(TimeoutError, match=r"group workers is not Stable with 2 members .* no such group"):
        cluster.wait_for_group("workers", members=2, timeout=0.1)
    with pytest.raises(ConfigError, match=r"no state 'stable' \(did you mean Stable\?\)"):
        cluster.wait_for_group("workers", state="stable")


def test_a_cluster_whose_brokers_are_all_dead_still_knows_its_topics(cluster):
    cluster.create_topic("orders", partitions=1)
    for broker in cluster.brokers:
        cluster.faults.kill(broker)
    cluster.wait_for(lambda: cluster.leader("orders") == -1)
    assert len(cluster.isr("orders")) == 1
    with pytest.raises(TimeoutError, match="a partition has no leader"):
        cluster.records("orders", 1, timeout=0.1)


def commit(speaker: Speaker, offsets: dict[int, int]) -> None:
    """Commit offsets of topic t for group g, as a consumer outside of any membership does."""
    request = requests.offset_commit(-1, "", speaker.topic_id("t"), offsets)
    while True:
        found = speaker.ask(1, FindCoordinatorRequest(coordinator_keys=["g"])).coordinators[0]
        if found.error_code == 0:
            answer = speaker.ask(found.node_id, request)
            if {part.error_code for part in answer.topics[0].partitions} == {0}:
                return
        speaker.run(0.05)


def test_what_a_group_has_committed_and_how_far_it_lags(cluster):
    cluster.create_topic("t", partitions=2)
    speaker = Speaker(cluster)
    speaker.say("t", b"a", b"b", b"c")
    commit(speaker, {0: 1, 1: 0})
    assert cluster.committed("g") == {TopicPartition("t", 0): 1, TopicPartition("t", 1): 0}
    assert cluster.lag("g") == {TopicPartition("t", 0): 2, TopicPartition("t", 1): 0}
    cluster.wait_for_group("g", members=0, state="Empty")


def test_time_passes_as_long_as_it_is_told_to(cluster):
    before = cluster.now
    cluster.run_for(0.2)
    assert cluster.now - before >= 0.199


def test_a_wait_in_vain_names_what_was_waited_for(cluster):
    def ships_arrive() -> bool:
        return False

    for wait in (cluster.wait_for, cluster.run_until):
        with pytest.raises(TimeoutError, match=r"not so after 0.1 seconds: .*ships_arrive"):
            wait(ships_arrive, timeout=0.1)


def test_what_a_predicate_raises_is_raised_by_the_wait(cluster):
    with pytest.raises(ZeroDivisionError):
        cluster.wait_for(lambda: 1 // 0)
    assert cluster.is_ready()


def test_a_closed_cluster_says_so_to_whoever_uses_it(cluster):
    cluster.create_topic("orders")
    cluster.close()
    cluster.close()
    for use in (
        lambda: cluster.leader("orders"),
        lambda: cluster.records("orders"),
        lambda: cluster.committed("workers"),
        lambda: cluster.create_topic("more"),
        lambda: cluster.run_for(0.1),
        lambda: cluster.wait_for(bool),
        lambda: cluster.faults.kill(1),
        lambda: cluster.faults.heal(),
        lambda: cluster.reset(),
    ):
        with pytest.raises(DriverClosed, match="closed"):
            use()
    assert "closed" in repr(cluster)


def test_keywords_that_are_not_there_are_refused_by_name():
    with pytest.raises(ConfigError, match=r"no keyword 'broker' \(did you mean brokers\?\)"):
        Cluster(broker=3)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"dispatcher: .* isn't implemented yet"):
        Cluster(dispatcher="threads")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="virtual time"):
        Cluster(seed=1, listen="127.0.0.1:0")
    with pytest.raises(ConfigError, match="at least one broker"):
        Cluster(0)
    with pytest.raises(ConfigError, match="brokers is how many"):
        Cluster("3")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"min\.insync\.replica"):
        Cluster(config={"min.insync.replica": "2"})
    for name in ("snapshot", "restore"):
        assert not hasattr(Cluster, name)


def test_a_broker_tells_where_it_is(tmp_path):
    with Cluster(2, listen="127.0.0.1:0", data_dir=str(tmp_path), name="orders") as cluster:
        addresses = [f"{broker.host}:{broker.port}" for broker in cluster.brokers.values()]
        assert ",".join(addresses) == cluster.bootstrap_servers
        assert [broker.folder for broker in cluster.brokers.values()] == [f"{tmp_path}/node-1", f"{tmp_path}/node-2"]
        assert repr(cluster.brokers[2]) == f"<broker 2 {addresses[1]} alive>"
        assert repr(cluster).startswith("<Cluster orders: [<broker 1 ")
    with Cluster() as alone:
        assert alone.brokers[1].folder is None
        with pytest.raises(ValueError, match="no listener"):
            assert alone.bootstrap_servers
        with pytest.raises(KeyError):
            alone.brokers[2]


def test_spawn_is_for_virtual_time():
    with Cluster() as real, pytest.raises(ConfigError, match="threads"):
        real.spawn(print)
    with Cluster(seed=1) as cluster:
        sleepers = [cluster.spawn(cluster.run_for, 5) for _ in range(3)]
        before = cluster.now
        assert [sleeper.join() for sleeper in sleepers] == [None] * 3
        assert cluster.now - before == pytest.approx(5)


@pytest.mark.parametrize("how", [{}, {"listen": "127.0.0.1:0"}], ids=["real", "listen"])
def test_no_session_ends_while_time_is_frozen(how):
    config = {"broker.session.timeout.ms": "300", "broker.heartbeat.interval.ms": "50"}
    with Cluster(2, config=config, **how) as cluster, Cluster() as another:
        with cluster.freeze() as frozen, cluster.freeze():
            cluster.faults.pause(2)
            before = cluster.now
            another.run_for(0.6)
            assert cluster.now == before
            assert not cluster.image().brokers[2].fenced
            frozen.thaw()
            frozen.thaw()
        cluster.wait_for(lambda: cluster.image().brokers[2].fenced)
        assert cluster.now - before >= 0.6


def test_freezing_virtual_time_changes_nothing(seed):
    with Cluster(seed=seed) as cluster, cluster.freeze():
        before = cluster.now
        cluster.run_for(1)
        assert cluster.now - before == pytest.approx(1)
