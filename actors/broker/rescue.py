"""Repairs replicas that lost committed records while the nodes were down, before any node starts.

A replica in the in-sync set has everything up to the high watermark; the leader relies on it. A disk that lost a file
or changed a byte breaks that. If all nodes start together, the shorter replica may be elected leader, and the complete
ones would truncate their logs to match. So, before the nodes start, the log of every in-sync replica is measured (only
read) against the highest checkpointed high watermark. A shorter log is set aside as ``-stray``, and the log of the most
advanced replica is copied to its place. Only batches are copied, and none with a wrong byte: then the next replica has
its turn. Recovery makes the indexes and all else that is derived from them.

After a clean stop more is known: its manifest has the names and sizes of all segments. A replica that doesn't match it,
in sync or not, gets the log of one that has everything committed. If there is none, its files stay as they are, and it
is offline.

An interrupted copy leaves a folder that the next start deletes; then it copies again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing, suppress

from actors.image.image import ClusterImage, PartitionImage, TopicImage
from actors.node.folder import Folder
from kstore.errors import CorruptMessage
from kstore.errors.arguments import LONG_MAX
from kstore.fs import File, FileSystem
from kstore.log import LogDamaged
from kstore.log.checkpoints import (
    CLEAN_SHUTDOWN,
    CheckpointError,
    read_partition_metadata,
    write_partition_metadata,
)
from kstore.log.manifest import misfit
from kstore.log.names import DOOMED, INDEX, LOG, STRAY, TopicAndPartition, segment_file, set_aside
from kstore.log.replacement import finish_interrupted
from kstore.log.segments import log_offsets
from kstore.named import NamedTuple
from kstore.records import RecordBatch
from kstore.records.batch import scan_batches

READ_BYTES = 4 << 20
INDEX_ENTRY_BYTES = 8


class LogEnd(NamedTuple):
    """The end of a replica's log: compared as in an election."""

    epoch: int = -1
    end_offset: int = 0


class Measure:
    """The nodes' replicas of one partition, as their folders have them.

    A ``dense`` log has every offset, as it isn't compacted: if some are missing it is damaged.
    """

    def __init__(
        self, folders: Mapping[int, Folder], topic: TopicImage, number: int, found: PartitionImage, *, dense: bool
    ) -> None:
        self.dense = dense
        self.epoch_max = found.leader_epoch
        self.key: TopicAndPartition = (topic.name, number)
        self.path = f"{topic.name}-{number}"
        self.topic_id = topic.id
        self.in_sync = [node_id for node_id in found.isr if node_id in folders]
        self.folders = {node_id: folders[node_id] for node_id in found.replicas if node_id in folders}
        self.unreadable: dict[int, Exception] = {}
        self.damaged: dict[int, str] = {}
        self.unsound: set[int] = set()  # with a wrong batch that was met as it was copied
        self.present = {node_id for node_id in self.folders if self._is_present(node_id)}
        self.committed = max(map(self._high_watermark, self.folders), default=0)

    def _is_present(self, node_id: int) -> bool:
        """Whether the node has a readable log; an error is kept.

        A replacement of segments that Apache Kafka left unfinished is finished first, so that the measured log is the
        one that will be opened.
        """
        folder = self.folders[node_id]
        fs, note = folder.fs, folder.notes.get(self.path)
        try:
            if note is not None and self._counts(node_id) and (wrong := misfit(fs, self.path, note)):
                self.damaged[node_id] = wrong
                return False
            return (
                self._counts(node_id) and fs.exists(self.path) and bool(log_offsets(finish_interrupted(fs, self.path)))
            )
        except CorruptMessage as error:
            self.damaged[node_id] = error.message
            return False
        except (OSError, CheckpointError) as error:
            self.unreadable[node_id] = error
            return False

    def _high_watermark(self, node_id: int) -> int:
        folder = self.folders[node_id]
        if node_id in self.unreadable or not self._counts(node_id):
            return 0
        note = folder.notes.get(self.path)
        return max(folder.high_watermarks.get(self.key, 0), 0 if note is None else note.high_watermark)

    def label(self, node_id: int) -> str:
        """The name of its folder."""
        return f"{self.folders[node_id].name}/{self.path}"

    def was_durable(self, node_id: int, own: LogEnd) -> bool:
        """Whether the missing part of a log had been synced to disk, so that it isn't just a torn end."""
        folder = self.folders[node_id]
        point = LONG_MAX if folder.fs.exists(CLEAN_SHUTDOWN) else folder.recovery_points.get(self.key, 0)
        return node_id in self.present and own.end_offset < point

    def _counts(self, node_id: int) -> bool:
        """Whether the node's log of the partition's name belongs to this topic, not to a deleted one."""
        fs = self.folders[node_id].fs
        topic_id = read_partition_metadata(fs, self.path) if fs.exists(self.path) else None
        return topic_id in (None, self.topic_id)

    def extent(self, node_id: int, enough: int = LONG_MAX) -> LogEnd:
        """The end of the log after a recovery; it isn't read beyond ``enough``."""
        try:
            return self._extent(node_id, enough) if node_id in self.present else LogEnd()
        except OSError as error:
            self.unreadable[node_id] = error
            self.present.discard(node_id)
            return LogEnd()

    def _extent(self, node_id: int, enough: int) -> LogEnd:
        folder = self.folders[node_id]
        bases = log_offsets(folder.fs.listdir(self.path))
        clean = folder.fs.exists(CLEAN_SHUTDOWN)
        first_unsynced = max((b for b in bases if b <= folder.recovery_points.get(self.key, 0)), default=bases[0])
        extent = LogEnd(-1, bases[-1])
        for base, following in zip(bases, [*bases[1:], None], strict=True):
            trusted = clean or base < first_unsynced
            position = last_indexed(folder.fs, f"{self.path}/{segment_file(base, INDEX)}") if trusted else 0
            extent, whole = self._walk(folder.fs, base, position, enough)
            if position and not whole:
                extent, whole = self._walk(folder.fs, base, 0, enough)
            if not whole or extent.end_offset >= enough:
                break
            if following is not None and not self._follows(following, extent.end_offset):
                break  # a segment between them is gone
        return extent

    def _walk(self, fs: FileSystem, base: int, position: int, enough: int) -> tuple[LogEnd, bool]:
        """A segment's extent from a position on, and whether everything read is valid."""
        file = fs.open(f"{self.path}/{segment_file(base, LOG)}")
        try:
            return self._walk_file(file, base, position, enough)
        finally:
            file.close()

    def _walk_file(self, file: File, base: int, position: int, enough: int) -> tuple[LogEnd, bool]:
        extent, size = LogEnd(-1, base), file.size
        offset_known = position == 0
        while position < size and extent.end_offset < enough:
            batches = sound_batches(file.read, position, size)
            for batch in batches:
                if offset_known and not self._follows(batch.base_offset, extent.end_offset):
                    return extent, False
                if not extent.epoch <= batch.leader_epoch <= self.epoch_max:
                    return extent, False
                offset_known = True
                position += batch.size_bytes
                extent = LogEnd(batch.leader_epoch, batch.last_offset + 1)
            if not batches:
                return extent, False
        return extent, True

    def _follows(self, offset: int, expected: int) -> bool:
        """Whether a batch's offset is possible: like the epoch, it isn't covered by the checksum."""
        return offset == expected or (offset > expected and not self.dense)


def sound_batches(read: Callable[[int, int], bytes], position: int, size: int) -> list[RecordBatch]:
    """Some complete batches from a position on; none if the first is torn or invalid."""
    data = read(position, READ_BYTES)
    batches, _ = scan_batches(data)
    nbytes = 12 + int.from_bytes(data[8:12], "big", signed=True)
    if not batches and READ_BYTES < nbytes <= size - position:
        batches, _ = scan_batches(read(position, nbytes))
    return batches


def last_indexed(fs: FileSystem, path: str) -> int:
    """The position of the last batch in an offset index, 0 if there is none; unused space at its end is zeros."""
    if not fs.exists(path):
        return 0
    file = fs.open(path)
    try:
        size = file.size - file.size % INDEX_ENTRY_BYTES
        last = file.read(max(size - INDEX_ENTRY_BYTES, 0), INDEX_ENTRY_BYTES)
        if size and not any(last):
            data = file.read(0, size).rstrip(b"\0")
            nbytes = -(-len(data) // INDEX_ENTRY_BYTES) * INDEX_ENTRY_BYTES
            last = data.ljust(nbytes, b"\0")[-INDEX_ENTRY_BYTES:]
    finally:
        file.close()
    return int.from_bytes(last[-4:], "big")


def rescue(folders: Mapping[int, Folder], image: ClusterImage, token: Callable[[], bytes]) -> list[str]:
    """Repair every in-sync replica that lacks committed records; returns a line for each."""
    lines: list[str] = []
    for topic in image.topics.values():
        dense = "compact" not in image.topic_config(topic.name).get("cleanup.policy", "")
        for number, found in topic.partitions.items():
            lines += rescue_partition(Measure(folders, topic, number, found, dense=dense), token)
    return lines


def rescue_partition(measure: Measure, token: Callable[[], bytes]) -> list[str]:
    """Repair the replicas of one partition."""
    lines: list[str] = []
    for node_id, wrong in list(measure.damaged.items()):
        lines += rescue_damaged(measure, node_id, wrong, token)
    wanted = max(measure.committed, 1)  # a lost folder may be one of records that no checkpoint knows yet
    for node_id in measure.in_sync:
        if node_id in measure.damaged or (node_id in measure.present and not measure.committed):
            continue
        if measure.extent(node_id, wanted).end_offset < wanted and node_id not in measure.unreadable:
            lines += rescue_one(measure, node_id, token)
    for node_id, error in measure.unreadable.items():
        lines.append(f"{measure.label(node_id)} can't be read, it is out of use until it can be: {error}")
    return lines


def rescue_damaged(measure: Measure, node_id: int, wrong: str, token: Callable[[], bytes]) -> list[str]:
    """Replace a damaged replica's log with that of one that has everything committed, if there is one."""
    best = best_source(measure, node_id)
    damage = f"{measure.folders[node_id].name}/{wrong}"
    if best is None or measure.extent(best).end_offset < measure.committed:
        return [f"{damage}: no other replica has all of it, it is out of use until its files are back"]
    try:
        kept = copy_from(measure, best, node_id, token)
    except OSError as error:
        return [f"{damage}: it is out of use, as {measure.folders[best].name}'s can't be put in its place: {error}"]
    except LogDamaged:
        measure.unsound.add(best)
        return rescue_damaged(measure, node_id, wrong, token)
    return [f"{damage}: copied from {measure.folders[best].name}{kept}"]


def best_source(measure: Measure, node_id: int) -> int | None:
    """The other node with the most advanced replica."""
    extents = {other: measure.extent(other) for other in measure.folders if other != node_id}
    sound = [other for other in extents if other in measure.present and other not in measure.unsound]
    return max(sound, key=lambda other: (*extents[other], -other), default=None)


def copy_from(measure: Measure, best: int, node_id: int, token: Callable[[], bytes]) -> str:
    """Replace a node's log with another node's; returns what happened to the old one."""
    stray = replace_log(measure, best, node_id, token().hex())
    measure.folders[node_id].notes.pop(measure.path, None)
    measure.damaged.pop(node_id, None)
    return f"; what was there is kept in {stray}" if stray else ""


def rescue_one(measure: Measure, node_id: int, token: Callable[[], bytes]) -> list[str]:
    """Replace one replica's log with that of the most advanced replica, if that is another one."""
    own = measure.extent(node_id)
    best = best_source(measure, node_id)
    short = (
        f"{measure.label(node_id)} ends at offset {own.end_offset}, though records up to offset {measure.committed} "
        "were committed"
    )
    if best is None or measure.extent(best) <= own:
        rest = "it is out of use until its files are back" if measure.was_durable(node_id, own) else "it is lost"
        return [f"{short}: no replica has the rest, {rest}"] if measure.committed else []
    try:
        kept = copy_from(measure, best, node_id, token)
    except LogDamaged:
        measure.unsound.add(best)
        return rescue_one(measure, node_id, token)
    end_offset = measure.extent(best).end_offset
    rest = f"; what follows offset {end_offset} is lost" if end_offset < measure.committed else ""
    if not measure.committed:
        short = f"{measure.label(node_id)} is missing or empty"
    return [f"{short}: copied from {measure.folders[best].name}{kept}{rest}"]


def copy_batches(batches: File, copy: File, base: int, needed: int) -> None:
    """Copy the batches of the segment that begins at ``base``, up to the end that a crash has torn, or that has only
    preallocated zeros. Raises LogDamaged for a wrong one below the offset ``needed``.
    """
    position, end_offset = 0, base
    while position < batches.size:
        found = sound_batches(batches.read, position, batches.size)
        if not found:
            if end_offset < needed:
                raise LogDamaged(f"{batches.path} is damaged, {position} bytes into it")
            return
        nbytes = sum(batch.size_bytes for batch in found)
        copy.append([batches.read(position, nbytes)], nbytes)
        position += nbytes
        end_offset = found[-1].last_offset + 1


def copy_segment(measure: Measure, source_id: int, target_id: int, incoming: str, base: int, needed: int) -> None:
    """Copy one segment's batches into the folder ``incoming`` of another node, and sync them; as ``copy_batches``."""
    name = segment_file(base, LOG)
    batches = measure.folders[source_id].fs.open(f"{measure.path}/{name}")
    with closing(batches):
        copy = measure.folders[target_id].fs.open(f"{incoming}/{name}", create=True)
        with closing(copy):
            copy_batches(batches, copy, base, needed)
            copy.sync()


def replace_log(measure: Measure, source_id: int, target_id: int, token: str) -> str | None:
    """Copy the batches of a log to another node, sync them, and set the old log aside; returns its new name."""
    source, target = measure.folders[source_id].fs, measure.folders[target_id].fs
    path = measure.path
    incoming, stray = (set_aside(*measure.key, token, suffix) for suffix in (DOOMED, STRAY))
    target.mkdir(incoming)
    try:
        end_offset = measure.extent(source_id).end_offset
        if source_id in measure.unreadable:
            raise LogDamaged(f"{measure.label(source_id)} can't be read any more")
        for base in log_offsets(source.listdir(path)):
            if base <= end_offset:  # else it is behind a segment that is torn or gone
                copy_segment(measure, source_id, target_id, incoming, base, min(measure.committed, end_offset))
    except (LogDamaged, OSError):
        with suppress(OSError):  # then the next start deletes it
            target.remove_tree(incoming)
        raise
    write_partition_metadata(target, incoming, measure.topic_id, sync=True)
    target.sync_dir(incoming)
    had_one = target.exists(path)
    if had_one:
        target.rename(path, stray)
    target.rename(incoming, path)
    target.sync_dir()
    measure.present.add(target_id)
    return stray if had_one else None
