"""Single files of a log for ``kstore log dump``: a segment, a snapshot of the metadata log, and the files beside them.

Files of entries are an index of offsets, of times or of aborted transactions, and a snapshot of producers. As JSON each
entry is a line:

    {"path": "data/node-1/orders-0/00000000000000000000.timeindex", "timestamp": 1700000000000, "offset": 41}
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from actors.cli.arguments import InputError
from actors.cli.log.decoded import METADATA
from actors.cli.log.reading import FoundLog, LogReader, tell, tell_of_use
from actors.cli.output import moment
from kstore.fs.posix import PosixFileSystem
from kstore.log import snapshot
from kstore.log.indexes import OFFSET_ENTRY, TIME_ENTRY
from kstore.log.names import INDEX, LOG, SNAPSHOT, TIME_INDEX, TRANSACTION_INDEX, base_offset_of
from kstore.log.offline import StoredLog, StoredSegment, stored_log
from kstore.log.transaction_index import ENTRY as ABORTED_ENTRY

if TYPE_CHECKING:
    import struct

Entry: TypeAlias = dict[str, int]

CHECKPOINT = ".checkpoint"
OF_ENTRIES: dict[str, struct.Struct] = {
    INDEX: OFFSET_ENTRY,
    TIME_INDEX: TIME_ENTRY,
    TRANSACTION_INDEX: ABORTED_ENTRY,
}


def suffix_of(path: str) -> str:
    """What a file of a log is by its name; also of one that was renamed for its removal, or as it was damaged.

    >>> suffix_of("orders-0/00000000000000000000.log.deleted")
    '.log'
    """
    known = (LOG, CHECKPOINT, *OF_ENTRIES, SNAPSHOT)
    for part in os.path.basename(path).split(".")[1:]:
        if f".{part}" in known:
            return f".{part}"
    raise InputError(f"{path} is no file of a log that can be shown: name one of {', '.join(known)}, or a folder")


def holds_batches(path: str) -> bool:
    """Whether the file is one of record batches, not of entries. Raises ``InputError`` for another one."""
    return suffix_of(path) in (LOG, CHECKPOINT)


def reader_of(path: str, first: int, *, read_all: bool) -> LogReader:
    """What reads a file of batches, as the log of its folder; a snapshot of the metadata log is read to its end."""
    folder, name = os.path.split(os.path.abspath(path))
    root, log_name = os.path.split(folder)
    fs = PosixFileSystem(root, read_only=True)
    if suffix_of(path) == CHECKPOINT:
        log = StoredLog(fs, log_name, METADATA, 0, None)
    else:
        log = stored_log(fs, log_name, lambda error: tell(str(error)))
    found = FoundLog(log._replace(up_to=None) if read_all else log, path, os.path.dirname(path) or ".", log.name)
    tell_of_use([found])
    return LogReader(found, first, [StoredSegment(fs, f"{log_name}/{name}" if log_name else name)])


def print_entries(path: str, first: int, left: int, *, as_json: bool) -> tuple[int, bool]:
    """Print at most ``left`` entries of a file about offsets from ``first`` on; how many these are, and whether all of
    the file could be read.
    """
    try:
        entries, why = entries_of(path)
    except OSError as error:
        entries, why = [], f"it can't be read: {error.strerror or error}"
    shown = [each for each in entries if each.get("last_offset", each.get("offset", first)) >= first][:left]
    for entry in shown:
        sys.stdout.write(json.dumps({"path": path, **entry}, separators=(",", ":")) if as_json else as_text(entry))
        sys.stdout.write("\n")
    if why is not None:
        tell(f"{path}: {why}")
    return len(shown), why is None


def entries_of(path: str) -> tuple[list[Entry], str | None]:
    """The entries of a file, and what is wrong with it. Raises ``OSError``, and ``InputError`` if its name lacks the
    offset that the others are relative to.
    """
    data, suffix = Path(path).read_bytes(), suffix_of(path)
    if suffix == SNAPSHOT:
        try:
            return [each._asdict() for each in snapshot.decode(data)], None
        except snapshot.SnapshotError as error:
            return [], str(error)
    base = base_offset_of(os.path.basename(path))
    if base < 0:
        raise InputError(f"{path} isn't named after the first offset of a segment, from which its own count")
    kind = OF_ENTRIES[suffix]
    used = -(-len(data.rstrip(b"\0")) // kind.size)  # Apache Kafka sets room aside at the end
    whole = len(data) // kind.size
    entries = [entry_of(suffix, base, values) for values in kind.iter_unpack(data[: min(used, whole) * kind.size])]
    is_whole = whole * kind.size == len(data)
    return entries, None if is_whole else f"the last entry isn't whole: the file has {len(data)} bytes"


def entry_of(suffix: str, base: int, values: tuple[int, ...]) -> Entry:
    """An entry of an index with the names of its fields."""
    if suffix == INDEX:
        return {"offset": base + values[0], "position": values[1]}
    if suffix == TIME_INDEX:
        return {"timestamp": values[0], "offset": base + values[1]}
    names = ("version", "producer_id", "first_offset", "last_offset", "last_stable_offset")
    return dict(zip(names, values, strict=True))


def as_text(entry: Entry) -> str:
    """An entry in a line for people."""
    return "  ".join(
        f"{name.replace('_', ' ')} {(moment(value) or value) if name == 'timestamp' else value}"
        for name, value in entry.items()
    )
