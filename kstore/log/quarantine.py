"""Sets damaged files of a closed log aside: what was wrong is kept for who looks into it, and read by nobody.

A damaged file keeps its name and its place, with ``.damaged`` behind it: neither Apache Kafka nor kstore takes it for a
file of a log, and it goes with its partition. There is one of each name; a later one takes its place.

The segments behind a damaged one go as well, the newest first, so that a crash leaves no hole. They are kept too, with
``.aside`` behind their names, until the replica has their records again. An index, a snapshot or the leader epochs that
are set aside are made anew from the batches as the log is opened.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from kstore.log.names import (
    ASIDE,
    DAMAGED,
    EPOCHS,
    LOG,
    SEGMENT_SUFFIXES,
    SNAPSHOT,
    TRANSACTION_INDEX,
    base_offset_of,
    segment_file,
)
from kstore.log.segments import log_offsets

if TYPE_CHECKING:
    from kstore.fs import FileSystem


def set_file_aside(fs: FileSystem, path: str) -> str:
    """Rename a damaged file; its new path."""
    fs.rename(path, path + DAMAGED)
    return path + DAMAGED


def quarantine(
    fs: FileSystem, path: str, damaged: Collection[str], first_unsound: int | None
) -> tuple[list[str], list[str]]:
    """Leave only what is sound in a folder: ``damaged`` has the paths of the damaged files, and the batches from the
    segment ``first_unsound`` on go. Returns the damaged files' new paths, and those of the sound files behind them.
    """
    names = fs.listdir(path)
    bases = log_offsets(names)
    kept: list[str] = []
    rest: list[str] = []
    for base in reversed(bases):
        if first_unsound is None or base < first_unsound:
            break
        for suffix in reversed(SEGMENT_SUFFIXES):  # the batches last
            name = f"{path}/{segment_file(base, suffix)}"
            if suffix == LOG and name in damaged:
                kept.append(set_file_aside(fs, name))
            elif segment_file(base, suffix) in names:
                fs.rename(name, name + ASIDE)
                rest.append(name + ASIDE)
    for name in damaged:
        if name.endswith((*SEGMENT_SUFFIXES[1:], SNAPSHOT, EPOCHS)) and fs.exists(name):
            kept.append(set_file_aside(fs, name))
        if name.endswith(TRANSACTION_INDEX):
            forget_snapshot_behind(fs, path, base_offset_of(name.rpartition("/")[2]), bases)
    return kept, rest


def make_room(fs: FileSystem, paths: Sequence[str]) -> None:
    """Remove files that were set aside if the disk has no room for their records beside them. Raises OSError."""
    space = fs.disk_space()
    if space is not None and space.usable_bytes < sum(map(fs.size, paths)):
        for path in paths:
            fs.unlink(path)


def remove_aside(fs: FileSystem, path: str) -> None:
    """Remove all sound files of a log's folder that were set aside. Raises OSError."""
    for name in fs.listdir(path):
        if name.endswith(ASIDE):
            fs.unlink(f"{path}/{name}")


def forget_snapshot_behind(fs: FileSystem, path: str, base_offset: int, bases: Collection[int]) -> None:
    """Remove the producer snapshot at the end of a segment whose transaction index is gone: then its markers are read,
    whether or not that snapshot knows the producers that wrote them.
    """
    upper = min((base for base in bases if base > base_offset), default=None)
    name = None if upper is None else f"{path}/{segment_file(upper, SNAPSHOT)}"
    if name is not None and fs.exists(name):
        fs.unlink(name)
