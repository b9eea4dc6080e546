"""The manifest of a clean stop (``.kstore_cleanshutdown``): the state of every log, which the next start compares.

    kstore 1 <CRC32C of all that follows>
    mark <CRC32C of Apache Kafka's mark of a clean stop>
    log <folder> <start offset> <high watermark> <end offset> <CRC32C of the leader epochs> <number of segments>
    <base offset> <bytes> <position of its last batch> <CRC of that header> <index bytes> <CRC> <time index bytes> <CRC>

A ``log`` line is followed by a line for each of its segments; numbers are decimal, checksums hexadecimal. The file lies
beside Apache Kafka's own mark, and is passed over by it. It tells of the stop that left that very mark: when Kafka (or
anybody who doesn't know this file) has run on the folder since, the mark is another one or gone, and nothing is
compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from kstore.codec.checksum import crc32c
from kstore.errors import CorruptMessage
from kstore.fs import FileSystem
from kstore.log.checkpoints import CLEAN_SHUTDOWN, CheckpointError, number
from kstore.log.damage import unreadable
from kstore.log.names import LOG, SWAP, segment_file
from kstore.log.segment import Segment
from kstore.log.segments import log_offsets
from kstore.named import NamedTuple
from kstore.records import HEADER_BYTES

if TYPE_CHECKING:
    from kstore.log.log import Log

MANIFEST = ".kstore_cleanshutdown"
VERSION = "kstore 1"


class SegmentNote(NamedTuple):
    """A segment as it was closed."""

    base_offset: int
    size_bytes: int
    tail_position: int
    tail_crc: int
    index_bytes: int
    index_crc: int
    time_index_bytes: int
    time_index_crc: int
    aborted_bytes: int = 0
    aborted_crc: int = 0

    def has_indexes_of(self, segment: Segment) -> bool:
        """Whether the indexes are those that were closed."""
        aborted_crc = 0 if segment.aborted is None else segment.aborted.crc
        return (segment.offset_index.crc, segment.time_index.crc, aborted_crc) == (
            self.index_crc,
            self.time_index_crc,
            self.aborted_crc,
        )


class LogNote(NamedTuple):
    """A log as it was closed."""

    start_offset: int
    high_watermark: int
    end_offset: int
    epochs_crc: int
    segments: tuple[SegmentNote, ...]


def note_log(log: Log) -> LogNote:
    """What is written down of a log once its ``closing_work`` is done. Raises KafkaStorageError."""
    try:
        segments = tuple(_note_segment(segment) for segment in log.segments)
        epochs_crc = bytes_crc(log.fs, log.epochs.path)
    except (OSError, CorruptMessage) as error:
        raise unreadable(log.path, error) from error
    return LogNote(log.start_offset, log.high_watermark, log.end_offset, epochs_crc, segments)


def _note_segment(segment: Segment) -> SegmentNote:
    position, _ = segment.tail()
    return SegmentNote(
        segment.base_offset,
        segment.size_bytes,
        position,
        tail_crc(segment, position),
        segment.offset_index.size_bytes,
        segment.offset_index.crc,
        segment.time_index.size_bytes,
        segment.time_index.crc,
        *((segment.aborted.size_bytes, segment.aborted.crc) if segment.aborted is not None else (0, 0)),
    )


def tail_crc(segment: Segment, position: int) -> int:
    """Of the header of the batch at a position."""
    return crc32c(segment.file.read(position, HEADER_BYTES))


def bytes_crc(fs: FileSystem, path: str) -> int:
    """Of a small file; 0 when it isn't there."""
    return crc32c(fs.read_bytes(path)) if fs.exists(path) else 0


def write_manifest(fs: FileSystem, mark: bytes, logs: Mapping[str, LogNote]) -> None:
    """Before the mark itself is written: a crash in between leaves no mark, and the manifest counts for nothing."""
    lines = [f"mark {crc32c(mark):08x}"]
    for path, note in logs.items():
        ends = f"{note.start_offset} {note.high_watermark} {note.end_offset}"
        lines.append(f"log {path} {ends} {note.epochs_crc:08x} {len(note.segments)}")
        lines += [_line_of(each) for each in note.segments]
    body = "".join(f"{line}\n" for line in lines).encode()
    fs.replace(MANIFEST, f"{VERSION} {crc32c(body):08x}\n".encode() + body)


def _line_of(each: SegmentNote) -> str:
    aborted = f" {each.aborted_bytes} {each.aborted_crc:08x}" if each.aborted_bytes else ""
    return (
        f"{each.base_offset} {each.size_bytes} {each.tail_position} {each.tail_crc:08x} {each.index_bytes}"
        f" {each.index_crc:08x} {each.time_index_bytes} {each.time_index_crc:08x}{aborted}"
    )


def read_manifest(fs: FileSystem) -> dict[str, LogNote]:
    """By folder; empty when the last stop wasn't clean, or wasn't one that wrote a manifest.

    Raises CheckpointError when the file is damaged.
    """
    if not fs.exists(MANIFEST) or not fs.exists(CLEAN_SHUTDOWN):
        return {}
    head, _, body = fs.read_bytes(MANIFEST).partition(b"\n")
    if head != f"{VERSION} {crc32c(body):08x}".encode():
        raise CheckpointError(f"{MANIFEST}: it isn't as it was written")
    try:
        lines = body.decode().splitlines()
        if lines[0] != f"mark {crc32c(fs.read_bytes(CLEAN_SHUTDOWN)):08x}":
            return {}
        return dict(_notes_of(lines[1:]))
    except (ValueError, IndexError) as error:
        raise CheckpointError(f"{MANIFEST}: it was never written so: {error}") from None


def _notes_of(lines: Sequence[str]) -> Iterator[tuple[str, LogNote]]:
    at = 0
    while at < len(lines):
        _, path, start, high_watermark, end, epochs_crc, count = lines[at].split(" ")
        last = at + number(count, len(lines) - at - 1)
        segments = tuple(_segment_of(line) for line in lines[at + 1 : last + 1])
        yield path, LogNote(number(start), number(high_watermark), number(end), _checksum(epochs_crc), segments)
        at = last + 1


def _segment_of(line: str) -> SegmentNote:
    base, size, position, tail, index, index_crc, times, times_crc, *aborted = line.split(" ")
    aborted_bytes, aborted_crc = aborted or ("0", "0")
    return SegmentNote(
        number(base),
        number(size),
        number(position),
        _checksum(tail),
        number(index),
        _checksum(index_crc),
        number(times),
        _checksum(times_crc),
        number(aborted_bytes),
        _checksum(aborted_crc),
    )


def _checksum(text: str) -> int:
    if not 0 <= (found := int(text, 16)) < 1 << 32:
        raise ValueError(f"{text[:40]!r} is no checksum")
    return found


def misfit(fs: FileSystem, path: str, note: LogNote) -> str | None:
    """Why the files of a log aren't those that a clean stop left, going by names and sizes; None if they are."""
    names = fs.listdir(path) if fs.exists(path) else []
    if wrong := misnamed(path, log_offsets(names), note):
        return wrong
    for name in names:
        if name.endswith(SWAP):  # a clean stop leaves no replacement unfinished
            return f"{path}/{name} wasn't there at the last clean stop"
    for each in note.segments:
        name = f"{path}/{segment_file(each.base_offset, LOG)}"
        size = fs.size(name) if each.size_bytes or fs.exists(name) else 0
        if size != each.size_bytes:
            return f"{name} has {size} bytes, not {each.size_bytes} as at the last clean stop"
    return None


def misnamed(path: str, found: Iterable[int], note: LogNote) -> str | None:
    """The first segment that is there and wasn't, or the other way round. An empty one may be gone: its name is synced
    with its first batches.
    """
    known, there = {each.base_offset for each in note.segments}, set(found)
    empty = {each.base_offset for each in note.segments if not each.size_bytes}
    for base in sorted((known ^ there) - (empty - there)):
        what = "is gone since the last clean stop" if base in known else "wasn't there at the last clean stop"
        return f"{path}/{segment_file(base, LOG)} {what}"
    return None
