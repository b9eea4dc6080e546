"""One replica of one partition: one actor for as long as the replica lives, playing leader or follower in turn.

The actor owns the partition's log. What it does depends on its role (`leader.py`, `follower.py`); here are the change
of roles, what both answer alike, and the log's disk work. A role change answers everybody who waits here with
NOT_LEADER_OR_FOLLOWER.

A log is looked after (`upkeep`) while it is in use and for a little longer; an idle one costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.partition.deletions import ExpireDeletion
from actors.partition.disk_lane import DiskLane
from actors.partition.ending import Closing, Removal
from actors.partition.finding import find_offset
from actors.partition.follower import Follower
from actors.partition.leader import CheckInSync, ExpireAppends, Leader
from actors.partition.messages import (
    Append,
    BecomeFollower,
    BecomeLeader,
    BrokersChanged,
    CancelRead,
    Close,
    Configure,
    DeleteRecords,
    FindEpochEnd,
    FindOffset,
    Flush,
    FoundOffset,
    HighWatermarkMoved,
    IsrAnswer,
    LogPart,
    Read,
    ReadAnswer,
    ReadLog,
    RecoveryPointMoved,
    Remove,
    Replicate,
    ReportHighWatermark,
    StartAt,
    StartOffsetMoved,
    Upkeep,
)
from actors.partition.serving import TellNews
from actors.runtime import Actor, receives
from kstore.errors import KafkaError, NotLeaderOrFollower, UnknownTopicOrPartition
from kstore.log import Log
from kstore.log.config import LONG_MAX

if TYPE_CHECKING:
    from actors.runtime import Node, Ref
    from kstore.log import LogConfig
    from kstore.log.manifest import LogNote

UPKEEP_MS = 1_000
IDLE_UPKEEP_MS = 600_000
UPKEEP = Upkeep()


class Replica(Actor):
    """The replica of ``topic``-``partition`` on this node.

    ``checkpoints`` is told when the high watermark has moved since it was last asked for it, and ``recovery_points``
    and ``start_offsets`` of each change of those; ``isr_changes`` carries changes of the in-sync set to the controller.
    ``clean``, ``recovery_point``, ``high_watermark`` and ``start_offset`` are what the folder's checkpoints say of the
    log.
    """

    # There are thousands of replicas: with so many attributes, a dictionary for each takes 1,500 bytes.
    __slots__ = tuple(
        "checkpoint_due checkpoints ending follower fsync_first isr_changes label lag_max_ms lane leader "
        "leader_epoch log min_in_sync partition recovery_point recovery_points start_offset start_offsets "
        "topic topic_id upkeep_armed".split()
    )

    def __init__(
        self,
        node: Node,
        topic: str,
        partition: int,
        topic_id: bytes,
        *,
        log_config: LogConfig,
        min_in_sync: int,
        isr_changes: Ref,
        checkpoints: Ref,
        recovery_points: Ref,
        start_offsets: Ref,
        clean: bool = False,
        recovery_point: int = 0,
        high_watermark: int = 0,
        start_offset: int = 0,
        note: LogNote | None = None,
    ) -> None:
        self.label = f"{topic}-{partition}"
        super().__init__(node, f"replica/{self.label}")
        self.topic = topic
        self.partition = partition
        self.topic_id = topic_id
        self.min_in_sync = min_in_sync
        self.fsync_first = log_config.flush_messages == 1  # before it is acknowledged, or counts as replicated
        self.lag_max_ms = node.config.integer("replica.lag.time.max.ms")
        self.isr_changes = isr_changes
        self.checkpoints = checkpoints
        self.recovery_points = recovery_points
        self.start_offsets = start_offsets
        self.log = Log.open(
            node.fs,
            self.label,
            log_config,
            now_ms=self.now_ms(),
            clean=clean,
            recovery_point=recovery_point,
            start_offset=start_offset,
            high_watermark=high_watermark,
            note=note,
        )
        if self.log.recovery.cut_offset is not None:
            self.note("LogCut", self.label, self.log.recovery.cut_offset, high_watermark)
        self.leader: Leader | None = None
        self.follower: Follower | None = None
        self.leader_epoch = -1
        self.checkpoint_due = False
        self.recovery_point = recovery_point  # as its checkpoint says, as does
        self.start_offset = start_offset
        self.lane = DiskLane(self, self.log)
        self.upkeep_armed = False
        self.ending: Removal | Closing | None = None

    # -- roles ---------------------------------------------------------------------------------------------------

    @receives(BecomeLeader)
    def become_leader(self, message: BecomeLeader) -> None:
        """Lead in this epoch, or take what the metadata log says of the one that is led."""
        if message.leader_epoch < self.leader_epoch or self.ending is not None:
            return
        if self.leader is not None and message.leader_epoch == self.leader_epoch:
            self.leader.confirm(message)
            return
        self._leave_role()
        self.leader_epoch = message.leader_epoch
        self.note("BecameLeader", self.label, message.leader_epoch, self.log.end_offset)
        self.leader = Leader(self, message)
        self.leader.look_at_in_sync()
        if self.fsync_first:
            self.lane.sync(self.leader.synced)

    @receives(BecomeFollower)
    def become_follower(self, message: BecomeFollower) -> None:
        """Follow the leader of this epoch, or wait for one."""
        if message.leader_epoch < self.leader_epoch or self.ending is not None:
            return
        following = self.follower
        if (
            following is not None
            and (following.leader_epoch, following.leader) == (message.leader_epoch, message.leader)
            and following.fetcher == message.fetcher
        ):
            return
        self._leave_role()
        self.leader_epoch = message.leader_epoch
        self.note("BecameFollower", self.label, message.leader_epoch, self.log.end_offset)
        self.follower = Follower(self, message)

    def _leave_role(self, error: KafkaError | None = None) -> None:
        if self.leader is not None:
            leader, self.leader = self.leader, None
            leader.leave(error or NotLeaderOrFollower(f"this node no longer leads {self.label}"))
        if self.follower is not None:
            follower, self.follower = self.follower, None
            follower.leave()

    def _leading(self) -> Leader:
        if self.leader is None:
            raise NotLeaderOrFollower(f"this node doesn't lead {self.label}")
        return self.leader

    # -- leading -------------------------------------------------------------------------------------------------

    @receives(Append)
    def append(self, message: Append) -> None:
        """Append a producer's or a coordinator's batches."""
        leader = self.leader
        if leader is None:
            raise NotLeaderOrFollower(f"this node doesn't lead {self.label}")
        leader.append(message)

    @receives(Flush)
    def flush(self, message: Flush) -> None:
        """Append what was collected."""
        if self.leader is not None:
            self.leader.flush()

    @receives(Read)
    def read(self, message: Read) -> None:
        """Serve a fetch."""
        leader = self.leader
        if leader is None:
            self.refuse(message, NotLeaderOrFollower(f"this node doesn't lead {self.label}"))
        else:
            leader.serving.read(message)

    @receives(CancelRead)
    def cancel_read(self, message: CancelRead) -> None:
        """A reader has stopped waiting."""
        if self.leader is not None:
            self.leader.serving.reads.remove(message.token)

    def refuse(self, message: Read, error: KafkaError) -> None:
        """Answer a read with an error."""
        message.reader.tell(ReadAnswer(message.token, error.code, False, -1, -1, -1, None, None))

    @receives(TellNews)
    def tell_news(self, message: TellNews) -> None:
        """Tell waiting followers the high watermark."""
        if self.leader is not None:
            self.leader.serving.tell_news()

    @receives(ExpireAppends)
    def expire_appends(self, message: ExpireAppends) -> None:
        """Answer appends whose time is over."""
        if self.leader is not None:
            self.leader.expire_appends()

    @receives(CheckInSync)
    def check_in_sync(self, message: CheckInSync) -> None:
        """Judge the followers again."""
        if self.leader is not None:
            self.leader.check_in_sync()

    @receives(BrokersChanged)
    def brokers_changed(self, message: BrokersChanged) -> None:
        """A broker came, went or was fenced: somebody may join, or is no longer waited for."""
        if self.leader is not None:
            self.leader.look_at_in_sync()
            self.leader.deletions.settle()

    @receives(IsrAnswer)
    def isr_answered(self, message: IsrAnswer) -> None:
        """The controller has decided on a change of the in-sync set."""
        if self.leader is not None:
            self.leader.isr_answered(message)

    @receives(DeleteRecords)
    def delete_records(self, message: DeleteRecords) -> None:
        """Begin the log later."""
        self._leading().deletions.delete(message)

    @receives(ExpireDeletion)
    def expire_deletion(self, message: ExpireDeletion) -> None:
        """Answer a deletion whose time is over."""
        if self.leader is not None:
            self.leader.deletions.expire(message.number)

    # -- following -----------------------------------------------------------------------------------------------

    @receives(Replicate)
    def replicate(self, message: Replicate) -> None:
        """Take what the fetcher brings."""
        if self.follower is not None:
            self.follower.replicate(message)
        else:
            self.note("EpochFenced", self.label, message.leader_epoch, self.leader_epoch)

    @receives(StartAt)
    def start_at(self, message: StartAt) -> None:
        """Go on from where the leader's log is."""
        if self.follower is not None:
            self.follower.start_at(message)

    # -- looking up ----------------------------------------------------------------------------------------------

    @receives(ReadLog)
    def read_log(self, message: ReadLog) -> LogPart:
        """Give a coordinator the records that it is made of."""
        self._leading()
        log = self.log
        batches = []
        size_bytes = 0
        next_offset = log.end_offset
        for batch in log.batches(max(message.offset, log.start_offset), log.end_offset):
            batches.append(batch)
            size_bytes += batch.size_bytes
            if size_bytes >= message.max_bytes:
                next_offset = batch.last_offset + 1
                break
        return LogPart(batches, next_offset, log.end_offset, log.high_watermark, log.start_offset)

    @receives(FindEpochEnd)
    def find_epoch_end(self, message: FindEpochEnd) -> tuple[int, int]:
        """Where the largest epoch up to the one asked for ends."""
        self._leading().serving.check_epoch(message.leader_epoch)
        return self.log.epoch_end_offset(message.epoch)

    @receives(FindOffset)
    def find_offset(self, message: FindOffset) -> FoundOffset:
        """The offset of a time, or of one of the special times."""
        leader = self._leading()
        leader.serving.check_epoch(message.leader_epoch)
        settled = leader.in_sync.epoch_start_offset <= self.log.high_watermark
        return find_offset(self.log, message, self.leader_epoch, settled=settled)

    # -- upkeep --------------------------------------------------------------------------------------------------

    @receives(Configure)
    def configure(self, message: Configure) -> None:
        """Take the topic's new settings."""
        self.log.config = message.log
        self.fsync_first = message.log.flush_messages == 1
        self.min_in_sync = message.min_in_sync
        if self.leader is not None:
            self.leader.in_sync.require(message.min_in_sync)
            self.leader.look_at_in_sync()

    def high_watermark_moved(self) -> None:
        """The checkpoint has to hear of it, once."""
        if not self.checkpoint_due:
            self.checkpoint_due = True
            self.checkpoints.tell(HighWatermarkMoved(self.topic, self.partition, self.actor_ref))
        if self.recovery_point != self.log.recovery_point:
            self._recovery_point_moved()

    def _recovery_point_moved(self) -> None:
        """More of the log is on the disk than its checkpoint knows; or less, after a truncation."""
        before, self.recovery_point = self.recovery_point, self.log.recovery_point
        has_fallen = self.recovery_point < before
        self.recovery_points.tell(RecoveryPointMoved(self.topic, self.partition, self.recovery_point, has_fallen))

    def start_moved(self) -> None:
        """The log may begin elsewhere now: its checkpoint has to hear of it, and what lay before is unlinked."""
        before, self.start_offset = self.start_offset, self.log.start_offset
        if before != self.start_offset:
            has_fallen = self.start_offset < before
            self.start_offsets.tell(StartOffsetMoved(self.topic, self.partition, self.start_offset, has_fallen))
            self.lane.start()

    @receives(ReportHighWatermark)
    def report_high_watermark(self, message: ReportHighWatermark) -> int:
        """The high watermark, for the checkpoint."""
        self.checkpoint_due = False
        return self.log.high_watermark

    def appended(self) -> None:
        """The log has grown: do its disk work, and look after it for as long as it is in use."""
        self.lane.start()
        if not self.upkeep_armed:
            self.upkeep_armed = True
            self.after(UPKEEP_MS, UPKEEP)

    @receives(Upkeep)
    def upkeep(self, message: Upkeep) -> None:
        """Roll by age, sync by age, free memory, forget idle producers; a log that is idle isn't looked at again."""
        if self.ending is not None:
            return
        log = self.log
        self.lane.add(log.tick(self.now_ms()))
        self.upkeep_armed = False
        if self.recovery_point != log.recovery_point:
            self._recovery_point_moved()
        sync_by_age = log.config.flush_ms < LONG_MAX and log.recovery_point < log.end_offset
        if len(log.hot) or sync_by_age:
            self.upkeep_armed = True
            self.after(UPKEEP_MS, UPKEEP)
        elif len(log.producers):
            self.upkeep_armed = True
            self.after(IDLE_UPKEEP_MS, UPKEEP)

    # -- the end -------------------------------------------------------------------------------------------------

    @receives(Remove)
    def remove(self, message: Remove) -> None:
        """The partition is no longer here: its log goes."""
        self._leave_role(UnknownTopicOrPartition(f"{self.label} was deleted or moved away"))
        self.ending = Removal(self, self.defer())

    @receives(Close)
    def close(self, message: Close) -> None:
        """A stop in order: nobody is left waiting, and the log is on disk."""
        self._leave_role()
        self.ending = Closing(self, self.defer())

    def on_stop(self) -> None:
        """Only now is the place free for another replica of this name."""
        if self.ending is not None:
            self.ending.over()
