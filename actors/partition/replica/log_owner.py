"""The base class of a replica's actor, which owns the log: opening, upkeep, and going offline when the disk fails.

A log has ``upkeep`` while it is in use and for a little longer; an idle one costs nothing. The folder's checkpoints get
its changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.image.image import Directory
from actors.node.messages import CheckFiles
from actors.partition.cleaning_messages import (
    Clean,
    Cleaned,
    CleanNow,
    Compact,
    FindCleanable,
    FoundCleanable,
    LogTruncated,
    OfferLog,
)
from actors.partition.messages import (
    BecomeFollower,
    BecomeLeader,
    EnforceRetention,
    HighWatermarkMoved,
    LogSize,
    MeasureLog,
    RecoveryPointMoved,
    ReportHighWatermark,
    StartOffsetMoved,
    Upkeep,
)
from actors.partition.replica.compacting import CleaningGoesOn, Compacting
from actors.partition.replica.disk_queue import DiskQueue, UnlinkFiles
from actors.partition.replica.offline import LOG_FAILED, RETRY_MS_MIN, STEADY_MS, Offline, RetryLog
from actors.partition.replica.opening import LogEnds, open_log
from actors.partition.to_controller.directory_assignments import AssignDirectory
from actors.runtime import Actor, receives
from kstore.errors import KafkaError, KafkaStorageError
from kstore.errors.arguments import LONG_MAX
from kstore.log.cleanable import cleanable
from kstore.log.damage import is_there
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.node.node import BrokerNode
    from actors.partition.replica.ending import Closing, Removal
    from actors.runtime import Ref
    from kstore.log import Log, LogConfig
    from kstore.log.answers import Expired

OFFLINE_LAG = -1
UPKEEP_MS = 1_000
IDLE_UPKEEP_MS = 600_000
UPKEEP = Upkeep()


class LogListeners(NamedTuple):
    """The actors that are informed of changes in a node's logs.

    ``high_watermarks`` is informed when one has moved since it was last asked for, ``recovery_points`` and
    ``start_offsets`` of each change, ``directories`` when a log goes offline or is back, ``cleaner`` when a compacted
    log may have something to clean.
    """

    directories: Ref
    high_watermarks: Ref
    recovery_points: Ref
    start_offsets: Ref
    cleaner: Ref


class ServicesRenewed(NamedTuple):
    """One of the actors that all replicas of a node use was replaced: it must be informed of everything again."""

    isr_changes: Ref
    listeners: LogListeners


class LogOwner(Actor):
    """``log`` and ``disk_queue`` are set if ``has_log``; ``offline`` says why the log is offline, if it is."""

    node: BrokerNode

    # There are thousands of replicas: with so many attributes, a dictionary for each takes 1,500 bytes.
    __slots__ = tuple(
        "back_ms checkpoint_due compacting disk_queue ending fsync_first has_log label listeners log log_config "
        "offered offline partition recovery_point retry_ms start_offset topic topic_id upkeep_armed".split()
    )

    def __init__(
        self,
        node: BrokerNode,
        topic: str,
        partition: int,
        topic_id: bytes,
        *,
        log_config: LogConfig,
        listeners: LogListeners,
    ) -> None:
        self.label = f"{topic}-{partition}"
        super().__init__(node, f"replica/{self.label}")
        self.topic = topic
        self.partition = partition
        self.topic_id = topic_id
        self.listeners = listeners
        self.log_config = log_config
        self.fsync_first = log_config.flush_messages == 1  # before it is acknowledged, or counts as replicated
        self.checkpoint_due = False
        self.recovery_point = 0  # as its checkpoint says, as does
        self.start_offset = 0
        self.upkeep_armed = False
        self.compacting: Compacting | None = None
        self.offered = -1  # the active segment's base offset when the cleaner was told of the log
        self.ending: Removal | Closing | None = None
        self.offline: Offline | None = None
        self.back_ms = -STEADY_MS  # when it was last taken into use after a failure, and
        self.retry_ms = RETRY_MS_MIN  # how long it was waited for that
        self.log: Log
        self.disk_queue: DiskQueue
        self.has_log = False

    def begin_with(self, ends: LogEnds) -> None:
        """Open the log for the first time; one that can't be opened is offline.

        A defect has the same effect: this is a turn of the broker, which a log must not end.
        """
        self.recovery_point = ends.recovery_point
        self.start_offset = ends.start_offset
        try:
            self.open_log(ends)
        except Exception as error:
            if not isinstance(error, KafkaError):
                world = self.node.world
                if world.strict:
                    raise
                world.failures.tell(self.actor_urn, "a replica; its log is opened again later", error)
            self.offline = Offline(self, error, ends._replace(floor=ends.high_watermark))

    def open_log(self, ends: LogEnds) -> Log:
        """Open the log; raises a KafkaError if that isn't possible."""
        draw_below = self.node.world.random.randrange
        log = open_log(self.node.fs, self.label, self.topic_id, self.log_config, ends, self.now_ms(), draw_below)
        if log.recovery.cut_offset is not None:
            self.note("LogCut", self.label, log.recovery.cut_offset, ends.high_watermark)
        log.on_failure = self._log_has_failed
        self.log = log
        self.disk_queue = DiskQueue(self, log)
        self.has_log = True
        return log

    def on_start(self) -> None:
        """Report a log that could not be opened, and one that could be if it was lost before, or is in a new folder."""
        if self.offline is not None:
            self.offline.begin()
        else:
            self._tell_directory()
            self.offer_to_cleaner()

    def _tell_directory(self) -> None:
        view = self.node.view
        found = view.image.partition(self.topic, self.partition)
        if found is not None and found.directory_of(self.node.node_id) not in (view.directory_id, *Directory.UNSAID):
            self.listeners.directories.tell(AssignDirectory(self.topic_id, self.partition, view.directory_id))

    def go_offline(self, error: Exception, *, damaged: bool = False) -> None:
        """Take the log offline until it can be opened again; does nothing if it is offline.

        ``damaged``: some of its bytes are wrong, so it is fetched again, if other replicas have everything.
        """
        if self.ending is not None:
            return
        self.stop_compacting()
        if self.offline is None:
            self.offline = Offline(self, error, LogEnds.of(self.log))
            self.offline.wanted = self.give_up_role(self.offline.error)
            self.offline.begin()
        if damaged:
            self.offline.damage = self.offline.error

    def give_up_role(self, error: KafkaError) -> BecomeLeader | BecomeFollower | None:
        """Answer everything that waits with an error; returns the role to take when the log is back, if any."""
        raise AssertionError(f"{type(self).__name__} plays no role")

    def take_role(self, message: BecomeLeader | BecomeFollower) -> None:
        """Take the role that was assigned while the log was offline."""
        raise AssertionError(f"{type(self).__name__} plays no role")

    def _log_has_failed(self) -> None:
        """Note that the log has failed, in the middle of a turn; the consequences have a turn of their own."""
        self.inbox.send(LOG_FAILED)

    @receives(CheckFiles)
    def check_files(self, message: CheckFiles) -> None:
        """Go offline if the log was deleted: a deleted open file can be written to, but never found again."""
        if self.offline is None and not is_there(self.log):
            self.go_offline(KafkaStorageError(f"the files of {self.label} are gone"))

    @receives(RetryLog)
    def retry_log(self, message: RetryLog) -> None:
        """Try to open the log again; after a defect it is retried too."""
        offline = self.offline
        if offline is None or self.ending is not None:
            return
        try:
            offline.retry()
        except Exception:
            if self.offline is offline:
                offline.try_later()
            raise

    def high_watermark_moved(self) -> None:
        """Inform the checkpoint, once."""
        if not self.checkpoint_due:
            self._tell_high_watermark()
        if self.recovery_point != self.log.recovery_point:
            self._recovery_point_moved()

    def _tell_high_watermark(self) -> None:
        self.checkpoint_due = True
        self.listeners.high_watermarks.tell(HighWatermarkMoved(self.topic, self.partition, self.actor_ref))

    def _recovery_point_moved(self) -> None:
        """Inform the checkpoint that more of the log is on disk; or less, after a truncation."""
        before, self.recovery_point = self.recovery_point, self.log.recovery_point
        has_fallen = self.recovery_point < before
        self.listeners.recovery_points.tell(
            RecoveryPointMoved(self.topic, self.partition, self.recovery_point, has_fallen)
        )

    def start_moved(self) -> None:
        """Inform the checkpoint that the log start may have moved, and unlink what was before it."""
        before, self.start_offset = self.start_offset, self.log.start_offset
        if before != self.start_offset:
            has_fallen = self.start_offset < before
            self.listeners.start_offsets.tell(
                StartOffsetMoved(self.topic, self.partition, self.start_offset, has_fallen)
            )
            self.disk_queue.start()
            self.offered = -1  # with less that is clean, it may be dirty enough now
            self.offer_to_cleaner()

    @receives(EnforceRetention)
    def enforce_retention(self, message: EnforceRetention) -> Expired | None:
        """Remove what the topic's retention doesn't keep. Each replica does so by its own log, as in Apache Kafka."""
        if self.ending is not None or self.offline is not None:
            return None
        try:
            expired = self.log.expire(self.now_ms())
        except KafkaStorageError as error:
            self.go_offline(error)
            return None
        if expired is not None:
            self.note("SegmentsExpired", self.label, expired.start_offset, expired.new_start_offset, expired.reason)
            self.start_moved()
            self.disk_queue.start()
        return expired

    @receives(UnlinkFiles)
    def unlink_files(self, message: UnlinkFiles) -> None:
        """Unlink files of removed segments, after ``file.delete.delay.ms``. An end or a new start does so otherwise."""
        if self.ending is None and self.offline is None and message.queue is self.disk_queue:
            self.disk_queue.add([message.work])

    def offer_to_cleaner(self) -> None:
        """Tell the node's cleaner of a compacted log with closed segments, once for each, or if ``offered`` is -1."""
        log = self.log
        active = log.segments.active.base_offset
        if log.config.compacted and len(log.segments) > 1 and active != self.offered:
            self.offered = active
            self.listeners.cleaner.tell(OfferLog(self.topic, self.partition, self.actor_ref))

    def truncated(self) -> None:
        """Tell the node's cleaner that the log was cut at its end."""
        self.offered = -1
        if self.log.config.compacted:
            self.listeners.cleaner.tell(LogTruncated(self.topic, self.partition, self.log.end_offset))

    def stop_compacting(self) -> None:
        """End a cleaning that is under way."""
        if self.compacting is not None:
            self.compacting.abandon()

    @property
    def _can_compact(self) -> bool:
        return self.ending is None and self.offline is None and self.log.config.compacted

    @receives(FindCleanable)
    def find_cleanable(self, message: FindCleanable) -> FoundCleanable | None:
        """What of the log can be cleaned."""
        if not self._can_compact:
            return None
        log = self.log
        try:
            found = cleanable(log, message.first_dirty_offset, self.now_ms())
        except KafkaStorageError as error:
            self.go_offline(error)
            return None
        waits = found.first_uncleanable_offset < log.segments.active.base_offset
        may_become_due = waits or (found.cleanable_bytes > 0 and log.config.max_compaction_lag_ms < LONG_MAX)
        return FoundCleanable(found, found.is_due(log.config), may_become_due)

    @receives(Clean)
    def clean(self, message: Clean) -> None:
        """Clean the log, in turns and between them."""
        if not self._can_compact:
            return
        self.stop_compacting()
        self.compacting = Compacting(self, message, self.defer())
        self.compacting.begin()

    @receives(CleaningGoesOn)
    def cleaning_goes_on(self, message: CleaningGoesOn) -> None:
        """Go on with a cleaning that has waited, unless it is over."""
        if self.compacting is message.compacting:
            self.compacting.go_on()

    @receives(Compact, may_refuse=True)
    def compact(self, message: Compact) -> list[Cleaned] | None:
        """Clean the log at once, with what was the active segment until now."""
        if not self.log_config.compacted:
            return None
        if not self._can_compact:
            return []
        try:
            self.log.roll(self.now_ms())
        except KafkaStorageError as error:
            self.go_offline(error)
            raise
        self.disk_queue.start()
        reply = self.defer()
        self.request(self.listeners.cleaner, CleanNow(self.topic, self.partition, self.actor_ref), reply.set)
        return None

    @receives(ReportHighWatermark)
    def report_high_watermark(self, message: ReportHighWatermark) -> int:
        """The high watermark, for the checkpoint; the last known one while the log is offline."""
        self.checkpoint_due = False
        return self.log.high_watermark if self.offline is None else self.offline.ends.high_watermark

    @receives(MeasureLog)
    def measure_log(self, message: MeasureLog) -> LogSize | None:
        """The log's size on disk; the last known one while it is offline."""
        if not self.has_log or self.ending is not None:
            return None
        log = self.log
        lag = OFFLINE_LAG if self.offline is not None else max(log.high_watermark - log.end_offset, 0)
        return LogSize(log.size_bytes, lag)

    @receives(ServicesRenewed)
    def services_renewed(self, message: ServicesRenewed) -> None:
        """Inform the new actors of what their predecessors knew of this replica."""
        self.listeners = listeners = message.listeners
        self._tell_high_watermark()
        topic, partition = self.topic, self.partition
        listeners.recovery_points.tell(RecoveryPointMoved(topic, partition, self.recovery_point, False))
        if self.start_offset:
            listeners.start_offsets.tell(StartOffsetMoved(topic, partition, self.start_offset, False))
        self.offered = -1
        if self.offline is not None:
            self.offline.tell_lost()
        else:
            self._tell_directory()
            self.offer_to_cleaner()

    def appended(self) -> None:
        """Do the log's disk work after it has grown, and its upkeep while it is in use."""
        if self.disk_queue.start():  # perhaps a segment was closed
            self.offer_to_cleaner()
        if not self.upkeep_armed:
            self.upkeep_armed = True
            self.after(UPKEEP_MS, UPKEEP)

    @receives(Upkeep)
    def upkeep(self, message: Upkeep) -> None:
        """Roll by age, sync by age, free memory, expire idle producers; an idle log isn't checked again."""
        self.upkeep_armed = False
        if self.ending is not None or self.offline is not None:
            return
        log = self.log
        try:
            self.disk_queue.begin(log.tick(self.now_ms()))
        except KafkaStorageError as error:
            self.go_offline(error)
            return
        self.offer_to_cleaner()
        if self.recovery_point != log.recovery_point:
            self._recovery_point_moved()
        sync_by_age = log.config.flush_ms < LONG_MAX and log.recovery_point < log.end_offset
        if len(log.hot) or sync_by_age:
            self.upkeep_armed = True
            self.after(UPKEEP_MS, UPKEEP)
        elif len(log.producers):
            self.upkeep_armed = True
            self.after(IDLE_UPKEEP_MS, UPKEEP)
