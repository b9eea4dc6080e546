"""Checks the quorum of a metadata log: kstore has one controller, and reads the log from its beginning.

``quorum-state`` names the voters of a static quorum. A dynamic one (``kraft.version`` 1) writes its voters into the
log, and into the snapshot that the log begins with. Kafka deletes the beginning of a log once a snapshot has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from actors.controller.messages import METADATA_LOG
from actors.controller.metadata_log import QUORUM_STATE, is_int32, quorum_state
from actors.node.folder import Folder, FolderError
from kstore.errors import KafkaError
from kstore.fs import FileSystem
from kstore.log.checkpoints import CheckpointError
from kstore.log.segments import log_offsets
from kstore.records import RecordBatch, scan_batches
from kstore.records.control import ControlType, control_type

if TYPE_CHECKING:
    from actors.broker.folder_check import MetadataCopy

QUORUM_FILE = f"{METADATA_LOG}/{QUORUM_STATE}"
CHECKPOINT = ".checkpoint"
WITH_KAFKA = "start Apache Kafka on it, or choose another --data-dir"


def check_quorum(folders: Mapping[int, Folder], copies: Mapping[int, MetadataCopy], controller_id: int) -> None:
    """Raise ``FolderError`` for a metadata log with other voters, or without its beginning."""
    ours = f"kstore has one controller, here node {controller_id}"
    for node_id, folder in folders.items():
        where = f"{folder.name}/{METADATA_LOG}"
        if has_voters_in_log(folder.fs, copies[node_id]):
            raise FolderError(
                f"{where} is of a quorum whose voters may change (kraft.version 1), and {ours}: {WITH_KAFKA}"
            )
        voters = voters_of(folder.fs)
        if voters and voters != [controller_id]:
            listed = ", ".join(map(str, voters))
            raise FolderError(
                f"{where}/{QUORUM_STATE} names the voters {listed}, and {ours}: "
                f"{way_out(voters, folders, copies, controller_id)}"
            )
    for node_id, folder in folders.items():
        if snapshot := snapshot_before(folder.fs):
            raise FolderError(
                f"{folder.name}/{METADATA_LOG} begins behind a snapshot ({snapshot}), which kstore can't read yet: "
                f"{whole_copy(node_id, folders, copies, controller_id)}"
            )


def voters_of(fs: FileSystem) -> list[int]:
    """The voters in ``quorum-state``; none if it has none or can't be read."""
    return voters_in(fs.read_bytes(QUORUM_FILE)) if fs.exists(QUORUM_FILE) else []


def voters_in(data: bytes) -> list[int]:
    """The voters in the text of a ``quorum-state``."""
    try:
        voters = quorum_state(data).get("currentVoters")
    except CheckpointError:
        return []  # reading the rest reports this
    ids = [each.get("voterId") for each in voters if isinstance(each, dict)] if isinstance(voters, list) else []
    return sorted(each for each in ids if is_int32(each))


def way_out(
    voters: list[int], folders: Mapping[int, Folder], copies: Mapping[int, MetadataCopy], controller_id: int
) -> str:
    """The fix: the controller goes on alone, from the most advanced copy, if each voter's copy is here to compare."""
    if any(voter not in folders for voter in voters) or any(copies[voter].damage for voter in voters):
        return WITH_KAFKA
    best = max(voters, key=lambda voter: (last_epoch(copies[voter]), copies[voter].end_offset, -voter))
    first = folders[controller_id].name
    others = [f"{folders[each].name}/{METADATA_LOG}" for each in folders if each != controller_id]
    steps = [f"remove {first}/{METADATA_LOG}/{QUORUM_STATE}"]
    if best != controller_id:
        steps.insert(0, f"put a copy of {folders[best].name}/{METADATA_LOG} in the place of node {controller_id}'s")
    if others:
        steps.append(f"remove {' and '.join(others)}, which are copied anew")
    return f"start Apache Kafka on it; or, to go on with node {controller_id} alone, {', then '.join(steps)}"


def last_epoch(copy: MetadataCopy) -> int:
    return copy.batches[-1].leader_epoch if copy.batches else -1


def snapshot_before(fs: FileSystem) -> str | None:
    """The newest snapshot, if the beginning of the log is missing."""
    if not fs.exists(METADATA_LOG):
        return None
    names = fs.listdir(METADATA_LOG)
    snapshots = [name for name in names if name.endswith(CHECKPOINT) and not name.startswith("0" * 20)]
    bases = log_offsets(names)
    return max(snapshots) if snapshots and (not bases or bases[0] > 0) else None


def whole_copy(
    node_id: int, folders: Mapping[int, Folder], copies: Mapping[int, MetadataCopy], controller_id: int
) -> str:
    """Where a copy with the beginning is."""
    whole = [
        n for n, copy in copies.items() if copy.end_offset and not copy.damage and not snapshot_before(folders[n].fs)
    ]
    best = max(whole, key=lambda n: (last_epoch(copies[n]), copies[n].end_offset, -n), default=None)
    if best is None:
        return WITH_KAFKA
    if node_id == controller_id:
        return f"put a copy of {folders[best].name}/{METADATA_LOG} in its place"
    return f"remove it, and it is copied anew from node {controller_id}"


def has_voters_in_log(fs: FileSystem, copy: MetadataCopy) -> bool:
    """Whether the quorum keeps its voters in the log, by the first snapshot or the log."""
    batches = [batch for batch in copy.batches if batch.is_control]
    for name in fs.listdir(METADATA_LOG) if fs.exists(METADATA_LOG) else []:
        if name.endswith(CHECKPOINT):
            batches += [b for b in scan_batches(fs.read_bytes(f"{METADATA_LOG}/{name}"))[0] if b.is_control]
    return any(names_voters(batch) for batch in batches)


def names_voters(batch: RecordBatch) -> bool:
    try:
        return any(control_type(record) is ControlType.KRAFT_VOTERS for record in batch.records())
    except KafkaError:
        return False  # replaying it reports this
