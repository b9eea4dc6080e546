"""Replacement of segments by a compacted one: the files in the meantime, and how an interrupted replacement is
finished.

As Apache Kafka does it (``LocalLog.replaceSegments``, ``LogLoader``), so that either finishes what the other began:

1. ``<base>.log.cleaned`` and its indexes are written and synced;
2. they are renamed to ``.swap``, the batches first;
3. the files of the old segments are renamed to ``.deleted``, to be unlinked later;
4. ``.swap`` is taken off the names of the new ones, the batches first.

A start that finds ``.cleaned`` files removes them, and the ``.swap`` files from that base offset on: the old segments
are all there. One that finds ``<base>.log.swap`` goes on with step 3: what lies between that base offset and the end of
its batches is old. One that finds only ``.swap`` files of indexes goes on with step 4.

Where the new segment ends before the last old one begins, because none of its records is left, a start goes on without
knowing of that one, and its records are there again until it is cleaned the next time. So it is in Apache Kafka.
"""

from collections.abc import Iterable

from kstore.fs import FileSystem
from kstore.log.names import CLEANED, DELETED, LOG, SEGMENT_SUFFIXES, SWAP, base_offset_of, segment_file
from kstore.log.segment import Segment


def swap_in(fs: FileSystem, path: str, base_offset: int, old: str, new: str) -> None:
    """Rename the files of one segment from one suffix to another, the batches first."""
    for suffix in SEGMENT_SUFFIXES:
        name = f"{path}/{segment_file(base_offset, suffix)}"
        if fs.exists(name + old):
            fs.rename(name + old, name + new)


def finish_interrupted(fs: FileSystem, path: str) -> list[str]:
    """Bring a folder to where it was before a replacement, or to where it leads; the names that are there then.

    Raises CorruptMessage, with the old segments untouched, if a ``.swap`` file isn't whole batches.
    """
    names = fs.listdir(path)
    if not any(name.endswith((SWAP, CLEANED, DELETED)) for name in names):
        return names
    cleaned_from = min((base_offset_of(name) for name in names if name.endswith(CLEANED)), default=None)
    unfinished = [
        name
        for name in names
        if name.endswith(SWAP) and cleaned_from is not None and base_offset_of(name) >= cleaned_from
    ]
    # what is left of the unfinished goes first: without a .cleaned file it would be taken for whole
    _remove(fs, path, unfinished)
    _remove(fs, path, [name for name in names if name.endswith((CLEANED, DELETED))])
    names = fs.listdir(path)
    swapped = [name for name in names if name.endswith(SWAP)]
    if bases := [base_offset_of(name) for name in swapped if name.endswith(LOG + SWAP)]:
        first, end = min(bases), max(_end_offset(fs, path, base) for base in bases)
        _remove(fs, path, [name for name in names if _is_of_segment(name) and first <= base_offset_of(name) < end])
    for base in sorted({base_offset_of(name) for name in swapped}):
        swap_in(fs, path, base, SWAP, "")
    return fs.listdir(path)


def _remove(fs: FileSystem, path: str, names: Iterable[str]) -> None:
    for name in names:
        fs.unlink(f"{path}/{name}")


def _is_of_segment(name: str) -> bool:
    return name.endswith(SEGMENT_SUFFIXES) and base_offset_of(name) >= 0


def _end_offset(fs: FileSystem, path: str, base_offset: int) -> int:
    segment = Segment(fs, path, base_offset, create=False, now_ms=0, stage=SWAP)
    try:
        return segment.end_offset()
    finally:
        segment.close()
