"""How a replica ends: its log is deleted, or closed in order.

Either waits for the disk work that is under way. The answer is given as the actor stops: only then is the place free
for another replica of this name.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from actors.partition.messages import Closed
from kstore.errors import KafkaStorageError
from kstore.log.manifest import LogNote, note_log
from kstore.log.names import DOOMED, set_aside

if TYPE_CHECKING:
    from actors.partition.replica import Replica
    from actors.runtime import Reply


class Removal:
    """The log of ``replica`` goes; answered with what the deletion came to."""

    def __init__(self, replica: Replica, reply: Reply) -> None:
        self.replica = replica
        self.reply = reply
        self.outcome: Any = None
        replica.lane.drop_and(self._remove)

    def _remove(self) -> None:
        """Move the folder out of the way at once, as another topic may take its name, and delete it at leisure.

        The handles go first: a file that is open keeps its place on the disk.
        """
        replica = self.replica
        fs, doomed = replica.node.fs, set_aside(replica.topic, replica.partition, replica.topic_id.hex(), DOOMED)
        replica.log.abandon()
        fs.rename(replica.label, doomed)
        replica.on_disk(partial(fs.remove_tree, doomed), self._removed)

    def _removed(self, outcome: Any) -> None:
        self.outcome = outcome
        self.replica.stop()

    def over(self) -> None:
        """The actor has stopped."""
        self.reply.set(self.outcome)


class Closing:
    """The log of ``replica`` is brought to the disk, off the turn, and closed; answered with ``Closed``."""

    def __init__(self, replica: Replica, reply: Reply) -> None:
        self.replica = replica
        self.reply = reply
        self.failed_before = False
        self.note: LogNote | None = None
        replica.lane.end_with(self._close)

    def _close(self) -> None:
        replica = self.replica
        self.failed_before = replica.log.failure is not None
        try:
            replica.lane.add(replica.log.closing_work())
        except KafkaStorageError:  # the log keeps what it says
            replica.note("LogNotClosed", replica.label)
        replica.lane.end_with(self._closed)

    def _closed(self) -> None:
        log = self.replica.log
        if log.failure is None:
            try:
                self.note = note_log(log)
            except KafkaStorageError as error:
                log.failed(error.message)
        log.shut()
        self.replica.stop()

    def over(self) -> None:
        """The actor has stopped."""
        log = self.replica.log
        if log.failure is not None and not self.failed_before:
            self.reply.fail(KafkaStorageError(log.failure))
        else:
            self.reply.set(Closed(log.recovery_point, log.start_offset, log.high_watermark, self.note))
