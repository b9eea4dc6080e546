"""The messages between replicas, the fetch service and the replica fetchers.

Offsets are of records; an epoch of -1 means that it isn't known. A *token* names one read: it is drawn from one
counter a node, so a late answer is known by its token and dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.runtime import Ref
    from kstore.log import LogConfig
    from kstore.log.manifest import LogNote
    from kstore.log.verification import AppendOptions
    from kstore.records import RecordBatch

FROM_CLIENT = 0
FROM_COORDINATOR = 1
FROM_TRANSACTION = 2
"""A client's batch in a transaction."""

READ_UNCOMMITTED = 0
READ_COMMITTED = 1
READ_TO_LOG_END = 2

CONSUMER = -1


class Append(NamedTuple):
    """Ask a leader to append one request's batches. The answer is an ``Appended``, or the error that refused it.

    The leader replaces them by ``Prepared`` batches if its log has a codec of its own.
    """

    batches: list[RecordBatch]
    required_acks: int = -1
    timeout_ms: int = 30_000
    origin: int = FROM_CLIENT
    options: AppendOptions | None = None


class Appended(NamedTuple):
    """The offsets of the batches. With acks=-1 it is sent when the high watermark has passed them."""

    first_offset: int
    last_offset: int
    log_append_time: int
    log_start_offset: int
    leader_epoch: int
    duplicate: bool


class StartVerification(NamedTuple):
    """Ask a leader whether a producer's batch in a transaction may be appended as it is: the answer is ``NO_GUARD``, or
    the guard to append with once the transaction's coordinator was asked, or the error that refuses the batch.

    ``adds``: the coordinator is asked to add the partition, as by the second transaction protocol.
    """

    producer_id: int
    producer_epoch: int
    base_sequence: int
    adds: bool


class DescribeProducers(NamedTuple):
    """Ask a replica for its log's producer state. The answer is a tuple of dictionaries, one for each, with what
    Kafka's ``ProducerState`` has.
    """


class EndTransaction(NamedTuple):
    """Ask a leader to append the marker that ends a producer's transaction in its partition, with acks=all; answered as
    ``Append`` is.

    For a partition that has a coordinator, the coordinator is asked: its shard learns of the marker once it is
    committed.
    """

    producer_id: int
    producer_epoch: int
    is_committed: bool
    coordinator_epoch: int
    transaction_version: int
    timeout_ms: int = 30_000


class CheckInSync(NamedTuple):
    """To itself: a follower lagged; check again."""


class ExpireAppends(NamedTuple):
    """To itself: the nearest deadline of an append is over."""


class Flush(NamedTuple):
    """To itself: append what has been collected, in one go."""


class Read(NamedTuple):
    """Read from ``offset`` and answer with a ``ReadAnswer``; a second one follows when the first says ``parked``.

    ``beyond``: park until there is something past this offset (at least ``offset``; more if the reader has already seen
    that much and needs more). ``replaces`` is the token of a parked read that this one replaces. ``replica`` and
    ``broker_epoch`` are the follower's; ``CONSUMER`` for a consumer. ``quiet``: don't answer before there is something.
    ``known_high_watermark`` is the last one that the reader got.
    """

    reader: Ref
    token: int
    replaces: int
    offset: int
    beyond: int
    max_bytes: int
    leader_epoch: int
    last_fetched_epoch: int
    log_start_offset: int
    isolation: int
    replica: int
    broker_epoch: int
    quiet: bool
    known_high_watermark: int


class ReadAnswer(NamedTuple):
    """What a read found: an error code, or the offsets and perhaps records.

    ``parked``: nothing yet; another answer follows under the same token. ``diverging``: the (epoch, end offset) where
    the follower's log diverges, because it isn't a prefix of the leader's.
    """

    token: int
    error: int
    parked: bool
    high_watermark: int
    last_stable_offset: int
    log_start_offset: int
    read: Any
    diverging: tuple[int, int] | None


class CancelRead(NamedTuple):
    """Forget a parked read."""

    token: int


class ReadLog(NamedTuple):
    """Ask a leader's replica for its own log from ``offset`` to its end, committed or not: for loading a coordinator.

    The answer is a ``LogPart`` of at least one batch where there is one.
    """

    offset: int
    max_bytes: int = 1 << 20


class LogPart(NamedTuple):
    """Some batches; ``next_offset`` is where to read on, until it is ``end_offset``."""

    batches: list[RecordBatch]
    next_offset: int
    end_offset: int
    high_watermark: int
    log_start_offset: int


class FindOffset(NamedTuple):
    """Ask for the offset of a time (or -1 latest, -2 earliest, -3 greatest timestamp, -4 earliest local, -5 latest
    tiered, -6 earliest not yet tiered). ``isolation`` is ``READ_TO_LOG_END`` for replicas.
    """

    timestamp: int
    isolation: int
    leader_epoch: int


class FoundOffset(NamedTuple):
    """What was found; all -1 when nothing."""

    timestamp: int
    offset: int
    leader_epoch: int


class DeleteRecords(NamedTuple):
    """Ask a leader to begin its log at ``offset`` (-1: at the high watermark). The answer is a ``Deleted``."""

    offset: int
    timeout_ms: int


class Deleted(NamedTuple):
    """The low watermark; ``timed_out`` if it hasn't reached the requested offset."""

    low_watermark: int
    timed_out: bool


class FindEpochEnd(NamedTuple):
    """Ask a leader where the largest epoch up to ``epoch`` ends. The answer is a pair (epoch, end offset)."""

    epoch: int
    leader_epoch: int


class BecomeLeader(NamedTuple):
    """Lead in this epoch; if the replica already leads in it, take the replicas and the in-sync set as confirmed."""

    leader_epoch: int
    partition_epoch: int
    replicas: tuple[int, ...]
    isr: tuple[int, ...]


class BecomeFollower(NamedTuple):
    """Follow ``leader`` through ``fetcher``; there is none when the partition has no leader (-1)."""

    leader: int
    leader_epoch: int
    partition_epoch: int
    fetcher: Ref | None


class Configure(NamedTuple):
    """The topic's settings have changed."""

    log: LogConfig
    min_in_sync: int


class BrokersChanged(NamedTuple):
    """Brokers started, stopped or were fenced: check again which may be in sync."""


class Upkeep(NamedTuple):
    """Do the work that depends on age: roll segments, expire producers."""


class EnforceRetention(NamedTuple):
    """Remove the segments that the topic's retention doesn't keep. The answer is what was removed, an ``Expired``, or
    None: nothing.
    """


class ReportHighWatermark(NamedTuple):
    """Ask for the high watermark, for the checkpoint."""


class MeasureLog(NamedTuple):
    """Ask for the size of a replica's log on disk. The answer is a ``LogSize``, or None if it is unknown: the log could
    never be opened, or is about to be removed.
    """


class LogSize(NamedTuple):
    """The bytes of a log's segments, and how many records it lacks to the high watermark; -1 while it is offline."""

    size_bytes: int
    offset_lag: int


class HighWatermarkMoved(NamedTuple):
    """A replica's high watermark is no longer what it last reported for the checkpoint."""

    topic: str
    partition: int
    replica: Ref


class RecoveryPointMoved(NamedTuple):
    """A replica's log is durable up to here now; ``has_fallen`` when that is less than before, after a truncation."""

    topic: str
    partition: int
    offset: int
    has_fallen: bool


class StartOffsetMoved(NamedTuple):
    """A replica's log begins here now; ``has_fallen`` when that is earlier than before."""

    topic: str
    partition: int
    offset: int
    has_fallen: bool


class Remove(NamedTuple):
    """The partition was deleted or moved away: answer what waits, delete the log, stop."""


class Close(NamedTuple):
    """The node stops: answer what waits, sync the log, stop. Answered with ``Closed``."""


class Closed(NamedTuple):
    """A closed log's values for the checkpoints, and what the next start compares with it.

    ``failure``: why it wasn't closed cleanly, if it wasn't.
    """

    recovery_point: int
    start_offset: int
    high_watermark: int
    note: LogNote | None
    failure: str = ""


class IsrAnswer(NamedTuple):
    """The controller's answer to a change of the in-sync set: the new state, or an error code (0: none)."""

    proposal: Any
    error: int
    leader_epoch: int
    isr: tuple[int, ...]
    partition_epoch: int


class ChangeIsr(NamedTuple):
    """Ask the controller for a change of an in-sync set, through the node's queue of changes."""

    replica: Ref
    topic_id: bytes
    partition: int
    proposal: Any


class Follow(NamedTuple):
    """Tell a fetcher to fetch a partition from its leader. ``follower`` is the ``Follower`` that takes what is
    fetched: the fetcher calls it in its own turns.
    """

    follower: object
    topic: str
    topic_id: bytes
    partition: int
    leader_epoch: int
    offset: int
    last_epoch: int
    log_start_offset: int


class Unfollow(NamedTuple):
    """Tell a fetcher to let go of a partition."""

    topic: str
    partition: int


class StartAt(NamedTuple):
    """The leader's log doesn't have the follower's end any more (or yet): go on from an offset that it has.

    ``leader_start`` and ``leader_end`` are the ends of the leader's log. ``asked_at`` is where the follower's log ended
    when the leader was asked, and how often it had been cut.
    """

    leader_epoch: int
    leader_start: int
    leader_end: int
    asked_at: tuple[int, int]


class Replicated(NamedTuple):
    """To a fetcher, later than it has brought something: where a follower's log ends now, and in which epoch;
    ``failed`` when it could not take it.
    """

    topic: str
    partition: int
    leader_epoch: int
    offset: int
    last_epoch: int
    log_start_offset: int
    failed: bool
