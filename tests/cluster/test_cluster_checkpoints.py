"""What checkpoint files say of a partition that was deleted isn't taken for what they say of a new one of its name."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from typing import Any

import pytest

from actors.clients.structs import TopicPartition
from actors.cluster import Cluster
from kstore.fs.posix import PosixFileSystem
from kstore.log.checkpoints import HIGH_WATERMARKS, RECOVERY_POINTS, START_OFFSETS, read_offsets

OLD = [b"old %d" % number for number in range(20)]
NEW = [b"new %d" % number for number in range(10)]
INTERVALS = {
    "replica.high.watermark.checkpoint.interval.ms": "100",
    "log.flush.offset.checkpoint.interval.ms": "100",
    "log.flush.start.offset.checkpoint.interval.ms": "100",
}
REPLICA = "node-1/replica/t-0"


class Refused:
    """A checkpoint file that can't be replaced, as long as ``name`` is its name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name = ""
        replacing = PosixFileSystem.replace

        def replace(fs: PosixFileSystem, path: str, data: bytes, *, sync: bool = True) -> None:
            if path == self.name:
                raise OSError(errno.EIO, "the disk refuses", path)
            replacing(fs, path, data, sync=sync)

        monkeypatch.setattr(PosixFileSystem, "replace", replace)


def with_old_records(start: Callable[..., Any], folder: str) -> Any:
    """A node that was stopped once, so that all its checkpoints name the topic, which begins at 20."""
    client = start(1, data_dir=folder, config=INTERVALS)
    client.create("t", copies=1)
    for value in OLD:
        client.say("t", value)
    with client.cluster.admin() as admin:
        admin.delete_records({TopicPartition("t", 0): len(OLD)})
    client.run(1)
    client.cluster.close()
    again = start(1, data_dir=folder, config=INTERVALS)
    again.wait_for_leader("t")
    return again


def killed_and_opened(start: Callable[..., Any], client: Any, folder: str) -> Any:
    client.cluster._kill_node(1)
    client.cluster.close()
    return start(1, data_dir=folder, config=INTERVALS)


def said_anew_survives(start: Callable[..., Any], client: Any, folder: str) -> None:
    """New records are there after a kill, without a word of what is missing."""
    client.wait_for_leader("t")
    for value in NEW:
        client.say("t", value)
    again = killed_and_opened(start, client, folder)
    again.wait_for_leader("t")
    assert again.everything("t") == NEW
    assert list(again.cluster.warnings) == []


@pytest.mark.parametrize("name", [START_OFFSETS, RECOVERY_POINTS, HIGH_WATERMARKS])
def test_a_topic_made_again_has_a_replica_once_no_checkpoint_names_the_old_one(start, tmp_path, monkeypatch, name):
    client = with_old_records(start, str(tmp_path))
    refused = Refused(monkeypatch)
    refused.name = name
    client.delete("t")
    client.create("t", copies=1)
    client.run(3)
    assert read_offsets(PosixFileSystem(tmp_path / "node-1"), name) == {("t", 0): len(OLD)}
    assert REPLICA not in client.cluster.nodes[1].actors, "the old one's entry would be taken for its own"
    refused.name = ""
    said_anew_survives(start, client, str(tmp_path))


@pytest.mark.parametrize("name", [START_OFFSETS, RECOVERY_POINTS, HIGH_WATERMARKS])
def test_what_a_checkpoint_still_named_at_a_kill_is_forgotten_at_the_start(start, tmp_path, monkeypatch, name):
    client = with_old_records(start, str(tmp_path))
    refused = Refused(monkeypatch)
    refused.name = name
    client.delete("t")
    client.run(3)
    again = killed_and_opened(start, client, str(tmp_path))
    refused.name = ""
    again.run(1)
    assert ("t", 0) not in read_offsets(PosixFileSystem(tmp_path / "node-1"), name)
    again.create("t", copies=1)
    said_anew_survives(start, again, str(tmp_path))


@pytest.mark.parametrize("name", [START_OFFSETS, RECOVERY_POINTS, HIGH_WATERMARKS])
def test_a_stop_writes_a_checkpoint_after_a_write_that_is_under_way(tmp_path, monkeypatch, name):
    """Both would use one temporary file, and the older content could stay."""
    under_way, written_beside = threading.Event(), threading.Event()
    armed: list[bool] = []
    replacing = PosixFileSystem.replace

    def replace(fs: PosixFileSystem, path: str, data: bytes, *, sync: bool = True) -> None:
        if path == name and armed:
            if under_way.is_set():
                written_beside.set()
            else:
                under_way.set()
                written_beside.wait(0.5)
                armed.clear()
        replacing(fs, path, data, sync=sync)

    monkeypatch.setattr(PosixFileSystem, "replace", replace)
    with Cluster(data_dir=tmp_path) as cluster:
        for topic in ("kept", "t"):
            cluster.create_topic(topic)
            with cluster.producer() as producer:
                producer.send_many(topic, OLD)
            with cluster.admin() as admin:
                admin.delete_records({TopicPartition(topic, 0): len(OLD)})
    with Cluster(data_dir=tmp_path) as cluster:
        armed.append(True)
        with cluster.admin() as admin:
            admin.delete_topics(["t"])
        assert under_way.wait(20)
    assert not written_beside.is_set()
    assert (tmp_path / "node-1" / ".kafka_cleanshutdown").exists()
    assert read_offsets(PosixFileSystem(tmp_path / "node-1"), name) == {("kept", 0): len(OLD)}
