"""The consumer, as its user has it: kafka-python's names and keywords, the Java client's defaults and behaviour.

One thread uses a consumer at a time; only ``wakeup()`` may come from others. Records are fetched ahead in the
background; offsets are committed, and partitions come and go, only inside of ``poll()``, iteration, ``commit()`` and
``close()``, so a listener is never called at another time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from actors.clients.commit_future import CommitFuture
from actors.clients.config import parse
from actors.clients.consumer_actor import ConsumerActor
from actors.clients.errors import KafkaTimeout
from actors.clients.face import home_over_tcp
from actors.clients.membership import CLOSED, NO_GENERATION, UNSUBSCRIBED, GroupMetadata
from actors.clients.offsets import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP
from actors.clients.polling import ALL, Polling
from actors.clients.structs import (
    ConsumerRebalanceListener,
    OffsetAndMetadata,
    OffsetAndTimestamp,
    TopicPartition,
)
from actors.clients.subscription import EARLIEST, LATEST, NOTHING, PATTERN, TOPICS, Position
from kstore.errors import InvalidGroupId, KafkaError

if TYPE_CHECKING:
    from actors.clients.columns import Columns
    from actors.clients.home import Home
    from actors.clients.records import ConsumerRecord

CLOSE_MS = 30_000
Offsets = Mapping[TopicPartition, OffsetAndMetadata | int]


class Consumer(Polling):
    """Reads records of topics, alone or as a member of a group; usable in a ``with`` block.

    ``topics`` are subscribed to at once. Keywords are kafka-python's with the defaults of Apache Kafka 4.3's Java
    client (``auto_offset_reset="latest"``, ``enable_auto_commit=True``, ``session_timeout_ms=45000`` ...); see
    ``ConsumerConfig``. Raises ``ConfigError`` for a keyword or value that isn't taken.

    >>> from kstore import Cluster
    >>> with Cluster() as cluster:
    ...     with cluster.producer() as producer:
    ...         _ = producer.send("orders", b"shipped", key=b"order123").get(timeout=10)
    ...     with cluster.consumer("orders", auto_offset_reset="earliest") as consumer:
    ...         record = next(consumer)
    >>> record.key, record.value
    (b'order123', b'shipped')
    """

    def __init__(
        self,
        *topics: str,
        bootstrap_servers: str | Sequence[str] = "localhost:9092",
        home: Home | None = None,
        **keywords: Any,
    ) -> None:
        self._config = parse("consumer", keywords)
        super().__init__(home or home_over_tcp(bootstrap_servers, "consumer"))
        if not self._config.client_id:  # as the Java client names itself
            number = getattr(self._home, "number", 1)
            name = self._config.group_instance_id or number
            self._config.__dict__["client_id"] = f"consumer-{self._config.group_id or 'null'}-{name}"
        try:
            self._ref = self._world.driver.call(
                ConsumerActor.start, self._home.node, "consumer", self._home, self._config
            )
        except BaseException:
            self._home.leave()
            raise
        self._actor = self._ref.actor_inbox.actor  # type: ignore[attr-defined]
        if topics:
            self.subscribe(topics)

    # -- what to read --------------------------------------------------------------------------------------------

    def subscribe(
        self,
        topics: Collection[str] = (),
        pattern: str | re.Pattern[str] | None = None,
        listener: ConsumerRebalanceListener | None = None,
    ) -> None:
        """Read topics, by name or by a ``pattern`` that their whole name matches, and share their partitions with the
        group. ``listener`` is told inside of ``poll()`` of partitions that come and go.

        Without a ``group_id`` all partitions of the topics are read, as in kafka-python. Raises ``ValueError`` when
        partitions were assigned by hand, ``InvalidGroupId`` for a listener without a ``group_id``.
        """
        if isinstance(topics, (str, bytes)):
            raise TypeError("topics are a collection of names; for one topic, give [name]")
        if bool(topics) == (pattern is not None):
            if pattern is None:
                self.unsubscribe()
                return
            raise ValueError("subscribe to topics or to a pattern, not to both")
        if listener is not None:
            self._checked_group()
        self._begin_call()
        try:
            self._now("subscribe", self._actor.subscribe, list(topics), pattern, listener)
        finally:
            self._go_out()

    def _checked_group(self) -> None:
        if self._config.group_id is None:
            raise InvalidGroupId("to commit, or to be told of rebalances, a consumer needs a group_id")

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Read exactly these partitions, without sharing them with anybody."""
        wanted = [TopicPartition(*each) for each in partitions]
        if not wanted:
            self.unsubscribe()
            return
        self._begin_call()
        try:
            if self._config.enable_auto_commit:
                self._now("assign", self._actor.committing.commit_what_was_consumed)
            self._now("assign", self._actor.assign, wanted)
        finally:
            self._go_out()

    def unsubscribe(self) -> None:
        """Read nothing; a member of a group leaves it, its partitions are revoked."""
        self._begin_call()
        try:
            self._leave_group("unsubscribe", UNSUBSCRIBED, self._config.default_api_timeout_ms / 1000)
            self._now("unsubscribe", self._actor.unsubscribe)
        finally:
            self._go_out()

    def assignment(self) -> set[TopicPartition]:
        """The partitions that are read now."""
        return set(self._actor.subscription.partitions)

    def subscription(self) -> set[str]:
        """The topics that are subscribed to; those that match, with a pattern."""
        subscription = self._actor.subscription
        return set(subscription.topics) if subscription.kind in (TOPICS, PATTERN) else set()

    # -- reading -------------------------------------------------------------------------------------------------

    def poll(self, timeout_ms: float = 0, max_records: int | None = None) -> dict[TopicPartition, list[ConsumerRecord]]:
        """The next records, at most ``max_records`` (``max_poll_records`` unless given) by partition; waits up to
        ``timeout_ms`` for the first of them.

        Does what the group needs: joins, calls the listener, commits by interval. Raises ``NoOffsetForPartition``,
        ``OffsetOutOfRange``, ``SerializationFailed``, ``CorruptMessage``, ``WokenUp`` and what a broker refuses.
        """
        out: dict[TopicPartition, list[ConsumerRecord]] = {}
        limit = self._config.max_poll_records if max_records is None else max_records
        if limit < 1:
            raise ValueError(f"max_records is at least 1, not {max_records}")
        self._begin_poll()
        try:
            self._poll_until(timeout_ms / 1000, lambda: self._take(limit, out))
        finally:
            self._go_out()
        return out

    def poll_columns(self, timeout_ms: float = 0, max_records: int | None = None) -> dict[TopicPartition, Columns]:
        """As ``poll``, but a partition's records as NumPy columns: all that was fetched, unless ``max_records`` says
        less. Deserializers and headers are left out."""
        out: dict[TopicPartition, Columns] = {}
        limit = ALL if max_records is None else max_records
        if limit < 1:
            raise ValueError(f"max_records is at least 1, not {max_records}")
        self._begin_poll()
        try:
            if self._fed is not None:  # columns begin where an iteration has stopped
                self._reread({self._fed[0].state.partition})
            self._poll_until(timeout_ms / 1000, lambda: self._take_columns(limit, out))
        finally:
            self._go_out()
        return out

    def _begin_poll(self) -> None:
        self._begin_call()
        if self._actor.subscription.kind == NOTHING:
            self._go_out()
            raise ValueError("this consumer reads nothing: subscribe() or assign() first")

    def _refill(self) -> ConsumerRecord:
        """As ``RecordFeed``: the next record, waiting ``consumer_timeout_ms`` for it."""
        self._begin_poll()
        try:
            timeout_ms = self._config.consumer_timeout_ms
            if not self._poll_until(None if timeout_ms == float("inf") else timeout_ms / 1000, self._take_to_feed):
                raise StopIteration
            last = self._last()
            assert last is not None
            return last
        finally:
            self._go_out()

    def wakeup(self) -> None:
        """Have the ``poll()`` that waits, or the next one, raise ``WokenUp``; for other threads."""
        self._actor.woken = True
        self._world.driver.post(bool)

    # -- places --------------------------------------------------------------------------------------------------

    def seek(self, partition: TopicPartition, offset: int | OffsetAndMetadata) -> None:
        """Read on at an offset. Raises ``ValueError`` for one below 0, or a partition that isn't assigned."""
        place = (
            Position(offset.offset, offset.leader_epoch) if isinstance(offset, OffsetAndMetadata) else Position(offset)
        )
        if place.offset < 0:
            raise ValueError(f"an offset is at least 0, not {place.offset}")
        self._seek("seek", {TopicPartition(*partition): place})

    def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Read on at the first offset of these partitions; of all that are assigned, if none is named."""
        self._seek("seek_to_beginning", dict.fromkeys(partitions or self.assignment(), EARLIEST))

    def seek_to_end(self, *partitions: TopicPartition) -> None:
        """Read on behind the last record of these partitions; of all that are assigned, if none is named."""
        self._seek("seek_to_end", dict.fromkeys(partitions or self.assignment(), LATEST))

    def _seek(self, name: str, places: Mapping[TopicPartition, Any]) -> None:
        self._begin_call()
        try:
            self._now(name, self._actor.seek, dict(sorted(places.items())))
            self._forget(places.keys())
        finally:
            self._go_out()

    def position(self, partition: TopicPartition, timeout_ms: float | None = None) -> int:
        """The offset of the next record of a partition; waits up to ``timeout_ms`` (``default_api_timeout_ms`` unless
        given) until it is known. Raises ``ValueError`` for a partition that isn't assigned, ``KafkaTimeout``."""
        partition = TopicPartition(*partition)
        self._begin_call()
        try:
            at = self._actor.state_of(partition).position
            if at is None:
                at = self._run("position", self._actor.find_position, partition, timeout_s=self._seconds(timeout_ms))
            return at.offset
        finally:
            self._go_out()

    def highwater(self, partition: TopicPartition) -> int | None:
        """The high watermark of a partition as the last fetch said it: the offset after the last record that may be
        read; None before anything was fetched."""
        at = self._actor.state_of(TopicPartition(*partition)).high_watermark
        return None if at < 0 else at

    def pause(self, *partitions: TopicPartition) -> None:
        """Give out nothing of these partitions until ``resume``; they stay assigned."""
        self._pause("pause", partitions, True)

    def resume(self, *partitions: TopicPartition) -> None:
        """Give out records of these partitions again."""
        self._pause("resume", partitions, False)

    def _pause(self, name: str, partitions: Sequence[TopicPartition], paused: bool) -> None:
        wanted = [TopicPartition(*each) for each in partitions]
        self._begin_call()
        try:
            if paused:
                self._reread(wanted)
            self._now(name, self._actor.pause, wanted, paused)
        finally:
            self._go_out()

    def _reread(self, partitions: Collection[TopicPartition]) -> None:
        """What is being iterated of these is to be fetched again, from where the user is."""
        if self._fed is not None and (state := self._fed[0].state).partition in partitions:
            self._forget([state.partition])
            assert state.position is not None
            self._now("poll", state.put, state.position)

    def paused(self) -> set[TopicPartition]:
        """The partitions that are paused."""
        return {each for each, state in self._actor.subscription.partitions.items() if state.paused}

    # -- committing ----------------------------------------------------------------------------------------------

    def commit(self, offsets: Offsets | None = None, timeout_ms: float | None = None) -> None:
        """Commit offsets (of the next record to read), or where this consumer is in every partition, and wait for it.

        Raises ``CommitFailed`` when the group has moved on without this consumer, ``RebalanceInProgress`` when it is
        in the middle of a rebalance (poll, then try again), ``KafkaTimeout`` after ``default_api_timeout_ms``.
        """
        self._checked_group()
        self._begin_call()
        try:
            wanted = self._to_commit(offsets)
            self._run("commit", self._actor.commit, wanted, True, timeout_s=self._seconds(timeout_ms))
        finally:
            self._go_out()

    def commit_async(
        self,
        offsets: Offsets | None = None,
        callback: Callable[[Mapping[TopicPartition, OffsetAndMetadata], KafkaError | None], object] | None = None,
    ) -> CommitFuture:
        """Commit without waiting; a future. ``callback(offsets, error)`` is called when it is known what became of it,
        with None for success. Nothing is tried again."""
        self._checked_group()
        self._begin_call()
        try:
            wanted = self._to_commit(offsets)
            future = CommitFuture(self._world, wanted)
            callback = callback or self._config.default_offset_commit_callback
            if callback is not None:
                future.add_both(lambda _, call=callback: call(wanted, future.exception))
            actor = self._actor
            self._now("commit_async", lambda: actor.begin(actor.commit(wanted, False), future.settle))
            return future
        finally:
            self._go_out()

    def _to_commit(self, offsets: Offsets | None) -> dict[TopicPartition, OffsetAndMetadata]:
        if offsets is None:
            return self._actor.committing.consumed()
        wanted = {
            TopicPartition(*partition): at if isinstance(at, OffsetAndMetadata) else OffsetAndMetadata(at)
            for partition, at in offsets.items()
        }
        for partition, at in wanted.items():
            if at.offset < 0:
                raise ValueError(f"an offset is at least 0, not {at.offset} of {partition}")
        return wanted

    def committed(self, partition: Any, metadata: bool = False, timeout_ms: float | None = None) -> Any:
        """What the group committed last for a partition: the offset, or with ``metadata`` an ``OffsetAndMetadata``;
        None if there is nothing. For a collection of partitions, a dict of ``OffsetAndMetadata`` or None."""
        self._checked_group()
        single = isinstance(partition, tuple) and len(partition) == 2 and isinstance(partition[0], str)
        wanted = [TopicPartition(*each) for each in ([partition] if single else partition)]
        self._begin_call()
        try:
            found = self._run("committed", self._actor.offsets.committed, wanted, timeout_s=self._seconds(timeout_ms))
        finally:
            self._go_out()
        if not single:
            return found
        at = found[wanted[0]]
        return at if metadata or at is None else at.offset

    # -- logs and topics -----------------------------------------------------------------------------------------

    def beginning_offsets(
        self, partitions: Iterable[TopicPartition], timeout_ms: float | None = None
    ) -> dict[TopicPartition, int]:
        """The first offset of each partition's log."""
        wanted = {TopicPartition(*each): EARLIEST_TIMESTAMP for each in partitions}
        return {each: at.offset for each, at in self._listed("beginning_offsets", wanted, timeout_ms).items()}

    def end_offsets(
        self, partitions: Iterable[TopicPartition], timeout_ms: float | None = None
    ) -> dict[TopicPartition, int]:
        """The offset behind the last record of each partition that may be read."""
        wanted = {TopicPartition(*each): LATEST_TIMESTAMP for each in partitions}
        return {each: at.offset for each, at in self._listed("end_offsets", wanted, timeout_ms).items()}

    def offsets_for_times(
        self, timestamps: Mapping[TopicPartition, int], timeout_ms: float | None = None
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """The first record of each partition whose timestamp is not earlier than the one given (ms since 1970); None
        where there is no such record."""
        for partition, when in timestamps.items():
            if when < 0:
                raise ValueError(f"a timestamp is at least 0, not {when} of {partition}")
        wanted = {TopicPartition(*each): when for each, when in timestamps.items()}
        return {
            each: OffsetAndTimestamp(at.offset, at.timestamp, at.leader_epoch) if at.offset >= 0 else None
            for each, at in self._listed("offsets_for_times", wanted, timeout_ms).items()
        }

    def _listed(
        self, name: str, wanted: dict[TopicPartition, int], timeout_ms: float | None
    ) -> dict[TopicPartition, Any]:
        self._begin_call()
        try:
            found = self._run(name, self._actor.offsets.listed, wanted, timeout_s=self._seconds(timeout_ms))
            return {each: found[each] for each in wanted}
        finally:
            self._go_out()

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """The partitions of a topic; None if there is no such topic."""
        self._begin_call()
        try:
            view = self._run("partitions_for_topic", self._actor.refresh, [topic], timeout_s=self._seconds(None))
        finally:
            self._go_out()
        known = view.topics.get(topic)
        return None if known is None or known.error_code else set(known.partitions)

    def topics(self) -> set[str]:
        """All topics of the cluster that this consumer may see, without internal ones."""
        self._begin_call()
        try:
            view = self._run("topics", self._actor.refresh, None, timeout_s=self._seconds(None))
        finally:
            self._go_out()
        return {name for name, topic in view.topics.items() if not topic.error_code and not topic.internal}

    def _seconds(self, timeout_ms: float | None) -> float:
        return (self._config.default_api_timeout_ms if timeout_ms is None else timeout_ms) / 1000

    # -- the group -----------------------------------------------------------------------------------------------

    def group_metadata(self) -> GroupMetadata:
        """Who this consumer is in its group."""
        return self._actor.membership.metadata()

    def enforce_rebalance(self, reason: str | None = None) -> None:
        """Have the group rebalance at this consumer's next ``poll()``."""
        self._now("enforce_rebalance", self._actor.membership.ask_rejoin, reason or "rebalance enforced by user")

    def metrics(self) -> dict[str, dict[str, float]]:
        """What this consumer has done so far, by the groups and names of the Java client's metrics."""
        actor = self._actor
        return {
            "consumer-fetch-manager-metrics": {
                "fetch-total": actor.fetcher.fetches,
                "bytes-consumed-total": actor.fetcher.nbytes,
            },
            "consumer-coordinator-metrics": {
                "assigned-partitions": len(actor.subscription.partitions),
                "commit-total": actor.committing.commits,
                "rebalance-total": actor.membership.rebalances,
            },
        }

    # -- the end -------------------------------------------------------------------------------------------------

    def close(self, autocommit: bool = True, timeout_ms: float | None = None) -> None:
        """Commit where this consumer is, if it commits by itself and ``autocommit``, leave the group and close; within
        ``timeout_ms`` (30 s unless given). Harmless when it is closed already."""
        if self._closed:
            return
        if not self._home.node.alive or getattr(self._world.driver, "closed", False):
            self._leave()
            return
        self._begin_call()
        try:
            left_s = (CLOSE_MS if timeout_ms is None else timeout_ms) / 1000
            if autocommit and self._config.enable_auto_commit:
                self._commit_at_end(left_s)
            self._leave_group("close", CLOSED, left_s)
        finally:
            self._go_out()
            self._leave()

    def _commit_at_end(self, timeout_s: float) -> None:
        actor = self._actor
        offsets = actor.committing.consumed()
        if not offsets or (actor.membership.shares and not actor.membership.is_stable):
            return
        try:
            self._run("close", actor.commit, offsets, True, timeout_s=timeout_s)
        except KafkaError:
            return  # as the Java client: what isn't committed is read again; that closing goes on matters more

    def _leave_group(self, name: str, reason: str, timeout_s: float) -> None:
        """Give up what is held, tell the listener, and leave."""
        actor = self._actor
        if not actor.membership.shares:
            return
        held = self.assignment()
        listener = actor.subscription.listener
        lost = actor.membership.generation == NO_GENERATION
        try:
            if listener is not None and held:
                (listener.on_partitions_lost if lost else listener.on_partitions_revoked)(held)
        finally:
            with suppress(KafkaTimeout):  # then the session expires by itself
                self._run(name, actor.membership.leave, reason, timeout_s=timeout_s)
