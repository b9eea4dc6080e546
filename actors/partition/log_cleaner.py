"""The log cleaner of a node: compacts the logs of compacted topics, the dirtiest first.

As Apache Kafka's ``LogCleaner``; ``log.cleaner.threads`` is how many logs are cleaned at once. A replica offers its log
when one of its segments was closed, its settings were changed or its first records deleted: otherwise it has nothing
new to clean. ``log.cleaner.backoff.ms`` later the cleaner asks all that were offered what is dirty
(``kstore/log/cleanable.py``), and has the dirtiest one that is due cleaned by its replica (``replica/compacting.py``),
until none is due. So it costs nothing while nothing is written.

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

    Invariant: ``running`` coroutines clean, each one log at a time, and no two the same: those of ``under_way``. What a
    cleaner that failed had begun may go on beside that.
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
        self.running = 0
        self.under_way: set[TopicAndPartition] = set()
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
        self.forget_key(key)

    @receives(CleanerTime)
    def cleaner_time(self, message: CleanerTime) -> None:
        """Clean what is due."""
        self.is_armed = False
        if self.node.config.boolean("log.cleaner.enable"):
            tried: set[TopicAndPartition] = (
                set()
            )  # the disk is full, or the log was changed meanwhile: not again at once
            for _ in range(self._threads - self.running):
                self._run(self._clean_due(tried), None)

    @property
    def _threads(self) -> int:
        return self.node.config.integer("log.cleaner.threads")

    def _arm(self) -> None:
        if self.offered and not self.is_armed and self.running < self._threads:
            self.is_armed = True
            self.after(self.node.config.integer("log.cleaner.backoff.ms"), CleanerTime())

    def _run(self, cleaning: Eventually[list[Cleaned]], reply: Reply | None) -> None:
        self.running += 1
        self.run_coroutine(cleaning, lambda done: self._ran(done, reply))

    def _ran(self, done: list[Cleaned], reply: Reply | None) -> None:
        self.running -= 1
        if reply is not None:
            reply.set(done)
        self._go_on()

    def _go_on(self) -> None:
        held_up: list[tuple[CleanNow, Reply]] = []
        while self.wanted and self.running < max(1, self._threads):
            wanted, reply = self.wanted.popleft()
            key = (wanted.topic, wanted.partition)
            if key in self.under_way:
                held_up.append((wanted, reply))
            else:
                self._run(self._clean_now(key, wanted.replica), reply)
        self.wanted.extendleft(reversed(held_up))
        self._arm()

    def _clean_due(self, tried: set[TopicAndPartition]) -> Eventually[list[Cleaned]]:
        """Clean the dirtiest log that is due, until none is. One that couldn't be cleaned holds up no other."""
        while not self.wanted:
            due: list[tuple[float, TopicAndPartition, Ref, FoundCleanable]] = []
            asked: dict[TopicAndPartition, int | None] = {}
            for key, replica in list(self.offered.items()):
                if key in tried or key in self.under_way:
                    continue
                asked[key] = self.known.get(key)
                found = yield Ask(replica, FindCleanable(asked[key]))
                if not isinstance(found, FoundCleanable) or not (found.is_due or found.may_become_due):
                    self._withdraw(key, replica)
                elif found.is_due:
                    due.append((-found.cleanable.dirty_ratio, key, replica, found))
            due = [each for each in due if each[1] not in self.under_way and self.known.get(each[1]) == asked[each[1]]]
            if not due:
                break
            _, key, replica, found = min(due, key=lambda each: each[:2])
            self.under_way.add(key)
            done = yield from self._clean(key, replica, found)
            self.under_way.remove(key)
            if done is None or done.cleaned_to is None:
                tried.add(key)
        return []

    def _clean_now(self, key: TopicAndPartition, replica: Ref) -> Eventually[list[Cleaned]]:
        """Clean one log until nothing of it is dirty; more than once if its keys don't fit the map."""
        cleanings: list[Cleaned] = []
        self.under_way.add(key)
        while True:
            found = yield Ask(replica, FindCleanable(self.known.get(key)))
            if not isinstance(found, FoundCleanable) or not found.cleanable.cleanable_bytes:
                break
            done = yield from self._clean(key, replica, found)
            if done is None:
                break
            cleanings.append(done)
            if done.cleaned_to is None:
                break
        self.under_way.remove(key)
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
        most = config.integer("log.cleaner.dedupe.buffer.size") // max(1, self._threads)
        return OffsetMap(max(MAP_BYTES_MIN, min(needed, most)), load)
