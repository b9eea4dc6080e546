"""From a stopped cluster's folders to those of Apache Kafka, with as many nodes and a quorum of several voters.

The files of kstore are Kafka's own, so nearly all are copied as they are. What is written anew:

* the metadata log: each node gets the controller's copy, which has all that was decided. Beside it lies a snapshot of
  the offset 0 that names the quorum's voters, with their directories' ids and addresses (KIP-853), as
  ``kafka-storage.sh format --initial-controllers`` writes it. ``quorum-state`` is left out: the nodes elect a leader;
* a ``server.properties`` for each node.

Locks, kstore's manifest, files that a repair set aside and folders that wait for their deletion are left out. The
source is only read. Full segments can be linked instead of copied; nothing is appended to them any more, by kstore or
by Kafka, but a truncation may cut them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from actors.broker.folder_check import check_folders
from actors.cluster.node_ids import node_ids_of
from actors.cluster.server_properties import CONTROLLER, Node, check_config, checked_hosts, properties
from actors.cluster.whole_folders import check_brokers, check_replicas, check_stopped
from actors.controller.messages import METADATA_LOG
from actors.controller.metadata_log import QUORUM_STATE
from actors.image.image import ClusterImage
from actors.node.folder import LOCK, Folder, FolderError, claim_folder_at
from kstore.errors import CorruptMessage
from kstore.fs.posix import PosixFileSystem
from kstore.log.checkpoints import META_PROPERTIES
from kstore.log.manifest import MANIFEST
from kstore.log.names import ASIDE, DAMAGED, DELETED, DOOMED, LOG, STRAY, TEMPORARY, base_offset_of
from kstore.log.offline import NoLogError, find_logs
from kstore.named import NamedTuple
from kstore.records import BatchBuilder
from kstore.records.control import ControlType, control_key
from kstore.schema import encode
from kstore.schema.messages.control_records import (
    Endpoint,
    KRaftVersionFeature,
    KRaftVersionRecord,
    SnapshotFooterRecord,
    SnapshotHeaderRecord,
    VotersRecord,
    VotersRecordVoter,
)

FIRST_SNAPSHOT = "00000000000000000000-0000000000.checkpoint"
VOTERS_MAX = 5
FROM_ANOTHER = "which gets the log from another replica if there is one, and stop it again"
LEFT_OUT = {LOCK, MANIFEST, QUORUM_STATE}
LEFT_OUT_SUFFIXES = (DELETED, TEMPORARY, DOOMED, STRAY, DAMAGED, ASIDE)


class Graduated(NamedTuple):
    """What was made: the nodes, the files with their properties, and how many bytes were copied and linked."""

    nodes: tuple[Node, ...]
    properties: tuple[Path, ...]
    bootstrap_servers: str
    copied_bytes: int
    linked_bytes: int


class Copying:
    """Copies files, or links them, and counts. ``advance`` is told of each file's bytes."""

    def __init__(self, link: bool, advance: Callable[[int], None]) -> None:
        self.link = link
        self.advance = advance
        self.copied_bytes = self.linked_bytes = 0

    def folder(self, source: Path, target: Path, left_out: Collection[str] = ()) -> None:
        """Copy a folder with all that isn't left out; ``left_out`` are names besides those that never are copied."""
        target.mkdir()
        sealed = sealed_segments(source) if self.link else set()
        for each in sorted(source.iterdir()):
            if each.name in LEFT_OUT or each.name in left_out or each.name.endswith(LEFT_OUT_SUFFIXES):
                continue
            if each.is_dir():
                self.folder(each, target / each.name)
            else:
                self.file(each, target / each.name, link=each.name in sealed)
        sync(target)

    def file(self, source: Path, target: Path, *, link: bool) -> None:
        """Copy or link one file; a copy is synced."""
        size = source.stat().st_size
        if link:
            os.link(source, target)
            self.linked_bytes += size
        else:
            shutil.copy2(source, target)
            sync(target)
            self.copied_bytes += size
        self.advance(size)


def sealed_segments(folder: Path) -> set[str]:
    """The names of a partition's files of batches that nothing is appended to any more: all but the last."""
    names = sorted(each.name for each in folder.iterdir() if each.suffix == LOG and base_offset_of(each.name) >= 0)
    return set(names[:-1])


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power cut."""
    PosixFileSystem(path.parent, read_only=True).sync_path_later(path.name)()


def graduate(
    data_dir: str,
    to: str,
    *,
    hosts: Sequence[str] = ("localhost",),
    port: int = 9092,
    voters: int | None = None,
    link: bool = False,
    config: Mapping[str, str] | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Graduated:
    """Make folders ``to/node-N`` and files ``to/node-N.properties`` for Apache Kafka from a stopped cluster's.

    ``hosts`` has a host for each node, or one for all: then each has two ports of its own, from ``port`` on, one for
    clients and one for controllers. So many ``voters`` (by default the largest odd number of nodes, at most 5) form the
    quorum. With ``link`` full segments are hard links. ``config`` is added to the properties. ``advance`` is told of
    bytes that were read or copied: twice the bytes of all logs come together.

    Everything is read and checked first. Raises ``FolderError`` if the cluster runs or wasn't stopped cleanly, if
    something in its folders is damaged or missing, or if ``to`` isn't empty. The source isn't changed.
    """
    target = Path(to)
    check_target(target, [data_dir])
    check_config(config or {})
    if "," in str(target.resolve()):
        raise FolderError(f"{target.resolve()} has a comma, which separates folders in log.dirs: name another one")
    node_ids = node_ids_of(None, None, data_dir)
    sources = {node_id: Path(data_dir) / f"node-{node_id}" for node_id in node_ids}
    for source in sources.values():
        if not (source / META_PROPERTIES).exists():
            raise FolderError(f"{data_dir} has no {source.name} with a {META_PROPERTIES}: name a cluster's --data-dir")
    folders = {}
    try:
        for node_id, source in sources.items():
            folders[node_id] = claim_folder_at(str(source))
        ids = {node_id: folder.meta.directory_id for node_id, folder in folders.items() if folder.meta is not None}
        nodes = planned(ids, checked_hosts(hosts), port, voters)
        image = check(data_dir, folders, node_ids[0])
        verify(data_dir, advance, f"start kstore on {data_dir}, {FROM_ANOTHER}")
        copying = Copying(link, advance)
        try:
            return make(sources, target, nodes, copying, config or {}, partitions_of(image))
        except BaseException:
            remove_made(target)
            raise
    finally:
        for folder in folders.values():
            folder.withdraw()
            folder.release()


def check(data_dir: str, folders: Mapping[int, Folder], controller_id: int) -> ClusterImage:
    """Check that all of the cluster is there, as a clean stop has left it."""
    restart = f"start it once with kstore serve --data-dir {data_dir} and stop it"
    for folder in folders.values():
        check_stopped(folder, restart)
    image = check_folders(folders, controller_id)
    parts = {node_id: [folder] for node_id, folder in folders.items()}
    check_brokers(parts, image, "put it back from a backup")
    check_replicas(parts, image, f"put them back, or {restart}")
    return image


def check_target(target: Path, sources: Sequence[str]) -> None:
    """Raise ``FolderError`` if there is something there already, or if it lies in what is copied."""
    for source in sources:
        if Path(source).resolve() in (target.resolve(), *target.resolve().parents):
            raise FolderError(f"{target} is inside of {source}, which is copied: name a folder beside it")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FolderError(f"{target} isn't an empty folder: name one that isn't there yet")


def verify(path: str, advance: Callable[[int], None], fix: str) -> None:
    """Read all batches; raises ``FolderError`` for the first whose checksum is wrong."""
    try:
        logs = find_logs(path)
    except NoLogError:
        return
    for log in logs:
        for segment in log.segments:
            try:
                for _, batch in segment.batches():
                    batch.verify_crc()
                    advance(batch.size_bytes)
            except CorruptMessage as error:
                raise FolderError(f"{log.path} is damaged: {error}: {fix}") from None


def planned(
    directory_ids: Mapping[int, bytes], hosts: Sequence[str], port: int, voters: int | None
) -> tuple[Node, ...]:
    """The nodes, the controller of now first: it is a voter in any case."""
    count = len(directory_ids)
    if len(hosts) not in (1, count):
        raise FolderError(f"{len(hosts)} hosts for {count} nodes: name one for each, or one for all")
    wanted = min(VOTERS_MAX, count - 1 + count % 2) if voters is None else voters
    if not 1 <= wanted <= count:
        raise FolderError(f"{wanted} voters of {count} nodes: there are as many voters as nodes at most")
    alone = len(hosts) == count and len(set(hosts)) == count
    return tuple(
        Node(
            node_id,
            directory_id,
            hosts[number % len(hosts)],
            port if alone else port + 2 * number,
            port + 1 if alone else port + 2 * number + 1,
            number < wanted,
        )
        for number, (node_id, directory_id) in enumerate(directory_ids.items())
    )


def partitions_of(image: ClusterImage) -> dict[str, int]:
    """How many partitions each topic has."""
    return {topic.name: len(topic.partitions) for topic in image.topics.values()}


def make(
    sources: Mapping[int, Path],
    target: Path,
    nodes: Sequence[Node],
    copying: Copying,
    config: Mapping[str, str],
    partitions: Mapping[str, int],
) -> Graduated:
    """Write all folders and files."""
    target.mkdir(parents=True, exist_ok=True)
    metadata = sources[nodes[0].node_id] / METADATA_LOG
    snapshot = voters_snapshot(nodes)
    files = []
    for node in nodes:
        folder = target / f"node-{node.node_id}"
        copying.folder(sources[node.node_id], folder, {METADATA_LOG})
        copying.folder(metadata, folder / METADATA_LOG)
        first = folder / METADATA_LOG / FIRST_SNAPSHOT
        first.write_bytes(snapshot)
        file = target / f"node-{node.node_id}.properties"
        file.write_text(properties(node, nodes, str(folder.resolve()), config, partitions), "ascii")
        for each in (first, first.parent, folder, file):
            sync(each)
        files.append(file)
    sync(target)
    servers = ",".join(node.server for node in nodes)
    return Graduated(tuple(nodes), tuple(files), servers, copying.copied_bytes, copying.linked_bytes)


def remove_made(target: Path) -> None:
    """Leave an empty folder after a failure: what is in it can't be used."""
    for each in target.iterdir() if target.is_dir() else ():
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink()


def voters_snapshot(nodes: Sequence[Node]) -> bytes:
    """A snapshot of the offset 0: no decisions, but the quorum's voters, and that they are kept in the log."""
    voters = [
        VotersRecordVoter(
            voter_id=node.node_id,
            voter_directory_id=node.directory_id,
            endpoints=[Endpoint(name=CONTROLLER, host=node.host, port=node.controller_port)],
            k_raft_version_feature=KRaftVersionFeature(min_supported_version=0, max_supported_version=1),
        )
        for node in nodes
        if node.is_voter
    ]
    first = BatchBuilder(control=True, leader_epoch=0)
    for kind, message in (
        (ControlType.SNAPSHOT_HEADER, SnapshotHeaderRecord()),
        (ControlType.KRAFT_VERSION, KRaftVersionRecord(k_raft_version=1)),
        (ControlType.KRAFT_VOTERS, VotersRecord(voters=voters)),
    ):
        first.append(0, control_key(kind), encode(message, 0))
    last = BatchBuilder(control=True, base_offset=3, leader_epoch=0)
    last.append(0, control_key(ControlType.SNAPSHOT_FOOTER), encode(SnapshotFooterRecord(), 0))
    return first.build() + last.build()
