"""A stopped cluster's folders become those of Apache Kafka; three real nodes go on with them in ``tests/oracle``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from actors.cluster.graduation import FIRST_SNAPSHOT, graduate
from actors.node.folder import FolderError
from kstore import Cluster
from kstore.records import parse_batches
from kstore.records.control import ControlType, control_type
from kstore.schema import decode
from kstore.schema.messages.control_records import KRaftVersionRecord, VotersRecord

SMALL = {"segment.bytes": "1048576"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The folder of a stopped cluster of three, in which a log has two segments."""
    with Cluster(3, data_dir=str(tmp_path / "data")) as cluster:
        cluster.create_topic("orders", partitions=1, replication_factor=3, config=SMALL)
        with cluster.producer(transactional_id="biller") as producer:
            producer.init_transactions()
            with producer.transaction():
                for _ in range(2):
                    producer.send("orders", bytes(600_000))
    return tmp_path / "data"


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def properties(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def test_each_node_has_its_logs_the_whole_metadata_log_and_the_voters(source: Path, tmp_path: Path) -> None:
    before = contents(source)
    made = graduate(str(source), str(tmp_path / "kafka"))
    assert contents(source) == before
    whole = (source / "node-1/__cluster_metadata-0/00000000000000000000.log").read_bytes()
    for node in (1, 2, 3):
        folder = tmp_path / "kafka" / f"node-{node}"
        metadata = folder / "__cluster_metadata-0"
        assert (metadata / "00000000000000000000.log").read_bytes() == whole
        assert not (metadata / "quorum-state").exists()
        assert not (folder / ".lock").exists()
        for log in (folder / "orders-0").glob("*.log"):
            assert log.read_bytes() == before[f"node-{node}/orders-0/{log.name}"][0]
        assert len(list((folder / "orders-0").glob("*.log"))) == 2
    first, last = parse_batches((metadata / FIRST_SNAPSHOT).read_bytes())
    header, version, voters = first.records()
    assert [control_type(each) for each in (header, version, voters, *last.records())] == [
        ControlType.SNAPSHOT_HEADER,
        ControlType.KRAFT_VERSION,
        ControlType.KRAFT_VOTERS,
        ControlType.SNAPSHOT_FOOTER,
    ]
    assert decode(KRaftVersionRecord, 0, version.value or b"").k_raft_version == 1
    named = decode(VotersRecord, 0, voters.value or b"").voters
    assert [(each.voter_id, each.endpoints[0].port) for each in named] == [(1, 9093), (2, 9095), (3, 9097)]
    assert [each.voter_directory_id for each in named] == [node.directory_id for node in made.nodes]


def test_the_properties_say_where_the_nodes_are(source: Path, tmp_path: Path) -> None:
    hosts = ("a", "b", "c")
    made = graduate(str(source), str(tmp_path / "kafka"), hosts=hosts, voters=1, config={"min.insync.replicas": "2"})
    assert made.bootstrap_servers == "a:9092,b:9092,c:9092"
    first, second, _ = map(properties, made.properties)
    assert first["process.roles"] == "broker,controller"
    assert first["listeners"] == "PLAINTEXT://:9092,CONTROLLER://:9093"
    assert first["log.dirs"] == str(tmp_path / "kafka" / "node-1")
    assert second["process.roles"] == "broker"
    assert second["advertised.listeners"] == "PLAINTEXT://b:9092"
    assert second["controller.quorum.bootstrap.servers"] == "a:9093"
    assert second["min.insync.replicas"] == "2"
    assert second["transaction.state.log.num.partitions"] == "4"


def test_the_properties_keep_defaults_that_clients_would_miss(source: Path, tmp_path: Path) -> None:
    first, _, _ = map(properties, graduate(str(source), str(tmp_path / "kafka")).properties)
    assert first["default.replication.factor"] == "3"
    assert first["group.min.session.timeout.ms"] == "100"
    assert first["transaction.state.log.min.isr"] == first["share.coordinator.state.topic.min.isr"] == "2"
    assert "group.initial.rebalance.delay.ms" not in first


def test_internal_topics_have_as_many_partitions_as_the_cluster_knows_on_each_node(tmp_path: Path) -> None:
    settings = {"transaction.state.log.replication.factor": "1", "transaction.state.log.num.partitions": "5"}
    with Cluster(3, data_dir=str(tmp_path / "data"), config=settings) as cluster:
        producer = cluster.producer(transactional_id="biller")
        producer.init_transactions()
        producer.close()
    made = graduate(str(tmp_path / "data"), str(tmp_path / "kafka"))
    assert {properties(each)["transaction.state.log.num.partitions"] for each in made.properties} == {"5"}


def test_hosts_may_have_spaces_around_them_and_be_of_ipv6(source: Path, tmp_path: Path) -> None:
    made = graduate(str(source), str(tmp_path / "kafka"), hosts=["a", " ::1", "[::2] "])
    assert made.bootstrap_servers == "a:9092,[::1]:9092,[::2]:9092"
    second = properties(made.properties[1])
    assert second["advertised.listeners"] == "PLAINTEXT://[::1]:9092,CONTROLLER://[::1]:9093"
    assert second["controller.quorum.bootstrap.servers"] == "a:9093,[::1]:9093,[::2]:9093"


def test_what_isnt_latin_is_escaped_in_the_properties(source: Path, tmp_path: Path) -> None:
    made = graduate(str(source), str(tmp_path / "d\u00e4t\\\U0001f4be"), config={"log.cleaner.x": " \u20ac\n"})
    text = made.properties[0].read_bytes().decode("ascii")
    assert r"/d\u00e4t\\\ud83d\udcbe/node-1" in text
    assert "log.cleaner.x=\\ \\u20ac\\n\n" in text


def test_a_comma_in_the_target_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="has a comma"):
        graduate(str(source), str(tmp_path / "a,b"))
    assert not (tmp_path / "a,b").exists()


@pytest.mark.parametrize(("nodes", "voters"), [(1, 1), (2, 1), (3, 3), (4, 3), (7, 5)])
def test_an_odd_number_of_nodes_are_voters(tmp_path: Path, nodes: int, voters: int) -> None:
    Cluster(nodes, data_dir=str(tmp_path / "data")).close()
    made = graduate(str(tmp_path / "data"), str(tmp_path / "kafka"))
    assert sum(node.is_voter for node in made.nodes) == voters
    assert made.nodes[0].is_voter


def test_full_segments_may_be_linked(source: Path, tmp_path: Path) -> None:
    made = graduate(str(source), str(tmp_path / "kafka"), link=True)
    full, active = sorted((source / "node-1/orders-0").glob("*.log"))
    other = tmp_path / "kafka/node-1/orders-0"
    assert os.path.samefile(full, other / full.name)
    assert not os.path.samefile(active, other / active.name)
    assert made.linked_bytes == 3 * full.stat().st_size


def test_a_cluster_that_runs_is_refused(tmp_path: Path) -> None:
    with (
        Cluster(1, data_dir=str(tmp_path / "data")),
        pytest.raises(FolderError, match="in use by another process"),
    ):
        graduate(str(tmp_path / "data"), str(tmp_path / "kafka"))
    assert not (tmp_path / "kafka").exists()


def test_damage_is_found_before_anything_is_made(source: Path, tmp_path: Path) -> None:
    log = sorted((source / "node-2/orders-0").glob("*.log"))[0]
    data = bytearray(log.read_bytes())
    data[5000] ^= 4
    log.write_bytes(data)
    with pytest.raises(FolderError, match="node-2/orders-0 is damaged"):
        graduate(str(source), str(tmp_path / "kafka"))
    assert not (tmp_path / "kafka").exists()


def test_a_stop_that_wasnt_clean_is_refused(source: Path, tmp_path: Path) -> None:
    (source / "node-2/.kafka_cleanshutdown").unlink()
    with pytest.raises(FolderError, match="node-2 wasn't stopped cleanly: start it once with kstore serve --data-dir"):
        graduate(str(source), str(tmp_path / "kafka"))


def test_a_manifest_that_cant_be_read_is_refused(source: Path, tmp_path: Path) -> None:
    (source / "node-2/.kstore_cleanshutdown").write_bytes(b"kstore 1 00000000\n")
    with pytest.raises(FolderError, match=r"node-2/\.kstore_cleanshutdown"):
        graduate(str(source), str(tmp_path / "kafka"))


@pytest.mark.parametrize("which", [0, -1])
def test_a_log_file_that_is_gone_is_named(source: Path, tmp_path: Path, which: int) -> None:
    log = sorted((source / "node-3/orders-0").glob("*.log"))[which]
    log.unlink()
    with pytest.raises(FolderError, match=f"node-3/orders-0/{log.name} is gone since the last clean stop"):
        graduate(str(source), str(tmp_path / "kafka"))


def test_a_log_that_got_shorter_is_named(source: Path, tmp_path: Path) -> None:
    log = sorted((source / "node-3/orders-0").glob("*.log"))[-1]
    os.truncate(log, 0)
    with pytest.raises(FolderError, match=f"node-3/orders-0/{log.name} has 0 bytes"):
        graduate(str(source), str(tmp_path / "kafka"))


@pytest.mark.parametrize("is_noted", [True, False])
def test_a_folder_of_a_replica_that_is_gone_is_named(source: Path, tmp_path: Path, is_noted: bool) -> None:
    if not is_noted:  # as after a run of Apache Kafka
        (source / "node-3/.kstore_cleanshutdown").unlink()
    shutil.rmtree(source / "node-3/orders-0")
    with pytest.raises(FolderError, match=r"node-3/orders-0.*put (it|them) back"):
        graduate(str(source), str(tmp_path / "kafka"))


def test_a_broker_whose_folder_is_gone_is_named(source: Path, tmp_path: Path) -> None:
    shutil.rmtree(source / "node-3")
    with pytest.raises(FolderError, match="the cluster has broker 3 as well"):
        graduate(str(source), str(tmp_path / "kafka"))


def test_a_target_inside_of_the_source_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(source)
    for to in (source / "node-1/kafka", tmp_path / "link" / "kafka"):
        with pytest.raises(FolderError, match="inside of"):
            graduate(str(source), str(to))
        assert not to.exists()


def test_what_a_repair_set_aside_stays_behind(source: Path, tmp_path: Path) -> None:
    for name in (f"{0:020d}.log.damaged", f"{0:020d}.log.aside"):
        (source / "node-1/orders-0" / name).write_bytes(b"x")
    graduate(str(source), str(tmp_path / "kafka"))
    assert not [each for each in (tmp_path / "kafka").rglob("*") if each.suffix in (".damaged", ".aside")]


def test_what_is_there_already_is_left_alone(source: Path, tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "mine").write_text("mine")
    with pytest.raises(FolderError, match="isn't an empty folder"):
        graduate(str(source), str(tmp_path / "kafka"))
    assert (tmp_path / "kafka" / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hosts": ("a", "b")}, "2 hosts for 3 nodes"),
        ({"voters": 4}, "4 voters of 3 nodes"),
        ({"hosts": ("a", " ", "c")}, "'' is no host: it has no host"),
        ({"hosts": ("a:9092",)}, "a:9092 has a port"),
        ({"hosts": ("2001:db8::1:9092",)}, "stands in brackets"),
        ({"config": {"node.id": "4"}}, "node.id is made for each node"),
        ({"config": {"controller.quorum.voters": "1@a:1"}}, "controller.quorum.voters is made for each node"),
    ],
)
def test_wrong_wishes_are_refused(source: Path, tmp_path: Path, wrong: dict[str, object], said: str) -> None:
    with pytest.raises(FolderError, match=said):
        graduate(str(source), str(tmp_path / "kafka"), **wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "kafka").exists()


def test_a_copy_that_fails_leaves_nothing_behind(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("actors.cluster.graduation.voters_snapshot", lambda _: b"")
    monkeypatch.setattr("actors.cluster.graduation.properties", full)
    with pytest.raises(OSError, match="No space"):
        graduate(str(source), str(tmp_path / "kafka"))
    assert list((tmp_path / "kafka").iterdir()) == []
