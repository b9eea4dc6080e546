"""The actor of one replica of a partition, which is its leader or a follower.

The actor owns the partition's log (``log_owner.py``). What it does depends on its role (``../leader``,
``../follower``); here are the change of roles, and what both roles do alike. A role change answers everything that
waits with NOT_LEADER_OR_FOLLOWER. While the log is offline (``offline.py``) there is no role, and every request gets
KAFKA_STORAGE_ERROR.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.partition.follower.follower import Follower
from actors.partition.leader.deletions import ExpireDeletion
from actors.partition.leader.leader import Leader
from actors.partition.leader.notes import note_fenced, note_found
from actors.partition.leader.offset_lookup import find_offset
from actors.partition.leader.serving import SendHighWatermark
from actors.partition.leader.transactional_appends import described, guard_for, marker_append
from actors.partition.messages import (
    Append,
    BecomeFollower,
    BecomeLeader,
    BrokersChanged,
    CancelRead,
    CheckInSync,
    Close,
    Configure,
    DeleteRecords,
    DescribeProducers,
    EndTransaction,
    ExpireAppends,
    FindEpochEnd,
    FindOffset,
    Flush,
    FoundOffset,
    IsrAnswer,
    LogPart,
    Read,
    ReadAnswer,
    ReadLog,
    Remove,
    StartAt,
    StartVerification,
)
from actors.partition.replica.damaged_log import DamagedLogOwner
from actors.partition.replica.ending import Closing, Removal
from actors.partition.replica.log_owner import LogListeners, ServicesRenewed
from actors.partition.replica.opening import LogEnds
from actors.runtime import receives
from kstore.errors import (
    InvalidProducerEpoch,
    KafkaError,
    KafkaStorageError,
    NotLeaderOrFollower,
    UnknownTopicOrPartition,
)
from kstore.log import LogDamaged

if TYPE_CHECKING:
    from actors.node.node import BrokerNode
    from actors.runtime import Ref
    from kstore.log import LogConfig
    from kstore.log.manifest import LogNote


class Replica(DamagedLogOwner):
    """The replica of ``topic``-``partition`` on this node.

    ``isr_changes`` carries changes of the in-sync set to the controller. ``clean``, ``recovery_point``,
    ``high_watermark`` and ``start_offset`` are what the folder's checkpoints say of the log. One that can't be opened
    leaves the replica offline.
    """

    __slots__ = ("fenced_epoch", "follower", "isr_changes", "lag_max_ms", "leader", "leader_epoch", "min_in_sync")

    def __init__(
        self,
        node: BrokerNode,
        topic: str,
        partition: int,
        topic_id: bytes,
        *,
        log_config: LogConfig,
        min_in_sync: int,
        isr_changes: Ref,
        listeners: LogListeners,
        clean: bool = False,
        recovery_point: int = 0,
        high_watermark: int = 0,
        start_offset: int = 0,
        note: LogNote | None = None,
    ) -> None:
        super().__init__(node, topic, partition, topic_id, log_config=log_config, listeners=listeners)
        self.min_in_sync = min_in_sync
        self.lag_max_ms = node.config.integer("replica.lag.time.max.ms")
        self.isr_changes = isr_changes
        self.leader: Leader | None = None
        self.follower: Follower | None = None
        self.leader_epoch = -1
        self.fenced_epoch = -1  # in which it led when its log failed
        self.begin_with(LogEnds(recovery_point, start_offset, high_watermark, clean=clean, note=note))

    @receives(BecomeLeader)
    def become_leader(self, message: BecomeLeader) -> None:
        """Lead in this epoch or, if it already does, take the new state of the metadata log."""
        if message.leader_epoch < self.leader_epoch or self.ending is not None:
            return
        if self.offline is not None:
            self.offline.wanted = message
            return
        if message.leader_epoch <= self.fenced_epoch:
            return
        if self.leader is not None and message.leader_epoch == self.leader_epoch:
            self.leader.confirm(message)
            self.look_at_damage()
            return
        self._leave_role()
        self.leader_epoch = message.leader_epoch
        self.note("BecameLeader", self.label, message.leader_epoch, self.log.end_offset)
        note_found(self.note, self.label, self.log)
        try:
            self.leader = Leader(self, message)
        except KafkaStorageError as error:
            self.go_offline(error)
            return
        self.leader.look_at_in_sync()
        if self.fsync_first:
            self.disk_queue.sync(self.leader.synced)
        self.look_at_damage()

    @receives(BecomeFollower)
    def become_follower(self, message: BecomeFollower) -> None:
        """Follow the leader of this epoch, or wait until there is one."""
        if message.leader_epoch < self.leader_epoch or self.ending is not None:
            return
        if self.offline is not None:
            self.offline.wanted = message
            return
        following = self.follower
        if (
            following is not None
            and (following.leader_epoch, following.leader) == (message.leader_epoch, message.leader)
            and following.fetcher == message.fetcher
        ):
            self.look_at_damage()
            return
        self._leave_role()
        self.leader_epoch = message.leader_epoch
        self.note("BecameFollower", self.label, message.leader_epoch, self.log.end_offset)
        self.follower = Follower(self, message)
        self.look_at_damage()

    def take_role(self, message: BecomeLeader | BecomeFollower) -> None:
        """Take the role that was assigned while the log was offline."""
        if isinstance(message, BecomeLeader):
            self.become_leader(message)
        else:
            self.become_follower(message)

    def give_up_role(self, error: KafkaError) -> BecomeFollower | None:
        """As ``LogOwner.give_up_role``: a leader never leads in this epoch again, a follower may go on."""
        following = self.follower
        if self.leader is not None:
            self.fenced_epoch = self.leader_epoch
        self._leave_role(error)
        if following is None:
            return None
        return BecomeFollower(following.leader, following.leader_epoch, -1, following.fetcher)

    def _leave_role(self, error: KafkaError | None = None) -> None:
        if self.leader is not None:
            leader, self.leader = self.leader, None
            leader.leave(error or NotLeaderOrFollower(f"this node no longer leads {self.label}"))
        if self.follower is not None:
            follower, self.follower = self.follower, None
            follower.leave()

    def _not_leading(self) -> KafkaError:
        if self.offline is not None:
            return self.offline.error
        return NotLeaderOrFollower(f"this node doesn't lead {self.label}")

    def _leading(self) -> Leader:
        if self.leader is None:
            raise self._not_leading()
        return self.leader

    @receives(Append, may_refuse=True)
    def append(self, message: Append) -> None:
        """Append a producer's or a coordinator's batches."""
        leader = self.leader
        if leader is None:
            raise self._not_leading()
        leader.append(message)

    @receives(StartVerification, may_refuse=True)
    def start_verification(self, message: StartVerification) -> int:
        """Answer whether the coordinator must be asked about a batch before it is appended."""
        self._leading()
        try:
            return guard_for(self.log, message, self.now_ms())
        except InvalidProducerEpoch:
            note_fenced(self.note, self.label, message.producer_id, message.producer_epoch)
            raise

    @receives(EndTransaction, may_refuse=True)
    def end_transaction(self, message: EndTransaction) -> None:
        """Append a marker."""
        self._leading().append(marker_append(message, self.now_ms()))

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
            self.refuse(message, self._not_leading())
        else:
            leader.serving.read(message)

    @receives(CancelRead)
    def cancel_read(self, message: CancelRead) -> None:
        """Drop a parked read."""
        if self.leader is not None:
            self.leader.serving.reads.remove(message.token)

    def refuse(self, message: Read, error: KafkaError) -> None:
        """Answer a read with an error."""
        code = self.told(error).code
        message.reader.tell(ReadAnswer(message.token, code, False, -1, -1, -1, None, None))

    @receives(SendHighWatermark)
    def send_high_watermark(self, message: SendHighWatermark) -> None:
        """Tell waiting followers the high watermark."""
        if self.leader is not None:
            self.leader.serving.send_high_watermark()

    @receives(ExpireAppends)
    def expire_appends(self, message: ExpireAppends) -> None:
        """Answer appends whose time is over."""
        if self.leader is not None:
            self.leader.expire_appends()

    @receives(CheckInSync)
    def check_in_sync(self, message: CheckInSync) -> None:
        """Check the followers."""
        if self.leader is not None:
            self.leader.check_in_sync()

    @receives(BrokersChanged)
    def brokers_changed(self, message: BrokersChanged) -> None:
        """Check the followers after a change of brokers: one may join, or is no longer waited for."""
        if self.leader is not None:
            self.leader.look_at_in_sync()
            self.leader.deletions.settle()
            self.look_at_damage()

    @receives(IsrAnswer)
    def isr_answered(self, message: IsrAnswer) -> None:
        """Handle the controller's decision about the in-sync set."""
        if self.leader is not None:
            self.leader.isr_answered(message)

    @receives(DeleteRecords, may_refuse=True)
    def delete_records(self, message: DeleteRecords) -> None:
        """Delete records from the log's start."""
        self._leading().deletions.delete(message)

    @receives(ExpireDeletion)
    def expire_deletion(self, message: ExpireDeletion) -> None:
        """Answer a deletion whose time is over."""
        if self.leader is not None:
            self.leader.deletions.expire(message.number)

    @receives(StartAt)
    def start_at(self, message: StartAt) -> None:
        """Go on from an offset that the leader has."""
        if self.follower is not None:
            self.follower.start_at(message)

    @receives(ReadLog, may_refuse=True)
    def read_log(self, message: ReadLog) -> LogPart:
        """Read the log for a coordinator."""
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

    @receives(FindEpochEnd, may_refuse=True)
    def find_epoch_end(self, message: FindEpochEnd) -> tuple[int, int]:
        """The end of the largest epoch up to the requested one."""
        self._leading().serving.check_epoch(message.leader_epoch)
        return self.log.epoch_end_offset(message.epoch)

    @receives(DescribeProducers, may_refuse=True)
    def describe_producers(self, message: DescribeProducers) -> tuple[dict[str, int], ...]:
        """Describe the log's producers, as leader or follower."""
        if self.offline is not None:
            raise self.offline.error
        return described(self.log)

    @receives(FindOffset, may_refuse=True)
    def find_offset(self, message: FindOffset) -> FoundOffset:
        """The offset of a time, or of one of the special times."""
        leader = self._leading()
        leader.serving.check_epoch(message.leader_epoch)
        settled = leader.in_sync.epoch_start_offset <= self.log.high_watermark
        try:
            return find_offset(self.log, message, self.leader_epoch, settled=settled)
        except LogDamaged as error:
            raise self.told(error) from error

    @receives(Configure)
    def configure(self, message: Configure) -> None:
        """Take the topic's new settings."""
        self.log_config = message.log
        if self.has_log:
            self.log.config = message.log
            self.offered = -1  # it may be dirty enough now
            self.offer_to_cleaner()
        self.fsync_first = message.log.flush_messages == 1
        self.min_in_sync = message.min_in_sync
        if self.leader is not None:
            self.leader.configured()
            self.leader.in_sync.require(message.min_in_sync)
            self.leader.look_at_in_sync()

    @receives(ServicesRenewed)
    def services_renewed(self, message: ServicesRenewed) -> None:
        """As ``LogOwner.services_renewed``; a change of the in-sync set may have been lost as well."""
        super().services_renewed(message)
        self.isr_changes = message.isr_changes
        if self.leader is not None:
            self.leader.propose_again()

    def contains(self, error: Exception, about: tuple[object, ...]) -> bool:
        """Go offline after a failed turn: the role is given up, and the log recovered before a new role. A replica that
        is ending ends at once.
        """
        if self.ending is not None:
            return self._ending_failed(self.ending, error)
        self.node.world.failures.tell(self.actor_urn, "a replica; its log is opened anew, and another one leads", error)
        self.go_offline(error)
        return self.offline is not None

    def _ending_failed(self, ending: Removal | Closing, error: Exception) -> bool:
        if ending.failure_met:
            return False  # that failed too; open asks are answered as the actor ends
        self.node.world.failures.tell(self.actor_urn, ending.FAILURE_SCOPE, error)
        ending.failed(error)
        return True

    def start_moved(self) -> None:
        """As ``LogOwner.start_moved``; those that wait to read are told."""
        before = self.start_offset
        super().start_moved()
        if self.leader is not None and self.start_offset > before:
            self.leader.serving.start_moved()

    @receives(Remove)
    def remove(self, message: Remove) -> None:
        """Delete the log, as the partition isn't on this node any more."""
        self.stop_compacting()
        self.stop_scrubbing()
        self.ending = ending = Removal(self, self.defer())
        self._leave_role(UnknownTopicOrPartition(f"{self.label} was deleted or moved away"))
        ending.begin()

    @receives(Close)
    def close(self, message: Close) -> None:
        """Close the log cleanly: everything that waits is answered, and the log is on disk."""
        self.stop_compacting()
        self.stop_scrubbing()
        self.ending = ending = Closing(self, self.defer())
        self._leave_role()
        ending.begin()

    def on_stop(self) -> None:
        """Answer the end of the replica: only now is the place free for another one of its name."""
        if self.ending is not None:
            self.ending.over()
