"""The log cleaner of a node: compacts the logs of compacted topics, one after the other, the dirtiest first.

As Apache Kafka's ``LogCleaner``, with one thread. A replica offers its log when one of its segments was closed, its
settings were changed or its first records deleted: otherwise it has nothing new to clean. ``log.cleaner.backoff.ms``
later the cleaner asks all that were offered what is dirty (``kstore/log/cleanable.py``), and has the dirtiest one that
is due cleaned by its replica (``replica/compacting.py``), until none is due. So it costs nothing while nothing is
written.

``cleaner-offset-checkpoint`` says up to where each log is clean. A log that isn't in it is cleaned from its start.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from actors.partition.checkpoints import Checkpoint, ForgetReplica, Write
from actors.partition.cleaning_messages import (
    Clean,
    Cleaned,
    CleanNow,
    FindCleanable,
    FoundCleanable,
    LogTruncated,
    OfferLog,
)
from actors.runtime import receives
from actors.runtime.coroutine import Ask
from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.node.node import BrokerNode
    from actors.runtime import Ref, Reply
    from actors.runtime.coroutine import Eventually
    from kstore.log.offset_map import OffsetMap

SLOT_BYTES = 24
MAP_BYTES_MIN = 64 * SLOT_BYTES
LOAD_FACTOR_MIN = 1 / 64
"""Kafka lets users set any number, with which its cleaner fails."""


class CleanerTime(NamedTuple):
    """To itself: ``log.cleaner.backoff.ms`` has passed since a log was offered, or since the last cleaning."""


class LogCleaner(Checkpoint):
    """``known`` has the first dirty offset of each log that was cleaned before.

    Invariant: it has at most one log cleaned at a time. What a cleaner that failed had begun may go on beside that.
    """

    INTERVAL = "log.cleaner.backoff.ms"

    def __init__(
        self,
        node: BrokerNode,
        known: Mapping[TopicAndPartition, int],
        write: Write,
        name: str = "log-cleaner",
    ) -> None:
        super().__init__(node, known, write, name)
        self.offered: dict[TopicAndPartition, Ref] = {}
        self.wanted: deque[tuple[CleanNow, Reply]] = deque()
        self.is_busy = False
        self.is_armed = False

    @receives(OfferLog)
    def offer_log(self, message: OfferLog) -> None:
        """Note a log that may have more to clean than before."""
        self.offered[message.topic, message.partition] = message.replica
        self._arm()

    @receives(LogTruncated)
    def log_truncated(self, message: LogTruncated) -> None:
        """A log is clean at most up to where it was cut."""
        key = (message.topic, message.partition)
        if self.known.get(key, 0) > message.end_offset:
            self.known[key] = message.end_offset
            self.save()

    @receives(CleanNow)
    def clean_now(self, message: CleanNow) -> None:
        """Clean a log without waiting until enough of it is dirty; answered with a list of what each cleaning did."""
        self.wanted.append((message, self.defer()))
        self._go_on()

    @receives(ForgetReplica)
    def forget(self, message: ForgetReplica) -> None:
        """Leave a partition out from now on."""
        key = (message.topic, message.partition)
        self.offered.pop(key, None)
        if self.known.pop(key, None) is not None:
            self.save()

    @receives(CleanerTime)
    def cleaner_time(self, message: CleanerTime) -> None:
        """Clean what is due."""
        self.is_armed = False
        if not self.is_busy and self.node.config.boolean("log.cleaner.enable"):
            self._run(self._clean_all(), None)

    def _arm(self) -> None:
        if self.offered and not self.is_armed and not self.is_busy:
            self.is_armed = True
            self.after(self.node.config.integer("log.cleaner.backoff.ms"), CleanerTime())

    def _run(self, cleaning: Eventually[list[Cleaned]], reply: Reply | None) -> None:
        assert not self.is_busy, "one log is cleaned after the other"
        self.is_busy = True
        self.run_coroutine(cleaning, lambda done: self._ran(done, reply))

    def _ran(self, done: list[Cleaned], reply: Reply | None) -> None:
        self.is_busy = False
        if reply is not None:
            reply.set(done)
        self._go_on()

    def _go_on(self) -> None:
        if self.wanted and not self.is_busy:
            wanted, reply = self.wanted.popleft()
            self._run(self._clean_now((wanted.topic, wanted.partition), wanted.replica), reply)
        self._arm()

    def _clean_all(self) -> Eventually[list[Cleaned]]:
        """Clean the dirtiest log that is due, until none is. One that couldn't be cleaned holds up no other."""
        tried: set[TopicAndPartition] = set()  # the disk is full, or the log was changed meanwhile: not again at once
        while not self.wanted:
            due: list[tuple[float, TopicAndPartition, Ref, FoundCleanable]] = []
            for key, replica in list(self.offered.items()):
                if key in tried:
                    continue
                found = yield Ask(replica, FindCleanable(self.known.get(key)))
                if not isinstance(found, FoundCleanable) or not (found.is_due or found.may_become_due):
                    self._withdraw(key, replica)
                elif found.is_due:
                    due.append((-found.cleanable.dirty_ratio, key, replica, found))
            if not due:
                break
            _, key, replica, found = min(due, key=lambda each: each[:2])
            done = yield from self._clean(key, replica, found)
            if done is None or done.cleaned_to is None:
                tried.add(key)
        return []

    def _clean_now(self, key: TopicAndPartition, replica: Ref) -> Eventually[list[Cleaned]]:
        """Clean one log until nothing of it is dirty; more than once if its keys don't fit the map."""
        cleanings: list[Cleaned] = []
        while True:
            found = yield Ask(replica, FindCleanable(self.known.get(key)))
            if not isinstance(found, FoundCleanable) or not found.cleanable.cleanable_bytes:
                return cleanings
            done = yield from self._clean(key, replica, found)
            if done is None:
                return cleanings
            cleanings.append(done)
            if done.cleaned_to is None:
                return cleanings

    def _clean(self, key: TopicAndPartition, replica: Ref, found: FoundCleanable) -> Eventually[Cleaned | None]:
        """Have a replica clean its log; None if it ended meanwhile."""
        cleanable = found.cleanable
        offsets = self._map_for(cleanable.first_uncleanable_offset - cleanable.first_dirty_offset)
        done = yield Ask(replica, Clean(cleanable, offsets))
        if not isinstance(done, Cleaned):
            self._withdraw(key, replica)
            return None
        if done.cleaned_to is not None and self.offered.get(key, replica) is replica:
            self.known[key] = done.cleaned_to
            self.save()
        return done

    def _withdraw(self, key: TopicAndPartition, replica: Ref) -> None:
        if self.offered.get(key) is replica:
            del self.offered[key]

    def _map_for(self, offsets: int) -> OffsetMap:
        """A map with room for so many keys, or as large as ``log.cleaner.dedupe.buffer.size`` lets it be."""
        from kstore.log.offset_map import OffsetMap

        config = self.node.config
        load = min(1.0, max(LOAD_FACTOR_MIN, config.real("log.cleaner.io.buffer.load.factor")))
        needed = round(offsets / load + 1) * SLOT_BYTES
        return OffsetMap(max(MAP_BYTES_MIN, min(needed, config.integer("log.cleaner.dedupe.buffer.size"))), load)
