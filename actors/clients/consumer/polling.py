"""A consumer's poll(): what its user's thread does between asking for records and getting them.

It takes what was fetched and makes records of it, off the driver's lock; and it does what may only happen here, because
the user counts on it: commits by interval, and the steps of a rebalance with the listener's calls. ``Polling`` is the
part of a ``Consumer`` that knows how.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from actors.clients.client import Client
from actors.clients.consumer.actor import ConsumerActor, Delivered
from actors.clients.consumer.feed import RecordFeed
from actors.clients.consumer.fetcher import Fetched
from actors.clients.consumer.membership import Complete, Prepare
from actors.clients.consumer.subscription import PartitionState, Position
from actors.clients.errors import ClientClosed, WokenUp
from actors.clients.structs import TopicPartition
from actors.runtime.driver import DriverClosed
from actors.runtime.signals import in_one_piece, let_signals_in
from kstore.errors import KafkaError

if TYPE_CHECKING:
    from actors.clients.consumer.columns import ColumnReader, Columns
    from actors.clients.consumer.records import ConsumerRecord
    from actors.clients.keywords.config import ConsumerConfig
    from actors.clients.transport import Transport

T = TypeVar("T")
LEAST_VIRTUAL_S = 0.001  # a poll takes time on virtual time, or a loop of polls would stop the clock
ALL = 2**62
TOLD_EVERY_US = 1_000_000  # a row of the trace that this program polls, though nothing comes of it


class Polling(RecordFeed, Client):
    """The polling half of a consumer."""

    _actor: ConsumerActor
    _config: ConsumerConfig

    def __init__(self, transport: Transport) -> None:
        Client.__init__(self, transport)
        self._fetched: deque[Fetched] = deque()  # being read, or waiting for it
        self._fed: tuple[Fetched, Position] | None = None  # whose records are being iterated, and where they end
        self._committed_first = False
        self._tell_again_us = 0
        self._column_reader: ColumnReader | None = None
        # where a loop's thread drives, telling it of what was given out must not wait for it
        driver = self._world.driver
        self._tell_driver = driver.post if getattr(driver, "loop", None) is not None else driver.call

    def _now(self, name: str, action: Callable[..., T], *args: object) -> T:
        """Have something done in the actor at once; its value."""
        self._check_open()
        try:
            value: T = self._world.driver.call(self._inside, name, action, args)
            return value
        except DriverClosed:
            raise ClientClosed("the cluster of this consumer was closed") from None

    def _inside(self, name: str, action: Callable[..., T], args: tuple[object, ...]) -> T:
        queue = self._world.queue
        queue.enter(self._actor.inbox.actor_id, f"Consumer.{name}")
        try:
            return action(*args)
        finally:
            queue.leave()

    def _check_open(self) -> None:
        if self._closed or not self._transport.node.alive:
            raise self._gone()

    def _begin_call(self) -> None:
        """A public method begins: this thread is inside, and where the user is stands in the subscription."""
        self._check_open()
        self._come_in()
        self._settle()

    def _settle(self) -> None:
        """Write down where the user is, who may have iterated."""
        if self._fed is None:
            return
        fetched, end = self._fed
        last = self._last()
        if not fetched.counts:
            self._drop()
            self._fed = None
        elif not self._left():
            fetched.state.position = end
            self._drop()
            self._fed = None
        elif last is not None:
            fetched.state.position = Position(last.offset + 1, last.leader_epoch)

    def _something(self) -> bool:
        """Whether a poll that waits has something to do."""
        actor = self._actor
        return bool(
            actor.fetcher.arrived
            or actor.membership.wants_user
            or actor.errors
            or actor.woken
            or not self._transport.node.alive
        )

    def _poll_until(self, timeout_s: float | None, take: Callable[[], bool]) -> bool:
        """Attend to the group and take what there is, until ``take()`` got something; False when time is over."""
        clock = self._world.clock
        membership = self._actor.membership
        if self._world.virtual and timeout_s is not None:
            timeout_s = max(timeout_s, LEAST_VIRTUAL_S)
        deadline_us = None if timeout_s is None else clock.now_us() + round(timeout_s * 1e6)
        membership.polled_us = clock.now_us()
        membership.polling = True
        try:
            self._attend()
            if take():
                return True
            if (
                self._transport.metadata_offset() != self._actor.metadata_offset
                or clock.now_us() >= self._tell_again_us
            ):
                self._now("poll", self._actor.look_at_home)
                self._tell_again_us = clock.now_us() + TOLD_EVERY_US
            while True:
                left_s = None if deadline_us is None else max(0, deadline_us - clock.now_us()) / 1e6
                happened = self._drive(self._something, left_s)
                self._attend()
                if take():
                    return True
                if not happened or (deadline_us is not None and clock.now_us() >= deadline_us):
                    return False
        finally:
            membership.polling = False
            membership.polled_us = clock.now_us()

    def _attend(self) -> None:
        """Do what may only be done inside of poll(). Raises what the user must be told."""
        actor = self._actor
        self._check_open()
        if actor.woken:
            actor.woken = False
            raise WokenUp("wakeup() was called")
        if actor.searches_in_poll and not actor.errors:
            self._now("poll", actor.go_on)
        committing = actor.committing
        if self._config.enable_auto_commit and self._world.clock.now_us() >= committing.next_us:
            self._now("poll", committing.commit_what_was_consumed)
        while not actor.errors and actor.membership.wants_user:
            duty = self._now("poll", actor.membership.duty)
            if duty is None or not (self._prepare(duty) if isinstance(duty, Prepare) else self._complete(duty)):
                break
        if actor.errors:
            raise actor.errors.popleft()

    def _prepare(self, duty: Prepare) -> bool:
        """Before joining: commit, tell the listener, give up. False while the commit is under way."""
        membership = self._actor.membership
        if not duty.lost and not self._committed_first:
            self._committed_first = True
            if self._now("poll", membership.begin_commit):
                return False
        self._committed_first = False
        listener = self._actor.subscription.listener
        try:
            if listener is not None and duty.lost and duty.gone:
                let_signals_in(listener.on_partitions_lost, set(duty.gone))
            elif listener is not None and not duty.lost and (duty.gone or duty.eager):
                let_signals_in(listener.on_partitions_revoked, set(duty.gone))
        finally:
            self._now("poll", membership.gave_up, duty.gone)
        return True

    def _complete(self, duty: Complete) -> bool:
        """After joining: take the assignment and tell the listener."""
        actor = self._actor
        held = actor.subscription.partitions
        added = {each for each in duty.assigned if each not in held}
        revoked = set(held) - set(duty.assigned)
        if not self._now("poll", actor.membership.accept, duty):
            return True
        listener = actor.subscription.listener
        try:
            if listener is not None and revoked:
                let_signals_in(listener.on_partitions_revoked, revoked)
        finally:
            self._now("poll", actor.membership.take, duty, bool(revoked))
        actor.in_listener = True  # where to begin is the listener's to say first
        try:
            if listener is not None:
                let_signals_in(listener.on_partitions_assigned, added)
        finally:
            actor.in_listener = False
            self._now("poll", actor.go_on)
        return True

    def _next_fetched(self) -> Fetched | None:
        """What to read on in: the first that counts and isn't paused."""
        fetched, arrived = self._fetched, self._actor.fetcher.arrived
        while arrived:
            fetched.append(arrived.popleft())
        for _ in range(len(fetched)):
            first = fetched[0]
            if not first.counts:
                fetched.popleft()
                continue
            if not first.state.paused:
                return first
            fetched.rotate(-1)
        return None

    def _read(self, fetched: Fetched, read: Callable[[], T]) -> T:
        """Read in what was fetched, and be behind it."""
        found = read()
        records, state = fetched.records, fetched.state
        epoch = records.leader_epoch
        if epoch < 0 and state.position is not None:
            epoch = state.position.leader_epoch
        state.position = Position(records.next_offset, epoch)
        return found

    def _account(self, taken: list[PartitionState], given: list[Delivered]) -> None:
        self._actor.delivered(given)
        for state in taken:
            self._actor.taken(state)

    def _told(self, taken: list[PartitionState], given: list[Delivered]) -> None:
        """Let the actor know what was given out, and of which partitions more may be fetched."""
        if taken or given:
            with suppress(DriverClosed):  # what was given out counts; the next poll() says it
                self._tell_driver(self._inside, "poll", self._account, (taken, given))

    @staticmethod
    def _mark_begun(fetched: Fetched, taken: list[PartitionState]) -> None:
        if not fetched.begun:
            fetched.begun = True
            taken.append(fetched.state)

    def _take(self, limit: int, out: dict[TopicPartition, list[ConsumerRecord]]) -> bool:
        """Records into ``out``, ``limit`` at most; whether there are any."""
        taken: list[PartitionState] = []
        given: list[Delivered] = []
        left = limit - self._take_left(limit, out, given)
        try:
            while left > 0 and (fetched := self._next_fetched()) is not None:
                self._mark_begun(fetched, taken)
                records = self._read(fetched, lambda f=fetched, n=left: f.records.take(n))  # type: ignore[misc]
                if records:
                    self._put(out, fetched.state.partition, records, given)
                if fetched.records.stuck:
                    break
                if len(records) < left:
                    self._fetched.popleft()
                left -= len(records)
        except KafkaError:
            if not out:
                raise
            # what was read is given out first; what failed is met again by the next poll
        finally:
            self._told(taken, given)
        return bool(out)

    @staticmethod
    def _put(
        out: dict[TopicPartition, list[ConsumerRecord]],
        partition: TopicPartition,
        records: list[ConsumerRecord],
        given: list[Delivered],
    ) -> None:
        before = out.get(partition)
        if before is None:
            out[partition] = records
        else:
            before += records
        given.append(Delivered(partition, records[0].offset, records[-1].offset))

    def _take_left(self, limit: int, out: dict[TopicPartition, list[ConsumerRecord]], given: list[Delivered]) -> int:
        """What an iteration has left, first; how many."""
        if self._fed is None or self._fed[0].state.paused:
            return 0
        fetched, end = self._fed
        left = self._left()
        records = left[:limit]
        if len(records) < len(left):
            self._feed([records[-1], *left[limit:]])
        else:
            fetched.state.position = end
            self._drop()
            self._fed = None
        self._put(out, fetched.state.partition, records, given)
        self._settle()
        return len(records)

    def _take_to_feed(self) -> bool:
        """Records of one partition, to be iterated. Their end counts as where the user is until ``_settle`` knows."""
        taken: list[PartitionState] = []
        given: list[Delivered] = []
        try:
            while (fetched := self._next_fetched()) is not None:
                self._mark_begun(fetched, taken)
                records = self._read(fetched, lambda f=fetched: f.records.take(self._config.max_poll_records))  # type: ignore[misc]
                if not records:
                    self._fetched.popleft()
                    continue
                end = fetched.state.position
                assert end is not None
                self._fed = (fetched, end)
                self._feed(records)
                given.append(Delivered(fetched.state.partition, records[0].offset, records[-1].offset))
                return True
            return False
        finally:
            self._told(taken, given)

    def _take_columns(self, limit: int, out: dict[TopicPartition, Columns]) -> bool:
        """Columns into ``out``, one set of a partition at most; whether there are any."""
        if self._column_reader is None:
            from actors.clients.consumer.columns import ColumnReader

            self._column_reader = ColumnReader()
        reader = self._column_reader
        taken: list[PartitionState] = []
        given: list[Delivered] = []
        left = limit
        try:
            while left > 0 and (fetched := self._next_fetched()) is not None:
                if fetched.state.partition in out:
                    break
                self._mark_begun(fetched, taken)
                columns = self._read(fetched, lambda f=fetched, n=left: reader.take(f.records, n))  # type: ignore[misc]
                if columns is None:
                    self._fetched.popleft()
                    continue
                out[fetched.state.partition] = columns
                offsets = columns.offsets
                given.append(Delivered(fetched.state.partition, int(offsets[0]), int(offsets[-1])))
                left -= len(offsets)
        except KafkaError:
            if not out:
                raise
            # as in _take
        finally:
            self._told(taken, given)
        return bool(out)

    @in_one_piece
    def _take_back(self, first: Mapping[TopicPartition, int]) -> None:
        """What a poll took, from these offsets on, nobody got: a signal's handler raised first. It comes again."""
        self._forget(first)
        held = self._actor.subscription.partitions
        places = {partition: Position(offset) for partition, offset in first.items() if partition in held}
        if places:
            with suppress(ClientClosed):  # then nothing comes any more
                self._now("poll", self._actor.seek, places)

    def _forget(self, partitions: Collection[TopicPartition]) -> None:
        """What is being iterated of these is void, or to be had again later."""
        if self._fed is not None and self._fed[0].state.partition in partitions:
            self._drop()
            self._fed = None
