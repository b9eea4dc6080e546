"""Checks of the nodes' folders at a start, before anything in them is changed; here they are only read.

The metadata log says which topics exist and which replicas are in sync. Without all of it, intact partitions would be
taken for strays, or led by replicas that lag. So a start is refused, with the fix in the message, unless each node's
copy is complete; only the torn end that a crash leaves may be cut off. The controller's copy must reach as far as the
other nodes', which copy what is committed.

| copy of        | cut short by a crash | damaged otherwise, or after a clean stop | shorter than a neighbour's |
|----------------|----------------------|------------------------------------------|----------------------------|
| the controller | its end is cut       | refused                                  | refused                    |
| another node   | cut, and copied anew | refused                                  | copied from the controller |
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.broker.unsupported import (
    Leftovers,
    check_directories,
    check_features,
    check_formats,
    check_quorum,
    check_remote,
)
from actors.controller.messages import METADATA_LOG
from actors.controller.metadata_log import QUORUM_STATE, Replay, read_quorum_state
from actors.image.image import ClusterImage
from actors.node.folder import Folder, FolderError, unusable
from kstore.errors import KafkaError
from kstore.fs import FileSystem
from kstore.log.checkpoints import CLEAN_SHUTDOWN, PARTITION_METADATA, CheckpointError, read_partition_metadata
from kstore.log.names import LOG, segment_file, topic_and_partition
from kstore.log.segments import log_offsets
from kstore.named import NamedTuple
from kstore.records import HEADER_BYTES, RecordBatch
from kstore.records.batch import scan_batches

MAGIC_AT = 16
MAGIC = b"\x02"
LENGTH_END = 12


class MetadataCopy(NamedTuple):
    """The readable part of a node's metadata log. ``damage`` says what is wrong after it, if anything; ``torn`` is true
    if that is what an interrupted append leaves.
    """

    batches: list[RecordBatch]
    end_offset: int = 0
    damage: str | None = None
    torn: bool = False


def check_folders(folders: Mapping[int, Folder], controller_id: int) -> ClusterImage:
    """The cluster image of the metadata log; raises ``FolderError`` for what would lose data or can't be read."""
    copies = {}
    for node_id, folder in folders.items():
        try:
            copies[node_id] = read_copy(folder.fs)
        except OSError as error:
            raise unusable(folder.name, error) from None
    check_quorum(folders, copies, controller_id)
    for folder in folders.values():
        try:
            check_formats(folder)
            check_small_files(folder)
        except OSError as error:
            raise unusable(folder.name, error) from None
    check_controller(folders, copies, controller_id)
    for node_id, folder in folders.items():
        check_copy(folder, copies[node_id], controller_id)
    image = replayed(folders, copies[controller_id], f"{folders[controller_id].name}/{METADATA_LOG}")
    check_directories(folders, image)
    return image


def replayed(folders: Mapping[int, Folder], copy: MetadataCopy, where: str) -> ClusterImage:
    """The image of the metadata log; raises ``FolderError`` if kstore can't serve such a cluster."""
    image, replay, leftovers = ClusterImage(), Replay(), Leftovers()
    for batch in copy.batches:
        try:
            records = replay.records(batch)
            image, _ = image.apply(records, batch.last_offset, batch.leader_epoch)
        except (KafkaError, LookupError) as error:
            check_features(folders, image)  # they give a better message: a newer Kafka has its own records
            raise FolderError(
                f"{where} can't be replayed at offset {batch.base_offset} ({error}): start Apache Kafka on it, or "
                "choose another --data-dir"
            ) from error
        leftovers.note(records)
    check_features(folders, image)
    leftovers.refuse(where)
    check_remote(folders, image)
    return image


def check_small_files(folder: Folder) -> None:
    """Check the files beside the logs that a start must read."""
    fs = folder.fs
    for path in fs.listdir():
        if topic_and_partition(path) is None:
            continue
        try:
            fs.listdir(path)
            read_partition_metadata(fs, path)
        except OSError:
            continue  # another program's file, or offline until it can be read
        except CheckpointError as error:
            raise FolderError(
                f"{folder.name}/{error}: put {PARTITION_METADATA} back from a backup, or remove it to have the "
                "partition taken for that of the topic with its name"
            ) from None
    try:
        read_quorum_state(fs, METADATA_LOG)
    except CheckpointError:
        raise FolderError(
            f"{folder.name}/{METADATA_LOG}/{QUORUM_STATE} can't be read: remove it, and it is made anew from the log"
        ) from None


def is_folder(fs: FileSystem, path: str) -> bool:
    """Whether it is a folder, not a user's file that is named like a partition's folder."""
    try:
        fs.listdir(path)
    except OSError:
        return False
    return True


def read_copy(fs: FileSystem) -> MetadataCopy:
    """Read through a metadata log and verify its checksums."""
    found: list[RecordBatch] = []
    end_offset = 0
    bases = log_offsets(fs.listdir(METADATA_LOG)) if fs.exists(METADATA_LOG) else []
    for base in bases:
        if base != end_offset:
            return MetadataCopy(found, end_offset, f"the next segment begins at offset {base}")
        data = fs.read_bytes(f"{METADATA_LOG}/{segment_file(base, LOG)}")
        batches, error = scan_batches(data)
        damage = None if error is None else str(error)
        position = 0
        for batch in batches:
            if batch.base_offset != end_offset:
                damage = f"a batch of offset {batch.base_offset} follows"
                break
            found.append(batch)
            end_offset = batch.last_offset + 1
            position += batch.size_bytes
        if damage is not None:
            torn = base == bases[-1] and not has_batch_after(data, position, end_offset)
            return MetadataCopy(found, end_offset, damage, torn)
    return MetadataCopy(found, end_offset)


def has_batch_after(data: bytes, position: int, end_offset: int) -> bool:
    """Whether there are complete batches after a position that can't be read; after an interrupted append
    there are none.
    """
    at = data.find(MAGIC, position + MAGIC_AT + 1)
    while at >= 0:
        start = at - MAGIC_AT
        size = LENGTH_END + int.from_bytes(data[start + 8 : start + LENGTH_END], "big", signed=True)
        if HEADER_BYTES <= size <= len(data) - start:
            batches, _ = scan_batches(data[start : start + size])
            if batches and batches[0].base_offset >= end_offset:
                return True
        at = data.find(MAGIC, at + 1)
    return False


def check_controller(folders: Mapping[int, Folder], copies: Mapping[int, MetadataCopy], controller_id: int) -> None:
    """Check the controller's copy, which is the authoritative one."""
    folder, copy = folders[controller_id], copies[controller_id]
    where = f"{folder.name}/{METADATA_LOG}"
    whole = [node_id for node_id in folders if node_id != controller_id and not copies[node_id].damage]
    furthest = max(whole, key=lambda node_id: (copies[node_id].end_offset, -node_id), default=controller_id)
    known = copies[furthest].end_offset
    wrong, fix = None, "put it back from a backup"
    if is_damaged(folder, copy):
        wrong = f"{where} is damaged at offset {copy.end_offset} ({copy.damage})"
        if copy.torn:
            fix += f", or remove {folder.name}/{CLEAN_SHUTDOWN} to have its end cut off"
    elif copy.end_offset < known:
        extent = f"ends at offset {copy.end_offset}" if copy.end_offset else "is missing or empty"
        wrong = f"{where} {extent}, though {folders[furthest].name} knows the cluster up to offset {known}"
    elif not copy.end_offset and (partition := some_partition(folders)):
        wrong = f"{where} is missing or empty, though there is {partition}"
        fix += ", or from the metadata.log.dir of an Apache Kafka that kept it apart"
    if wrong is not None:
        if known > copy.end_offset:
            fix = f"put a copy of {folders[furthest].name}/{METADATA_LOG} in its place"
        raise FolderError(f"{wrong}: {fix}")


def check_copy(folder: Folder, copy: MetadataCopy, controller_id: int) -> None:
    """Check another node's copy, which can be copied again from the controller."""
    if is_damaged(folder, copy):
        raise FolderError(
            f"{folder.name}/{METADATA_LOG} is damaged at offset {copy.end_offset} ({copy.damage}): remove it, and it "
            f"is copied anew from node {controller_id}"
        )


def is_damaged(folder: Folder, copy: MetadataCopy) -> bool:
    """Whether more is wrong than a torn end, or there is a torn end after a clean stop."""
    return copy.damage is not None and (not copy.torn or folder.fs.exists(CLEAN_SHUTDOWN))


def some_partition(folders: Mapping[int, Folder]) -> str | None:
    """One of the partitions in the folders, None if there are none."""
    for folder in folders.values():
        for path in folder.fs.listdir():
            if path != METADATA_LOG and topic_and_partition(path) is not None and is_folder(folder.fs, path):
                return f"{folder.name}/{path}"
    return None
