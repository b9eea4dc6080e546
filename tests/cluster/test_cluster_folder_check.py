"""Damaged folders: a start is refused with one line that says how to fix it, and nothing in them changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from actors.cluster import Cluster
from actors.node.folder import FolderError

METADATA = "__cluster_metadata-0"
FIRST = "00000000000000000000.log"
SAID = [b"%d" % number for number in range(5)]


@pytest.fixture
def stopped(start, tmp_path) -> Path:
    """The folders of three nodes with a topic, after a clean stop."""
    client = start(data_dir=str(tmp_path))
    client.create("t")
    for value in SAID:
        client.say("t", value)
    client.wait_for_isr("t")
    client.run(1)
    client.cluster.close()
    return tmp_path


def forget_clean_stop(folder: Path) -> None:
    for mark in folder.glob("node-*/.kafka_cleanshutdown"):
        mark.unlink()


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def refused(folder: Path, brokers: int = 3) -> str:
    """The line with which the folders are refused; nothing in them has changed."""
    before = tree(folder)
    with pytest.raises(FolderError) as refusal:
        Cluster(brokers, data_dir=str(folder), seed=1)
    assert tree(folder) == before
    line = str(refusal.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "unclean"])
def test_a_wrong_byte_in_the_controllers_metadata_log_is_refused(stopped, clean):
    if not clean:
        forget_clean_stop(stopped)
    log = stopped / "node-1" / METADATA / FIRST
    flip(log, log.stat().st_size // 2)
    line = refused(stopped)
    assert "node-1/__cluster_metadata-0 is damaged" in line
    assert "put a copy of" in line


def test_a_wrong_length_in_the_controllers_metadata_log_is_no_torn_end(stopped):
    forget_clean_stop(stopped)
    flip(stopped / "node-1" / METADATA / FIRST, 8)
    assert "node-1/__cluster_metadata-0 is damaged at offset 0" in refused(stopped)


def test_a_torn_end_is_refused_after_a_clean_stop_and_cut_once_the_mark_is_removed(start, stopped):
    log = stopped / "node-1" / METADATA / FIRST
    log.write_bytes(log.read_bytes()[:-7])
    line = refused(stopped)
    assert "node-1/__cluster_metadata-0 is damaged" in line
    assert f"or remove {stopped}/node-1/.kafka_cleanshutdown to have its end cut off" in line
    (stopped / "node-1" / ".kafka_cleanshutdown").unlink()
    client = start(data_dir=str(stopped))
    client.wait_for_leader("t")
    assert client.everything("t") == SAID


def test_a_torn_end_is_cut_after_a_crash(start, stopped):
    forget_clean_stop(stopped)
    log = stopped / "node-1" / METADATA / FIRST
    log.write_bytes(log.read_bytes() + log.read_bytes()[:100])
    client = start(data_dir=str(stopped))
    client.wait_for_leader("t")
    assert client.everything("t") == SAID


@pytest.mark.parametrize("what", ["the metadata log", "the node", "the batches"])
def test_a_lost_metadata_log_of_the_controller_is_refused_and_a_neighbours_copy_mends_it(start, stopped, what):
    lost = stopped / "node-1"
    if what == "the batches":
        (lost / METADATA / FIRST).unlink()
    else:
        shutil.rmtree(lost if what == "the node" else lost / METADATA)
    line = refused(stopped)
    assert "node-1/__cluster_metadata-0 is missing or empty" in line
    assert f"put a copy of {stopped}/node-2/__cluster_metadata-0 in its place" in line
    shutil.copytree(stopped / "node-2" / METADATA, lost / METADATA, dirs_exist_ok=True)
    client = start(data_dir=str(stopped))
    client.wait_for_leader("t")
    assert client.everything("t") == SAID


def test_a_lost_metadata_log_is_refused_by_what_partitions_there_are(start, tmp_path):
    client = start(1, data_dir=str(tmp_path))
    client.create("t", copies=1)
    client.say("t", b"said")
    client.cluster.close()
    shutil.rmtree(tmp_path / "node-1" / METADATA)
    line = refused(tmp_path, 1)
    assert "though there is" in line
    assert "put it back from a backup" in line


def test_a_damaged_copy_of_another_node_is_refused_and_copied_anew_once_it_is_removed(start, stopped):
    copy = stopped / "node-3" / METADATA
    flip(copy / FIRST, 200)
    line = refused(stopped)
    assert "node-3/__cluster_metadata-0 is damaged" in line
    assert "remove it" in line
    shutil.rmtree(copy)
    client = start(data_dir=str(stopped))
    client.wait_for_leader("t")
    assert client.everything("t") == SAID


@pytest.mark.parametrize("content", ["", "garbage", "[]", "{}"])
def test_a_quorum_state_that_cannot_be_read_is_refused(stopped, content):
    (stopped / "node-2" / METADATA / "quorum-state").write_text(content)
    line = refused(stopped)
    assert "node-2/__cluster_metadata-0/quorum-state can't be read: remove it" in line


def test_a_garbage_partition_metadata_is_refused(stopped):
    (stopped / "node-2" / "t-0" / "partition.metadata").write_text("garbage")
    line = refused(stopped)
    assert "node-2/t-0/partition.metadata" in line
    assert "remove it" in line


def test_an_empty_partition_metadata_is_as_none_and_written_anew(start, stopped):
    path = stopped / "node-2" / "t-0" / "partition.metadata"
    whole = path.read_text()
    path.write_text("")
    client = start(data_dir=str(stopped))
    client.wait_for_isr("t")
    assert path.read_text() == whole
    assert client.everything("t") == SAID


def swap(folder: Path) -> None:
    """As Kafka leaves a partition that it was stopped in the middle of cleaning."""
    for suffix in (".log", ".index", ".timeindex"):
        path = folder / FIRST.replace(".log", suffix)
        path.rename(path.with_name(f"{path.name}.swap"))


def test_segments_that_kafka_was_replacing_are_replaced(start, stopped):
    forget_clean_stop(stopped)
    swap(stopped / "node-2" / "t-0")
    client = start(data_dir=str(stopped))
    client.wait_for_isr("t")
    assert client.everything("t") == SAID
    assert not client.cluster.warnings
    assert not list(stopped.rglob("*.swap"))


def test_segments_that_replace_others_after_a_clean_stop_of_ours_are_damage(start, stopped):
    (stopped / "node-2" / "t-0" / f"{FIRST}.swap").write_text("")
    client = start(data_dir=str(stopped))
    client.wait_for_isr("t")
    assert client.everything("t") == SAID
    (line,) = client.cluster.warnings
    assert f"node-2/t-0/{FIRST}.swap wasn't there at the last clean stop: copied from " in line


def test_a_replacement_that_isn_t_whole_is_damage(start, stopped):
    forget_clean_stop(stopped)
    swap(stopped / "node-2" / "t-0")
    path = stopped / "node-2" / "t-0" / f"{FIRST}.swap"
    path.write_bytes(path.read_bytes()[:-1])
    client = start(data_dir=str(stopped))
    client.wait_for_isr("t")
    assert client.everything("t") == SAID
    (line,) = client.cluster.warnings
    assert f"t-0/{FIRST}.swap ends in the middle of a record batch: copied from " in line


def test_a_garbage_file_of_who_the_node_is_is_refused_by_its_name(stopped):
    name = "meta.properties"
    (stopped / "node-2" / name).write_bytes(b"\xffgarbage")
    line = refused(stopped)
    assert f"node-2 can't be used: {name}" in line
    assert "put that file back from a backup" in line
