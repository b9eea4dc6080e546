"""What a replica does about a log in use whose bytes are found to be wrong, and how it looks for them.

If another replica in sync has all of it, this one goes offline: the other leads, and this one is repaired
(``offline.py``, ``repairing.py``). Otherwise it stays in use: it is the only one that has what is left. What is sound
is served, and new records are taken; what isn't is refused with CORRUPT_MESSAGE. As soon as another replica is in sync,
it goes offline all the same.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actors.partition.replica.log_owner import LogOwner
from actors.partition.replica.offline import LOG_FAILED, LogFailed
from actors.partition.replica.scrubbing import Scrubbing, ScrubOn
from actors.partition.scrub_messages import Scrub, Scrubbed
from actors.runtime import receives
from actors.runtime.logs import logger
from kstore.errors import CorruptMessage, KafkaError, KafkaStorageError
from kstore.log import LogDamaged
from kstore.log.quarantine import remove_aside

if TYPE_CHECKING:
    from actors.node.node import BrokerNode
    from actors.partition.replica.log_owner import LogListeners
    from kstore.log import LogConfig


class DamagedLogOwner(LogOwner):
    """A ``LogOwner`` whose log may be damaged."""

    __slots__ = ("scrubbing",)

    def __init__(
        self,
        node: BrokerNode,
        topic: str,
        partition: int,
        topic_id: bytes,
        *,
        log_config: LogConfig,
        listeners: LogListeners,
    ) -> None:
        super().__init__(node, topic, partition, topic_id, log_config=log_config, listeners=listeners)
        self.scrubbing: Scrubbing | None = None

    @receives(Scrub)
    def scrub(self, message: Scrub) -> None:
        """Check all files of the log, in turns and between them."""
        reply = self.defer()
        if self.offline is not None or self.ending is not None:
            reply.set(Scrubbed(0, (), f"{self.label} is out of use"))
            return
        self.stop_scrubbing()
        self.scrubbing = Scrubbing(self, message, reply)
        self.scrubbing.go_on()

    @receives(ScrubOn)
    def scrub_on(self, message: ScrubOn) -> None:
        """Go on with a check after a pause."""
        if message.scrubbing is self.scrubbing:
            self.scrubbing.go_on()

    def stop_scrubbing(self) -> None:
        """End a check that is under way."""
        if self.scrubbing is not None:
            self.scrubbing.end("it was ended before all was looked at")

    def go_offline(self, error: Exception, *, damaged: bool = False) -> None:
        """As ``LogOwner.go_offline``; a check that is under way ends."""
        super().go_offline(error, damaged=damaged)
        self.stop_scrubbing()

    @receives(LogFailed)
    def log_failed(self, message: LogFailed) -> None:
        """Go offline, as the log's disk failed, or as the log is damaged and another replica has all of it."""
        if self.offline is not None or self.ending is not None:
            return
        log = self.log
        reason = log.failure if log.failure is not None else log.damage
        if reason is None:
            return
        if log.failure is not None or self.is_replaceable():
            self.go_offline(KafkaStorageError(reason), damaged=log.damage is not None)
            return
        self.note("DamageKept", self.label, log.start_offset, log.end_offset, reason)
        what = "node %d: %s; no other in-sync replica has all of it: the rest of it is served"
        logger("storage").warning(what, self.node.node_id, reason)

    def look_at_damage(self) -> None:
        """Have a damaged log repaired if another replica has all of it by now; finish a repair that was made."""
        self._forget_aside()
        if self.offline is None and self.log.damage is not None and self.is_replaceable():
            self.inbox.send(LOG_FAILED)

    def _forget_aside(self) -> None:
        """Remove the segments that a repair has set aside, once the replica is in sync again."""
        recovery, view = self.log.recovery, self.node.view
        found = view.image.partition(self.topic, self.partition) if recovery.has_aside else None
        if found is not None and self.node.node_id in found.isr:
            recovery.has_aside = False
            self.on_disk(partial(remove_aside, self.node.fs, self.label), self._aside_removed)

    def _aside_removed(self, outcome: object) -> None:
        if isinstance(outcome, OSError):
            self.log.recovery.has_aside = True  # later

    def is_replaceable(self) -> bool:
        """Whether another replica is in sync and works, and so has all that is committed."""
        image, me = self.node.view.image, self.node.node_id
        found = image.partition(self.topic, self.partition)
        if found is None:
            return True
        return any(node != me and image.is_active(node) and image.is_online(found, node) for node in found.isr)

    def told(self, error: KafkaError) -> KafkaError:
        """The error for a reader: of damage that no other replica can repair it is a final one, as in Apache Kafka."""
        return CorruptMessage(error.message) if isinstance(error, LogDamaged) and not self.is_replaceable() else error
