"""Replicas in sync that lost committed records while all nodes were down: nothing that was acknowledged is lost."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from log import rot
from partition.client import batch

from actors.broker.rescue import Measure, replace_log
from actors.image.image import PartitionImage, TopicImage
from actors.node.folder import claim_folder_at
from kstore.errors import KafkaStorageError
from kstore.fs.posix import PosixFileSystem
from kstore.log import LogDamaged
from kstore.log.checkpoints import HIGH_WATERMARKS, write_offsets

FIRST = "00000000000000000000.log"
SAID = [b"%d" % number for number in range(40)]
IN_SYNC_S = 60


@pytest.fixture(params=["stopped", "killed"])
def folders(request, start, tmp_path) -> Path:
    """The folders of three nodes, with a topic in which everybody is in sync, after a stop of all or a kill of all."""
    client = start(data_dir=str(tmp_path), config={"replica.high.watermark.checkpoint.interval.ms": "1000"})
    client.create("t")
    for value in SAID:
        client.say("t", value)
    client.wait_for_isr("t")
    client.run(3)
    if request.param == "killed":
        for node in (3, 2, 1):
            client.cluster._kill_node(node)
    client.cluster.close()
    return tmp_path


def all_is_there(start, folders: Path) -> list[str]:
    """Start the nodes again: all that was acknowledged is on all of them. What the cluster says of it."""
    client = start(data_dir=str(folders))
    client.wait_for_leader("t")
    client.say("t", b"after")
    client.wait_for_isr("t")
    client.run(1)
    assert client.everything("t") == [*SAID, b"after"]
    assert [client.replica(node, "t").log.end_offset for node in (1, 2, 3)] == [len(SAID) + 1] * 3
    assert client.logs_are_equal("t")
    return list(client.cluster.warnings)


def flip(path: Path, behind: int = 0) -> None:
    """A wrong bit in batch number 20."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 + behind] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("behind", [0, 5, 14, 40], ids=["offset", "low offset", "epoch", "checked"])
@pytest.mark.parametrize("node", [1, 2, 3])
def test_a_wrong_byte_in_the_middle_of_a_segment_loses_nothing(start, folders, node, behind):
    for mark in folders.glob("node-*/.kafka_cleanshutdown"):
        mark.unlink()
    flip(folders / f"node-{node}" / "t-0" / FIRST, behind)
    for line in all_is_there(start, folders):
        assert f"node-{node}/t-0 ends at offset 20, though records up to offset 40 were committed" in line


@pytest.mark.parametrize("node", [1, 2, 3])
def test_lost_segments_are_copied_from_another_replica(start, folders, node):
    for segment in (folders / f"node-{node}" / "t-0").glob("*.log"):
        segment.unlink()
    all_is_there(start, folders)


@pytest.mark.parametrize("node", [1, 2, 3])
def test_a_lost_partition_is_copied_from_another_replica(start, folders, node):
    shutil.rmtree(folders / f"node-{node}" / "t-0")
    all_is_there(start, folders)


def test_a_wrong_offset_of_the_first_batch_loses_nothing(start, folders):
    for mark in folders.glob("node-*/.kafka_cleanshutdown"):
        mark.unlink()
    log = folders / "node-1" / "t-0" / FIRST
    log.write_bytes(b"\1" + log.read_bytes()[1:])
    all_is_there(start, folders)


def test_two_of_three_that_are_short_get_what_the_third_has(start, folders):
    shutil.rmtree(folders / "node-1" / "t-0")
    (folders / "node-3" / "t-0" / FIRST).unlink()
    all_is_there(start, folders)


def test_folders_that_are_whole_are_left_as_they_are_and_nothing_is_said(start, folders):
    assert all_is_there(start, folders) == []


def test_a_copy_that_was_cut_short_is_made_again(start, folders):
    node = folders / "node-1"
    shutil.rmtree(node / "t-0")
    (node / "t-0.0123-delete").mkdir()
    (node / "t-0.0123-delete" / FIRST).write_bytes(b"half a batch")
    all_is_there(start, folders)
    assert not (node / "t-0.0123-delete").exists()


@pytest.mark.parametrize("durable", [True, False])
def test_what_no_replica_has_is_said(start, tmp_path, durable):
    """And nothing is cut off that was on the disk."""
    client = start(1, data_dir=str(tmp_path))
    client.create("t", copies=1)
    for value in SAID:
        client.say("t", value)
    client.cluster.close()
    (tmp_path / "node-1" / ".kafka_cleanshutdown").unlink()
    flip(tmp_path / "node-1" / "t-0" / FIRST)
    if not durable:
        (tmp_path / "node-1" / "recovery-point-offset-checkpoint").unlink()
    size = (tmp_path / "node-1" / "t-0" / FIRST).stat().st_size
    again = start(1, data_dir=str(tmp_path))
    (line,) = again.cluster.warnings
    assert "node-1/t-0 ends at offset 20, though records up to offset 40 were committed" in line
    again.run(5)
    if durable:
        assert line.endswith("no replica has the rest, it is out of use until its files are back")
        assert again.latest("t", node=1).error_code == KafkaStorageError.code
        assert (tmp_path / "node-1" / "t-0" / FIRST).stat().st_size == size
    else:
        assert line.endswith("no replica has the rest, it is lost")
        assert again.everything("t") == SAID[:20]


@pytest.mark.parametrize("clean", [True, False], ids=["stopped", "killed"])
def test_a_lost_segment_among_several_is_copied_from_another_replica(start, tmp_path, clean):
    client = start(data_dir=str(tmp_path))
    client.create("t", segment_bytes=str(1 << 20))
    for number in range(60):
        client.put("t", batch(b"%09d" % number + b"x" * 65_500))
    client.wait_for_isr("t")
    client.run(8)
    client.cluster.close()
    if not clean:
        for mark in tmp_path.glob("node-*/.kafka_cleanshutdown"):
            mark.unlink()
    segments = sorted((tmp_path / "node-1" / "t-0").glob("*.log"))
    assert len(segments) > 3
    segments[2].unlink()
    again = start(data_dir=str(tmp_path))
    (line,) = again.cluster.warnings
    assert "copied from" in line
    again.wait_for_isr("t")
    again.run(1)
    assert again.logs_are_equal("t")
    assert [value[:9] for value in again.everything("t")] == [b"%09d" % number for number in range(60)]


def test_a_lost_segment_is_not_copied_from_a_replica_with_a_wrong_byte(start, tmp_path):
    client = start(data_dir=str(tmp_path))
    client.create("t", segment_bytes=str(1 << 20))
    for number in range(60):
        client.put("t", batch(b"%09d" % number + b"x" * 65_500))
    client.wait_for_isr("t")
    client.run(8)
    client.cluster.close()
    names = [path.name for path in sorted((tmp_path / "node-1" / "t-0").glob("*.log"))]
    (tmp_path / "node-3" / "t-0" / names[2]).unlink()
    rot.flip(PosixFileSystem(tmp_path / "node-1"), f"t-0/{names[1]}", 300_000)
    again = start(data_dir=str(tmp_path))
    (line,) = again.cluster.warnings
    assert "copied from" in line
    assert "node-2" in line.partition("copied from")[2]
    again.wait_for_isr("t")
    assert [found.partition(":")[0] for found in again.cluster.scrub("t")] == ["node 1"]
    again.run(10)
    again.wait_for_leader("t")
    again.wait_for_isr("t")
    again.run(1)
    assert again.logs_are_equal("t")
    assert [value[:9] for value in again.everything("t")] == [b"%09d" % number for number in range(60)]


@pytest.mark.parametrize("kept", [40, 30], ids=["with all that is committed", "without the last committed ones"])
@pytest.mark.parametrize("rest", [bytes(4096), b"\1" * 30], ids=["only preallocated zeros", "torn"])
def test_a_log_whose_newest_segment_has_no_whole_batch_is_copied_up_to_there(start, tmp_path, rest, kept):
    """A power loss right after a roll leaves such a segment. The log that has most is taken, if none has all."""
    client = start(2, data_dir=str(tmp_path))
    client.create("t", copies=2)
    for value in SAID[:kept]:
        client.say("t", value)
    client.wait_for_isr("t", 2)
    client.run(8)
    client.cluster.close()
    for node in (1, 2):
        (tmp_path / f"node-{node}" / ".kafka_cleanshutdown").unlink()
        write_offsets(PosixFileSystem(tmp_path / f"node-{node}"), HIGH_WATERMARKS, {("t", 0): len(SAID)})
    (tmp_path / "node-2" / "t-0" / f"{kept:020d}.log").write_bytes(rest)
    shutil.rmtree(tmp_path / "node-1" / "t-0")
    again = start(2, data_dir=str(tmp_path))
    line = again.cluster.warnings[0]
    assert "node-1/t-0 ends at offset 0" in line
    assert "copied from" in line
    assert ("what follows offset 30 is lost" in line) == (kept < len(SAID))
    again.wait_for_leader("t")
    assert again.everything("t") == SAID[:kept]


def test_a_copy_from_a_damaged_log_leaves_nothing_behind_and_no_file_open(start, tmp_path, monkeypatch):
    client = start(2, data_dir=str(tmp_path))
    client.create("t", copies=2)
    for number in range(6):
        client.put("t", batch(b"%09d" % number + b"x" * 65_500))
    client.wait_for_isr("t", 2)
    client.run(8)
    client.cluster.close()
    shutil.rmtree(tmp_path / "node-1" / "t-0")
    rot.flip(PosixFileSystem(tmp_path / "node-2"), f"t-0/{FIRST}", 100_000)
    (tmp_path / "node-2" / "t-0" / "partition.metadata").unlink()  # it is of the topic that is asked for then
    claimed = {node: claim_folder_at(str(tmp_path / f"node-{node}")) for node in (1, 2)}
    opened: list[Any] = []
    opening = PosixFileSystem.open

    def noting(*args: Any, **how: Any) -> Any:
        opened.append(opening(*args, **how))
        return opened[-1]

    monkeypatch.setattr(PosixFileSystem, "open", noting)
    try:
        measure = Measure(
            claimed, TopicImage(bytes(16), "t", {}), 0, PartitionImage((1, 2), (1, 2), -1, 9, 0), dense=True
        )
        assert measure.extent(2).end_offset == 6
        opened.clear()
        with pytest.raises(LogDamaged):
            replace_log(measure, 2, 1, "0123")
        assert not list((tmp_path / "node-1").glob("t-0*"))
        assert opened
        assert {file.fileno() for file in opened} == {-1}
    finally:
        for each in claimed.values():
            each.release()
