"""A node's folder: claimed for this process alone, known by its ``meta.properties``, judged clean or not.

What a log directory of Apache Kafka holds beside the partitions, and what is true of it between a start and a stop:
the lock is held, the mark of a clean stop is gone, and the checkpoints say from where logs must be recovered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kstore.fs import FileSystem, LockedError
from kstore.log.checkpoints import (
    HIGH_WATERMARKS,
    META_PROPERTIES,
    RECOVERY_POINTS,
    START_OFFSETS,
    CheckpointError,
    MetaProperties,
    read_meta_properties,
    read_offsets,
    take_clean_shutdown,
    write_clean_shutdown,
    write_meta_properties,
    write_offsets,
)

LOCK = ".lock"


class FolderError(Exception):
    """The folder can't be used; the message says why and what mends it."""


class Folder:
    """One node's claimed folder."""

    def __init__(self, fs: FileSystem, lock: Any, name: str) -> None:
        self.fs = fs
        self.name = name
        self._lock = lock
        self.meta = read_meta_properties(fs)
        self.clean = False
        self.recovery_points = read_offsets(fs, RECOVERY_POINTS)
        self.high_watermarks = read_offsets(fs, HIGH_WATERMARKS)
        self.start_offsets = read_offsets(fs, START_OFFSETS)

    def begin(self, meta: MetaProperties) -> None:
        """A node starts on the folder: a new one becomes its own, and the mark of a clean stop is taken away."""
        if self.meta is None:
            write_meta_properties(self.fs, meta)
            self.meta = meta
        self.clean = take_clean_shutdown(self.fs)

    def check_belongs(self, meta: MetaProperties) -> None:
        """Raises ``FolderError`` if the folder is part of another cluster, or another node's; changes nothing."""
        if self.meta is None:
            return
        if self.meta.cluster_id != meta.cluster_id:
            raise FolderError(
                f"{self.name} belongs to cluster {self.meta.cluster_id}, its neighbours to {meta.cluster_id}: "
                "put each cluster's folders under a --data-dir of their own"
            )
        if self.meta.node_id != meta.node_id:
            raise FolderError(f"{self.name} belongs to node {self.meta.node_id}: rename it node-{self.meta.node_id}")

    def forget(self, key: tuple[str, int]) -> None:
        """What the checkpoints say of a partition is of one that is gone."""
        for offsets in (self.recovery_points, self.high_watermarks, self.start_offsets):
            offsets.pop(key, None)

    def checkpoint_high_watermarks(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Remember how far each partition is committed."""
        write_offsets(self.fs, HIGH_WATERMARKS, offsets, sync=False)

    def checkpoint_recovery_points(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Remember up to where each log is known to be on disk."""
        write_offsets(self.fs, RECOVERY_POINTS, offsets, sync=False)

    def checkpoint_start_offsets(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Remember where logs begin that don't begin at their first segment's offset."""
        write_offsets(self.fs, START_OFFSETS, offsets, sync=False)

    def mark_clean(self, broker_epoch: int) -> None:
        """The last act of a clean stop."""
        write_clean_shutdown(self.fs, broker_epoch)

    def release(self) -> None:
        """Let others have the folder; open files are closed without a flush."""
        self.fs.close()  # type: ignore[attr-defined]
        self._lock.release()


def claim_folder_at(path: str) -> Folder:
    """As ``claim_folder``, for a folder of the real file system, which is made if it isn't there."""
    from kstore.fs.posix import PosixFileSystem

    try:
        fs = PosixFileSystem(path)
    except OSError as error:
        raise unusable(path, error) from None
    return claim_folder(fs, path)


def warn_left_out(path: str, node_ids: Sequence[int]) -> list[str]:
    """A warning if nodes have folders under ``path`` that aren't among those that start."""
    from kstore.fs.posix import PosixFileSystem

    fs = PosixFileSystem(path)
    named = [name.removeprefix("node-") for name in fs.listdir() if name.startswith("node-")]
    found = sorted(int(number) for number in named if number.isascii() and number.isdigit())
    others = [each for each in found if each not in node_ids and fs.exists(f"node-{each}/{META_PROPERTIES}")]
    if not others:
        return []
    folders = ", ".join(f"{path}/node-{each}" for each in others)
    missing = f"what only they have is missing until it is {max(others)} again"
    return [f"{folders} left out, as brokers is {len(node_ids)}: {missing}"]


def claim_folder(fs: FileSystem, name: str) -> Folder:
    """Take a folder for this process; raises ``FolderError`` when another one has it or it isn't readable."""
    try:
        lock = fs.lock(LOCK)
    except LockedError:
        raise FolderError(
            f"{name} is in use by another process, or by a cluster of this one that isn't closed: stop it, or choose "
            "another --data-dir"
        ) from None
    except OSError as error:
        raise unusable(name, error) from None
    try:
        return Folder(fs, lock, name)
    except (CheckpointError, OSError) as error:
        lock.release()
        mend = ": put that file back from a backup" if isinstance(error, CheckpointError) else ""
        raise FolderError(f"{name} can't be used: {error}{mend}") from None


def unusable(name: str, error: OSError) -> FolderError:
    """What to say of a folder that the system refuses."""
    return FolderError(f"{name} can't be used ({error.strerror}): choose a --data-dir that you may write to")
