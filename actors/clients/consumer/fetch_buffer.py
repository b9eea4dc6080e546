"""What was fetched and waits for the user. The user's own thread makes records, columns or an iteration of it, off the
driver's lock.

Where the user is stands in each partition's state. While records of one partition are being iterated their end counts
as where the user is, until ``settle`` looks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, TypeVar

from actors.clients.consumer.fetcher import Delivered
from actors.clients.consumer.subscription import Position
from kstore.errors import KafkaError

if TYPE_CHECKING:
    from actors.clients.consumer.columns import ColumnReader, Columns
    from actors.clients.consumer.feed import RecordFeed
    from actors.clients.consumer.fetcher import Fetched
    from actors.clients.consumer.records import ConsumerRecord
    from actors.clients.consumer.subscription import PartitionState
    from actors.clients.structs import TopicPartition

T = TypeVar("T")


class FetchBuffer:
    """Of one consumer. ``arrived`` is what its fetcher brings; ``feed`` what is iterated. ``told(taken, given)`` lets
    the actor know of which partitions more may be fetched, and what was given out.
    """

    def __init__(
        self,
        arrived: deque[Fetched],
        feed: RecordFeed,
        told: Callable[[list[PartitionState], list[Delivered]], None],
    ) -> None:
        self._arrived = arrived
        self._feed = feed
        self._told = told
        self._fetched: deque[Fetched] = deque()  # being read, or waiting for it
        self._fed: tuple[Fetched, Position] | None = None  # whose records are being iterated, and where they end
        self._column_reader: ColumnReader | None = None

    @property
    def iterated(self) -> TopicPartition | None:
        """The partition whose records are being iterated."""
        return None if self._fed is None else self._fed[0].state.partition

    def settle(self) -> None:
        """Write down where the user is, who may have iterated."""
        if self._fed is None:
            return
        fetched, end = self._fed
        last = self._feed.last()
        if not fetched.counts:
            self._stop()
        elif not self._feed.left():
            fetched.state.position = end
            self._stop()
        elif last is not None:
            fetched.state.position = Position(last.offset + 1, last.leader_epoch)

    def _stop(self) -> None:
        self._feed.drop()
        self._fed = None

    def forget(self, partitions: Collection[TopicPartition]) -> PartitionState | None:
        """What is being iterated of these is void, or to be had again later; the state of its partition."""
        if self._fed is None or self._fed[0].state.partition not in partitions:
            return None
        state = self._fed[0].state
        self._stop()
        return state

    def _next(self) -> Fetched | None:
        """What to read on in: the first that counts and isn't paused."""
        fetched, arrived = self._fetched, self._arrived
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

    @staticmethod
    def _mark_begun(fetched: Fetched, taken: list[PartitionState]) -> None:
        if not fetched.begun:
            fetched.begun = True
            taken.append(fetched.state)

    def take(self, limit: int, out: dict[TopicPartition, list[ConsumerRecord]]) -> bool:
        """Records into ``out``, ``limit`` at most; whether there are any."""
        taken: list[PartitionState] = []
        given: list[Delivered] = []
        left = limit - self._take_left(limit, out, given)
        try:
            while left > 0 and (fetched := self._next()) is not None:
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
        left = self._feed.left()
        records = left[:limit]
        if len(records) < len(left):
            self._feed.give([records[-1], *left[limit:]])
        else:
            fetched.state.position = end
            self._stop()
        self._put(out, fetched.state.partition, records, given)
        self.settle()
        return len(records)

    def take_to_iterate(self, limit: int) -> bool:
        """Records of one partition, ``limit`` at most, into the feed; whether there are any."""
        taken: list[PartitionState] = []
        given: list[Delivered] = []
        try:
            while (fetched := self._next()) is not None:
                self._mark_begun(fetched, taken)
                records = self._read(fetched, lambda f=fetched: f.records.take(limit))  # type: ignore[misc]
                if not records:
                    self._fetched.popleft()
                    continue
                end = fetched.state.position
                assert end is not None
                self._fed = (fetched, end)
                self._feed.give(records)
                given.append(Delivered(fetched.state.partition, records[0].offset, records[-1].offset))
                return True
            return False
        finally:
            self._told(taken, given)

    def take_columns(self, limit: int, out: dict[TopicPartition, Columns]) -> bool:
        """Columns into ``out``, one set of a partition at most; whether there are any."""
        if self._column_reader is None:
            from actors.clients.consumer.columns import ColumnReader

            self._column_reader = ColumnReader()
        reader = self._column_reader
        taken: list[PartitionState] = []
        given: list[Delivered] = []
        left = limit
        try:
            while left > 0 and (fetched := self._next()) is not None:
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
            # as in take
        finally:
            self._told(taken, given)
        return bool(out)
