"""Disks that refuse at the start: one line with the path, or one partition that is out of use beside all others."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.cluster import Cluster
from actors.node.folder import FolderError
from kstore.fs.posix import PosixFileSystem

TOPICS = ("a", "t", "z")


@pytest.fixture
def stopped(start, tmp_path) -> Path:
    """The folders of three nodes with some topics, after a clean stop."""
    client = start(data_dir=str(tmp_path))
    for topic in TOPICS:
        client.create(topic)
        client.say(topic, topic.encode())
        client.wait_for_isr(topic)
    client.run(1)
    client.cluster.close()
    return tmp_path


@pytest.fixture
def refuse(monkeypatch) -> Callable[..., None]:
    """Has the disk refuse an operation of the file system on some paths."""

    def refuse_from_now_on(operation: str, code: int, *, node: int, part: str = "") -> None:
        real = getattr(PosixFileSystem, operation)

        def refusing(fs: PosixFileSystem, path: str = "", *args: Any, **how: Any) -> Any:
            if fs.root.endswith(f"node-{node}") and part in path:
                raise OSError(code, os.strerror(code), f"{fs.root}/{path}")
            return real(fs, path, *args, **how)

        monkeypatch.setattr(PosixFileSystem, operation, refusing)

    return refuse_from_now_on


def refusal(folders: Path) -> str:
    with pytest.raises(FolderError) as refused:
        Cluster(3, data_dir=str(folders), seed=1)
    line = str(refused.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize("operation", ["lock", "replace"])
def test_a_start_on_a_full_disk_is_refused_by_a_line_with_the_path(stopped, refuse, operation):
    refuse(operation, errno.ENOSPC, node=2)
    line = refusal(stopped)
    assert line.startswith(f"{stopped}/node-2")
    assert "No space left on device" in line
    assert "make room" in line


def test_a_new_cluster_on_a_full_disk_is_refused_by_a_line_with_the_path(tmp_path, refuse):
    refuse("replace", errno.ENOSPC, node=1)
    assert f"{tmp_path}/node-1" in refusal(tmp_path)


@pytest.mark.parametrize("operation", ["read_bytes", "listdir"])
def test_a_metadata_log_of_another_user_is_named(stopped, refuse, operation):
    refuse(operation, errno.EACCES, node=2, part="__cluster_metadata-0")
    line = refusal(stopped)
    assert f"{stopped}/node-2/__cluster_metadata-0" in line
    assert "Permission denied" in line


@pytest.mark.parametrize("name", ["meta.properties", "replication-offset-checkpoint", ".kafka_cleanshutdown"])
def test_a_small_file_of_another_user_is_named(stopped, refuse, name):
    refuse("read_bytes", errno.EACCES, node=3, part=name)
    assert f"{stopped}/node-3/{name} can't be used (Permission denied)" in refusal(stopped)


def test_a_start_without_descriptors_says_what_to_raise(stopped, refuse):
    refuse("lock", errno.EMFILE, node=1)
    assert "ulimit -n" in refusal(stopped)
