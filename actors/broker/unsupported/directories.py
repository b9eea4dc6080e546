"""Checks for partitions whose log isn't in the node's folder: in another of ``log.dirs``, or in remote storage.

For each replica, the metadata log has the id (in ``meta.properties``) of its directory. If that isn't this folder, and
the log isn't here either, an empty log would be made and could lead. If the broker doesn't have that directory any more
and another node has the log, it is copied from there, as after the loss of a disk.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.image.image import ClusterImage
from actors.node.folder import Folder, FolderError
from kstore.log.segments import holds_log

REMOTE = "remote.storage.enable"
RESERVED_IDS = 100  # below that are Kafka's special ids: not assigned, lost, from before there were ids


def check_remote(folders: Mapping[int, Folder], image: ClusterImage) -> None:
    """Raise ``FolderError`` for a topic that keeps records in remote storage."""
    for topic in image.topics.values():
        if image.topic_config(topic.name).get(REMOTE, "false").lower() == "true":
            raise FolderError(
                f"{min(folder.name for folder in folders.values())} can't be used: topic {topic.name} keeps records in "
                f"remote storage ({REMOTE}), where kstore can't read them: start Apache Kafka on it, copy the topic's "
                "records to one without it, and delete the old one"
            )


def check_directories(folders: Mapping[int, Folder], image: ClusterImage) -> None:
    """Raise ``FolderError`` for a partition of which kstore would have no log."""
    for topic in image.topics.values():
        for number, partition in topic.partitions.items():
            for node_id, directory in zip(partition.replicas, partition.directories, strict=False):
                if node_id in folders and int.from_bytes(directory, "big") >= RESERVED_IDS:
                    check_replica(folders, image, node_id, directory, f"{topic.name}-{number}")


def check_replica(
    folders: Mapping[int, Folder], image: ClusterImage, node_id: int, directory: bytes, path: str
) -> None:
    folder = folders[node_id]
    if folder.meta is None or folder.meta.directory_id == directory or has_log(folder, path):
        return
    broker = image.brokers.get(node_id)
    is_registered = broker is not None and directory in broker.log_dirs
    if is_registered or not any(has_log(each, path) for each in folders.values()):
        raise FolderError(
            f"{folder.name} lacks {path}, which lies in another of that broker's log.dirs, and kstore keeps a node in "
            "one folder: let kstore adopt put them together"
        )


def has_log(folder: Folder, path: str) -> bool:
    return folder.fs.exists(path) and holds_log(folder.fs, path)
