"""From the log directories of Apache Kafka to the folders of a cluster of kstore.

kstore keeps one folder for each node, has one controller, and reads the metadata log from its beginning. So

* the ``log.dirs`` of a node become one folder ``node-N``: partitions and checkpoints are put together;
* the first broker becomes the only controller. Of all copies of the metadata log, the one that is furthest is taken.
  Copies of a majority of the voters must be there: what was decided is in one of these;
* that log is written anew. It begins with the records of the newest snapshot if Kafka has deleted what is
  before it; what names the quorum's voters is left out; ids of directories are those of the one folder. Offsets and
  epochs stay what they are, as epochs of brokers are offsets. Offsets that are left over have ``NoOpRecord``s.

The source is only read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import ExitStack
from pathlib import Path

from actors.broker.folder_check import MetadataCopy, check_folders, check_small_files, replayed
from actors.broker.unsupported import check_formats
from actors.cluster.adopted_metadata import CopiedMetadata, read_metadata, written_anew
from actors.cluster.graduation import FROM_ANOTHER, Copying, check_target, remove_made, sync, verify
from actors.cluster.whole_folders import check_brokers, check_replicas
from actors.controller.messages import METADATA_LOG
from actors.image.image import ClusterImage
from actors.node.folder import Folder, FolderError, claim_folder_at
from kstore.fs.posix import PosixFileSystem
from kstore.log.checkpoints import (
    CLEAN_SHUTDOWN,
    CLEANER_OFFSETS,
    HIGH_WATERMARKS,
    META_PROPERTIES,
    PARTITION_METADATA,
    RECOVERY_POINTS,
    START_OFFSETS,
    Offsets,
    read_offsets,
    write_meta_properties,
    write_offsets,
)
from kstore.log.names import INDEX, LOG, TIME_INDEX, segment_file, topic_and_partition
from kstore.log.segments import log_offsets
from kstore.named import NamedTuple
from kstore.records import parse_batches

CHECKPOINTS = (RECOVERY_POINTS, HIGH_WATERMARKS, START_OFFSETS, CLEANER_OFFSETS)


class Adopted(NamedTuple):
    """What was made: the brokers' ids, the controller's first, and how many bytes were copied and linked."""

    node_ids: tuple[int, ...]
    copied_bytes: int
    linked_bytes: int


def adopt(
    log_dirs: Sequence[str], to: str, *, link: bool = False, advance: Callable[[int], None] = lambda _: None
) -> Adopted:
    """Make folders ``to/node-N`` for kstore from the log directories of stopped nodes of Apache Kafka.

    ``log_dirs`` are all directories of all brokers, and the metadata logs of a majority of the voters. With ``link``
    full segments are hard links. ``advance`` is told of bytes that were read or copied.

    Everything is read and checked first. Raises ``FolderError`` if a node runs, if something is damaged or doesn't
    belong together, if kstore can't serve what is in it, or if ``to`` isn't empty. The source isn't changed.
    """
    target = Path(to)
    check_target(target, log_dirs)
    with ExitStack() as claims:
        folders = [claimed(path, claims) for path in log_dirs]
        metadata = furthest(folders)
        image = image_of(metadata)
        nodes = nodes_of(folders, image)
        check_sources(folders, nodes, image)
        for folder in folders:
            verify(folder.name, advance, f"start Apache Kafka on all nodes, {FROM_ANOTHER}")
        copying = Copying(link, advance)
        target.mkdir(parents=True, exist_ok=True)
        try:
            for node_id, parts in nodes.items():
                put_together(parts, target / f"node-{node_id}", copying)
            write_metadata(metadata, nodes, target)
            sync(target)
            check(target, nodes)
        except BaseException:
            remove_made(target)
            raise
    return Adopted(tuple(nodes), copying.copied_bytes, copying.linked_bytes)


def claimed(path: str, claims: ExitStack) -> Folder:
    """Lock a log directory for as long as it is read. Raises ``FolderError`` if it isn't one, or is in use."""
    if not (Path(path) / META_PROPERTIES).exists():
        raise FolderError(f"{path} is no log directory of Apache Kafka: it has no {META_PROPERTIES}")
    folder = claim_folder_at(path)
    claims.callback(folder.release)
    claims.callback(folder.withdraw)
    return folder


def furthest(folders: Sequence[Folder]) -> CopiedMetadata:
    """The copy of the metadata log that is furthest. Raises ``FolderError`` if the folders aren't of one cluster."""
    clusters = {folder.meta.cluster_id: folder.name for folder in folders if folder.meta is not None}
    if len(clusters) > 1:
        (one, first), (other, second) = list(clusters.items())[:2]
        raise FolderError(f"{first} is of the cluster {one}, and {second} of {other}: adopt them one by one")
    copies = [read_metadata(folder) for folder in folders if folder.fs.exists(METADATA_LOG)]
    if not copies:
        names = ", ".join(folder.name for folder in folders)
        raise FolderError(f"none of {names} has {METADATA_LOG}: name the directory of a controller as well")
    best = max(copies, key=lambda copy: (copy.last_epoch, copy.end_offset))
    check_majority(best, {copy.folder.meta.node_id for copy in copies if copy.folder.meta is not None})
    return best


def check_majority(metadata: CopiedMetadata, given: Set[int]) -> None:
    """Raise ``FolderError`` unless most voters' copies are there: one of these has all that was decided."""
    voters = metadata.voters
    if voters and 2 * len(voters & given) <= len(voters):
        raise FolderError(
            f"the voters are the nodes {listed(voters)}, and only most of them together surely know all that was "
            f"decided: name the directory with {METADATA_LOG} of enough of {listed(voters - given)} as well"
        )


def image_of(metadata: CopiedMetadata) -> ClusterImage:
    """What the cluster is. Raises ``FolderError`` if kstore can't serve it."""
    batches = parse_batches(b"".join(written_anew(metadata, {})))
    copy = MetadataCopy(batches, metadata.end_offset)
    return replayed({0: metadata.folder}, copy, f"{metadata.folder.name}/{METADATA_LOG}")


def check_sources(folders: Sequence[Folder], nodes: Mapping[int, Sequence[Folder]], image: ClusterImage) -> None:
    """Check that all directories are there, and that kstore can read what is in them."""
    check_brokers(
        nodes, image, "name its log directories as well, or have Kafka forget it (kafka-cluster.sh unregister)"
    )
    check_replicas(
        nodes,
        image,
        "name all log.dirs of each node; if one is lost, start Apache Kafka without it, until it has copied the logs",
    )
    for folder in folders:
        if folder.warnings:
            raise FolderError(f"{folder.warnings[0]}: put that file back from a backup, or remove it")
        check_formats(folder)
        check_small_files(folder)


def nodes_of(folders: Sequence[Folder], image: ClusterImage) -> dict[int, list[Folder]]:
    """The directories of each broker, that with the metadata log first; the least broker comes first."""
    found: dict[int, list[Folder]] = {}
    for folder in folders:
        if folder.meta is not None:
            found.setdefault(folder.meta.node_id, []).append(folder)
    brokers = image.brokers.keys()
    if not brokers & found.keys():
        raise FolderError(
            f"the directories are of the nodes {listed(found)}, and the brokers of that cluster are {listed(brokers)}: "
            "name theirs as well"
        )
    kept = {node_id: parts for node_id, parts in found.items() if node_id in brokers}
    for parts in kept.values():
        parts.sort(key=lambda folder: not folder.fs.exists(METADATA_LOG))
    return dict(sorted(kept.items()))


def listed(ids: Iterable[int]) -> str:
    """Ids with commas between them."""
    return ", ".join(map(str, sorted(ids))) or "none"


def put_together(parts: Sequence[Folder], target: Path, copying: Copying) -> None:
    """Make one folder of a node's directories, without the metadata log."""
    target.mkdir()
    for folder in parts:
        for name in folder.fs.listdir():
            if topic_and_partition(name) is None or name == METADATA_LOG:
                continue
            if (target / name).exists():
                raise FolderError(f"{folder.name} and {parts[0].name} both have {name}: remove one of them")
            source = Path(folder.name) / name
            copying.folder(source, target / name, () if folder.fs.exists(CLEAN_SHUTDOWN) else active_indexes(source))
    fs = PosixFileSystem(target)
    for name in CHECKPOINTS:
        offsets: Offsets = {}
        for folder in parts:
            offsets.update(read_offsets(folder.fs, name))
        if offsets:
            write_offsets(fs, name, offsets)
    meta = parts[0].meta
    assert meta is not None
    write_meta_properties(fs, meta)
    if all(folder.fs.exists(CLEAN_SHUTDOWN) for folder in parts):
        fs.replace(CLEAN_SHUTDOWN, parts[0].fs.read_bytes(CLEAN_SHUTDOWN))


def active_indexes(folder: Path) -> set[str]:
    """The index files of a partition's last segment. Until Kafka stops cleanly, they are as large as they may become;
    a start makes them anew from the segment.
    """
    names = [each.name for each in folder.iterdir()]
    last = max(log_offsets(names), default=0)
    return {segment_file(last, INDEX), segment_file(last, TIME_INDEX)}


def write_metadata(metadata: CopiedMetadata, nodes: Mapping[int, Sequence[Folder]], target: Path) -> None:
    """Write the metadata log into the controller's folder; the others copy it from there."""
    directories = {
        folder.meta.directory_id: parts[0].meta.directory_id
        for parts in nodes.values()
        for folder in parts[1:]
        if folder.meta is not None and parts[0].meta is not None
    }
    fs = PosixFileSystem(target / f"node-{next(iter(nodes))}")
    fs.mkdir(METADATA_LOG)
    fs.replace(f"{METADATA_LOG}/{segment_file(0, LOG)}", b"".join(written_anew(metadata, directories)))
    fs.replace(f"{METADATA_LOG}/{PARTITION_METADATA}", metadata.partition_metadata)


def check(target: Path, nodes: Mapping[int, Sequence[Folder]]) -> None:
    """Check what was made as a start does it. A message names the sources, as what was made is removed."""
    with ExitStack() as claims:
        folders = {}
        for node_id in nodes:
            folder = folders[node_id] = claim_folder_at(str(target / f"node-{node_id}"))
            claims.callback(folder.release)
            claims.callback(folder.withdraw)
        try:
            check_folders(folders, next(iter(nodes)))
        except FolderError as error:
            text = str(error)
            for node_id, parts in nodes.items():
                text = text.replace(folders[node_id].name, parts[0].name)
            raise FolderError(text) from None
