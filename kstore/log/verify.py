"""Verifies a log's folder: all its files are read from the disk and compared with each other; nothing is changed.

``verify`` does it here and now, for a folder that nobody writes to. ``LogCheck`` does it piece by piece.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kstore.errors.arguments import LONG_MAX
from kstore.log import snapshot
from kstore.log.answers import Wrong
from kstore.log.checkpoints import CheckpointError, versioned
from kstore.log.epochs import LeaderEpochs
from kstore.log.names import EPOCHS, LOG, SNAPSHOT, segment_file
from kstore.log.segment import REINDEX_INTERVAL_BYTES, RELATIVE_OFFSET_MAX
from kstore.log.segment_check import SegmentCheck
from kstore.log.segments import is_snapshot, log_offsets

if TYPE_CHECKING:
    from kstore.fs import FileSystem


def verify(fs: FileSystem, path: str) -> list[Wrong]:
    """The ranges of the files in a log's folder that can't be as they were written; empty if all of it is sound.

    Raises OSError if the disk can't give what is there.

    >>> from kstore.fs import MemoryFileSystem
    >>> from kstore.log import Log, LogConfig
    >>> fs = MemoryFileSystem()
    >>> Log.open(fs, "orders-0", LogConfig(), now_ms=0).close()
    >>> verify(fs, "orders-0")
    []
    """
    check = LogCheck(fs, path)
    while check.step():
        pass
    return check.wrong


class LogCheck:
    """The check of all files in the folder ``path``. Each ``step`` reads one piece, on any thread.

    ``epochs`` are the leader epochs with their start offsets, if they are known for certain. In a log that ``is_dense``
    each segment begins where the one before it ends, unless it was compacted once: then it has other gaps as well.
    ``wrong`` has what was found so far. ``first_unsound`` is the base offset of the first segment whose batches aren't
    all sound, or that doesn't follow on the one before; None if there is none. ``end_offset`` is where the segments
    before that one end, -1 without any. ``sound_up_to`` is where the sound batches of the last segment end, -1 before
    it was read. ``read_bytes`` of batches were read so far.
    """

    __slots__ = (
        "_bases",
        "_fs",
        "_gap",
        "_interval_bytes",
        "_is_dense",
        "_is_in_small_files",
        "_number",
        "_path",
        "_segment",
        "began",
        "end_offset",
        "epochs",
        "first_unsound",
        "read_bytes",
        "sound_up_to",
        "wrong",
    )

    def __init__(
        self,
        fs: FileSystem,
        path: str,
        *,
        epochs: Sequence[tuple[int, int]] = (),
        is_dense: bool = False,
        index_interval_bytes: int = REINDEX_INTERVAL_BYTES,
    ) -> None:
        self._fs = fs
        self._path = path
        self._is_dense = is_dense
        self._gap: tuple[str, int, int] | None = None
        self._interval_bytes = index_interval_bytes
        self._bases: list[int] | None = None
        self._number = 0
        self._is_in_small_files = False
        self._segment: SegmentCheck | None = None
        self.epochs = list(epochs)
        self.began: list[tuple[int, int]] = []
        self.wrong: list[Wrong] = []
        self.first_unsound: int | None = None
        self.end_offset = -1
        self.sound_up_to = -1
        self.read_bytes = 0

    def step(self) -> bool:
        """Check some more; whether there is more to check. Raises OSError."""
        if self._bases is None:
            self._bases = log_offsets(self._fs.listdir(self._path))
        segment = self._segment
        if segment is not None:
            before = segment.position
            if segment.step() < 0:
                self._finish(segment)
            self.read_bytes += segment.position - before
        elif self._number < len(self._bases):
            self._segment = self._next(self._bases)
        else:
            self._judge_gap()
            self._is_in_small_files = True
            self._check_small_files()
            return False
        return True

    def _next(self, bases: list[int]) -> SegmentCheck:
        base = bases[self._number]
        is_last = self._number + 1 == len(bases)
        self._number += 1
        return SegmentCheck(
            self._fs,
            self._path,
            base,
            self._fs.size(f"{self._path}/{segment_file(base, LOG)}"),
            base + RELATIVE_OFFSET_MAX + 1 if is_last else bases[self._number],
            epochs=self.epochs,
            is_closed=not is_last,
            index_interval_bytes=self._interval_bytes,
        )

    @property
    def last_file(self) -> str | None:
        """The path of the batches of the last segment."""
        return f"{self._path}/{segment_file(self._bases[-1], LOG)}" if self._bases else None

    def leave_segment(self) -> str | None:
        """After an ``OSError``: go on behind the segment that can't be read; the path of its batches. None if it was
        none of a segment, and so nothing is left that can be checked.
        """
        if not self._bases or (self._segment is None and self._is_in_small_files):
            return None
        self.wrong += self._segment.wrong if self._segment is not None else []
        self._segment = None
        return f"{self._path}/{segment_file(self._bases[self._number - 1], LOG)}"

    def _finish(self, segment: SegmentCheck) -> None:
        self._segment = None
        if self._bases and segment.base_offset == self._bases[-1]:
            self.sound_up_to = segment.next_offset
        self.wrong += segment.wrong
        self.began += segment.began
        self._is_dense = self._is_dense and not segment.has_gaps
        if self.first_unsound is not None:
            return
        if self._gap is None and segment.base_offset > self.end_offset >= 0:
            self._gap = segment.file(LOG), self.end_offset, segment.base_offset
        if segment.is_sound:
            self.end_offset = segment.next_offset
        else:
            self.first_unsound = segment.base_offset

    def _judge_gap(self) -> None:
        """A gap between two segments is a loss, unless there are others as compaction leaves them."""
        if self._gap is None or not self._is_dense:
            return
        path, self.end_offset, self.first_unsound = self._gap
        why = f"the records from offset {self.end_offset} on, which come before it, are gone"
        self.wrong.append(Wrong(path, 0, 0, self.end_offset, why))

    def _check_small_files(self) -> None:
        for name in self._fs.listdir(self._path):
            if is_snapshot(name):
                path = f"{self._path}/{name}"
                try:
                    data = self._fs.read_piece(path, 0, LONG_MAX)
                except FileNotFoundError:  # removed since it was listed
                    continue
                try:
                    snapshot.decode(data)
                except snapshot.SnapshotError as error:
                    self.wrong.append(Wrong(path, 0, len(data), int(name.removesuffix(SNAPSHOT)), str(error)))
        path = f"{self._path}/{EPOCHS}"
        if self._fs.exists(path) and (why := wrong_epochs(self._fs, path, self.epochs, self.began)) is not None:
            self.wrong.append(Wrong(path, 0, self._fs.size(path), -1, why))


def wrong_epochs(
    fs: FileSystem, path: str, epochs: Sequence[tuple[int, int]], began: Sequence[tuple[int, int]]
) -> str | None:
    """Why the file of the leader epochs isn't as it was written, by what is known for certain (``epochs``), or by where
    the batches of each epoch begin.
    """
    if epochs:
        entries = [f"{epoch} {start}" for epoch, start in epochs]
        return None if fs.read_bytes(path) == versioned(entries) else "it doesn't have the log's leader epochs"
    try:
        found = LeaderEpochs.read(fs, path).entries
    except CheckpointError as error:
        return str(error)
    starts = [start for _, start in found]
    for epoch, offset in began:
        number = bisect_right(starts, offset)
        if number and found[number - 1][0] != epoch:
            return f"by it the leader epoch of offset {offset} is {found[number - 1][0]}, not {epoch}"
    return None
