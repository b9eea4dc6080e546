"""The follower role of a replica: it appends what the node's replica fetcher brings from the leader.

The fetcher calls ``replicate`` in its own turns: the two are actors of one node, where one turn ends before the next
begins, and a message there and back would cost more than the append. The role ends in a turn of the replica. What comes
to it after that is dropped, as is what the fetcher brings before it hears of the end.

First its log is truncated to a prefix of the leader's, one epoch at a time, by the diverging epoch in the leader's
responses; only then is anything appended. The high watermark is the leader's, as far as this log reaches. It is taken
from a response only if that didn't show a divergence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.partition.checkpoints import NoteRecoveryPoint
from actors.partition.chunks import batches_of
from actors.partition.messages import BecomeFollower, Follow, Replicated, StartAt, Unfollow
from kstore.errors import CorruptMessage, KafkaError, KafkaStorageError

if TYPE_CHECKING:
    from actors.partition.replica.replica import Replica


class Follower:
    """The follower role of one replica, in one leader epoch."""

    __slots__ = ("fetcher", "leader", "leader_epoch", "log", "replica")

    def __init__(self, replica: Replica, message: BecomeFollower) -> None:
        self.replica = replica
        self.log = replica.log
        self.leader = message.leader
        self.leader_epoch = message.leader_epoch
        self.fetcher = message.fetcher
        if self.fetcher is not None:
            self.fetcher.tell(
                Follow(
                    self,
                    replica.topic,
                    replica.topic_id,
                    replica.partition,
                    self.leader_epoch,
                    self.log.end_offset,
                    self.log.latest_epoch,
                    self.log.start_offset,
                )
            )

    def replicate(
        self,
        offset: int,
        records: object,
        high_watermark: int,
        log_start_offset: int,
        diverging: tuple[int, int] | None,
    ) -> bool | None:
        """Take what was fetched from ``offset``: append the records (chunks, or parsed batches), or truncate the log to
        where it may be a prefix of the leader's.

        Returns whether it was taken; None if the fetcher is told later, or has been told that the role has ended.
        """
        replica = self.replica
        if replica.follower is not self:
            replica.note("EpochFenced", replica.label, self.leader_epoch, replica.leader_epoch)
            return None
        taken = True
        cut = True
        try:
            if diverging is not None:
                cut = self._truncate(*diverging)
            else:
                if records:
                    self._append(records)
                self._follow_offsets(high_watermark, log_start_offset)
        except KafkaError as error:
            taken = False
            replica.note("ReplicationFailed", replica.label, offset, error.code)
        waits = bool(records) and replica.fsync_first and taken
        if waits:
            replica.disk_queue.sync(self._synced)
        replica.appended()
        return None if waits or not cut else taken

    def _synced(self) -> None:
        """Handle a finished sync: appended records are on disk, or never will be; what was cut is off it."""
        if self.replica.follower is self:
            self._report(self.log.failure is not None)

    def _append(self, records: object) -> None:
        log, replica = self.log, self.replica
        batches = batches_of(records)
        if not batches:
            return
        if batches[-1].leader_epoch > self.leader_epoch:
            raise CorruptMessage(f"records of the later leader epoch {batches[-1].leader_epoch}")
        old_end, first = log.end_offset, batches[0]
        if log.start_offset == old_end and first.base_offset < old_end <= first.last_offset:
            # Records were deleted up to the middle of a batch: as in Kafka, the log begins with the whole of it.
            log.truncate_fully_and_start_at(first.base_offset, replica.now_ms())
        log.append_as_follower(batches, replica.now_ms())
        replica.note("Replicated", replica.label, old_end, log.end_offset - 1)

    def _follow_offsets(self, high_watermark: int, leader_start: int) -> None:
        log = self.log
        high_watermark = min(high_watermark, log.end_offset)
        if high_watermark > log.high_watermark:
            log.advance_high_watermark(high_watermark)
            self.replica.high_watermark_moved()
        if leader_start > log.start_offset:
            log.advance_start_offset(min(leader_start, log.high_watermark))
            self.replica.start_moved()

    def _truncate(self, epoch: int, leader_end: int) -> bool:
        """Truncate the log to where it may diverge from the leader's: the leader's largest epoch up to ``epoch`` ends
        at ``leader_end``.

        If this log doesn't have that epoch, it is truncated at the end of the one before, and the leader is asked again
        from there. Returns as ``_truncate_to``.
        """
        log = self.log
        known_epoch, known_end = log.epoch_end_offset(epoch)
        if known_epoch < 0:
            offset = leader_end
        elif known_epoch != epoch:
            offset = known_end
        else:
            offset = min(known_end, leader_end)
        return self._truncate_to(min(offset, log.end_offset))

    def _truncate_to(self, offset: int) -> bool:
        """Truncate the log; whether that is done, else the fetcher is told later.

        The recovery point falls first, in its checkpoint as well, and nothing is fetched before the cut is
        durable: of the old batches none may come back behind the new ones.
        """
        log, replica = self.log, self.replica
        if offset < log.recovery_point:
            point = NoteRecoveryPoint(replica.topic, replica.partition, log.lower_recovery_point(offset))
            replica.request(replica.listeners.recovery_points, point, self._lowered, offset)
            return False
        return self._cut(offset)

    def _lowered(self, outcome: object, offset: int) -> None:
        """The checkpoint says that nothing is promised any more of what is to be cut; or it couldn't be written."""
        if self.replica.follower is not self:
            return
        if isinstance(outcome, Exception):
            self.replica.note("ReplicationFailed", self.replica.label, offset, KafkaStorageError.code)
            self._report(True)
            return
        try:
            if self._cut(offset):
                self._report(False)
        except KafkaError as error:  # the log has told its owner
            self.replica.note("ReplicationFailed", self.replica.label, offset, error.code)
            self._report(True)
        self.replica.appended()

    def _cut(self, offset: int) -> bool:
        log, replica = self.log, self.replica
        old_end = log.end_offset
        new_end = log.truncate_to(offset)  # even at its end: an epoch that the leader doesn't have may begin there
        if new_end >= old_end:
            return True
        replica.note("Truncated", replica.label, old_end, new_end)
        replica.truncated()
        replica.high_watermark_moved()
        replica.start_moved()
        replica.disk_queue.sync(self._synced)
        return False

    def start_at(self, message: StartAt) -> None:
        """Go on from a common offset, as the leader's log ends before this one's end, or begins after it.

        The leader may have been asked twice: what it said is of no use to a log that has changed since.
        """
        if message.leader_epoch != self.leader_epoch:
            return
        if message.asked_at != (self.log.end_offset, self.log.disk.generation):
            self._report(False)
            return
        end = self.log.end_offset
        cut = True
        try:
            if message.leader_end < end:
                cut = self._truncate_to(message.leader_end)
            elif message.leader_start > end:
                self.log.truncate_fully_and_start_at(message.leader_start)
                self.replica.note("Truncated", self.replica.label, end, message.leader_start)
                self.replica.truncated()
                self.replica.high_watermark_moved()
                self.replica.start_moved()
        except KafkaError as error:  # the log has told its owner
            self.replica.note("ReplicationFailed", self.replica.label, end, error.code)
            self._report(True)
        else:
            if cut:
                self._report(False)

    def _report(self, failed: bool) -> None:
        log, replica = self.log, self.replica
        if self.fetcher is not None:
            self.fetcher.tell(
                Replicated(
                    replica.topic,
                    replica.partition,
                    self.leader_epoch,
                    log.end_offset,
                    log.latest_epoch,
                    log.start_offset,
                    failed,
                )
            )

    def leave(self) -> None:
        """Stop following."""
        if self.fetcher is not None:
            self.fetcher.tell(Unfollow(self.replica.topic, self.replica.partition))
