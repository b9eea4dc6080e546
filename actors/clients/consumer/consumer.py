"""The consumer, as its user has it: kafka-python's names and keywords, the Java client's defaults and behaviour.

One thread uses a consumer at a time; only ``wakeup()`` may come from others. Records are fetched ahead in the
background; offsets are committed, and partitions come and go, only inside of ``poll()``, iteration, ``commit()`` and
``close()``, so a listener is never called at another time.

What the user's thread does in ``poll()`` is in ``polling``. ``actor`` has what goes on in the background, by its parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from actors.clients import arguments
from actors.clients.client import Client, tcp_transport
from actors.clients.consumer.actor import ConsumerActor
from actors.clients.consumer.commit_future import CommitFuture
from actors.clients.consumer.feed import RecordIterator
from actors.clients.consumer.polling import Polling
from actors.clients.consumer.subscription import EARLIEST, LATEST, NOTHING, Position
from actors.clients.errors import KafkaTimeout
from actors.clients.keywords.table import ConsumerConfig
from actors.clients.structs import ConsumerRebalanceListener, OffsetAndMetadata, OffsetAndTimestamp, TopicPartition
from actors.runtime.driver import DriverClosed
from actors.runtime.signals import in_one_piece
from kstore.errors import KafkaError
from kstore.errors.arguments import LONG_MAX, function, milliseconds, shown, text, truth, whole

if TYPE_CHECKING:
    from typing import Unpack

    from actors.clients.consumer.columns import Columns
    from actors.clients.consumer.records import ConsumerRecord
    from actors.clients.keywords.typed_dicts import ConsumerKeywords
    from actors.clients.structs import GroupMetadata, SubscriptionPattern
    from actors.clients.transport import Transport

Offsets = Mapping[TopicPartition, OffsetAndMetadata | int]
CLOSE_MS = 30_000
FAILED_MS = 1_000
STOPPED_MS = 250  # of each thing that leaving takes, after Ctrl-C or whatever else ends the program
ALL = 2**62


class Consumer(RecordIterator, Client):
    """Reads records of topics, alone or as a member of a group; usable in a ``with`` block.

    ``topics`` are subscribed to at once. Keywords are kafka-python's with the defaults of Apache Kafka 4.4's Java
    client (``auto_offset_reset="latest"``, ``enable_auto_commit=True``, ``session_timeout_ms=45000`` ...); see
    ``ConsumerConfig``. Raises ``ConfigError`` for a keyword or value that isn't taken. Calls that ask brokers wait at
    most ``default_api_timeout_ms``, or the ``timeout_ms`` that is given.

    >>> from kstore import Cluster
    >>> with Cluster() as cluster:
    ...     with cluster.producer() as producer:
    ...         _ = producer.send("orders", b"shipped", key=b"order123").get(timeout=10)
    ...     with cluster.consumer("orders", auto_offset_reset="earliest") as consumer:
    ...         record = next(consumer)
    >>> record.key, record.value
    (b'order123', b'shipped')
    """

    @in_one_piece
    def __init__(
        self,
        *topics: str,
        bootstrap_servers: str | Sequence[str] = "localhost:9092",
        transport: Transport | None = None,
        **keywords: Unpack[ConsumerKeywords],
    ) -> None:
        given: tuple[object, ...] = topics
        if wrong := [each for each in given if not isinstance(each, str)]:
            raise TypeError(f'topics are given one by one, as in Consumer("orders", "payments"); got {shown(wrong[0])}')
        wanted = arguments.names("topics", topics)
        self._config = ConsumerConfig.parse(keywords)
        super().__init__(transport or tcp_transport(bootstrap_servers, "consumer"))
        if not self._config.client_id:  # as the Java client names itself
            name = self._config.group_instance_id or self._transport.number
            self._config = self._config.derived(client_id=f"consumer-{self._config.group_id or 'null'}-{name}")
        self._actor = self._start(ConsumerActor, "consumer", self._config)
        self._polling = Polling(self._actor, self._calls, self._feed, self._poll)
        if wanted:
            self.subscribe(wanted)

    @in_one_piece
    def subscribe(
        self,
        topics: Collection[str] | SubscriptionPattern = (),
        pattern: str | re.Pattern[str] | None = None,
        listener: ConsumerRebalanceListener | None = None,
    ) -> None:
        """Read topics, by name or by a ``pattern`` that their whole name matches, and share their partitions with the
        group. ``listener`` is told inside of ``poll()`` of partitions that come and go.

        The consumer matches a ``pattern``, by Python's ``re``; the broker matches a ``SubscriptionPattern``, by RE2,
        with ``group_protocol="consumer"``. Without a ``group_id`` all partitions of the topics are read, as in
        kafka-python. Raises ``ValueError`` when partitions were assigned by hand, or for a ``SubscriptionPattern`` in a
        classic group; ``InvalidGroupId`` for one, or for a listener, without a ``group_id``.
        """
        wanted = arguments.subscription(topics, pattern, self._config)
        arguments.check_listener("listener", listener)
        if not wanted:
            self.unsubscribe()
            return
        if listener is not None:
            self._check_group()
        self._call("subscribe", self._actor.subscribe, wanted, listener)

    @in_one_piece
    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Read exactly these partitions, without sharing them with anybody."""
        wanted = arguments.partitions("partitions", partitions)
        if not wanted:
            self.unsubscribe()
            return
        self._begin_call()
        try:
            if self._config.enable_auto_commit:
                self._calls.now("assign", self._actor.committing.commit_what_was_consumed)
            self._calls.now("assign", self._actor.assign, wanted)
        finally:
            self._go_out()

    @in_one_piece
    def unsubscribe(self) -> None:
        """Read nothing; a member of a group leaves it, its partitions are revoked."""
        self._begin_call()
        try:
            self._polling.rebalancing.leave("unsubscribe", self._config.default_api_timeout_ms / 1000)
            self._calls.now("unsubscribe", self._actor.unsubscribe)
        finally:
            self._go_out()

    def subscription(self) -> set[str]:
        """The topics that are subscribed to; those that match, with a pattern; none with a ``SubscriptionPattern``."""
        return set(self._actor.subscription.topics)

    def assignment(self) -> set[TopicPartition]:
        """The partitions that are read now."""
        return set(self._actor.subscription.partitions)

    def poll(self, timeout_ms: float = 0, max_records: int | None = None) -> dict[TopicPartition, list[ConsumerRecord]]:
        """The next records, at most ``max_records`` (``max_poll_records`` unless given) by partition; waits up to
        ``timeout_ms`` for the first of them.

        Does what the group needs: joins, calls the listener, commits by interval. Raises ``NoOffsetForPartition``,
        ``OffsetOutOfRange``, ``SerializationFailed``, ``CorruptMessage``, ``WokenUp`` and what a broker refuses.
        """
        limit = self._config.max_poll_records if max_records is None else whole("max_records", max_records, 1, LONG_MAX)
        return self._polling.records(milliseconds("timeout_ms", timeout_ms) / 1000, limit)

    def poll_columns(self, timeout_ms: float = 0, max_records: int | None = None) -> dict[TopicPartition, Columns]:
        """As ``poll``, but a partition's records as NumPy columns: all that was fetched, unless ``max_records`` says
        less. Deserializers and headers are left out.
        """
        limit = ALL if max_records is None else whole("max_records", max_records, 1, ALL)
        return self._polling.columns(milliseconds("timeout_ms", timeout_ms) / 1000, limit)

    @in_one_piece
    def _poll(self, timeout_s: float | None, take: Callable[[], bool]) -> bool:
        self._begin_call()
        try:
            if self._actor.subscription.kind == NOTHING:
                raise ValueError("this consumer reads nothing: subscribe() or assign() first")
            return self._polling.until(timeout_s, take)
        finally:
            self._go_out()

    def _refill(self) -> ConsumerRecord:
        """As ``RecordIterator``: the next record, waiting ``consumer_timeout_ms`` for it."""
        timeout_ms = self._config.consumer_timeout_ms
        return self._polling.next(
            None if timeout_ms == float("inf") else timeout_ms / 1000, self._config.max_poll_records
        )

    def wakeup(self) -> None:
        """Have the ``poll()`` that waits, or the next one, raise ``WokenUp``; for other threads."""
        self._actor.woken = True
        with suppress(DriverClosed):  # then there is nobody to wake
            self._world.driver.post(bool)

    def seek(self, partition: TopicPartition, offset: int | OffsetAndMetadata) -> None:
        """Read on at an offset. Raises ``ValueError`` for one below 0, or a partition that isn't assigned."""
        at = arguments.commit("offset", offset)
        self._seek("seek", {arguments.partition("partition", partition): Position(at.offset, at.leader_epoch)})

    def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Read on at the first offset of these partitions; of all that are assigned, if none is named."""
        wanted = arguments.partitions("partitions", partitions) or self.assignment()
        self._seek("seek_to_beginning", dict.fromkeys(wanted, EARLIEST))

    def seek_to_end(self, *partitions: TopicPartition) -> None:
        """Read on behind the last record of these partitions; of all that are assigned, if none is named."""
        wanted = arguments.partitions("partitions", partitions) or self.assignment()
        self._seek("seek_to_end", dict.fromkeys(wanted, LATEST))

    @in_one_piece
    def _seek(self, name: str, positions: Mapping[TopicPartition, Position | str]) -> None:
        self._begin_call()
        try:
            self._calls.now(name, self._actor.seek, dict(sorted(positions.items())))
            self._polling.buffer.forget(positions.keys())
        finally:
            self._go_out()

    @in_one_piece
    def position(self, partition: TopicPartition, timeout_ms: float | None = None) -> int:
        """The offset of the next record of a partition; waits up to ``timeout_ms`` (``default_api_timeout_ms`` unless
        given) until it is known. Raises ``ValueError`` for a partition that isn't assigned, ``KafkaTimeout``.
        """
        partition, timeout_s = arguments.partition("partition", partition), self._seconds(timeout_ms)
        self._begin_call()
        try:
            at = self._actor.state_of(partition).position
            if at is None:
                at = self._calls.run("position", self._actor.find_position, partition, timeout_s=timeout_s)
            return at.offset
        finally:
            self._go_out()

    def highwater(self, partition: TopicPartition) -> int | None:
        """The high watermark of a partition as the last fetch said it; None before anything was fetched."""
        at = self._actor.state_of(arguments.partition("partition", partition)).high_watermark
        return None if at < 0 else at

    @in_one_piece
    def pause(self, *partitions: TopicPartition) -> None:
        """Give out nothing of these partitions until ``resume``; they stay assigned."""
        wanted = arguments.partitions("partitions", partitions)
        self._begin_call()
        try:
            self._polling.fetch_again(wanted)
            self._calls.now("pause", self._actor.pause, wanted, True)
        finally:
            self._go_out()

    def resume(self, *partitions: TopicPartition) -> None:
        """Give out records of these partitions again."""
        self._call("resume", self._actor.pause, arguments.partitions("partitions", partitions), False)

    def paused(self) -> set[TopicPartition]:
        """The partitions that are paused."""
        return {each for each, state in self._actor.subscription.partitions.items() if state.paused}

    def commit(self, offsets: Offsets | None = None, timeout_ms: float | None = None) -> None:
        """Commit offsets (of the next record to read), or where this consumer is in every partition, and wait for it.

        Raises ``CommitFailed`` when the group has moved on without this consumer, ``RebalanceInProgress`` when it is
        in the middle of a rebalance (poll, then try again), ``KafkaTimeout`` after ``default_api_timeout_ms``.
        """
        given = None if offsets is None else arguments.commits("offsets", offsets)
        timeout_s = self._seconds(timeout_ms)
        self._check_group()
        self._ask("commit", self._actor.committing.until_done, given, timeout_s=timeout_s)

    def commit_async(
        self,
        offsets: Offsets | None = None,
        callback: Callable[[Mapping[TopicPartition, OffsetAndMetadata], KafkaError | None], object] | None = None,
    ) -> CommitFuture:
        """Commit without waiting; a future. ``callback(offsets, error)`` is called when it is known what became of it,
        with None for success. Nothing is tried again.
        """
        given = None if offsets is None else arguments.commits("offsets", offsets)
        function("callback", callback, or_none=True)
        self._check_group()
        callback = callback or self._config.default_offset_commit_callback
        return self._call("commit_async", self._actor.commit_async, given, callback)

    def committed(self, partition: Any, metadata: bool = False, timeout_ms: float | None = None) -> Any:
        """What the group committed last for a partition: the offset, or with ``metadata`` an ``OffsetAndMetadata``;
        None if there is nothing. For a collection of partitions, a dict of ``OffsetAndMetadata`` or None.
        """
        self._check_group()
        single = isinstance(partition, tuple) and len(partition) == 2 and not isinstance(partition[0], (tuple, list))
        wanted = arguments.partitions("partition", [partition] if single else partition)
        truth("metadata", metadata)
        found = self._ask("committed", self._actor.offsets.committed, wanted, timeout_s=self._seconds(timeout_ms))
        if not single:
            return found
        at = found[wanted[0]]
        return at if metadata or at is None else at.offset

    def beginning_offsets(
        self, partitions: Iterable[TopicPartition], timeout_ms: float | None = None
    ) -> dict[TopicPartition, int]:
        """The first offset of each partition's log."""
        wanted = arguments.partitions("partitions", partitions)
        find = self._actor.offsets.beginnings
        return self._ask("beginning_offsets", find, wanted, timeout_s=self._seconds(timeout_ms))

    def end_offsets(
        self, partitions: Iterable[TopicPartition], timeout_ms: float | None = None
    ) -> dict[TopicPartition, int]:
        """The offset behind the last record of each partition that may be read; see ``isolation_level``."""
        wanted = arguments.partitions("partitions", partitions)
        return self._ask("end_offsets", self._actor.offsets.ends, wanted, timeout_s=self._seconds(timeout_ms))

    def offsets_for_times(
        self, timestamps: Mapping[TopicPartition, int], timeout_ms: float | None = None
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """The first record of each partition whose timestamp is not earlier than the one given (ms since 1970); None
        where there is no such record.
        """
        wanted = arguments.numbers("timestamps", timestamps, 0)
        return self._ask("offsets_for_times", self._actor.offsets.at_times, wanted, timeout_s=self._seconds(timeout_ms))

    def current_lag(self, partition: TopicPartition) -> int | None:
        """How far ``position`` is from the end of a partition: the high watermark or, with ``isolation_level`` of
        "read_committed", the last stable offset. As the last fetch said it; None before that, but then it is asked for,
        so that a later call knows. Never waits. Raises ``ValueError`` for one that isn't assigned.
        """
        return self._call("current_lag", self._actor.current_lag, arguments.partition("partition", partition))

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """The partitions of a topic; None if there is no such topic."""
        topic = text("topic", topic)
        view = self._ask("partitions_for_topic", self._actor.metadata.refresh, [topic], timeout_s=self._seconds(None))
        known = view.topics.get(topic)
        return None if known is None or known.error_code else set(known.partitions)

    def topics(self) -> set[str]:
        """All topics of the cluster that this consumer may see, without internal ones."""
        view = self._ask("topics", self._actor.metadata.refresh, None, timeout_s=self._seconds(None))
        return {name for name, topic in view.topics.items() if not topic.error_code and not topic.internal}

    def group_metadata(self) -> GroupMetadata:
        """Who this consumer was in its group when its ``poll()`` last took an assignment, as in the Java client.

        When the group has lost it since, what it has read can't be committed (KIP-447).
        """
        return self._actor.membership.metadata

    def enforce_rebalance(self, reason: str | None = None) -> None:
        """Have a classic group rebalance at this consumer's next ``poll()``; another raises ``ValueError``."""
        told = text("reason", reason, or_none=True) or "rebalance enforced by user"
        if self._config.group_protocol != "classic":
            raise ValueError('the coordinator alone decides who reads what, unless group_protocol="classic"')
        self._calls.now("enforce_rebalance", self._actor.member.ask_rejoin, told)

    def metrics(self) -> dict[str, dict[str, float]]:
        """What this consumer has done so far, by the groups and names of the Java client's metrics."""
        return self._actor.metrics()

    @in_one_piece
    def close(self, autocommit: bool = True, timeout_ms: float | None = None) -> None:
        """Commit where this consumer is, if it commits by itself and ``autocommit``, leave the group and close; within
        ``timeout_ms`` (30 s unless given). Harmless when it is closed already.
        """
        left_s = milliseconds("timeout_ms", CLOSE_MS if timeout_ms is None else timeout_ms) / 1000
        truth("autocommit", autocommit)
        if self._calls.closed or self._calls.is_parents():
            return
        if not self._transport.node.alive or getattr(self._world.driver, "closed", False):
            self._calls.end()
            return
        self._begin_call()
        try:
            if autocommit and self._config.enable_auto_commit:
                self._polling.rebalancing.commit_at_end(left_s)
            self._polling.rebalancing.leave("close", left_s)
            with suppress(KafkaTimeout):  # then brokers forget them when they need the room
                self._calls.run("close", self._actor.fetcher.end_sessions, timeout_s=min(left_s, FAILED_MS / 1000))
        finally:
            self._go_out()
            self._calls.end()

    def __exit__(self, *exc: object) -> None:
        """Close. A block that is left by an exception commits nothing more, so that what was being handled is handled
        again, and doesn't wait long for brokers.
        """
        if exc[0] is None:
            self.close()
        else:
            self.close(autocommit=False, timeout_ms=FAILED_MS if isinstance(exc[1], Exception) else STOPPED_MS)

    def _traits(self) -> list[str]:
        topics = sorted(self.subscription() or {each.topic for each in self.assignment()})
        return [f"group={self._config.group_id}", f"topics={topics}"]

    def _check_group(self) -> None:
        arguments.check_group(self._config)

    def _seconds(self, timeout_ms: float | None) -> float:
        limit_ms = self._config.default_api_timeout_ms if timeout_ms is None else milliseconds("timeout_ms", timeout_ms)
        return float(limit_ms) / 1000

    def _begin_call(self) -> None:
        """A public method begins: this thread is inside, and where the user is stands in the subscription."""
        self._calls.check_open()
        self._come_in()
        self._polling.buffer.settle()
