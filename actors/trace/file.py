"""The ``.ktrace`` file: rows of a flight recorder and the names they use, readable later and elsewhere.

All numbers are little-endian. A header of 64 bytes::

    magic 8 (89 4B 54 52 41 43 45 0A) | version 4 (1) | row size 4 (64) | base_us 8 | flags 4 | zero 32 | crc32c 4

``base_us`` is the wall clock, in microseconds since 1970, at ``time_us`` 0 of the rows; flag 1: virtual time. The
checksum is of the 60 bytes before it. Then blocks, each with a header of 16 bytes::

    kind 4 | length 4 | crc32c 4 | zero 4 | payload

    ROWS   whole rows, as ``actors.runtime.recorder`` lays them out, in the order of their sequences, without a gap
           within the file: a later block goes on where the one before ended
    NAME   entries of (number 4 | length 2 | UTF-8 text); each holds for all rows after it, until it is given again
    DONE   the sequence that the next row would have had, 8 bytes: the file was ended in order

A reader trusts nothing: a length must fit what is left of the file, a checksum must match, rows must go on from the
last. What comes before the first thing that is wrong is whole and can be read; the recording says what was wrong, or
that the file has no end, as when the process was killed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from os import PathLike, fspath, path
from typing import TYPE_CHECKING

from actors.trace.recording import ROW_BYTES, Names, Recording
from kstore.codec.checksum import crc32c

if TYPE_CHECKING:
    from kstore.fs.posix import PosixFileSystem

MAGIC = b"\x89KTRACE\n"
VERSION = 1
VIRTUAL = 1
HEADER = struct.Struct("<8sIIqI32s")
CRC = struct.Struct("<I")
BLOCK = struct.Struct("<4sIII")
NAME = struct.Struct("<IH")
SEQUENCE = struct.Struct("<q")
HEADER_BYTES = HEADER.size + CRC.size
BLOCK_BYTES_MAX = 1 << 20
NAME_BYTES_MAX = 0xFFFF


class TraceFileError(ValueError):
    """The file is no trace, one that this version can't read, or being written; the message says which."""


def folder_of(file: str | PathLike[str]) -> tuple[PosixFileSystem, str]:
    """The folder that a file is in, and its name there. Raises FileNotFoundError when there is no such folder."""
    from kstore.fs.posix import PosixFileSystem

    folder, name = path.split(path.abspath(fspath(file)))
    if not path.isdir(folder):
        raise FileNotFoundError(2, "no such folder", folder)
    return PosixFileSystem(folder), name


def header(base_us: int, *, virtual: bool) -> bytes:
    """The first 64 bytes of a file."""
    begin = HEADER.pack(MAGIC, VERSION, ROW_BYTES, base_us, VIRTUAL if virtual else 0, bytes(32))
    return begin + CRC.pack(crc32c(begin))


def block(kind: bytes, payload: bytes) -> bytes:
    """One block."""
    return BLOCK.pack(kind, len(payload), crc32c(payload), 0) + payload


def name_blocks(names: Iterable[tuple[int, str]]) -> Iterable[bytes]:
    """Names, in as many blocks as they need."""
    entries: list[bytes] = []
    size = 0
    for number, text in names:
        data = text.encode("utf-8", "replace")[:NAME_BYTES_MAX]
        entry = NAME.pack(number, len(data)) + data
        if size + len(entry) > BLOCK_BYTES_MAX:
            yield block(b"NAME", b"".join(entries))
            entries, size = [], 0
        entries.append(entry)
        size += len(entry)
    if entries:
        yield block(b"NAME", b"".join(entries))


def row_blocks(rows: bytes | bytearray | memoryview) -> Iterable[bytes]:
    """Rows, in as many blocks as they need."""
    view = memoryview(rows)
    for begin in range(0, len(view), BLOCK_BYTES_MAX):
        yield block(b"ROWS", bytes(view[begin : begin + BLOCK_BYTES_MAX]))


def end_block(next_sequence: int) -> bytes:
    """What a file ends with that was ended in order."""
    return block(b"DONE", SEQUENCE.pack(next_sequence))


def save(recording: Recording, file: str | PathLike[str]) -> None:
    """Write a recording to a file, in place of what was there. Raises OSError when it can't be written."""
    parts = [header(recording.base_us, virtual=recording.virtual)]
    parts += name_blocks(sorted(recording.names.at_the_end().items()))
    parts += row_blocks(recording.data)
    parts.append(end_block(recording.end))
    fs, name = folder_of(file)
    fs.replace(name, b"".join(parts), sync=False)


def load(file: str | PathLike[str]) -> Recording:
    """What a file holds, as far as it is whole; ``.damage`` says what was wrong after that.

    Raises:
        TraceFileError: it is no trace, or of a version that isn't known.
        OSError: it can't be read.
    """
    fs, name = folder_of(file)
    return parse(fs.read_bytes(name))


def parse(data: bytes) -> Recording:
    """As ``load``, from the file's bytes."""
    base_us, virtual = _read_header(data)
    names = Names()
    rows = bytearray()
    damage = _read_blocks(memoryview(data), names, rows)
    return Recording(bytes(rows), names, base_us=base_us, virtual=virtual, damage=damage)


def _read_header(data: bytes) -> tuple[int, bool]:
    if data[: len(MAGIC)] != MAGIC:
        raise TraceFileError("this isn't a .ktrace file: its header is missing")
    if len(data) < HEADER_BYTES:
        raise TraceFileError("this .ktrace file ends within its header: nothing can be read")
    _, version, row_bytes, base_us, flags, _ = HEADER.unpack_from(data)
    if CRC.unpack_from(data, HEADER.size)[0] != crc32c(data[: HEADER.size]):
        raise TraceFileError("the header of this .ktrace file is damaged")
    if version != VERSION or row_bytes != ROW_BYTES:
        raise TraceFileError(
            f"this .ktrace file is of version {version} with rows of {row_bytes} bytes; this kstore reads version "
            f"{VERSION} with rows of {ROW_BYTES}"
        )
    return base_us, bool(flags & VIRTUAL)


def _read_blocks(data: memoryview, names: Names, rows: bytearray) -> str:
    """Take in the blocks up to the end, or to the first that isn't whole; what was wrong with that."""
    at = HEADER_BYTES
    while at < len(data):
        if len(data) - at < BLOCK.size:
            return f"the file is cut off at byte {at}"
        kind, length, checksum, zero = BLOCK.unpack_from(data, at)
        begin = at + BLOCK.size
        if length > len(data) - begin:
            return f"the file is cut off within the block at byte {at}"
        payload = data[begin : begin + length]
        if crc32c(payload) != checksum or zero:
            return f"the block at byte {at} is damaged"
        if kind == b"DONE":
            return _wrong_at_the_end(payload, rows, len(data) - begin - length)
        wrong = _take(bytes(kind), payload, names, rows)
        if wrong:
            return f"the block at byte {at} {wrong}"
        at = begin + length
    return "the file has no end: the process that wrote it was killed, or is still writing"


def _wrong_at_the_end(payload: memoryview, rows: bytearray, left: int) -> str:
    if left:
        return f"{left} bytes follow the end"
    if rows and payload != SEQUENCE.pack(_next_sequence(rows)):
        return "the last rows are missing"
    return ""


def _take(kind: bytes, payload: memoryview, names: Names, rows: bytearray) -> str:
    if kind == b"ROWS":
        if not payload or len(payload) % ROW_BYTES:
            return f"has {len(payload)} bytes of rows, which aren't whole rows"
        if not _goes_on(payload, _next_sequence(rows)):
            return "has rows that don't continue from the last one"
        rows += payload
        return ""
    if kind == b"NAME":
        return _take_names(payload, names, _next_sequence(rows))
    return f"is of kind {kind!r}, which is unknown"


def _next_sequence(rows: bytearray) -> int:
    return SEQUENCE.unpack_from(rows, len(rows) - ROW_BYTES)[0] + 1 if rows else 0


def _goes_on(payload: memoryview, expected: int) -> bool:
    sequences = payload.cast("q")[:: ROW_BYTES // 8]
    first = sequences[0]
    if first < 1 or (expected and first != expected):
        return False
    return all(sequence == number for number, sequence in enumerate(sequences, first))


def _take_names(payload: memoryview, names: Names, since: int) -> str:
    at = 0
    while at < len(payload):
        if len(payload) - at < NAME.size:
            return "has a name that is cut off"
        number, length = NAME.unpack_from(payload, at)
        at += NAME.size
        if length > len(payload) - at:
            return "has a name that is cut off"
        names.define(number, bytes(payload[at : at + length]).decode("utf-8", "replace"), since)
        at += length
    return ""
