"""DeleteRecords: records deleted from a log's start, and requests that wait until every living replica has deleted
them.

A deletion moves the log start offset (KIP-107): on the leader at once, on each follower with its next fetch response;
the follower's fetch after that reports it. The low watermark is the lowest start offset of the leader and its living
followers; a deletion is complete when that has reached its offset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.partition.messages import Deleted, DeleteRecords
from kstore.errors import KafkaError, OffsetOutOfRange, PolicyViolation
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.partition.leader.leader import Leader
    from actors.runtime import Reply, Timer

TO_HIGH_WATERMARK = -1


class ExpireDeletion(NamedTuple):
    """To itself: the time of a deletion is over."""

    number: int


class Deletion(NamedTuple):
    """A deletion that isn't complete yet."""

    required: int
    low_watermark: int
    reply: Reply
    timer: Timer


class Deletions:
    """One leader's incomplete deletions, by number."""

    __slots__ = ("count", "leader", "waiting")

    def __init__(self, leader: Leader) -> None:
        self.leader = leader
        self.count = 0
        self.waiting: dict[int, Deletion] = {}

    def delete(self, message: DeleteRecords) -> None:
        """Move the log start to an offset, and answer when all living replicas have done so.

        Raises:
            PolicyViolation: the topic is only compacted.
            OffsetOutOfRange: the offset is beyond the high watermark, or negative and not -1.
        """
        log, replica = self.leader.log, self.leader.replica
        if log.config.compacted_alone:
            raise PolicyViolation(
                f"Records of partition {replica.label} can not be deleted due to the configured policy"
            )
        offset = log.high_watermark if message.offset == TO_HIGH_WATERMARK else message.offset
        if not 0 <= offset <= log.high_watermark:
            raise OffsetOutOfRange(f"{replica.label} can't begin at {offset}: up to {log.high_watermark} is committed")
        if offset > log.start_offset:
            replica.note("RecordsDeleted", replica.label, log.start_offset, offset - 1)
            log.advance_start_offset(offset)
            replica.start_moved()
        low_watermark = self.low_watermark()
        reply = replica.defer()
        if low_watermark >= offset:
            reply.set(Deleted(low_watermark, False))
            return
        self.count += 1
        timer = replica.after(max(message.timeout_ms, 0), ExpireDeletion(self.count))
        self.waiting[self.count] = Deletion(offset, low_watermark, reply, timer)

    def low_watermark(self) -> int:
        """The lowest start offset of the living replicas, -1 while one is unknown."""
        brokers = self.leader.replica.node.view.image.brokers
        least = self.leader.log.start_offset
        for node, follower in self.leader.in_sync.followers.items():
            broker = brokers.get(node)
            if broker is not None and not broker.fenced and node not in self.leader.lost:
                least = min(least, follower.start_offset)
        return least

    def settle(self) -> None:
        """Answer complete deletions, after a follower has reported its start offset or is no longer waited for."""
        if not self.waiting:
            return
        low_watermark = self.low_watermark()
        for number, deletion in list(self.waiting.items()):
            if deletion.required <= low_watermark:
                del self.waiting[number]
                deletion.timer.cancel()
                deletion.reply.set(Deleted(low_watermark, False))

    def expire(self, number: int) -> None:
        """Answer a deletion that took too long; deleted records stay deleted."""
        deletion = self.waiting.pop(number, None)
        if deletion is not None:
            deletion.reply.set(Deleted(deletion.low_watermark, True))

    def leave(self, error: KafkaError) -> None:
        """Answer all waiting requests with an error."""
        for deletion in self.waiting.values():
            deletion.timer.cancel()
            deletion.reply.fail(error)
        self.waiting.clear()
