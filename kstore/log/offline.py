"""Logs as files in folders, read without a change to them: of a cluster that is stopped or runs, or of Apache Kafka.

``find_logs`` finds the logs that a path means; ``StoredSegment.batches`` reads the batches of one file. A broker may
append to the files or remove them meanwhile: a file that is gone raises ``FileNotFoundError``, and ``is_gone`` tells
that from a name that leads nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TypeAlias

from kstore.errors import CorruptMessage, InvalidRecord
from kstore.fs.interface import FileSystem, parent
from kstore.fs.posix import PosixFileSystem
from kstore.log.checkpoints import (
    CLEAN_SHUTDOWN,
    HIGH_WATERMARKS,
    META_PROPERTIES,
    CheckpointError,
    Offsets,
    read_offsets,
)
from kstore.log.names import DOOMED, LOG, STRAY, TopicAndPartition, base_offset_of, topic_and_partition
from kstore.named import NamedTuple
from kstore.records import HEADER_BYTES, RecordBatch, parse_batches

READ_BYTES = 1 << 20
SIZE_AT = 8
BEFORE_SIZE = 12  # what the size doesn't count
LOST_AND_FOUND = "lost+found"

Told: TypeAlias = Callable[[OSError | CheckpointError], None]
"""Is told of a folder or a checkpoint that can't be read."""


class NoLogError(ValueError):
    """A path that is neither a log nor a folder with logs."""


class StoredBatch(NamedTuple):
    """A batch, and where it begins in its segment's file."""

    position: int
    batch: RecordBatch


class StoredSegment(NamedTuple):
    """A segment's file of batches. ``path`` is relative to the file system's root."""

    fs: FileSystem
    path: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.path.rpartition("/")[2]

    @property
    def base_offset(self) -> int:
        """The offset it is named after."""
        return base_offset_of(self.name)

    @property
    def size_bytes(self) -> int:
        """The bytes of its file, now."""
        return self.fs.size(self.path)

    def batches(self, position: int = 0) -> Iterator[StoredBatch]:
        """Its batches from one that begins at ``position`` on; checksums aren't tested.

        Raises ``CorruptMessage``, with the file and the position, where no batch can begin, where one isn't whole, or
        where there is a message of a format before 2; ``OSError`` if the file can't be read.
        """
        file = self.fs.open(self.path)
        while piece := file.read(position, READ_BYTES):
            nbytes = BEFORE_SIZE + int.from_bytes(piece[SIZE_AT:BEFORE_SIZE], "big", signed=True)
            if nbytes > len(piece) and position + nbytes <= self.size_bytes:
                piece = file.read(position, nbytes)
            if max(nbytes, HEADER_BYTES) > len(piece):
                raise CorruptMessage(f"{self.path} ends in the middle of a record batch, which begins at {position}")
            found, error = batches_of(piece)
            for batch in found:
                yield StoredBatch(position, batch)
                position += batch.size_bytes
            if error is not None:
                raise CorruptMessage(f"{self.path} at {position}: {error}")


def batches_of(piece: bytes) -> tuple[list[RecordBatch], CorruptMessage | InvalidRecord | None]:
    """The whole batches at the start of some bytes, and what is wrong with the next one, if it is."""
    try:
        return parse_batches(piece, allow_partial=True), None
    except (CorruptMessage, InvalidRecord):
        found: list[RecordBatch] = []
        view = memoryview(piece)
    while True:  # one by one, as all that come before the wrong one count
        nbytes = BEFORE_SIZE + int.from_bytes(view[SIZE_AT:BEFORE_SIZE], "big", signed=True)
        try:
            found += parse_batches(view[: max(nbytes, HEADER_BYTES)])
        except (CorruptMessage, InvalidRecord) as error:
            return found, error
        view = view[nbytes:]


class StoredLog(NamedTuple):
    """A partition's folder. ``path`` is relative to the file system's root. ``topic`` and ``partition`` are its name's,
    or that name and -1 if it isn't a partition's.

    ``up_to`` is the high watermark of the last checkpoint if the log may be in use, because its broker has left no
    mark of a clean stop; None if all of the log counts.
    """

    fs: FileSystem
    path: str
    topic: str
    partition: int
    up_to: int | None

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.path.rpartition("/")[2]

    @property
    def segments(self) -> list[StoredSegment]:
        """Its segments, in the order of their offsets. Raises ``OSError`` if the folder can't be read."""
        names = [name for name in self.fs.listdir(self.path) if name.endswith(LOG) and base_offset_of(name) >= 0]
        return [StoredSegment(self.fs, f"{self.path}/{name}") for name in names]


def is_gone(fs: FileSystem, path: str) -> bool:
    """Whether a file or folder was removed, so that its folder doesn't have the name any more, or is gone itself."""
    try:
        return path.rpartition("/")[2] not in fs.listdir(parent(path))
    except FileNotFoundError:
        return True
    except OSError:
        return False


def find_logs(path: str, *, of_any_name: bool = False, told: Told | None = None) -> list[StoredLog]:
    """The logs at a path: a partition's folder, a broker's, or one with folders of brokers (``--data-dir``).

    With ``of_any_name`` also folders with segments whose names aren't a partition's: renamed ones, and those that wait
    for their removal. What can't be read is ``told``, and the rest is found; without it, it is raised.

    Raises ``NoLogError`` if there is none, ``FileNotFoundError`` if there is nothing at all.
    """
    told = told or give_up
    root, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(path):
        os.stat(path)
        raise NoLogError(f"{path} is a file: name the folder of a partition, of a broker or of a cluster")
    fs = PosixFileSystem(root, read_only=True)
    is_broker = fs.exists(f"{name}/{META_PROPERTIES}")
    if (topic_and_partition(name) or (of_any_name and not is_broker)) and has_segments(fs, name):
        return [stored_log(fs, name, told)]
    brokers = [name] if is_broker else [f"{name}/{each}" for each in fs.listdir(name) if each != LOST_AND_FOUND]
    found = [log for broker in brokers for log in logs_of(fs, broker, of_any_name, told)]
    if not found:
        raise NoLogError(f"{path} has no logs: name the folder of a partition, of a broker or of a cluster")
    return found


def give_up(error: OSError | CheckpointError) -> None:
    """Raise what can't be read."""
    raise error


def has_segments(fs: FileSystem, path: str) -> bool:
    """Whether it is a folder with segments."""
    try:
        return any(name.endswith(LOG) and base_offset_of(name) >= 0 for name in fs.listdir(path))
    except OSError:
        return False


def logs_of(fs: FileSystem, broker: str, of_any_name: bool, told: Told) -> list[StoredLog]:
    """The logs in a broker's folder; none if it isn't one."""
    try:
        names = fs.listdir(broker)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        told(error)
        return []
    if META_PROPERTIES not in names:
        return []
    marks = high_watermarks(fs, broker, told)
    return [
        log_with(fs, f"{broker}/{name}", marks)
        for name in names
        if topic_and_partition(name) or (of_any_name and has_segments(fs, f"{broker}/{name}"))
    ]


def stored_log(fs: FileSystem, path: str, told: Told = give_up) -> StoredLog:
    """The log in this folder."""
    return log_with(fs, path, high_watermarks(fs, parent(path), told))


def log_with(fs: FileSystem, path: str, marks: Offsets) -> StoredLog:
    """The log in this folder, by the high watermarks of its broker."""
    name = path.rpartition("/")[2]
    named = topic_and_partition(name)
    if named is not None:
        return StoredLog(fs, path, *named, marks.get(named))
    return StoredLog(fs, path, *once_of(name), None)


def once_of(name: str) -> TopicAndPartition:
    """What the log was of in a folder that waits for its removal; of another one its name.

    >>> once_of("orders-2.7d1c-delete"), once_of("backup")
    (('orders', 2), ('backup', -1))
    """
    for suffix in (DOOMED, STRAY):
        named = topic_and_partition(name.removesuffix(suffix).rpartition(".")[0])
        if name.endswith(suffix) and named is not None:
            return named
    return name, -1


def high_watermarks(fs: FileSystem, broker: str, told: Told) -> Offsets:
    """Up to where the logs of a broker are read that has left no mark of a clean stop; nothing of another one."""
    if fs.exists(f"{broker}/{CLEAN_SHUTDOWN}") or not fs.exists(f"{broker}/{META_PROPERTIES}"):
        return {}
    try:
        return read_offsets(fs, f"{broker}/{HIGH_WATERMARKS}")
    except FileNotFoundError:
        return {}
    except (OSError, CheckpointError) as error:
        told(error)
        return {}
