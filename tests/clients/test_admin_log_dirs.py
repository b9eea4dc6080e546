"""The log directories of brokers by an admin, on every target."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from broker.authorizing import Rules, everything
from clients.targets import Target

from actors.broker.registry import CLIENT_APIS
from actors.clients.errors import SeveralFailed
from kstore import Admin, Cluster, TopicPartition
from kstore.errors import ClusterAuthorizationFailed, UnknownTopicOrPartition, UnsupportedVersion
from kstore.fs import DiskSpace, MemoryFileSystem

VALUE = b"x" * 1_000


def sizes(admin: Admin, topic: str, number: int = 0) -> dict[int, int]:
    """The bytes of a partition's replicas, by broker."""
    place = TopicPartition(topic, number)
    told = admin.describe_log_dirs({topic: [number]})
    return {
        broker: directory.replicas[place].size_bytes
        for broker, (directory,) in told.items()
        if place in directory.replicas
    }


def test_a_log_is_as_large_as_what_was_written_to_it_on_every_replica(target: Target) -> None:
    admin, topic = target.admin(), target.topic(1, target.brokers)
    assert sizes(admin, topic) == {node.id: 0 for node in admin.describe_cluster().nodes}
    producer = target.producer(acks="all")
    producer.send(topic, VALUE).get(timeout=30)
    (size,) = set(sizes(admin, topic).values())
    assert len(VALUE) < size < len(VALUE) + 100
    producer.send(topic, VALUE).get(timeout=30)
    assert set(sizes(admin, topic).values()) == {2 * size}


def test_a_replica_that_has_all_lacks_nothing(target: Target) -> None:
    admin, topic = target.admin(), target.topic()
    target.producer().send(topic, VALUE).get(timeout=30)
    (found,) = [
        replica
        for directories in admin.describe_log_dirs([topic]).values()
        for directory in directories
        for replica in directory.replicas.values()
    ]
    assert (found.offset_lag, found.is_future) == (0, False)


def test_partitions_are_named_in_every_way(target: Target) -> None:
    admin, one, other = target.admin(), target.topic(3), target.topic()

    def told(*wanted: Any) -> set[TopicPartition]:
        return {
            place
            for directories in admin.describe_log_dirs(*wanted).values()
            for directory in directories
            for place in directory.replicas
            if place.topic in (one, other)
        }

    of_one = {TopicPartition(one, number) for number in range(3)}
    assert told() == told(None) == told([one, other]) == of_one | {(other, 0)}
    assert told([one]) == told((one, one)) == of_one
    assert told({one: [0, 2], other: []}) == {(one, 0), (one, 2)}
    assert told({one: [1, 7], "nowhere": [0]}) == {(one, 1)}
    assert told([]) == told({}) == set()


def test_brokers_can_be_chosen(target: Target) -> None:
    admin = target.admin()
    ids = [node.id for node in admin.describe_cluster().nodes]
    assert list(admin.describe_log_dirs()) == ids
    assert list(admin.describe_log_dirs(brokers=[ids[-1]])) == [ids[-1]]
    assert admin.describe_log_dirs(brokers=[]) == {}


def test_a_topic_that_is_not_there_can_only_be_asked_for_by_number(target: Target) -> None:
    with pytest.raises(UnknownTopicOrPartition):
        target.admin().describe_log_dirs(["nowhere"])


def test_a_directory_is_told_with_its_path_and_the_room_on_its_disk(tmp_path: Path) -> None:
    with Cluster(2, data_dir=str(tmp_path)) as cluster, cluster.admin() as admin:
        for broker, (directory,) in admin.describe_log_dirs().items():
            assert directory.log_dir == str(tmp_path / f"node-{broker}")
            assert directory.error is None
            total, usable = directory.total_bytes, directory.usable_bytes
            assert total is not None
            assert usable is not None
            assert total >= usable > 0
            assert not directory.is_cordoned


def test_a_cluster_in_memory_does_not_know_how_much_room_there_is() -> None:
    with Cluster(seed=1) as cluster, cluster.admin() as admin:
        (directory,) = admin.describe_log_dirs()[1]
        assert (directory.log_dir, directory.total_bytes, directory.usable_bytes) == ("memory", None, None)


def test_a_broker_that_has_died_is_left_out() -> None:
    with Cluster(3, seed=1) as cluster, cluster.admin() as admin:
        assert list(admin.describe_log_dirs()) == [1, 2, 3]
        cluster.faults.kill(2)
        assert list(admin.describe_log_dirs()) == [1, 3]


@pytest.fixture
def served_as(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Cluster, Admin]]]:
    """Start brokers that serve DescribeLogDirs up to a version only, and give an admin of them over TCP."""
    with contextlib.ExitStack() as stack:

        def start(last: int | None) -> tuple[Cluster, Admin]:
            if last is None:
                monkeypatch.delitem(CLIENT_APIS, 35)
            else:
                monkeypatch.setitem(CLIENT_APIS, 35, CLIENT_APIS[35]._replace(last=last))
            cluster = stack.enter_context(Cluster(2, listen="127.0.0.1:0"))
            return cluster, stack.enter_context(Admin(bootstrap_servers=cluster.bootstrap_servers))

        yield start


def test_brokers_that_do_not_serve_it_are_told_of_by_their_error(served_as) -> None:
    _, admin = served_as(None)
    with pytest.raises(UnsupportedVersion):
        admin.describe_log_dirs(brokers=[1])
    with pytest.raises(SeveralFailed) as failed:
        admin.describe_log_dirs()
    assert {broker: type(error) for broker, error in failed.value.errors.items()} == {
        1: UnsupportedVersion,
        2: UnsupportedVersion,
    }


@pytest.mark.parametrize("last", range(1, 6))
def test_every_version_tells_the_same_but_for_what_it_has_no_field_for(served_as, last: int, monkeypatch) -> None:
    monkeypatch.setattr(MemoryFileSystem, "disk_space", lambda *_: DiskSpace(10, 5))
    cluster, admin = served_as(last)
    cluster.create_topic("t", replication_factor=1)
    ((directory,),) = (told for told in admin.describe_log_dirs(["t"]).values() if told[0].replicas)
    assert directory.replicas == {("t", 0): (0, 0, False)}
    assert (directory.total_bytes, directory.usable_bytes) == ((10, 5) if last >= 4 else (None, None))


@pytest.mark.parametrize("last", [2, 5])
def test_a_refusal_is_an_error_also_in_versions_that_have_no_code_for_it(served_as, last: int) -> None:
    cluster, admin = served_as(last)
    for node in cluster.nodes.values():
        node.view = node.view._replace(authorizer=Rules(everything))
    with pytest.raises(ClusterAuthorizationFailed):
        admin.describe_log_dirs(brokers=[1])
