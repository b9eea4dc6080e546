"""Partitions whose log isn't where kstore would look: in another of a broker's ``log.dirs``, or in remote storage.

The metadata log names for each replica the directory that has it, by the id in its ``meta.properties``. If that is
another one of the same broker, and this folder doesn't have the log either, it would be made anew, empty, and lead. The
id of a directory that the broker doesn't have any more says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.broker.folder import Folder, FolderError
from actors.controller.image import ClusterImage, PartitionImage
from kstore.log.segments import log_offsets

REMOTE = "remote.storage.enable"


def check_directories(folders: Mapping[int, Folder], image: ClusterImage) -> None:
    """Raises ``FolderError`` for a partition that kstore would have to make anew or serve a part of."""
    for topic in image.topics.values():
        if image.topic_config(topic.name).get(REMOTE, "false").lower() == "true":
            raise FolderError(
                f"{min(folder.name for folder in folders.values())} can't be used: topic {topic.name} keeps records in "
                f"remote storage ({REMOTE}), where kstore can't read them: start Apache Kafka on it, copy the topic's "
                "records to one without it, and delete the old one"
            )
        for number, partition in topic.partitions.items():
            for node_id in partition.replicas:
                if node_id in folders:
                    check_partition(folders[node_id], node_id, image, f"{topic.name}-{number}", partition)


def check_partition(folder: Folder, node_id: int, image: ClusterImage, path: str, partition: PartitionImage) -> None:
    known = image.brokers.get(node_id)
    own = folder.meta.directory_id if folder.meta is not None else None
    place = partition.replicas.index(node_id)
    assigned = partition.directories[place] if place < len(partition.directories) else None
    if own is None or known is None or assigned == own or assigned not in known.log_dirs:
        return
    fs = folder.fs
    if not fs.exists(path) or not log_offsets(fs.listdir(path)):
        raise FolderError(
            f"{folder.name} lacks {path}, which lies in another of that broker's log.dirs, and kstore keeps a node in "
            "one folder: start Apache Kafka on all of them, and have it moved there by "
            "bin/kafka-reassign-partitions.sh (log_dirs)"
        )
