"""OffsetCommit, OffsetFetch and OffsetDelete of a group, and the end of offsets that nobody wants any more.

Offsets expire when their group has been without members, or a client without a group has been silent, for the
retention time. While a consumer group is stable, topics that its members no longer read expire too, counted from the
last commit.
"""

from actors.coordinator.effects import LogEntry
from actors.coordinator.shard import Caller
from actors.groups.effects import AnswerOnce, Effects
from actors.groups.group import CONSUMER_PROTOCOL_TYPE, ClassicGroup, GroupState
from actors.groups.offsets import OffsetKey, OffsetStore
from actors.groups.rebalance import Rebalance
from actors.groups.records import CommittedOffset, offset_entry
from actors.groups.settings import GroupSettings
from actors.groups.storage_errors import as_group_error
from actors.groups.subscriptions import subscribed_topics
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)
from kstore.schema.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)
from kstore.schema.messages.offset_fetch import (
    OffsetFetchRequestGroup,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopics,
)
from kstore.schema.uuids import ZERO

NO_OFFSET = -1

FOREVER_MS = 2**63 - 1
"""The last time that a record can name: an offset whose client wants it kept for longer is kept until then."""


def check_commit(group: ClassicGroup, request: OffsetCommitRequest) -> None:
    """Raise the KafkaError for which a commit is refused.

    A generation below 0 comes from an administrator, or a consumer that assigns its partitions itself: good while the
    group has no members. Others must be members, of the present generation, with their share in hand.
    """
    generation_id = request.generation_id_or_member_epoch
    if group.state is GroupState.DEAD:
        raise errors.CoordinatorNotAvailable()
    if generation_id < 0 and group.state is GroupState.EMPTY:
        return
    if generation_id < 0 and not request.member_id and request.group_instance_id is None:
        raise errors.UnknownMemberId()
    group.check_member(request.member_id, request.group_instance_id)
    if generation_id != group.generation_id:
        raise errors.IllegalGeneration()
    if group.state is GroupState.COMPLETING_REBALANCE:
        raise errors.RebalanceInProgress()


def check_offset_delete(group: ClassicGroup | None) -> ClassicGroup:
    """The group, if its offsets may be deleted; raises the KafkaError for which they may not.

    A group of consumers may have members, as long as they don't read the topics in question; others must be empty.
    """
    if group is None or group.state is GroupState.DEAD:
        raise errors.GroupIdNotFound()
    if group.state is not GroupState.EMPTY and group.protocol_type != CONSUMER_PROTOCOL_TYPE:
        raise errors.NonEmptyGroup()
    return group


def commit_refused(request: OffsetCommitRequest, code: int) -> OffsetCommitResponse:
    return OffsetCommitResponse(
        topics=[
            OffsetCommitResponseTopic(
                name=topic.name,
                topic_id=topic.topic_id,
                partitions=[
                    OffsetCommitResponsePartition(partition_index=each.partition_index, error_code=code)
                    for each in topic.partitions
                ],
            )
            for topic in request.topics
        ]
    )


class Committing:
    def __init__(self, rebalance: Rebalance, effects: Effects, settings: GroupSettings, store: OffsetStore) -> None:
        self._rebalance = rebalance
        self._effects = effects
        self._settings = settings
        self.store = store

    # OffsetCommit

    def commit(self, group: ClassicGroup, request: OffsetCommitRequest, caller: Caller) -> None:
        """The caller has checked the request with ``check_commit``; topics have their names and ids."""
        if group.state in (GroupState.STABLE, GroupState.PREPARING_REBALANCE):
            self._rebalance.extend_session(group, group.members[request.member_id])
        response = commit_refused(request, errors.NONE)
        accepted: list[tuple[OffsetKey, CommittedOffset]] = []
        for topic, answer in zip(request.topics, response.topics, strict=True):
            for partition, verdict in zip(topic.partitions, answer.partitions, strict=True):
                if len(partition.committed_metadata or "") > self._settings.offset_metadata_max_bytes:
                    verdict.error_code = errors.OffsetMetadataTooLarge.code
                    continue
                key = OffsetKey(group.group_id, topic.name, partition.partition_index)
                accepted.append((key, self._as_committed(request, topic.topic_id, partition)))
        if accepted:
            self._store(group, request, response, accepted, caller)
        else:
            self._effects.respond(caller.reply, response)

    def _as_committed(
        self, request: OffsetCommitRequest, topic_id: bytes, partition: OffsetCommitRequestPartition
    ) -> CommittedOffset:
        now_ms = self._effects.now_ms
        return CommittedOffset(
            partition.committed_offset,
            partition.committed_leader_epoch,
            partition.committed_metadata or "",
            now_ms,
            -1 if request.retention_time_ms < 0 else min(now_ms + request.retention_time_ms, FOREVER_MS),
            topic_id,
        )

    def _store(
        self,
        group: ClassicGroup,
        request: OffsetCommitRequest,
        response: OffsetCommitResponse,
        accepted: list[tuple[OffsetKey, CommittedOffset]],
        caller: Caller,
    ) -> None:
        for key, _ in accepted:
            self.store.begin(key)
        answer = AnswerOnce(self._effects, caller.reply)

        def stored(error: KafkaError | None) -> None:
            for key, committed in accepted:
                self.store.end(key)
                if error is None:
                    self.store.apply(key, committed)
                    self._effects.note_committed(key.group_id, key.topic, key.partition, committed.offset)
            if error is None:
                group.is_committed = True
                answer.give(response)
            else:
                answer.give(commit_refused(request, as_group_error(error).code))

        entries = [offset_entry(key.group_id, key.topic, key.partition, committed) for key, committed in accepted]
        persisting = self._effects.persist(entries)
        persisting.then(stored)
        persisting.if_overdue(lambda error: answer.give(commit_refused(request, as_group_error(error).code)))

    # OffsetFetch

    def fetch(self, request: OffsetFetchRequestGroup) -> OffsetFetchResponseGroup:
        """What is committed for the partitions asked for, or for all there are when none are named."""
        if request.topics is None:
            topics = [
                (topic, ZERO, list(partitions)) for topic, partitions in self.store.of_group(request.group_id).items()
            ]
        else:
            topics = [(topic.name, topic.topic_id, topic.partition_indexes) for topic in request.topics]
        return OffsetFetchResponseGroup(
            group_id=request.group_id,
            topics=[
                OffsetFetchResponseTopics(
                    name=name,
                    topic_id=topic_id,
                    partitions=[
                        self._fetched(OffsetKey(request.group_id, name, each), topic_id) for each in partitions
                    ],
                )
                for name, topic_id, partitions in topics
            ],
        )

    def _fetched(self, key: OffsetKey, topic_id: bytes) -> OffsetFetchResponsePartitions:
        committed = self.store.get(key)
        if committed is None or _is_of_another_topic(committed, topic_id):
            return OffsetFetchResponsePartitions(
                partition_index=key.partition, committed_offset=NO_OFFSET, committed_leader_epoch=-1, metadata=""
            )
        return OffsetFetchResponsePartitions(
            partition_index=key.partition,
            committed_offset=committed.offset,
            committed_leader_epoch=committed.leader_epoch,
            metadata=committed.metadata,
        )

    # OffsetDelete

    def delete(self, group: ClassicGroup, request: OffsetDeleteRequest, caller: Caller) -> None:
        """Delete what the caller asks for but of topics that are read; the group was checked."""
        read = subscribed_topics(group)
        response = OffsetDeleteResponse()
        keys: list[OffsetKey] = []
        for topic in request.topics:
            is_read = group.protocol_type == CONSUMER_PROTOCOL_TYPE if read is None else topic.name in read
            code = errors.GroupSubscribedToTopic.code if is_read else errors.NONE
            wanted = [OffsetKey(group.group_id, topic.name, each.partition_index) for each in topic.partitions]
            keys += [] if is_read else [key for key in wanted if self._is_known(key)]
            answers = [
                OffsetDeleteResponsePartition(partition_index=each.partition_index, error_code=code)
                for each in topic.partitions
            ]
            response.topics.append(OffsetDeleteResponseTopic(name=topic.name, partitions=answers))
        if keys:
            self._delete(list(dict.fromkeys(keys)), response, caller)
        else:
            self._effects.respond(caller.reply, response)

    def _is_known(self, key: OffsetKey) -> bool:
        return self.store.get(key) is not None or self.store.is_under_way(key)

    def _delete(self, keys: list[OffsetKey], response: OffsetDeleteResponse, caller: Caller) -> None:
        answer = AnswerOnce(self._effects, caller.reply)

        def refuse(error: KafkaError) -> None:
            answer.give(OffsetDeleteResponse(error_code=as_group_error(error).code))

        def stored(error: KafkaError | None) -> None:
            if error is None:
                self.bury(keys)
                answer.give(response)
            else:
                refuse(error)

        persisting = self._effects.persist(self.tombstones(keys))
        persisting.then(stored)
        persisting.if_overdue(refuse)

    # Expiry

    def expired(self, group: ClassicGroup) -> list[OffsetKey]:
        """What has outlived its time; what is being committed again is left alone."""
        kept_topics = subscribed_topics(group)
        if group.protocol_type == CONSUMER_PROTOCOL_TYPE:
            if kept_topics is None or group.state not in (GroupState.EMPTY, GroupState.STABLE):
                return []
        elif group.state is not GroupState.EMPTY:
            return []
        return [
            key
            for key in self.store.keys_of(group.group_id)
            if not self.store.is_under_way(key)
            and (kept_topics is None or key.topic not in kept_topics)
            and self._is_expired(group, key)
        ]

    def _is_expired(self, group: ClassicGroup, key: OffsetKey) -> bool:
        committed = self.store.get(key)
        assert committed is not None
        if committed.expires_at_ms >= 0:
            return self._effects.now_ms >= committed.expires_at_ms
        counts_from_ms = committed.committed_at_ms
        if group.protocol_type is not None and group.state is GroupState.EMPTY and group.state_since_ms is not None:
            counts_from_ms = group.state_since_ms
        return self._effects.now_ms - counts_from_ms >= self._settings.offsets_retention_ms

    def tombstones(self, keys: list[OffsetKey]) -> list[LogEntry]:
        return [offset_entry(key.group_id, key.topic, key.partition, None) for key in keys]

    def bury(self, keys: list[OffsetKey]) -> None:
        """The tombstones of these are committed."""
        for key in keys:
            self.store.apply(key, None)


def _is_of_another_topic(committed: CommittedOffset, topic_id: bytes) -> bool:
    """Whether the offset belongs to an earlier topic of the same name."""
    return ZERO not in (committed.topic_id, topic_id) and committed.topic_id != topic_id
