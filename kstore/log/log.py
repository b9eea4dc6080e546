"""``Log``: a partition's log. Batches are appended at its end, read from any offset, and truncated.

The owner (a replica's actor) calls it from one thread, tells it the time, and carries out the ``DiskWork`` that it
hands out. Appends are one vectored write into the page cache. ``Log`` is what the owner sees; its parts do the work:

* ``start_offset``, ``high_watermark``, ``end_offset``: its ends; ``disk`` (``Durability``): recovery point, syncs;
* ``segments``, ``epochs``, ``producers``, ``hot``: what is in the files, and what is derived from it;
* ``reading``, ``truncation``, ``upkeep``, and ``appending.pyx``: what is done with them.

Invariants. Offsets rise along the log, and so do leader epochs. ``start_offset <= high_watermark <= end_offset``.
Producer state, indexes, hot tail and end offset change only after the write that they describe has succeeded. What
lies below ``recovery_point`` is durable. After any error of the disk, in a read or a sync as well, ``failure`` says
why, and the log takes no more appends: a recovery has to find out what the disk holds. ``damage`` says what bytes were
found to be wrong first, if any were: those aren't read. ``on_failure`` hears of each of the two once.
"""

from collections.abc import Callable, Iterator, Sequence

from kstore.errors import CorruptMessage, KafkaError, KafkaStorageError, OffsetOutOfRange
from kstore.fs import FileSystem
from kstore.fs.interface import parent
from kstore.log import retention
from kstore.log.answers import AppendInfo, DiskWork, Expired, LogRead, TimestampedOffset
from kstore.log.appending import FollowerAppend, LeaderAppend
from kstore.log.config import LogConfig
from kstore.log.damage import unreadable
from kstore.log.durability import Durability, run_all
from kstore.log.manifest import LogNote
from kstore.log.preparing import Prepared
from kstore.log.reading import Reading
from kstore.log.recovery import Loaded, Loader, RecoveryReport
from kstore.log.tail import HotTail
from kstore.log.truncation import Truncation
from kstore.log.upkeep import Upkeep
from kstore.log.verification import AppendOptions
from kstore.records import RecordBatch


class Log:
    """Use ``Log.open``. Offsets and epochs that there are none of are -1."""

    __slots__ = (
        "_draw_below",
        "config",
        "damage",
        "disk",
        "end_offset",
        "epochs",
        "failure",
        "fs",
        "high_watermark",
        "hot",
        "jitter_ms",
        "on_failure",
        "path",
        "producers",
        "reading",
        "recovery",
        "segments",
        "start_offset",
        "truncation",
        "upkeep",
    )

    def __init__(
        self,
        fs: FileSystem,
        path: str,
        config: LogConfig,
        loaded: Loaded,
        now_ms: int,
        draw_below: Callable[[int], int] | None,
    ) -> None:
        self.fs = fs
        self.path = path
        self.config = config
        self.segments = loaded.segments
        self.epochs = loaded.epochs
        self.producers = loaded.producers
        self.recovery: RecoveryReport = loaded.report
        self.start_offset = loaded.start_offset
        self.end_offset = loaded.end_offset
        self.high_watermark = loaded.start_offset
        self.hot = HotTail(config.hot_tail_bytes)
        self.failure: str | None = None
        self.damage: str | None = None
        self.on_failure: Callable[[], None] | None = None
        self.disk = Durability(self, loaded.recovery_point, now_ms, repaired=loaded.report.walked_segments > 0)
        self.reading = Reading(self)
        self.truncation = Truncation(self)
        self.upkeep = Upkeep(self, now_ms)
        self._draw_below = draw_below
        self.draw_jitter()

    @classmethod
    def open(
        cls,
        fs: FileSystem,
        path: str,
        config: LogConfig,
        *,
        now_ms: int,
        clean: bool = False,
        recovery_point: int = 0,
        start_offset: int = 0,
        high_watermark: int | None = None,
        note: LogNote | None = None,
        floor: int = 0,
        draw_below: Callable[[int], int] | None = None,
    ) -> "Log":
        """Open the log in folder ``path``, making it when it isn't there.

        ``clean`` says that the last stop left a clean-shutdown mark; otherwise the log is walked from
        ``recovery_point`` on. That, ``start_offset`` and ``high_watermark`` come from the folder's checkpoints, and
        ``note`` from what that clean stop wrote down. ``recovery`` of the log tells what was found. Raises
        KafkaStorageError when the disk fails, and of those LogDamaged, leaving the batches as they are, when something
        is wrong or gone that was on the disk, or is below ``floor``, up to where the log is known to have held all.

        ``draw_below`` draws the jitter by which segments roll early, a number from 0 below another one; without it
        there is none.
        """
        try:
            loaded = Loader(fs, path, config, clean, now_ms, note, floor).load(recovery_point, start_offset)
        except OSError as error:
            raise KafkaStorageError(f"can't open {path}: {error}") from error
        except CorruptMessage as error:
            raise unreadable(path, error) from error
        log = cls(fs, path, config, loaded, now_ms, draw_below)
        log.advance_high_watermark(log.start_offset if high_watermark is None else high_watermark)
        return log

    def __repr__(self) -> str:
        return f"Log({self.path!r}, {self.start_offset}..{self.end_offset}, {len(self.segments)} segments)"

    @property
    def size_bytes(self) -> int:
        """How many bytes of batches it has."""
        return self.segments.size_bytes

    @property
    def segment_ms(self) -> int:
        """How old the active segment may become before it is rolled."""
        return self.config.segment_ms - self.jitter_ms

    def draw_jitter(self) -> None:
        """Another segment became the active one: draw how much earlier than others it is rolled, so that those of many
        logs aren't rolled all at once (``LogConfig.randomSegmentJitter`` in Apache Kafka).
        """
        bound = min(self.config.segment_jitter_ms, self.config.segment_ms)
        self.jitter_ms = 0 if bound <= 0 or self._draw_below is None else self._draw_below(bound)

    @property
    def recovery_point(self) -> int:
        """Up to which offset it is on the disk."""
        return self.disk.recovery_point

    @property
    def floor(self) -> int:
        """Up to which offset it has all when it is opened again: its end, or where a cut was to end that failed."""
        cut = self.truncation.under_way
        return self.end_offset if cut is None else min(cut, self.end_offset)

    @property
    def latest_epoch(self) -> int:
        """The newest leader epoch in it; -1 without one."""
        return self.epochs.latest

    @property
    def last_stable_offset(self) -> int:
        """Below it every record is replicated, and belongs to no transaction that is still open."""
        unstable = self.producers.transactions.first_unstable_offset
        if unstable < 0 or unstable >= self.high_watermark:
            return self.high_watermark
        return max(unstable, self.start_offset)

    def assign_epoch(self, epoch: int, start_offset: int) -> None:
        """Note that a leader epoch begins at an offset, as a new leader does before its first append."""
        try:
            self.epochs.assign(epoch, start_offset)
        except OSError as error:
            raise self.failed(f"can't write {self.epochs.path}: {error}") from error

    def epoch_end_offset(self, epoch: int) -> tuple[int, int]:
        """The newest epoch here that isn't after ``epoch``, and where it ends; (-1, -1) when there is none."""
        return self.epochs.end_offset(epoch, self.end_offset)

    def epoch_at(self, offset: int) -> int:
        """The leader epoch of an offset; -1 if it isn't known."""
        return self.epochs.at(offset)

    def advance_high_watermark(self, offset: int) -> int:
        """Set the high watermark, within the log; what it is then. It may fall as well, after a truncation."""
        self.high_watermark = max(self.start_offset, min(offset, self.end_offset))
        self.producers.transactions.high_watermark_advanced(self.high_watermark)
        return self.high_watermark

    def moved_to(self, start_offset: int, end_offset: int) -> None:
        """Take the new ends, as records were deleted or cut off. The high watermark stays between them."""
        assert 0 <= start_offset <= end_offset, f"{self.path} from {start_offset} to {end_offset}"
        self.start_offset = start_offset
        self.end_offset = end_offset
        self.advance_high_watermark(self.high_watermark)

    def check(self) -> None:
        """The invariants above, as far as they are told from what is in memory (``kstore/checked.pyx``)."""
        assert 0 <= self.start_offset <= self.high_watermark <= self.end_offset, repr(self)
        assert self.recovery_point <= self.end_offset, f"{self} is durable up to {self.recovery_point}"
        self.segments.check(self.start_offset, self.end_offset)
        self.producers.check_open(self.end_offset)
        assert self.start_offset <= self.last_stable_offset <= self.high_watermark, repr(self)
        self.hot.check(self.end_offset)

    def append_as_leader(
        self,
        groups: Sequence[Sequence[RecordBatch] | Sequence[Prepared]],
        leader_epoch: int,
        now_ms: int,
        *,
        from_client: bool = True,
        options: Sequence[AppendOptions | None] | None = None,
    ) -> list[AppendInfo | KafkaError]:
        """Validate, stamp and append each group (the batches of one request), all of them in one write.

        Each stands or falls by itself: its place in the answer holds its AppendInfo or its error. A retry of one of
        the producer's last five batches is answered with the offsets of the first time. ``from_client`` is False for
        what coordinators and the quorum write; ``options`` has those of each group, if any. ``Prepared`` batches are
        validated already.
        """
        return LeaderAppend(self, leader_epoch, now_ms, from_client).run(groups, options)

    def append_as_follower(self, batches: Sequence[RecordBatch], now_ms: int, *, verify: bool = True) -> None:
        """Append what a leader has stamped, in one write (one a segment); ``verify`` checks the checksums.

        Raises CorruptMessage for wrong bytes or offsets that don't continue the log, KafkaStorageError for the disk.
        """
        FollowerAppend(self, now_ms).run(batches, verify)

    def read(self, offset: int, max_bytes: int, *, up_to: int | None = None, min_one: bool = True) -> LogRead:
        """The batches from the one with ``offset`` on, at most ``max_bytes`` of them, that end below ``up_to``.

        ``up_to`` is the end of the log unless given (the high watermark for consumers). With ``min_one`` the first
        batch comes even when it is larger than ``max_bytes``. Raises OffsetOutOfRange.
        """
        end_offset = self.end_offset
        if offset < self.start_offset or offset > end_offset:
            raise OffsetOutOfRange(f"offset {offset} isn't in {self.path}: {self.start_offset} to {end_offset}")
        limit = end_offset if up_to is None or up_to > end_offset else up_to
        if offset < limit:
            found = self.hot.read(offset, max_bytes, limit, min_one)
            if found is not None:
                return LogRead(found[0], None, found[1], found[2])
        return self.reading.read(offset, max_bytes, limit, min_one)

    def doubt(self, offset: int) -> None:
        """Have the checksums of what is there from an offset on checked again, as it is next read."""
        self.reading.doubt(offset)

    def read_committed(self, offset: int, max_bytes: int) -> LogRead:
        """As ``read``, up to the last stable offset, with the transactions among what was read that were aborted.

        Their records are in the answer: the reader leaves them out, as in Apache Kafka.
        """
        read = self.read(offset, max_bytes, up_to=self.last_stable_offset)
        if read.size_bytes:
            read.aborted = self.reading.aborted(offset, read.next_offset)
        return read

    def batches(self, offset: int, up_to: int | None = None) -> Iterator[RecordBatch]:
        """The batches from the one with ``offset`` on that end below ``up_to``, read from the files."""
        return self.reading.batches(offset, self.end_offset if up_to is None else min(up_to, self.end_offset))

    def offset_for_timestamp(self, timestamp: int) -> TimestampedOffset | None:
        """The first record at ``timestamp`` or later, or None when all are older."""
        return self.reading.first_at(timestamp)

    def max_timestamp(self) -> TimestampedOffset | None:
        """The first of the newest records, or None in an empty log."""
        return self.reading.newest()

    def advance_start_offset(self, offset: int) -> None:
        """Records below ``offset`` are as good as gone (DeleteRecords, a leader's start offset); whole segments go.

        Raises OffsetOutOfRange beyond the high watermark.
        """
        self.truncation.before(offset)

    def expire(self, now_ms: int) -> Expired | None:
        """Remove the segments whose time is over, or that are too much, as ``retention.py`` says; None: there are none.

        The active segment may be one of them: another one is begun in its place.
        """
        return retention.expire(self, now_ms)

    def lower_recovery_point(self, offset: int) -> int:
        """Promise nothing from ``offset`` on, as it is about to be cut there; the recovery point that is left.

        That is to be in its checkpoint, durably, before ``truncate_to`` is called: after a power loss what lay behind
        it may be torn, and is then no damage. Raises KafkaStorageError when the disk fails.
        """
        return self.truncation.prepare(offset)

    def truncate_to(self, offset: int) -> int:
        """Cut everything from ``offset`` on; the new end: where the last batch that is left ends.

        It is lower than ``offset`` when that lies inside of a batch, or between two batches. The recovery point and the
        high watermark fall with the end. Append nothing before the cut is durable (``flush_work``): a power loss could
        leave some of the new batches and some of the old ones. Raises KafkaStorageError when the disk fails half way:
        the log is then closed for appends.

        At the log's end there are no records to cut, but an epoch may begin there that has none: it goes too.
        """
        return self.truncation.from_offset(offset)

    def truncate_fully_and_start_at(self, offset: int, now_ms: int = 0) -> None:
        """Throw everything away and begin anew at ``offset``."""
        self.truncation.all_and_start_at(offset, now_ms)

    def roll(self, now_ms: int) -> None:
        """Close the active segment and begin one at the end offset; an empty segment stays as it is.

        Raises KafkaStorageError when the disk fails.
        """
        try:
            self.upkeep.roll(now_ms)
        except OSError as error:
            raise self.failed(f"couldn't roll {self.path}: {error}") from error

    def tick(self, now_ms: int) -> list[DiskWork]:
        """What time brings: rolls by age, expiry of producers, syncs that are due. Call it every second or so."""
        return self.upkeep.tick(now_ms)

    def take_work(self) -> list[DiskWork]:
        """The work that has come up since the last call."""
        return self.disk.take()

    def flush_work(self) -> DiskWork | None:
        """What makes the log durable up to its end, or None when it is; its ``done`` raises ``recovery_point``."""
        return self.disk.sync_work()

    def flush(self) -> None:
        """As ``flush_work`` and all work before it, at once."""
        run_all(self.disk.take_all())

    def failed(self, reason: str) -> KafkaStorageError:
        """Close the log for appends; the error to raise."""
        if self.failure is None:
            self.failure = reason
            if self.on_failure is not None:
                self.on_failure()
        return KafkaStorageError(reason)

    def damaged(self, reason: str) -> None:
        """Note that some of its bytes are wrong."""
        if self.damage is None:
            self.damage = reason
            if self.on_failure is not None:
                self.on_failure()

    def closing_work(self) -> list[DiskWork]:
        """What brings all of it to the disk, to be run before ``shut``; raises KafkaStorageError.

        The name of the log's own folder is left to the caller, who writes checkpoints beside it after this.
        """
        return self.disk.closing_work()

    def shut(self) -> None:
        """Give the files back."""
        for segment in self.segments:
            segment.close()

    def close(self) -> None:
        """Make everything durable and give the files back: after this, the log may count as cleanly stopped."""
        try:
            run_all(self.closing_work())
            self.fs.sync_dir(parent(self.path))
        except OSError as error:
            raise self.failed(f"couldn't close {self.path}: {error}") from error
        finally:
            self.shut()

    def abandon(self) -> None:
        """Give the files and the memory back without a sync, and take no more appends: the folder is about to be
        deleted.
        """
        self.failed(f"{self.path} was deleted")
        self.hot.clear()
        for segment in self.segments:
            segment.retire()
