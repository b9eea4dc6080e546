"""An offline replica: what that means to others, and how its log comes back.

Its disk failed, its bytes are wrong, or its turn met a defect. Clients get KAFKA_STORAGE_ERROR. The controller learns
that the replica's directory is lost (KIP-858), removes it from the in-sync set and elects another leader.

It comes back by itself. Nothing is tried before the image shows the replica as lost: from then on it isn't elected or
counted as in sync, so the image's in-sync set is true. Then, at growing intervals, its folder is tested for writing,
and the log opened and recovered. A log that still has everything that it had is used again. One that doesn't is
repaired if another replica leads without this one (``repairing.py``): damaged files are set aside, and what they held
is fetched again. If none leads, as all others in sync were lost meanwhile, a log that was in use as its damage was
found is used again as it is: what is sound is served. Otherwise this may be the only replica with some committed
record, and it stays offline, which is logged, until its files are back.

A replica that led when its log failed never leads in that epoch again: others may have records of that epoch which the
recovered log lacks.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actors.image.image import NO_LEADER, Directory, PartitionImage
from actors.partition.replica.opening import LogEnds, probe
from actors.partition.replica.repairing import Repair
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
"""How often all bytes of a damaged log are checked, in case they were restored."""
STEADY_MS = 60_000
"""After so long without failure, the retry interval starts from its minimum again."""


class LogFailed(NamedTuple):
    """To itself: the log has closed itself for appends."""


class RetryLog(NamedTuple):
    """To itself: try to open the log again."""


LOG_FAILED = LogFailed()
RETRY_LOG = RetryLog()


class Offline:
    """Why a replica is offline, and its role when it is back."""

    __slots__ = (
        "damage",
        "delay_ms",
        "ends",
        "error",
        "look_again_ms",
        "repair",
        "replica",
        "said",
        "wanted",
        "was_in_use",
    )

    def __init__(self, replica: LogOwner, error: Exception, ends: LogEnds) -> None:
        self.replica = replica
        self.error = KafkaStorageError(f"the log of {replica.label} is offline: {error}")
        self.ends = ends
        self.damage: KafkaError | None = None  # what is wrong with its bytes
        self.was_in_use = replica.has_log and replica.log.failure is None
        self.repair: Repair | None = None
        self.look_again_ms = 0
        self.said = ""  # what was logged last
        self.wanted: BecomeLeader | BecomeFollower | None = None
        steady = replica.now_ms() - replica.back_ms >= STEADY_MS
        self.delay_ms = RETRY_MS_MIN if steady else min(replica.retry_ms * 2, RETRY_MS_MAX)

    def begin(self) -> None:
        """Inform the controller and the broker's actors, and close the files."""
        replica = self.replica
        replica.note("ReplicaOffline", replica.label, self.ends.high_watermark, self.ends.floor, self.error.message)
        self._say(self.error.message)
        self._assign(Directory.LOST)
        if replica.has_log:
            replica.log.on_failure = None
            replica.log.failed(self.error.message)
            replica.disk_queue.drop_and(self._release)
        else:
            self.try_later()

    def _say(self, what: str) -> None:
        """Log one line, unless it is the same as the last."""
        if what != self.said:
            self.said = what
            logger("storage").warning("node %d: %s; kstore retries", self.replica.node.node_id, what)

    def tell_lost(self) -> None:
        """Report again that the replica's directory is lost, as the actor that knew it has failed."""
        self._assign(Directory.LOST)

    def _assign(self, directory: bytes) -> None:
        replica = self.replica
        replica.listeners.directories.tell(AssignDirectory(replica.topic_id, replica.partition, directory))

    def _release(self) -> None:
        """Close the files, as no disk work is running."""
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

    def try_now(self) -> None:
        """Try in the next turn."""
        self.replica.inbox.send(RETRY_LOG)

    def retry(self) -> None:
        """Try to open the log."""
        replica = self.replica
        image, me = replica.node.view.image, replica.node.node_id
        found = image.partition(replica.topic, replica.partition)
        if found is None or found.directory_of(me) != Directory.LOST:
            self.try_later()  # the controller doesn't know yet, or its image isn't here yet
            return
        try:
            probe(replica.node.fs, replica.label)
            if self.repair is not None:
                if not self.repair.is_done:
                    return  # it is tried again once that is done
                self._open_repaired(self.repair)
            elif self.damage is not None and self._others_have_all(found):
                self._repair()
                return
            elif self.damage is not None and self.was_in_use and tuple(found.isr) == (me,):
                self._open_as_it_is(self.damage)
            elif self.damage is not None and replica.now_ms() < self.look_again_ms:
                self.try_later()
                return
            elif not self._open(found):
                return
        except KafkaError as error:
            self._say(f"the log of {replica.label} stays offline: {error.message}")
            self.try_later()
        else:
            self._back()

    def _others_have_all(self, found: PartitionImage) -> bool:
        """Whether other replicas have all committed records."""
        me = self.replica.node.node_id
        return found.leader not in (NO_LEADER, me) and me not in found.isr

    def _open(self, found: PartitionImage) -> bool:
        """Open the log as it is; if some bytes were wrong, every byte is checked. Whether it is open: else it is being
        repaired.
        """
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
            self._repair()
            return False
        return True

    def _open_as_it_is(self, damage: KafkaError) -> None:
        """Open a log that took appends until its damage was found, as the only one in sync: nothing of it is cut."""
        self.was_in_use = False
        log = self.replica.open_log(self.ends._replace(clean=True, note=None))
        log.disk.only_up_to(self.ends.recovery_point)
        log.damaged(damage.message)

    def _repair(self) -> None:
        self.repair = Repair(self)
        self.repair.go_on()

    def _open_repaired(self, repair: Repair) -> None:
        """Open what is left of the log. If that isn't sound either, all of it is fetched again."""
        self.repair = None
        recovery_point = min(self.ends.recovery_point, max(repair.end_offset, 0))
        self.ends = self.ends._replace(recovery_point=recovery_point, floor=0, clean=False, note=None)
        try:
            self.replica.open_log(self.ends)
        except LogDamaged as damage:
            self._begin_anew(damage)
        self.damage = None

    def _begin_anew(self, damage: KafkaError) -> None:
        """Delete what is left of the log, as others have everything."""
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
        replica.truncated()  # it may be another log, or have lost its end
        replica.offer_to_cleaner()
        if self.wanted is not None:
            replica.take_role(self.wanted)
