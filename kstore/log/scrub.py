"""``Scrub``: all files of a log in use are read from the disk once, and compared, in slices of disk work.

So rot is found that no reader meets: at any time a disk can give back other bytes than it took. A wrong batch is told
to the log (``Log.damaged``), and never read again. Indexes and leader epochs that are wrong are made anew at once. A
producer snapshot that is wrong is set aside: it is done without. A wrong transaction index is set aside too, and the
log closed: it is made anew as the log is opened the next time.

A slice reads one piece of a file (``segment_check.py``). Between two slices anything may happen to the log; what was
found of a segment that was cut, replaced or removed meanwhile doesn't count.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING

from kstore.errors.arguments import LONG_MAX
from kstore.log import snapshot
from kstore.log.answers import DiskWork, Wrong
from kstore.log.checkpoints import versioned
from kstore.log.damage import failed_to_read, transaction_index_damaged
from kstore.log.names import INDEX, LOG, SNAPSHOT, TIME_INDEX, TRANSACTION_INDEX
from kstore.log.quarantine import set_file_aside
from kstore.log.segment import RELATIVE_OFFSET_MAX, Segment
from kstore.log.segment_check import SegmentCheck

if TYPE_CHECKING:
    from kstore.log.log import Log

OTHER_BYTES = "its bytes aren't those that were written"

Slices = Generator[DiskWork, None, None]


class Scrub:
    """One pass over a log. ``wrong`` has what was found so far; ``bytes_read`` is what was read of the disk."""

    __slots__ = ("_error", "_log", "_read_last", "_slices", "bytes_read", "wrong")

    def __init__(self, log: Log) -> None:
        self._log = log
        self._slices = self._run()
        self._error: BaseException | None = None
        self._read_last = 0
        self.bytes_read = 0
        self.wrong: list[Wrong] = []

    def next_work(self) -> DiskWork | None:
        """The next slice; None when there is none any more. The one before must be done."""
        if self._log.failure is not None:
            self._slices.close()
            return None
        return next(self._slices, None)

    def _slice(self, run: Callable[[], int]) -> DiskWork:
        """A slice that reads so many bytes as ``run`` returns."""

        def read() -> None:
            self._read_last = run()

        def done(error: BaseException | None) -> None:
            self._error = error
            if error is None:
                self.bytes_read += max(self._read_last, 0)

        return DiskWork(f"scrub {self._log.path}", read, done)

    def _run(self) -> Slices:
        log = self._log
        for base_offset in list(log.segments.base_offsets):
            segment = log.segments.from_offset(base_offset)[0]
            if segment.base_offset == base_offset:
                yield from self._check(segment)
        yield from self._check_small_files()

    def _check(self, segment: Segment) -> Slices:
        log = self._log
        generation = log.disk.generation
        counts = len(segment.offset_index), len(segment.time_index)
        check = SegmentCheck(
            log.fs,
            log.path,
            segment.base_offset,
            segment.size_bytes,
            log.segments.upper_offset(segment, segment.base_offset + RELATIVE_OFFSET_MAX + 1),
            epochs=log.epochs.entries,
            is_closed=segment is not log.segments.active,
            index_interval_bytes=log.config.index_interval_bytes,
        )
        while True:
            yield self._slice(check.step)
            if log.disk.generation != generation or segment not in log.segments.from_offset(segment.base_offset)[:1]:
                return
            if isinstance(self._error, OSError):
                failed_to_read(log, self._error)
                return
            if self._read_last < 0:
                break
        if check.is_closed:
            self._compare_bytes(segment, check)
        if check.wrong:
            self._put_right(segment, check, counts)

    def _compare_bytes(self, segment: Segment, check: SegmentCheck) -> None:
        """An index may be wrong though no batch contradicts it; what a closed segment's files had is known."""
        for suffix, index in (
            (INDEX, segment.offset_index),
            (TIME_INDEX, segment.time_index),
            (TRANSACTION_INDEX, segment.aborted),
        ):
            path = check.file(suffix)
            if index is None or index.waiting or check.crcs.get(suffix) == index.crc:
                continue
            if not any(each.path == path for each in check.wrong):
                check.wrong.append(Wrong(path, 0, index.size_bytes, -1, OTHER_BYTES))

    def _put_right(self, segment: Segment, check: SegmentCheck, counts: tuple[int, int]) -> None:
        log = self._log
        self.wrong += check.wrong
        paths = {each.path for each in check.wrong}
        try:
            if check.is_sound and not paths.isdisjoint((check.file(INDEX), check.file(TIME_INDEX))):
                segment.take_indexes(check.rebuilt, counts, is_closed=check.is_closed)
            if check.file(TRANSACTION_INDEX) in paths:
                transaction_index_damaged(log, f"{check.file(TRANSACTION_INDEX)} is damaged", segment)
        except OSError as error:
            log.failed(f"couldn't repair the indexes of {segment.file.path}: {error}")
        for each in check.wrong:
            if each.path == check.file(LOG):
                segment.verified.found_wrong(each.start)
                log.damaged(f"{log.path} is damaged: {each}")

    def _check_small_files(self) -> Slices:
        log = self._log
        for offset in log.segments.snapshot_offsets():
            wrong: list[Wrong] = []
            yield self._slice(partial(self._read_snapshot, log.segments.snapshot_path(offset), wrong))
            if wrong and self._error is None:
                self._set_aside(wrong[0])
            elif isinstance(self._error, OSError) and not isinstance(self._error, FileNotFoundError):
                failed_to_read(log, self._error)
        entries, generation = log.epochs.entries, log.disk.generation
        content: list[bytes] = []
        yield self._slice(partial(self._read_epochs, content))
        if content and entries == log.epochs.entries and generation == log.disk.generation:
            self._compare_epochs(content[0])

    def _set_aside(self, wrong: Wrong) -> None:
        log = self._log
        try:
            if log.failure is None and log.fs.exists(wrong.path):
                self.wrong.append(wrong)
                set_file_aside(log.fs, wrong.path)
        except OSError as error:
            log.failed(f"couldn't set {wrong.path} aside: {error}")

    def _read_snapshot(self, path: str, wrong: list[Wrong]) -> int:
        fs = self._log.fs
        if not fs.exists(path):
            return 0
        data = fs.read_piece(path, 0, LONG_MAX)
        try:
            snapshot.decode(data)
        except snapshot.SnapshotError as error:
            offset = int(path.rpartition("/")[2].removesuffix(SNAPSHOT))
            wrong.append(Wrong(path, 0, len(data), offset, str(error)))
        return len(data)

    def _read_epochs(self, content: list[bytes]) -> int:
        fs, path = self._log.fs, self._log.epochs.path
        if fs.exists(path):
            content.append(fs.read_piece(path, 0, LONG_MAX))
        return len(content[0]) if content else 0

    def _compare_epochs(self, content: bytes) -> None:
        """The leader epochs are in memory, so the file is written anew."""
        log = self._log
        if content == versioned([f"{epoch} {start}" for epoch, start in log.epochs.entries]) or log.failure is not None:
            return
        self.wrong.append(Wrong(log.epochs.path, 0, len(content), -1, OTHER_BYTES))
        try:
            set_file_aside(log.fs, log.epochs.path)
            log.epochs.write()
        except OSError as error:
            log.failed(f"couldn't write {log.epochs.path}: {error}")
