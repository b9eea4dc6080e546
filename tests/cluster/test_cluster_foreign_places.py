"""Folders whose logs lie elsewhere, that belong to others, or that hold what no Kafka put there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cluster.kept_folders import FIRST, METADATA, SAID, append_records, refused, served, stopped_with, tree

from actors.controller.metadata_log import Replay
from actors.image.image import ClusterImage
from kstore.fs.posix import PosixFileSystem
from kstore.log.checkpoints import read_meta_properties
from kstore.records import scan_batches
from kstore.schema.messages.metadata_records import (
    BrokerRegistrationChangeRecord,
    ConfigRecord,
    PartitionRecord,
    TopicRecord,
)

OTHER = bytes(range(100, 116))
TOPIC_ID = bytes(range(50, 66))


@pytest.fixture
def stopped(start, tmp_path) -> Path:
    """The folders of three nodes with a topic, after a clean stop."""
    return stopped_with(start, tmp_path / "data", 3)


@pytest.fixture
def alone(start, tmp_path) -> Path:
    """The folder of one node with a topic, after a clean stop."""
    return stopped_with(start, tmp_path / "alone", 1)


def assign(data: Path, *, directory: bytes, others: tuple[bytes, ...] = (OTHER,)) -> None:
    """A second directory of node 1's, and a topic with a partition that lies in one."""
    own_id = directory_id_of(data)
    append_records(
        data,
        BrokerRegistrationChangeRecord(broker_id=1, broker_epoch=epoch_of(data), log_dirs=[own_id, *others]),
        TopicRecord(name="elsewhere", topic_id=TOPIC_ID),
        PartitionRecord(
            partition_id=0, topic_id=TOPIC_ID, replicas=[1], isr=[1], leader=1, leader_epoch=0, partition_epoch=0,
            directories=[directory],
        ),
    )  # fmt: skip


def directory_id_of(data: Path) -> bytes:

    meta = read_meta_properties(PosixFileSystem(data / "node-1"))
    assert meta is not None
    return meta.directory_id


def epoch_of(data: Path, broker: int = 1) -> int:

    image, replay = ClusterImage(), Replay()
    for batch in scan_batches((data / "node-1" / METADATA / FIRST).read_bytes())[0]:
        image, _ = image.apply(replay.records(batch), batch.last_offset, batch.leader_epoch)
    return image.brokers[broker].epoch


def test_a_partition_in_another_log_dir_is_refused_by_its_name_until_it_is_here(start, alone):
    assign(alone, directory=OTHER)
    line = refused(alone, 1)
    assert "node-1 lacks elsewhere-0, which lies in another of that broker's log.dirs" in line
    shutil.copytree(alone / "node-1" / "t-0", alone / "node-1" / "elsewhere-0")
    (alone / "node-1" / "elsewhere-0" / "partition.metadata").unlink()
    client = start(1, data_dir=str(alone))
    client.wait_for_leader("elsewhere")
    assert client.everything("elsewhere") == SAID


def test_a_partition_in_a_log_dir_that_had_failed_is_refused_unless_another_node_has_it(start, alone, stopped):
    assign(alone, directory=bytes(range(200, 216)))
    assert "node-1 lacks elsewhere-0" in refused(alone, 1)
    set_property(stopped / "node-3", "directory.id", "AAECAwQFBgcICQoLDA0ODw")
    shutil.rmtree(stopped / "node-3" / "t-0")
    change = BrokerRegistrationChangeRecord(broker_id=3, broker_epoch=epoch_of(stopped, 3), log_dirs=[OTHER])
    append_records(stopped, change, node="node-1")
    served(start, stopped)


@pytest.mark.parametrize("directory", [bytes(16), bytes(15) + b"\1", bytes(15) + b"\2"])
def test_words_of_kafkas_own_instead_of_a_directory_say_nothing(start, alone, directory):
    assign(alone, directory=directory)
    served(start, alone, 1)


def test_a_topic_in_remote_storage_is_refused(alone):
    append_records(alone, ConfigRecord(resource_type=2, resource_name="t", name="remote.storage.enable", value="true"))
    assert "topic t keeps records in remote storage (remote.storage.enable)" in refused(alone, 1)


def set_property(folder: Path, name: str, value: str | None) -> None:
    path = folder / "meta.properties"
    lines = [line for line in path.read_text().splitlines() if not line.startswith(name)]
    path.write_text("\n".join([*lines, *([f"{name}={value}"] if value is not None else [])]) + "\n")


def test_the_folder_of_node_0_is_renamed_and_served_as_node_0(start, tmp_path):
    client = start(None, node_ids=(0,), data_dir=str(tmp_path))
    client.create("t", copies=1)
    client.say("t", *SAID)
    client.cluster.close()
    (tmp_path / "node-0").rename(tmp_path / "node-1")
    line = refused(tmp_path, 1)
    assert line.endswith("node-1 belongs to node 0: rename it node-0")
    (tmp_path / "node-1").rename(tmp_path / "node-0")
    again = start(1, data_dir=str(tmp_path))
    assert again.cluster.node_ids == (0,)
    again.wait_for_leader("t")
    assert again.everything("t") == SAID


def test_a_log_directory_of_node_5_given_for_the_place_of_several_is_called_node_5(alone):
    set_property(alone / "node-1", "node.id", "5")
    assert "move it to a folder node-5 in another one" in refused(alone, 1, data_dir=alone / "node-1")


def test_a_folder_whose_quorum_has_another_node_is_no_cluster(alone):
    set_property(alone / "node-1", "node.id", "0")
    (alone / "node-1").rename(alone / "node-0")
    line = refused(alone, 1)
    assert "has no node-1, but node-0 of another cluster" in line
    assert "choose another --data-dir" in line


def test_the_folder_of_another_node_of_the_cluster_is_renamed(start, stopped):
    (stopped / "node-2").rename(stopped / "other")
    (stopped / "node-3").rename(stopped / "node-2")
    assert "node-2 belongs to node 3: rename it node-3" in refused(stopped)
    (stopped / "node-2").rename(stopped / "node-3")
    (stopped / "other").rename(stopped / "node-2")
    served(start, stopped)


def test_a_log_directory_given_for_the_place_of_several_is_refused(start, alone):
    given = alone / "node-1"
    line = refused(alone, 1, data_dir=given)
    assert f"{given} is a log directory of Apache Kafka itself" in line
    assert "move it to a folder node-1 in another one, and give that as --data-dir" in line
    served(start, alone, 1)


def test_fewer_brokers_than_there_were_make_no_new_cluster(stopped):
    shutil.rmtree(stopped / "node-1")
    assert "has no node-1, but node-2, node-3 of another cluster: put it back" in refused(stopped, 1)


def test_a_folder_of_a_cluster_with_zookeeper_is_refused(start, alone, tmp_path):
    (alone / "node-1" / "meta.properties").write_text("version=0\nbroker.id=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\n")
    line = refused(alone, 1)
    assert "meta.properties has version 0, which is that of clusters with ZooKeeper: choose another --data-dir" in line
    start(1, data_dir=str(tmp_path / "another"))


def test_logs_without_meta_properties_are_refused_until_it_is_written(start, alone):
    (alone / "node-1" / "meta.properties").unlink()
    line = refused(alone, 1)
    assert "node-1 has __cluster_metadata-0 but no meta.properties" in line
    assert "write it anew, with the lines version=1, node.id=1 and cluster.id=restored" in line
    (alone / "node-1" / "meta.properties").write_text("version=1\nnode.id=1\ncluster.id=restored\n")
    served(start, alone, 1)
    served(start, alone, 1)


def test_a_directory_without_an_id_gets_one_that_stays(start, alone):
    set_property(alone / "node-1", "directory.id", None)
    served(start, alone, 1)
    made = directory_id_of(alone)
    assert len(made) == 16
    served(start, alone, 1)
    assert directory_id_of(alone) == made


@pytest.mark.parametrize("value", ["", "AAAA", "not base64 at all!"])
def test_an_id_that_is_none_is_refused(alone, value):
    set_property(alone / "node-1", "directory.id", value)
    assert "meta.properties: missing or wrong" in refused(alone, 1)


SOMEBODYS = ("photos-to-delete", "my.backup-delete", "backup-2024", "lost+found", "remote-log-index-cache", "a-stray")


def test_folders_and_files_of_others_are_left_alone(start, alone):
    node = alone / "node-1"
    for name in SOMEBODYS:
        (node / name).mkdir()
        (node / name / "kept").write_text("kept")
    (node / "file-0").write_text("kept")
    (node / "t-0.7d1c-delete.txt").write_text("kept")
    before = {name: data for name, data in tree(node).items() if name.startswith((*SOMEBODYS, "file-0", "t-0.7d1c"))}
    served(start, alone, 1)
    served(start, alone, 1)
    assert {name: data for name, data in tree(node).items() if name in before} == before


def test_logs_that_are_moved_or_set_aside_are_left_alone_and_doomed_ones_are_deleted(start, alone):
    node = alone / "node-1"
    for name in ("t-0.7d1c-future", "t-0.7d1c-stray", "gone-3.7d1c-delete"):
        shutil.copytree(node / "t-0", node / name)
    served(start, alone, 1)
    assert (node / "t-0.7d1c-future" / FIRST).exists()
    assert (node / "t-0.7d1c-stray" / FIRST).exists()
    assert not (node / "gone-3.7d1c-delete").exists()


@pytest.mark.parametrize("with_id", [True, False])
def test_the_log_of_an_unknown_topic_is_set_aside_and_never_taken_for_a_new_one(start, alone, with_id):
    node = alone / "node-1"
    shutil.copytree(node / "t-0", node / "other-0")
    if not with_id:
        (node / "other-0" / "partition.metadata").unlink()
    client = start(1, data_dir=str(alone))
    client.wait_for_leader("t")
    assert len(list(node.glob("other-0.*-stray"))) == 1
    client.create("other", copies=1)
    assert client.everything("other") == []


@pytest.mark.parametrize("topic", ["a-delete", "b-stray", "c-future", "d.e_f-0", "-", "0", "g.7d1c-delete"])
def test_topics_with_unusual_names_outlast_a_restart(start, tmp_path, topic):
    client = start(1, data_dir=str(tmp_path))
    client.create(topic, copies=1)
    client.say(topic, b"said")
    client.run(1)
    client.cluster.close()
    client = start(1, data_dir=str(tmp_path))
    client.wait_for_leader(topic)
    assert client.everything(topic) == [b"said"]


def test_a_refused_start_makes_no_folder_for_another_node(alone):
    set_property(alone / "node-1", "node.id", "7")
    assert "node 7" in refused(alone, 3)
    (alone / "node-1" / ".lock").unlink()
    assert "node 7" in refused(alone, 1)
