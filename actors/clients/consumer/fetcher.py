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

import itertools
from collections import deque
from collections.abc import Iterable, Mapping
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from actors.clients.consumer.deserializing import deserializer
from actors.clients.consumer.fetch_sessions import NO_SESSION, WITHOUT, Wanted
from actors.clients.consumer.fetch_sources import BESIDE, Asked, FetchLink, Source
from actors.clients.consumer.isolation import aborted_places
from actors.clients.consumer.records import PartitionRecords
from actors.clients.consumer.subscription import FOREVER_US, PartitionState
from actors.clients.coroutine import SendTo
from actors.clients.structs import TopicPartition
from actors.clients.view import BrokerAddress
from actors.runtime.coroutine import Eventually
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
from kstore.named import NamedTuple
from kstore.records import RecordBatch, parse_batches
from kstore.schema.messages.fetch import FetchRequest, FetchResponse, NodeEndpoint, PartitionData

if TYPE_CHECKING:
    from actors.clients.actor import ClientActor
    from actors.clients.consumer.positions import Positions
    from actors.clients.consumer.subscription import Subscription
    from actors.clients.keywords.table import ConsumerConfig
    from actors.clients.view import PartitionView

SESSION_ERRORS = frozenset({FetchSessionIdNotFound.code, InvalidFetchSessionEpoch.code, FetchSessionTopicIdError.code})


class Fetched:
    """What came of one partition, for the user; void if the state's version has changed since. ``begun`` once the user
    reads in it.
    """

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


class Delivered(NamedTuple):
    """What a user's poll() gave out of one partition."""

    partition: TopicPartition
    first: int
    last: int


class Fetcher:
    """The fetches of one consumer. ``arrived`` is what waits for the user, in the order of arrival."""

    def __init__(
        self, actor: ClientActor, config: ConsumerConfig, subscription: Subscription, positions: Positions
    ) -> None:
        self.actor = actor
        self.config = config
        self.subscription = subscription
        self.positions = positions
        self.arrived: deque[Fetched] = deque()
        self.sources: dict[int, Source] = {}
        self.fetches = 0
        self.records = 0
        self.nbytes = 0
        self.key_deserializer = deserializer(config.key_deserializer)
        self.value_deserializer = deserializer(config.value_deserializer)
        self._isolation = "read_committed" if config.isolation_level == "read_committed" else ""  # for the trace
        self._quiet: list[tuple[int, int, PartitionState]] = []  # a heap: until when each isn't to be fetched
        self._quiet_end = actor.alarm_for(self._quiet_time_over)  # of the first of them
        self._numbers = itertools.count(1)
        self.ended = False  # nothing more is asked for
        self.stopped = False  # nor is any answer taken

    def send_fetches(self) -> None:
        """Look at what has changed, and ask every broker that can be asked."""
        if self.ended:
            return
        notes = self.subscription.notes
        if notes.seen:
            seen, notes.seen = notes.seen, {}
            now_us = self.actor.now_us()
            for state in seen:
                self._see_to(state, now_us)
        for source in self.sources.values():
            if source.waiting:
                continue
            if not source.usual.under_way:
                if source.wanted:
                    self._ask(source, source.usual)
            elif source.fresh and self._is_free(source):
                self._ask(source, source.beside)

    def _see_to(self, state: PartitionState, now_us: int) -> None:
        """Have a partition where it belongs: wanted of a broker, or waiting for what has to come first."""
        known = self._known(state)
        source = None if known is None else self._source(state, known.leader, now_us)
        if state.source is not None and state.source is not source:
            state.source.drop(state)
        state.source = source
        if source is None or known is None:
            return
        if state.buffered:
            source.waiting[state] = None
            return
        source.waiting.pop(state, None)
        if (link := source.link_of(state)) is not None:
            link.later[state] = None
        elif state.quiet_until_us > now_us:
            source.drop(state)
            self._ring_at(state, now_us)
        elif state.fetch_epoch >= 0 and state.checked_epoch != known.leader_epoch:
            source.drop(state)
            self.positions.validate(state)
        else:
            state.checked_epoch = known.leader_epoch
            topic_id = self.actor.view.topics[state.partition.topic].id
            max_bytes = self.config.max_partition_fetch_bytes
            source.want(state, Wanted(topic_id, state.fetch_offset, known.leader_epoch, max_bytes))

    def _known(self, state: PartitionState) -> PartitionView | None:
        """The partition as the cluster has it, if it is to be fetched and can be."""
        if not state.assigned or state.paused or state.position is None:
            return None
        known = self.actor.view.partition(*state.partition)
        if known is None or known.leader < 0:
            self.actor.refresh_soon()
            return None
        return known

    def _source(self, state: PartitionState, leader: int, now_us: int) -> Source:
        """Whom to ask: the leader, or the follower near by that it has named."""
        node = leader
        if state.read_replica >= 0 and state.read_replica_until_us > now_us:
            if state.read_replica in self.actor.view.brokers:
                node = state.read_replica
            else:
                state.read_replica = -1
        source = self.sources.get(node)
        if source is None:
            sessions = self.config.enable_incremental_fetch_sessions
            source = self.sources[node] = Source(node, sessions=sessions)
        return source

    def _is_free(self, source: Source) -> bool:
        """Whether something can be asked beside; what nobody wants to know any more is given up for it."""
        beside = source.beside
        if beside.under_way:
            if beside.is_wanted():
                return False
            beside.under_way = 0
            self.actor.hang_up(BESIDE, source.node)
        return True

    def _ask(self, source: Source, link: FetchLink) -> None:
        config = self.config
        request = FetchRequest(
            max_wait_ms=config.fetch_max_wait_ms,
            min_bytes=config.fetch_min_bytes,
            max_bytes=config.fetch_max_bytes,
            isolation_level=self.positions.offsets.isolation_level,
            rack_id=config.client_rack,
        )
        if link is source.usual:
            source.fill_usual(request)
        else:
            source.fill_beside(request)
        link.under_way = number = next(self._numbers)
        self.actor.send_to(source.node, request, self._answered, source, link, number, purpose=link.purpose)

    def _ring_at(self, state: PartitionState, now_us: int) -> None:
        """Look at a partition again after its quiet time."""
        at_us = state.quiet_until_us
        if at_us == FOREVER_US:
            return
        heappush(self._quiet, (at_us, next(self._numbers), state))
        self._quiet_end.by(at_us, now_us)

    def _quiet_time_over(self) -> None:
        self._quiet_end.rang()
        now_us = self.actor.now_us()
        while self._quiet and self._quiet[0][0] <= now_us:
            heappop(self._quiet)[2].touch()
        if self._quiet:
            self._quiet_end.by(self._quiet[0][0], now_us)
        self.send_fetches()

    def _answered(self, answer: FetchResponse | KafkaError, source: Source, link: FetchLink, number: int) -> None:
        if self.stopped or link.under_way != number:
            return  # too late
        link.under_way = 0
        self.fetches += 1
        session, asked = link.session, link.asked
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
            self._take(answer, source, asked)
        if link.purpose == BESIDE:
            for each in asked.values():
                each.state.touch()
        while link.later:
            link.later.popitem()[0].touch()
        self.send_fetches()

    def _quieten(self, state: PartitionState) -> None:
        """Don't ask for it before a backoff is over."""
        pause = self.actor.backoff(0).delay_ms
        state.back_off(self.actor.now_us() + round(pause * 1000))

    def _take(self, answer: FetchResponse, source: Source, asked: Mapping[TopicPartition, Asked]) -> None:
        leaders: dict[tuple[str, int], tuple[int, int]] = {}
        for topic in answer.responses:
            name = topic.topic or source.names.get(topic.topic_id, "")
            for data in topic.partitions:
                each = asked.get(TopicPartition(name, data.partition_index))
                if each is None or not each.counts:
                    continue
                if each.offset != each.state.fetch_offset:
                    continue  # another broker was asked for it meanwhile, and was quicker
                each.state.touch()
                if data.error_code:
                    self._refused(each, data, leaders)
                else:
                    self._take_records(each, data)
        if leaders:
            self._take_leaders(leaders, answer.node_endpoints)

    def _take_records(self, each: Asked, data: PartitionData) -> None:
        state = each.state
        state.high_watermark = data.high_watermark
        state.end_offset = data.last_stable_offset if self._isolation else data.high_watermark
        if data.preferred_read_replica >= 0:
            state.read_replica = data.preferred_read_replica
            state.read_replica_until_us = self.actor.now_us() + self.config.metadata_max_age_ms * 1000
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
            check_crcs=self.config.check_crcs,
            key_deserializer=self.key_deserializer,
            value_deserializer=self.value_deserializer,
            aborted=aborted_places(batches, data.aborted_transactions) if data.aborted_transactions else None,
        )
        last = batches[-1]
        self.actor.note("RecordsFetched", str(state.partition), each.offset, last.last_offset, self._isolation)
        self.nbytes += nbytes
        state.fetch_offset = max(last.last_offset + 1, each.offset)
        state.fetch_epoch = last.leader_epoch
        state.buffered += 1
        self.arrived.append(Fetched(state, each.version, records))

    def _unreadable(self, each: Asked, error: KafkaError) -> None:
        self._quieten(each.state)
        self.actor.fail(error)

    def _refused(self, each: Asked, data: PartitionData, leaders: dict[tuple[str, int], tuple[int, int]]) -> None:
        """As Kafka's ``FetchCollector.handleInitializeErrors``; ``leaders`` gets who leads it now, if that is said."""
        state = each.state
        error = for_code(data.error_code, str(state.partition))
        if state.read_replica >= 0:  # a follower may be behind, or no replica any more: the leader knows better
            state.read_replica = -1
            return
        if isinstance(error, OffsetOutOfRange):
            if not self.positions.reset(state):
                self._quieten(state)
                self.actor.fail(
                    OffsetOutOfRange(
                        f"the log of {state.partition} doesn't have offset {each.offset} (any more), and "
                        'auto_offset_reset is "none": seek() to where to go on'
                    )
                )
            self.positions.update()
            return
        if isinstance(error, CorruptMessage):  # of an error that is final in a fetch, though others may be retried
            what = f"the broker's log of {state.partition} is damaged at offset {each.offset}: seek() to where to go on"
            self._unreadable(each, CorruptMessage(what))
            return
        self._quieten(state)
        if isinstance(error, (NotLeaderOrFollower, FencedLeaderEpoch)) and data.current_leader.leader_id >= 0:
            leaders[state.partition] = (data.current_leader.leader_id, data.current_leader.leader_epoch)
        if error.retriable:
            self.actor.mistrust_view()
        else:
            self.actor.fail(error)

    def given_out(self, taken: Iterable[PartitionState], given: Iterable[Delivered]) -> None:
        """The user has begun to read what came last of some partitions, of which more may be fetched; the trace is told
        what a poll() gave out.
        """
        for partition, first, last in given:
            self.actor.note("RecordsDelivered", str(partition), first, last)
        for state in taken:
            state.buffered = max(0, state.buffered - 1)
            state.touch()
            self.send_fetches()

    def end_sessions(self) -> Eventually[None]:
        """Let brokers forget their fetch sessions, which they would keep for others to come back to."""
        self.ended = True
        known = self.actor.view.brokers
        yield [
            SendTo(node, FetchRequest(session_id=source.usual.session.session_id, session_epoch=WITHOUT))
            for node, source in self.sources.items()
            if source.usual.session.session_id != NO_SESSION and node in known
        ]

    def _take_leaders(self, leaders: dict[tuple[str, int], tuple[int, int]], endpoints: Iterable[NodeEndpoint]) -> None:
        """A broker's answer named leaders, with their epochs (KIP-951), and where they are if that isn't known."""
        known_view = self.actor.view
        brokers = dict(known_view.brokers)
        for each in endpoints:
            brokers.setdefault(each.node_id, BrokerAddress(each.node_id, each.host, each.port, each.rack))
        known = {partition: leader for partition, leader in leaders.items() if leader[0] in brokers}
        view = known_view.with_leaders(known)
        if view is not known_view:
            if len(brokers) > len(view.brokers):
                view = view._replace(brokers=brokers)
            self.actor.metadata.take(view, dict.fromkeys(topic for topic, _ in known))


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
