"""Finding out whether a new leader's log is the one that was read (KIP-320).

When leadership moves uncleanly, records that a consumer has read may be gone, and others stand at their offsets. The
new leader is asked where its log ends in the epoch of the record read last: if that is before where the consumer is,
the log was truncated, and the consumer goes back to where the logs part, or fails when ``auto_offset_reset`` is "none".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from actors.clients.consumer.subscription import FOREVER_US, NONE, PartitionState, Position
from actors.clients.conversation import SendTo
from actors.clients.errors import LogTruncated
from actors.clients.structs import TopicPartition
from actors.runtime.conversation import Eventually
from kstore.errors import KafkaError, for_code
from kstore.schema.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)

if TYPE_CHECKING:
    from actors.clients.consumer.actor import ConsumerActor

NOT_KNOWN = -1


def unsure(actor: ConsumerActor, states: Iterable[PartitionState]) -> dict[int, list[tuple[PartitionState, int]]]:
    """Of these, those whose leader is another one than they were sound for, with its epoch, by leader."""
    found: dict[int, list[tuple[PartitionState, int]]] = {}
    for state in states:
        known = actor.view.partition(*state.partition)
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


def validate_positions(actor: ConsumerActor, states: Iterable[PartitionState]) -> Eventually[None]:
    """Ask until the position of each of these is known to be sound, or was moved. Raises ``LogTruncated``."""
    attempt = 0
    while by_leader := unsure(actor, states):
        if attempt:
            yield actor.backoff(attempt - 1)
            yield from actor.metadata.refresh()
            by_leader = unsure(actor, states)
        attempt += 1
        versions = {state.partition: state.version for of_leader in by_leader.values() for state, _ in of_leader}
        answers = yield [SendTo(leader, request_for(of_leader)) for leader, of_leader in by_leader.items()]
        for answer, of_leader in zip(answers, by_leader.values(), strict=True):
            if isinstance(answer, KafkaError):
                if not answer.retriable:
                    raise answer
                continue
            ends = {TopicPartition(t.topic, each.partition): each for t in answer.topics for each in t.partitions}
            for state, epoch in of_leader:
                if state.version == versions[state.partition] and state.assigned:
                    judge(actor, state, epoch, ends.get(state.partition))


def request_for(of_leader: list[tuple[PartitionState, int]]) -> OffsetForLeaderEpochRequest:
    topics: dict[str, OffsetForLeaderTopic] = {}
    for state, epoch in of_leader:
        topic = topics.setdefault(
            state.partition.topic, OffsetForLeaderTopic(topic=state.partition.topic, partitions=[])
        )
        topic.partitions.append(
            OffsetForLeaderPartition(
                partition=state.partition.partition, current_leader_epoch=epoch, leader_epoch=state.fetch_epoch
            )
        )
    return OffsetForLeaderEpochRequest(replica_id=-1, topics=list(topics.values()))


def judge(actor: ConsumerActor, state: PartitionState, epoch: int, end: EpochEndOffset | None) -> None:
    """Draw the conclusion for one position; raises ``LogTruncated`` if the user must."""
    if end is None or end.error_code:
        if end is not None and not (error := for_code(end.error_code, str(state.partition))).retriable:
            raise error
        return
    if end.end_offset == NOT_KNOWN or end.leader_epoch == NOT_KNOWN:
        if not actor.offsets.reset(state):
            raise truncated(state, None)
        actor.offsets.see_to_positions()
    elif end.end_offset < state.fetch_offset:
        assert state.position is not None
        if end.end_offset < state.position.offset and actor.config.auto_offset_reset == NONE:
            raise truncated(state, end.end_offset)
        state.put(Position(min(end.end_offset, state.position.offset), end.leader_epoch))
        state.checked_epoch = epoch
    else:
        state.checked_epoch = epoch


def truncated(state: PartitionState, end_offset: int | None) -> LogTruncated:
    """What to tell the user, who has to seek."""
    state.hush(FOREVER_US)  # until a seek
    state.checked_epoch, state.fetch_epoch = -1, -1
    where = "at an offset nobody knows" if end_offset is None else f"at offset {end_offset}"
    return LogTruncated(f"the log of {state.partition} was truncated {where}, before what was read of it: seek()")
