"""The cleaning of a replica's log, slice by slice: the work on records is done off the turn, the rest between."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actors.partition.checkpoints import NoteRecoveryPoint
from actors.partition.cleaning_messages import Clean, Cleaned
from kstore.errors import KafkaError

if TYPE_CHECKING:
    from actors.partition.replica.log_owner import LogOwner
    from actors.runtime import Reply
    from kstore.log import DiskWork


def _run(work: DiskWork) -> object:
    try:
        return work.run()
    except (OSError, KafkaError) as error:
        return error


class Compacting:
    """One cleaning; ``reply`` is answered with a ``Cleaned`` when it is over."""

    __slots__ = ("cleaning", "replica", "reply")

    def __init__(self, replica: LogOwner, message: Clean, reply: Reply) -> None:
        from kstore.log.cleaning import Cleaning

        self.replica = replica
        self.cleaning = Cleaning(replica.log, message.cleanable, message.offsets, replica.now_ms())
        self.reply = reply

    def begin(self) -> None:
        """On a disk, what is to be kept is made durable first, and the recovery point written down: what it replaces
        will be gone, and where whole batches are gone the next start finds gaps.
        """
        if self.replica.log.fs.in_memory:
            self.go_on()
        else:
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

    def go_on(self) -> None:
        """Have the next slice done, if there is one."""
        work = self.cleaning.next_work(self.replica.now_ms())
        if work is None:
            self._end()
        elif work.waits_for_disk:
            self.replica.on_disk(partial(_run, work), self._done, work)
        else:
            self.replica.off_turn(partial(_run, work), self._done, work)

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
