"""``Cleaning``: one log is compacted, in slices of disk work.

As Apache Kafka's ``Cleaner``. First the keys of the dirty part are noted in the offset map, up to where it is full.
Then the segments up to there, in groups, are copied into a new one each, without what isn't retained
(``copy_pass.pyx``), and it takes their place (``replacement.py``).

A slice reads at most a quarter of a megabyte, or one batch, on the log's thread; its ``run`` may take long and touches
nothing of the log; ``done`` appends what came of it to the new segment. Between two slices anything may happen to the
log. When it was cut at its end or at the segments in work, when it failed, or when the owner has enough of it
(``abandon``), the new segment goes, and the log is as it was, but for groups that were replaced before. A disk that is
full, or that can't write the new segment, ends the cleaning as well, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, TypeVar

from kstore.errors import CorruptMessage, KafkaError, KafkaStorageError
from kstore.log.answers import DiskWork
from kstore.log.cleanable import grouped
from kstore.log.cleaned_transactions import CleanedTransactions
from kstore.log.copy_pass import CopyPass
from kstore.log.damage import failed_to_read
from kstore.log.indexes import IndexFileError
from kstore.log.key_pass import KeyPass
from kstore.log.names import CLEANED
from kstore.log.segment import Segment
from kstore.log.writing import chunks, note_batches
from kstore.named import NamedTuple
from kstore.records import HEADER_BYTES, RecordBatch, parse_batches
from kstore.records.batch import DECOMPRESSED_BYTES_MAX

if TYPE_CHECKING:
    from kstore.fs.interface import Buffer
    from kstore.log.cleanable import Cleanable
    from kstore.log.log import Log
    from kstore.log.offset_map import OffsetMap
    from kstore.log.producers import ProducerEntry

PIECE_BYTES = 256 << 10
PRODUCERS_A_SLICE = 500
"""Half a millisecond or so, on the log's thread."""

Result = TypeVar("Result")
Slices = Generator[DiskWork, None, Result]


class CleaningStats(NamedTuple):
    """What a cleaning has done so far. Times are the owner's, in ms; ``map_load`` is the share of the map in use.

    Records and bytes that were read or kept are those of the segments that were copied; what was read before for the
    map isn't among them. ``records_without_key`` were dropped: a compacted log shouldn't have any.
    """

    started_ms: int
    ended_ms: int
    map_bytes_read: int
    map_records_read: int
    keys: int
    map_load: float
    bytes_read: int
    bytes_kept: int
    records_read: int
    records_kept: int
    records_without_key: int
    segments_before: int
    segments_after: int


class Copied(NamedTuple):
    """What stays of a piece of an old segment, and how many bytes the piece has."""

    read_bytes: int
    batches: list[RecordBatch]
    nbytes: int
    chunks: Sequence[Buffer]


class Cleaning:
    """Made with what ``cleanable`` said, and a map that no other cleaning uses until this one is over and the last work
    that it gave out is done. If the log was cut since then, it ends at once.

    ``cleaned_to`` is the first dirty offset from now on, once all is done: it belongs into
    ``cleaner-offset-checkpoint``. ``failure`` says why it ended otherwise. The owner abandons it before it closes the
    log.
    """

    __slots__ = (
        "_copy",
        "_from_offset",
        "_generation",
        "_keys",
        "_log",
        "_map_bytes_read",
        "_new",
        "_noted_transactions",
        "_offsets",
        "_old",
        "_piece_bytes",
        "_slices",
        "_sums",
        "_times",
        "_transactions",
        "_waits",
        "cleaned_to",
        "failure",
        "is_over",
    )

    def __init__(
        self, log: Log, cleanable: Cleanable, offsets: OffsetMap, now_ms: int, piece_bytes: int = PIECE_BYTES
    ) -> None:
        self._log = log
        self._piece_bytes = piece_bytes
        self._from_offset = cleanable.first_dirty_offset
        self._generation = cleanable.generation
        self._offsets = offsets
        self._times = (now_ms, now_ms)
        self._transactions = CleanedTransactions()
        limit_bytes = max(log.config.max_decompressed_bytes, DECOMPRESSED_BYTES_MAX)
        self._noted_transactions = CleanedTransactions()
        self._keys = KeyPass(offsets, self._noted_transactions, cleanable.first_dirty_offset, limit_bytes)
        self._copy = CopyPass(
            offsets,
            self._transactions,
            now_ms=now_ms,
            delete_retention_ms=log.config.delete_retention_ms,
            limit_bytes=limit_bytes,
        )
        self._map_bytes_read = 0
        self._sums = {"bytes_read": 0, "bytes_kept": 0, "segments_before": 0, "segments_after": 0}
        self._old: list[Segment] = []
        self._new: Segment | None = None
        self._waits = False
        self._slices: Slices[None] = self._run(cleanable.first_uncleanable_offset)
        self.cleaned_to: int | None = None
        self.failure: str | None = None
        self.is_over = False

    @property
    def stats(self) -> CleaningStats:
        """What it has done so far."""
        return CleaningStats(
            *self._times,
            map_bytes_read=self._map_bytes_read,
            map_records_read=self._keys.records_read,
            keys=len(self._offsets),
            map_load=len(self._offsets) / self._offsets.slots,
            records_read=self._copy.records_read,
            records_kept=self._copy.records_kept,
            records_without_key=self._copy.records_without_key,
            **self._sums,
        )

    def next_work(self, now_ms: int) -> DiskWork | None:
        """The next slice; None when there is none any more. The one before must be done."""
        assert not self._waits, "the slice before is done first"
        self._times = (self._times[0], now_ms)
        if not self.is_over and not self._is_as_it_was():
            self._end(f"{self._log.path} changed while it was compacted")
        if self.is_over:
            return None
        try:
            work = next(self._slices, None)
        except (OSError, KafkaStorageError) as error:
            self._end(f"couldn't compact {self._log.path}: {error}")
            return None
        self.is_over = work is None
        self._waits = work is not None
        return work

    def step(self, now_ms: int) -> bool:
        """Do one slice here and now; whether there is more to do."""
        work = self.next_work(now_ms)
        if work is None:
            return False
        try:
            work.run()
        except (OSError, KafkaError) as error:
            work.done(error)
        else:
            work.done(None)
        return not self.is_over

    def abandon(self) -> None:
        """End it here, at any time; nothing of it is left but groups of segments that were replaced already."""
        if not self.is_over:
            self._end(f"the compaction of {self._log.path} was abandoned")

    def _end(self, failure: str) -> None:
        self.failure = failure
        self.is_over = True
        self._slices.close()
        new, self._new = self._new, None
        if new is not None:
            new.retire()
            try:
                for path in new.paths():
                    if self._log.fs.exists(path):
                        self._log.fs.unlink(path)
            except OSError as error:
                self.failure = f"{failure}; then {error}"  # the next start removes them

    def _is_as_it_was(self) -> bool:
        """Whether the log still works, wasn't cut at its end, and has the segments in work."""
        log = self._log
        if log.failure is not None or log.disk.generation != self._generation:
            return False
        there = log.segments.from_offset(self._old[0].base_offset) if self._old else []
        return there[: len(self._old)] == self._old

    def _sliced(self, name: str, run: Callable[[], Result], *, waits_for_disk: bool = False) -> Slices[Result]:
        """Have something done as a slice of its own; what came of it."""
        results: list[Result] = []

        def done(error: BaseException | None) -> None:
            self._waits = False
            if error is None or self.is_over:
                return
            if isinstance(error, CorruptMessage):
                self._end(failed_to_read(self._log, error).message)
            else:
                self._end(f"couldn't compact {self._log.path}: {error}")

        yield DiskWork(f"{name} {self._log.path}", lambda: results.append(run()), done, 0, waits_for_disk)
        return results[0]

    def _run(self, up_to: int) -> Slices[None]:
        yield from self._note_keys(up_to)
        end_offset = self._offsets.latest_offset + 1
        segments = [each for each in self._log.segments if each.base_offset < min(end_offset, up_to)]
        for group in grouped(segments, self._log.config, up_to):
            yield from self._replace(group)
        yield from self._sliced("give back the map of", self._offsets.free)
        self.cleaned_to = end_offset

    def _note_keys(self, up_to: int) -> Slices[None]:
        """Fill the map from the dirty part, up to where it is full."""
        log = self._log
        yield from self._sliced("make room to compact", self._offsets.clear)
        self._offsets.latest_offset = self._from_offset - 1  # also of what is clean, tombstones may go
        dirty = [each for each in log.segments.from_offset(self._from_offset) if each.base_offset < up_to]
        self._noted_transactions.found(log.reading.aborted(self._from_offset, up_to))
        for number, segment in enumerate(dirty):
            self._old = dirty[number:]
            yield from self._note_keys_of(segment)
            if self._keys.is_full:
                break
            self._offsets.latest_offset = log.segments.upper_offset(segment, up_to) - 1  # behind it may be a gap
        self._old = []

    def _note_keys_of(self, segment: Segment) -> Slices[None]:
        position = self._position_in(segment)
        while position < segment.size_bytes and not self._keys.is_full:
            piece = self._read(segment, position)

            def run(piece: bytes = piece, position: int = position) -> int:
                return self._keys.note(whole_batches(segment, piece, position), PIECE_BYTES)

            moved = yield from self._sliced("note keys of", run)
            position += moved
            self._map_bytes_read += moved

    def _position_in(self, segment: Segment) -> int:
        """Where the batches begin whose keys are noted; a look-up puts a wrong index right."""
        try:
            found = segment.find(max(self._from_offset, segment.base_offset))
        except (OSError, CorruptMessage) as error:
            raise failed_to_read(self._log, error) from error
        return segment.size_bytes if found is None else found[0]

    def _replace(self, old: list[Segment]) -> Slices[None]:
        """Copy segments that follow on each other into one, which takes their place."""
        log = self._log
        self._old = old
        yield from self._note_producers()
        self._copy.high_watermark = log.high_watermark
        new = Segment(log.fs, log.path, old[0].base_offset, create=True, now_ms=old[-1].created_ms, stage=CLEANED)
        self._new = new
        new.file.truncate(0)
        for segment in old:
            upper = log.segments.upper_offset(segment, segment.base_offset + 1)
            self._transactions.found(log.reading.aborted(segment.base_offset, upper))
            yield from self._copy_into(new, segment)
        new.seal()
        syncs = new.sync_later()
        yield from self._sliced(
            "sync the compacted segment of", lambda: [sync() for sync in syncs], waits_for_disk=True
        )
        try:
            unlinks = log.segments.replace(old, new)
        except (OSError, IndexFileError) as error:
            raise log.failed(f"couldn't replace segments of {log.path}: {error}") from error
        log.hot.clear()  # it has aborted records that the index no longer tells of
        self._new = None
        self._old = []
        self._sums["segments_before"] += len(old)
        self._sums["segments_after"] += 1
        log.disk.forget(unlinks)

    def _note_producers(self) -> Slices[None]:
        """Note the last batch of each producer. A producer that writes meanwhile has its last batch in the active
        segment: whichever of the two is noted, nothing that must be kept is lost.
        """
        known: dict[int, tuple[int, int]] = {}
        for count, each in enumerate(self._log.producers, 1):
            known[each.producer_id] = last_of(each)
            if count % PRODUCERS_A_SLICE == 0:
                yield from self._sliced("look at more producers of", lambda: None)
        self._copy.last_of_producers = known

    def _copy_into(self, new: Segment, segment: Segment) -> Slices[None]:
        position = 0
        while position < segment.size_bytes:
            piece = self._read(segment, position)

            def run(piece: bytes = piece, position: int = position) -> Copied:
                found = self._copy.retained(whole_batches(segment, piece, position), PIECE_BYTES)
                return Copied(*found, chunks(*found[1:]) if found[1] else ())

            copied = yield from self._sliced("compact", run)
            position += copied.read_bytes
            self._sums["bytes_read"] += copied.read_bytes
            self._sums["bytes_kept"] += copied.nbytes
            if copied.batches:
                at = new.size_bytes
                new.file.append(copied.chunks, copied.nbytes)
                note_batches(new, copied.batches, at, self._log.config.index_interval_bytes)
            for aborted in self._transactions.retained:
                new.add_aborted(aborted)
            self._transactions.retained.clear()

    def _read(self, segment: Segment, position: int) -> bytes:
        """Some batches from a position on, one at least."""
        try:
            piece = segment.file.read(position, self._piece_bytes)
            nbytes = 12 + int.from_bytes(piece[8:12], "big", signed=True)
            if len(piece) >= HEADER_BYTES and len(piece) < nbytes <= segment.size_bytes - position:
                piece = segment.file.read(position, nbytes)
        except OSError as error:
            raise failed_to_read(self._log, error) from error
        return piece


def whole_batches(segment: Segment, piece: bytes, position: int) -> list[RecordBatch]:
    """The batches that a piece of a segment begins with, if their checksums are right; raises CorruptMessage."""
    if not segment.verified.checked(piece, position):
        raise CorruptMessage(f"{segment.file.path} ends in the middle of a record batch")
    return parse_batches(piece, allow_partial=True)


def last_of(producer: ProducerEntry) -> tuple[int, int]:
    """The last offset of a producer's records, -1 if a marker came last, and its epoch."""
    return (producer.window[-1].last_offset if producer.window else -1), producer.epoch
