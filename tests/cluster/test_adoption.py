"""Log directories of Apache Kafka become a cluster's folders.

Those here are made by ``graduate``; real ones are adopted in ``tests/oracle``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from actors.cluster.adoption import adopt
from actors.cluster.graduation import FIRST_SNAPSHOT, graduate
from actors.node.folder import Folder, FolderError
from kstore import Cluster
from kstore.fs.posix import PosixFileSystem
from kstore.log.checkpoints import read_offsets
from kstore.records import BatchBuilder, parse_batches
from kstore.records.control import ControlType, control_batch
from kstore.schema import encode
from kstore.schema.envelopes import encode_metadata
from kstore.schema.messages.control_records import SnapshotFooterRecord, SnapshotHeaderRecord
from kstore.schema.messages.metadata_records import AccessControlEntryRecord

METADATA = "__cluster_metadata-0"


@pytest.fixture
def kafka(tmp_path: Path) -> Path:
    """The log directories of three nodes that are all voters."""
    with Cluster(3, data_dir=str(tmp_path / "first")) as cluster:
        cluster.create_topic("orders", partitions=4, replication_factor=2)
        with cluster.producer() as producer:
            for number in range(20):
                producer.send("orders", b"%d" % number, partition=number % 4)
    graduate(str(tmp_path / "first"), str(tmp_path / "kafka"))
    return tmp_path / "kafka"


@pytest.fixture
def adopted(kafka: Path, tmp_path: Path) -> Callable[..., list[int]]:
    """Adopt these directories, all nodes' unless told: the records of the topic then, twice read."""

    def records(*log_dirs: Path) -> list[int]:
        chosen = log_dirs or tuple(kafka / f"node-{number}" for number in (1, 2, 3))
        adopt([str(path) for path in chosen], str(tmp_path / "data"))
        for _ in range(2):
            with Cluster(data_dir=str(tmp_path / "data")) as cluster:
                found = sorted(int(record.value or b"") for record in cluster.records("orders", 20))
        return found

    return records


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_of_several_voters_one_controller_is_left_and_all_is_there(
    kafka: Path, tmp_path: Path, adopted: Callable[..., list[int]]
) -> None:
    before = written(kafka)
    assert (kafka / "node-1" / METADATA / FIRST_SNAPSHOT).exists()
    assert adopted() == list(range(20))
    assert written(kafka) == before
    with Cluster(data_dir=str(tmp_path / "data")) as cluster:
        assert cluster.node_ids == (1, 2, 3)
        cluster.create_topic("more")


def test_the_directories_of_a_node_become_one_folder(
    kafka: Path, tmp_path: Path, adopted: Callable[..., list[int]]
) -> None:
    first, second = kafka / "node-2", kafka / "second"
    second.mkdir()
    properties = (first / "meta.properties").read_text().splitlines()
    others = [line if "directory.id" not in line else "directory.id=BwcHBwcHBwcHBwcHBwcHBw" for line in properties]
    (second / "meta.properties").write_text("\n".join(others) + "\n")
    moved = sorted(path.name for path in first.glob("orders-*"))[0]
    shutil.move(first / moved, second / moved)
    checkpoint = "replication-offset-checkpoint"
    (second / checkpoint).write_text(f"0\n1\norders {moved[-1]} 5\n")
    assert adopted(kafka / "node-3", second, kafka / "node-1", first) == list(range(20))
    marks = read_offsets(PosixFileSystem(tmp_path / "data/node-2"), checkpoint)
    assert marks["orders", int(moved[-1])] == 5
    assert not (tmp_path / "data" / "second").exists()


def snapshot_of(log: Path, end_offset: int, epoch: int) -> bytes:
    """A snapshot with all records of a metadata log before this offset."""
    head = control_batch(ControlType.SNAPSHOT_HEADER, encode(SnapshotHeaderRecord(), 0), 0, leader_epoch=epoch)
    builder = BatchBuilder(base_offset=1, leader_epoch=epoch)
    for batch in parse_batches(log.read_bytes()):
        if not batch.is_control:
            for record in batch.records():
                if record.offset < end_offset:
                    builder.append(record.timestamp, None, record.value)
    foot = control_batch(
        ControlType.SNAPSHOT_FOOTER, encode(SnapshotFooterRecord(), 0), 0, base_offset=900, leader_epoch=epoch
    )
    return head + builder.build() + foot


def test_a_metadata_log_that_begins_behind_a_snapshot_is_written_anew(
    kafka: Path, tmp_path: Path, adopted: Callable[..., list[int]]
) -> None:
    for node in (1, 2, 3):
        folder = kafka / f"node-{node}" / METADATA
        log = folder / "00000000000000000000.log"
        batches = parse_batches(log.read_bytes())
        cut = next(batch for batch in batches if batch.base_offset > 8)
        (folder / f"{cut.base_offset:020d}-{cut.leader_epoch:010d}.checkpoint").write_bytes(
            snapshot_of(log, cut.base_offset, cut.leader_epoch)
        )
        rest = b"".join(batch.to_bytes() for batch in batches if batch.base_offset >= cut.base_offset)
        (folder / f"{cut.base_offset:020d}.log").write_bytes(rest)
        for name in ("log", "index", "timeindex"):
            (folder / f"00000000000000000000.{name}").unlink(missing_ok=True)
    assert adopted() == list(range(20))
    anew = parse_batches((tmp_path / "data/node-1" / METADATA / "00000000000000000000.log").read_bytes())
    ends = [(batch.base_offset, batch.last_offset) for batch in anew]
    assert ends[0][0] == 0
    assert all(first == last + 1 for (_, last), (first, _) in pairwise(ends))
    for batch in anew:
        batch.verify_crc()


def test_the_copy_that_is_furthest_is_taken(kafka: Path, tmp_path: Path, adopted: Callable[..., list[int]]) -> None:
    log = kafka / "node-1" / METADATA / "00000000000000000000.log"
    batches = parse_batches(log.read_bytes())
    log.write_bytes(b"".join(batch.to_bytes() for batch in batches[:3]))
    assert adopted() == list(range(20))


def test_what_doesnt_belong_together_is_refused(kafka: Path, tmp_path: Path) -> None:
    Cluster(1, data_dir=str(tmp_path / "other")).close()
    nodes = [str(kafka / f"node-{number}") for number in (1, 2, 3)]
    for chosen, said in (
        ([*nodes, str(tmp_path / "other/node-1")], "is of the cluster"),
        ([str(kafka)], "is no log directory of Apache Kafka"),
        ([*nodes, nodes[0]], "in use by another process"),
    ):
        with pytest.raises(FolderError, match=said):
            adopt(chosen, str(tmp_path / "data"))
        assert not (tmp_path / "data").exists()
    for node in (1, 2, 3):
        shutil.rmtree(kafka / f"node-{node}" / METADATA)
    with pytest.raises(FolderError, match="name the directory of a controller"):
        adopt(nodes, str(tmp_path / "data"))


@pytest.mark.parametrize("given", [(1, 2), (2, 3)])
def test_a_broker_that_isnt_given_is_named_before_anything_is_copied(
    kafka: Path, tmp_path: Path, given: tuple[int, ...]
) -> None:
    (absent,) = {1, 2, 3} - set(given)
    with pytest.raises(FolderError, match=f"the cluster has broker {absent} as well"):
        adopt([str(kafka / f"node-{number}") for number in given], str(tmp_path / "data"))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("is_emptied", [False, True])
def test_a_replica_that_is_in_no_directory_is_named_before_anything_is_copied(
    kafka: Path, tmp_path: Path, is_emptied: bool
) -> None:
    replica = sorted((kafka / "node-2").glob("orders-*"))[0]
    if is_emptied:
        for each in replica.glob("0*"):
            each.unlink()
    else:
        shutil.move(replica, tmp_path / "elsewhere")
    with pytest.raises(FolderError, match=f"logs of replicas are missing: .*node-2/{replica.name}: name all log.dirs"):
        adopt([str(kafka / f"node-{number}") for number in (1, 2, 3)], str(tmp_path / "data"))
    assert not (tmp_path / "data").exists()


def test_a_majority_of_the_voters_is_needed(kafka: Path, tmp_path: Path, adopted: Callable[..., list[int]]) -> None:
    nodes = [kafka / f"node-{number}" for number in (1, 2, 3)]
    shutil.rmtree(nodes[0] / METADATA)
    shutil.copytree(nodes[1] / METADATA, tmp_path / "kept")
    shutil.rmtree(nodes[1] / METADATA)
    with pytest.raises(FolderError, match=r"the voters are the nodes 1, 2, 3, .* enough of 1, 2 as well"):
        adopted()
    assert not (tmp_path / "data").exists()
    shutil.copytree(tmp_path / "kept", nodes[1] / METADATA)
    assert adopted() == list(range(20))


def test_a_majority_of_the_voters_of_a_static_quorum_is_needed(kafka: Path, tmp_path: Path) -> None:
    voters = '{"leaderId":1,"leaderEpoch":1,"votedId":-1,"currentVoters":[%s],"data_version":0}'
    for number in (1, 2, 3):
        (kafka / f"node-{number}" / METADATA / FIRST_SNAPSHOT).unlink()
        state = voters % ",".join(f'{{"voterId":{voter}}}' for voter in range(1, 7))
        (kafka / f"node-{number}" / METADATA / "quorum-state").write_text(state)
    with pytest.raises(FolderError, match=r"the voters are the nodes 1, 2, 3, 4, 5, 6, .* enough of 4, 5, 6 as well"):
        adopt([str(kafka / f"node-{number}") for number in (1, 2, 3)], str(tmp_path / "data"))


def test_a_directory_without_partitions_counts_for_nothing(
    kafka: Path, tmp_path: Path, adopted: Callable[..., list[int]]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    properties = (kafka / "node-2" / "meta.properties").read_text()
    lines = properties.splitlines()
    others = [line if "directory.id" not in line else "directory.id=BwcHBwcHBwcHBwcHBwcHBw" for line in lines]
    (empty / "meta.properties").write_text("\n".join(others) + "\n")
    assert adopted(*(kafka / f"node-{number}" for number in (1, 2, 3)), empty) == list(range(20))


def test_access_rules_are_refused_with_the_name_of_the_source_before_anything_is_copied(
    kafka: Path, tmp_path: Path
) -> None:
    rule = AccessControlEntryRecord(
        id=bytes(16), resource_type=2, resource_name="orders", pattern_type=3, principal="User:x", host="*"
    )
    for number in (1, 2, 3):
        log = kafka / f"node-{number}" / METADATA / "00000000000000000000.log"
        end = parse_batches(log.read_bytes())[-1]
        builder = BatchBuilder(base_offset=end.last_offset + 1, leader_epoch=end.leader_epoch)
        builder.append(0, None, encode_metadata(rule, 0))
        log.write_bytes(log.read_bytes() + builder.build())
    with pytest.raises(FolderError, match=r"kafka/node-\d/__cluster_metadata-0 .*access rules"):
        adopt([str(kafka / f"node-{number}") for number in (1, 2, 3)], str(tmp_path / "data"))
    assert not (tmp_path / "data").exists()


def test_what_is_found_in_the_copies_names_the_sources(
    kafka: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folders: Mapping[int, Folder], _: int) -> None:
        raise FolderError(f"{folders[2].name}/x is wrong")

    monkeypatch.setattr("actors.cluster.adoption.check_folders", refuse)
    with pytest.raises(FolderError, match=f"^{kafka}/node-2/x is wrong$"):
        adopt([str(kafka / f"node-{number}") for number in (1, 2, 3)], str(tmp_path / "data"))


def test_preallocated_indexes_of_a_killed_node_arent_copied(
    kafka: Path, tmp_path: Path, adopted: Callable[..., list[int]]
) -> None:
    killed = kafka / "node-2"
    (killed / ".kafka_cleanshutdown").unlink()
    for replica in killed.glob("orders-*"):
        for suffix in ("index", "timeindex"):
            with (replica / f"{0:020d}.{suffix}").open("ab") as file:
                file.truncate(10_485_760)
    assert adopted() == list(range(20))
    assert sum(path.stat().st_size for path in (tmp_path / "data/node-2").rglob("*index")) < 1_000_000


def test_a_target_inside_of_a_source_is_refused(kafka: Path) -> None:
    nodes = [str(kafka / f"node-{number}") for number in (1, 2, 3)]
    with pytest.raises(FolderError, match="inside of"):
        adopt(nodes, str(kafka / "node-2" / "data"))
    assert not (kafka / "node-2" / "data").exists()


def test_a_node_that_runs_is_refused(tmp_path: Path) -> None:
    with (
        Cluster(1, data_dir=str(tmp_path / "runs")),
        pytest.raises(FolderError, match="in use by another process"),
    ):
        adopt([str(tmp_path / "runs/node-1")], str(tmp_path / "data"))


def test_what_kstore_cant_serve_is_refused_and_nothing_is_left(kafka: Path, tmp_path: Path) -> None:
    log = kafka / "node-1/orders-0/00000000000000000000.log"
    if not log.exists():
        log = next(kafka.glob("node-1/orders-*/*.log"))
    data = bytearray(log.read_bytes())
    data[80] ^= 1
    log.write_bytes(data)
    with pytest.raises(FolderError, match="is damaged"):
        adopt([str(kafka / f"node-{number}") for number in (1, 2, 3)], str(tmp_path / "data"))
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").iterdir())
