"""What changed in the folders between a clean stop and the next start is noticed, and what was lost is had again."""

from __future__ import annotations

from pathlib import Path

import pytest
from partition.client import batch

from kstore.log.checkpoints import CLEAN_SHUTDOWN
from kstore.log.manifest import MANIFEST
from kstore.records import parse_batches

COUNT = 60
OTHERS = ("a", "z")


def number_of(value: bytes) -> int:
    return int(value[:9])


@pytest.fixture
def stopped(start, tmp_path) -> Path:
    """The folders of three nodes after a clean stop, with a topic of several segments between two small ones."""
    client = start(data_dir=str(tmp_path))
    fill(client)
    client.wait_for_isr("t")
    client.run(8)
    client.cluster.close()
    return tmp_path


def fill(client, copies: int = 3) -> None:
    client.create("t", copies=copies, segment_bytes=str(1 << 20))
    for topic in OTHERS:
        client.create(topic, copies=copies)
        client.say(topic, b"x")
    for number in range(COUNT):
        client.put("t", batch(b"%09d" % number + b"x" * 65_500))


def segments(folders: Path, node: int) -> list[Path]:
    found = sorted((folders / f"node-{node}" / "t-0").glob("*.log"))
    assert len(found) > 3
    return found


def missing(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def cut_between_batches(path: Path) -> None:
    data = path.read_bytes()
    first = parse_batches(data)[0]
    path.write_bytes(data[: -first.size_bytes])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def all_is_there(start, folders: Path, brokers: int = 3) -> list[str]:
    """Start again: every topic is whole on every node. What the cluster says of it."""
    client = start(brokers, data_dir=str(folders))
    for topic in ("t", *OTHERS):
        client.wait_for_isr(topic)
    client.run(1)
    assert client.logs_are_equal("t")
    assert [number_of(value) for value in client.everything("t")] == list(range(COUNT))
    for topic in OTHERS:
        assert client.everything(topic) == [b"x"]
    client.cluster.close()
    return list(client.cluster.warnings)


@pytest.mark.parametrize("damage", [missing, cut, cut_between_batches, empty])
@pytest.mark.parametrize("place", [0, 2, -1], ids=["first", "middle", "last"])
def test_a_segment_that_is_not_as_it_was_left_is_copied_from_another_replica(start, stopped, place, damage):
    segment = segments(stopped, 2)[place]
    damage(segment)
    (line,) = all_is_there(start, stopped)
    assert f"node-2/t-0/{segment.name}" in line
    assert "last clean stop" in line
    assert "copied from" in line
    assert "what was there is kept in t-0." in line


def test_nothing_is_said_of_folders_that_are_as_they_were_left(start, stopped):
    for _ in range(2):
        assert all_is_there(start, stopped) == []


def test_a_replica_out_of_sync_that_lost_a_middle_segment_never_leads_with_the_hole(start, tmp_path):
    client = start(data_dir=str(tmp_path), config={"replica.lag.time.max.ms": "2000"})
    fill(client)
    client.wait_for_isr("t")
    client.cluster.net.cut([3], [1, 2])
    client.wait_for_isr("t", 2)
    client.wait_for_leader("t")
    client.say("t", b"%09d" % COUNT)
    client.run(1)
    client.cluster.close()
    segments(tmp_path, 3)[2].unlink()
    again = start(data_dir=str(tmp_path))
    assert any("node-3/t-0" in line and "copied from" in line for line in again.cluster.warnings)
    again.wait_for_isr("t")
    for node in (2, 1):
        again.cluster.faults.kill(node)
    again.wait_for_leader("t")
    assert again.leader("t") == 3
    assert [number_of(value) for value in again.everything("t")] == list(range(COUNT + 1))


def test_a_folder_on_which_apache_kafka_ran_since_is_not_compared(start, stopped):
    """It removes segments that are too old, and writes another mark."""
    for node in (1, 2, 3):
        segments(stopped, node)[0].unlink()
        (stopped / f"node-{node}" / CLEAN_SHUTDOWN).write_text('{"version":0,"brokerEpoch":99}')
    client = start(data_dir=str(stopped))
    assert client.cluster.warnings == []
    client.wait_for_isr("t")
    first = number_of(client.everything("t")[0])
    assert 0 < first < COUNT


def test_a_damaged_manifest_is_passed_over_and_said(start, stopped):
    path = stopped / "node-2" / MANIFEST
    path.write_bytes(path.read_bytes()[:-1])
    (line,) = all_is_there(start, stopped)
    assert f"node-2/{MANIFEST}" in line


def test_the_manifest_is_gone_while_a_node_runs(start, stopped):
    client = start(data_dir=str(stopped))
    client.wait_for_leader("t")
    assert not list(stopped.glob(f"node-*/{MANIFEST}"))
    client.cluster.close()
    assert len(list(stopped.glob(f"node-*/{MANIFEST}"))) == 3


@pytest.mark.parametrize(
    "name", ["replication-offset-checkpoint", "recovery-point-offset-checkpoint", "log-start-offset-checkpoint"]
)
@pytest.mark.parametrize("clean", [True, False], ids=["stopped", "killed"])
def test_a_garbage_checkpoint_is_done_without_and_said(start, stopped, name, clean):
    if not clean:
        for mark in stopped.glob(f"node-*/{CLEAN_SHUTDOWN}"):
            mark.unlink()
    (stopped / "node-2" / name).write_bytes(b"0\n9\nt 0 1\n")
    (line,) = all_is_there(start, stopped)
    assert f"node-2/{name}" in line


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("replication-offset-checkpoint", True),
        ("replication-offset-checkpoint", False),
        ("recovery-point-offset-checkpoint", True),
        ("recovery-point-offset-checkpoint", False),
        ("log-start-offset-checkpoint", True),
    ],
)
def test_a_checkpoint_beyond_the_end_of_a_log_loses_nothing(start, stopped, name, clean):
    if not clean:
        for mark in stopped.glob(f"node-*/{CLEAN_SHUTDOWN}"):
            mark.unlink()
    for node in (1, 2, 3):
        (stopped / f"node-{node}" / name).write_text(f"0\n1\nt 0 {1 << 40}\n")
    all_is_there(start, stopped)
