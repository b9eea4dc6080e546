"""The cleaning of a replica's log, slice by slice: the work on records is done off the turn, the rest between.

Of the node's ``log.cleaner.io.buffer.size`` and ``log.cleaner.io.max.bytes.per.second`` each cleaning has the share of
one of ``log.cleaner.threads``. As in Apache Kafka, half of a buffer is for what is read at once, a larger batch aside.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actors.partition.checkpoints import NoteRecoveryPoint
from actors.partition.cleaning_messages import Clean, Cleaned
from actors.partition.replica.cleaning_rate import CleaningRate
from kstore.errors import KafkaError
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.partition.replica.log_owner import LogOwner
    from actors.runtime import Reply
    from kstore.log import DiskWork


PIECE_BYTES_MIN = 4096


def _run(work: DiskWork) -> object:
    try:
        return work.run()
    except (OSError, KafkaError) as error:
        return error


class CleaningGoesOn(NamedTuple):
    """To the replica itself: a cleaning has waited, so as not to read and write too much in a second."""

    compacting: Compacting


class Compacting:
    """One cleaning; ``reply`` is answered with a ``Cleaned`` when it is over."""

    __slots__ = ("cleaning", "moved_bytes", "rate", "replica", "reply")

    def __init__(self, replica: LogOwner, message: Clean, reply: Reply) -> None:
        from kstore.log.cleaning import PIECE_BYTES, Cleaning

        now_ms = replica.now_ms()
        self.replica = replica
        buffer_bytes = int(self._share(replica.node.config.integer("log.cleaner.io.buffer.size")))
        piece_bytes = min(PIECE_BYTES, max(PIECE_BYTES_MIN, buffer_bytes // 2))
        self.cleaning = Cleaning(replica.log, message.cleanable, message.offsets, now_ms, piece_bytes)
        self.rate = CleaningRate(now_ms)
        self.moved_bytes = 0
        self.reply = reply

    def begin(self) -> None:
        """Make what is to be kept durable first, and have the recovery point written down: what it replaces will be
        gone, and where whole batches are gone the next start finds gaps.
        """
        self.replica.disk_queue.sync(self._durable)

    def _durable(self) -> None:
        replica = self.replica
        if replica.compacting is self:
            point = NoteRecoveryPoint(replica.topic, replica.partition, replica.log.recovery_point)
            replica.request(replica.listeners.recovery_points, point, self._noted)

    def _noted(self, outcome: object) -> None:
        if self.replica.compacting is not self:
            return
        if isinstance(outcome, Exception):
            self.abandon()
        else:
            self.go_on()

    def _share(self, whole: float) -> float:
        return whole / max(1, self.replica.node.config.integer("log.cleaner.threads"))

    def go_on(self) -> None:
        """Have the next slice done, if there is one, as soon as more may be read."""
        wait_ms = self._wait_ms()
        if wait_ms:
            self.replica.after(wait_ms, CleaningGoesOn(self))
            return
        work = self.cleaning.next_work(self.replica.now_ms())
        if work is None:
            self._end()
        elif work.waits_for_disk:
            self.replica.on_disk(partial(_run, work), self._done, work)
        else:
            self.replica.off_turn(partial(_run, work), self._done, work)

    def _wait_ms(self) -> int:
        stats = self.cleaning.stats
        before, self.moved_bytes = self.moved_bytes, stats.map_bytes_read + stats.bytes_read + stats.bytes_kept
        most = self._share(self.replica.node.config.real("log.cleaner.io.max.bytes.per.second"))
        return self.rate.wait_ms(self.moved_bytes - before, most, self.replica.now_ms())

    def abandon(self) -> None:
        """End it, as the log goes offline or is closed."""
        self.cleaning.abandon()
        self._end()

    def _done(self, outcome: object, work: DiskWork) -> None:
        work.done(outcome if isinstance(outcome, BaseException) else None)
        if self.replica.compacting is self:
            self.go_on()

    def _end(self) -> None:
        replica, cleaning = self.replica, self.cleaning
        replica.compacting = None
        stats = cleaning.stats
        kept = f"{stats.records_kept} of {stats.records_read} records"
        told = kept if cleaning.failure is None else f"not to its end: {cleaning.failure}"
        replica.note("LogCleaned", replica.label, stats.bytes_read, stats.bytes_kept, told)
        if replica.offline is None and replica.ending is None:
            replica.disk_queue.start()
        self.reply.set(Cleaned(cleaning.cleaned_to, stats, cleaning.failure))
