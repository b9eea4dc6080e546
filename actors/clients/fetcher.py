"""Fetching: one request a broker under way, its answers kept for the user's next ``poll()``.

A request may wait at the broker for up to ``fetch_max_wait_ms``. What it doesn't cover (a partition that was sought,
resumed or assigned since) needn't wait as long: it is asked for on a second link, without a session, meanwhile.

A broker is asked for all of its partitions that can be read on. It isn't asked while an answer of its still waits for
the user (as Kafka's clients since KAFKA-17182): a request would park for the other partitions, and the one that waits
could not be asked for again meanwhile. What the user is reading doesn't count, so the next answer is under way while
the user works on the last one.

An answer to a fetch from before a seek, a reset or a new assignment is told by the state's ``version``, and dropped.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from actors.clients.deserializing import deserializer
from actors.clients.fetch_sessions import NO_SESSION, WITHOUT, FetchSession, Wanted
from actors.clients.records import PartitionRecords
from actors.clients.structs import TopicPartition
from actors.clients.subscription import FOREVER_US, PartitionState
from actors.clients.talk import Talk, To
from kstore.errors import (
    CorruptMessage,
    FencedLeaderEpoch,
    FetchSessionIdNotFound,
    FetchSessionTopicIdError,
    InvalidFetchSessionEpoch,
    KafkaError,
    NotLeaderOrFollower,
    OffsetOutOfRange,
    for_code,
)
from kstore.records import RecordBatch, parse_batches
from kstore.schema.messages.fetch import FetchRequest

if TYPE_CHECKING:
    from actors.clients.consumer_actor import ConsumerActor

READ_UNCOMMITTED = 0
USUAL, BESIDE = "fetching", "fetching beside"  # the purposes of the two links to a broker
NO_ID = bytes(16)
SESSION_ERRORS = frozenset({FetchSessionIdNotFound.code, InvalidFetchSessionEpoch.code, FetchSessionTopicIdError.code})


class Fetched:
    """What came of one partition, for the user; void if the state's version has changed since. ``begun`` once the user
    reads in it."""

    __slots__ = ("begun", "records", "state", "version")

    def __init__(self, state: PartitionState, version: int, records: PartitionRecords) -> None:
        self.state = state
        self.version = version
        self.records = records
        self.begun = False

    @property
    def counts(self) -> bool:
        """Whether it is what the user is to read next."""
        return self.state.assigned and self.state.version == self.version


class Asked(NamedTuple):
    """What was asked of one partition."""

    state: PartitionState
    version: int
    offset: int


class Fetcher:
    """The fetches of one consumer. ``arrived`` is what waits for the user, in the order of arrival."""

    def __init__(self, actor: ConsumerActor) -> None:
        self.actor = actor
        self.arrived: deque[Fetched] = deque()
        self.sessions: dict[tuple[int, str], FetchSession] = {}
        self.in_flight: dict[tuple[int, str], dict[TopicPartition, Asked]] = {}
        self.fetches = 0
        self.records = 0
        self.nbytes = 0
        config = actor.config
        self.key_deserializer = deserializer(config.key_deserializer)
        self.value_deserializer = deserializer(config.value_deserializer)
        self._rings: Any = None  # the timer that looks again after a partition's quiet time
        self.validating = False
        self.ended = False

    # -- asking --------------------------------------------------------------------------------------------------

    def kick(self) -> None:
        """Ask every broker that can be asked."""
        if self.ended:
            return
        actor = self.actor
        now_us = actor.now_us()
        wanted: dict[tuple[int, str], dict[TopicPartition, Wanted]] = {}
        asked: dict[tuple[int, str], dict[TopicPartition, Asked]] = {}
        waits: set[int] = set()
        wakes_us = FOREVER_US
        for partition, state in actor.subscription.partitions.items():
            if state.paused or state.position is None:
                continue
            topic = actor.view.topics.get(partition.topic)
            known = None if topic is None else topic.partitions.get(partition.partition)
            if topic is None or known is None or known.leader < 0:
                actor.look_for_leaders()
                continue
            node = self._source(state, known.leader, now_us)
            if state.buffered:
                waits.add(node)
            elif (way := self._way_to(node, state)) is None:
                continue
            elif state.quiet_until_us > now_us:
                wakes_us = min(wakes_us, state.quiet_until_us)
            elif state.fetch_epoch >= 0 and state.checked_epoch != known.leader_epoch:
                self._validate()
            else:
                state.checked_epoch = known.leader_epoch
                wanted.setdefault(way, {})[partition] = Wanted(
                    topic.id, state.fetch_offset, known.leader_epoch, actor.config.max_partition_fetch_bytes
                )
                asked.setdefault(way, {})[partition] = Asked(state, state.version, state.fetch_offset)
        for way, of_way in wanted.items():
            if way[0] not in waits:
                self._ask(way, of_way, asked[way])
        if wakes_us < FOREVER_US:
            self._ring(wakes_us - now_us)

    def _source(self, state: PartitionState, leader: int, now_us: int) -> int:
        """Whom to ask: the leader, or the follower near by that it has named."""
        if state.read_replica >= 0 and state.read_replica_until_us > now_us:
            if state.read_replica in self.actor.view.brokers:
                return state.read_replica
            state.read_replica = -1
        return leader

    def _way_to(self, node: int, state: PartitionState) -> tuple[int, str] | None:
        """On which link to ask for a partition now; None if it was asked for, or neither is free."""
        usual, beside = self.in_flight.get((node, USUAL)), self.in_flight.get((node, BESIDE))
        for under_way in (usual, beside):
            asked = None if under_way is None else under_way.get(state.partition)
            if asked is not None and asked.version == state.version:
                return None
        if usual is None:
            return node, USUAL
        if beside is not None:
            if any(each.state.assigned and each.state.version == each.version for each in beside.values()):
                return None
            del self.in_flight[node, BESIDE]  # nobody wants to know any more what was asked there
            self.actor.hang_up(BESIDE, node)
        return node, BESIDE

    def _ask(
        self, way: tuple[int, str], wanted: dict[TopicPartition, Wanted], asked: dict[TopicPartition, Asked]
    ) -> None:
        config = self.actor.config
        session = self.sessions.get(way)
        if session is None:
            enabled = config.enable_incremental_fetch_sessions and way[1] == USUAL
            session = self.sessions[way] = FetchSession(enabled=enabled)
        request = FetchRequest(
            max_wait_ms=config.fetch_max_wait_ms,
            min_bytes=config.fetch_min_bytes,
            max_bytes=config.fetch_max_bytes,
            isolation_level=READ_UNCOMMITTED,
            rack_id=config.client_rack,
        )
        session.fill(request, wanted)
        self.in_flight[way] = asked
        self.actor.send_for(way[1], way[0], request, self._answered, way, session, asked)

    def _ring(self, delay_us: int) -> None:
        if self._rings is None:
            self._rings = self.actor.ring_in(delay_us / 1000, self._rung)

    def _rung(self) -> None:
        self._rings = None
        self.kick()

    # -- being answered ------------------------------------------------------------------------------------------

    def _answered(
        self, answer: Any, way: tuple[int, str], session: FetchSession, asked: dict[TopicPartition, Asked]
    ) -> None:
        if self.actor.stopped or self.in_flight.get(way) is not asked:
            return  # too late
        self.in_flight.pop(way, None)
        self.fetches += 1
        if isinstance(answer, KafkaError):
            session.close()
            for each in asked.values():
                self._quieten(each.state)
                each.state.read_replica = -1
            if not answer.retriable:
                self.actor.fail(answer)
            self.actor.mistrust_view()
        elif answer.error_code:
            session.answered(answer.error_code, answer.session_id)
            if answer.error_code not in SESSION_ERRORS:
                for each in asked.values():
                    self._quieten(each.state)
                self.actor.mistrust_view()
        else:
            session.answered(0, answer.session_id)
            self._take(answer, asked)
        self.kick()

    def _quieten(self, state: PartitionState) -> None:
        """Don't ask for it for a while."""
        pause = self.actor.backoff(0).delay_ms
        state.quiet_until_us = self.actor.now_us() + round(pause * 1000)

    def _take(self, answer: Any, asked: dict[TopicPartition, Asked]) -> None:
        names = {
            self.actor.view.topics[each.topic].id: each.topic for each in asked if each.topic in self.actor.view.topics
        }
        for topic in answer.responses:
            name = topic.topic or names.get(topic.topic_id, "")
            for data in topic.partitions:
                each = asked.get(TopicPartition(name, data.partition_index))
                if each is None or not each.state.assigned or each.state.version != each.version:
                    continue
                if each.offset != each.state.fetch_offset:
                    continue  # another broker was asked for it meanwhile, and was quicker
                if data.error_code:
                    self._refused(each, data, answer)
                else:
                    self._take_records(each, data)

    def _take_records(self, each: Asked, data: Any) -> None:
        state = each.state
        state.high_watermark = data.high_watermark
        if data.preferred_read_replica >= 0:
            state.read_replica = data.preferred_read_replica
            state.read_replica_until_us = self.actor.now_us() + self.actor.config.metadata_max_age_ms * 1000
        if not data.records:
            return
        try:
            batches, nbytes = batches_of(data.records)
        except (OSError, EOFError):  # in the process: the log was cut before its slices were read
            self._quieten(state)
            return
        except KafkaError as error:
            self._unreadable(each, error)
            return
        if not batches:
            self._unreadable(each, CorruptMessage(f"an answer for {state.partition} holds no whole batch"))
            return
        records = PartitionRecords(
            state.partition,
            batches,
            each.offset,
            check_crcs=self.actor.config.check_crcs,
            key_deserializer=self.key_deserializer,
            value_deserializer=self.value_deserializer,
        )
        last = batches[-1]
        self.actor.note("RecordsFetched", str(state.partition), each.offset, last.last_offset)
        self.nbytes += nbytes
        state.fetch_offset = max(last.last_offset + 1, each.offset)
        state.fetch_epoch = last.leader_epoch
        state.buffered += 1
        self.arrived.append(Fetched(state, each.version, records))

    def _unreadable(self, each: Asked, error: KafkaError) -> None:
        self._quieten(each.state)
        self.actor.fail(error)

    def _refused(self, each: Asked, data: Any, answer: Any) -> None:
        """As Kafka's ``FetchCollector.handleInitializeErrors``."""
        state = each.state
        error = for_code(data.error_code, str(state.partition))
        if state.read_replica >= 0:  # a follower may be behind, or no replica any more: the leader knows better
            state.read_replica = -1
            return
        if isinstance(error, OffsetOutOfRange):
            if not self.actor.offsets.reset(state):
                self._quieten(state)
                self.actor.fail(
                    OffsetOutOfRange(
                        f"the log of {state.partition} doesn't have offset {each.offset} (any more), and "
                        'auto_offset_reset is "none": seek() to where to go on'
                    )
                )
            self.actor.offsets.see_to_positions()
            return
        self._quieten(state)
        if isinstance(error, (NotLeaderOrFollower, FencedLeaderEpoch)) and data.current_leader.leader_id >= 0:
            self.actor.take_leader(state.partition, data.current_leader, answer.node_endpoints)
        if error.retriable:
            self.actor.mistrust_view()
        else:
            self.actor.fail(error)

    def end_sessions(self) -> Talk[None]:
        """Let brokers forget their fetch sessions, which they would keep for others to come back to."""
        self.ended = True
        known = self.actor.view.brokers
        yield [
            To(node, FetchRequest(session_id=session.session_id, session_epoch=WITHOUT))
            for (node, _), session in self.sessions.items()
            if session.session_id != NO_SESSION and node in known
        ]

    # -- is what was read still there? (KIP-320) -----------------------------------------------------------------

    def _validate(self) -> None:
        """Have leaders that are new say whether their logs are what was read."""
        if not self.validating:
            self.validating = True
            from actors.clients.validating import validate_positions

            self.actor.begin(validate_positions(self.actor), self._validated)

    def _validated(self, _: object, error: KafkaError | None) -> None:
        self.validating = False
        if error is not None:
            self.actor.fail(error)
        self.kick()


def batches_of(records: Any) -> tuple[list[RecordBatch], int]:
    """The whole batches of an answer, and their size; an incomplete last one is left out.

    In the process an answer is the very batches of the log, or slices of its files, which are read here.
    """
    hot = getattr(records, "batches", None)
    if hot is not None:
        return list(hot), sum(batch.size_bytes for batch in hot)
    if isinstance(records, list):
        records = b"".join([each.read(0, each.nbytes) if hasattr(each, "read") else each for each in records])
    return parse_batches(records, allow_partial=True), len(records)
