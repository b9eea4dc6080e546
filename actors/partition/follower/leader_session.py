"""The follower's side of a fetch session: which partitions to fetch from one leader next, and what its responses mean.

Pure: it builds requests and sorts responses; links, timers and replicas belong to the actor around it.

One fetch carries all partitions that this node follows from that leader, through an incremental session: a request
names only the partitions whose offset or epoch differ from what was last sent to the leader, which is ``known``. A
response about a partition counts only if the leader had ``known`` when it answered, and that is still the partition's
state. What crosses with a change is dropped and fetched again.

A partition is *ready*, *busy* (its replica is taking what was fetched) or *held back* (after an error, for a growing
time). Partitions that are held back leave the session, or the leader would return their error again at once. A fetch
that waits at the leader is superseded by the next one when partitions that it doesn't have become ready, so that a new
partition doesn't wait for the end of the long poll.

A fetch that brings nothing says that the partitions are idle: the next one waits twice as long at the leader, up to
``idle_wait_ms``. The leader answers as soon as there is something, so this delays nothing, and an idle partition costs
next to nothing.

Invariants: ``busy`` counts the busy partitions; a partition is in ``changed`` if it is ready and its state isn't what
is known; ``known`` is not None exactly for the partitions of the leader's session, ``in_session`` of them.
"""

from __future__ import annotations

from typing import Any

from actors.partition.fetch.sessions import next_epoch
from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple
from kstore.schema.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    ForgottenTopic,
    PartitionData,
    ReplicaState,
)

FollowerState = tuple[int, int, int, int]

NONE = 0
OFFSET_OUT_OF_RANGE = 1
FETCH_SESSION_ID_NOT_FOUND = 70
FIRST_BACKOFF_MS = 10


class Followed:
    """One partition that is fetched. ``follower`` takes what is fetched; it is opaque here."""

    __slots__ = (
        "backoff_ms",
        "busy",
        "follower",
        "held_until_ms",
        "high_watermark",
        "key",
        "known",
        "last_epoch",
        "leader_epoch",
        "leader_start",
        "log_start_offset",
        "named_in",
        "offset",
        "state",
        "topic_id",
    )

    def __init__(
        self,
        follower: Any,
        topic: str,
        topic_id: bytes,
        partition: int,
        *,
        leader_epoch: int,
        offset: int,
        last_epoch: int,
        log_start_offset: int,
    ) -> None:
        self.follower = follower
        self.key: TopicAndPartition = (topic, partition)
        self.topic_id = topic_id
        self.leader_epoch = leader_epoch
        self.moved_to(offset, last_epoch, log_start_offset)
        self.high_watermark = -1
        self.leader_start = -1
        self.known: FollowerState | None = None
        self.named_in = 0  # the number of the request that sent ``known``
        self.busy = False
        self.held_until_ms: int | None = None
        self.backoff_ms = FIRST_BACKOFF_MS

    def moved_to(self, offset: int, last_epoch: int, log_start_offset: int) -> None:
        """Note where its log ends, in which epoch, and where it begins; ``state`` is what to send to the leader."""
        self.offset = offset
        self.last_epoch = last_epoch
        self.log_start_offset = log_start_offset
        self.state: FollowerState = (offset, last_epoch, self.leader_epoch, log_start_offset)


class FetchOutcome(NamedTuple):
    """What one response has: the partitions by kind of outcome."""

    taken: list[tuple[Followed, PartitionData]]
    out_of_range: list[Followed]
    failed: list[tuple[Followed, int]]


class LeaderSession:
    """All partitions that this node follows from one leader."""

    def __init__(
        self,
        *,
        node: int,
        broker_epoch: int,
        max_wait_ms: int,
        idle_wait_ms: int,
        min_bytes: int,
        max_bytes: int,
        partition_max_bytes: int,
        backoff_max_ms: int,
    ) -> None:
        self.node = node
        self.broker_epoch = broker_epoch
        self.max_wait_ms = max_wait_ms
        self.idle_wait_ms = max(idle_wait_ms, max_wait_ms) if min_bytes <= 1 else max_wait_ms
        self.wait_ms = max_wait_ms
        self.min_bytes = min_bytes
        self.max_bytes = max_bytes
        self.partition_max_bytes = partition_max_bytes
        self.backoff_max_ms = backoff_max_ms
        self.followed: dict[TopicAndPartition, Followed] = {}
        self.by_id: dict[tuple[bytes, int], Followed] = {}
        self.changed: dict[TopicAndPartition, Followed] = {}
        self.held: dict[TopicAndPartition, Followed] = {}
        self.forgotten: dict[tuple[bytes, int], str] = {}
        self.in_session = 0
        self.busy = 0
        self.session_id = 0
        self.session_epoch = 0
        self.refused_session = False
        self.requests = 0

    def follow(self, partition: Followed) -> None:
        """Fetch a partition from now on, from the given offset; replaces an earlier state of it."""
        topic, index = partition.key
        self.unfollow(topic, index)
        self.followed[partition.key] = partition
        self.by_id[partition.topic_id, index] = partition
        self.changed[partition.key] = partition

    def unfollow(self, topic: str, index: int) -> None:
        """Stop to fetch a partition; does nothing if it isn't followed."""
        partition = self.followed.pop((topic, index), None)
        if partition is None:
            return
        self.by_id.pop((partition.topic_id, index), None)
        self.changed.pop(partition.key, None)
        self.held.pop(partition.key, None)
        if partition.busy:
            self.busy -= 1
        self._leave_session(partition)

    def took(self, partition: Followed, offset: int, last_epoch: int, log_start_offset: int) -> None:
        """Note a replica's new state, after it has taken what was fetched."""
        if partition.busy:
            partition.busy = False
            self.busy -= 1
        partition.moved_to(offset, last_epoch, log_start_offset)
        partition.backoff_ms = FIRST_BACKOFF_MS
        if partition.known != partition.state:
            self.changed[partition.key] = partition

    def hold(self, partition: Followed, now_ms: int) -> int:
        """Hold a partition back, longer each time; returns how long."""
        self._not_busy(partition)
        partition.high_watermark = partition.leader_start = -1
        delay_ms = partition.backoff_ms
        partition.backoff_ms = min(delay_ms * 2, self.backoff_max_ms)
        partition.held_until_ms = now_ms + delay_ms
        self.changed.pop(partition.key, None)
        self.held[partition.key] = partition
        self._leave_session(partition)
        return delay_ms

    def release(self, now_ms: int) -> int | None:
        """Make the partitions whose time is over ready again; returns when the next one will be, or ``None``."""
        nearest: int | None = None
        for key, partition in list(self.held.items()):
            until = partition.held_until_ms
            assert until is not None
            if until <= now_ms:
                del self.held[key]
                partition.held_until_ms = None
                self.changed[key] = partition
            elif nearest is None or until < nearest:
                nearest = until
        return nearest

    def _not_busy(self, partition: Followed) -> None:
        if partition.busy:
            partition.busy = False
            self.busy -= 1

    def _leave_session(self, partition: Followed) -> None:
        if partition.known is not None:
            partition.known = None
            self.in_session -= 1
            self.forgotten[partition.topic_id, partition.key[1]] = partition.key[0]

    @property
    def may_send(self) -> bool:
        """Whether to fetch now: there are partitions, and their replicas have taken the records of the last fetch."""
        return self.busy == 0 and bool(self.changed or self.in_session)

    @property
    def may_supersede(self) -> bool:
        """Whether a pending fetch should be superseded by one with more partitions.

        Not one that opens a session: two would open two sessions, and the last response would win.
        """
        return self.session_epoch != 0 and self.busy == 0 and bool(self.changed)

    def request(self) -> FetchRequest:
        """The next fetch. It must be sent at once: from now on its contents are what the leader knows."""
        full = self.session_epoch == 0
        self.requests += 1
        topics: dict[bytes, FetchTopic] = {}
        for partition in self.followed.values() if full else self.changed.values():
            if partition.held_until_ms is not None:
                continue
            topic, index = partition.key
            entry = topics.get(partition.topic_id)
            if entry is None:
                entry = topics[partition.topic_id] = FetchTopic(topic=topic, topic_id=partition.topic_id)
            entry.partitions.append(
                FetchPartition(
                    partition=index,
                    current_leader_epoch=partition.leader_epoch,
                    fetch_offset=partition.offset,
                    last_fetched_epoch=partition.last_epoch,
                    log_start_offset=partition.log_start_offset,
                    partition_max_bytes=self.partition_max_bytes,
                    high_watermark=partition.high_watermark,
                )
            )
            if partition.known is None:
                self.in_session += 1
            partition.known = partition.state
            partition.named_in = self.requests
            if self.forgotten:
                self.forgotten.pop((partition.topic_id, index), None)
        self.changed = {}
        forgotten: list[ForgottenTopic] = []
        if self.forgotten:
            if not full:
                forgotten = self._forgotten_topics()
            self.forgotten = {}
        return FetchRequest(
            replica_state=ReplicaState(replica_id=self.node, replica_epoch=self.broker_epoch),
            max_wait_ms=self.wait_ms if not full or self.refused_session else 0,
            min_bytes=self.min_bytes,
            max_bytes=self.max_bytes,
            session_id=self.session_id,
            session_epoch=self.session_epoch,
            topics=list(topics.values()),
            forgotten_topics_data=forgotten,
        )

    def _forgotten_topics(self) -> list[ForgottenTopic]:
        topics: dict[bytes, ForgottenTopic] = {}
        for (topic_id, index), topic in self.forgotten.items():
            entry = topics.setdefault(topic_id, ForgottenTopic(topic=topic, topic_id=topic_id))
            entry.partitions.append(index)
        return list(topics.values())

    def sent(self) -> None:
        """Note that the request was sent: the next one has the next number."""
        if self.session_epoch:
            self.session_epoch = next_epoch(self.session_epoch)

    def start_over(self, *, close_session: bool = False) -> None:
        """Begin a new session: the next fetch names everything. Also called after a lost link."""
        if not close_session:
            self.session_id = 0
        self.session_epoch = 0
        self.in_session = 0
        self.forgotten = {}
        for partition in self.followed.values():
            partition.known = None
            if partition.held_until_ms is None and not partition.busy:
                self.changed[partition.key] = partition

    def answered(self, response: FetchResponse, *, full: bool, request: int | None = None) -> FetchOutcome | None:
        """Sort a response; ``None`` if the leader doesn't know the session, which then starts over.

        ``request`` is the number of the answered request, by default the last one. Responses to two pending requests
        may come in any order, and a late one may repeat what was taken from the other.
        """
        if request is None:
            request = self.requests
        if response.error_code != NONE:
            self.start_over(close_session=response.error_code != FETCH_SESSION_ID_NOT_FOUND)
            return None
        if full:
            self.session_id = response.session_id
            self.session_epoch = 1 if response.session_id else 0
            self.refused_session = not response.session_id
        outcome = FetchOutcome([], [], [])
        for topic in response.responses:
            for data in topic.partitions:
                partition = self.by_id.get((topic.topic_id, data.partition_index))
                if (
                    partition is not None
                    and not partition.busy
                    and partition.known == partition.state
                    and partition.named_in <= request
                ):
                    self._sort(partition, data, outcome)
        is_idle = not response.responses and not full
        self.wait_ms = min(self.wait_ms * 2, self.idle_wait_ms) if is_idle else self.max_wait_ms
        if full and self.refused_session:
            self._forget_session()
        return outcome

    def _sort(self, partition: Followed, data: PartitionData, outcome: FetchOutcome) -> None:
        if data.error_code == OFFSET_OUT_OF_RANGE:
            outcome.out_of_range.append(partition)
            return
        if data.error_code != NONE:
            outcome.failed.append((partition, data.error_code))
            return
        partition.backoff_ms = FIRST_BACKOFF_MS
        if (
            data.records
            or data.diverging_epoch.end_offset >= 0
            or data.high_watermark != partition.high_watermark
            or data.log_start_offset != partition.leader_start
        ):
            takes_offsets = data.diverging_epoch.end_offset < 0
            partition.high_watermark = data.high_watermark if takes_offsets else -1
            partition.leader_start = data.log_start_offset if takes_offsets else -1
            partition.busy = True
            self.busy += 1
            outcome.taken.append((partition, data))

    def _forget_session(self) -> None:
        """Go on without a session at the leader: every fetch names everything."""
        for partition in self.followed.values():
            partition.known = None
        self.in_session = 0
        self.changed = {key: one for key, one in self.followed.items() if one.held_until_ms is None}
