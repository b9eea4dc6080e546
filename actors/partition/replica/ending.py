"""The end of a replica: its log is deleted, or closed cleanly.

Both wait for disk work that is running. The answer is given when the actor stops: only then is the place free for
another replica of this name.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actors.partition.messages import Closed
from actors.partition.replica.opening import LogEnds
from actors.runtime.logs import logger
from kstore.errors import KafkaStorageError
from kstore.log.manifest import LogNote, note_log
from kstore.log.names import DOOMED, set_aside

if TYPE_CHECKING:
    from actors.partition.replica.replica import Replica
    from actors.runtime import Reply


class Removal:
    """The deletion of the log of ``replica``; answered with its outcome."""

    FAILURE_SCOPE = "the removal of a replica; what is left of its folder goes at the next start"

    def __init__(self, replica: Replica, reply: Reply) -> None:
        self.replica = replica
        self.reply = reply
        self.outcome: object = None
        self.failure_met = False

    def begin(self) -> None:
        """Begin once no disk work is running."""
        replica = self.replica
        if replica.has_log:
            replica.disk_queue.drop_and(self._remove)
        else:
            self._remove()

    def _remove(self) -> None:
        """Rename the folder at once, as another topic may take its name, and delete it later.

        Files are closed first: an open file keeps its space on disk.
        """
        replica = self.replica
        fs, doomed = replica.node.fs, set_aside(replica.topic, replica.partition, replica.topic_id.hex(), DOOMED)
        try:
            if replica.has_log:
                replica.log.abandon()
            fs.rename(replica.label, doomed)
        except OSError as error:
            self._removed(error)
        else:
            replica.on_disk(partial(fs.remove_tree, doomed), self._removed)

    def _removed(self, outcome: object) -> None:
        """Handle the outcome; what can't be removed stays until the next start, which will delete it."""
        replica = self.replica
        if isinstance(outcome, OSError):
            replica.note("FolderNotDeleted", replica.label, outcome.errno or -1)
            what = "node %d: the folder of %s, which was deleted, can't be removed, the next start tries again: %s"
            logger("storage").warning(what, replica.node.node_id, replica.label, outcome)
        self.outcome = outcome
        replica.stop()

    def failed(self, error: Exception) -> None:
        """Rename the folder, if it still exists, and do no more, as a defect happened."""
        self.failure_met = True
        replica = self.replica
        fs, doomed = replica.node.fs, set_aside(replica.topic, replica.partition, replica.topic_id.hex(), DOOMED)
        try:
            if fs.exists(replica.label):
                fs.rename(replica.label, doomed)
        except OSError as trouble:
            self._removed(trouble)
        else:
            self._removed(error)

    def over(self) -> None:
        """Answer, as the actor has stopped."""
        self.reply.set(self.outcome)


class Closing:
    """The log of ``replica`` is brought to the disk, off the turn, and closed; answered with ``Closed``."""

    FAILURE_SCOPE = "the closing of a log in order; it is recovered at the next start"

    def __init__(self, replica: Replica, reply: Reply) -> None:
        self.replica = replica
        self.reply = reply
        self.failure = ""
        self.note: LogNote | None = None
        self.failure_met = False

    def begin(self) -> None:
        """After all disk work that waits."""
        replica = self.replica
        offline = replica.offline
        if offline is not None:
            self.ends = offline.ends
            self.note = offline.ends.note
            if self.note is None:  # else it is as the last clean stop left it, whatever is wrong with it
                self.failure = offline.error.message
            self._stop()
        else:
            replica.disk_queue.end_with(self._close)

    def _close(self) -> None:
        replica = self.replica
        try:
            replica.disk_queue.add(replica.log.closing_work())
        except KafkaStorageError:  # the log keeps what it says
            replica.note("LogNotClosed", replica.label)
        replica.disk_queue.end_with(self._closed)

    def _closed(self) -> None:
        log = self.replica.log
        try:
            if log.failure is None:
                self.note = note_log(log)
            log.shut()
        except KafkaStorageError as error:
            log.failed(error.message)
        except OSError as error:
            log.failed(f"couldn't close {log.path}: {error}")
        self.ends = LogEnds.of(log)
        self.failure = log.failure or ""
        self._stop()

    def _stop(self) -> None:
        if self.failure:
            what = "node %d: %s wasn't closed in order and is recovered at the next start: %s"
            logger("storage").warning(what, self.replica.node.node_id, self.replica.label, self.failure)
        self.replica.stop()

    def failed(self, error: Exception) -> None:
        """A defect was met: the log counts as one that a crash left, and nobody waits for it."""
        self.failure_met = True
        replica = self.replica
        self.ends = LogEnds.of(replica.log) if replica.offline is None else replica.offline.ends
        self.note, self.failure = None, repr(error)
        self._stop()

    def over(self) -> None:
        """Answer, as the actor has stopped."""
        ends = self.ends
        self.reply.set(Closed(ends.recovery_point, ends.start_offset, ends.high_watermark, self.note, self.failure))
