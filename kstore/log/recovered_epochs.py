"""The leader epochs of a log that is being opened: as its file says, as far as the batches bear that out.

The file may be older or newer than the batches after a crash: an epoch was written and its batches are gone, or the
other way round, or the log was truncated in between. What doesn't fit is found as the batches are walked, and at both
ends of the log; then all of it is made anew from the batches.
"""

from __future__ import annotations

from kstore.fs import FileSystem
from kstore.log.batch_headers import leader_epoch_of
from kstore.log.checkpoints import CheckpointError
from kstore.log.epochs import LeaderEpochs
from kstore.log.names import EPOCHS
from kstore.log.segment import Segment
from kstore.log.segments import Segments
from kstore.records import HEADER_BYTES, RecordBatch


class RecoveredEpochs:
    """``epochs`` are what is known so far, ``are_known`` whether they are right by all that was seen."""

    def __init__(self, fs: FileSystem, path: str, segments: Segments) -> None:
        self._fs = fs
        self._segments = segments
        self.epochs = LeaderEpochs(fs, f"{path}/{EPOCHS}")
        self.are_known = False
        self._in_file: list[tuple[int, int]] = []

    def read(self) -> None:
        """Read the file, if it can be read."""
        try:
            self.epochs = LeaderEpochs.read(self._fs, self.epochs.path)
            self._in_file = self.epochs.entries
            self.are_known = len(self.epochs) > 0 or not len(self._segments)  # an empty file may be a lost one
        except FileNotFoundError:
            self.are_known = not len(self._segments)
        except CheckpointError:
            self.are_known = False

    def met(self, batch: RecordBatch) -> None:
        """Compare with a batch that was met on a walk, or learn its epoch from it."""
        if self.are_known and batch.leader_epoch > self.epochs.latest:
            self.epochs.note(batch.leader_epoch, batch.base_offset)
        elif self.epochs.at(batch.base_offset) != batch.leader_epoch:
            self.are_known = False  # they are those of batches that were cut off

    def before(self, segment: Segment) -> int:
        """The epoch of the last batch before a segment; -1 without one."""
        return _last_epoch(self._segments.before(segment))

    def finish(self, start_offset: int, end_offset: int, *, after_crash: bool, was_walked: bool) -> None:
        """Bring them to the ends of the log, and into the file if they may not be there."""
        if self.are_known and any(segment.size_bytes for segment in self._segments):
            last = _last_epoch(list(self._segments)[::-1])
            self.are_known = self.epochs.at(end_offset - 1) == last
        if self.are_known and after_crash:
            self.are_known = self._starts_in_known_epoch(start_offset)
        if not self.are_known:
            self.epochs = LeaderEpochs(self._fs, self.epochs.path)
            for segment in self._segments:
                for batch in segment.batches(0):
                    if batch.leader_epoch > self.epochs.latest:
                        self.epochs.note(batch.leader_epoch, batch.base_offset)
        self.epochs.fit(start_offset, end_offset)
        if self.epochs.entries != self._in_file:
            self.epochs.write(sync=after_crash)  # the old file may be the better one, if this one is lost
        elif was_walked and len(self.epochs):
            self.epochs.unsynced = True  # a process that was killed may have written it

    def _starts_in_known_epoch(self, start_offset: int) -> bool:
        """Whether the epoch of the first records is known: the file may tell of a later start, of which the checkpoint
        didn't know yet.
        """
        for segment in self._segments.from_offset(start_offset):
            found = segment.find(max(start_offset, segment.base_offset))
            if found is not None:
                return self.epochs.at(max(start_offset, found[1])) == _epoch_at(segment, found[0])
        return True


def _last_epoch(segments: list[Segment]) -> int:
    """The epoch of the last batch of the first of these segments that has one; -1 without one."""
    for segment in segments:
        if segment.size_bytes:
            return _epoch_at(segment, segment.tail()[0])
    return -1


def _epoch_at(segment: Segment, position: int) -> int:
    return leader_epoch_of(segment.file.read(position, HEADER_BYTES))
