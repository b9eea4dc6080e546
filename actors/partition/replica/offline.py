"""A replica whose log is out of use: what that means to others, and how it comes back.

The disk failed under it, its bytes are wrong, or a defect was met in its turn. Clients are answered with
KAFKA_STORAGE_ERROR; the controller hears that the replica's directory is lost (KIP-858), takes it out of the in-sync
set and has another lead.

It comes back by itself. Nothing is tried before the image shows the replica as lost: from then on nobody elects it or
counts it as in sync, so the in-sync set that the image has is true. Then its folder is tried for writing, and the log
opened and recovered anew, again and again, at growing intervals. A log that still holds all that it held before is
taken into use. One that doesn't is thrown away and fetched anew if another replica leads without this one; otherwise
this may be the only one with some committed record, and it stays out of use, and says so, until its files are back.

A replica that led when its log failed never leads in that epoch again: others may have records of that epoch which the
recovered log lacks.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actors.image.image import NO_LEADER, Directory, PartitionImage
from actors.partition.replica.opening import LogEnds, probe
from actors.partition.to_controller.directory_assignments import AssignDirectory
from actors.runtime.logs import logger
from kstore.errors import KafkaError, KafkaStorageError
from kstore.log import LogDamaged
from kstore.log.names import DOOMED, set_aside
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.partition.messages import BecomeFollower, BecomeLeader
    from actors.partition.replica.log_owner import LogOwner

RETRY_MS_MIN = 250
RETRY_MS_MAX = 10_000
LOOK_AGAIN_MS = 60_000
"""How often all bytes of a damaged log are looked at, in case they were put back."""
STEADY_MS = 60_000
"""So long a log must work for its next failure to be retried as soon as its first."""


class LogFailed(NamedTuple):
    """To itself: the log has closed itself for appends."""


class RetryLog(NamedTuple):
    """To itself: try to take the log into use again."""


LOG_FAILED = LogFailed()
RETRY_LOG = RetryLog()


class Offline:
    """Why a replica is out of use, and what it is to do when it is back."""

    __slots__ = ("damage", "delay_ms", "ends", "error", "look_again_ms", "replica", "said", "wanted")

    def __init__(self, replica: LogOwner, error: Exception, ends: LogEnds) -> None:
        self.replica = replica
        self.error = KafkaStorageError(f"the log of {replica.label} is offline: {error}")
        self.ends = ends
        self.damage: KafkaError | None = None  # what is wrong with the bytes that are there
        self.look_again_ms = 0
        self.said = ""  # what was logged last
        self.wanted: BecomeLeader | BecomeFollower | None = None
        steady = replica.now_ms() - replica.back_ms >= STEADY_MS
        self.delay_ms = RETRY_MS_MIN if steady else min(replica.retry_ms * 2, RETRY_MS_MAX)

    def begin(self) -> None:
        """Tell everybody concerned, and give the files back."""
        replica = self.replica
        replica.note("ReplicaOffline", replica.label, self.ends.high_watermark, self.ends.floor, self.error.message)
        self._say(self.error.message)
        self._assign(Directory.LOST)
        if replica.has_log:
            replica.log.on_failure = None
            replica.log.failed(self.error.message)
            replica.lane.drop_and(self._release)
        else:
            self.try_later()

    def _say(self, what: str) -> None:
        """One line, and no other for as long as it would be the same."""
        if what != self.said:
            self.said = what
            logger("storage").warning("node %d: %s; kstore retries", self.replica.node.node_id, what)

    def tell_lost(self) -> None:
        """Say once more that the replica's directory is lost: who was told of it has failed."""
        self._assign(Directory.LOST)

    def _assign(self, directory: bytes) -> None:
        replica = self.replica
        replica.listeners.directories.tell(AssignDirectory(replica.topic_id, replica.partition, directory))

    def _release(self) -> None:
        """No disk work is under way: the files aren't needed any more, or are to be opened anew."""
        try:
            self.replica.log.shut()
        except OSError as error:
            self.replica.note("LogNotClosed", self.replica.label, error.errno or -1)
        finally:
            self.try_later()

    def try_later(self) -> None:
        """Set the time of the next try."""
        replica = self.replica
        if replica.ending is None:
            replica.retry_ms = self.delay_ms
            replica.after(self.delay_ms, RETRY_LOG)
            self.delay_ms = min(self.delay_ms * 2, RETRY_MS_MAX)

    def retry(self) -> None:
        """Try to take the log into use."""
        replica = self.replica
        image, me = replica.node.view.image, replica.node.node_id
        found = image.partition(replica.topic, replica.partition)
        if found is None or found.directory_of(me) != Directory.LOST:
            self.try_later()  # the controller hasn't heard yet, or its image has not come here
            return
        try:
            probe(replica.node.fs, replica.label)
            if self.damage is not None and self._others_have_all(found):
                self._begin_anew(self.damage)
            elif self.damage is None or replica.now_ms() >= self.look_again_ms:
                self._open(found)
            else:
                self.try_later()
                return
        except KafkaError as error:
            self._say(f"the log of {replica.label} stays offline: {error.message}")
            self.try_later()
        else:
            self._back()

    def _others_have_all(self, found: PartitionImage) -> bool:
        """Whether nothing that was committed is only here."""
        me = self.replica.node.node_id
        return found.leader not in (NO_LEADER, me) and me not in found.isr

    def _open(self, found: PartitionImage) -> None:
        """Open the log as it is; every byte of it is looked at, if some were wrong."""
        replica, ends = self.replica, self.ends
        if self.damage is not None:
            ends = ends._replace(recovery_point=0, clean=False)
        try:
            replica.open_log(ends)
        except LogDamaged as damage:
            self.damage = damage
            self.look_again_ms = replica.now_ms() + LOOK_AGAIN_MS
            if not self._others_have_all(found):
                what = "no other in-sync replica has all of it: put its files back"
                raise KafkaStorageError(f"{damage.message}; {what}") from None
            self._begin_anew(damage)

    def _begin_anew(self, damage: KafkaError) -> None:
        """Throw away what is left of the log, as others have it all."""
        replica = self.replica
        fs = replica.node.fs
        doomed = set_aside(replica.topic, replica.partition, replica.uuid().hex(), DOOMED)
        try:
            if fs.exists(replica.label):
                fs.rename(replica.label, doomed)
        except OSError as error:
            raise KafkaStorageError(f"{damage.message}; can't move it away: {error}") from None
        replica.note("LogDiscarded", replica.label, self.ends.start_offset, self.ends.floor, damage.message)
        self.ends, self.damage = LogEnds(), None
        replica.on_disk(partial(fs.remove_tree, doomed), self._removed)
        replica.open_log(self.ends)

    def _removed(self, outcome: object) -> None:
        if isinstance(outcome, OSError):
            self.replica.note("FolderNotDeleted", self.replica.label, outcome.errno or -1)  # the next start tries again

    def _back(self) -> None:
        replica, log = self.replica, self.replica.log
        replica.offline = None
        replica.back_ms = replica.now_ms()
        replica.note("ReplicaOnline", replica.label, log.start_offset, log.end_offset)
        logger("storage").warning(
            "node %d: the log of %s is back, up to offset %d", replica.node.node_id, replica.label, log.end_offset
        )
        self._assign(replica.node.view.directory_id)
        replica.high_watermark_moved()
        replica.start_moved()
        if self.wanted is not None:
            replica.take_role(self.wanted)
