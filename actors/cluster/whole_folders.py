"""Checks that the folders of stopped nodes have all that their cluster has, before its data is moved.

The next start takes a log that is gone for an empty one. Its broker may be elected, as it is still named in sync, and
the other replicas are then cut to match it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from actors.image.image import ClusterImage, Directory, PartitionImage
from actors.node.folder import Folder, FolderError
from kstore.log.checkpoints import CLEAN_SHUTDOWN
from kstore.log.manifest import misfit
from kstore.log.names import folder as folder_of
from kstore.log.segments import holds_log

SHOWN_MAX = 3


def check_stopped(folder: Folder, restart: str) -> None:
    """Raise ``FolderError`` unless all logs are as the last clean stop of kstore, or of Apache Kafka, has left them.
    ``restart`` says how to have the next stop clean.
    """
    if not folder.fs.exists(CLEAN_SHUTDOWN):
        raise FolderError(f"{folder.name} wasn't stopped cleanly: {restart}")
    if folder.warnings:
        raise FolderError(f"{folder.warnings[0]}: {restart}")
    for path, note in folder.notes.items():
        if wrong := misfit(folder.fs, path, note):
            raise FolderError(f"{folder.name}/{wrong}: put it back, or {restart}")


def check_brokers(folders: Mapping[int, Sequence[Folder]], image: ClusterImage, fix: str) -> None:
    """Raise ``FolderError`` unless all registered brokers have folders."""
    absent = sorted(image.brokers.keys() - folders.keys())
    if absent:
        listed = ", ".join(map(str, absent))
        brokers = "broker" if len(absent) == 1 else "brokers"
        raise FolderError(f"the cluster has {brokers} {listed} as well, of which there is no folder: {fix}")


def check_replicas(folders: Mapping[int, Sequence[Folder]], image: ClusterImage, fix: str) -> None:
    """Raise ``FolderError`` unless each replica has its log in some folder of its broker."""
    missing = list(missing_replicas(folders, image))
    if missing:
        shown = ", ".join(missing[:SHOWN_MAX])
        more = f" and {len(missing) - SHOWN_MAX} more" if len(missing) > SHOWN_MAX else ""
        raise FolderError(f"logs of replicas are missing: {shown}{more}: {fix}")


def missing_replicas(folders: Mapping[int, Sequence[Folder]], image: ClusterImage) -> Iterator[str]:
    """Where the logs should be that no folder has."""
    for topic in image.topics.values():
        for number, partition in topic.partitions.items():
            for node_id in partition.replicas:
                parts = folders.get(node_id, ())
                key = topic.name, number
                if not is_known_lost(partition, node_id) and not any(has_replica(each, key) for each in parts):
                    yield f"{parts[0].name if parts else f'node {node_id}'}/{folder_of(*key)}"


def is_known_lost(partition: PartitionImage, node_id: int) -> bool:
    """Whether the cluster knows that the replica's disk failed, and goes on with others."""
    return partition.directory_of(node_id) == Directory.LOST and node_id not in partition.isr


def has_replica(folder: Folder, key: tuple[str, int]) -> bool:
    """Whether a partition's log is there; only one that had no records may be without segments."""
    path = folder_of(*key)
    return folder.fs.exists(path) and (holds_log(folder.fs, path) or not folder.recovery_points.get(key))
