"""The half of a consumer that deals with places: where it is, what it commits, and what the logs and the cluster hold.

Everything here waits at most ``default_api_timeout_ms``, or the ``timeout_ms`` that is given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from actors.clients import arguments
from actors.clients.consumer.commit_future import CommitFuture
from actors.clients.consumer.offsets import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, Listed
from actors.clients.consumer.polling import Polling
from actors.clients.consumer.subscription import EARLIEST, LATEST, Position
from actors.clients.structs import OffsetAndMetadata, OffsetAndTimestamp, TopicPartition
from actors.runtime.signals import in_one_piece
from kstore.errors import InvalidGroupId, KafkaError
from kstore.errors.arguments import function, milliseconds, text, truth

Offsets = Mapping[TopicPartition, OffsetAndMetadata | int]


class Places(Polling):
    """Seeking, pausing, committing and looking up."""

    def assignment(self) -> set[TopicPartition]:
        """The partitions that are read now."""
        return set(self._actor.subscription.partitions)

    def _checked_group(self) -> None:
        if self._config.group_id is None:
            raise InvalidGroupId("to commit, or to be told of rebalances, a consumer needs a group_id")

    def seek(self, partition: TopicPartition, offset: int | OffsetAndMetadata) -> None:
        """Read on at an offset. Raises ``ValueError`` for one below 0, or a partition that isn't assigned."""
        at = arguments.commit("offset", offset)
        self._seek("seek", {arguments.partition("partition", partition): Position(at.offset, at.leader_epoch)})

    def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Read on at the first offset of these partitions; of all that are assigned, if none is named."""
        self._seek(
            "seek_to_beginning",
            dict.fromkeys(arguments.partitions("partitions", partitions) or self.assignment(), EARLIEST),
        )

    def seek_to_end(self, *partitions: TopicPartition) -> None:
        """Read on behind the last record of these partitions; of all that are assigned, if none is named."""
        self._seek(
            "seek_to_end", dict.fromkeys(arguments.partitions("partitions", partitions) or self.assignment(), LATEST)
        )

    @in_one_piece
    def _seek(self, name: str, places: Mapping[TopicPartition, Position | str]) -> None:
        self._begin_call()
        try:
            self._now(name, self._actor.seek, dict(sorted(places.items())))
            self._forget(places.keys())
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
                at = self._run("position", self._actor.find_position, partition, timeout_s=timeout_s)
            return at.offset
        finally:
            self._go_out()

    def highwater(self, partition: TopicPartition) -> int | None:
        """The high watermark of a partition as the last fetch said it: the offset after the last record that may be
        read; None before anything was fetched.
        """
        at = self._actor.state_of(arguments.partition("partition", partition)).high_watermark
        return None if at < 0 else at

    def pause(self, *partitions: TopicPartition) -> None:
        """Give out nothing of these partitions until ``resume``; they stay assigned."""
        self._pause("pause", partitions, True)

    def resume(self, *partitions: TopicPartition) -> None:
        """Give out records of these partitions again."""
        self._pause("resume", partitions, False)

    @in_one_piece
    def _pause(self, name: str, partitions: Sequence[TopicPartition], paused: bool) -> None:
        wanted = arguments.partitions("partitions", partitions)
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

    @in_one_piece
    def commit(self, offsets: Offsets | None = None, timeout_ms: float | None = None) -> None:
        """Commit offsets (of the next record to read), or where this consumer is in every partition, and wait for it.

        Raises ``CommitFailed`` when the group has moved on without this consumer, ``RebalanceInProgress`` when it is
        in the middle of a rebalance (poll, then try again), ``KafkaTimeout`` after ``default_api_timeout_ms``.
        """
        given = None if offsets is None else arguments.commits("offsets", offsets)
        timeout_s = self._seconds(timeout_ms)
        self._checked_group()
        self._begin_call()
        try:
            wanted = self._actor.committing.consumed() if given is None else given
            self._run("commit", self._actor.commit, wanted, True, timeout_s=timeout_s)
        finally:
            self._go_out()

    @in_one_piece
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
        self._checked_group()
        self._begin_call()
        try:
            wanted = self._actor.committing.consumed() if given is None else given
            future = CommitFuture(self._world, wanted)
            callback = callback or self._config.default_offset_commit_callback
            if callback is not None:
                future.add_both(lambda _, call=callback: call(wanted, future.exception))
            actor = self._actor
            self._now("commit_async", lambda: actor.begin(actor.commit(wanted, False), future.settle))
            return future
        finally:
            self._go_out()

    @in_one_piece
    def committed(self, partition: Any, metadata: bool = False, timeout_ms: float | None = None) -> Any:
        """What the group committed last for a partition: the offset, or with ``metadata`` an ``OffsetAndMetadata``;
        None if there is nothing. For a collection of partitions, a dict of ``OffsetAndMetadata`` or None.
        """
        self._checked_group()
        single = isinstance(partition, tuple) and len(partition) == 2 and not isinstance(partition[0], (tuple, list))
        wanted = arguments.partitions("partition", [partition] if single else partition)
        truth("metadata", metadata)
        timeout_s = self._seconds(timeout_ms)
        self._begin_call()
        try:
            found = self._run("committed", self._actor.offsets.committed, wanted, timeout_s=timeout_s)
        finally:
            self._go_out()
        if not single:
            return found
        at = found[wanted[0]]
        return at if metadata or at is None else at.offset

    def beginning_offsets(
        self, partitions: Iterable[TopicPartition], timeout_ms: float | None = None
    ) -> dict[TopicPartition, int]:
        """The first offset of each partition's log."""
        wanted = dict.fromkeys(arguments.partitions("partitions", partitions), EARLIEST_TIMESTAMP)
        return {each: at.offset for each, at in self._listed("beginning_offsets", wanted, timeout_ms).items()}

    def end_offsets(
        self, partitions: Iterable[TopicPartition], timeout_ms: float | None = None
    ) -> dict[TopicPartition, int]:
        """The offset behind the last record of each partition that may be read."""
        wanted = dict.fromkeys(arguments.partitions("partitions", partitions), LATEST_TIMESTAMP)
        return {each: at.offset for each, at in self._listed("end_offsets", wanted, timeout_ms).items()}

    def offsets_for_times(
        self, timestamps: Mapping[TopicPartition, int], timeout_ms: float | None = None
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """The first record of each partition whose timestamp is not earlier than the one given (ms since 1970); None
        where there is no such record.
        """
        wanted = arguments.numbers("timestamps", timestamps, 0)
        return {
            each: OffsetAndTimestamp(at.offset, at.timestamp, at.leader_epoch) if at.offset >= 0 else None
            for each, at in self._listed("offsets_for_times", wanted, timeout_ms).items()
        }

    @in_one_piece
    def _listed(
        self, name: str, wanted: dict[TopicPartition, int], timeout_ms: float | None
    ) -> dict[TopicPartition, Listed]:
        timeout_s = self._seconds(timeout_ms)
        self._begin_call()
        try:
            found = self._run(name, self._actor.offsets.listed, wanted, timeout_s=timeout_s)
            return {each: found[each] for each in wanted}
        finally:
            self._go_out()

    @in_one_piece
    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """The partitions of a topic; None if there is no such topic."""
        topic = text("topic", topic)
        self._begin_call()
        try:
            view = self._run(
                "partitions_for_topic", self._actor.metadata.refresh, [topic], timeout_s=self._seconds(None)
            )
        finally:
            self._go_out()
        known = view.topics.get(topic)
        return None if known is None or known.error_code else set(known.partitions)

    @in_one_piece
    def topics(self) -> set[str]:
        """All topics of the cluster that this consumer may see, without internal ones."""
        self._begin_call()
        try:
            view = self._run("topics", self._actor.metadata.refresh, None, timeout_s=self._seconds(None))
        finally:
            self._go_out()
        return {name for name, topic in view.topics.items() if not topic.error_code and not topic.internal}

    def _seconds(self, timeout_ms: float | None) -> float:
        limit_ms = self._config.default_api_timeout_ms if timeout_ms is None else milliseconds("timeout_ms", timeout_ms)
        return float(limit_ms) / 1000
