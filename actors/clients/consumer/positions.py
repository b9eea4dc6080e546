"""Where a consumer begins in each partition, and whether the log still has the records that it has read.

A position comes from what the group has committed, or else from ``auto_offset_reset``.

When leadership moves uncleanly, records that a consumer has read may be gone, and others stand at their offsets
(KIP-320). The new leader is asked where its log ends in the epoch of the record read last. If that is before the
consumer's position, the log was truncated: the consumer goes back to where the logs differ, or fails when
``auto_offset_reset`` is "none".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.clients.consumer.offsets import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP
from actors.clients.consumer.subscription import EARLIEST, FOREVER_US, NONE, PartitionState, Position
from actors.clients.coroutine import SendTo
from actors.clients.errors import LogTruncated, NoOffsetForPartition
from actors.clients.structs import TopicPartition
from kstore.errors import KafkaError, for_code

if TYPE_CHECKING:
    from actors.clients.actor import ClientActor
    from actors.clients.consumer.offsets import OffsetLookups
    from actors.clients.consumer.subscription import Subscription
    from actors.clients.structs import OffsetAndMetadata
    from actors.runtime.coroutine import Eventually
    from kstore.schema.messages.offset_for_leader_epoch import EpochEndOffset, OffsetForLeaderEpochRequest

NOT_KNOWN = -1


class Positions:
    """The positions of one consumer. ``strategy`` is its ``auto_offset_reset``; ``changed()`` is called when positions
    were found, moved or validated.

    ``wait_for_poll``: where to begin may fail, so not before the user polls, who may seek first. ``in_listener``: the
    user's listener is being told of new partitions, and may seek.
    """

    def __init__(
        self,
        actor: ClientActor,
        subscription: Subscription,
        offsets: OffsetLookups,
        strategy: str,
        changed: Callable[[], None],
    ) -> None:
        self.actor = actor
        self.subscription = subscription
        self.offsets = offsets
        self.strategy = strategy
        self.wait_for_poll = False
        self.in_listener = False
        self._changed = changed
        self._searching = False
        self._unsure: dict[PartitionState, None] = {}  # whose leader has yet to say whether its log is what was read
        self._validating = False
        self._without_end: dict[PartitionState, None] = {}  # whose leader is being asked where they end

    def update(self, *, asked: bool = False) -> None:
        """Find out where to begin, where nobody knows yet; unless that is under way, or a listener is being told of new
        partitions and hasn't ``asked`` where they begin.
        """
        if self._searching or self.wait_for_poll or (self.in_listener and not asked):
            return
        if not self.subscription.without_position() and not self.subscription.to_reset():
            return
        self._searching = True
        self.actor.begin(self._find(), self._found)

    def _found(self, _: object, error: KafkaError | None) -> None:
        self._searching = False
        if error is not None:
            self.wait_for_poll = True  # again, and the error again, at the poll() after the one that raises it
            self.actor.fail(error)
        else:
            self._changed()

    def _find(self) -> Eventually[None]:
        actor, subscription = self.actor, self.subscription
        attempt = 0
        while True:
            missing = subscription.without_position()
            if missing:
                yield from self._take_committed(missing)
            waiting = subscription.to_reset()
            if waiting:
                if attempt:
                    yield actor.backoff(attempt - 1)
                    yield from actor.metadata.refresh([state.partition.topic for state in waiting])
                yield from self._take_ends(waiting)
                self._changed()
                attempt += 1
            elif not subscription.without_position():
                return

    def _take_committed(self, missing: list[PartitionState]) -> Eventually[None]:
        before = {state.partition: state.version for state in missing}
        found: dict[TopicPartition, OffsetAndMetadata | None] = {}
        if self.offsets.group:
            found = yield from self.offsets.committed(list(before))
        lacking = []
        for state in missing:
            if state.version != before[state.partition] or not state.needs_position:
                continue  # the user has said it meanwhile, or it is gone
            at = found.get(state.partition)
            if at is not None:
                state.put(Position(at.offset, at.leader_epoch))
            elif not self.reset(state):
                lacking.append(state.partition)
        if lacking:
            names = ", ".join(map(str, lacking))
            raise NoOffsetForPartition(
                f'nothing was committed for {names}, and auto_offset_reset is "none": seek() to where to begin'
            )

    def reset(self, state: PartitionState) -> bool:
        """Have a partition begin where ``auto_offset_reset`` says; whether it says so."""
        if self.strategy == NONE:
            return False
        state.ask_reset(self.strategy)
        return True

    def _take_ends(self, waiting: list[PartitionState]) -> Eventually[None]:
        before = {state.partition: (state.version, state.reset) for state in waiting}
        wanted = {
            state.partition: EARLIEST_TIMESTAMP if state.reset == EARLIEST else LATEST_TIMESTAMP for state in waiting
        }
        found = yield from self.offsets.list_once(wanted)
        for state in waiting:
            at = found.get(state.partition)
            if at is None or (state.version, state.reset) != before[state.partition]:
                continue
            state.put(Position(at.offset, at.leader_epoch))
            known = self.actor.view.partition(*state.partition)
            state.checked_epoch = -1 if known is None else known.leader_epoch

    def lag(self, state: PartitionState) -> int | None:
        """How far a position is from where its partition ends for this consumer; None when one of the two isn't known.
        The end is asked for then, so that it is known later; if that fails, the next look asks again.
        """
        if state.end_offset < 0:
            if state not in self._without_end:
                self._without_end[state] = None
                self.actor.begin(self._find_end(state), lambda *_: self._without_end.pop(state))
            return None
        return None if state.position is None else state.end_offset - state.position.offset

    def _find_end(self, state: PartitionState) -> Eventually[None]:
        found = yield from self.offsets.list_once({state.partition: LATEST_TIMESTAMP})
        if state.partition in found and state.end_offset < 0:
            state.end_offset = found[state.partition].offset

    def validate(self, state: PartitionState) -> None:
        """Have a leader that is new say whether its log is what was read."""
        self._unsure[state] = None
        if not self._validating:
            self._validating = True
            self.actor.begin(self._validate(), self._validated)

    def _validated(self, _: object, error: KafkaError | None) -> None:
        self._validating = False
        while self._unsure:
            self._unsure.popitem()[0].touch()
        if error is not None:
            self.actor.fail(error)
        self._changed()

    def _unsure_by_leader(self) -> dict[int, list[tuple[PartitionState, int]]]:
        """Those whose leader is another one than they were sound for, with its epoch."""
        found: dict[int, list[tuple[PartitionState, int]]] = {}
        for state in self._unsure:
            known = self.actor.view.partition(*state.partition)
            if (
                state.assigned
                and state.position is not None
                and state.fetch_epoch >= 0
                and known is not None
                and known.leader >= 0
                and state.checked_epoch != known.leader_epoch
            ):
                found.setdefault(known.leader, []).append((state, known.leader_epoch))
        return found

    def _validate(self) -> Eventually[None]:
        """Ask until the position of each of these is known to be sound, or was moved. Raises ``LogTruncated``."""
        actor = self.actor
        attempt = 0
        while by_leader := self._unsure_by_leader():
            if attempt:
                yield actor.backoff(attempt - 1)
                yield from actor.metadata.refresh()
                by_leader = self._unsure_by_leader()
            attempt += 1
            versions = {state.partition: state.version for of_leader in by_leader.values() for state, _ in of_leader}
            answers = yield [SendTo(leader, ends_request(of_leader)) for leader, of_leader in by_leader.items()]
            for answer, of_leader in zip(answers, by_leader.values(), strict=True):
                if isinstance(answer, KafkaError):
                    if not answer.retriable:
                        raise answer
                    continue
                ends = {TopicPartition(t.topic, each.partition): each for t in answer.topics for each in t.partitions}
                for state, epoch in of_leader:
                    if state.version == versions[state.partition] and state.assigned:
                        self._judge(state, epoch, ends.get(state.partition))

    def _judge(self, state: PartitionState, epoch: int, end: EpochEndOffset | None) -> None:
        """Draw the conclusion for one position; raises ``LogTruncated`` if the user must."""
        if end is None or end.error_code:
            if end is not None and not (error := for_code(end.error_code, str(state.partition))).retriable:
                raise error
            return
        if end.end_offset == NOT_KNOWN or end.leader_epoch == NOT_KNOWN:
            if not self.reset(state):
                raise truncated(state, None)
            self.update()
        elif end.end_offset < state.fetch_offset:
            assert state.position is not None
            if end.end_offset < state.position.offset and self.strategy == NONE:
                raise truncated(state, end.end_offset)
            state.put(Position(min(end.end_offset, state.position.offset), end.leader_epoch))
            state.checked_epoch = epoch
        else:
            state.checked_epoch = epoch


def ends_request(of_leader: list[tuple[PartitionState, int]]) -> OffsetForLeaderEpochRequest:
    from kstore.schema.messages.offset_for_leader_epoch import (
        OffsetForLeaderEpochRequest,
        OffsetForLeaderPartition,
        OffsetForLeaderTopic,
    )

    topics: dict[str, OffsetForLeaderTopic] = {}
    for state, epoch in of_leader:
        name, number = state.partition
        topic = topics.setdefault(name, OffsetForLeaderTopic(topic=name, partitions=[]))
        topic.partitions.append(
            OffsetForLeaderPartition(partition=number, current_leader_epoch=epoch, leader_epoch=state.fetch_epoch)
        )
    return OffsetForLeaderEpochRequest(replica_id=-1, topics=list(topics.values()))


def truncated(state: PartitionState, end_offset: int | None) -> LogTruncated:
    """What to tell the user, who has to seek."""
    state.back_off(FOREVER_US)  # until a seek
    state.checked_epoch, state.fetch_epoch = -1, -1
    where = "at an offset nobody knows" if end_offset is None else f"at offset {end_offset}"
    return LogTruncated(f"the log of {state.partition} was truncated {where}, before what was read of it: seek()")
