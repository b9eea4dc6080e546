"""The state of a fetch session (KIP-227): what its client knows of each partition, and the fetch that is under way.

A session remembers which partitions a consumer or follower fetches, so that a request names only those that changed
and an answer only those with news. Here it also remembers which of them wait at their replicas: a partition that is
parked there costs nothing until it fires. A fetch touches only the partitions that are *due*, so a session over 10,000
idle partitions costs no more than one over none.

Pure: replicas are asked and answered by the actor around it. A partition is

* due: the next fetch must ask its replica (it is new or changed, or its last answer was used or left over),
* asked: the replica hasn't answered yet,
* parked: the replica will say when there is something to read, or at once if there is (when it was asked quietly),
* answered: its answer waits for the fetch to be complete.

Epochs of a session: 0 opens one, -1 does without (or ends one), otherwise each request has the next number, which
goes from 2^31-1 to 1.

Invariants: a partition that isn't parked, asked or answered is in ``due``; a session has one fetch at a time.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from actors.partition.messages import ReadAnswer

if TYPE_CHECKING:
    from actors.partition.fetch.requests import Context
    from kstore.schema.messages.fetch import FetchPartition

INITIAL_EPOCH = 0
FINAL_EPOCH = -1
EPOCH_MAX = 2**31 - 1
NOT_SAID = 2**63 - 1  # a request without the high watermark that its sender knows (KIP-1166)

DUE = 0
ASKED = 1
PARKED = 2
ANSWERED = 3

TopicNameOrId = str | bytes
"""A name, or from version 13 on an id."""
PartitionKey = tuple[TopicNameOrId, int]


def next_epoch(epoch: int) -> int:
    """The number of the request after this one."""
    return 1 if epoch >= EPOCH_MAX else epoch + 1


class CachedPartition:
    """One partition of a session, or of a fetch without one. ``topic`` is a name, or a topic id from version 13."""

    __slots__ = (
        "answer",
        "fetch",
        "fetch_offset",
        "key",
        "last_fetched_epoch",
        "leader_epoch",
        "log_start_offset",
        "max_bytes",
        "partition",
        "sent_high_watermark",
        "sent_log_start",
        "session",
        "state",
        "token",
        "topic",
    )

    def __init__(self, topic: TopicNameOrId, asked: FetchPartition) -> None:
        self.topic = topic
        self.partition: int = asked.partition
        self.key: PartitionKey = (topic, self.partition)
        self.state = DUE
        self.token = -1
        self.answer: ReadAnswer | None = None
        self.session: FetchSession | None = None
        self.fetch: PendingFetch | None = None
        self.sent_high_watermark = -1
        self.sent_log_start = -1
        self.update(asked)

    def update(self, asked: FetchPartition) -> None:
        """Take what the request says of the partition (a ``FetchPartition``)."""
        self.fetch_offset: int = asked.fetch_offset
        self.max_bytes: int = asked.partition_max_bytes
        self.leader_epoch: int = asked.current_leader_epoch
        self.last_fetched_epoch: int = asked.last_fetched_epoch
        self.log_start_offset: int = asked.log_start_offset
        if asked.high_watermark != NOT_SAID:
            self.sent_high_watermark = asked.high_watermark

    def has_news(self) -> bool:
        """Whether an incremental response must include it."""
        answer = self.answer
        assert answer is not None
        return (
            (answer.read is not None and answer.read.size_bytes > 0)
            or answer.error != 0
            or answer.diverging is not None
            or answer.high_watermark != self.sent_high_watermark
            or answer.log_start_offset != self.sent_log_start
        )

    def sent(self) -> None:
        """Note that its answer is sent: the client now knows what it says."""
        answer = self.answer
        assert answer is not None
        if answer.error or answer.diverging is not None:
            self.sent_high_watermark = self.sent_log_start = -1
        else:
            self.sent_high_watermark = answer.high_watermark
            self.sent_log_start = answer.log_start_offset


class PendingFetch:
    """One pending fetch: which partitions were asked, and what was answered. ``context`` belongs to the actor."""

    __slots__ = (
        "bytes_counted",
        "bytes_found",
        "context",
        "deadline_ms",
        "finished",
        "max_bytes",
        "min_bytes",
        "names_all",
        "partitions",
        "session",
        "timed",
        "unanswered",
        "urgent",
    )

    def __init__(
        self,
        context: Context,
        session: FetchSession | None,
        names_all: bool,
        min_bytes: int,
        max_bytes: int,
        deadline_ms: int,
    ) -> None:
        self.context = context
        self.session = session
        self.names_all = names_all
        self.min_bytes = min_bytes
        self.max_bytes = max_bytes
        self.deadline_ms = deadline_ms
        self.partitions: dict[PartitionKey, CachedPartition] = {}
        self.unanswered = 0
        self.bytes_found = 0
        self.bytes_counted = 0  # of these, as the actor has counted them
        self.urgent = False
        self.timed = False
        self.finished = False

    def ask(self, cached: CachedPartition, token: int, *, quiet: bool = False) -> None:
        """Note that a partition's replica is asked. What it found before is kept until it finds more.

        ``quiet``: it doesn't answer if it has nothing, so the partition counts as parked for this fetch. If it hasn't
        answered, it is due in the next fetch, as it may not even have been asked yet.
        """
        assert not self.finished, "a fetch that was answered asks no more"
        if cached.state == DUE:
            cached.answer = None
        cached.token = token
        cached.fetch = self
        self.partitions[cached.key] = cached
        if quiet:
            cached.state = PARKED
        else:
            cached.state = ASKED
            self.unanswered += 1

    def take(self, cached: CachedPartition, answer: ReadAnswer) -> None:
        """Note a partition's answer, the first or a later one."""
        assert not self.finished, "a fetch that was answered takes no more"
        if cached.state == ASKED:
            self.unanswered -= 1
        self.partitions[cached.key] = cached
        before = 0 if cached.answer is None else size_of(cached.answer)
        if answer.parked:
            cached.state = PARKED
            if not before:
                cached.answer = answer
            return
        cached.state = ANSWERED
        cached.answer = answer
        size = 0 if answer.read is None else answer.read.size_bytes
        self.bytes_found += size - before
        if size == 0:
            self.urgent = True

    def is_complete(self) -> bool:
        """Whether all replicas have answered and there is enough for a response."""
        return self.unanswered == 0 and (self.urgent or self.bytes_found >= self.min_bytes)

    def too_little(self) -> list[CachedPartition]:
        """Slots that found something, but not enough to end the fetch: asked for more once all have answered."""
        return [cached for cached in self.partitions.values() if cached.state == ANSWERED]

    def finish(self) -> list[CachedPartition]:
        """End the fetch: the partitions that its answer names, in order, with records up to ``max_bytes``.

        The first one with records is included whatever its size, so that a large batch can't block a reader.
        """
        assert not self.finished, "a fetch is answered once"
        self.finished = True
        named: list[CachedPartition] = []
        left_over: list[CachedPartition] = []
        room = self.max_bytes
        first = True
        for cached in self.partitions.values():
            answer = cached.answer
            if answer is None:
                if cached.state != PARKED:
                    left_over.append(cached)
                continue
            size = size_of(answer)
            if size:
                if size > room and not first:
                    left_over.append(cached)
                    if not self.names_all:
                        continue
                    cached.answer = answer._replace(read=None)
                else:
                    room -= size
                    first = False
            if self.names_all or cached.has_news():
                named.append(cached)
                cached.sent()
        if self.session is not None:
            self._release(self.session, left_over)
        return named

    def _release(self, session: FetchSession, left_over: list[CachedPartition]) -> None:
        """Put partitions that were left over first for next time; used ones are asked again, with a new offset."""
        session.fetch = None
        due = session.due
        for cached in left_over:
            cached.state = DUE
            due[cached.key] = cached
        for cached in self.partitions.values():
            if cached.state == ANSWERED or size_of(cached.answer) > 0:
                cached.state = DUE
                due[cached.key] = cached

    def check(self) -> None:
        """Assert that its counts are those of its partitions, while it is under way."""
        if self.finished:
            return
        partitions = self.partitions.values()
        assert self.unanswered == sum(cached.state == ASKED for cached in partitions), (
            "who was asked and hasn't answered counts"
        )
        assert self.bytes_found == sum(size_of(cached.answer) for cached in partitions), "what was found counts"
        assert all(cached.state != DUE for cached in partitions), "what a fetch names was asked"


def size_of(answer: ReadAnswer | None) -> int:
    """How many bytes of records an answer brings."""
    return 0 if answer is None or answer.read is None else answer.read.size_bytes


class FetchSession:
    """The partitions of one consumer or follower."""

    __slots__ = (
        "created_ms",
        "due",
        "epoch",
        "fetch",
        "id",
        "partitions",
        "privileged",
        "timed",
        "used_ms",
        "uses_ids",
    )

    def __init__(self, session_id: int, *, privileged: bool, uses_ids: bool, now_ms: int) -> None:
        self.id = session_id
        self.epoch = 1
        self.privileged = privileged
        self.uses_ids = uses_ids
        self.created_ms = now_ms
        self.used_ms = now_ms
        self.partitions: dict[PartitionKey, CachedPartition] = {}
        self.due: dict[PartitionKey, CachedPartition] = {}
        self.fetch: PendingFetch | None = None
        self.timed = False  # whether the actor has a deadline set for it

    def name(self, topic: TopicNameOrId, asked: FetchPartition) -> None:
        """Add or update a partition that a request names."""
        key = (topic, asked.partition)
        cached = self.partitions.get(key)
        if cached is None:
            cached = self.partitions[key] = CachedPartition(topic, asked)
            cached.session = self
        else:
            cached.update(asked)
        self.due[key] = cached

    def forget(self, topic: TopicNameOrId, partition: int) -> CachedPartition | None:
        """Remove a partition that a request drops. It is returned, so that a parked read can be cancelled."""
        key = (topic, partition)
        self.due.pop(key, None)
        return self.partitions.pop(key, None)

    def take_due(self) -> Collection[CachedPartition]:
        """Take the partitions that the fetch which begins now must ask."""
        due = self.due
        self.due = {}
        return due.values()

    def begin(self, fetch: PendingFetch) -> None:
        """Begin a fetch, after the previous one has ended."""
        assert self.fetch is None, "a session has one fetch at a time"
        self.fetch = fetch

    def check(self) -> None:
        """Assert that no partition is lost: each is due, or at a replica, or in the pending fetch."""
        assert INITIAL_EPOCH < self.epoch <= EPOCH_MAX, "a session that is kept has the number of its last request"
        assert self.due.keys() <= self.partitions.keys(), "what is due wasn't dropped"
        fetch = self.fetch
        for key, cached in self.partitions.items():
            assert (cached.key, cached.session) == (key, self), "a partition is kept by its key"
            assert cached.state != DUE or key in self.due, "a partition that isn't parked, asked or answered is due"
            assert cached.state not in (ASKED, ANSWERED) or fetch is not None, (
                "what was asked or answered has its fetch"
            )
        if fetch is not None:
            assert not fetch.finished, "a session has the fetch that is under way"
            fetch.check()
