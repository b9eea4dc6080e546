"""The consumer, as its user has it: kafka-python's names and keywords, the Java client's defaults and behaviour.

One thread uses a consumer at a time; only ``wakeup()`` may come from others. Records are fetched ahead in the
background; offsets are committed, and partitions come and go, only inside of ``poll()``, iteration, ``commit()`` and
``close()``, so a listener is never called at another time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from actors.clients.arguments import check_listener, names, pattern_of
from actors.clients.arguments import partitions as checked_partitions
from actors.clients.client import tcp_transport
from actors.clients.consumer.actor import ConsumerActor
from actors.clients.consumer.membership import CLOSED, NO_GENERATION, UNSUBSCRIBED, GroupMetadata
from actors.clients.consumer.places import Places
from actors.clients.consumer.polling import ALL
from actors.clients.consumer.subscription import NOTHING, PATTERN, TOPICS
from actors.clients.errors import KafkaTimeout
from actors.clients.keywords.config import parse
from actors.clients.structs import (
    ConsumerRebalanceListener,
    TopicPartition,
)
from actors.runtime.driver import DriverClosed
from actors.runtime.signals import in_one_piece, let_signals_in
from kstore.errors import KafkaError
from kstore.errors.arguments import LONG_MAX, milliseconds, shown, text, truth, whole

if TYPE_CHECKING:
    from typing import Unpack

    from actors.clients.consumer.columns import Columns
    from actors.clients.consumer.records import ConsumerRecord
    from actors.clients.keywords.keywords import ConsumerKeywords
    from actors.clients.transport import Transport

CLOSE_MS = 30_000
FAILED_MS = 1_000
STOPPED_MS = 250  # of each thing that leaving takes, after Ctrl-C or whatever else ends the program


class Consumer(Places):
    """Reads records of topics, alone or as a member of a group; usable in a ``with`` block.

    ``topics`` are subscribed to at once. Keywords are kafka-python's with the defaults of Apache Kafka 4.4's Java
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
        wanted = names("topics", topics)
        self._config = parse("consumer", keywords)
        super().__init__(transport or tcp_transport(bootstrap_servers, "consumer"))
        if not self._config.client_id:  # as the Java client names itself
            number = getattr(self._transport, "number", 1)
            name = self._config.group_instance_id or number
            self._config = self._config.derived(client_id=f"consumer-{self._config.group_id or 'null'}-{name}")
        try:
            self._ref = self._world.driver.call(
                ConsumerActor.start, self._transport.node, "consumer", self._transport, self._config
            )
        except BaseException:
            self._transport.close()
            raise
        self._actor = self._ref.actor_as(ConsumerActor)
        if wanted:
            self.subscribe(wanted)

    @in_one_piece
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
            raise TypeError(f"topics are a collection of names; for one topic, give [{shown(topics)}]")
        wanted = names("topics", topics)
        found = pattern_of("pattern", pattern)
        check_listener("listener", listener)
        if bool(wanted) == (found is not None):
            if found is None:
                self.unsubscribe()
                return
            raise ValueError("subscribe to topics or to a pattern, not to both")
        if listener is not None:
            self._checked_group()
        self._begin_call()
        try:
            self._now("subscribe", self._actor.subscribe, wanted, found, listener)
        finally:
            self._go_out()

    @in_one_piece
    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Read exactly these partitions, without sharing them with anybody."""
        wanted = checked_partitions("partitions", partitions)
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

    @in_one_piece
    def unsubscribe(self) -> None:
        """Read nothing; a member of a group leaves it, its partitions are revoked."""
        self._begin_call()
        try:
            self._leave_group("unsubscribe", UNSUBSCRIBED, self._config.default_api_timeout_ms / 1000)
            self._now("unsubscribe", self._actor.unsubscribe)
        finally:
            self._go_out()

    def subscription(self) -> set[str]:
        """The topics that are subscribed to; those that match, with a pattern."""
        subscription = self._actor.subscription
        return set(subscription.topics) if subscription.kind in (TOPICS, PATTERN) else set()

    def poll(self, timeout_ms: float = 0, max_records: int | None = None) -> dict[TopicPartition, list[ConsumerRecord]]:
        """The next records, at most ``max_records`` (``max_poll_records`` unless given) by partition; waits up to
        ``timeout_ms`` for the first of them.

        Does what the group needs: joins, calls the listener, commits by interval. Raises ``NoOffsetForPartition``,
        ``OffsetOutOfRange``, ``SerializationFailed``, ``CorruptMessage``, ``WokenUp`` and what a broker refuses.
        """
        out: dict[TopicPartition, list[ConsumerRecord]] = {}
        limit = self._config.max_poll_records if max_records is None else whole("max_records", max_records, 1, LONG_MAX)
        timeout_s = milliseconds("timeout_ms", timeout_ms) / 1000
        try:
            self._poll(timeout_s, lambda: self._take(limit, out))
        except BaseException:  # of a signal's handler
            self._take_back({partition: records[0].offset for partition, records in out.items()})
            raise
        return out

    def poll_columns(self, timeout_ms: float = 0, max_records: int | None = None) -> dict[TopicPartition, Columns]:
        """As ``poll``, but a partition's records as NumPy columns: all that was fetched, unless ``max_records`` says
        less. Deserializers and headers are left out.
        """
        out: dict[TopicPartition, Columns] = {}
        limit = ALL if max_records is None else whole("max_records", max_records, 1, ALL)
        timeout_s = milliseconds("timeout_ms", timeout_ms) / 1000
        try:
            self._poll(timeout_s, lambda: self._take_columns(limit, out), in_columns=True)
        except BaseException:  # of a signal's handler
            self._take_back({partition: int(columns.offsets[0]) for partition, columns in out.items()})
            raise
        return out

    @in_one_piece
    def _poll(self, timeout_s: float | None, take: Callable[[], bool], *, in_columns: bool = False) -> bool:
        self._begin_call()
        try:
            if self._actor.subscription.kind == NOTHING:
                raise ValueError("this consumer reads nothing: subscribe() or assign() first")
            if in_columns and self._fed is not None:  # columns begin where an iteration has stopped
                self._reread({self._fed[0].state.partition})
            return self._poll_until(timeout_s, take)
        finally:
            self._go_out()

    def _refill(self) -> ConsumerRecord:
        """As ``RecordFeed``: the next record, waiting ``consumer_timeout_ms`` for it."""
        timeout_ms = self._config.consumer_timeout_ms
        try:
            came = self._poll(None if timeout_ms == float("inf") else timeout_ms / 1000, self._take_to_feed)
            last = self._last()
        except BaseException:  # of a signal's handler
            if self._fed is not None and (last := self._last()) is not None:
                self._take_back({self._fed[0].state.partition: last.offset})
            raise
        if not came:
            raise StopIteration
        assert last is not None
        return last

    def wakeup(self) -> None:
        """Have the ``poll()`` that waits, or the next one, raise ``WokenUp``; for other threads."""
        self._actor.woken = True
        with suppress(DriverClosed):  # then there is nobody to wake
            self._world.driver.post(bool)

    def group_metadata(self) -> GroupMetadata:
        """Who this consumer is in its group."""
        return self._actor.membership.metadata()

    def enforce_rebalance(self, reason: str | None = None) -> None:
        """Have the group rebalance at this consumer's next ``poll()``."""
        told = text("reason", reason, or_none=True) or "rebalance enforced by user"
        self._now("enforce_rebalance", self._actor.membership.ask_rejoin, told)

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

    @in_one_piece
    def close(self, autocommit: bool = True, timeout_ms: float | None = None) -> None:
        """Commit where this consumer is, if it commits by itself and ``autocommit``, leave the group and close; within
        ``timeout_ms`` (30 s unless given). Harmless when it is closed already.
        """
        left_s = milliseconds("timeout_ms", CLOSE_MS if timeout_ms is None else timeout_ms) / 1000
        truth("autocommit", autocommit)
        if self._closed or self._is_parents():
            return
        if not self._transport.node.alive or getattr(self._world.driver, "closed", False):
            self._leave()
            return
        self._begin_call()
        try:
            if autocommit and self._config.enable_auto_commit:
                self._commit_at_end(left_s)
            self._leave_group("close", CLOSED, left_s)
            with suppress(KafkaTimeout):  # then brokers forget them when they need the room
                self._run("close", self._actor.fetcher.end_sessions, timeout_s=min(left_s, FAILED_MS / 1000))
        finally:
            self._go_out()
            self._leave()

    def _traits(self) -> list[str]:
        topics = sorted(self.subscription() or {each.topic for each in self.assignment()})
        return [f"group={self._config.group_id}", f"topics={topics}"]

    def __exit__(self, *exc: object) -> None:
        """Close. A block that is left by an exception commits nothing more, so that what was being handled is handled
        again, and doesn't wait long for brokers.
        """
        if exc[0] is None:
            self.close()
        else:
            self.close(autocommit=False, timeout_ms=FAILED_MS if isinstance(exc[1], Exception) else STOPPED_MS)

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
                let_signals_in(listener.on_partitions_lost if lost else listener.on_partitions_revoked, held)
        finally:
            with suppress(KafkaTimeout):  # then the session expires by itself
                self._run(name, actor.membership.leave, reason, timeout_s=timeout_s)
