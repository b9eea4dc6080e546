"""What is left of a replica when it ends: of a deleted one nothing, of a closed one all, on the disk."""

import os
import sys
import threading
from pathlib import Path

import pytest
from partition.client import Client

from actors.cluster import Cluster
from kstore.fs import FileSlice
from kstore.fs.posix import PosixFileSystem
from kstore.log.checkpoints import RECOVERY_POINTS, read_offsets
from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState


def delete(client: Client, topic: str) -> None:
    request = DeleteTopicsRequest(topics=[DeleteTopicState(name=topic)], timeout_ms=10_000)
    assert [t.error_code for t in client.ask(1, request).responses] == [0]
    client.cluster.wait_for(lambda: not any(topic in client.cluster.image(n).topics for n in client.living()))
    client.run(2)


def open_files_of(topic: str, folder: Path) -> list[str]:
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:
            continue
        if path.startswith(str(folder)) and f"/{topic}-" in path:
            found.append(path)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux which files are open")
def test_no_file_of_a_deleted_topic_stays_open(start, tmp_path):
    client = start(data_dir=str(tmp_path))
    client.create("kept")
    client.produce("kept", b"a")
    systems = [node.fs for node in client.cluster.nodes.values()]
    before = [len(fs.handles) for fs in systems]
    client.create("t", partitions=4, segment_bytes="1048576")
    for number in range(24):
        client.produce("t", bytes(200_000), index=number % 4)
    log = client.replica(client.leader("t"), "t").log
    log.flush()
    log.hot.clear()
    chunks = log.read(0, 1 << 20).chunks
    assert all(type(chunk) is FileSlice for chunk in chunks)
    assert open_files_of("t", tmp_path)
    delete(client, "t")
    assert open_files_of("t", tmp_path) == []
    assert [len(fs.handles) for fs in systems] == before
    assert not list(tmp_path.rglob("t-*"))
    for chunk in chunks:
        with pytest.raises((EOFError, FileNotFoundError)):
            chunk.read(0, 10)


def test_a_topic_is_deleted_while_its_replicas_have_upkeep_to_do(start, tmp_path):
    client = start(data_dir=str(tmp_path))
    for number in range(3):
        client.create("t", segment_ms="60000", flush_ms="100")
        client.run(0.3 * number)
        client.produce("t", b"a")
        delete(client, "t")
        client.run(5)
        assert not list(tmp_path.rglob("t-*"))


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux which files are synced")
def test_a_stop_syncs_logs_off_the_loop_and_is_over_when_they_are_on_the_disk(tmp_path, monkeypatch):
    synced = []
    real = os.fsync

    def fsync(descriptor):
        synced.append((os.readlink(f"/proc/self/fd/{descriptor}"), threading.current_thread().name))
        real(descriptor)

    cluster = Cluster(brokers=1, data_dir=str(tmp_path))
    client = Client(cluster)
    client.create("t", copies=1, partitions=8)
    for number in range(3):
        client.wait_for_leader("t", number)
        client.produce("t", b"a", index=number)
    monkeypatch.setattr(os, "fsync", fsync)
    cluster.close()
    threads = {path: thread for path, thread in synced if "/t-" in path}
    assert {thread[: len("kstore-disk")] for thread in threads.values()} == {"kstore-disk"}
    folder = tmp_path / "node-1"
    assert {path for path in threads if path.endswith(".log")} == {
        str(folder / f"t-{number}" / f"{0:020}.log") for number in range(3)
    }
    assert sum(path.endswith("/t-5") for path in threads) == 0
    points = read_offsets(PosixFileSystem(folder), RECOVERY_POINTS)
    assert [points["t", number] for number in range(8)] == [1, 1, 1, 0, 0, 0, 0, 0]
