"""The check of all that one replica has on its disk, slice by slice; files are read off the turn."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actors.partition.scrub_messages import Scrub, Scrubbed
from actors.runtime.logs import logger
from kstore.errors import KafkaError
from kstore.log import scrub
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.partition.replica.damaged_log import DamagedLogOwner
    from actors.runtime import Reply
    from kstore.log import DiskWork


class ScrubOn(NamedTuple):
    """To the owner of the log: the pause before the next slice is over."""

    scrubbing: Scrubbing


def _run(work: DiskWork) -> object:
    try:
        return work.run()
    except (OSError, KafkaError) as error:
        return error


class Scrubbing:
    """One pass over the log of ``replica``; ``reply`` is answered with a ``Scrubbed`` when it is over."""

    __slots__ = ("_bytes_before", "_bytes_per_second", "_reply", "_scrub", "_told", "replica")

    def __init__(self, replica: DamagedLogOwner, message: Scrub, reply: Reply) -> None:
        self.replica = replica
        self._bytes_per_second = message.bytes_per_second
        self._scrub = scrub.Scrub(replica.log)
        self._reply = reply
        self._bytes_before = 0
        self._told = 0

    def go_on(self) -> None:
        """Have the next slice done, if there is one."""
        work = self._scrub.next_work()
        self._tell()
        if work is None:
            self.end(self.replica.log.failure)
        else:
            self.replica.on_disk(partial(_run, work), self._done, work)

    def _tell(self) -> None:
        """Tell of what was found since the last time."""
        replica = self.replica
        for wrong in self._scrub.wrong[self._told :]:
            replica.note("DamageFound", replica.label, wrong.offset, -1, str(wrong))
            logger("storage").warning("node %d: %s", replica.node.node_id, wrong)
        self._told = len(self._scrub.wrong)

    def _done(self, outcome: object, work: DiskWork) -> None:
        work.done(outcome if isinstance(outcome, BaseException) else None)
        if self.replica.scrubbing is not self:
            return
        read = self._scrub.bytes_read - self._bytes_before
        self._bytes_before = self._scrub.bytes_read
        if self._bytes_per_second:
            self.replica.after(read * 1000 / self._bytes_per_second, ScrubOn(self))
        else:
            self.go_on()

    def end(self, failure: str | None) -> None:
        """Answer with what was found."""
        replica, found = self.replica, self._scrub
        self._tell()
        replica.scrubbing = None
        replica.note("LogScrubbed", replica.label, found.bytes_read, len(found.wrong), failure or "")
        self._reply.set(Scrubbed(found.bytes_read, tuple(found.wrong), failure))
