"""Checks the quorum of a metadata log: kstore has one controller, and reads the log from its beginning.

What doesn't fit can be adopted (``actors/cluster/adoption.py``).

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
ADOPT = "let kstore adopt make a --data-dir of the folders of all nodes, or start Apache Kafka on them"


def check_quorum(folders: Mapping[int, Folder], copies: Mapping[int, MetadataCopy], controller_id: int) -> None:
    """Raise ``FolderError`` for a metadata log with other voters, or without its beginning."""
    ours = f"kstore has one controller, here node {controller_id}"
    for node_id, folder in folders.items():
        where = f"{folder.name}/{METADATA_LOG}"
        if has_voters_in_log(folder.fs, copies[node_id]):
            raise FolderError(f"{where} is of a quorum whose voters may change (kraft.version 1), and {ours}: {ADOPT}")
        voters = voters_of(folder.fs)
        if voters and voters != [controller_id]:
            listed = ", ".join(map(str, voters))
            raise FolderError(f"{where}/{QUORUM_STATE} names the voters {listed}, and {ours}: {ADOPT}")
        if snapshot := snapshot_before(folder.fs):
            raise FolderError(f"{where} begins behind a snapshot ({snapshot}), which kstore doesn't read: {ADOPT}")


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


def snapshot_before(fs: FileSystem) -> str | None:
    """The newest snapshot, if the beginning of the log is missing."""
    if not fs.exists(METADATA_LOG):
        return None
    names = fs.listdir(METADATA_LOG)
    snapshots = [name for name in names if name.endswith(CHECKPOINT) and not name.startswith("0" * 20)]
    bases = log_offsets(names)
    return max(snapshots) if snapshots and (not bases or bases[0] > 0) else None


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
