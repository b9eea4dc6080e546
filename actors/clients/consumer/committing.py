"""Committing offsets, in a group or alone: once, until it is done, and automatically at an interval.

What each error means is the Java client's ``ConsumerCoordinator.OffsetCommitResponseHandler``'s: a member that the
group has moved on without gets ``CommitFailed`` and joins anew; one that is in the middle of a rebalance gets
``RebalanceInProgress`` and may try again after its next ``poll()``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from actors.clients.consumer.offsets import COORDINATOR_ELSEWHERE
from actors.clients.coroutine import COORDINATOR, SendTo
from actors.clients.errors import CommitFailed
from actors.clients.structs import OffsetAndMetadata, TopicPartition
from actors.clients.versions import OFFSET_COMMIT_BY_ID
from actors.clients.view import NO_ID
from actors.runtime.coroutine import Eventually
from kstore.errors import (
    FencedInstanceId,
    IllegalGeneration,
    KafkaError,
    RebalanceInProgress,
    StaleMemberEpoch,
    UnknownMemberId,
    UnknownTopicId,
    UnknownTopicOrPartition,
    for_code,
)
from kstore.schema.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)

if TYPE_CHECKING:
    from actors.clients.actor import ClientActor
    from actors.clients.consumer.protocols import GroupMember
    from actors.clients.keywords.table import ConsumerConfig

Offsets = Mapping[TopicPartition, OffsetAndMetadata]

NO_TOPIC = UnknownTopicOrPartition, UnknownTopicId

UNDERGOING = (
    "Offset commit cannot be completed since the consumer is undergoing a rebalance for auto partition assignment. "
    "You can try completing the rebalance by calling poll() and then retry the operation."
)
NO_MEMBER = (
    "Offset commit cannot be completed since the consumer is not part of an active group for auto partition "
    "assignment; it is likely that the consumer was kicked out of the group."
)
STALE = (
    "Offset commit cannot be completed since the consumer member's generation is already stale, meaning it has already "
    "participated another rebalance and got a new generation. You can try completing the rebalance by calling poll() "
    "and then retry commit again"
)
EXECUTING = (
    "Offset commit cannot be completed since the consumer group is executing a rebalance at the moment. You can try "
    "completing the rebalance by calling poll() and then retry commit again"
)
MOVED_ON = (
    "Offset commit cannot be completed since the group has already rebalanced and assigned the partitions to another "
    "member: the time between two calls of poll() was longer than max_poll_interval_ms, or the session expired"
)


class Committing:
    """The commits of one consumer."""

    def __init__(self, actor: ClientActor, config: ConsumerConfig, member: GroupMember) -> None:
        self.actor = actor
        self.config = config
        self.member = member
        self.membership = member.membership
        self.next_us = 0  # when to commit by itself
        self.commits = 0

    def consumed(self) -> dict[TopicPartition, OffsetAndMetadata]:
        """What there is to commit: where the user is."""
        return {
            partition: OffsetAndMetadata(at.offset, "", at.leader_epoch)
            for partition, at in self.membership.subscription.consumed().items()
        }

    def restart_interval(self) -> None:
        """An interval begins."""
        self.next_us = self.actor.now_us() + self.config.auto_commit_interval_ms * 1000

    def commit_what_was_consumed(self) -> None:
        """Commit without waiting. What fails for now is tried again soon; what fails for good is dropped."""
        self.restart_interval()
        membership = self.membership
        offsets = self.consumed()
        if offsets and (membership.is_stable or not membership.shares):
            self.actor.begin(self.once(offsets), self._committed_by_itself)

    def _committed_by_itself(self, _: object, error: KafkaError | None) -> None:
        if error is not None and error.retriable:
            self.next_us = min(self.next_us, self.actor.now_us() + self.config.retry_backoff_ms * 1000)

    def begin_before_rebalance(self) -> bool:
        """Begin to commit what was consumed, before a rebalance; whether there is something to wait for."""
        if not self.config.enable_auto_commit or not self.membership.has_generation:
            return False
        self.membership.commit_begins()
        deadline_us = self.actor.now_us() + self.config.max_poll_interval_ms * 1000
        self.actor.begin(self._before_rebalance(deadline_us), self._committed_first)
        return True

    def _committed_first(self, _: object, error: KafkaError | None) -> None:
        self.membership.commit_ended()
        if error is not None:  # no coordinator, say: joining meets the same and tells
            self.actor.forget_coordinator(self.membership.group)

    def _before_rebalance(self, deadline_us: int) -> Eventually[None]:
        """Commit what was consumed, trying again until a deadline; a failure must not stop the rebalance."""
        offsets = self.consumed()
        attempt = 0
        while offsets and self.actor.now_us() < deadline_us:
            try:
                yield from self.once(offsets)
                return
            except KafkaError as error:
                if isinstance(error, NO_TOPIC):
                    return  # the topic was deleted; those of others were taken
                if not error.retriable and not isinstance(error, StaleMemberEpoch):
                    return  # in a newer epoch, that of the last heartbeat, it is taken
            yield self.actor.backoff(attempt)
            attempt += 1

    def until_done(self, offsets: Offsets | None) -> Eventually[None]:
        """Commit these, or where the user is; again while errors are transient."""
        offsets = self.consumed() if offsets is None else offsets
        attempt = 0
        while offsets:
            try:
                yield from self.once(offsets)
                return
            except StaleMemberEpoch as error:
                raise CommitFailed(f"OffsetCommit failed with stale member epoch. {error.message}") from error
            except KafkaError as error:
                if not error.retriable or isinstance(error, RebalanceInProgress):
                    raise
            yield self.actor.backoff(attempt)
            attempt += 1

    def once(self, offsets: Offsets) -> Eventually[None]:
        """Commit with one request. Raises what came of it."""
        actor = self.actor
        membership = self.membership
        node = yield from actor.coordinator(membership.group)
        member_id, generation = "", -1
        if membership.shares:
            if not membership.is_stable:
                if membership.is_rebalancing:
                    raise RebalanceInProgress(UNDERGOING)
                raise CommitFailed(NO_MEMBER)
            member_id, generation = membership.member_id, membership.generation
        for partition, at in offsets.items():
            actor.note("CommitSent", str(partition), at.offset)
        ids = actor.view.ids_of(dict.fromkeys(each.topic for each in offsets))
        request = self._request(offsets, ids, member_id, generation)
        versions = OFFSET_COMMIT_BY_ID if ids else None
        answer = yield SendTo(node, request, purpose=COORDINATOR, versions=versions)
        error = answer if isinstance(answer, KafkaError) else first_error(answer, ids)
        if error is not None:
            raise self._meaning_of(error, generation)
        self.commits += 1

    def _request(
        self, offsets: Offsets, ids: Mapping[str, bytes], member_id: str, generation: int
    ) -> OffsetCommitRequest:
        topics: dict[str, OffsetCommitRequestTopic] = {}
        for (name, number), at in offsets.items():
            topic_id = ids.get(name, NO_ID)
            topic = topics.setdefault(name, OffsetCommitRequestTopic(name=name, topic_id=topic_id, partitions=[]))
            topic.partitions.append(
                OffsetCommitRequestPartition(
                    partition_index=number,
                    committed_offset=at.offset,
                    committed_leader_epoch=at.leader_epoch,
                    committed_metadata=at.metadata,
                )
            )
        return OffsetCommitRequest(
            group_id=self.membership.group,
            generation_id_or_member_epoch=generation,
            member_id=member_id,
            group_instance_id=self.membership.instance if generation >= 0 else None,
            topics=list(topics.values()),
        )

    def _meaning_of(self, error: KafkaError, sent_generation: int) -> KafkaError:
        """What to tell the user, after the member has handled the error."""
        membership = self.membership
        if error.code in COORDINATOR_ELSEWHERE:
            self.actor.forget_coordinator(membership.group)
        is_current = sent_generation == membership.generation
        if isinstance(error, FencedInstanceId):
            if is_current:
                return error
            return RebalanceInProgress(STALE) if membership.is_rebalancing else CommitFailed(MOVED_ON)
        if isinstance(error, RebalanceInProgress):
            self.member.ask_rejoin("offset commit failed since group is already rebalancing")
            return RebalanceInProgress(EXECUTING)
        if isinstance(error, (UnknownMemberId, IllegalGeneration)):
            if not is_current and membership.is_rebalancing:
                return RebalanceInProgress(STALE)
            if is_current and sent_generation >= 0:
                self.member.lost("OFFSET_COMMIT", error)
            return CommitFailed(MOVED_ON)
        if isinstance(error, NO_TOPIC):
            self.actor.mistrust_view()
        return error


def first_error(answer: OffsetCommitResponse, ids: Mapping[str, bytes]) -> KafkaError | None:
    """The first partition's error in an answer to OffsetCommit, which has names or ``ids``."""
    for topic in answer.topics:
        for each in topic.partitions:
            if each.error_code:
                name = topic.name or next((name for name, found in ids.items() if found == bytes(topic.topic_id)), "")
                return for_code(each.error_code, f"{name}-{each.partition_index}")
    return None
