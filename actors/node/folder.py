"""A node's folder (a log directory): locked by this process, identified by ``meta.properties``, stopped cleanly or not.

It reads and writes what a log directory of Apache Kafka holds beside the partitions. Between a start and a stop, the
lock is held, the mark of a clean stop is removed, and the checkpoints say from where logs must be recovered.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from kstore.fs import FileSystem, LockedError
from kstore.log.checkpoints import (
    CLEANER_OFFSETS,
    HIGH_WATERMARKS,
    META_PROPERTIES,
    RECOVERY_POINTS,
    START_OFFSETS,
    CheckpointError,
    MetaProperties,
    Offsets,
    clean_shutdown,
    read_meta_properties,
    read_offsets,
    take_clean_shutdown,
    write_clean_shutdown,
    write_meta_properties,
    write_offsets,
)
from kstore.log.manifest import MANIFEST, LogNote, read_manifest, write_manifest
from kstore.log.names import folder, topic_and_partition
from kstore.log.segments import holds_log

if TYPE_CHECKING:
    from pathlib import Path

    from kstore.fs.interface import Lock

LOCK = ".lock"
PROBE = ".kstore_probe"
PROBE_BYTES = 65_536  # a little more than a start writes at least
ELSEWHERE = "choose a --data-dir that you may write to"
FULL = "its disk is full: make room on it"
TOO_MANY = "this process may open too few files: raise the limit (ulimit -n)"
FIXES = {errno.ENOSPC: FULL, errno.EDQUOT: FULL, errno.EMFILE: TOO_MANY, errno.ENFILE: TOO_MANY}


class FolderGoneError(OSError):
    """The folder of a running node doesn't exist any more."""


class FolderError(Exception):
    """The folder can't be used; the message says why and how to fix it."""


class Folder:
    """One node's claimed folder."""

    def __init__(self, fs: FileSystem, lock: Lock, name: str, *, lock_is_new: bool = False) -> None:
        self.fs = fs
        self.name = name
        self._lock = lock
        self._lock_is_new = lock_is_new
        self.on_gone: Callable[[], None] | None = None  # called when the folder turns out to be deleted
        self.meta = read_meta_properties(fs)
        self.clean = False
        self.warnings: list[str] = []
        self.notes = self._read_notes()  # what the last clean stop noted about each log that isn't open, by its path
        self.recovery_points = self._read_offsets(RECOVERY_POINTS, "every log is looked through")
        self.high_watermarks = self._read_offsets(HIGH_WATERMARKS, "what is committed is what all in sync have")
        self.cleaner_offsets = self._read_cleaner_offsets()
        self.start_offsets = self._read_offsets(START_OFFSETS, "records that were deleted may be there again")

    def _read_notes(self) -> dict[str, LogNote]:
        try:
            return read_manifest(self.fs)
        except CheckpointError as error:
            self._warn(f"{error}: kstore can't tell whether a log lost something since it was stopped")
            return {}

    def _read_offsets(self, name: str, meaning: str) -> Offsets:
        """Read the checkpoints. One that can't be read is replaced by what the last clean stop noted, or left out."""
        try:
            return read_offsets(self.fs, name)
        except CheckpointError as error:
            if not self.notes:
                self._warn(f"{error}: kstore goes on without it, {meaning}")
                return {}
        self._warn(f"{name} can't be read: it is taken from {MANIFEST}")
        return {key: _offset_in(name, note) for path, note in self.notes.items() if (key := topic_and_partition(path))}

    def _read_cleaner_offsets(self) -> Offsets:
        try:
            return read_offsets(self.fs, CLEANER_OFFSETS)
        except CheckpointError as error:
            self._warn(f"{error}: kstore goes on without it, compacted logs are cleaned from their start")
            return {}

    def _warn(self, line: str) -> None:
        self.warnings.append(f"{self.name}/{line}")

    def begin(self, meta: MetaProperties) -> None:
        """Start a node on the folder: a new folder becomes the node's own, and the mark of a clean stop is removed."""
        if self.meta is None:
            self.meta = meta
            write_meta_properties(self.fs, self.meta)
        elif not self.meta.directory_id:  # as Kafka does from 3.7 on
            self.meta = self.meta._replace(directory_id=meta.directory_id)
            write_meta_properties(self.fs, self.meta)
        self.clean = take_clean_shutdown(self.fs)
        if self.fs.exists(MANIFEST):
            self.fs.unlink(MANIFEST)

    def check_belongs(self, meta: MetaProperties) -> None:
        """Raise ``FolderError`` if the folder is part of another cluster, or another node's; changes nothing."""
        if self.meta is None:
            return
        if self.meta.cluster_id != meta.cluster_id:
            raise FolderError(
                f"{self.name} belongs to cluster {self.meta.cluster_id}, its neighbours to {meta.cluster_id}: "
                "put each cluster's folders under a --data-dir of their own"
            )

    def forget(self, key: tuple[str, int]) -> None:
        """Remove a partition that is gone from the checkpoints."""
        self.notes.pop(folder(*key), None)
        for offsets in (self.recovery_points, self.high_watermarks, self.start_offsets, self.cleaner_offsets):
            offsets.pop(key, None)

    def checkpointed(self) -> list[tuple[str, int]]:
        """The partitions that a checkpoint names."""
        return sorted({*self.recovery_points, *self.high_watermarks, *self.start_offsets, *self.cleaner_offsets})

    def check_is_there(self) -> None:
        """Raise ``FolderGoneError`` if the folder was deleted, or another was put in its place."""
        if not self.fs.exists(META_PROPERTIES):
            if self.on_gone is not None:
                self.on_gone()
            raise FolderGoneError(errno.ENOENT, f"{self.name} is gone, or {META_PROPERTIES} in it", META_PROPERTIES)

    def make_anew(self) -> None:
        """Make an empty folder with the old id in place of one that was deleted; raises OSError."""
        assert self.meta is not None, "the folder was in use"
        self.fs.mkdir("")
        if not self.fs.exists(LOCK):
            self._lock.release()
            self._lock = self.fs.lock(LOCK)
        write_meta_properties(self.fs, self.meta)

    def checkpoint_high_watermarks(self, offsets: Mapping[tuple[str, int], int]) -> Callable[[], None]:
        """Write each partition's high watermark. As with every checkpoint, the folder is checked now, and the call
        returned writes the file durably, on any thread.
        """
        return self._checkpoint(HIGH_WATERMARKS, offsets)

    def checkpoint_recovery_points(self, offsets: Mapping[tuple[str, int], int]) -> Callable[[], None]:
        """Write up to where each log is known to be on disk."""
        return self._checkpoint(RECOVERY_POINTS, offsets)

    def checkpoint_start_offsets(self, offsets: Mapping[tuple[str, int], int]) -> Callable[[], None]:
        """Write the start offsets of logs that don't start at their first segment's offset."""
        return self._checkpoint(START_OFFSETS, offsets)

    def checkpoint_cleaner_offsets(self, offsets: Mapping[tuple[str, int], int]) -> Callable[[], None]:
        """Write up to where compacted logs are clean."""
        return self._checkpoint(CLEANER_OFFSETS, offsets)

    def _checkpoint(self, name: str, offsets: Mapping[tuple[str, int], int]) -> Callable[[], None]:
        self.check_is_there()
        return partial(write_offsets, self.fs, name, dict(offsets))

    def mark_clean(self, broker_epoch: int) -> None:
        """Do the last steps of a clean stop: write notes about the logs, and the mark that the stop was clean."""
        write_manifest(self.fs, clean_shutdown(broker_epoch), self.notes)
        write_clean_shutdown(self.fs, broker_epoch)

    def withdraw(self) -> None:
        """Undo the claim after a failed start, so that everything is as it was before."""
        if self._lock_is_new:
            if self.fs.listdir() == [LOCK]:
                self.fs.remove_tree("")
            else:
                self.fs.unlink(LOCK)

    def release(self) -> None:
        """Unlock the folder; open files are closed without a flush."""
        self.fs.close()  # type: ignore[attr-defined]
        self._lock.release()


def _offset_in(name: str, note: LogNote) -> int:
    """What a checkpoint says of a log."""
    return {RECOVERY_POINTS: note.end_offset, HIGH_WATERMARKS: note.high_watermark, START_OFFSETS: note.start_offset}[
        name
    ]


def check_known(folders: Mapping[int, Folder]) -> None:
    """Raise ``FolderError`` if there are logs, but no folder says which cluster's they are; changes nothing."""
    if any(each.meta is not None for each in folders.values()):
        return
    for node_id, each in folders.items():
        logs = [name for name in each.fs.listdir() if topic_and_partition(name) and holds_log(each.fs, name)]
        if logs:
            raise FolderError(
                f"{each.name} has {logs[0]} but no {META_PROPERTIES}, which says whose it is: put that file back "
                f"from a backup, or write it anew, with the lines version=1, node.id={node_id} and cluster.id=restored"
            )


def check_place(path: str, node_ids: Sequence[int]) -> None:
    """Raise ``FolderError`` unless a cluster with these nodes exists, or can be made, under ``path``; changes nothing.

    A log directory of Apache Kafka is one node's folder, so it can't hold several; and a new cluster isn't made beside
    the files of another one.
    """
    from pathlib import Path

    root = Path(path)
    if (root / META_PROPERTIES).exists():
        owner = owner_of(root)
        raise FolderError(
            f"{path} is a log directory of Apache Kafka itself ({META_PROPERTIES} lies in it): move it to a folder "
            f"node-{node_ids[0] if owner is None else owner} in another one, and give that as --data-dir"
        )
    if not root.is_dir() or (root / f"node-{node_ids[0]}" / META_PROPERTIES).exists():
        return
    ours = {f"node-{node_id}" for node_id in node_ids}
    others = sorted(each.parent.name for each in root.glob(f"*/{META_PROPERTIES}") if each.parent.name not in ours)
    if others:
        raise FolderError(
            f"{path} has no node-{node_ids[0]}, but {', '.join(others)} of another cluster: put it back from a backup, "
            "or choose another --data-dir"
        )


def owner_of(folder: Path) -> int | None:
    """The id of the node that the folder belongs to, None if it can't be read; changes nothing."""
    from kstore.fs.posix import PosixFileSystem

    try:
        meta = read_meta_properties(PosixFileSystem(folder))
    except (CheckpointError, OSError):  # claiming the folder reports what is wrong
        return None
    return None if meta is None else meta.node_id


def claim_folder_at(path: str) -> Folder:
    """As ``claim_folder``, for a folder of the real file system, which is made if it doesn't exist."""
    from kstore.fs.posix import PosixFileSystem

    try:
        fs = PosixFileSystem(path)
    except OSError as error:
        raise unusable(path, error) from None
    return claim_folder(fs, path)


def warn_left_out(path: str, node_ids: Sequence[int]) -> list[str]:
    """A warning if ``path`` has folders of nodes that don't start now."""
    from kstore.fs.posix import PosixFileSystem

    fs = PosixFileSystem(path)
    named = [name.removeprefix("node-") for name in fs.listdir() if name.startswith("node-")]
    found = sorted(int(number) for number in named if number.isascii() and number.isdigit())
    others = [each for each in found if each not in node_ids and fs.exists(f"node-{each}/{META_PROPERTIES}")]
    if not others:
        return []
    folders = ", ".join(f"{path}/node-{each}" for each in others)
    if list(node_ids) != list(range(1, len(node_ids) + 1)):
        ids = ", ".join(map(str, node_ids))
        return [f"{folders} left out, as the nodes are {ids}: what only they have is missing until they are back"]
    missing = f"what only they have is missing until it is {max(others)} again"
    return [f"{folders} left out, as brokers is {len(node_ids)}: {missing}"]


def claim_folder(fs: FileSystem, name: str) -> Folder:
    """Lock a folder for this process; raises ``FolderError`` if another process has it or it isn't readable."""
    try:
        lock_is_new = not fs.exists(LOCK)
        lock = fs.lock(LOCK)
    except LockedError:
        raise FolderError(
            f"{name} is in use by another process, or by a cluster of this one that isn't closed: stop it, or choose "
            "another --data-dir"
        ) from None
    except OSError as error:
        raise unusable(name, error) from None
    try:
        return Folder(fs, lock, name, lock_is_new=lock_is_new)
    except (CheckpointError, OSError) as error:
        if lock_is_new:
            fs.unlink(LOCK)
        lock.release()
        if isinstance(error, OSError):
            raise unusable(name, error) from None
        raise FolderError(f"{name} can't be used: {error}: {error.fix}") from None


def unusable(name: str, error: OSError) -> FolderError:
    """The message for a folder that the system can't open."""
    file = os.path.relpath(str(error.filename), name) if error.filename else "."
    where = name if file == "." or file.startswith("..") else f"{name}/{file}"
    return FolderError(f"{where} can't be used ({error.strerror}): {FIXES.get(error.errno or 0, ELSEWHERE)}")


def check_room(folder: Folder) -> None:
    """Raise ``FolderError`` if the folder's disk is full or read-only; leaves no file behind."""
    try:
        folder.fs.replace(PROBE, bytes(PROBE_BYTES), sync=False)
        folder.fs.unlink(PROBE)
    except OSError as error:
        raise unusable(folder.name, error) from None
