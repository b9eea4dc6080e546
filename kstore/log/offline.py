"""Logs as files in folders, read without a change to them: of a cluster that is stopped or runs, or of Apache Kafka.

``find_logs`` finds the logs that a path means; ``StoredSegment.batches`` reads the batches of one file. A broker may
append to the files or remove them meanwhile: a file that is gone raises ``FileNotFoundError``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from kstore.errors import CorruptMessage
from kstore.fs.interface import FileSystem, parent
from kstore.fs.posix import PosixFileSystem
from kstore.log.checkpoints import CLEAN_SHUTDOWN, HIGH_WATERMARKS, META_PROPERTIES, read_offsets
from kstore.log.names import LOG, base_offset_of, topic_and_partition
from kstore.named import NamedTuple
from kstore.records import HEADER_BYTES, RecordBatch, parse_batches

READ_BYTES = 1 << 20
SIZE_AT = 8
BEFORE_SIZE = 12  # what the size doesn't count


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

        Raises ``CorruptMessage``, with the position, where no batch can begin, or where one isn't whole.
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


def batches_of(piece: bytes) -> tuple[list[RecordBatch], CorruptMessage | None]:
    """The whole batches at the start of some bytes, and what is wrong with the next one, if it is."""
    try:
        return parse_batches(piece, allow_partial=True), None
    except CorruptMessage:
        found: list[RecordBatch] = []
        view = memoryview(piece)
    while True:  # one by one, as all that come before the wrong one count
        nbytes = BEFORE_SIZE + int.from_bytes(view[SIZE_AT:BEFORE_SIZE], "big", signed=True)
        try:
            found += parse_batches(view[: max(nbytes, HEADER_BYTES)])
        except CorruptMessage as error:
            return found, error
        view = view[nbytes:]


class StoredLog(NamedTuple):
    """A partition's folder. ``path`` is relative to the file system's root, ``topic`` and ``partition`` are its name's.

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
        """Its segments, in the order of their offsets."""
        names = [name for name in self.fs.listdir(self.path) if name.endswith(LOG) and base_offset_of(name) >= 0]
        return [StoredSegment(self.fs, f"{self.path}/{name}") for name in names]


def find_logs(path: str) -> list[StoredLog]:
    """The logs at a path: a partition's folder, a broker's, or one with folders of brokers (``--data-dir``).

    Raises ``NoLogError`` if there is none, ``FileNotFoundError`` if there is nothing at all.
    """
    root, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(path):
        os.stat(path)
        raise NoLogError(f"{path} is a file: name the folder of a partition, of a broker or of a cluster")
    fs = PosixFileSystem(root, read_only=True)
    if topic_and_partition(name) and any(each.endswith(LOG) for each in fs.listdir(name)):
        return [stored_log(fs, name)]
    brokers = [name] if fs.exists(f"{name}/{META_PROPERTIES}") else [f"{name}/{each}" for each in fs.listdir(name)]
    found = [
        stored_log(fs, f"{broker}/{each}")
        for broker in brokers
        if fs.exists(f"{broker}/{META_PROPERTIES}")
        for each in fs.listdir(broker)
        if topic_and_partition(each)
    ]
    if not found:
        raise NoLogError(f"{path} has no logs: name the folder of a partition, of a broker or of a cluster")
    return found


def stored_log(fs: FileSystem, path: str) -> StoredLog:
    """The log in this folder."""
    named = topic_and_partition(path.rpartition("/")[2])
    assert named is not None
    broker = parent(path)
    stopped = fs.exists(f"{broker}/{CLEAN_SHUTDOWN}") or not fs.exists(f"{broker}/{META_PROPERTIES}")
    up_to = None if stopped else read_offsets(fs, f"{broker}/{HIGH_WATERMARKS}").get(named)
    return StoredLog(fs, path, *named, up_to)
