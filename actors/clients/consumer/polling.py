"""A consumer's poll(): what its user's thread does between asking for records and getting them.

It waits for them and takes them out of the fetch buffer. It also does what may only happen here, because the user
counts on it: commits by interval, and the steps of a rebalance.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from actors.clients.consumer.fetch_buffer import FetchBuffer
from actors.clients.consumer.rebalancing import Rebalancing
from actors.clients.consumer.subscription import Position
from actors.clients.errors import ClientClosed, WokenUp
from actors.runtime.driver import DriverClosed
from actors.runtime.signals import in_one_piece

if TYPE_CHECKING:
    from actors.clients.calls import Calls
    from actors.clients.consumer.actor import ConsumerActor
    from actors.clients.consumer.columns import Columns
    from actors.clients.consumer.feed import RecordFeed
    from actors.clients.consumer.fetcher import Delivered
    from actors.clients.consumer.records import ConsumerRecord
    from actors.clients.consumer.subscription import PartitionState
    from actors.clients.structs import TopicPartition

LEAST_VIRTUAL_S = 0.001  # a poll takes time on virtual time, or a loop of polls would stop the clock
TOLD_EVERY_US = 1_000_000  # a row of the trace that this program polls, though nothing comes of it

Take = Callable[[], bool]


class Polling:
    """Of one consumer. ``feed`` has what is iterated. ``poll(timeout_s, take)`` is ``until`` as a call of the user's,
    which may raise what a signal's handler does.
    """

    def __init__(
        self, actor: ConsumerActor, calls: Calls, feed: RecordFeed, poll: Callable[[float | None, Take], bool]
    ) -> None:
        self._actor = actor
        self._feed = feed
        self._calls = calls
        self._poll = poll
        self.rebalancing = Rebalancing(actor, calls)
        self._tell_again_us = 0
        self.buffer = FetchBuffer(actor.fetcher.arrived, feed, self._told)
        # where a loop's thread drives, telling it of what was given out must not wait for it
        driver = actor.node.world.driver
        self._tell_driver = driver.post if getattr(driver, "loop", None) is not None else driver.call

    def _told(self, taken: list[PartitionState], given: list[Delivered]) -> None:
        """Let the actor know of which partitions more may be fetched, and what was given out."""
        if taken or given:
            with suppress(DriverClosed):  # what was given out counts; the next poll() says it
                self._tell_driver(self._calls.inside, "poll", self._actor.fetcher.given_out, (taken, given))

    def records(self, timeout_s: float, limit: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        """The next records, ``limit`` at most."""
        out: dict[TopicPartition, list[ConsumerRecord]] = {}
        try:
            self._poll(timeout_s, lambda: self.buffer.take(limit, out))
        except BaseException:  # of a signal's handler
            self._take_back({partition: records[0].offset for partition, records in out.items()})
            raise
        return out

    def columns(self, timeout_s: float, limit: int) -> dict[TopicPartition, Columns]:
        """The next records as columns, ``limit`` at most; they begin where an iteration has stopped."""
        out: dict[TopicPartition, Columns] = {}

        def take() -> bool:
            if (iterated := self.buffer.iterated) is not None:
                self.fetch_again({iterated})
            return self.buffer.take_columns(limit, out)

        try:
            self._poll(timeout_s, take)
        except BaseException:  # of a signal's handler
            self._take_back({partition: int(columns.offsets[0]) for partition, columns in out.items()})
            raise
        return out

    def next(self, timeout_s: float | None, limit: int) -> ConsumerRecord:
        """The first of the next records of one partition, which are iterated now. Raises ``StopIteration`` when time is
        over.
        """
        try:
            came = self._poll(timeout_s, lambda: self.buffer.take_to_iterate(limit))
            last = self._feed.last()
        except BaseException:  # of a signal's handler
            if (iterated := self.buffer.iterated) is not None and (last := self._feed.last()) is not None:
                self._take_back({iterated: last.offset})
            raise
        if not came:
            raise StopIteration
        assert last is not None
        return last

    @in_one_piece
    def _take_back(self, first: Mapping[TopicPartition, int]) -> None:
        """What a poll took, from these offsets on, nobody got: a signal's handler raised first. It comes again."""
        self.buffer.forget(first)
        held = self._actor.subscription.partitions
        positions = {partition: Position(offset) for partition, offset in first.items() if partition in held}
        if positions:
            with suppress(ClientClosed):  # then nothing comes any more
                self._calls.now("poll", self._actor.seek, positions)

    def fetch_again(self, partitions: Collection[TopicPartition]) -> None:
        """What is being iterated of these is to be fetched again, from where the user is."""
        state = self.buffer.forget(partitions)
        if state is not None:
            assert state.position is not None
            self._calls.now("poll", state.put, state.position)

    def _something(self) -> bool:
        """Whether a poll that waits has something to do."""
        actor = self._actor
        return bool(
            (actor.fetcher.arrived and self._may_take())
            or actor.membership.wants_user
            or actor.errors
            or actor.woken
            or not actor.node.alive
        )

    def _may_take(self) -> bool:
        """Whether records may be given out: not while what was read is being committed for others to go on from."""
        membership = self._actor.membership
        return not (membership.holds_back and membership.commits_first)

    def until(self, timeout_s: float | None, take: Take) -> bool:
        """Attend to the group and take what there is, until ``take()`` got something; False when time is over."""
        actor = self._actor
        world, member = actor.node.world, actor.member
        clock = world.clock
        if world.virtual and timeout_s is not None:
            timeout_s = max(timeout_s, LEAST_VIRTUAL_S)
        deadline_us = None if timeout_s is None else clock.now_us() + round(timeout_s * 1e6)
        member.polled_us = clock.now_us()
        member.polling = True
        try:
            self._attend()
            if self._may_take() and take():
                return True
            if actor.transport.metadata_offset() != actor.metadata_offset or clock.now_us() >= self._tell_again_us:
                self._calls.now("poll", actor.check_metadata_offset)
                self._tell_again_us = clock.now_us() + TOLD_EVERY_US
            while True:
                left_s = None if deadline_us is None else max(0, deadline_us - clock.now_us()) / 1e6
                happened = self._calls.drive(self._something, left_s)
                self._attend()
                if self._may_take() and take():
                    return True
                if not happened or (deadline_us is not None and clock.now_us() >= deadline_us):
                    return False
        finally:
            member.polling = False
            member.polled_us = clock.now_us()

    def _attend(self) -> None:
        """Do what may only be done inside of poll(). Raises what the user must be told."""
        actor = self._actor
        self._calls.check_open()
        if actor.woken:
            actor.woken = False
            raise WokenUp("wakeup() was called")
        if actor.positions.wait_for_poll and not actor.errors:
            self._calls.now("poll", actor.go_on)
        committing = actor.committing
        if actor.config.enable_auto_commit and actor.now_us() >= committing.next_us:
            self._calls.now("poll", committing.commit_what_was_consumed)
        self.rebalancing.run_steps()
        if actor.errors:
            raise actor.errors.popleft()
