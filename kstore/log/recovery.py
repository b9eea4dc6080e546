"""Recovery: opens a log's folder, as it is after a clean stop, and repaired after a crash.

After a clean stop the files are trusted: only the end of each segment is looked at, and that the next one follows on
it. After any other end, every segment from the recovery point on is walked batch by batch, checksums included; the
first batch that is torn or wrong, and all behind it, is cut off, and indexes, leader epochs and producer state are
built anew from what is left. Missing or contradictory indexes are rebuilt in either case.

Only what may never have been on the disk is cut. What is wrong below the recovery point, or anywhere after a clean
stop, was right once: such a log is damaged, and its files are left as they are (``LogDamaged``).

Messages of the formats before v2 are no damage: the log isn't opened, and nothing of it is cut.

Every step can be cut short and done again: the log is only ever cut at its end, from the newest segment to the
oldest, and whatever is derived from it is written last. The recovery point never rises here.
"""

from kstore.errors import CorruptMessage, InvalidRecord
from kstore.errors.arguments import LONG_MAX
from kstore.fs import FileSystem
from kstore.log.config import LogConfig
from kstore.log.damage import LogDamaged
from kstore.log.epochs import LeaderEpochs
from kstore.log.indexes import IndexFileError
from kstore.log.manifest import LogNote, bytes_crc, misfit, tail_crc
from kstore.log.names import (
    ASIDE,
    EPOCHS,
    LOG,
    SEGMENT_SUFFIXES,
    TEMPORARY,
    TRANSACTION_INDEX,
    base_offset_of,
)
from kstore.log.old_formats import OldFormat, old_format, refusal
from kstore.log.producers import ProducerStates
from kstore.log.recovered_epochs import RecoveredEpochs
from kstore.log.replacement import finish_interrupted
from kstore.log.replay import has_other_aborted, restore_producers
from kstore.log.segment import RELATIVE_OFFSET_MAX, Segment
from kstore.log.segments import Segments, log_offsets
from kstore.log.writing import note_batches
from kstore.named import NamedTuple
from kstore.records import RecordBatch
from kstore.records.batch import scan_batches

WALK_BYTES = 4 << 20


class RecoveryReport:
    """What was found as a log was opened. ``cut_offset`` is where the log was cut, when it was; ``has_aside``: a repair
    has set sound segments aside (``quarantine.py``).
    """

    __slots__ = (
        "clean",
        "cut_bytes",
        "cut_cause",
        "cut_offset",
        "has_aside",
        "rebuilt_indexes",
        "removed_segments",
        "replayed_from",
        "walked_segments",
    )

    def __init__(self, clean: bool) -> None:
        self.clean = clean
        self.walked_segments = 0
        self.rebuilt_indexes = 0
        self.cut_bytes = 0
        self.cut_offset: int | None = None
        self.cut_cause: str | None = None
        self.removed_segments = 0
        self.has_aside = False
        self.replayed_from: int | None = None


class Loaded(NamedTuple):
    """A log's parts, sound."""

    segments: Segments
    epochs: LeaderEpochs
    report: RecoveryReport
    producers: ProducerStates
    start_offset: int
    end_offset: int
    recovery_point: int


class Loader:
    """Opens one folder; used once. ``floor`` is up to where nothing may be missing."""

    def __init__(
        self,
        fs: FileSystem,
        path: str,
        config: LogConfig,
        clean: bool,
        now_ms: int,
        note: LogNote | None = None,
        floor: int = 0,
    ) -> None:
        self.fs = fs
        self.path = path
        self.config = config
        self.now_ms = now_ms
        self.floor = floor
        self.segments = Segments(fs, path)
        self.report = RecoveryReport(clean)
        self.epochs = RecoveredEpochs(fs, path, self.segments)
        self.durable_offset = self.recovery_point = 0
        self.walked: set[int] = set()  # base offsets of segments
        self.with_markers: set[int] = set()  # of those
        self.with_producers: set[int] = set()  # of those
        self.noted = {} if note is None else {each.base_offset: each for each in note.segments}
        self.note = note

    def load(self, recovery_point: int, start_offset: int) -> Loaded:
        """The log of a folder, as it was left or with what a crash has damaged cut off. Raises LogDamaged."""
        if self.note is not None and (wrong := misfit(self.fs, self.path, self.note)):
            raise LogDamaged(f"{self.path} is damaged: {wrong}")
        self.fs.mkdir(self.path)
        names = self._sweep()
        if all(base_offset_of(name) < 0 and name != EPOCHS for name in names):
            self._must_reach(start_offset, "its files are gone")
            self.segments.create(start_offset, self.now_ms, self.config)
            return Loaded(
                self.segments,
                self.epochs.epochs,
                self.report,
                ProducerStates(),
                start_offset,
                start_offset,
                start_offset,
            )
        with_aborted = {base_offset_of(name) for name in names if name.endswith(TRANSACTION_INDEX)}
        for base_offset in log_offsets(names):
            self.segments.load(base_offset, self.now_ms, has_aborted=base_offset in with_aborted)
        if self.note is None or bytes_crc(self.fs, self.epochs.epochs.path) == self.note.epochs_crc:
            self.epochs.read()
        if not len(self.segments):
            self._must_reach(start_offset, "its segments are gone")
            self.segments.create(start_offset, self.now_ms, self.config)
        end_offset = self._make_sound(recovery_point, start_offset)
        self._must_reach(end_offset, "it ends too early")
        if end_offset < start_offset and self.report.clean:
            start_offset = 0  # nothing ends before it begins: the checkpoint is wrong
        elif end_offset < start_offset:
            for unlink in self.segments.remove_from(0):
                unlink()
            self.segments.create(start_offset, self.now_ms, self.config)
            self.epochs.epochs.clear()
            end_offset = start_offset
        start_offset = max(start_offset, self.segments.first.base_offset)
        was_walked = self.report.walked_segments > 0
        self.epochs.finish(start_offset, end_offset, after_crash=not self.report.clean, was_walked=was_walked)
        producers = self._producers(end_offset)
        if self.report.clean and self.report.cut_offset is None:
            recovery_point = end_offset
        return Loaded(
            self.segments,
            self.epochs.epochs,
            self.report,
            producers,
            start_offset,
            end_offset,
            min(recovery_point, end_offset),
        )

    def _must_reach(self, offset: int, cause: str) -> None:
        if offset < self.floor:
            raise LogDamaged(f"{self.path} is sound up to {offset}, and held all up to {self.floor}: {cause}")

    def _sweep(self) -> list[str]:
        """Finish what was interrupted, and remove what it left over; the names that stay."""
        names = finish_interrupted(self.fs, self.path)
        logs = set(log_offsets(names))
        kept = []
        for name in names:
            orphan = name.endswith(SEGMENT_SUFFIXES) and not name.endswith(LOG) and base_offset_of(name) not in logs
            if orphan or name.endswith(TEMPORARY):
                self.fs.unlink(f"{self.path}/{name}")
            else:
                kept.append(name)
                self.report.has_aside |= name.endswith(ASIDE)
        return kept

    def _make_sound(self, recovery_point: int, start_offset: int) -> int:
        """Load or walk every segment; the log's end."""
        self.recovery_point = recovery_point
        if self.report.clean:
            self.durable_offset = LONG_MAX
        elif recovery_point > start_offset:  # else all that was durable is deleted
            self.durable_offset = recovery_point
        first_unsynced = self.segments.from_offset(recovery_point)[0].base_offset
        if not self.report.clean:
            self.segments.remove_snapshots(first_unsynced)  # they may be of batches that were cut off
        end_offset = self.segments.first.base_offset
        for segment in list(self.segments):
            if segment.base_offset != end_offset and not self._follows(segment, end_offset):
                break
            if self.report.clean or segment.base_offset < first_unsynced:
                whole, end_offset = self._take(segment)
            else:
                whole, end_offset = self._walk(segment)
            if not whole:
                break
        if end_offset < recovery_point and not self.report.clean and self.report.cut_offset is None:
            return self._walk_all()  # the checkpoint is of another end of this log, or wrong
        return end_offset

    def _follows(self, segment: Segment, end_offset: int) -> bool:
        """Whether a segment may follow on one that ends elsewhere than it begins. If not, the log is cut before it.

        Only in a log that was compacted are there gaps: then there are others, inside of segments. It is compacted
        below its recovery point: above that, if it is known, a gap is what a power loss took.
        """
        path = segment.file.path
        if segment.base_offset > end_offset:
            may_be_compacted = self.report.clean or not segment.base_offset > self.recovery_point > 0
            if may_be_compacted and (self.config.compacted or self._was_compacted()):
                return True
            cause = f"what lies between offset {end_offset} and {path} is gone"
        else:
            cause = f"{path} begins before the one before it ends, at offset {end_offset}"
        last = self.segments.before(segment)[0]
        self._cut(last, last.size_bytes, end_offset, cause)
        return False

    def _was_compacted(self) -> bool:
        """Whether batches lack records, or aren't all there. What can't be read is left to the walk."""
        for segment in self.segments:
            next_offset = segment.base_offset
            try:
                for batch in segment.batches(0):
                    if batch.base_offset != next_offset or batch.count != batch.last_offset_delta + 1:
                        return True
                    next_offset = batch.last_offset + 1
            except CorruptMessage:
                continue
        return False

    def _take(self, segment: Segment) -> tuple[bool, int]:
        """A segment as it is, and where it ends; walked if its indexes aren't what they should be.

        After a crash they may lack their last entries: a segment may have been durable before it was sealed, or its
        indexes built anew by another recovery.
        """
        upper_offset = self.segments.upper_offset(segment, segment.base_offset + RELATIVE_OFFSET_MAX + 1)
        noted = self.noted.get(segment.base_offset)
        if noted is not None and tail_crc(segment, noted.tail_position) != noted.tail_crc:
            where = f"{noted.tail_position} bytes into {segment.file.path}"
            raise LogDamaged(f"{self.path} is damaged: the batch {where} isn't that of the last clean stop")
        try:
            segment.load_indexes(upper_offset)
            if noted is not None and not noted.has_indexes_of(segment):
                raise IndexFileError(f"the indexes of {segment.file.path} aren't those of the last clean stop")
            if not self.report.clean and segment.may_have_lost_entries():
                raise IndexFileError(f"the indexes of {segment.file.path} weren't written")
            if not self.report.clean and has_other_aborted(self.fs, self.segments, segment, upper_offset):
                raise IndexFileError(f"the transaction index of {segment.file.path} isn't what its markers say")
            end_offset = segment.end_offset()
            if not self.report.clean:
                segment.note_newest()
            if all(index.last_offset < end_offset for index in segment.indexes if len(index)):
                return True, end_offset
        except (FileNotFoundError, IndexFileError, CorruptMessage, InvalidRecord):
            pass  # the walk finds what is wrong
        self.report.rebuilt_indexes += 1
        return self._walk(segment)

    def _walk_all(self) -> int:
        """As if nothing were known to be on the disk."""
        self.durable_offset = 0
        end_offset = self.segments.first.base_offset
        self.segments.remove_snapshots(end_offset)
        for segment in list(self.segments):
            whole, end_offset = self._walk(segment)
            if not whole:
                break
        return end_offset

    def _walk(self, segment: Segment) -> tuple[bool, int]:
        """Rebuild a segment's indexes from its batches, and cut the log at the first wrong one.

        Whether none was, and where the segment ends.
        """
        self.report.walked_segments += 1
        self.walked.add(segment.base_offset)
        segment.reset_indexes()
        if segment.aborted is not None:
            segment.aborted.forget()
        position = 0
        next_offset, epoch = segment.base_offset, self.epochs.before(segment)
        cause: str | None = None
        while position < segment.size_bytes and cause is None:
            batches, cause = self._sound_batches(segment, position)
            misfit_at = first_misfit(batches, next_offset, epoch, segment.base_offset + RELATIVE_OFFSET_MAX)
            if misfit_at < len(batches):
                wrong = batches[misfit_at]
                cause = f"the batch of offsets {wrong.base_offset} to {wrong.last_offset} is out of place"
                del batches[misfit_at:]
            for batch in batches:
                self.epochs.met(batch)
                if batch.producer_id >= 0:
                    self.with_producers.add(segment.base_offset)
                    if batch.is_control:
                        self.with_markers.add(segment.base_offset)
            if batches:
                next_offset, epoch = batches[-1].last_offset + 1, batches[-1].leader_epoch
            position = note_batches(segment, batches, position, self.config.index_interval_bytes)
            segment.verified.add(0, position)
        if cause is not None and next_offset >= self.durable_offset and self._was_preallocated(segment, position):
            segment.file.truncate(position)
            cause = None
        if cause is not None:
            self._cut(segment, position, next_offset, cause)
        segment.seal()
        return cause is None, next_offset

    def _sound_batches(self, segment: Segment, position: int) -> tuple[list[RecordBatch], str | None]:
        """Some batches from a position on, or why there are none."""
        data = segment.file.read(position, WALK_BYTES)
        batches, error = scan_batches(data)
        if batches or error is None:
            return batches, None
        nbytes = 12 + int.from_bytes(data[8:12], "big", signed=True) if len(data) >= 12 else 0
        if WALK_BYTES < nbytes <= segment.size_bytes - position:
            batches, error = scan_batches(segment.file.read(position, nbytes))
        if batches:
            return batches, None
        if (magic := old_format(data)) is not None:
            raise OldFormat(refusal(segment.file.path, magic))
        return [], str(error) if error is not None else str(CorruptMessage())

    def _was_preallocated(self, segment: Segment, position: int) -> bool:
        """Whether a segment goes on with zeros: room that was set aside for batches, and never used."""
        if not self.config.preallocate:
            return False
        room = segment.file.read(position, WALK_BYTES)
        return bool(room) and not room.strip(b"\0")

    def _cut(self, segment: Segment, position: int, offset: int, cause: str) -> None:
        """Newer segments go first: a crash in between leaves no hole. Raises LogDamaged for what was durable."""
        self._must_reach(offset, cause)
        if offset < self.durable_offset:
            where = (
                "after a clean stop" if self.report.clean else f"though it was on the disk up to {self.durable_offset}"
            )
            raise LogDamaged(f"{self.path} is damaged at offset {offset}, {where}: {cause}")
        before = len(self.segments)
        unlinks = self.segments.remove_from(segment.base_offset + 1)
        self.report.removed_segments += before - len(self.segments)
        self.report.cut_bytes += segment.size_bytes - position
        self.report.cut_offset = offset
        self.report.cut_cause = cause
        segment.file.truncate(position)
        for unlink in unlinks:
            unlink()

    def _producers(self, end_offset: int) -> ProducerStates:
        """From the newest snapshot that can be read, and a replay of what was appended since.

        Where the log was walked, the replay finds out anew which transactions were aborted.
        """
        self.segments.remove_snapshots(end_offset)
        with_markers = self.with_markers.intersection(self.segments.base_offsets)
        without = self.walked - self.with_producers
        producers, offset = restore_producers(self.fs, self.segments, end_offset, with_markers, without)
        for segment in self.segments:
            if segment.base_offset in self.walked and segment.aborted is not None:
                segment.aborted.replace()
        if offset < end_offset:
            self.report.replayed_from = offset
        producers.expire(self.now_ms, self.config.producer_id_expiration_ms)
        return producers


def first_misfit(batches: list[RecordBatch], next_offset: int, epoch: int, offset_max: int) -> int:
    """The index of the first batch that can't be in its place; the number of batches when all can.

    Offset and epoch of a batch aren't under its checksum. Neither falls from batch to batch. If the next batch follows
    on the one before, the one in between is wrong.
    """
    for number, batch in enumerate(batches):
        if not next_offset <= batch.base_offset <= batch.last_offset <= offset_max or batch.leader_epoch < epoch:
            return number
        if number + 1 < len(batches):
            after = batches[number + 1]
            too_late = next_offset < batch.base_offset and next_offset <= after.base_offset <= batch.last_offset
            if too_late or epoch <= after.leader_epoch < batch.leader_epoch:
                return number
        next_offset, epoch = batch.last_offset + 1, batch.leader_epoch
    return len(batches)
