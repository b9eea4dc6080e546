"""The leader role of a replica: it appends producers' batches, serves reads, and moves the high watermark.

Appends that wait in the replica's inbox are collected and written together. The high watermark moves with the
followers' fetches; that answers waiting appends and wakes parked reads (``serving.py``). Everything is event-driven:
while nothing is appended and no follower lags, a leader does nothing at all. The in-sync set is checked by a timer only
while a follower lags, or after the controller refused a change.

Invariants between turns: committed records are in the log and no append waits for them; an alarm is set for waiting
appends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.partition.leader.deletions import Deletions
from actors.partition.leader.in_sync import NOT_ELIGIBLE, InSyncSet, Proposal, RemoteReplica
from actors.partition.leader.notes import note_appended, note_isr_changed, note_transactions
from actors.partition.leader.preparing import Preparing
from actors.partition.leader.serving import Serving
from actors.partition.leader.waiting import WaitingAppend, WaitingAppends
from actors.partition.messages import (
    FROM_CLIENT,
    FROM_COORDINATOR,
    Append,
    Appended,
    BecomeLeader,
    ChangeIsr,
    CheckInSync,
    ExpireAppends,
    Flush,
    IsrAnswer,
    Read,
)
from kstore import checked
from kstore.errors import (
    FencedLeaderEpoch,
    IneligibleReplica,
    KafkaError,
    KafkaStorageError,
    NotEnoughReplicas,
    NotEnoughReplicasAfterAppend,
    OperationNotAttempted,
    RequestTimedOut,
)
from kstore.log.config import AS_PRODUCED
from kstore.log.preparing import LARGE_BYTES

if TYPE_CHECKING:
    from actors.partition.replica.replica import Replica
    from actors.runtime import Alarm, Reply
    from kstore.log import AppendInfo

GROUP_MAX = 32
ISR_RETRY_MS = 200
FLUSH = Flush()
NOBODY: list[tuple[Append, Reply, int]] = []

REFUSED_UNCHANGED = frozenset({OperationNotAttempted.code, IneligibleReplica.code})


CHECK_IN_SYNC = CheckInSync()
EXPIRE_APPENDS = ExpireAppends()


class Leader:
    """The leader role of one replica, in one leader epoch."""

    __slots__ = (
        "appends",
        "check_armed",
        "collected",
        "deletions",
        "expiry",
        "in_sync",
        "log",
        "lost",
        "preparing",
        "replica",
        "serving",
        "under_way",
        "unsynced",
    )

    def __init__(self, replica: Replica, message: BecomeLeader) -> None:
        self.replica = replica
        self.log = replica.log
        self.collected: list[tuple[Append, Reply, int]] = []  # with the row of the turn that received it
        self.under_way = NOBODY  # being appended: a turn may fail before all are answered
        self.appends = WaitingAppends()
        self.unsynced: WaitingAppends | None = None  # with acks=1, where the log must be synced first
        self.check_armed = False
        self.expiry: Alarm | None = None  # once an append has waited
        self.lost: frozenset[int] = frozenset()  # offline replicas
        self.preparing: Preparing | None = None  # once an append needed preparing
        self.configured()
        self.log.assign_epoch(message.leader_epoch, self.log.end_offset)
        self.in_sync = InSyncSet(
            replica.node.node_id,
            leader_epoch=message.leader_epoch,
            partition_epoch=message.partition_epoch,
            epoch_start_offset=self.log.end_offset,
            replicas=message.replicas,
            isr=message.isr,
            min_in_sync=replica.min_in_sync,
            lag_max_ms=replica.lag_max_ms,
            now_ms=replica.now_ms(),
            broker_epoch_of=self._broker_epoch_of,
        )
        self.serving = Serving(self)
        self.deletions = Deletions(self)

    def _broker_epoch_of(self, node: int) -> int:
        broker = self.replica.node.view.image.brokers.get(node)
        return broker.epoch if broker is not None and broker.active and node not in self.lost else NOT_ELIGIBLE

    def configured(self) -> None:
        """Take a new log config."""
        if self.preparing is None and self.log.config.compression_type != AS_PRODUCED:
            self.preparing = Preparing(self)

    def _look_at_directories(self) -> None:
        replica = self.replica
        image = replica.node.view.image
        found = image.partition(replica.topic, replica.partition)
        self.lost = frozenset(n for n in found.replicas if not image.is_online(found, n)) if found else frozenset()

    def append(self, message: Append) -> None:
        """Take one request's batches; they are written together with those that wait after it."""
        replica = self.replica
        if message.required_acks == -1 and self.in_sync.is_short:
            isr = self.in_sync.committed
            raise NotEnoughReplicas(f"{replica.label} has {len(isr)} of {self.in_sync.needed} needed in-sync replicas")
        if self.preparing is None and message.batches[0].size_bytes >= LARGE_BYTES:
            self.preparing = Preparing(self)
        if self.preparing is None or not self.preparing.takes(message):
            self.collect(message, replica.defer(), replica.turn_row)

    def collect(self, message: Append, reply: Reply, row: int) -> None:
        """Collect an append, to be written with those that wait after it; ``row`` is that of the turn that
        received it.
        """
        replica, collected = self.replica, self.collected
        if collected and collected[0][0].origin != message.origin:
            self.flush()
            collected = self.collected
        collected.append((message, reply, row))
        if replica.inbox.depth == 0 or len(collected) >= GROUP_MAX:
            self.flush()
        elif len(collected) == 1:
            replica.inbox.send(FLUSH)

    def flush(self) -> None:
        """Append everything collected, in one write; then wake followers, then answer producers."""
        collected = self.collected
        if not collected:
            return
        self.collected, self.under_way = [], collected
        replica, log, in_sync = self.replica, self.log, self.in_sync
        now_ms = replica.now_ms()
        old_end, origin = log.end_offset, collected[0][0].origin
        in_sync.appended(old_end, now_ms)
        outcomes = log.append_as_leader(
            [message.batches for message, _, _ in collected],
            in_sync.leader_epoch,
            now_ms,
            from_client=origin != FROM_COORDINATOR,
            options=None if origin == FROM_CLIENT else [message.options for message, _, _ in collected],
        )
        new_end = log.end_offset
        if new_end != old_end:
            note_appended(replica.note, replica.label, collected, outcomes)
            if origin != FROM_CLIENT:
                note_transactions(replica.note, replica.label, log, collected, outcomes)
            self.serving.grown(new_end)
            self._advance(now_ms)
            if len(in_sync.replicas) > 1:
                self._arm_check(in_sync.lag_max_ms / 2)
        for (message, reply, _), outcome in zip(collected, outcomes, strict=True):
            if isinstance(outcome, KafkaError):
                reply.fail(outcome)
            else:
                self._accepted(message, reply, outcome, now_ms)
        self.under_way = NOBODY
        if replica.fsync_first and new_end != old_end:
            replica.disk_queue.sync(self.synced)
        replica.appended()
        if checked.on:
            self.check()

    def _accepted(self, message: Append, reply: Reply, outcome: AppendInfo, now_ms: int) -> None:
        """Acknowledge one request's appended batches, now or when they are replicated or synced as required."""
        replica, log = self.replica, self.log
        if outcome.duplicate:
            replica.note("DuplicateAnswered", replica.label, outcome.first_offset, outcome.last_offset)
        info = Appended(
            outcome.first_offset,
            outcome.last_offset,
            outcome.log_append_time,
            log.start_offset,
            self.in_sync.leader_epoch,
            outcome.duplicate,
        )
        if message.required_acks == -1:
            self._answer_when_committed(message, reply, info, now_ms)
        elif replica.fsync_first and log.recovery_point <= info.last_offset:
            if self.unsynced is None:
                self.unsynced = WaitingAppends()
            self.unsynced.add(WaitingAppend(info.last_offset + 1, 0, info, reply))
        else:
            reply.set(info)

    def synced(self) -> None:
        """Handle a finished sync: the log is durable up to some offset, which may be committed now, or has failed."""
        if self.replica.leader is not self:
            return  # the sync was begun in an earlier role
        failure = self.log.failure
        if failure is not None:
            self._fail_appends(KafkaStorageError(failure))
            return
        if self.unsynced is not None:
            for waiting in self.unsynced.pass_to(self.log.recovery_point):
                waiting.reply.set(waiting.info)
        self._advance(self.replica.now_ms())

    def _fail_appends(self, error: KafkaError) -> None:
        for waiting in self.appends.take_all():
            waiting.reply.fail(error)
        for waiting in self.unsynced.take_all() if self.unsynced is not None else ():
            waiting.reply.fail(error)

    def _answer_when_committed(self, message: Append, reply: Reply, info: Appended, now_ms: int) -> None:
        required = info.last_offset + 1
        waiting = WaitingAppend(required, now_ms + message.timeout_ms, info, reply)
        if required <= self.log.high_watermark:
            self._answer(waiting)
            return
        self.appends.add(waiting)
        if self.expiry is None:
            self.expiry = self.replica.alarm(EXPIRE_APPENDS, tick_us=1000)
        if waiting.deadline_ms < self.expiry.due:
            self.expiry.at(waiting.deadline_ms, now_ms)

    def _answer(self, waiting: WaitingAppend) -> None:
        if len(self.in_sync.maximal) < self.in_sync.needed:
            waiting.reply.fail(NotEnoughReplicasAfterAppend())
        else:
            waiting.reply.set(waiting.info)

    def expire_appends(self) -> None:
        """Answer appends that weren't replicated in time."""
        if self.expiry is None:
            return  # an earlier leadership's
        self.expiry.rang()
        now_ms = self.replica.now_ms()
        for waiting in self.appends.expire(now_ms):
            waiting.reply.fail(RequestTimedOut(f"{self.replica.label} was appended to, but not committed in time"))
        nearest_ms = self.appends.next_deadline_ms()
        if nearest_ms is not None:
            self.expiry.by(nearest_ms, now_ms)

    def _advance(self, now_ms: int) -> None:
        """Move the high watermark if it can move, and answer what waits for it."""
        log, replica = self.log, self.replica
        high_watermark = self.in_sync.high_watermark(log.end_offset, now_ms)
        if replica.fsync_first:
            high_watermark = min(high_watermark, log.recovery_point)
        if high_watermark <= log.high_watermark:
            return
        transactions = log.producers.transactions
        first_unstable = transactions.first_unstable_offset
        log.advance_high_watermark(high_watermark)
        replica.note("HighWatermarkAdvanced", replica.label, high_watermark)
        if transactions.first_unstable_offset != first_unstable:
            replica.note("LastStableOffsetAdvanced", replica.label, log.last_stable_offset)
        replica.high_watermark_moved()
        for waiting in self.appends.pass_to(high_watermark):
            self._answer(waiting)
        self.serving.committed(high_watermark)

    def follower_fetched(self, message: Read) -> None:
        """Note a follower's fetch: it has everything before ``message.offset``, so it may join, and more may be
        committed.
        """
        in_sync, end, now_ms = self.in_sync, self.log.end_offset, self.replica.now_ms()
        follower = in_sync.fetched(
            message.replica, message.offset, message.log_start_offset, end, now_ms, message.broker_epoch
        )
        if message.replica not in in_sync.maximal:
            self._grow(follower)
        if self.log.high_watermark < end:
            self._advance(now_ms)
        self.deletions.settle()
        if checked.on:
            self.check()

    def confirm(self, message: BecomeLeader) -> None:
        """Take the state of the metadata log for this epoch: the replicas or the in-sync set may have changed."""
        before = self.in_sync.committed
        now_ms = self.replica.now_ms()
        if self.in_sync.confirmed(message.replicas, message.isr, message.partition_epoch, now_ms):
            note_isr_changed(self.replica.note, self.replica.label, before, self.in_sync.committed)
            self.look_at_in_sync()

    def look_at_in_sync(self) -> None:
        """Check all followers: which lag, which may join, and what is committed."""
        self._look_at_directories()
        in_sync, log, now_ms = self.in_sync, self.log, self.replica.now_ms()
        proposal = in_sync.shrink(log.end_offset, now_ms) or in_sync.grow_any(
            log.end_offset, log.high_watermark, now_ms
        )
        if proposal is not None:
            self._propose(proposal)
        self._advance(now_ms)
        if len(in_sync.replicas) > 1 and self._somebody_lags():
            self._arm_check(in_sync.lag_max_ms / 2)
        if checked.on:
            self.check()

    def _somebody_lags(self) -> bool:
        in_sync, end = self.in_sync, self.log.end_offset
        if self.log.high_watermark < end:
            return True
        return any(in_sync.followers[node].end_offset < end for node in in_sync.committed if node in in_sync.followers)

    def check_in_sync(self) -> None:
        """Check all followers, by the timer."""
        self.check_armed = False
        self.look_at_in_sync()

    def _arm_check(self, delay_ms: float) -> None:
        if not self.check_armed:
            self.check_armed = True
            self.replica.after(delay_ms, CHECK_IN_SYNC)

    def _grow(self, follower: RemoteReplica) -> None:
        proposal = self.in_sync.grow(follower, self.log.high_watermark)
        if proposal is not None:
            self._propose(proposal)

    def _propose(self, proposal: Proposal) -> None:
        replica = self.replica
        replica.isr_changes.tell(ChangeIsr(replica.actor_ref, replica.topic_id, replica.partition, proposal))

    def propose_again(self) -> None:
        """Send the pending change of the in-sync set again, as it may have been lost."""
        if self.in_sync.pending is not None:
            self._propose(self.in_sync.pending)

    def isr_answered(self, answer: IsrAnswer) -> None:
        """Handle the controller's decision about a change."""
        in_sync, proposal, before = self.in_sync, answer.proposal, self.in_sync.committed
        if proposal.leader_epoch != in_sync.leader_epoch:
            return
        if not answer.error:
            if in_sync.accepted(proposal, answer.isr, answer.leader_epoch, answer.partition_epoch):
                note_isr_changed(self.replica.note, self.replica.label, before, self.in_sync.committed)
                self.look_at_in_sync()
        elif answer.error == FencedLeaderEpoch.code:
            self.replica.note("EpochFenced", self.replica.label, proposal.leader_epoch)
        elif answer.error in REFUSED_UNCHANGED and in_sync.refused(proposal):
            self._advance(self.replica.now_ms())
            self.replica.after(ISR_RETRY_MS, CHECK_IN_SYNC)

    def check(self) -> None:
        """Assert the invariants above, and those of what it holds."""
        log, nearest_ms = self.log, self.appends.next_deadline_ms()
        assert log.start_offset <= log.high_watermark <= log.end_offset, "what is committed is in the log"
        self.in_sync.check()
        self.appends.check(log.high_watermark)
        rings = nearest_ms is None or (self.expiry is not None and self.expiry.rings_by(nearest_ms))
        assert rings, "an alarm is set for appends that wait"
        if self.unsynced is not None:
            self.unsynced.check(log.recovery_point)
        self.serving.reads.check((log.end_offset, log.high_watermark, log.last_stable_offset))
        self.serving.check()
        assert len(self.collected) < GROUP_MAX, "a whole group is appended at once"
        assert len({message.origin for message, _, _ in self.collected}) <= 1, "a group is of one origin"

    def leave(self, error: KafkaError) -> None:
        """Stop leading: answer everything that waits here with an error."""
        if self.expiry is not None:
            self.expiry.stop()
        collected, self.collected = self.collected, []
        for _, reply, _ in collected:
            reply.fail(error)
        if self.preparing is not None:
            self.preparing.leave(error)
        self._fail_appends(error)
        for _, reply, _ in self.under_way:
            if not reply.answered:
                reply.fail(error)
        self.serving.leave(error)
        self.deletions.leave(error)
