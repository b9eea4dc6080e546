"""Reads on a leader: followers read to the end of its log, consumers to what is committed.

A read that finds nothing is parked here and answered when its limit has moved. Readers with another leader epoch are
fenced. A follower whose log isn't a prefix of this one gets the epoch and offset where they diverge.

Followers whose fetch is parked get a higher high watermark, and a later log start, after
``HIGH_WATERMARK_DELAY_MS``, unless they get records first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.partition.leader.waiting import HIGH_WATERMARK, LAST_STABLE, LOG_END, WaitingReads
from actors.partition.messages import READ_COMMITTED, READ_UNCOMMITTED, Read, ReadAnswer
from kstore.errors import FencedLeaderEpoch, KafkaError, NotLeaderOrFollower, OffsetOutOfRange, UnknownLeaderEpoch
from kstore.fs import FileSlice
from kstore.log import LogRead
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.partition.leader.leader import Leader

HIGH_WATERMARK_DELAY_MS = 100


class SendHighWatermark(NamedTuple):
    """To itself: tell waiting followers the new high watermark."""


SEND_HIGH_WATERMARK = SendHighWatermark()


class Parked(NamedTuple):
    """A read that waits."""

    read: Read
    token: int
    beyond: int


class Serving:
    """The reads on one leader."""

    __slots__ = ("given", "in_sync", "leader", "log", "reads", "replica", "seen_stable", "sends_soon")

    def __init__(self, leader: Leader) -> None:
        self.leader = leader
        self.replica = leader.replica
        self.log = leader.log
        self.in_sync = leader.in_sync
        self.reads: WaitingReads[Parked] = WaitingReads()
        self.given: dict[int, int] = {}  # by follower, the offset from which it was last given something from a file
        self.sends_soon = False
        self.seen_stable = self.log.last_stable_offset  # by ``check``

    def read(self, message: Read) -> None:
        """Serve a follower or a consumer, now or when there is something for it."""
        if message.replaces >= 0:
            self.reads.remove(message.replaces)
        try:
            self.check_epoch(max(-1, message.leader_epoch))  # any negative epoch means none, as in Apache Kafka
            if message.replica >= 0:
                self._read_as_follower(message)
            else:
                self._read_as_consumer(message)
        except KafkaError as error:
            self.replica.refuse(message, error)

    def check_epoch(self, epoch: int) -> None:
        """Fence a reader with an older or a newer leader epoch than this leader's."""
        known = self.in_sync.leader_epoch
        if epoch in (known, -1):
            return
        if epoch < known:
            self.replica.note("EpochFenced", self.replica.label, epoch, known)
            raise FencedLeaderEpoch(f"the leader epoch {epoch} is older than {known}")
        raise UnknownLeaderEpoch(f"the leader epoch {epoch} is newer than {known}")

    def _check_offset(self, offset: int) -> None:
        log = self.log
        if offset < log.start_offset or offset > log.end_offset:
            raise OffsetOutOfRange(f"offset {offset} isn't within {log.start_offset} and {log.end_offset}")

    def _read_as_follower(self, message: Read) -> None:
        log, node = self.log, message.replica
        if node not in self.in_sync.followers:
            if message.leader_epoch >= 0:
                raise UnknownLeaderEpoch(f"node {node} isn't a replica as far as this leader knows")
            raise NotLeaderOrFollower(f"node {node} isn't a replica")
        diverging = self._divergence(message)
        if diverging is not None:
            self._tell(message, diverging=diverging)
            return
        self._check_offset(message.offset)
        self.leader.follower_fetched(message)
        end = log.end_offset
        if end > message.beyond:
            if self.given.get(node) == message.offset:
                log.doubt(message.offset)  # it didn't take what it was given: its checksum was wrong, or it got lost
            read = self._in_memory(log.read(message.offset, message.max_bytes, up_to=end))
            if read.batches is None:
                self.given[node] = message.offset
            self._tell(message, read)
        else:
            self._park(LOG_END, message)

    def _read_as_consumer(self, message: Read) -> None:
        if message.last_fetched_epoch >= 0:
            diverging = self._divergence(message)
            if diverging is not None:
                self._tell(message, diverging=diverging)
                return
        self._check_offset(message.offset)
        kind, limit = self._limit(message.isolation)
        if limit > message.beyond:
            self._tell(message, self._read_below(kind, message, limit))
        else:
            self._park(kind, message)

    def _read_below(self, kind: int, message: Read, limit: int) -> LogRead:
        if kind == LAST_STABLE:
            read = self.log.read_committed(message.offset, message.max_bytes)
            assert read.next_offset <= limit or not read.size_bytes, "a committed reader gets what is stable"
            return read
        return self.log.read(message.offset, message.max_bytes, up_to=limit)

    def _limit(self, isolation: int) -> tuple[int, int]:
        if isolation == READ_UNCOMMITTED:
            return HIGH_WATERMARK, self.log.high_watermark
        if isolation == READ_COMMITTED:
            return LAST_STABLE, self.log.last_stable_offset
        return LOG_END, self.log.end_offset

    def _divergence(self, message: Read) -> tuple[int, int] | None:
        """Where the reader's log may diverge from this one; ``None`` if it is a prefix of it."""
        epoch, offset = message.last_fetched_epoch, message.offset
        log = self.log
        if epoch < 0 or (epoch == log.latest_epoch and offset <= log.end_offset):
            return None
        known_epoch, known_end = log.epoch_end_offset(epoch)
        if known_epoch < 0 or known_end < 0:
            raise OffsetOutOfRange(f"where epoch {epoch} ended is not known")
        if offset < log.start_offset:
            raise OffsetOutOfRange(f"offset {offset} is before {log.start_offset}")
        if known_epoch < epoch or known_end < offset:
            return known_epoch, known_end
        return None

    def _park(self, kind: int, message: Read) -> None:
        self.reads.add(kind, Parked(message, message.token, message.beyond))
        if not message.quiet:
            self._tell(message, parked=True)
        if kind == LOG_END and self._is_behind(message):
            self._tell_news_soon()

    def _is_behind(self, message: Read) -> bool:
        """Whether a reader at the log's end doesn't know the high watermark, or a follower the log start."""
        log = self.log
        return message.known_high_watermark < log.high_watermark or (
            message.replica >= 0 and message.log_start_offset < log.start_offset
        )

    def grown(self, end_offset: int) -> None:
        """Wake followers, as the log has grown."""
        if self.reads.by_limit[LOG_END]:
            self._wake(LOG_END, end_offset)

    def committed(self, high_watermark: int) -> None:
        """Wake consumers, as the high watermark has moved; followers are told later."""
        to_end, to_high_watermark, to_stable = self.reads.by_limit
        if to_high_watermark:
            self._wake(HIGH_WATERMARK, high_watermark)
        if to_stable:
            self._wake(LAST_STABLE, self.log.last_stable_offset)
        if to_end:
            self._tell_news_soon()

    def _tell_news_soon(self) -> None:
        if not self.sends_soon:
            self.sends_soon = True
            self.replica.after(HIGH_WATERMARK_DELAY_MS, SEND_HIGH_WATERMARK)

    def send_high_watermark(self) -> None:
        """Answer waiting followers with the log's offsets, as no records have told them."""
        self.sends_soon = False
        parked = [waiting.read for waiting in self.reads.by_limit[LOG_END].values()]
        for read in parked:
            if self._is_behind(read):
                self.reads.remove(read.token)
                self._tell(read)

    def start_moved(self) -> None:
        """Tell waiting followers now that the log begins later, and readers of committed records if a transaction that
        is open has lost its first records: what is stable begins there then.
        """
        if self.reads.by_limit[LAST_STABLE]:
            self._wake(LAST_STABLE, self.log.last_stable_offset)
        for waiting in list(self.reads.by_limit[LOG_END].values()):
            self.reads.remove(waiting.token)
            self._tell(waiting.read)

    def check(self) -> None:
        """Assert that the last stable offset never falls while this leader leads."""
        stable = self.log.last_stable_offset
        assert stable >= self.seen_stable, f"{self.replica.label} was stable up to {self.seen_stable}, now to {stable}"
        self.seen_stable = stable

    def _wake(self, kind: int, limit: int) -> None:
        """Answer the parked reads below ``limit``; those at the same offset share what is read."""
        shared: LogRead | None = None
        place = (-1, -1)
        for parked in self.reads.take_readable(kind, limit):
            message = parked.read
            if place != (message.offset, message.max_bytes):
                place = (message.offset, message.max_bytes)
                try:
                    shared = self._read_below(kind, message, limit)
                    if kind == LOG_END:
                        shared = self._in_memory(shared)
                except KafkaError as error:
                    place = (-1, -1)
                    self.replica.refuse(message, error)
                    continue
            self._tell(message, shared)

    def _in_memory(self, read: LogRead) -> LogRead:
        try:
            return in_memory(read)
        except (OSError, EOFError) as error:
            raise self.log.failed(f"couldn't read {self.log.path}: {error}") from error

    def _tell(
        self,
        message: Read,
        read: LogRead | None = None,
        *,
        parked: bool = False,
        diverging: tuple[int, int] | None = None,
    ) -> None:
        log = self.log
        stable = log.last_stable_offset
        message.reader.tell(
            ReadAnswer(message.token, 0, parked, log.high_watermark, stable, log.start_offset, read, diverging)
        )

    def leave(self, error: KafkaError) -> None:
        """Answer all parked reads with an error."""
        for parked in self.reads.take_all():
            self.replica.refuse(parked.read, error)


def in_memory(read: LogRead) -> LogRead:
    """What was read, copied from its file: another node can't know how long the file stays unchanged."""
    chunks = read.chunks if read.batches is None else ()
    if not any(isinstance(chunk, FileSlice) for chunk in chunks):
        return read
    whole = b"".join(chunk.read(0, chunk.nbytes) if isinstance(chunk, FileSlice) else chunk for chunk in chunks)
    return LogRead(None, [whole], read.size_bytes, read.next_offset)
